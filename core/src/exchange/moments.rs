//! Dates, times, timestamps and durations made of single values.

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, PrimitiveArray, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::build::{Builder, text};
use super::number::whole;
use super::value::Value;
use crate::{Code, Error, Result};

const MILLIS_PER_DAY: i64 = 86_400_000;

impl Builder<'_> {
    /// From raw numbers in the column's unit, values of a unit, or text.
    pub(super) fn moments(&self, data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
        if values.iter().any(|value| matches!(value, Value::Text(_))) {
            let mixed = format!("column {} mixes text with other values", self.column);
            let texts = self.cells(data_type, values, text).map_err(|_| Error::new(Code::TypeMismatch, mixed))?;
            return self.cast(&(Arc::new(StringArray::from(texts)) as ArrayRef), data_type);
        }
        let raw = self.cells(data_type, values, |value| raw(value, data_type))?;
        let raw: ArrayRef = Arc::new(PrimitiveArray::<Int64Type>::from_iter(raw));
        match data_type {
            DataType::Date32 | DataType::Time32(_) => self.cast(&self.cast(&raw, &DataType::Int32)?, data_type),
            _ => self.cast(&raw, data_type),
        }
    }
}

/// The number that stands for a value in a column of a type.
fn raw(value: &Value, data_type: &DataType) -> Option<i64> {
    match (value, data_type) {
        (Value::Int(number), _) => Some(*number),
        (Value::Float(number), _) => whole(*number),
        (Value::Date(days), DataType::Date32) => Some(*days),
        (Value::Date(days), DataType::Date64) => days.checked_mul(MILLIS_PER_DAY),
        // Languages whose dates are moments pass the midnight, in UTC, that a day begins with.
        (Value::Timestamp(number, from), DataType::Date32) => whole_days(*number, *from),
        (Value::Timestamp(number, from), DataType::Date64) => whole_days(*number, *from)?.checked_mul(MILLIS_PER_DAY),
        (Value::Timestamp(number, from), DataType::Timestamp(to, _))
        | (Value::Time(number, from), DataType::Time32(to) | DataType::Time64(to))
        | (Value::Duration(number, from), DataType::Duration(to)) => in_unit(*number, *from, *to),
        _ => None,
    }
}

/// The days since 1970 that a moment at midnight, in UTC, is.
fn whole_days(number: i64, unit: TimeUnit) -> Option<i64> {
    let seconds = in_unit(number, unit, TimeUnit::Second)?;
    (seconds % 86_400 == 0).then_some(seconds / 86_400)
}

/// A number of one unit of time in another one, if it is whole there.
fn in_unit(number: i64, from: TimeUnit, to: TimeUnit) -> Option<i64> {
    let per_second = |unit| match unit {
        TimeUnit::Second => 1_i128,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let scaled = i128::from(number) * per_second(to);
    if scaled % per_second(from) != 0 {
        return None;
    }
    i64::try_from(scaled / per_second(from)).ok()
}
