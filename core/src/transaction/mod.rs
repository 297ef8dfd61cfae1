//! Transactions: several operations that become visible together, or not at all.

mod changes;
mod delete;
pub(crate) mod ingest;
pub(crate) mod inline;
mod pending;
mod unique;

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{Stream, StreamExt};
use serde::Serialize;

use self::changes::Proposal;
use self::ingest::{Ingest, IngestOptions, InputColumn, same_kind, type_mismatch};
use self::pending::{Pending, PendingRows};
use crate::error::Result;
use crate::expr::Expr;
use crate::fragment;
use crate::log::TxnId;
use crate::map::as_text;
use crate::table::records::{ColumnRecord, decode};
use crate::table::{self, Names, Snapshot, Table};
use crate::types::field_from_bytes;

/// A transaction on one table. Its data is on the store as soon as an operation returns, and visible to nobody until
/// [`Transaction::commit`]. Dropping it abandons it.
pub struct Transaction {
    table: Table,
    id: TxnId,
    snapshot: Snapshot,
    /// Whether the snapshot is one that a hint knew, which may be old.
    at_hint: bool,
    operations: Vec<Pending>,
}

/// A committed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CommitInfo {
    /// The version it made.
    pub version: u64,
    /// When, in microseconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub timestamp: i64,
}

/// How a write treats its input.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// A null struct becomes null leaves; otherwise it is an error, since a group is never null.
    pub push_down_nulls: bool,
}

impl Table {
    /// Begins a transaction on the newest known version.
    pub fn transaction(&self) -> Transaction {
        Transaction {
            table: self.clone(),
            id: TxnId::random(self.runtime().as_ref()),
            snapshot: self.snapshot(),
            at_hint: !self.map().is_caught_up(),
            operations: Vec::new(),
        }
    }
}

impl Transaction {
    /// Its identity, by which [`Table::settle`] finds out whether it was committed.
    pub fn id(&self) -> TxnId {
        self.id
    }

    /// The version it began on. On a handle that was opened at a hint, the first write may move it to the newest one.
    pub fn began(&self) -> u64 {
        self.snapshot.version()
    }

    /// Where only a hint is known of the table, begins on its newest version after all, before anything is done: what was
    /// committed long ago would look like the work of a racing writer.
    async fn begin(&mut self) -> Result<()> {
        if self.at_hint {
            self.snapshot = self.table.refresh().await?;
            self.at_hint = false;
        }
        Ok(())
    }

    fn names(&self) -> Names {
        Names { began: self.began(), runtime: Arc::clone(self.table.runtime()) }
    }

