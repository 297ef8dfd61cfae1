//! Tables, their versions and transactions.

use napi::bindgen_prelude::{Env, PromiseRaw, Uint8Array};
use napi_derive::napi;
use spiral_bindings::{self as facade, Asof, KeyColumn, ScanOptions, WriteOptions, to_json, unpack_keys};

use crate::errors::thrown;
use crate::handle::{Cancel, Held};
use crate::plan::Plan;
use crate::source::Source;

#[napi]
pub struct Table {
    pub(crate) held: Held<facade::Table>,
}

impl Table {
    pub(crate) fn new(table: facade::Table) -> Self {
        Self { held: Held::new(table) }
    }
}

#[napi]
impl Table {
    #[napi(getter)]
    pub fn name(&self) -> napi::Result<String> {
        Ok(self.held.get()?.name().to_owned())
    }

    #[napi(getter)]
    pub fn id(&self) -> napi::Result<String> {
        Ok(self.held.get()?.id().to_owned())
    }

    /// As JSON.
    #[napi]
    pub fn key_columns(&self) -> napi::Result<String> {
        Ok(to_json(&self.held.get()?.key_columns()))
    }

    #[napi]
    pub fn snapshot<'env>(
        &self,
        env: &'env Env,
        version: Option<String>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Snapshot>> {
        let opening = self.held.get()?.snapshot(Asof::maybe(version.as_deref()).map_err(thrown)?);
        cancel.promise(env, async move { opening.await.map(|snapshot| Snapshot { held: Held::new(snapshot) }) })
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    #[napi]
    pub fn scan<'env>(
        &self,
        env: &'env Env,
        options: String,
        begin: Option<Uint8Array>,
        end: Option<Uint8Array>,
        version: Option<String>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Plan>> {
        let table = self.held.get()?;
        let planning = table.scan(
            ScanOptions::packed(&options, begin.as_deref(), end.as_deref()).map_err(thrown)?,
            Asof::maybe(version.as_deref()).map_err(thrown)?,
        );
        cancel.promise(env, async move { planning.await.map(Plan::new) })
    }

    /// `types` are columns as JSON.
    #[napi]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        source: &Source,
        types: String,
        push_down_nulls: bool,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, String>> {
        let (pieces, types) = (source.0.pieces().map_err(thrown)?, KeyColumn::list_from_json(&types).map_err(thrown)?);
        let options = WriteOptions { push_down_nulls };
        cancel.promise(env, self.held.get()?.write_pieces(pieces, types, options).json())
    }

    /// `keys` are packed.
    #[napi]
    pub fn delete<'env>(&self, env: &'env Env, keys: &[u8], cancel: &Cancel) -> napi::Result<PromiseRaw<'env, String>> {
        cancel.promise(env, self.held.get()?.delete_keys(&unpack_keys(keys).map_err(thrown)?).json())
    }

    #[napi]
    pub fn delete_where<'env>(
        &self,
        env: &'env Env,
        filter: String,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, String>> {
        cancel.promise(env, self.held.get()?.delete_where(&filter).json())
    }

    #[napi]
    pub fn history<'env>(&self, env: &'env Env, limit: u32, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, String>> {
        cancel.promise(env, self.held.get()?.history(usize::try_from(limit).unwrap_or(usize::MAX)).json())
    }

    #[napi]
    pub fn transaction(&self) -> napi::Result<Transaction> {
        Ok(Transaction { held: Held::new(self.held.get()?.transaction()) })
    }
}

#[napi]
pub struct Snapshot {
    pub(crate) held: Held<facade::Snapshot>,
}

#[napi]
impl Snapshot {
    #[napi(getter)]
    pub fn version(&self) -> napi::Result<String> {
        Ok(self.held.get()?.version().to_string())
    }

    #[napi(getter)]
    pub fn timestamp(&self) -> napi::Result<String> {
        Ok(self.held.get()?.timestamp().to_string())
    }

    #[napi]
    pub fn columns<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, String>> {
        cancel.promise(env, self.held.get()?.columns().json())
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    #[napi]
    pub fn scan<'env>(
        &self,
        env: &'env Env,
        options: String,
        begin: Option<Uint8Array>,
        end: Option<Uint8Array>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Plan>> {
        let planning =
            self.held.get()?.scan(ScanOptions::packed(&options, begin.as_deref(), end.as_deref()).map_err(thrown)?);
        cancel.promise(env, async move { planning.await.map(Plan::new) })
    }
}

#[napi]
pub struct Transaction {
    pub(crate) held: Held<facade::Transaction>,
}

#[napi]
impl Transaction {
    #[napi(getter)]
    pub fn id(&self) -> napi::Result<String> {
        Ok(self.held.get()?.id().to_owned())
    }

    /// `types` are columns as JSON.
    #[napi]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        source: &Source,
        types: String,
        push_down_nulls: bool,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        let (pieces, types) = (source.0.pieces().map_err(thrown)?, KeyColumn::list_from_json(&types).map_err(thrown)?);
        cancel.promise(env, self.held.get()?.write_pieces(pieces, types, WriteOptions { push_down_nulls }))
    }

    /// `keys` are packed.
    #[napi]
    pub fn delete<'env>(&self, env: &'env Env, keys: &[u8], cancel: &Cancel) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.delete_keys(&unpack_keys(keys).map_err(thrown)?))
    }

    #[napi]
    pub fn delete_where<'env>(
        &self,
        env: &'env Env,
        filter: String,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.delete_where(&filter))
    }

    #[napi]
    pub fn commit<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, String>> {
        cancel.promise(env, self.held.get()?.commit().json())
    }

    #[napi]
    pub fn abort<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.abort())
    }
}
