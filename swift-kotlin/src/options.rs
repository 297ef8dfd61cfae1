//! What users choose, and what they are told.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use spiral_bindings::{self as facade, Code, Error, KeyColumn};

use crate::errors::signed;
use crate::values::{Value, values};

/// Settings of a client. Absent ones take their defaults.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct ClientOptions {
    /// Options of the store by the names of its vendor's own variables, such as `aws_access_key_id`.
    #[uniffi(default)]
    pub store: HashMap<String, String>,
    /// Threads for CPU work; the machine's parallelism by default.
    #[uniffi(default)]
    pub threads: Option<i32>,
    /// Bytes of memory for each cache of metadata and keys.
    #[uniffi(default)]
    pub cache_bytes: Option<i64>,
    /// Uncompressed bytes after which a write starts the next run.
    #[uniffi(default)]
    pub partition_max_bytes: Option<i64>,
    /// Batches that a scan prepares ahead of its reader.
    #[uniffi(default)]
    pub batch_readahead: Option<i32>,
}

impl TryFrom<ClientOptions> for facade::ClientOptions {
    type Error = Error;

    fn try_from(options: ClientOptions) -> facade::Result<Self> {
        Ok(Self {
            store: options.store.into_iter().collect(),
            threads: options.threads.map(|threads| unsigned(threads, CLIENT)).transpose()?,
            cache_bytes: options.cache_bytes.map(|bytes| unsigned(bytes, CLIENT)).transpose()?,
            partition_max_bytes: options.partition_max_bytes.map(|bytes| unsigned(bytes, CLIENT)).transpose()?,
            batch_readahead: options.batch_readahead.map(|batches| unsigned(batches, CLIENT)).transpose()?,
        })
    }
}

const CLIENT: &str = "client options";

/// A number that is not negative. The words are those of options that are read from JSON.
pub(crate) fn unsigned<S, U: TryFrom<S>>(number: S, of: &str) -> facade::Result<U> {
    let negative = |_| Error::new(Code::InvalidArgument, format!("invalid {of}: a value has the wrong type"));
    U::try_from(number).map_err(negative)
}

/// A key column by its name and the name of its type, such as `int64`, `utf8` or `timestamp[us, UTC]`.
#[uniffi::remote(Record)]
pub struct KeyColumn {
    /// Name of the column.
    pub name: String,
    /// Name of its type.
    pub type_name: String,
}

/// A column by its path.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ColumnInfo {
    /// Dotted path.
    pub path: String,
    /// Name of its type.
    pub type_name: String,
    /// Whether it is part of the key.
    pub is_key: bool,
}

impl From<facade::ColumnInfo> for ColumnInfo {
    fn from(column: facade::ColumnInfo) -> Self {
        Self { path: column.path, type_name: column.type_name, is_key: column.is_key }
    }
}

/// A column of a result: its name, and an expression or the path of what stands there.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NamedColumn {
    /// The path in the result.
    pub name: String,
    /// What stands there.
    pub value: String,
}

/// What to read; everything by default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ScanRequest {
    /// Paths of columns and column groups, `a` or `group.a`, in the order of the result.
    pub select: Option<Vec<String>>,
    /// More columns of the result.
    pub columns: Vec<NamedColumn>,
    /// Rows to keep, such as `distance > 1000 and origin in ('SFO', 'LAX')`.
    pub filter: Option<String>,
    /// The first key, included. A bound may name only the first parts of a key.
    pub begin: Option<Vec<Value>>,
    /// The end, excluded.
    pub end: Option<Vec<Value>>,
    /// Rows after which to stop.
    pub limit: Option<i64>,
    /// Only the keys of rows that exist in any column group.
    pub keys_only: bool,
    /// Let batches come as they are ready instead of in key order.
    pub unordered: bool,
}

impl TryFrom<ScanRequest> for facade::ScanOptions {
    type Error = Error;

