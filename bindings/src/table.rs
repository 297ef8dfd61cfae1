//! Handles of tables.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema, SchemaRef};
use serde::Serialize;
use spiral_core::Result;
use spiral_core::exchange::{RowTypes, Value, key_batch, type_text};
use spiral_core::expr::parse;
use spiral_core::table::{self, Asof, HistoryEntry};
use spiral_core::transaction::{CommitInfo, WriteMode};

use crate::client::Client;
use crate::options::{KeyColumn, ScanOptions, WriteOptions};
use crate::plan::Plan;
use crate::scan;
use crate::snapshot::{self, Snapshot};
use crate::transaction::Transaction;
use crate::work::{Subject, Work};

/// A table. Clones are the same handle.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: Arc<str>,
    engine: table::Table,
}

/// A column as users see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnInfo {
    /// Dotted path.
    pub path: String,
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The Arrow field.
    #[serde(skip)]
    pub field: FieldRef,
    /// Whether it is part of the key.
    #[serde(rename = "key")]
    pub is_key: bool,
}

pub(crate) fn column_info(path: String, field: FieldRef, is_key: bool) -> ColumnInfo {
    ColumnInfo { path, type_name: type_text(field.data_type()), field, is_key }
}

/// The columns of a schema, and whether each is part of the key.
pub(crate) fn columns_of(schema: &Schema, is_key: impl Fn(&str) -> bool) -> Vec<ColumnInfo> {
    let info = |field: &FieldRef| column_info(field.name().clone(), Arc::clone(field), is_key(field.name()));
    schema.fields().iter().map(info).collect()
}

impl Table {
    pub(crate) fn new(client: Client, name: String, engine: table::Table) -> Self {
        Self { client, name: name.into(), engine }
    }

    /// The name by which it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its permanent id, whatever it is named: the name of its folder below the root's `tables`.
    pub fn id(&self) -> &str {
        self.engine.id()
    }

    /// The engine's handle, for Rust programs that need more than this facade.
    pub fn engine(&self) -> &table::Table {
        &self.engine
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The key columns.
    pub fn key_schema(&self) -> SchemaRef {
        Arc::new(self.engine.key_schema().to_arrow())
    }

    /// The key columns by their names.
    pub fn key_columns(&self) -> Vec<ColumnInfo> {
        columns_of(&self.key_schema(), |_| true)
    }

    /// The types that rows for this table take: those of its newest version, then the declared ones.
    ///
    /// # Errors
    /// `InvalidExpression` for what is no type, those of [`Table::snapshot`].
    pub fn row_types(&self, declared: Vec<KeyColumn>) -> Work<RowTypes> {
        let engine = self.engine.clone();
        self.start(async move {
            let mut types = RowTypes::new(&*engine.refresh().await?.schema().await?);
            declared.iter().try_for_each(|column| types.declare(&column.name, &column.data_type))?;
            Ok(types)
        })
    }

    /// Keys as a batch of its key columns; see [`key_batch`].
    ///
    /// # Errors
    /// As [`key_batch`].
    pub fn key_batch(&self, keys: &[Vec<Value>]) -> Result<RecordBatch> {
        key_batch(&self.key_schema(), keys)
    }

    /// What its work is about.
    pub(crate) fn subject(&self) -> Subject {
        Subject::new(&self.client, &self.name)
    }

    pub(crate) fn start<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Work<T> {
        self.subject().start(operation)
    }

    /// The newest version, or an older one.
    ///
    /// # Errors
    /// `AsofBeforeTable`, `AsofInFuture`, `SnapshotExpired`, the store's codes.
    pub fn snapshot(&self, asof: Option<Asof>) -> Work<Snapshot> {
        let (engine, table) = (self.engine.clone(), self.clone());
        self.start(async move { snapshot::at(&engine, asof).await }).map_ok(|found| Snapshot::new(table, found))
    }

    /// Plans a scan of the newest version, or of an older one.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `InvalidExpression`, those of [`Table::snapshot`].
    pub fn scan(&self, options: ScanOptions, asof: Option<Asof>) -> Work<Plan> {
        let (engine, table) = (self.engine.clone(), self.clone());
        let planning = self.start(async move {
            let snapshot = snapshot::at(&engine, asof).await?;
            Ok((scan::plan(snapshot.scan(), &options).await?, snapshot))
        });
        planning.map_ok(|(plan, found)| Plan::new(table.subject(), plan, vec![Snapshot::new(table, found)]))
    }

    /// Upserts rows, in one transaction. Batches have all key columns, in any order of keys, and any value columns;
    /// columns that do not exist are created, cells that are not written stay.
    ///
    /// # Errors
    /// Those of a transaction's write and commit.
    pub fn write(&self, batches: Vec<RecordBatch>, options: WriteOptions) -> Work<CommitInfo> {
        self.write_iter(batches.into_iter().map(Ok), options)
    }

    /// As [`Table::write`], from batches that are made as they are needed.
    pub fn write_iter<I>(&self, batches: I, options: WriteOptions) -> Work<CommitInfo>
    where
        I: IntoIterator<Item = Result<RecordBatch>> + Send + 'static,
        I::IntoIter: Send,
    {
        self.write_stream(futures::stream::iter(batches), options)
    }

    /// As [`Table::write`], from a stream.
    pub fn write_stream<S>(&self, batches: S, options: WriteOptions) -> Work<CommitInfo>
    where
        S: futures::Stream<Item = Result<RecordBatch>> + Send + 'static,
    {
        let engine = self.engine.clone();
        self.start(async move { engine.write(batches, options.into()).await })
    }

    /// Deletes rows by key; other columns of the batches are ignored, keys without a row are fine.
    pub fn delete(&self, keys: Vec<RecordBatch>) -> Work<CommitInfo> {
        let engine = self.engine.clone();
        self.start(async move {
            let mut transaction = engine.transaction();
            transaction.delete(futures::stream::iter(keys.into_iter().map(Ok))).await?;
            transaction.commit().await
        })
    }

    /// As [`Table::delete`], of keys as single values.
    ///
    /// # Errors
    /// As [`key_batch`], then those of a commit.
    pub fn delete_keys(&self, keys: &[Vec<Value>]) -> Work<CommitInfo> {
        match self.key_batch(keys) {
            Ok(keys) => self.delete(vec![keys]),
            Err(error) => self.start(async move { Err(error) }),
        }
    }

    /// Deletes the rows for which a filter is true.
    ///
    /// # Errors
    /// `InvalidExpression`, `UnknownColumn`, those of a commit.
    pub fn delete_where(&self, filter: &str) -> Work<CommitInfo> {
        let (engine, filter) = (self.engine.clone(), parse(filter));
        self.start(async move {
            let mut transaction = engine.transaction();
            transaction.delete_where(filter?);
            transaction.commit().await
        })
    }

    /// Begins a transaction on the newest known version.
    pub fn transaction(&self) -> Transaction {
        Transaction::new(self.clone(), self.engine.transaction())
    }

    /// The most recent commits, newest first.
    pub fn history(&self, limit: usize) -> Work<Vec<HistoryEntry>> {
        let engine = self.engine.clone();
        self.start(async move { engine.history(limit).await })
    }
}

impl From<WriteOptions> for WriteMode {
    fn from(options: WriteOptions) -> Self {
        Self { push_down_nulls: options.push_down_nulls }
    }
}
