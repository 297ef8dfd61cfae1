//! One version of a table to read from.

use std::sync::Arc;

use bytes::Bytes;

use super::open::replay;
use super::records::{ColumnRecord, decode};
use super::state::State;
use super::{Pages, Summary, Table, columns_below, keyspace, path_of};
use crate::error::{Code, Error, Result};
use crate::log::{CheckpointRef, LogRecord};
use crate::tree::Query;
use crate::types::{ColumnPath, assemble_schema, field_from_bytes};

/// Which version of a table to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asof {
    /// A version number.
    Version(u64),
    /// The newest version committed at or before a time, in microseconds since 1970.
    Timestamp(i64),
}

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

/// A line of a table's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The version.
    pub version: u64,
    /// When it was committed, in microseconds since 1970.
    pub timestamp: i64,
    /// Identity of the transaction.
    pub txn: crate::log::TxnId,
    /// What it did.
    pub summary: Summary,
}

impl Table {
    /// The table as of a version or a time.
    ///
    /// # Errors
    /// `AsofBeforeTable`, `AsofInFuture`, `SnapshotExpired`, the store's codes.
    pub async fn snapshot_asof(&self, asof: Asof) -> Result<Snapshot> {
        let mut state = self.state();
        if let Asof::Version(version) = asof
            && version > state.version
        {
            state = self.catch_up().await?;
            if version > state.version {
                return Err(Error::new(
                    Code::AsofInFuture,
                    format!("version {version} does not exist yet, the newest is {}", state.version),
                ));
            }
        }
        if let Asof::Timestamp(_) = asof {
            // A version committed meanwhile may lie before the time.
            state = self.catch_up().await?;
        }
        let last = |version: u64, timestamp: i64| match asof {
            Asof::Version(wanted) => version <= wanted,
            Asof::Timestamp(wanted) => timestamp <= wanted,
        };
        let found = match state.until(last) {
            Some(found) => Some(found),
            None => self.past(&state, asof, last).await?,
        };
        let found = found.filter(|found| found.version > 0).ok_or_else(|| {
            Error::new(Code::AsofBeforeTable, "the table did not exist yet then: ask for a later version or time")
        })?;
        Ok(Snapshot::new(self.clone(), Arc::new(found)))
    }

    /// A state before the newest checkpoint: the checkpoint before it, and the log from there.
    async fn past(&self, state: &State, asof: Asof, last: impl Fn(u64, i64) -> bool) -> Result<Option<State>> {
        let pages = self.pages(self.store());
        let (from, key) = match asof {
            Asof::Version(version) => (keyspace::first_version(), keyspace::version(version)),
            Asof::Timestamp(timestamp) => (keyspace::first_timestamp(), keyspace::timestamp(timestamp)),
        };
        let floor = state.query(&pages, &[Query::Floor { from: from.clone(), key: key.clone() }]).await?;
        let floor = floor.into_iter().flatten().next_back();
        let start = match floor {
            Some(entry) => State::at_checkpoint(decode::<CheckpointRef>(entry.value, "checkpoint")?)?,
            None => State::empty(),
        };
        // The log between this checkpoint and the next one, which lies behind the wanted state.
        let mut end = Bytes::copy_from_slice(&from[..1]).to_vec();
        end[0] += 1;
        let after = [&key[..], &[0]].concat();
        let next = state.range(&pages, Bytes::from(after)..Bytes::from(end)).await?;
        let next = match next.into_iter().next() {
            Some(entry) => decode::<CheckpointRef>(entry.value, "checkpoint")?.version,
            None => state.checkpoint.as_ref().map_or(state.version, |checkpoint| checkpoint.version),
        };
        let last_wanted = match asof {
            Asof::Version(version) => version.min(next),
            Asof::Timestamp(_) => next,
        };
        let records = if start.version < last_wanted {
            self.log().read_range(start.version + 1..=last_wanted).await?
        } else {
            Vec::new()
        };
        let records = records.into_iter().take_while(|record| last(record.version(), record.timestamp())).collect();
        let found = replay(start, records)?;
        Ok((found.version > 0).then_some(found))
    }

    /// The most recent commits, newest first.
    pub async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>> {
        let newest = self.catch_up().await?.version;
        let oldest = newest.saturating_sub(limit as u64) + 1;
        let records = self.log().read_range(oldest.max(1)..=newest).await?;
        records.into_iter().rev().map(history_entry).collect()
    }

    /// The commit that made a version.
    ///
    /// # Errors
    /// `AsofInFuture` when there is no such version yet, `SnapshotExpired` when it has been collected.
    pub async fn commit_at(&self, version: u64) -> Result<HistoryEntry> {
        let record = self.log().read(version).await?.ok_or_else(|| {
            Error::new(Code::AsofInFuture, format!("version {version} does not exist")).with_version(version)
        })?;
        history_entry(record)
    }
}

fn history_entry(record: LogRecord) -> Result<HistoryEntry> {
    let entry = record.into_entry()?;
    let commit: super::records::Commit = decode(entry.body, "commit")?;
    let summary = commit.summary.unwrap_or_default();
    Ok(HistoryEntry { version: entry.version, timestamp: entry.timestamp, txn: entry.txn, summary })
}
