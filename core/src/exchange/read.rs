//! Any array as single values, bit for bit.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, UInt64Type};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::names::plain_type;
use super::value::{Interval, Value, check_depth};
use crate::{Code, Error, Result};

/// The values of an array.
///
/// # Errors
/// `UnsupportedType` for types that no column has, `LimitExceeded` for nesting without end.
pub fn values_from_array(array: &ArrayRef) -> Result<Vec<Value>> {
    values_at(array, 0)
}

fn values_at(array: &ArrayRef, depth: usize) -> Result<Vec<Value>> {
    check_depth(depth)?;
    let depth = depth + 1;
    if let Some(plain) = plain_type(array.data_type()) {
        return values_at(&cast(array, &plain)?, depth);
    }
    let ints = |make: fn(i64) -> Value| -> Result<Vec<Value>> {
        let raw = cast(array, &DataType::Int64)?;
        Ok(raw.as_primitive::<Int64Type>().iter().map(|value| value.map_or(Value::Null, make)).collect())
    };
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|value| value.map_or(Value::Null, Value::Bool)).collect(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().iter().map(|value| value.map_or(Value::Null, Value::UInt)).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            wide.as_primitive::<Float64Type>().iter().map(|value| value.map_or(Value::Null, Value::Float)).collect()
        }
        data_type if data_type.is_integer() => ints(Value::Int)?,
        DataType::Date32 => ints(Value::Date)?,
        DataType::Date64 => ints(|millis| Value::Date(millis.div_euclid(86_400_000)))?,
        DataType::Time32(unit) | DataType::Time64(unit) => of_unit(ints(Value::Int)?, *unit, Value::Time),
        DataType::Timestamp(unit, _) => of_unit(ints(Value::Int)?, *unit, Value::Timestamp),
        DataType::Duration(unit) => of_unit(ints(Value::Int)?, *unit, Value::Duration),
        data_type if data_type.is_decimal() => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new())?;
            let text = |row| formatter.value(row).to_string();
            (0..array.len())
                .map(|row| if array.is_null(row) { Value::Null } else { Value::Decimal(text(row)) })
                .collect()
        }
        DataType::Interval(_) => {
            let whole = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let parts = whole.as_primitive::<IntervalMonthDayNanoType>().iter().map(|value| match value {
                None => Value::Null,
                Some(IntervalMonthDayNano { months, days, nanoseconds }) => {
                    Value::Interval(Interval { months, days, nanoseconds })
                }
            });
            parts.collect()
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            text.iter().map(|value| value.map_or(Value::Null, |value| Value::Text(value.to_owned()))).collect()
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            bytes.iter().map(|value| value.map_or(Value::Null, |value| Value::Binary(value.to_vec()))).collect()
        }
        DataType::List(_) => lists(array.as_list::<i32>().iter(), depth)?,
        DataType::FixedSizeList(..) => lists(array.as_fixed_size_list().iter(), depth)?,
        DataType::Struct(fields) => {
            let names: Vec<Arc<str>> = fields.iter().map(|field| field.name().as_str().into()).collect();
            let columns = array.as_struct().columns().iter().map(|column| values_at(column, depth));
            let mut columns = columns.collect::<Result<Vec<_>>>()?;
            (0..array.len())
                .map(|row| {
                    if array.is_null(row) {
                        return Value::Null;
                    }
                    let take = |column: &mut Vec<Value>| std::mem::replace(&mut column[row], Value::Null);
                    Value::Struct(names.iter().cloned().zip(columns.iter_mut().map(take)).collect())
                })
                .collect()
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entry = |entries: StructArray| -> Result<Value> {
                let keys = values_at(entries.column(0), depth)?;
                Ok(Value::Map(keys.into_iter().zip(values_at(entries.column(1), depth)?).collect()))
            };
            map.iter().map(|entries| entries.map_or(Ok(Value::Null), entry)).collect::<Result<_>>()?
        }
        other => return Err(Error::new(Code::UnsupportedType, format!("type {other} has no single values"))),
    })
}

fn of_unit(raw: Vec<Value>, unit: TimeUnit, make: fn(i64, TimeUnit) -> Value) -> Vec<Value> {
    let value = |value| match value {
        Value::Int(raw) => make(raw, unit),
        other => other,
    };
    raw.into_iter().map(value).collect()
}

fn lists(items: impl Iterator<Item = Option<ArrayRef>>, depth: usize) -> Result<Vec<Value>> {
    items.map(|item| item.map_or(Ok(Value::Null), |item| Ok(Value::List(values_at(&item, depth)?)))).collect()
}
