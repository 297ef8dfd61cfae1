//! The handles that `spiral.js` wraps. Every operation takes what cancels it and returns a promise.

use std::sync::Arc;

use js_sys::{Array, Object, Promise, Reflect};
use object_store::path::Path;
use spiral_bindings::core::store::Objects;
use spiral_bindings::{
    self as facade, Asof, CancelToken, ClientOptions, Medium, OpenedStore, Result, ScanOptions, to_json, unpack_keys,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::batch::{Batch, ipc};
use crate::errors::{Thrown, thrown, to_js};
use crate::event_loop::runtime;
use crate::host_store::{HostStore, JsStore};

/// What cancels one operation.
#[wasm_bindgen]
#[derive(Default)]
pub struct Cancel(CancelToken);

#[wasm_bindgen]
impl Cancel {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.cancel();
    }

    pub(crate) fn promise<T>(
        &self,
        work: impl Future<Output = Result<T>> + 'static,
        show: impl FnOnce(T) -> Result<JsValue> + 'static,
    ) -> Promise {
        let token = self.0.clone();
        future_to_promise(async move { token.guard(work).await.and_then(show).map_err(|error| to_js(&error)) })
    }
}

/// The client of a store. `folder` is the name of its root.
#[wasm_bindgen]
pub fn connect(url: &str, store: JsStore, folder: &str, medium: &str, options: &str) -> Thrown<Client> {
    let options = thrown(ClientOptions::from_json(options))?;
    let root = Path::from(folder);
    let medium = match medium {
        "memory" => Medium::Memory,
        "local" => Medium::Local,
        _ => Medium::Web,
    };
    let store = OpenedStore { objects: Arc::new(Objects::new(HostStore::new(store, root.clone()))), root, medium };
    Ok(Client(facade::Client::on(url, store, runtime(), Box::new(()), &options)))
}

#[wasm_bindgen]
pub struct Client(pub(crate) facade::Client);

#[wasm_bindgen]
impl Client {
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.0.url().to_owned()
    }

    pub fn table(&self, name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.table(name), |table| Ok(Table(table).into()))
    }

    #[wasm_bindgen(js_name = tableAtRoot)]
    pub fn table_at_root(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.table_at_root(), |table| Ok(Table(table).into()))
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    pub fn scan(
        &self,
        tables: ScanTables,
        options: &str,
        begin: Option<Vec<u8>>,
        end: Option<Vec<u8>>,
        cancel: &Cancel,
    ) -> Thrown<Promise> {
        let options = scan_options(options, begin, end)?;
        Ok(cancel.promise(self.0.scan(tables.list, options, tables.asof), plan))
    }

    pub fn tables(&self, cancel: &Cancel) -> Promise {
        let list = |names: Vec<String>| Ok(names.iter().map(|name| JsValue::from(&**name)).collect::<Array>().into());
        cancel.promise(self.0.tables(), list)
    }
}

fn scan_options(options: &str, begin: Option<Vec<u8>>, end: Option<Vec<u8>>) -> Thrown<ScanOptions> {
    thrown(ScanOptions::packed(options, begin.as_deref(), end.as_deref()))
}

fn read_asof(version: Option<String>) -> Thrown<Option<Asof>> {
    thrown(Asof::maybe(version.as_deref()))
}

/// The tables of a scan under construction.
#[wasm_bindgen]
pub struct ScanTables {
    list: Vec<facade::ScanTable>,
    asof: Option<Asof>,
}

#[wasm_bindgen]
impl ScanTables {
    #[wasm_bindgen(constructor)]
    pub fn new(version: Option<String>) -> Thrown<Self> {
        Ok(Self { list: Vec::new(), asof: read_asof(version)? })
    }

    pub fn table(&mut self, name: &str, table: &Table) {
        self.list.push(facade::ScanTable::new(name, &table.0));
    }

    pub fn snapshot(&mut self, name: &str, snapshot: &Snapshot) {
        self.list.push(facade::ScanTable::at(name, &snapshot.0));
    }
}

#[wasm_bindgen]
pub struct Table(pub(crate) facade::Table);

