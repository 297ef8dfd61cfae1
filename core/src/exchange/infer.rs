//! The types of values that belong to no column yet.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};

use super::value::Value;
use crate::{Code, Error, Result};

/// The type of values that belong to no column yet.
///
/// # Errors
/// `TypeMismatch` when they have no type in common.
pub(super) fn infer(column: &str, values: &[&Value]) -> Result<DataType> {
    let mut found = DataType::Null;
    for value in values {
        found = common(&found, &type_of(column, value)?).ok_or_else(|| {
            Error::new(
                Code::TypeMismatch,
                format!("the values of new column {column} have no type in common: name its type"),
            )
        })?;
    }
    Ok(found)
}

fn type_of(column: &str, value: &Value) -> Result<DataType> {
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    Ok(match value {
        Value::Null => DataType::Null,
        Value::Bool(_) => DataType::Boolean,
        Value::Int(_) => DataType::Int64,
        Value::UInt(_) => DataType::UInt64,
        Value::Float(_) => DataType::Float64,
        Value::Decimal(text) => {
            let digits = text.bytes().filter(u8::is_ascii_digit).count().clamp(1, 38);
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            DataType::Decimal128(u8::try_from(digits).unwrap_or(38), i8::try_from(scale).unwrap_or(38))
        }
        Value::Text(_) => DataType::Utf8,
        Value::Binary(_) => DataType::Binary,
        Value::Date(_) => DataType::Date32,
        Value::Time(_, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(*unit),
        Value::Time(_, unit) => DataType::Time64(*unit),
        Value::Timestamp(_, unit) => DataType::Timestamp(*unit, Some("UTC".into())),
        Value::Duration(_, unit) => DataType::Duration(*unit),
        Value::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        Value::List(items) => DataType::List(item(infer(column, &items.iter().collect::<Vec<_>>())?)),
        Value::Struct(members) => {
            let fields = members
                .iter()
                .map(|(name, value)| Ok(Field::new(name.as_ref(), type_of(column, value)?, true)))
                .collect::<Result<Vec<_>>>()?;
            DataType::Struct(fields.into())
        }
        Value::Map(_) => {
            return Err(Error::new(
                Code::UnsupportedType,
                format!("name the type of new column {column}: a map has none"),
            ));
        }
    })
}

/// The narrowest type that holds the values of both.
fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    Some(match (one, other) {
        (one, other) if one == other => one.clone(),
        (DataType::Null, other) => other.clone(),
        (one, DataType::Null) => one.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        (DataType::Int64, DataType::UInt64) | (DataType::UInt64, DataType::Int64) => DataType::Int64,
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            let scale = (*s1).max(*s2);
            let whole = (i16::from(*p1) - i16::from(*s1)).max(i16::from(*p2) - i16::from(*s2));
            DataType::Decimal128(u8::try_from(whole + i16::from(scale)).ok()?.min(38), scale)
        }
        (DataType::List(one), DataType::List(other)) => {
            let item = common(one.data_type(), other.data_type())?;
            DataType::List(Arc::new(Field::new_list_field(item, true)))
        }
        (DataType::Struct(one), DataType::Struct(other)) => {
            let mut fields: Vec<FieldRef> = Vec::new();
            for field in one {
                let data_type = match other.find(field.name()) {
                    Some((_, twin)) => common(field.data_type(), twin.data_type())?,
                    None => field.data_type().clone(),
                };
                fields.push(Arc::new(Field::new(field.name(), data_type, true)));
            }
            fields.extend(other.iter().filter(|field| one.find(field.name()).is_none()).cloned());
            DataType::Struct(fields.into())
        }
        _ => return None,
    })
}
