//! The handles that `js/spiral.js` wraps. Every operation takes what cancels it and returns a promise.

use js_sys::{Array, BigInt, Object, Promise};
use object_store::path::Path;
use spiral_bindings as facade;
use spiral_bindings::{
    Asof, CancelToken, ClientOptions, HistoryEntry, KeyBounds, KeyColumn, Medium, OpenedStore, Result, ScanOptions,
    StringTypes, WriteOptions,
};
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::columns::{crossing, whole};
use crate::errors::{invalid, set, thrown, to_js};
use crate::event_loop::runtime;
use crate::host_store::{HostStore, JsStore};
use crate::source::{Source, keys};

type Thrown<T> = std::result::Result<T, JsValue>;

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

    fn promise<T>(
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
        "http" => Medium::Http,
        _ => Medium::Cloud,
    };
    let store = OpenedStore { objects: Arc::new(HostStore::new(store, root.clone())), root, medium };
    Ok(Client(facade::Client::on(url, store, runtime(), Box::new(()), &options)))
}

#[wasm_bindgen]
pub struct Client(facade::Client);

#[wasm_bindgen]
impl Client {
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.0.url().to_owned()
    }

    /// `keys` is a list of names and types in turns.
    pub fn create_table(&self, name: &str, keys: Vec<String>, exist_ok: bool, cancel: &Cancel) -> Promise {
        let keys: Vec<_> = keys.chunks(2).map(|pair| KeyColumn::new(&*pair[0], &*pair[1])).collect();
        cancel.promise(self.0.create_table(name, &keys, exist_ok), |table| Ok(Table(table).into()))
    }

    pub fn table(&self, name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.table(name), |table| Ok(Table(table).into()))
    }

    pub fn table_at_root(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.table_at_root(), |table| Ok(Table(table).into()))
    }

    /// `options` is that of scans as JSON, `begin` and `end` are keys.
    pub fn scan(
        &self,
        tables: &ScanTables,
        options: &str,
        begin: &JsValue,
        end: &JsValue,
        asof: &JsValue,
        cancel: &Cancel,
    ) -> Promise {
        let (client, tables) = (self.0.clone(), tables.0.clone());
        let (asof, options) = (read_asof(asof), scan_options(options, begin, end));
        cancel.promise(async move { client.scan(tables, options?, asof?).await }, |plan| Ok(Plan(plan).into()))
    }

    pub fn tables(&self, cancel: &Cancel) -> Promise {
        let list = |names: Vec<String>| Ok(names.iter().map(|name| JsValue::from(&**name)).collect::<Array>().into());
        cancel.promise(self.0.tables(), list)
    }

    pub fn rename_table(&self, name: &str, new_name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.rename_table(name, new_name), |()| Ok(JsValue::UNDEFINED))
    }

    pub fn drop_table(&self, name: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.drop_table(name), |()| Ok(JsValue::UNDEFINED))
    }
}

/// The tables of a scan under construction.
#[wasm_bindgen]
#[derive(Default)]
pub struct ScanTables(Vec<facade::ScanTable>);

#[wasm_bindgen]
impl ScanTables {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn table(&mut self, name: &str, table: &Table) {
        self.0.push(facade::ScanTable::new(name, &table.0));
    }

    pub fn snapshot(&mut self, name: &str, snapshot: &Snapshot) {
        self.0.push(facade::ScanTable::at(name, &snapshot.0));
    }
}

