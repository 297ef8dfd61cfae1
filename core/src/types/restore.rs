//! From the physical form of a column back to the user's type.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::MutableBuffer;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Fields, IntervalUnit};

use super::storage::{mismatch, reinterpret};
use super::{encoded, lists};
use crate::bail;
use crate::error::{Code, Error, Result};

/// The user's form of stored values.
///
/// Strings, binary, lists and decimals are accepted in any layout or width that the fragment reader found cheapest.
/// Fails with [`Code::TypeMismatch`] if `array` is no storage form of `target`, with [`Code::Corrupt`] if its values
/// cannot be, and with [`Code::LimitExceeded`] if one batch does not fit the user's 32-bit offsets or dictionary keys.
pub fn from_storage(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    use DataType::*;
    Ok(match target {
        Null => Arc::new(NullArray::new(array.len())),
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) | Duration(_) | Interval(IntervalUnit::YearMonth) => {
            restore_words(array, target)?
        }
        Interval(IntervalUnit::DayTime) => day_time(array, target)?,
        Interval(IntervalUnit::MonthDayNano) => month_day_nano(array, target)?,
        Utf8 | LargeUtf8 | Utf8View if is_string(array.data_type()) => relayout(array, target)?,
        Binary | LargeBinary | BinaryView if is_binary(array.data_type()) => relayout(array, target)?,
        FixedSizeBinary(width) => fixed_size_binary(array, target, *width)?,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => decimal(array, target)?,
        List(field) => lists::restore_list::<i32>(array, target, field)?,
        LargeList(field) => lists::restore_list::<i64>(array, target, field)?,
        ListView(field) => lists::restore_view::<i32>(array, target, field)?,
        LargeListView(field) => lists::restore_view::<i64>(array, target, field)?,
        FixedSizeList(field, size) => lists::restore_fixed(array, target, field, *size)?,
        Struct(fields) => structure(array, target, fields)?,
        Map(entries, sorted) => lists::restore_map(array, target, entries, *sorted)?,
        Dictionary(key, value) => encoded::restore_dictionary(array, key, value)?,
        RunEndEncoded(ends, values) => encoded::restore_runs(array, ends, values)?,
        _ if array.data_type() == target => Arc::clone(array),
        _ => return Err(mismatch(array.data_type(), target)),
    })
}

/// A temporal type from the integer it is stored as, and from nothing else of the same width.
fn restore_words(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Int32 | DataType::Int64 => reinterpret(array, target),
        other => Err(mismatch(other, target)),
    }
}

fn day_time(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let Some(values) = array.as_primitive_opt::<Int64Type>() else {
        return Err(mismatch(array.data_type(), target));
    };
    let split = |value: i64| {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        IntervalDayTime::new(i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]))
    };
    let intervals: IntervalDayTimeArray = values.unary(split);
    Ok(Arc::new(intervals))
}

fn month_day_nano(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let bytes = binary(array, target)?;
    let parse = |bytes: &[u8]| {
        let Ok(bytes) = <[u8; 16]>::try_from(bytes) else {
            bail!(Code::Corrupt, "a stored interval has {} bytes instead of 16", bytes.len());
        };
        let value = u128::from_be_bytes(bytes);
        let [a, b, c, d, e, f, g, h, nanos @ ..] = value.to_be_bytes();
        let (months, days) = (i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]));
        Ok(IntervalMonthDayNano::new(months, days, i64::from_be_bytes(nanos)))
    };
    let values = bytes.iter().map(|value| value.map(parse).transpose()).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(values)))
}

fn fixed_size_binary(array: &ArrayRef, target: &DataType, width: i32) -> Result<ArrayRef> {
    let bytes = binary(array, target)?;
    let Ok(size) = usize::try_from(width) else {
        return Err(mismatch(array.data_type(), target));
    };
    let Some(total) = bytes.len().checked_mul(size) else {
        bail!(Code::LimitExceeded, "{} values of {size} bytes exceed memory", bytes.len());
    };
    let mut values = MutableBuffer::with_capacity(total);
    for value in bytes.iter() {
        match value {
            None => values.extend_zeros(size),
            Some(value) if value.len() == size => values.extend_from_slice(value),
            Some(value) => bail!(Code::Corrupt, "a stored value has {} bytes instead of {size}", value.len()),
        }
    }
    let nulls = bytes.nulls().cloned();
    Ok(Arc::new(FixedSizeBinaryArray::try_new_with_len(width, values.into(), nulls, bytes.len())?))
}

fn structure(array: &ArrayRef, target: &DataType, fields: &Fields) -> Result<ArrayRef> {
    if fields.is_empty() {
        let Some(present) = array.as_boolean_opt() else {
            return Err(mismatch(array.data_type(), target));
        };
        return Ok(Arc::new(StructArray::new_empty_fields(present.len(), present.nulls().cloned())));
    }
    let Some(stored) = array.as_struct_opt().filter(|stored| stored.num_columns() == fields.len()) else {
        return Err(mismatch(array.data_type(), target));
    };
    let pairs = stored.columns().iter().zip(fields);
    let children = pairs.map(|(child, field)| from_storage(child, field.data_type())).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), children, stored.nulls().cloned())?))
}

fn decimal(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if !array.data_type().is_decimal() {
        return Err(mismatch(array.data_type(), target));
    }
    strict_cast(array, target)
}

fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

fn relayout(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if matches!(target, DataType::Utf8 | DataType::Binary) && content_bytes(array) > i32::MAX as usize {
        bail!(Code::LimitExceeded, "the values of one batch exceed the 2 GiB of {target}: read smaller batches");
    }
    strict_cast(array, target)
}

/// How many bytes the values of a string or binary array have together.
fn content_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(|length| length as usize).sum(),
        DataType::LargeUtf8 => array.as_string::<i64>().offsets().lengths().sum(),
        DataType::LargeBinary => array.as_binary::<i64>().offsets().lengths().sum(),
        _ => 0,
    }
}

fn binary(array: &ArrayRef, target: &DataType) -> Result<LargeBinaryArray> {
    if !is_binary(array.data_type()) {
        return Err(mismatch(array.data_type(), target));
    }
    Ok(strict_cast(array, &DataType::LargeBinary)?.as_binary::<i64>().clone())
}

/// A cast that fails instead of turning what does not fit into null.
fn strict_cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| {
        let message = format!("stored values of type {} cannot be read as {target}", array.data_type());
        Error::new(Code::Corrupt, message).with_source(error)
    })
}
