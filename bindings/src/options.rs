//! What users choose, in forms that every language can pass.

use serde::{Deserialize, Serialize};
use spiral_core::exchange::{KeyBounds, Value, type_from_text, type_text, unpack_keys};
use spiral_core::key::{KeyRanges, KeySchema};
use spiral_core::scan::PlanMetrics;
use spiral_core::table::Asof;
use spiral_core::types::OutputProfile;
use spiral_core::{Code, Error, Result};

/// Reads options from JSON. The message names what is wrong and quotes no value.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(json: &str, what: &str) -> Result<T> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    serde_json::from_str(json).map_err(|error| {
        let text = error.to_string();
        // Only this kind of message consists of names alone.
        let detail = if text.starts_with("unknown field") || text.starts_with("missing field") {
            text
        } else {
            "a value has the wrong type".to_owned()
        };
        Error::new(Code::InvalidArgument, format!("invalid {what}: {detail}"))
    })
}

/// A key column by its name and the name of its type, such as `int64`, `utf8` or `timestamp[us, UTC]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyColumn {
    /// Name of the column.
    pub name: String,
    /// Name of its type.
    #[serde(rename = "type")]
    pub data_type: String,
}

impl KeyColumn {
    /// A key column.
    pub fn new(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Self { name: name.into(), data_type: data_type.into() }
    }

    /// The key column of an Arrow field.
    pub fn of(field: &arrow_schema::Field) -> Self {
        Self::new(field.name(), type_text(field.data_type()))
    }
}

/// Columns by their names and types, from a JSON array of `{"name": …, "type": …}`.
///
/// # Errors
/// `InvalidArgument` for anything else.
pub fn columns_from_json(json: &str) -> Result<Vec<KeyColumn>> {
    from_json(json, "list of columns and types")
}

pub(crate) fn key_schema(columns: &[KeyColumn]) -> Result<KeySchema> {
    let typed = columns
        .iter()
        .map(|column| {
            let data_type = type_from_text(&column.data_type).map_err(|_| {
                Error::new(
                    Code::InvalidKeySchema,
                    format!("{:?} is not the name of a type: use int64, utf8, timestamp[us] …", column.data_type),
                )
            })?;
            Ok((column.name.clone(), data_type))
        })
        .collect::<Result<Vec<_>>>()?;
    KeySchema::try_new(typed)
}

/// How strings, binaries and lists are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StringTypes {
    /// As they were written.
    #[default]
    Written,
    /// Without view types, for consumers that predate them.
    Plain,
    /// As view types, which a scan makes without copying.
    Views,
}

impl From<StringTypes> for OutputProfile {
    fn from(strings: StringTypes) -> Self {
        match strings {
            StringTypes::Written => Self::Written,
            StringTypes::Plain => Self::PlainStrings,
            StringTypes::Views => Self::Views,
        }
    }
}

/// What to read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanOptions {
    /// Paths of columns and column groups, `a`, `group.a`, `group` or `group.*`, in the order of the result; everything
    /// by default. In scans over several tables they begin with the name of a table.
    pub select: Option<Vec<String>>,
    /// More columns of the result, by name: an expression, or the path of what stands there under that name. The empty
    /// name is the top of the result, for the columns of a group or a table.
    pub columns: Vec<(String, String)>,
    /// Rows to keep, as text: `distance > 1000 and origin in ('SFO', 'LAX')`.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Rows to read, by key.
    #[serde(skip)]
    pub range: Option<KeyBounds>,
    /// Rows after which to stop.
    pub limit: Option<u64>,
    /// Let batches come as they are ready instead of in key order.
    pub unordered: bool,
    /// Only the keys, of rows that exist in any column group: of those that are selected, if any are.
    pub keys_only: bool,
    /// How strings are handed out.
    pub strings: StringTypes,
}

impl ScanOptions {
    /// Reads options from JSON, as bindings pass them.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no option.
    pub fn from_json(json: &str) -> Result<Self> {
        from_json(json, "scan options")
    }

