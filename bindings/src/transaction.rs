//! Transactions from several calls.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::lock::Mutex;
use futures::{Stream, stream};
use spiral_core::exchange::{KeyColumn, Pieces, RowTypes, Value, key_batch};
use spiral_core::expr::parse;
use spiral_core::transaction::{self, CommitInfo, WriteOptions};
use spiral_core::{Code, Error, Result};

use crate::table::Table;
use crate::work::Work;

/// Several operations that become visible together, or not at all. Operations at once wait for each other; dropping
/// the last handle, or aborting, abandons them all. Clones are the same transaction.
#[derive(Clone)]
pub struct Transaction {
    table: Table,
    id: String,
    began: u64,
    /// Empty after commit and abort. Operations of one transaction are ordered, so each waits for the one before it.
    open: Arc<Mutex<Option<transaction::Transaction>>>,
}

impl Transaction {
    pub(crate) fn new(table: Table, engine: transaction::Transaction) -> Self {
        let (id, began) = (engine.id().to_string(), engine.began());
        Self { table, id, began, open: Arc::new(Mutex::new(Some(engine))) }
    }

    /// Its identity, by which a commit of unknown outcome is settled.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version it began on.
    pub fn began(&self) -> u64 {
        self.began
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Upserts rows; see [`Table::write`]. After an error the transaction can go on without the operation.
    pub fn write(&self, batches: Vec<RecordBatch>, options: WriteOptions) -> Work<()> {
        self.write_stream(stream::iter(batches.into_iter().map(Ok)), options)
    }

    /// As [`Transaction::write`], from a stream.
    pub fn write_stream<S>(&self, batches: S, options: WriteOptions) -> Work<()>
    where
        S: Stream<Item = Result<RecordBatch>> + Send + 'static,
    {
        let open = Arc::clone(&self.open);
        self.table
            .subject()
            .start(async move { open.lock().await.as_mut().ok_or_else(ended)?.write(batches, options).await })
    }

    /// As [`Transaction::write`], from pieces; see [`Table::write_pieces`].
    pub fn write_pieces(&self, pieces: Pieces, declared: Vec<KeyColumn>, options: WriteOptions) -> Work<()> {
        self.write_stream(pieces.batches(RowTypes::of_table(self.table.engine().clone(), declared)), options)
    }

    /// Deletes rows by key; see [`Table::delete`].
    pub fn delete(&self, keys: Vec<RecordBatch>) -> Work<()> {
        let (open, keys) = (Arc::clone(&self.open), stream::iter(keys.into_iter().map(Ok)));
        self.table.subject().start(async move { open.lock().await.as_mut().ok_or_else(ended)?.delete(keys).await })
    }

    /// As [`Transaction::delete`], of keys as single values.
    ///
    /// # Errors
    /// As [`key_batch`].
    pub fn delete_keys(&self, keys: &[Vec<Value>]) -> Work<()> {
        let (open, keys) = (Arc::clone(&self.open), stream::iter([key_batch(&self.table.key_schema(), keys)]));
        self.table.subject().start(async move { open.lock().await.as_mut().ok_or_else(ended)?.delete(keys).await })
    }

    /// Deletes the rows that a filter selects in the version that the commit lands on; rows that this transaction
    /// writes are not seen by it.
    pub fn delete_where(&self, filter: &str) -> Work<()> {
        let (open, filter) = (Arc::clone(&self.open), parse(filter));
        self.table.subject().start(async move {
            open.lock().await.as_mut().ok_or_else(ended)?.delete_where(filter?);
            Ok(())
        })
    }

    /// Makes all operations visible at once.
    ///
    /// # Errors
    /// `CommitConflict`, `CommitContention`, `TransactionExpired`: nothing is visible. `CommitUnknown`: the outcome is
    /// found in the table's history by the transaction's id.
    pub fn commit(&self) -> Work<CommitInfo> {
        let open = Arc::clone(&self.open);
        self.table.subject().start(async move {
            let transaction = open.lock().await.take().ok_or_else(ended)?;
            transaction.commit().await
        })
    }

    /// Abandons all operations.
    pub fn abort(&self) -> Work<()> {
        let open = Arc::clone(&self.open);
        self.table.subject().start(async move {
            drop(open.lock().await.take());
            Ok(())
        })
    }
}

fn ended() -> Error {
    Error::new(Code::InvalidArgument, "the transaction was committed or aborted: begin another one")
}
