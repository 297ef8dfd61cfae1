//! Tables and transactions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::stream;
use spiral_bindings::{self as facade, WriteOptions, asof as parse_asof, batch_from_rows, batches_from_ipc};

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

impl RowData {
    /// Rows as a batch for a table.
    pub(crate) async fn batch(self, table: &facade::Table) -> facade::Result<RecordBatch> {
        let declared = self.types.into_iter().map(|(column, name)| facade::KeyColumn::new(column, name));
        let types = table.row_types(declared.collect()).await?;
        let names: Vec<Arc<str>> = self.names.into_iter().map(Arc::from).collect();
        let row = |row| names.iter().cloned().zip(values(row)).collect();
        let rows: Vec<_> = self.rows.into_iter().map(row).collect();
        batch_from_rows(&rows, &types)
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
        run(cancel, async { self.table.snapshot(parse_asof(asof.as_deref())?).await.map(SnapshotHandle::new) }).await
    }

    /// Plans a scan.
    pub async fn scan(
        &self,
        options: ScanRequest,
        asof: Option<String>,
        cancel: Cancel,
    ) -> Result<Arc<PlanHandle>, Failure> {
        run(cancel, async {
            self.table.scan(options.try_into()?, parse_asof(asof.as_deref())?).await.map(PlanHandle::new)
        })
        .await
    }

    /// Upserts rows.
    pub async fn write(&self, rows: RowData, push_down_nulls: bool, cancel: Cancel) -> Result<CommitInfo, Failure> {
        let (table, options) = (self.table.clone(), WriteOptions { push_down_nulls });
        run(cancel, async {
            // The engine's threads turn rows into columns, not the one that polls.
            let batch = stream::once({
                let table = table.clone();
                async move { rows.batch(&table).await }
            });
            table.write_stream(batch, options).await.map(CommitInfo::from)
        })
        .await
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    pub async fn write_ipc(&self, ipc: Vec<u8>, push_down_nulls: bool, cancel: Cancel) -> Result<CommitInfo, Failure> {
        let write = async { self.table.write(batches_from_ipc(&ipc)?, WriteOptions { push_down_nulls }).await };
        run(cancel, async { write.await.map(CommitInfo::from) }).await
    }

    /// Begins a write of many pieces.
    pub fn writer(&self, push_down_nulls: bool) -> Arc<WriterHandle> {
        WriterHandle::new(self.table.clone(), WriteOptions { push_down_nulls })
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
        let table = self.transaction.table().clone();
        run(cancel, async {
            let batch = stream::once(async move { rows.batch(&table).await });
            self.transaction.write_stream(batch, WriteOptions { push_down_nulls }).await
        })
        .await
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    pub async fn write_ipc(&self, ipc: Vec<u8>, push_down_nulls: bool, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.transaction.write(batches_from_ipc(&ipc)?, WriteOptions { push_down_nulls }).await })
            .await
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
