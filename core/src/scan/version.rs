//! Which version of its tables a scan reads.

use futures::future::try_join_all;

use super::Scan;
use crate::error::{Code, Error, Result};
use crate::table::{Asof, Snapshot, Table};

/// A table of a scan, or one version of it.
#[derive(Clone)]
pub enum ScanSource {
    /// The version that the scan's `asof` names, or the newest.
    Table(Table),
    /// This version.
    Snapshot(Snapshot),
}

impl ScanSource {
    async fn snapshot(&self, asof: Option<Asof>) -> Result<Snapshot> {
        match self {
            Self::Table(table) => table.snapshot_at(asof).await,
            Self::Snapshot(snapshot) => Ok(snapshot.clone()),
        }
    }
}

impl Scan {
    /// A scan of all columns of tables by their names in it; see [`Scan::over`]. Their versions are looked up at once.
    /// `asof` a time holds for all tables. A version is counted by each table for itself: pass snapshots instead, unless
    /// there is one table.
    ///
    /// # Errors
    /// Those of [`Scan::over`] and [`Table::snapshot_at`]; `InvalidArgument` for `asof` with a snapshot, or a version with
    /// several tables.
    pub async fn of(sources: Vec<(String, ScanSource)>, asof: Option<Asof>) -> Result<Self> {
        let invalid = |message: &str| Err(Error::new(Code::InvalidArgument, message));
        if asof.is_some() && sources.iter().any(|(_, source)| matches!(source, ScanSource::Snapshot(_))) {
            return invalid("a snapshot is one version: leave asof out, or scan the table");
        }
        if matches!(asof, Some(Asof::Version(_))) && sources.len() > 1 {
            return invalid("tables count their versions each for itself: scan snapshots, or name a time");
        }
        let found = sources.iter().map(async |(_, source)| source.snapshot(asof).await);
        let snapshots = try_join_all(found).await?;
        Self::over(sources.into_iter().map(|(name, _)| name).zip(snapshots))
    }
}
