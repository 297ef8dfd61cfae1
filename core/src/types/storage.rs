//! The physical form of a column: what is handed to a fragment writer.
//!
//! | user | stored | why |
//! |---|---|---|
//! | integers, floats, boolean, decimals | the same | |
//! | strings and binary in any layout | the same | the fragment has one form for all layouts and exports any |
//! | date, time, timestamp, duration | int32 or int64 | fragments refuse values outside the calendar, and unknown zones |
//! | interval | int32; int64; 16 bytes | fragments lack it |
//! | fixed-size binary | binary | fragments lack it |
//! | null, empty struct | boolean of nulls; of presence | layouts need at least one buffer |
//! | list, large list | the same, elements nullable | |
//! | list views | large list | views may overlap or leave gaps |
//! | map | list of struct | the fragment's map is younger than the frozen edition |
//! | dictionary, run-end encoded | the values | fragments choose their own encodings |
//!
//! Every stored field is nullable at every depth: whether a user declares a field nullable may change over a table's
//! life, the bytes need not.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType,
    Field, FieldRef, Fields, IntervalUnit, TimeUnit,
};

use super::path::MAX_DEPTH;
use super::{encoded, lists};
use crate::bail;
use crate::error::{Code, Error, Result};

/// The type under which values of `data_type` are stored.
///
/// Fails with [`Code::UnsupportedType`] naming the type that cannot be stored.
pub fn storage_type(data_type: &DataType) -> Result<DataType> {
    stored(data_type, MAX_DEPTH)
}

fn stored(data_type: &DataType, depth: usize) -> Result<DataType> {
    use DataType::*;
    let Some(depth) = depth.checked_sub(1) else {
        bail!(Code::UnsupportedType, "a type nested deeper than {MAX_DEPTH} levels cannot be stored");
    };
    let child = |field: &FieldRef| stored(field.data_type(), depth).map(item);
    Ok(match data_type {
        Null => Boolean,
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => data_type.clone(),
        Float16 | Float32 | Float64 => data_type.clone(),
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => data_type.clone(),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => decimal(data_type)?,
        Date32 => Int32,
        Time32(TimeUnit::Second | TimeUnit::Millisecond) => Int32,
        Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond) => Int64,
        Date64 | Timestamp(..) | Duration(_) => Int64,
        Interval(IntervalUnit::YearMonth) => Int32,
        Interval(IntervalUnit::DayTime) => Int64,
        Interval(IntervalUnit::MonthDayNano) => Binary,
        FixedSizeBinary(width) if *width >= 0 => Binary,
        List(field) => List(child(field)?),
        LargeList(field) | ListView(field) | LargeListView(field) => LargeList(child(field)?),
        FixedSizeList(field, size) if *size >= 0 => FixedSizeList(child(field)?, *size),
        Struct(fields) if fields.is_empty() => Boolean,
        Struct(fields) => Struct(struct_fields(fields, depth)?),
        Map(entries, _) => List(child(map_entries(entries)?)?),
        Dictionary(key, value) if key.is_dictionary_key_type() => stored(value, depth)?,
        RunEndEncoded(ends, values) if ends.data_type().is_run_ends_type() => stored(values.data_type(), depth)?,
        other => bail!(Code::UnsupportedType, "a column of type {other} cannot be stored"),
    })
}

