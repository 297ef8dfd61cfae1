//! Tables, their versions and transactions.

use napi::bindgen_prelude::{Array, BigInt, Env, PromiseRaw};
use napi_derive::napi;
use spiral_bindings::{self as facade, CommitInfo, KeyBounds, Result, ScanOptions, StringTypes, asof_text};

use crate::errors::thrown;
use crate::handle::{Cancel, Held};
use crate::plan::Plan;
use crate::source::Source;
use crate::values::{key, keys};

#[napi(object, object_from_js = false)]
pub struct ColumnInfo {
    pub path: String,
    #[napi(js_name = "type")]
    pub type_name: String,
    pub key: bool,
}

impl ColumnInfo {
    pub(crate) fn of(field: &arrow_schema::Field, key: bool) -> Self {
        Self { path: field.name().clone(), type_name: facade::type_text(field.data_type()), key }
    }
}

#[napi(object, object_from_js = false)]
pub struct Commit {
    pub version: BigInt,
    /// Microseconds since 1970.
    pub timestamp: BigInt,
}

impl From<CommitInfo> for Commit {
    fn from(info: CommitInfo) -> Self {
        Self { version: info.version.into(), timestamp: info.timestamp.into() }
    }
}

#[napi(object, object_from_js = false)]
pub struct HistoryEntry {
    pub version: BigInt,
    pub timestamp: BigInt,
    pub transaction: String,
    pub operations: Vec<String>,
    pub rows_written: BigInt,
    pub rows_deleted: BigInt,
    pub bytes: BigInt,
}

impl From<facade::HistoryEntry> for HistoryEntry {
    fn from(entry: facade::HistoryEntry) -> Self {
        Self {
            version: entry.version.into(),
            timestamp: entry.timestamp.into(),
            transaction: entry.txn.to_string(),
            operations: entry.summary.operations,
            rows_written: entry.summary.rows_written.into(),
            rows_deleted: entry.summary.rows_deleted.into(),
            bytes: entry.summary.bytes.into(),
        }
    }
}

/// A version number or a time, as text.
pub(crate) fn asof(text: Option<&str>) -> napi::Result<Option<facade::Asof>> {
    text.map(asof_text).transpose().map_err(|error| thrown(&error))
}

/// `options` is JSON, `begin` and `end` are keys.
pub(crate) fn scan_options(options: &str, begin: Option<Array>, end: Option<Array>) -> napi::Result<ScanOptions> {
    let mut options = ScanOptions::from_json(options).map_err(|error| thrown(&error))?;
    options.strings = StringTypes::Plain;
    let bounds = KeyBounds { begin: begin.map(key).transpose()?, end: end.map(key).transpose()? };
    options.range = (bounds != KeyBounds::default()).then_some(bounds);
    Ok(options)
}