    /// Upserts rows: every batch has all key columns and any value columns; cells that are not written stay.
    ///
    /// Batches may come in any order of keys; input in key order is not sorted again. Memory is bounded by
    /// `partition_max_bytes`. Columns that do not exist are created.
    ///
    /// # Errors
    /// `MissingKeyColumn`, `NullKey`, `KeyTooLong`, `DuplicateKey`, `TypeMismatch`, `NullStruct`, `InvalidName`,
    /// `UnsupportedType`; the input's own errors; the store's codes. The transaction can go on without the operation.
    pub async fn write<S>(&mut self, batches: S, options: WriteOptions) -> Result<()>
    where
        S: Stream<Item = Result<RecordBatch>> + Send,
    {
        self.begin().await?;
        let options = IngestOptions {
            run_bytes: self.table.options().partition_max_bytes,
            push_down_nulls: options.push_down_nulls,
            repeated_keys: false,
            layout: fragment::WriteOptions::default(),
        };
        let schema = self.table.key_schema().clone();
        let mut ingest = Ingest::new(self.table.store(), self.names(), schema, options);
        let mut checked = false;
        let mut batches = std::pin::pin!(batches);
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            if !checked {
                let columns = ingest.prepare(batch.schema_ref())?;
                self.check_types(&columns).await?;
                checked = true;
            }
            ingest.push(&batch).await?;
        }
        let ingested = ingest.finish(self.table.options().inline_max_bytes).await?;
        let rows = match ingested.inline {
            Some(rows) => PendingRows::Inline(rows),
            None => PendingRows::Runs(ingested.runs),
        };
        // A write without rows still creates its columns.
        if rows.len() > 0 || !ingested.columns.is_empty() {
            self.operations.push(Pending::Write { columns: ingested.columns, rows });
        }
        Ok(())
    }

    /// Fails before anything is uploaded when a column exists with another type.
    async fn check_types(&self, columns: &[InputColumn]) -> Result<()> {
        let keys = columns.iter().map(|column| table::column(&column.path)).collect();
        let known = self.snapshot.state().get_many(&self.snapshot.pages(), keys).await?;
        for (column, known) in columns.iter().zip(known) {
            let Some(known) = known else { continue };
            let record: ColumnRecord = decode(known, "column")?;
            let field = field_from_bytes(&record.field)?;
            if !same_kind(field.data_type(), column.field.data_type()) {
                return Err(type_mismatch(&column.path, field.data_type(), column.field.data_type()));
            }
        }
        Ok(())
    }

    /// Deletes rows by key: each batch has the key columns; other columns are ignored. Keys without a row are fine.
    pub async fn delete<S>(&mut self, keys: S) -> Result<()>
    where
        S: Stream<Item = Result<RecordBatch>> + Send,
    {
        self.begin().await?;
        let rows = delete::keys(&self.table, self.names(), keys).await?;
        if rows.len() > 0 {
            self.operations.push(Pending::Delete { rows });
        }
        Ok(())
    }

    /// Deletes the rows that a filter selects. The filter is decided on the version that the commit lands on; rows
    /// that this transaction itself writes are not seen by it: one that it writes over a matching row is deleted with
    /// that row. Delete first, then write, to replace rows.
    pub fn delete_where(&mut self, filter: Expr) {
        self.operations.push(Pending::DeleteWhere { filter });
    }

    /// Makes all operations visible at once.
    ///
    /// # Errors
    /// `CommitConflict`, `CommitContention`, `TransactionExpired`: nothing is visible. `CommitUnknown`: ask
    /// [`Table::settle`].
    pub async fn commit(self) -> Result<CommitInfo> {
        if self.operations.is_empty() {
            return Ok(CommitInfo { version: self.began(), timestamp: self.snapshot.timestamp() });
        }
        let proposal = Proposal { began: self.began(), operations: &self.operations };
        let committed = self.table.commit(self.id, self.began(), &proposal).await?;
        Ok(CommitInfo { version: committed.version, timestamp: committed.timestamp })
    }
}

impl Table {
    /// The version at which a transaction that began at `began` was committed, if it was.
    pub async fn settle(&self, txn: TxnId, began: u64) -> Result<Option<u64>> {
        self.log().settle(txn, began).await
    }

    /// Upserts rows in a transaction of their own; see [`Transaction::write`].
    pub async fn write<S>(&self, batches: S, options: WriteOptions) -> Result<CommitInfo>
    where
        S: Stream<Item = Result<RecordBatch>> + Send,
    {
        let mut transaction = self.transaction();
        transaction.write(batches, options).await?;
        transaction.commit().await
    }

    /// Upserts one batch in a transaction of its own.
    pub async fn write_batch(&self, batch: RecordBatch) -> Result<CommitInfo> {
        self.write(futures::stream::iter([Ok(batch)]), WriteOptions::default()).await
    }

    /// Deletes rows by key in a transaction of their own; see [`Transaction::delete`].
    pub async fn delete<S>(&self, keys: S) -> Result<CommitInfo>
    where
        S: Stream<Item = Result<RecordBatch>> + Send,
    {
        let mut transaction = self.transaction();
        transaction.delete(keys).await?;
        transaction.commit().await
    }

    /// Deletes the rows that a filter selects, in a transaction of their own.
    pub async fn delete_where(&self, filter: Expr) -> Result<CommitInfo> {
        let mut transaction = self.transaction();
        transaction.delete_where(filter);
        transaction.commit().await
    }
}
