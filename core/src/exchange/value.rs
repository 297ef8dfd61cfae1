//! Single values of cells.

use std::sync::Arc;

use arrow_schema::TimeUnit;

use crate::{Code, Error, Result};

/// Deepest nesting of lists and structs in one value.
const MAX_DEPTH: usize = 64;

/// One value of a cell. Which variant a column has follows from its type alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A null, or a gap.
    Null,
    /// `bool`.
    Bool(bool),
    /// Integers that fit: all but `uint64`.
    Int(i64),
    /// `uint64`.
    UInt(u64),
    /// Floats, all widths.
    Float(f64),
    /// Decimals, as exact text.
    Decimal(String),
    /// Strings, all layouts.
    Text(String),
    /// Binaries, all layouts.
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Time of day in the column's unit.
    Time(i64, TimeUnit),
    /// Since 1970-01-01T00:00:00, in UTC when the column has a zone, in the column's unit.
    Timestamp(i64, TimeUnit),
    /// A span of time in the column's unit.
    Duration(i64, TimeUnit),
    /// A calendar interval.
    Interval(Interval),
    /// Lists, all layouts.
    List(Vec<Value>),
    /// Structs, in the order of their fields.
    Struct(Vec<(Arc<str>, Value)>),
    /// Maps, in stored order.
    Map(Vec<(Value, Value)>),
}

/// A calendar interval; its parts do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Nanoseconds.
    pub nanoseconds: i64,
}

impl Value {
    /// What a value is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Decimal(_) => "a decimal",
            Value::Text(_) => "text",
            Value::Binary(_) => "binary",
            Value::Date(_) => "a date",
            Value::Time(..) => "a time",
            Value::Timestamp(..) => "a timestamp",
            Value::Duration(..) => "a duration",
            Value::Interval(_) => "an interval",
            Value::List(_) => "a list",
            Value::Struct(_) => "a struct",
            Value::Map(_) => "a map",
        }
    }
}

/// Refuses values that nest without end.
pub(super) fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::new(Code::LimitExceeded, format!("values nest deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}