/// The types that rows for a table take: its own, then those that `types`, columns and types in turns, declares.
async fn row_types(table: &facade::Table, types: &[String]) -> Result<facade::RowTypes> {
    let mut known = table.snapshot(None).await?.row_types().await?;
    types.chunks(2).try_for_each(|pair| known.declare(&pair[0], &pair[1]))?;
    Ok(known)
}

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
    #[napi]
    pub fn free(&self) {
        self.held.free();
    }

    #[napi(getter)]
    pub fn name(&self) -> napi::Result<String> {
        Ok(self.held.get()?.name().to_owned())
    }

    #[napi(getter)]
    pub fn id(&self) -> napi::Result<String> {
        Ok(self.held.get()?.id().to_owned())
    }

    #[napi]
    pub fn key_schema(&self) -> napi::Result<Vec<ColumnInfo>> {
        let schema = self.held.get()?.key_schema();
        Ok(schema.fields().iter().map(|field| ColumnInfo::of(field, true)).collect())
    }

    #[napi]
    pub fn snapshot<'env>(
        &self,
        env: &'env Env,
        version: Option<String>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Snapshot>> {
        let opening = self.held.get()?.snapshot(asof(version.as_deref())?);
        cancel.promise(env, async move { opening.await.map(|snapshot| Snapshot { held: Held::new(snapshot) }) })
    }

    #[napi]
    pub fn scan<'env>(
        &self,
        env: &'env Env,
        options: String,
        begin: Option<Array<'env>>,
        end: Option<Array<'env>>,
        version: Option<String>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Plan>> {
        let table = self.held.get()?;
        let planning = table.scan(scan_options(&options, begin, end)?, asof(version.as_deref())?);
        cancel.promise(env, async move { planning.await.map(Plan::new) })
    }

    #[napi]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        source: &Source,
        types: Vec<String>,
        push_down_nulls: bool,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Commit>> {
        let (table, pieces) = (self.held.get()?, source.pieces()?);
        let write = async move {
            let batches = pieces.batches(row_types(&table, &types).await?);
            table.write_stream(batches, facade::WriteOptions { push_down_nulls }).await
        };
        cancel.promise(env, async move { write.await.map(Commit::from) })
    }

    #[napi]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        given: Array<'env>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Commit>> {
        let (table, given) = (self.held.get()?, keys(given)?);
        let delete = async move { table.delete(vec![table.key_batch(&given)?]).await };
        cancel.promise(env, async move { delete.await.map(Commit::from) })
    }

    #[napi]
    pub fn delete_where<'env>(
        &self,
        env: &'env Env,
        filter: String,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Commit>> {
        let deleting = self.held.get()?.delete_where(&filter);
        cancel.promise(env, async move { deleting.await.map(Commit::from) })
    }

    #[napi]
    pub fn history<'env>(
        &self,
        env: &'env Env,
        limit: u32,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Vec<HistoryEntry>>> {
        let reading = self.held.get()?.history(usize::try_from(limit).unwrap_or(usize::MAX));
        cancel.promise(env, async move { Ok(reading.await?.into_iter().map(HistoryEntry::from).collect()) })
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
    #[napi]
    pub fn free(&self) {
        self.held.free();
    }

    #[napi(getter)]
    pub fn version(&self) -> napi::Result<BigInt> {
        Ok(self.held.get()?.version().into())
    }

    #[napi(getter)]
    pub fn timestamp(&self) -> napi::Result<BigInt> {
        Ok(self.held.get()?.timestamp().into())
    }

    #[napi]
    pub fn columns<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Vec<ColumnInfo>>> {
        let reading = self.held.get()?.columns();
        cancel.promise(env, async move {
            let shown =
                |info: facade::ColumnInfo| ColumnInfo { path: info.path, type_name: info.type_name, key: info.is_key };
            Ok(reading.await?.into_iter().map(shown).collect())
        })
    }

    #[napi]
    pub fn scan<'env>(
        &self,
        env: &'env Env,
        options: String,
        begin: Option<Array<'env>>,
        end: Option<Array<'env>>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, Plan>> {
        let planning = self.held.get()?.scan(scan_options(&options, begin, end)?);
        cancel.promise(env, async move { planning.await.map(Plan::new) })
    }
}

#[napi]
pub struct Transaction {
    held: Held<facade::Transaction>,
}

#[napi]
impl Transaction {
    #[napi]
    pub fn free(&self) {
        self.held.free();
    }

    #[napi(getter)]
    pub fn id(&self) -> napi::Result<String> {
        Ok(self.held.get()?.id().to_owned())
    }

    #[napi]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        source: &Source,
        types: Vec<String>,
        push_down_nulls: bool,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        let (transaction, pieces) = (self.held.get()?, source.pieces()?);
        cancel.promise(env, async move {
            let batches = pieces.batches(row_types(transaction.table(), &types).await?);
            transaction.write_stream(batches, facade::WriteOptions { push_down_nulls }).await
        })
    }

    #[napi]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        given: Array<'env>,
        cancel: &Cancel,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        let (transaction, given) = (self.held.get()?, keys(given)?);
        cancel.promise(env, async move { transaction.delete(vec![transaction.table().key_batch(&given)?]).await })
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
    pub fn commit<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Commit>> {
        let committing = self.held.get()?.commit();
        cancel.promise(env, async move { committing.await.map(Commit::from) })
    }

    #[napi]
    pub fn abort<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, ()>> {
        cancel.promise(env, self.held.get()?.abort())
    }
}
