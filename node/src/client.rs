//! Roots of tables.

use napi::bindgen_prelude::{Env, PromiseRaw, Uint8Array};
use napi_derive::napi;
use spiral_bindings::{self as facade, Asof, ClientOptions, KeyColumn, ScanOptions};

use crate::errors::thrown;
use crate::handle::{Cancel, Held};
use crate::plan::Plan;
use crate::table::{Snapshot, Table};

/// Opens a root. `options` is JSON.
#[napi]
pub(crate) fn connect(url: String, options: String) -> napi::Result<Client> {
    let client = ClientOptions::from_json(&options).and_then(|options| facade::Client::connect(&url, &options));
    Ok(Client { held: Held::new(client.map_err(thrown)?) })
}

#[napi]
pub struct Client {
    pub(crate) held: Held<facade::Client>,
}

#[napi]
impl Client {
    #[napi(getter)]
    pub fn url(&self) -> napi::Result<String> {
        Ok(self.held.get()?.url().to_owned())
    }

    /// `keys` are columns as JSON.
    #[napi]
    pub fn create_table<'env>(
        &self,
        env: &'env Env,
        name: String,
        keys: String,
        exist_ok: bool,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Table>> {
        let keys = KeyColumn::list_from_json(&keys).map_err(thrown)?;
        cancel.promise(env, self.held.get()?.create_table(&name, &keys, exist_ok).map_ok(Table::new))
    }

    #[napi]
    pub fn table<'env>(&self, env: &'env Env, name: String, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Table>> {
        cancel.promise(env, self.held.get()?.table(&name).map_ok(Table::new))
    }

    #[napi]
    pub fn table_at_root<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Table>> {
        cancel.promise(env, self.held.get()?.table_at_root().map_ok(Table::new))
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    #[napi]
    pub fn scan<'env>(
        &self,
        env: &'env Env,
        tables: &ScanTables,
        options: String,
        begin: Option<Uint8Array>,
        end: Option<Uint8Array>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Plan>> {
        let options = ScanOptions::packed(&options, begin.as_deref(), end.as_deref()).map_err(thrown)?;
        cancel.promise(env, self.held.get()?.scan(tables.list.clone(), options, tables.asof).map_ok(Plan::new))
    }

    #[napi]
    pub fn tables<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Vec<String>>> {
        cancel.promise(env, self.held.get()?.tables())
    }

    #[napi]
    pub fn rename_table<'env>(
        &self,
        env: &'env Env,
        name: String,
        new_name: String,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.rename_table(&name, &new_name))
    }

    #[napi]
    pub fn drop_table<'env>(
        &self,
        env: &'env Env,
        name: String,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.drop_table(&name))
    }
}

/// The tables of a scan under construction.
#[napi]
pub struct ScanTables {
    list: Vec<facade::ScanTable>,
    asof: Option<facade::Asof>,
}

#[napi]
impl ScanTables {
    #[napi(constructor)]
    pub fn new(version: Option<String>) -> napi::Result<Self> {
        Ok(Self { list: Vec::new(), asof: Asof::maybe(version.as_deref()).map_err(thrown)? })
    }

    #[napi]
    pub fn table(&mut self, name: String, table: &Table) -> napi::Result<()> {
        self.list.push(facade::ScanTable::new(name, &table.held.get()?));
        Ok(())
    }

    #[napi]
    pub fn snapshot(&mut self, name: String, snapshot: &Snapshot) -> napi::Result<()> {
        self.list.push(facade::ScanTable::at(name, &snapshot.held.get()?));
        Ok(())
    }
}
