//! Handles of tables.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{Stream, stream};
use spiral_core::Result;
use spiral_core::exchange::{ColumnInfo, KeyColumn, Pieces, RowTypes, Value, key_batch};
use spiral_core::expr::parse;
use spiral_core::scan::ScanOptions;
use spiral_core::table::{self, Asof, HistoryEntry};
use spiral_core::transaction::{CommitInfo, WriteOptions};

use crate::client::Client;
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::work::{Subject, Work};

/// A table. Clones are the same handle.
#[derive(Clone)]
pub struct Table {
    subject: Subject,
    engine: table::Table,
}

impl Table {
    pub(crate) fn new(subject: Subject, engine: table::Table) -> Self {
        Self { subject, engine }
    }

    /// The name by which it was opened.
    pub fn name(&self) -> &str {
        self.subject.name()
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
        self.subject.client()
    }

    /// The key columns.
    pub fn key_schema(&self) -> SchemaRef {
        Arc::new(self.engine.key_schema().to_arrow())
    }

    /// The key columns by their names.
    pub fn key_columns(&self) -> Vec<ColumnInfo> {
        ColumnInfo::of_schema(&self.key_schema(), self.engine.key_schema())
    }

    /// What its work is about.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The newest version, or an older one.
    ///
    /// # Errors
    /// `AsofBeforeTable`, `AsofInFuture`, `SnapshotExpired`, the store's codes.
    pub fn snapshot(&self, asof: Option<Asof>) -> Work<Snapshot> {
        let (engine, table) = (self.engine.clone(), self.clone());
        let looking = self.subject.start(async move { engine.snapshot_at(asof).await });
        looking.map_ok(|found| Snapshot::new(table, found))
    }

    /// Plans a scan of the newest version, or of an older one.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `InvalidExpression`, those of [`Table::snapshot`].
    pub fn scan(&self, options: ScanOptions, asof: Option<Asof>) -> Work<Plan> {
        let (engine, table) = (self.engine.clone(), self.clone());
        let planning = self
            .subject
            .start(async move { engine.snapshot_at(asof).await?.scan().with_options(&options)?.plan().await });
        planning.map_ok(|plan| Plan::new(table.subject.clone(), plan, vec![table]))
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
        self.write_stream(stream::iter(batches), options)
    }

    /// As [`Table::write`], from a stream.
    pub fn write_stream<S>(&self, batches: S, options: WriteOptions) -> Work<CommitInfo>
    where
        S: Stream<Item = Result<RecordBatch>> + Send + 'static,
    {
        let engine = self.engine.clone();
        self.subject.start(async move { engine.write(batches, options).await })
    }

    /// As [`Table::write`], from pieces that are no batches yet. Columns that do not exist take their declared types, or
    /// those of their values.
    pub fn write_pieces(&self, pieces: Pieces, declared: Vec<KeyColumn>, options: WriteOptions) -> Work<CommitInfo> {
        self.write_stream(pieces.batches(RowTypes::of_table(self.engine.clone(), declared)), options)
    }

    /// Deletes rows by key; other columns of the batches are ignored, keys without a row are fine.
    pub fn delete(&self, keys: Vec<RecordBatch>) -> Work<CommitInfo> {
        let engine = self.engine.clone();
        self.subject.start(async move { engine.delete(stream::iter(keys.into_iter().map(Ok))).await })
    }

    /// As [`Table::delete`], of keys as single values.
    ///
    /// # Errors
    /// As [`key_batch`], then those of a commit.
    pub fn delete_keys(&self, keys: &[Vec<Value>]) -> Work<CommitInfo> {
        let (engine, keys) = (self.engine.clone(), key_batch(&self.key_schema(), keys));
        self.subject.start(async move { engine.delete(stream::iter([keys])).await })
    }

    /// Deletes the rows for which a filter is true.
    ///
    /// # Errors
    /// `InvalidExpression`, `UnknownColumn`, those of a commit.
    pub fn delete_where(&self, filter: &str) -> Work<CommitInfo> {
        let (engine, filter) = (self.engine.clone(), parse(filter));
        self.subject.start(async move { engine.delete_where(filter?).await })
    }

    /// Begins a transaction on the newest known version.
    pub fn transaction(&self) -> Transaction {
        Transaction::new(self.clone(), self.engine.transaction())
    }

    /// The most recent commits, newest first.
    pub fn history(&self, limit: usize) -> Work<Vec<HistoryEntry>> {
        let engine = self.engine.clone();
        self.subject.start(async move { engine.history(limit).await })
    }
}
