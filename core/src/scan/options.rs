//! What to read, in the texts and numbers that a user, a URL or another language can pass.

use serde::Deserialize;

use super::{Scan, whole};
use crate::error::Result;
use crate::exchange::{KeyBounds, Value, from_json, unpack_keys};
use crate::expr::{Expr, parse};
use crate::types::{ColumnPath, OutputProfile};

/// What to read. [`Scan::with_options`] applies it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
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
    pub strings: OutputProfile,
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

    /// Selected paths keep their places in the result, other columns stand under their names.
    fn projection(&self) -> Result<Vec<(ColumnPath, Expr)>> {
        let selected = self.select.iter().flatten().map(|text| {
            let path = ColumnPath::parse(all_of(text).unwrap_or(text))?;
            let whole = whole(&path);
            Ok((path, whole))
        });
        let columns = self.columns.iter().map(|(name, value)| {
            let value = match all_of(value) {
                Some(group) => whole(&ColumnPath::parse(group)?),
                None => parse(value)?,
            };
            Ok((ColumnPath::parse(name)?, value))
        });
        selected.chain(columns).collect()
    }
}

/// The group of which `group.*` names all columns; `*` names everything.
fn all_of(text: &str) -> Option<&str> {
    if text == "*" { Some("") } else { text.strip_suffix(".*") }
}

impl Scan {
    /// The same scan with the options of a user.
    ///
    /// # Errors
    /// `InvalidExpression` for a filter or column that cannot be parsed, `InvalidName` for a path; `InvalidArgument`
    /// and `TypeMismatch` for a key that is none of these tables.
    pub fn with_options(mut self, options: &ScanOptions) -> Result<Self> {
        if options.keys_only {
            self = self.keys_only();
        }
        if options.select.is_some() || !options.columns.is_empty() {
            self = self.project(options.projection()?);
        }
        if let Some(filter) = &options.filter {
            self = self.with_filter(parse(filter)?);
        }
        if let Some(bounds) = &options.range {
            let range = bounds.range(self.key_schema())?;
            self = self.with_ranges(&range.into());
        }
        if let Some(limit) = options.limit {
            self = self.with_limit(limit);
        }
        if options.unordered {
            self = self.unordered();
        }
        Ok(self.with_profile(options.strings))
    }
}
