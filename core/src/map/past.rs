//! Time travel: states before the newest checkpoint, and the list of commits.
//!
//! Every checkpoint holds references to those before it, by version and by time, so that the past is a lookup in the
//! newest tree and a stretch of the log, however long ago it is.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use arrow_array::timezone::Tz;
use arrow_cast::parse::string_to_datetime;
use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::open::replay;
use super::state::State;
use super::{Commit, Summary, VersionedMap, decode};
use crate::error::{Code, Error, Result};
use crate::log::{CheckpointRef, LogRecord, TxnId};
use crate::tree::Query;

/// Sections of every map that its owner leaves alone.
const VERSION: u8 = b'V';
const TIMESTAMP: u8 = b'T';

/// Which version to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asof {
    /// A version number.
    Version(u64),
    /// The newest version committed at or before a time, in microseconds since 1970.
    Timestamp(i64),
}

impl Asof {
    /// What a text names, if there is one.
    ///
    /// # Errors
    /// `InvalidArgument` when it is neither a version number nor an RFC 3339 time.
    pub fn maybe(text: Option<&str>) -> Result<Option<Self>> {
        text.map(str::parse).transpose()
    }
}

/// Reads a version number or an RFC 3339 time.
impl FromStr for Asof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Ok(version) = text.parse() {
            return Ok(Self::Version(version));
        }
        string_to_datetime(&"+00:00".parse::<Tz>()?, text).map(|time| Self::Timestamp(time.timestamp_micros())).map_err(
            |_| {
                let message = format!("{text:?} is neither a version nor a time like 2026-01-31T12:00:00Z");
                Error::new(Code::InvalidArgument, message)
            },
        )
    }
}

/// A line of a table's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The version.
    pub version: u64,
    /// When it was committed, in microseconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub timestamp: i64,
    /// Identity of the transaction.
    #[serde(rename = "transaction", serialize_with = "as_text")]
    pub txn: TxnId,
    /// What it did.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Serializes as text what hosts may not have: a transaction's identity, or a moment in microseconds since 1970, whose range
/// is wider than that of JSON's numbers.
pub(crate) fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The key of the checkpoint of a version.
pub(super) fn version(version: u64) -> Bytes {
    chained(VERSION, version)
}

/// The key of the checkpoint of a commit timestamp in microseconds.
pub(super) fn timestamp(micros: i64) -> Bytes {
    // Flipping the sign bit makes byte order the order of signed numbers.
    chained(TIMESTAMP, micros.cast_unsigned() ^ (1 << 63))
}

fn chained(section: u8, at: u64) -> Bytes {
    let mut key = vec![section];
    key.extend(at.to_be_bytes());
    key.into()
}

impl Asof {
    /// Whether a commit is part of what is to be read.
    fn includes(self, version: u64, timestamp: i64) -> bool {
        match self {
            Self::Version(wanted) => version <= wanted,
            Self::Timestamp(wanted) => timestamp <= wanted,
        }
    }

    /// Where its checkpoint is looked for: the section, and the last key that may name it.
    fn checkpoints(self) -> (Range<Bytes>, Bytes) {
        let (section, key) = match self {
            Self::Version(wanted) => (VERSION, version(wanted)),
            Self::Timestamp(wanted) => (TIMESTAMP, timestamp(wanted)),
        };
        (Bytes::copy_from_slice(&[section])..Bytes::copy_from_slice(&[section + 1]), key)
    }
}

impl VersionedMap {
    /// The state as of a version or a time; `None` before the first version.
    ///
    /// # Errors
    /// `AsofInFuture`, `SnapshotExpired`, the store's codes.
    pub(crate) async fn state_asof(&self, asof: Asof) -> Result<Option<State>> {
        let mut state = self.state();
        // A version committed meanwhile may lie before the time.
        if !matches!(asof, Asof::Version(version) if version <= state.version) {
            state = self.catch_up().await?;
        }
        if let Asof::Version(version) = asof
            && version > state.version
        {
            return Err(Error::new(
                Code::AsofInFuture,
                format!("version {version} does not exist yet, the newest is {}", state.version),
            ));
        }
        let found = match state.until(|version, timestamp| asof.includes(version, timestamp)) {
            Some(found) => found,
            None => self.past(&state, asof).await?,
        };
        Ok((found.version > 0).then_some(found))
    }

    /// A state before the newest checkpoint: the checkpoint before it, and the log from there.
    async fn past(&self, state: &State, asof: Asof) -> Result<State> {
        let pages = self.pages();
        let (section, key) = asof.checkpoints();
        let floor = Query::Floor { from: section.start, key: key.clone() };
        let floor = state.query(&pages, &[floor]).await?.into_iter().flatten().next_back();
        let start = match floor {
            Some(entry) => State::at_checkpoint(decode::<CheckpointRef>(entry.value, "checkpoint")?)?,
            None => State::empty(),
        };
        // The log between this checkpoint and the next one, which lies behind the wanted state.
        let after = Bytes::from([&key[..], &[0]].concat());
        let next = match state.range(&pages, after..section.end).await?.into_iter().next() {
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
        let wanted = |record: &LogRecord| asof.includes(record.version(), record.timestamp());
        replay(start, records.into_iter().take_while(wanted).collect())
    }

    /// The most recent commits, newest first.
    pub(crate) async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>> {
        let newest = self.catch_up().await?.version;
        let oldest = newest.saturating_sub(limit as u64) + 1;
        let records = self.log().read_range(oldest.max(1)..=newest).await?;
        records.into_iter().rev().map(history_entry).collect()
    }

    /// The commit that made a version.
    ///
    /// # Errors
    /// `AsofInFuture` when there is no such version yet, `SnapshotExpired` when it has been collected.
    pub(crate) async fn commit_at(&self, version: u64) -> Result<HistoryEntry> {
        let record = self.log().read(version).await?.ok_or_else(|| {
            Error::new(Code::AsofInFuture, format!("version {version} does not exist")).with_version(version)
        })?;
        history_entry(record)
    }
}

fn history_entry(record: LogRecord) -> Result<HistoryEntry> {
    let entry = record.into_entry()?;
    let commit: Commit = decode(entry.body, "commit")?;
    let summary = commit.summary.unwrap_or_default();
    Ok(HistoryEntry { version: entry.version, timestamp: entry.timestamp, txn: entry.txn, summary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asof_is_a_version_or_a_time() {
        assert_eq!(Asof::maybe(None).unwrap(), None);
        assert_eq!("17".parse::<Asof>().unwrap(), Asof::Version(17));
        for text in ["1970-01-01T00:00:02Z", "1970-01-01T01:00:02+01:00", "1970-01-01 00:00:02"] {
            assert_eq!(text.parse::<Asof>().unwrap(), Asof::Timestamp(2_000_000), "{text}");
        }
        assert_eq!(Asof::maybe(Some("yesterday")).unwrap_err().code(), Code::InvalidArgument);
    }
}