    /// These options for the rows between two keys.
    pub fn between(mut self, begin: Option<Vec<Value>>, end: Option<Vec<Value>>) -> Self {
        let bounds = KeyBounds { begin, end };
        self.range = (bounds != KeyBounds::default()).then_some(bounds);
        self
    }

    /// Options from JSON, between two keys that [`unpack_keys`] reads.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no option, or no key.
    pub fn packed(json: &str, begin: Option<&[u8]>, end: Option<&[u8]>) -> Result<Self> {
        let key = |bytes: &[u8]| unpack_keys(bytes).map(|mut keys| keys.pop().unwrap_or_default());
        Ok(Self::from_json(json)?.between(begin.map(key).transpose()?, end.map(key).transpose()?))
    }

    pub(crate) fn ranges(&self, schema: &KeySchema) -> Result<KeyRanges> {
        match &self.range {
            None => Ok(KeyRanges::all()),
            Some(bounds) => Ok(bounds.range(schema)?.into()),
        }
    }
}

/// How a write treats its input.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WriteOptions {
    /// A null struct becomes null leaves; otherwise it is an error, since a group is never null.
    pub push_down_nulls: bool,
}

/// Reads a version number or an RFC 3339 time.
///
/// # Errors
/// `InvalidArgument` when the text is neither.
pub fn asof_text(text: &str) -> Result<Asof> {
    if let Ok(version) = text.parse() {
        return Ok(Asof::Version(version));
    }
    arrow_cast::parse::string_to_datetime(&"+00:00".parse::<arrow_array::timezone::Tz>()?, text)
        .map(|time| Asof::Timestamp(time.timestamp_micros()))
        .map_err(|_| {
            Error::new(
                Code::InvalidArgument,
                format!("{text:?} is neither a version nor a time like 2026-01-31T12:00:00Z"),
            )
        })
}

/// What [`asof_text`] reads, if there is a text.
///
/// # Errors
/// As [`asof_text`].
pub fn asof(text: Option<&str>) -> Result<Option<Asof>> {
    text.map(asof_text).transpose()
}

/// What a plan and its streams cost so far. Times are seconds, summed over parallel work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metrics {
    /// Read requests sent to the store.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Dependent rounds of requests: what a far client waits for.
    pub rounds: u64,
    /// Sorted runs that overlap the key ranges.
    pub runs: u64,
    /// Fragments that hold columns of the scan.
    pub fragments: u64,
    /// Row stripes considered.
    pub stripes: u64,
    /// Row stripes that statistics excluded.
    pub stripes_pruned: u64,
    /// Rows whose filter was decided, or that were read without one.
    pub rows_read: u64,
    /// Rows returned.
    pub rows_returned: u64,
    /// Rows of overlapping runs that were merged.
    pub rows_merged: u64,
    /// Time spent planning.
    pub plan_seconds: f64,
    /// Time waiting for the store.
    pub fetch_seconds: f64,
    /// Time decoding.
    pub decode_seconds: f64,
    /// Time merging.
    pub merge_seconds: f64,
    /// Time deciding filters.
    pub filter_seconds: f64,
}

impl From<PlanMetrics> for Metrics {
    fn from(metrics: PlanMetrics) -> Self {
        Self {
            requests: metrics.store.gets,
            bytes: metrics.store.bytes_read,
            rounds: metrics.store.rounds,
            runs: metrics.runs,
            fragments: metrics.fragments,
            stripes: metrics.stripes,
            stripes_pruned: metrics.stripes_pruned,
            rows_read: metrics.rows_read,
            rows_returned: metrics.rows_returned,
            rows_merged: metrics.rows_merged,
            plan_seconds: metrics.times.plan.as_secs_f64(),
            fetch_seconds: metrics.times.fetch.as_secs_f64(),
            decode_seconds: metrics.times.decode.as_secs_f64(),
            merge_seconds: metrics.times.merge.as_secs_f64(),
            filter_seconds: metrics.times.filter.as_secs_f64(),
        }
    }
}
