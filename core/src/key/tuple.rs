//! Keys as FoundationDB tuples: from columns to bytes.
//!
//! Integers are integers whatever their width, float16 is a float32, timestamps count microseconds. A nanosecond
//! timestamp is two integers, the whole microseconds (rounded down) and the 0–999 nanoseconds after them: rounding
//! would make two keys one. −0.0 is 0.0 and every NaN is the one quiet NaN, which sorts last.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray, StringViewArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use half::f16;

use super::canonical::{canonical_f32, canonical_f64};
use super::element;
use super::{Key, KeySchema};
use crate::bail;
use crate::error::{Code, Error, Result};

/// The tuple of one row. Encoding many rows is cheaper with one [`TupleEncoder`].
///
/// `columns` may be fewer than the key's: the result is then a prefix, as used in bounds.
pub fn encode(columns: &[ArrayRef], row: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    TupleEncoder::try_new(columns)?.write(row, &mut out);
    Ok(out)
}

/// The key, or the prefix of a key, given by the first values of some columns.
///
/// Fails with [`Code::NullKey`] or [`Code::TypeMismatch`] naming the column.
pub fn key_from_values(schema: &KeySchema, values: &[ArrayRef]) -> Result<Key> {
    schema.check(values)?;
    match values.first() {
        Some(first) if first.is_empty() => bail!(Code::InvalidArgument, "a key needs one value per column, got none"),
        _ => Ok(Key::from(encode(values, 0)?)),
    }
}

/// Encodes rows of key columns as tuples.
#[derive(Clone)]
pub struct TupleEncoder<'a> {
    columns: Vec<Column<'a>>,
    len: usize,
}

impl<'a> TupleEncoder<'a> {
    /// Prepares columns of one length without nulls. They may be a prefix of the key's columns.
    pub fn try_new(columns: &'a [ArrayRef]) -> Result<Self> {
        let len = columns.first().map_or(0, |column| column.len());
        for (position, column) in columns.iter().enumerate() {
            if column.len() != len {
                bail!(Code::InvalidArgument, "key column {position} has {} rows, the first {len}", column.len());
            }
            if column.is_nullable() {
                bail!(Code::NullKey, "key column {position} holds a null");
            }
        }
        Ok(Self { columns: columns.iter().map(Column::try_new).collect::<Result<_>>()?, len })
    }

    /// Appends the tuple of one row to `out`.
    #[inline]
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        for column in &self.columns {
            column.write(row, out);
        }
    }

    /// The tuples of all rows in one array.
    ///
    /// Fails with [`Code::LimitExceeded`] if they exceed 2 GiB together.
    pub fn encode_all(&self) -> Result<BinaryArray> {
        let mut bytes = Vec::with_capacity(self.len * self.columns.len() * 9);
        let mut offsets = Vec::with_capacity(self.len + 1);
        offsets.push(0i32);
        for row in 0..self.len {
            self.write(row, &mut bytes);
            let end = i32::try_from(bytes.len()).map_err(|_| {
                Error::new(Code::LimitExceeded, "the keys of one batch exceed 2 GiB as tuples: use smaller batches")
            })?;
            offsets.push(end);
        }
        Ok(BinaryArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), bytes.into(), None)?)
    }
}

