//! What is told as JSON, to hosts that read JSON natively. Moments, in microseconds since 1970, are texts: their range
//! is wider than that of JSON's numbers in most hosts.

use serde::Serialize;
use spiral_core::table::HistoryEntry;
use spiral_core::transaction::CommitInfo;
use spiral_core::{Code, Error};

use crate::options::Metrics;
use crate::table::ColumnInfo;

#[derive(Serialize)]
struct Told<'a> {
    code: &'a str,
    kind: String,
    message: &'a str,
    table: Option<&'a str>,
    path: Option<&'a str>,
    version: Option<u64>,
    retryable: bool,
}

#[derive(Serialize)]
struct Commit {
    version: u64,
    timestamp: String,
}

#[derive(Serialize)]
struct PastCommit<'a> {
    version: u64,
    timestamp: String,
    transaction: String,
    operations: &'a [String],
    rows_written: u64,
    rows_deleted: u64,
    bytes: u64,
}

/// All that is known about an error.
pub fn error_json(error: &Error) -> String {
    text(&Told {
        code: error.code().as_str(),
        kind: format!("{:?}", error.kind()),
        message: error.message(),
        table: error.table(),
        path: error.path(),
        version: error.version(),
        retryable: error.is_retryable(),
    })
}

/// Every code with the name of its kind, in the order of the documentation.
pub fn codes_json() -> String {
    let pair = |code: &Code| (code.as_str(), format!("{:?}", code.kind()));
    text(&Code::ALL.iter().map(pair).collect::<Vec<_>>())
}

/// Columns: `path`, `type`, `key`.
pub fn columns_json(columns: &[ColumnInfo]) -> String {
    text(&columns)
}

/// A commit: `version`, `timestamp`.
pub fn commit_json(commit: &CommitInfo) -> String {
    text(&Commit { version: commit.version, timestamp: commit.timestamp.to_string() })
}

/// Commits of the past.
pub fn history_json(entries: &[HistoryEntry]) -> String {
    text(&entries.iter().map(past_commit).collect::<Vec<_>>())
}

fn past_commit(entry: &HistoryEntry) -> PastCommit<'_> {
    PastCommit {
        version: entry.version,
        timestamp: entry.timestamp.to_string(),
        transaction: entry.txn.to_string(),
        operations: &entry.summary.operations,
        rows_written: entry.summary.rows_written,
        rows_deleted: entry.summary.rows_deleted,
        bytes: entry.summary.bytes,
    }
}

/// What a plan cost so far.
pub fn metrics_json(metrics: &Metrics) -> String {
    text(metrics)
}

/// Structs of texts and numbers always have a text.
fn text(told: &impl Serialize) -> String {
    serde_json::to_string(told).unwrap_or_default()
}