#[wasm_bindgen]
impl Table {
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.0.name().to_owned()
    }

    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    /// As JSON.
    #[wasm_bindgen(js_name = keyColumns)]
    pub fn key_columns(&self) -> String {
        to_json(&self.0.key_columns())
    }

    pub fn snapshot(&self, version: Option<String>, cancel: &Cancel) -> Thrown<Promise> {
        let opening = self.0.snapshot(read_asof(version)?);
        Ok(cancel.promise(opening, |snapshot| Ok(Snapshot(snapshot).into())))
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    pub fn scan(
        &self,
        options: &str,
        begin: Option<Vec<u8>>,
        end: Option<Vec<u8>>,
        version: Option<String>,
        cancel: &Cancel,
    ) -> Thrown<Promise> {
        let options = scan_options(options, begin, end)?;
        Ok(cancel.promise(self.0.scan(options, read_asof(version)?), plan))
    }

    /// As JSON.
    pub fn history(&self, limit: usize, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.history(limit), |entries| Ok(to_json(&entries).into()))
    }
}

fn plan(plan: facade::Plan) -> Result<JsValue> {
    Ok(Plan(plan).into())
}

#[wasm_bindgen]
pub struct Snapshot(facade::Snapshot);

#[wasm_bindgen]
impl Snapshot {
    #[wasm_bindgen(getter)]
    pub fn version(&self) -> String {
        self.0.version().to_string()
    }

    #[wasm_bindgen(getter)]
    pub fn timestamp(&self) -> String {
        self.0.timestamp().to_string()
    }

    /// As JSON.
    pub fn columns(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.columns(), |columns| Ok(to_json(&columns).into()))
    }

    /// `options` is JSON, `begin` and `end` are packed keys.
    pub fn scan(
        &self,
        options: &str,
        begin: Option<Vec<u8>>,
        end: Option<Vec<u8>>,
        cancel: &Cancel,
    ) -> Thrown<Promise> {
        Ok(cancel.promise(self.0.scan(scan_options(options, begin, end)?), plan))
    }
}

#[wasm_bindgen]
pub struct Plan(facade::Plan);

#[wasm_bindgen]
impl Plan {
    /// As JSON.
    pub fn columns(&self) -> String {
        to_json(&self.0.columns())
    }

    pub fn explain(&self) -> String {
        self.0.explain()
    }

    /// As JSON.
    pub fn metrics(&self) -> String {
        to_json(&self.0.metrics())
    }

    pub fn batches(&self) -> Batches {
        Batches(self.0.batches())
    }

    /// All batches as one IPC stream.
    pub fn ipc(&self, cancel: &Cancel) -> Promise {
        let schema = self.0.schema();
        cancel.promise(self.0.collect(), move |batches| Ok(ipc(&schema, &batches)?.into()))
    }

    /// `keys` are packed; resolves to the rows as `batch`, and for each the position of its key, as `positions`.
    pub fn take(&self, keys: &[u8], cancel: &Cancel) -> Thrown<Promise> {
        let taking = self.0.take_keys(&thrown(unpack_keys(keys))?);
        Ok(cancel.promise(taking, |taken| {
            let position = |position: &u64| JsValue::from(u32::try_from(*position).unwrap_or(u32::MAX));
            let positions: Array = taken.positions.values().iter().map(position).collect();
            let object = Object::new();
            // Setting members of a new object cannot fail.
            let _set = Reflect::set(&object, &"batch".into(), &Batch::of(&taken.rows)?.into());
            let _set = Reflect::set(&object, &"positions".into(), &positions);
            Ok(object.into())
        }))
    }
}

/// Its end, by `free` or by the garbage collector, ends reading.
#[wasm_bindgen]
pub struct Batches(facade::Batches);

impl Drop for Batches {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[wasm_bindgen]
impl Batches {
    /// The next batch, or `null` after the last one.
    pub fn next(&self, cancel: &Cancel) -> Promise {
        let show = |batch: Option<_>| batch.map_or(Ok(JsValue::NULL), |batch| Ok(Batch::of(&batch)?.into()));
        cancel.promise(self.0.next(), show)
    }
}