/// A key column, downcast once for all rows.
#[derive(Clone)]
enum Column<'a> {
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [f16]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Seconds(&'a [i64]),
    Millis(&'a [i64]),
    Nanos(&'a [i64]),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
}

impl<'a> Column<'a> {
    fn try_new(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Int8 => Self::Int8(array.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Self::Int16(array.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Self::Int32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Self::Int64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Self::UInt8(array.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Self::UInt16(array.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Self::UInt32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Self::UInt64(array.as_primitive::<UInt64Type>().values()),
            DataType::Float16 => Self::Float16(array.as_primitive::<Float16Type>().values()),
            DataType::Float32 => Self::Float32(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Self::Float64(array.as_primitive::<Float64Type>().values()),
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => Self::Seconds(array.as_primitive::<TimestampSecondType>().values()),
                TimeUnit::Millisecond => Self::Millis(array.as_primitive::<TimestampMillisecondType>().values()),
                TimeUnit::Microsecond => Self::Int64(array.as_primitive::<TimestampMicrosecondType>().values()),
                TimeUnit::Nanosecond => Self::Nanos(array.as_primitive::<TimestampNanosecondType>().values()),
            },
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view()),
            other => bail!(Code::TypeMismatch, "a value of type {other} cannot be part of a key"),
        })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Int8(values) => element::write_i64(out, values[row].into()),
            Self::Int16(values) => element::write_i64(out, values[row].into()),
            Self::Int32(values) => element::write_i64(out, values[row].into()),
            Self::Int64(values) => element::write_i64(out, values[row]),
            Self::UInt8(values) => element::write_u64(out, values[row].into()),
            Self::UInt16(values) => element::write_u64(out, values[row].into()),
            Self::UInt32(values) => element::write_u64(out, values[row].into()),
            Self::UInt64(values) => element::write_u64(out, values[row]),
            Self::Float16(values) => element::write_f32(out, canonical_f32(values[row].to_f32())),
            Self::Float32(values) => element::write_f32(out, canonical_f32(values[row])),
            Self::Float64(values) => element::write_f64(out, canonical_f64(values[row])),
            Self::Seconds(values) => element::write_i128(out, i128::from(values[row]) * 1_000_000),
            Self::Millis(values) => element::write_i128(out, i128::from(values[row]) * 1_000),
            Self::Nanos(values) => {
                element::write_i64(out, values[row].div_euclid(1_000));
                element::write_i64(out, values[row].rem_euclid(1_000));
            }
            Self::Utf8(values) => element::write_text(out, values.value(row)),
            Self::LargeUtf8(values) => element::write_text(out, values.value(row)),
            Self::Utf8View(values) => element::write_text(out, values.value(row)),
            Self::Binary(values) => element::write_bytes(out, values.value(row)),
            Self::LargeBinary(values) => element::write_bytes(out, values.value(row)),
            Self::BinaryView(values) => element::write_bytes(out, values.value(row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, TimestampNanosecondArray, TimestampSecondArray};

    use super::*;

    #[test]
    fn the_published_sample_encodes_byte_for_byte() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec!["Goliath_2025-10-20_20-40-05"])),
            Arc::new(Int64Array::from(vec![52_431_216])),
        ];
        let expected = [b"\x02Goliath_2025-10-20_20-40-05\x00".as_slice(), &[0x18, 0x03, 0x20, 0x09, 0x70]].concat();
        assert_eq!(encode(&columns, 0).unwrap(), expected);
        assert_eq!(encode(&columns[..1], 0).unwrap(), expected[..29]);
    }

    #[test]
    fn nanosecond_keys_stay_distinct_within_a_microsecond() {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(TimestampNanosecondArray::from(vec![-1, 0, 1, 999, 1000, i64::MIN]))];
        let encoded: Vec<_> = (0..6).map(|row| encode(&columns, row).unwrap()).collect();
        assert!(encoded[..5].is_sorted_by(|a, b| a < b));
        assert!(encoded[5] < encoded[0]);
        assert_eq!(encoded[2], [0x14, 0x15, 1]);
    }

    #[test]
    fn extreme_seconds_do_not_overflow() {
        let columns: Vec<ArrayRef> = vec![Arc::new(TimestampSecondArray::from(vec![i64::MIN, -1, 0, 1, i64::MAX]))];
        let encoded: Vec<_> = (0..5).map(|row| encode(&columns, row).unwrap()).collect();
        assert!(encoded.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_null_is_refused_by_name() {
        let schema = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        let error = key_from_values(&schema, &[Arc::new(Int64Array::from(vec![None]))]).unwrap_err();
        assert_eq!(error.code(), Code::NullKey);
        assert!(error.message().contains("id"), "{error}");
    }
}