#[wasm_bindgen]
pub struct Table(facade::Table);

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

    pub fn key_schema(&self) -> JsValue {
        schema(&self.0.key_schema(), true)
    }

    pub fn snapshot(&self, asof: &JsValue, cancel: &Cancel) -> Promise {
        let (table, asof) = (self.0.clone(), read_asof(asof));
        cancel.promise(async move { table.snapshot(asof?).await }, |snapshot| Ok(Snapshot(snapshot).into()))
    }

    /// `options` is that of scans as JSON, `begin` and `end` are keys.
    pub fn scan(&self, options: &str, begin: &JsValue, end: &JsValue, asof: &JsValue, cancel: &Cancel) -> Promise {
        let (table, asof, options) = (self.0.clone(), read_asof(asof), scan_options(options, begin, end));
        cancel.promise(async move { table.scan(options?, asof?).await }, |plan| Ok(Plan(plan).into()))
    }

    /// `types` is a list of columns and types in turns.
    pub fn write(&self, data: &JsValue, types: Vec<String>, push_down_nulls: bool, cancel: &Cancel) -> Promise {
        let (table, source) = (self.0.clone(), Source::from_js(data));
        let write = async move {
            let batches = source?.batches(row_types(&table, &types).await?);
            table.write_stream(batches, WriteOptions { push_down_nulls }).await
        };
        cancel.promise(write, commit)
    }

    pub fn delete(&self, given: &Array, cancel: &Cancel) -> Promise {
        let (table, given) = (self.0.clone(), keys(given));
        cancel.promise(async move { table.delete(vec![table.key_batch(&given?)?]).await }, commit)
    }

    pub fn delete_where(&self, filter: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.delete_where(filter), commit)
    }

    pub fn history(&self, limit: usize, cancel: &Cancel) -> Promise {
        let list = |entries: Vec<HistoryEntry>| Ok(entries.iter().map(history_entry).collect::<Array>().into());
        cancel.promise(self.0.history(limit), list)
    }

    pub fn transaction(&self) -> Transaction {
        Transaction(self.0.transaction())
    }
}

async fn row_types(table: &facade::Table, types: &[String]) -> Result<facade::RowTypes> {
    let mut known = table.snapshot(None).await?.row_types().await?;
    types.chunks(2).try_for_each(|pair| known.declare(&pair[0], &pair[1]))?;
    Ok(known)
}

fn commit(info: facade::CommitInfo) -> Result<JsValue> {
    Ok(version(info.version, info.timestamp).into())
}

fn version(version: u64, timestamp: i64) -> Object {
    let object = Object::new();
    set(&object, "version", &BigInt::from(version).into());
    set(&object, "timestamp", &BigInt::from(timestamp).into());
    object
}

fn history_entry(entry: &HistoryEntry) -> JsValue {
    let object = version(entry.version, entry.timestamp);
    set(&object, "transaction", &entry.txn.to_string().into());
    let operations: Array = entry.summary.operations.iter().map(|operation| JsValue::from(&**operation)).collect();
    set(&object, "operations", &operations);
    set(&object, "rowsWritten", &BigInt::from(entry.summary.rows_written).into());
    set(&object, "rowsDeleted", &BigInt::from(entry.summary.rows_deleted).into());
    set(&object, "bytes", &BigInt::from(entry.summary.bytes).into());
    object.into()
}

/// A version as a bigint, a time as text.
fn read_asof(asof: &JsValue) -> Result<Option<Asof>> {
    if asof.is_undefined() {
        return Ok(None);
    }
    match (u64::try_from(asof.clone()), asof.as_string()) {
        (Ok(version), _) => Ok(Some(Asof::Version(version))),
        (_, Some(text)) => facade::asof_text(&text).map(Some),
        _ => Err(invalid("asof is neither a version nor a time")),
    }
}

fn scan_options(options: &str, begin: &JsValue, end: &JsValue) -> Result<ScanOptions> {
    let mut options = ScanOptions::from_json(options)?;
    options.strings = StringTypes::Plain;
    let bound = |key: &JsValue| -> Result<Option<Vec<facade::Value>>> {
        Ok(if key.is_undefined() { None } else { keys(&Array::of1(key))?.pop() })
    };
    let bounds = KeyBounds { begin: bound(begin)?, end: bound(end)? };
    options.range = (bounds != KeyBounds::default()).then_some(bounds);
    Ok(options)
}

fn schema(schema: &arrow_schema::Schema, key: bool) -> JsValue {
    let column = |field: &arrow_schema::FieldRef| column(field.name(), &facade::type_text(field.data_type()), key);
    schema.fields().iter().map(column).collect::<Array>().into()
}

fn column(path: &str, type_name: &str, key: bool) -> JsValue {
    let object = Object::new();
    set(&object, "path", &path.into());
    set(&object, "type", &type_name.into());
    set(&object, "key", &key.into());
    object.into()
}

