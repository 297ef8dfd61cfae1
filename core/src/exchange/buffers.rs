//! Columns as plain buffers, for hosts without an Arrow library: one copy per column instead of one value per cell.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::OffsetBuffer;
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};

use super::names::plain_type;
use super::read::values_from_array;
use super::value::Value;
use crate::Result;

/// What the buffers of a column hold. It follows from the column's type alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One byte per row, 0 or 1.
    Bool,
    /// Integers but `uint64`, as 64-bit integers.
    Int,
    /// `uint64`.
    UInt,
    /// Floats of any width, as 64-bit floats.
    Float,
    /// Decimals, as exact text.
    Decimal,
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// Days since 1970-01-01, as 64-bit integers.
    Date,
    /// Times of day, as 64-bit integers.
    Time {
        /// Their unit.
        unit: TimeUnit,
    },
    /// Moments since 1970, as 64-bit integers.
    Timestamp {
        /// Their unit.
        unit: TimeUnit,
        /// Whether the column has a zone; they are then in UTC.
        zoned: bool,
    },
    /// Spans of time, as 64-bit integers.
    Duration {
        /// Their unit.
        unit: TimeUnit,
    },
    /// Lists, structs, maps and intervals, which have no buffers but single values.
    Nested,
}

/// The rows of a column. Numbers have this machine's byte order.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnBuffers {
    /// What the buffers hold.
    pub layout: Layout,
    /// One byte per row, 1 where it is null; absent when no row is. Null rows have no value worth reading.
    pub nulls: Option<Vec<u8>>,
    /// Numbers of the rows, or the bytes of all rows one after another.
    pub values: Vec<u8>,
    /// Where the bytes of each row begin, and where the last ones end, as 32-bit integers. Empty for numbers.
    pub offsets: Vec<u8>,
    /// Single values, for the layout that has them.
    pub nested: Vec<Value>,
}

/// The buffers of an array.
///
/// # Errors
/// As [`values_from_array`].
pub fn column_buffers(array: &ArrayRef) -> Result<ColumnBuffers> {
    if let Some(plain) = plain_type(array.data_type()) {
        return column_buffers(&cast(array, &plain)?);
    }
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    let of = |layout, values: Vec<u8>| ColumnBuffers {
        layout,
        nulls: nulls.as_ref().map(|nulls| nulls.iter().map(|valid| u8::from(!valid)).collect()),
        values,
        offsets: Vec::new(),
        nested: Vec::new(),
    };
    let ints = |layout| -> Result<ColumnBuffers> {
        let raw = cast(array, &DataType::Int64)?;
        Ok(of(layout, raw.as_primitive::<Int64Type>().values().inner().as_slice().to_vec()))
    };
    let texts = |layout, offsets: &OffsetBuffer<i32>, bytes: &[u8]| {
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let position = |offset: i32| usize::try_from(offset).unwrap_or(0);
        ColumnBuffers {
            offsets: offsets.iter().flat_map(|offset| (offset - first).to_ne_bytes()).collect(),
            ..of(layout, bytes[position(first)..position(last)].to_vec())
        }
    };
    Ok(match array.data_type() {
        DataType::Boolean => of(Layout::Bool, array.as_boolean().values().iter().map(u8::from).collect()),
        DataType::UInt64 => of(Layout::UInt, array.as_primitive::<UInt64Type>().values().inner().as_slice().to_vec()),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            of(Layout::Float, wide.as_primitive::<Float64Type>().values().inner().as_slice().to_vec())
        }
        data_type if data_type.is_integer() => ints(Layout::Int)?,
        DataType::Date32 => ints(Layout::Date)?,
        DataType::Date64 => {
            let raw = cast(array, &DataType::Int64)?;
            let days = raw.as_primitive::<Int64Type>().values().iter().map(|millis| millis.div_euclid(86_400_000));
            of(Layout::Date, days.flat_map(i64::to_ne_bytes).collect())
        }
        DataType::Time32(unit) | DataType::Time64(unit) => ints(Layout::Time { unit: *unit })?,
        DataType::Timestamp(unit, zone) => ints(Layout::Timestamp { unit: *unit, zoned: zone.is_some() })?,
        DataType::Duration(unit) => ints(Layout::Duration { unit: *unit })?,
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            texts(Layout::Text, text.offsets(), text.value_data())
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            texts(Layout::Binary, bytes.offsets(), bytes.value_data())
        }
        data_type if data_type.is_decimal() => {
            let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
            for value in values_from_array(array)? {
                if let Value::Decimal(text) = value {
                    bytes.extend_from_slice(text.as_bytes());
                }
                offsets.push(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            }
            texts(Layout::Decimal, &OffsetBuffer::new(offsets.into()), &bytes)
        }
        _ => ColumnBuffers { nested: values_from_array(array)?, ..of(Layout::Nested, Vec::new()) },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int32Array, StringArray};

    use super::*;

    #[test]
    fn buffers_of_slices_begin_at_their_first_row() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None, Some("three")]));
        let found = column_buffers(&text.slice(1, 2)).unwrap();
        assert_eq!(
            (found.layout, found.nulls.as_deref(), &*found.values),
            (Layout::Text, Some(&[1, 0][..]), &b"three"[..])
        );
        assert_eq!(found.offsets, [0, 0, 5].map(i32::to_ne_bytes).concat());
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7, -1]));
        let found = column_buffers(&numbers.slice(1, 1)).unwrap();
        assert_eq!((found.layout, found.nulls, found.values), (Layout::Int, None, (-1_i64).to_ne_bytes().to_vec()));
    }
}