/// The storage form of an array. Types that are stored as they are cost nothing.
pub fn to_storage(array: &ArrayRef) -> Result<ArrayRef> {
    use DataType::*;
    let target = storage_type(array.data_type())?;
    if target == *array.data_type() {
        return Ok(Arc::clone(array));
    }
    Ok(match array.data_type() {
        Null => Arc::new(BooleanArray::new_null(array.len())),
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) | Duration(_) | Interval(IntervalUnit::YearMonth) => {
            reinterpret(array, &target)?
        }
        Interval(IntervalUnit::DayTime) => {
            let days_high: Int64Array = array
                .as_primitive::<IntervalDayTimeType>()
                .unary(|v| (i64::from(v.days) << 32) | i64::from(v.milliseconds.cast_unsigned()));
            Arc::new(days_high)
        }
        Interval(IntervalUnit::MonthDayNano) => Arc::new(interval_bytes(array)),
        FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            Arc::new(BinaryArray::from_iter(values.iter()))
        }
        List(_) => lists::list_to_storage::<i32>(array, &target)?,
        LargeList(_) => lists::list_to_storage::<i64>(array, &target)?,
        ListView(_) => lists::view_to_storage::<i32>(array, &target)?,
        LargeListView(_) => lists::view_to_storage::<i64>(array, &target)?,
        FixedSizeList(..) => lists::fixed_to_storage(array, &target)?,
        Struct(fields) if fields.is_empty() => presence(array),
        Struct(_) => struct_to_storage(array.as_struct(), &target)?,
        Map(..) => lists::map_to_storage(array, &target)?,
        Dictionary(..) => encoded::dictionary_to_storage(array)?,
        RunEndEncoded(..) => encoded::runs_to_storage(array)?,
        other => bail!(Code::UnsupportedType, "a column of type {other} cannot be stored"),
    })
}

/// The one shape of a stored list's child field: names and metadata belong to the table's schema.
pub(super) fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type, true))
}

fn struct_fields(fields: &Fields, depth: usize) -> Result<Fields> {
    let mut seen = HashSet::new();
    let nullable = |field: &FieldRef| {
        if !seen.insert(field.name().clone()) {
            bail!(Code::UnsupportedType, "a struct with two fields named {:?} cannot be stored", field.name());
        }
        Ok(Field::new(field.name(), stored(field.data_type(), depth)?, true))
    };
    fields.iter().map(nullable).collect()
}

fn map_entries(entries: &FieldRef) -> Result<&FieldRef> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Ok(entries),
        other => bail!(Code::UnsupportedType, "a map with entries of type {other} cannot be stored"),
    }
}

fn decimal(data_type: &DataType) -> Result<DataType> {
    use DataType::*;
    let (precision, scale, most) = match data_type {
        Decimal32(precision, scale) => (*precision, *scale, DECIMAL32_MAX_PRECISION),
        Decimal64(precision, scale) => (*precision, *scale, DECIMAL64_MAX_PRECISION),
        Decimal128(precision, scale) => (*precision, *scale, DECIMAL128_MAX_PRECISION),
        Decimal256(precision, scale) => (*precision, *scale, DECIMAL256_MAX_PRECISION),
        other => bail!(Code::UnsupportedType, "{other} is no decimal"),
    };
    if precision == 0 || precision > most || i16::from(scale) > i16::from(precision) {
        bail!(
            Code::UnsupportedType,
            "a column of type {data_type} cannot be stored: precision or scale is out of range"
        );
    }
    Ok(data_type.clone())
}

/// The same buffers under another primitive type of the same width.
pub(super) fn reinterpret(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if array.data_type().primitive_width() != target.primitive_width() || target.primitive_width().is_none() {
        return Err(mismatch(array.data_type(), target));
    }
    Ok(make_array(array.to_data().into_builder().data_type(target.clone()).build()?))
}

pub(super) fn mismatch(found: &DataType, expected: &DataType) -> Error {
    Error::new(Code::TypeMismatch, format!("stored values of type {found} cannot be read as {expected}"))
}

fn interval_bytes(array: &ArrayRef) -> BinaryArray {
    let values = array.as_primitive::<IntervalMonthDayNanoType>();
    values.iter().map(|value| value.map(interval_to_bytes)).collect()
}

fn interval_to_bytes(value: IntervalMonthDayNano) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&value.months.to_be_bytes());
    bytes[4..8].copy_from_slice(&value.days.to_be_bytes());
    bytes[8..].copy_from_slice(&value.nanoseconds.to_be_bytes());
    bytes
}

fn presence(array: &ArrayRef) -> ArrayRef {
    Arc::new(BooleanArray::new(BooleanBuffer::new_set(array.len()), array.nulls().cloned()))
}

pub(super) fn struct_to_storage(array: &StructArray, target: &DataType) -> Result<ArrayRef> {
    let DataType::Struct(fields) = target else {
        return Err(mismatch(array.data_type(), target));
    };
    let children = array.columns().iter().map(to_storage).collect::<Result<Vec<_>>>()?;
    let nulls: Option<NullBuffer> = array.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, array.len())?))
}