#[wasm_bindgen]
pub struct Snapshot(facade::Snapshot);

#[wasm_bindgen]
impl Snapshot {
    #[wasm_bindgen(getter)]
    pub fn version(&self) -> u64 {
        self.0.version()
    }

    #[wasm_bindgen(getter)]
    pub fn timestamp(&self) -> i64 {
        self.0.timestamp()
    }

    pub fn columns(&self, cancel: &Cancel) -> Promise {
        let list = |columns: Vec<facade::ColumnInfo>| {
            let shown = columns.iter().map(|info| column(&info.path, &info.type_name, info.is_key));
            Ok(shown.collect::<Array>().into())
        };
        cancel.promise(self.0.columns(), list)
    }

    pub fn scan(&self, options: &str, begin: &JsValue, end: &JsValue, cancel: &Cancel) -> Promise {
        let (snapshot, options) = (self.0.clone(), scan_options(options, begin, end));
        cancel.promise(async move { snapshot.scan(options?).await }, |plan| Ok(Plan(plan).into()))
    }
}

#[wasm_bindgen]
pub struct Plan(facade::Plan);

#[wasm_bindgen]
impl Plan {
    pub fn schema(&self) -> JsValue {
        schema(&self.0.schema(), false)
    }

    pub fn explain(&self) -> String {
        self.0.explain()
    }

    /// As JSON.
    pub fn metrics(&self) -> String {
        serde_json::to_string(&self.0.metrics()).unwrap_or_default()
    }

    pub fn batches(&self) -> Batches {
        Batches(self.0.batches())
    }

    /// All batches as one IPC stream.
    pub fn ipc(&self, cancel: &Cancel) -> Promise {
        let schema = self.0.schema();
        cancel.promise(self.0.collect(), move |batches| whole(&schema, &batches))
    }

    /// The rows as a batch, and for each the position of its key.
    pub fn take(&self, given: &Array, cancel: &Cancel) -> Promise {
        let (plan, given) = (self.0.clone(), keys(given));
        let take = async move { plan.take(facade::key_batch(&plan.key_schema(), &given?)?).await };
        cancel.promise(take, |taken| {
            let position = |position: &u64| JsValue::from(u32::try_from(*position).unwrap_or(u32::MAX));
            let positions: Array = taken.positions.values().iter().map(position).collect();
            Ok(Array::of2(&crossing(&taken.rows)?, &positions.into()).into())
        })
    }
}

#[wasm_bindgen]
pub struct Batches(facade::Batches);

#[wasm_bindgen]
impl Batches {
    /// The next batch, or `undefined` after the last one.
    pub fn next(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.next(), |batch| batch.map_or(Ok(JsValue::UNDEFINED), |batch| crossing(&batch)))
    }

    pub fn close(&self) {
        self.0.close();
    }
}

#[wasm_bindgen]
pub struct Transaction(facade::Transaction);

#[wasm_bindgen]
impl Transaction {
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    pub fn write(&self, data: &JsValue, types: Vec<String>, push_down_nulls: bool, cancel: &Cancel) -> Promise {
        let (transaction, source) = (self.0.clone(), Source::from_js(data));
        let write = async move {
            let batches = source?.batches(row_types(transaction.table(), &types).await?);
            transaction.write_stream(batches, WriteOptions { push_down_nulls }).await
        };
        cancel.promise(write, nothing)
    }

    pub fn delete(&self, given: &Array, cancel: &Cancel) -> Promise {
        let (transaction, given) = (self.0.clone(), keys(given));
        let delete = async move { transaction.delete(vec![transaction.table().key_batch(&given?)?]).await };
        cancel.promise(delete, nothing)
    }

    pub fn delete_where(&self, filter: &str, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.delete_where(filter), nothing)
    }

    pub fn commit(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.commit(), commit)
    }

    pub fn abort(&self, cancel: &Cancel) -> Promise {
        cancel.promise(self.0.abort(), nothing)
    }
}

fn nothing((): ()) -> Result<JsValue> {
    Ok(JsValue::UNDEFINED)
}
