//! One version of a table to read from.

use std::sync::Arc;

use super::records::{ColumnRecord, decode};
use super::{Pages, State, Table, columns_below, path_of};
use crate::error::{Code, Error, Result};
use crate::map::{Asof, HistoryEntry};
use crate::types::{ColumnPath, assemble_schema, field_from_bytes};

/// A version of a table. It does not change, whatever is committed later.
#[derive(Clone)]
pub struct Snapshot {
    table: Table,
    state: Arc<State>,
}

impl Snapshot {
    pub(super) fn new(table: Table, state: Arc<State>) -> Self {
        Self { table, state }
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.state.version
    }

    /// When it was committed, in microseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.state.timestamp
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub(crate) fn pages(&self) -> Pages {
        self.table.pages(self.table.store())
    }

    /// All value columns with their fields as written, in order of path. Costs time by the number of columns.
    pub async fn columns(&self) -> Result<Vec<(ColumnPath, arrow_schema::FieldRef)>> {
        let entries = self.state.range(&self.pages(), columns_below(&ColumnPath::root())).await?;
        entries
            .into_iter()
            .map(|entry| {
                let record: ColumnRecord = decode(entry.value, "column")?;
                Ok((path_of(&entry.key)?, Arc::new(field_from_bytes(&record.field)?)))
            })
            .collect()
    }

    /// The Arrow schema: key columns, then value columns, groups as nested structs.
    pub async fn schema(&self) -> Result<arrow_schema::SchemaRef> {
        let mut columns = Vec::new();
        for field in self.table.key_schema().fields() {
            columns.push((ColumnPath::root().child(field.name())?, Arc::clone(field)));
        }
        columns.extend(self.columns().await?);
        assemble_schema(&columns)
    }
}

impl Table {
    /// The newest version, which is looked for on the store, or an older one.
    ///
    /// # Errors
    /// As [`Table::refresh`] and [`Table::snapshot_asof`].
    pub async fn snapshot_at(&self, asof: Option<Asof>) -> Result<Snapshot> {
        match asof {
            None => self.refresh().await,
            Some(asof) => self.snapshot_asof(asof).await,
        }
    }

    /// The table as of a version or a time.
    ///
    /// # Errors
    /// `AsofBeforeTable`, `AsofInFuture`, `SnapshotExpired`, the store's codes.
    pub async fn snapshot_asof(&self, asof: Asof) -> Result<Snapshot> {
        let found = self.map().state_asof(asof).await?.ok_or_else(|| {
            Error::new(Code::AsofBeforeTable, "the table did not exist yet then: ask for a later version or time")
        })?;
        Ok(Snapshot::new(self.clone(), Arc::new(found)))
    }

    /// The most recent commits, newest first.
    pub async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>> {
        self.map().history(limit).await
    }

    /// The commit that made a version.
    ///
    /// # Errors
    /// `AsofInFuture` when there is no such version yet, `SnapshotExpired` when it has been collected.
    pub async fn commit_at(&self, version: u64) -> Result<HistoryEntry> {
        self.map().commit_at(version).await
    }
}
