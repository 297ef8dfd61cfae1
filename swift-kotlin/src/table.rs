//! Tables and transactions.

use std::collections::HashMap;
use std::sync::Arc;

use spiral_bindings::{self as facade, Asof, Piece, WriteOptions};

use crate::errors::{Cancel, Failure, run, signed};
use crate::options::{ColumnInfo, CommitInfo, HistoryEntry, ScanRequest, unsigned};
use crate::plan::{PlanHandle, SnapshotHandle};
use crate::values::{Value, keys as key_values, values};
use crate::writer::WriterHandle;

/// Rows to write.
#[derive(uniffi::Record)]
pub struct RowData {
    /// Names of all columns that any row has.
    pub names: Vec<String>,
    /// Their values, row by row; null where a row has none.
    pub rows: Vec<Vec<Value>>,
    /// Names of the types of columns that do not exist yet; by default they follow from the values.
    pub types: HashMap<String, String>,
}

impl From<RowData> for Piece {
    fn from(data: RowData) -> Self {
        let declared = data.types.into_iter().map(|(column, name)| facade::KeyColumn::new(column, name));
        let names: Vec<Arc<str>> = data.names.into_iter().map(Arc::from).collect();
        let row = |row| names.iter().cloned().zip(values(row)).collect();
        Self::Rows(data.rows.into_iter().map(row).collect(), declared.collect())
    }
}

/// The engine's side of `Table`: use that.
#[derive(uniffi::Object)]
pub struct TableHandle {
    pub(crate) table: facade::Table,
}

impl TableHandle {
    pub(crate) fn new(table: facade::Table) -> Arc<Self> {
        Arc::new(Self { table })
    }

    /// The engine's threads turn a piece into columns, not the one that polls.
    async fn write_piece(&self, piece: Piece, push_down_nulls: bool) -> facade::Result<CommitInfo> {
        let writing = self.table.write_pieces(piece.into(), Vec::new(), WriteOptions { push_down_nulls });
        writing.await.map(CommitInfo::from)
    }
}

#[uniffi::export]
impl TableHandle {
    /// Its name.
    pub fn name(&self) -> String {
        self.table.name().to_owned()
    }

    /// Its permanent id.
    pub fn id(&self) -> String {
        self.table.id().to_owned()
    }

    /// The key columns.
    pub fn key_columns(&self) -> Vec<ColumnInfo> {
        self.table.key_columns().into_iter().map(ColumnInfo::from).collect()
    }

    /// The newest version, or an older one.
    pub async fn snapshot(&self, asof: Option<String>, cancel: Cancel) -> Result<Arc<SnapshotHandle>, Failure> {
        run(cancel, async { self.table.snapshot(Asof::maybe(asof.as_deref())?).await.map(SnapshotHandle::new) }).await
    }

    /// Plans a scan.
    pub async fn scan(
        &self,
        options: ScanRequest,
        asof: Option<String>,
        cancel: Cancel,
    ) -> Result<Arc<PlanHandle>, Failure> {
        run(cancel, async {
            self.table.scan(options.try_into()?, Asof::maybe(asof.as_deref())?).await.map(PlanHandle::new)
        })
        .await
    }

    /// Upserts rows.
    pub async fn write(&self, rows: RowData, push_down_nulls: bool, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async { self.write_piece(rows.into(), push_down_nulls).await }).await
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    pub async fn write_ipc(&self, ipc: Vec<u8>, push_down_nulls: bool, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async { self.write_piece(Piece::Ipc(ipc), push_down_nulls).await }).await
    }

    /// Begins a write of many pieces.
    pub fn writer(&self, push_down_nulls: bool) -> Arc<WriterHandle> {
        WriterHandle::new(&self.table, WriteOptions { push_down_nulls })
    }

    /// Deletes rows by their keys.
    pub async fn delete(&self, keys: Vec<Vec<Value>>, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async { self.table.delete_keys(&key_values(keys)).await.map(CommitInfo::from) }).await
    }

    /// Deletes the rows for which a filter is true.
    pub async fn delete_where(&self, filter: String, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async { self.table.delete_where(&filter).await.map(CommitInfo::from) }).await
    }

    /// Begins a transaction.
    pub fn transaction(&self) -> Arc<TransactionHandle> {
        Arc::new(TransactionHandle { transaction: self.table.transaction() })
    }

    /// The most recent commits, newest first.
    pub async fn history(&self, limit: i64, cancel: Cancel) -> Result<Vec<HistoryEntry>, Failure> {
        run(cancel, async {
            Ok(self.table.history(unsigned(limit, "limit")?).await?.into_iter().map(HistoryEntry::from).collect())
        })
        .await
    }
}

/// The engine's side of `Transaction`: use that.
#[derive(uniffi::Object)]
pub struct TransactionHandle {
    transaction: facade::Transaction,
}

impl TransactionHandle {
    async fn write_piece(&self, piece: Piece, push_down_nulls: bool) -> facade::Result<()> {
        self.transaction.write_pieces(piece.into(), Vec::new(), WriteOptions { push_down_nulls }).await
    }
}

#[uniffi::export]
impl TransactionHandle {
    /// Its identity.
    pub fn id(&self) -> String {
        self.transaction.id().to_owned()
    }

    /// The version it began on.
    pub fn began(&self) -> i64 {
        signed(self.transaction.began())
    }

    /// Upserts rows.
    pub async fn write(&self, rows: RowData, push_down_nulls: bool, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.write_piece(rows.into(), push_down_nulls).await }).await
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    pub async fn write_ipc(&self, ipc: Vec<u8>, push_down_nulls: bool, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.write_piece(Piece::Ipc(ipc), push_down_nulls).await }).await
    }

    /// Deletes rows by their keys.
    pub async fn delete(&self, keys: Vec<Vec<Value>>, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.transaction.delete_keys(&key_values(keys)).await }).await
    }

    /// Deletes the rows for which a filter is true.
    pub async fn delete_where(&self, filter: String, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.transaction.delete_where(&filter).await }).await
    }

    /// Makes all operations visible at once.
    pub async fn commit(&self, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async { self.transaction.commit().await.map(CommitInfo::from) }).await
    }

    /// Abandons all operations.
    pub async fn abort(&self, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.transaction.abort().await }).await
    }
}
