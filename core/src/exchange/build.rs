//! Arrays made of single values.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, StringArray, new_null_array,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;

use super::names::{plain_type, type_text};
use super::number::{exact_float, whole};
use super::value::{Interval, Value, check_depth};
use crate::{Code, Error, Result};

/// An array of the given type. Text is read as dates, times, timestamps and decimals where such are wanted.
///
/// # Errors
/// `TypeMismatch` for a value that the type cannot hold exactly; the message names the column.
pub fn array_from_values<'a>(
    column: &str,
    data_type: &DataType,
    values: impl IntoIterator<Item = &'a Value>,
) -> Result<ArrayRef> {
    let values: Vec<&Value> = values.into_iter().collect();
    Builder { column }.array(data_type, &values, 0)
}

pub(super) struct Builder<'a> {
    pub(super) column: &'a str,
}

impl Builder<'_> {
    pub(super) fn array(&self, data_type: &DataType, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        check_depth(depth)?;
        if values.iter().all(|value| matches!(value, Value::Null)) {
            return Ok(new_null_array(data_type, values.len()));
        }
        Ok(match data_type {
            DataType::Boolean => Arc::new(BooleanArray::from(self.cells(data_type, values, boolean)?)),
            DataType::Int8 => self.integers::<Int8Type>(values)?,
            DataType::Int16 => self.integers::<Int16Type>(values)?,
            DataType::Int32 => self.integers::<Int32Type>(values)?,
            DataType::Int64 => self.integers::<Int64Type>(values)?,
            DataType::UInt8 => self.integers::<UInt8Type>(values)?,
            DataType::UInt16 => self.integers::<UInt16Type>(values)?,
            DataType::UInt32 => self.integers::<UInt32Type>(values)?,
            DataType::UInt64 => self.integers::<UInt64Type>(values)?,
            DataType::Float16 => Arc::new(self.floats(data_type, values)?.unary::<_, Float16Type>(half::f16::from_f64)),
            DataType::Float32 => Arc::new(self.floats(data_type, values)?.unary::<_, Float32Type>(single_of)),
            DataType::Float64 => Arc::new(self.floats(data_type, values)?),
            DataType::Utf8 => Arc::new(StringArray::from(self.cells(data_type, values, text)?)),
            DataType::Binary => Arc::new(BinaryArray::from(self.cells(data_type, values, binary)?)),
            DataType::FixedSizeBinary(width) => {
                let fits = |bytes: &&[u8]| i32::try_from(bytes.len()) == Ok(*width);
                let cells = self.cells(data_type, values, |value| binary(value).filter(fits))?;
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(cells.into_iter(), *width)?)
            }
            DataType::Interval(_) => {
                let cells = self.cells(data_type, values, interval)?;
                let whole: ArrayRef = Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from_iter(cells));
                self.cast(&whole, data_type)?
            }
            data_type if data_type.is_temporal() => self.moments(data_type, values)?,
            data_type if data_type.is_decimal() => {
                let digits: ArrayRef = Arc::new(StringArray::from(self.cells(data_type, values, decimal)?));
                self.cast(&digits, data_type)?
            }
            DataType::List(field) => self.lists(field, values, data_type, depth)?,
            DataType::FixedSizeList(field, size) => self.fixed_lists(field, *size, values, depth)?,
            DataType::Struct(fields) => self.structs(fields, values, data_type, depth)?,
            DataType::Map(entries, sorted) => self.maps(entries, *sorted, values, depth)?,
            DataType::Dictionary(_, of) => self.cast(&self.array(of, values, depth + 1)?, data_type)?,
            DataType::Null => {
                let given = values.iter().find(|value| !matches!(value, Value::Null));
                return Err(self.mismatch(given.unwrap_or(&&Value::Null), data_type));
            }
            other => match plain_type(other) {
                Some(plain) => self.cast(&self.array(&plain, values, depth + 1)?, data_type)?,
                None => return Err(Error::new(Code::UnsupportedType, format!("type {other} has no single values"))),
            },
        })
    }

    pub(super) fn mismatch(&self, value: &Value, data_type: &DataType) -> Error {
        let (column, wanted) = (self.column, type_text(data_type));
        Error::new(Code::TypeMismatch, format!("column {column} has type {wanted} and cannot hold {}", value.kind()))
    }

    /// What each value is for a type, unless it is null. A value that it cannot be is a mismatch.
    pub(super) fn cells<'v, T>(
        &self,
        data_type: &DataType,
        values: &[&'v Value],
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let cell = |value: &&'v Value| match value {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| self.mismatch(value, data_type)),
        };
        values.iter().map(cell).collect()
    }

    pub(super) fn cast(&self, array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, data_type, &strict).map_err(|error| {
            let (column, wanted) = (self.column, type_text(data_type));
            Error::new(Code::TypeMismatch, format!("column {column} has type {wanted} and cannot hold a value given"))
                .with_source(error)
        })
    }

    fn integers<T>(&self, values: &[&Value]) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + TryFrom<u64>,
    {
        let integer = |value: &Value| match value {
            Value::Int(number) => T::Native::try_from(*number).ok(),
            Value::UInt(number) => T::Native::try_from(*number).ok(),
            // Languages with one kind of number pass whole floats.
            Value::Float(number) => T::Native::try_from(whole(*number)?).ok(),
            _ => None,
        };
        Ok(Arc::new(PrimitiveArray::<T>::from_iter(self.cells(&T::DATA_TYPE, values, integer)?)))
    }

    fn floats(&self, data_type: &DataType, values: &[&Value]) -> Result<PrimitiveArray<Float64Type>> {
        let float = |value: &Value| match value {
            Value::Float(number) => Some(*number),
            Value::Int(number) => exact_float(*number),
            _ => None,
        };
        Ok(self.cells(data_type, values, float)?.into_iter().collect())
    }
}

fn boolean(value: &Value) -> Option<bool> {
    if let Value::Bool(value) = value { Some(*value) } else { None }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn binary(value: &Value) -> Option<&[u8]> {
    if let Value::Binary(bytes) = value { Some(bytes) } else { None }
}

fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Decimal(text) | Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        // The shortest text that reads back as the same number.
        Value::Float(number) if number.is_finite() => Some(format!("{number}")),
        _ => None,
    }
}

/// An interval, or the one whose parts the members of a struct are.
fn interval(value: &Value) -> Option<IntervalMonthDayNano> {
    let mut found = Interval { months: 0, days: 0, nanoseconds: 0 };
    match value {
        Value::Interval(interval) => found = *interval,
        Value::Struct(parts) => {
            for (name, part) in parts {
                let Value::Int(part) = part else { return None };
                match &**name {
                    "months" => found.months = i32::try_from(*part).ok()?,
                    "days" => found.days = i32::try_from(*part).ok()?,
                    "nanoseconds" => found.nanoseconds = *part,
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    Some(IntervalMonthDayNano::new(found.months, found.days, found.nanoseconds))
}

#[expect(clippy::cast_possible_truncation, reason = "a float32 column holds the nearest float32")]
fn single_of(wide: f64) -> f32 {
    wide as f32
}
