//! What is told as JSON, to hosts that read JSON natively. Moments, in microseconds since 1970, are texts: their range
//! is wider than that of JSON's numbers in most hosts.

use serde_json::{Value, json};
use spiral_core::table::HistoryEntry;
use spiral_core::transaction::CommitInfo;
use spiral_core::{Code, Error};

use crate::options::Metrics;
use crate::table::ColumnInfo;

/// All that is known about an error.
pub fn error_json(error: &Error) -> String {
    json!({
        "code": error.code().as_str(),
        "kind": format!("{:?}", error.kind()),
        "message": error.message(),
        "table": error.table(),
        "path": error.path(),
        "version": error.version(),
        "retryable": error.is_retryable(),
    })
    .to_string()
}

/// Every code with the name of its kind, in the order of the documentation.
pub fn codes_json() -> String {
    let pair = |code: &Code| json!([code.as_str(), format!("{:?}", code.kind())]);
    Value::from_iter(Code::ALL.iter().map(pair)).to_string()
}

/// Columns: `path`, `type`, `key`.
pub fn columns_json(columns: &[ColumnInfo]) -> String {
    let column = |info: &ColumnInfo| json!({ "path": info.path, "type": info.type_name, "key": info.is_key });
    Value::from_iter(columns.iter().map(column)).to_string()
}

/// A commit: `version`, `timestamp`.
pub fn commit_json(commit: &CommitInfo) -> String {
    json!({ "version": commit.version, "timestamp": commit.timestamp.to_string() }).to_string()
}

/// Commits of the past.
pub fn history_json(entries: &[HistoryEntry]) -> String {
    let entry = |entry: &HistoryEntry| {
        json!({
            "version": entry.version,
            "timestamp": entry.timestamp.to_string(),
            "transaction": entry.txn.to_string(),
            "operations": entry.summary.operations,
            "rows_written": entry.summary.rows_written,
            "rows_deleted": entry.summary.rows_deleted,
            "bytes": entry.summary.bytes,
        })
    };
    Value::from_iter(entries.iter().map(entry)).to_string()
}

/// What a plan cost so far.
pub fn metrics_json(metrics: &Metrics) -> String {
    json!(metrics).to_string()
}
