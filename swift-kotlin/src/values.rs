//! Single values, as they cross in rows and keys.

use arrow_schema::TimeUnit;
use spiral_bindings as facade;

/// Unit of times, timestamps and durations.
#[uniffi::remote(Enum)]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Thousandths of a second.
    Millisecond,
    /// Millionths of a second.
    Microsecond,
    /// Billionths of a second.
    Nanosecond,
}

/// A member of a struct.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// An entry of a map.
#[derive(Debug, Clone, uniffi::Record)]
pub struct MapEntry {
    /// Its key.
    pub key: Value,
    /// Its value.
    pub value: Value,
}

/// One value of a cell, bit for bit. Which case a column has follows from its type alone.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Value {
    /// A null, or a gap.
    Null,
    /// `bool`.
    Bool {
        /// The value.
        value: bool,
    },
    /// Integers but `uint64`.
    Int {
        /// The value.
        value: i64,
    },
    /// `uint64`.
    UInt {
        /// The value.
        value: u64,
    },
    /// Floats of any width.
    Float {
        /// The value.
        value: f64,
    },
    /// Decimals.
    Decimal {
        /// Exact text, with the zeros of the scale.
        text: String,
    },
    /// Strings.
    Text {
        /// The value.
        value: String,
    },
    /// Binaries.
    Binary {
        /// The value.
        value: Vec<u8>,
    },
    /// Dates.
    Date {
        /// Days since 1970-01-01.
        days: i64,
    },
    /// Times of day.
    Time {
        /// Units since midnight.
        value: i64,
        /// The column's unit.
        unit: TimeUnit,
    },
    /// Moments, in UTC when the column has a zone.
    Timestamp {
        /// Units since 1970-01-01T00:00:00.
        value: i64,
        /// The column's unit.
        unit: TimeUnit,
    },
    /// Spans of time.
    Duration {
        /// Number of units.
        value: i64,
        /// The column's unit.
        unit: TimeUnit,
    },
    /// Calendar intervals, whose parts do not convert into each other.
    Interval {
        /// Months.
        months: i32,
        /// Days.
        days: i32,
        /// Nanoseconds.
        nanoseconds: i64,
    },
    /// Lists.
    Items {
        /// The items.
        items: Vec<Value>,
    },
    /// Structs, in the order of their fields.
    Members {
        /// The members.
        members: Vec<Member>,
    },
    /// Maps, in stored order.
    Entries {
        /// The entries.
        entries: Vec<MapEntry>,
    },
}

impl From<Value> for facade::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool { value } => Self::Bool(value),
            Value::Int { value } => Self::Int(value),
            Value::UInt { value } => Self::UInt(value),
            Value::Float { value } => Self::Float(value),
            Value::Decimal { text } => Self::Decimal(text),
            Value::Text { value } => Self::Text(value),
            Value::Binary { value } => Self::Binary(value),
            Value::Date { days } => Self::Date(days),
            Value::Time { value, unit } => Self::Time(value, unit),
            Value::Timestamp { value, unit } => Self::Timestamp(value, unit),
            Value::Duration { value, unit } => Self::Duration(value, unit),
            Value::Interval { months, days, nanoseconds } => {
                Self::Interval(facade::Interval { months, days, nanoseconds })
            }
            Value::Items { items } => Self::List(values(items)),
            Value::Members { members } => {
                Self::Struct(members.into_iter().map(|Member { name, value }| (name.into(), value.into())).collect())
            }
            Value::Entries { entries } => {
                Self::Map(entries.into_iter().map(|MapEntry { key, value }| (key.into(), value.into())).collect())
            }
        }
    }
}

impl From<facade::Value> for Value {
    fn from(value: facade::Value) -> Self {
        use facade::Value as Facade;
        match value {
            Facade::Null => Self::Null,
            Facade::Bool(value) => Self::Bool { value },
            Facade::Int(value) => Self::Int { value },
            Facade::UInt(value) => Self::UInt { value },
            Facade::Float(value) => Self::Float { value },
            Facade::Decimal(text) => Self::Decimal { text },
            Facade::Text(value) => Self::Text { value },
            Facade::Binary(value) => Self::Binary { value },
            Facade::Date(days) => Self::Date { days },
            Facade::Time(value, unit) => Self::Time { value, unit },
            Facade::Timestamp(value, unit) => Self::Timestamp { value, unit },
            Facade::Duration(value, unit) => Self::Duration { value, unit },
            Facade::Interval(facade::Interval { months, days, nanoseconds }) => {
                Self::Interval { months, days, nanoseconds }
            }
            Facade::List(items) => Self::Items { items: items.into_iter().map(Self::from).collect() },
            Facade::Struct(members) => {
                let member = |(name, value): (std::sync::Arc<str>, _)| Member {
                    name: name.as_ref().to_owned(),
                    value: Self::from(value),
                };
                Self::Members { members: members.into_iter().map(member).collect() }
            }
            Facade::Map(entries) => {
                let entry = |(key, value)| MapEntry { key: Self::from(key), value: Self::from(value) };
                Self::Entries { entries: entries.into_iter().map(entry).collect() }
            }
        }
    }
}

pub(crate) fn values(values: Vec<Value>) -> Vec<facade::Value> {
    values.into_iter().map(facade::Value::from).collect()
}

pub(crate) fn keys(keys: Vec<Vec<Value>>) -> Vec<Vec<facade::Value>> {
    keys.into_iter().map(values).collect()
}