    fn try_from(options: ScanRequest) -> facade::Result<Self> {
        let whole = Self {
            select: options.select,
            columns: options.columns.into_iter().map(|column| (column.name, column.value)).collect(),
            filter: options.filter,
            range: None,
            limit: options.limit.map(|limit| unsigned(limit, "scan options")).transpose()?,
            unordered: options.unordered,
            keys_only: options.keys_only,
            strings: facade::OutputProfile::Written,
        };
        Ok(whole.between(options.begin.map(values), options.end.map(values)))
    }
}

/// A commit.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CommitInfo {
    /// The version it made.
    pub version: i64,
    /// When.
    pub timestamp: SystemTime,
}

impl From<facade::CommitInfo> for CommitInfo {
    fn from(info: facade::CommitInfo) -> Self {
        Self { version: signed(info.version), timestamp: moment(info.timestamp) }
    }
}

/// A commit of the past.
#[derive(Debug, Clone, uniffi::Record)]
pub struct HistoryEntry {
    /// The version it made.
    pub version: i64,
    /// When.
    pub timestamp: SystemTime,
    /// Identity of the transaction.
    pub transaction: String,
    /// Names of its operations.
    pub operations: Vec<String>,
    /// Rows it wrote.
    pub rows_written: i64,
    /// Rows it deleted.
    pub rows_deleted: i64,
    /// Bytes it added.
    pub bytes: i64,
}

impl From<facade::HistoryEntry> for HistoryEntry {
    fn from(entry: facade::HistoryEntry) -> Self {
        Self {
            version: signed(entry.version),
            timestamp: moment(entry.timestamp),
            transaction: entry.txn.to_string(),
            operations: entry.summary.operations,
            rows_written: signed(entry.summary.rows_written),
            rows_deleted: signed(entry.summary.rows_deleted),
            bytes: signed(entry.summary.bytes),
        }
    }
}

/// Microseconds since 1970; commits are not older.
pub(crate) fn moment(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// What a plan and its streams cost so far. Times are summed over parallel work.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Metrics {
    /// Read requests sent to the store.
    pub requests: i64,
    /// Bytes received.
    pub bytes: i64,
    /// Dependent rounds of requests: what a far client waits for.
    pub rounds: i64,
    /// Sorted runs that overlap the key ranges.
    pub runs: i64,
    /// Fragments that hold columns of the scan.
    pub fragments: i64,
    /// Row stripes considered.
    pub stripes: i64,
    /// Row stripes that statistics excluded.
    pub stripes_pruned: i64,
    /// Rows whose filter was decided, or that were read without one.
    pub rows_read: i64,
    /// Rows returned.
    pub rows_returned: i64,
    /// Rows of overlapping runs that were merged.
    pub rows_merged: i64,
    /// Time spent planning.
    pub plan_time: Duration,
    /// Time waiting for the store.
    pub fetch_time: Duration,
    /// Time decoding.
    pub decode_time: Duration,
    /// Time merging.
    pub merge_time: Duration,
    /// Time deciding filters.
    pub filter_time: Duration,
}

impl From<facade::PlanMetrics> for Metrics {
    fn from(metrics: facade::PlanMetrics) -> Self {
        Self {
            requests: signed(metrics.requests),
            bytes: signed(metrics.bytes),
            rounds: signed(metrics.rounds),
            runs: signed(metrics.runs),
            fragments: signed(metrics.fragments),
            stripes: signed(metrics.stripes),
            stripes_pruned: signed(metrics.stripes_pruned),
            rows_read: signed(metrics.rows_read),
            rows_returned: signed(metrics.rows_returned),
            rows_merged: signed(metrics.rows_merged),
            plan_time: metrics.plan_time,
            fetch_time: metrics.fetch_time,
            decode_time: metrics.decode_time,
            merge_time: metrics.merge_time,
            filter_time: metrics.filter_time,
        }
    }
}
