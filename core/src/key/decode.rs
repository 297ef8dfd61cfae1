//! Keys as FoundationDB tuples: from bytes to columns.
//!
//! Bytes come from outside: whatever they hold, the result is columns or [`Code::Corrupt`]. A key has exactly one
//! encoding, so what was decoded is encoded again and compared; equal keys are then always equal bytes.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, Float16Array, Float32Array, Float64Array,
    LargeBinaryArray, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow_schema::{DataType, TimeUnit};
use half::f16;

use super::element::{self, Element};
use super::{KeySchema, TupleEncoder};
use crate::error::{Code, Error, Result};

/// Decodes one key into arrays of one row, one per column of the schema.
pub fn decode(bytes: &[u8], schema: &KeySchema) -> Result<Vec<ArrayRef>> {
    decode_many([bytes], schema)
}

/// Decodes many keys into one array per column of the schema.
pub fn decode_many<'a>(keys: impl IntoIterator<Item = &'a [u8]>, schema: &KeySchema) -> Result<Vec<ArrayRef>> {
    let mut columns: Vec<Values<'a>> = schema.fields().iter().map(|field| Values::new(field.data_type())).collect();
    let mut encoded = Vec::new();
    for key in keys {
        let mut rest = key;
        for column in &mut columns {
            rest = column.read(rest).ok_or_else(|| corrupt(schema))?;
        }
        if !rest.is_empty() {
            return Err(corrupt(schema));
        }
        encoded.push(key);
    }
    finish(columns, &encoded, schema)
}

/// Decodes the columns that a prefix of a key holds: arrays of one row, possibly fewer than the schema's columns.
pub fn decode_prefix(bytes: &[u8], schema: &KeySchema) -> Result<Vec<ArrayRef>> {
    let mut columns = Vec::new();
    let mut rest = bytes;
    for field in schema.fields() {
        if rest.is_empty() {
            break;
        }
        let mut column = Values::new(field.data_type());
        rest = column.read(rest).ok_or_else(|| corrupt(schema))?;
        columns.push(column);
    }
    if !rest.is_empty() {
        return Err(corrupt(schema));
    }
    finish(columns, &[bytes], schema)
}

fn finish(columns: Vec<Values<'_>>, encoded: &[&[u8]], schema: &KeySchema) -> Result<Vec<ArrayRef>> {
    let arrays = columns
        .into_iter()
        .zip(schema.fields())
        .map(|(column, field)| column.finish(field.data_type()).ok_or_else(|| corrupt(schema)))
        .collect::<Result<Vec<_>>>()?;
    let encoder = TupleEncoder::try_new(&arrays)?;
    let mut again = Vec::new();
    for (row, key) in encoded.iter().enumerate() {
        again.clear();
        encoder.write(row, &mut again);
        if again != *key {
            return Err(corrupt(schema));
        }
    }
    Ok(arrays)
}

fn corrupt(schema: &KeySchema) -> Error {
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    Error::new(Code::Corrupt, format!("the bytes are no key of type ({})", types.join(", ")))
}

/// The values of one column while rows are being read.
enum Values<'a> {
    Ints(Vec<i128>),
    Nanos(Vec<i128>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Texts(Vec<Cow<'a, str>>),
    Bytes(Vec<Cow<'a, [u8]>>),
}

impl<'a> Values<'a> {
    fn new(data_type: &DataType) -> Self {
        use DataType::*;
        match data_type {
            Timestamp(TimeUnit::Nanosecond, _) => Self::Nanos(Vec::new()),
            Float16 | Float32 => Self::Floats(Vec::new()),
            Float64 => Self::Doubles(Vec::new()),
            Utf8 | LargeUtf8 | Utf8View => Self::Texts(Vec::new()),
            Binary | LargeBinary | BinaryView => Self::Bytes(Vec::new()),
            _ => Self::Ints(Vec::new()),
        }
    }

    /// Takes this column's part off the front of a key and returns what follows it.
    fn read(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let (element, rest) = element::read(input)?;
        match (self, element) {
            (Self::Ints(values), Element::Int(value)) => values.push(value),
            (Self::Nanos(values), Element::Int(micros)) => {
                let (Element::Int(nanos), rest) = element::read(rest)? else { return None };
                values.push(micros.checked_mul(1_000)?.checked_add(nanos)?);
                return Some(rest);
            }
            (Self::Floats(values), Element::Float(value)) => values.push(value),
            (Self::Doubles(values), Element::Double(value)) => values.push(value),
            (Self::Texts(values), Element::Text(value)) => values.push(value),
            (Self::Bytes(values), Element::Bytes(value)) => values.push(value),
            _ => return None,
        }
        Some(rest)
    }

    fn finish(self, data_type: &DataType) -> Option<ArrayRef> {
        match self {
            Self::Ints(values) | Self::Nanos(values) => integers(&values, data_type),
            Self::Floats(values) => Some(match data_type {
                DataType::Float16 => Arc::new(Float16Array::from_iter_values(values.into_iter().map(f16::from_f32))),
                _ => Arc::new(Float32Array::from(values)) as ArrayRef,
            }),
            Self::Doubles(values) => Some(Arc::new(Float64Array::from(values))),
            Self::Texts(values) => Some(match data_type {
                DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values(values)),
                DataType::Utf8View => Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef,
                _ if exceeds_i32(values.iter().map(|value| value.len())) => return None,
                _ => Arc::new(StringArray::from_iter_values(values)),
            }),
            Self::Bytes(values) => Some(match data_type {
                DataType::LargeBinary => Arc::new(LargeBinaryArray::from_iter_values(values)),
                DataType::BinaryView => Arc::new(BinaryViewArray::from_iter_values(values)) as ArrayRef,
                _ if exceeds_i32(values.iter().map(|value| value.len())) => return None,
                _ => Arc::new(BinaryArray::from_iter_values(values)),
            }),
        }
    }
}

fn exceeds_i32(lengths: impl Iterator<Item = usize>) -> bool {
    i32::try_from(lengths.sum::<usize>()).is_err()
}

fn integers(values: &[i128], data_type: &DataType) -> Option<ArrayRef> {
    Some(match data_type {
        DataType::Int8 => primitive::<Int8Type>(values, 1)?,
        DataType::Int16 => primitive::<Int16Type>(values, 1)?,
        DataType::Int32 => primitive::<Int32Type>(values, 1)?,
        DataType::Int64 => primitive::<Int64Type>(values, 1)?,
        DataType::UInt8 => primitive::<UInt8Type>(values, 1)?,
        DataType::UInt16 => primitive::<UInt16Type>(values, 1)?,
        DataType::UInt32 => primitive::<UInt32Type>(values, 1)?,
        DataType::UInt64 => primitive::<UInt64Type>(values, 1)?,
        DataType::Timestamp(unit, zone) => {
            let zone = zone.clone();
            match unit {
                TimeUnit::Second => timestamp::<TimestampSecondType>(values, 1_000_000, zone)?,
                TimeUnit::Millisecond => timestamp::<TimestampMillisecondType>(values, 1_000, zone)?,
                TimeUnit::Microsecond => timestamp::<TimestampMicrosecondType>(values, 1, zone)?,
                TimeUnit::Nanosecond => timestamp::<TimestampNanosecondType>(values, 1, zone)?,
            }
        }
        _ => return None,
    })
}

fn narrowed<T: ArrowPrimitiveType>(values: &[i128], divisor: i128) -> Option<PrimitiveArray<T>>
where
    T::Native: TryFrom<i128>,
{
    let narrow: Option<Vec<T::Native>> =
        values.iter().map(|value| T::Native::try_from(value.div_euclid(divisor)).ok()).collect();
    Some(PrimitiveArray::from_iter_values(narrow?))
}

fn primitive<T: ArrowPrimitiveType>(values: &[i128], divisor: i128) -> Option<ArrayRef>
where
    T::Native: TryFrom<i128>,
{
    Some(Arc::new(narrowed::<T>(values, divisor)?))
}

fn timestamp<T: ArrowTimestampType>(values: &[i128], divisor: i128, zone: Option<Arc<str>>) -> Option<ArrayRef> {
    Some(Arc::new(narrowed::<T>(values, divisor)?.with_timezone_opt(zone)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::{key_columns, key_types};
    use super::*;

    proptest! {
        #[test]
        fn every_key_decodes_to_its_canonical_columns((schema, columns) in key_columns(8)) {
            let encoded = TupleEncoder::try_new(&columns).unwrap().encode_all().unwrap();
            let decoded = decode_many(encoded.iter().flatten(), &schema).unwrap();
            for ((column, decoded), field) in columns.iter().zip(&decoded).zip(schema.fields()) {
                prop_assert_eq!(decoded.data_type(), field.data_type());
                prop_assert_eq!(&super::super::canonical_column(column).to_data(), &decoded.to_data());
            }
        }

        #[test]
        fn prefixes_decode_to_their_first_columns((schema, columns) in key_columns(1), keep in 0..4usize) {
            let keep = keep.min(columns.len());
            let decoded = decode_prefix(&super::super::encode(&columns[..keep], 0).unwrap(), &schema).unwrap();
            prop_assert_eq!(decoded.len(), keep);
        }

        #[test]
        fn decoding_garbage_fails_cleanly(types in key_types(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let schema = KeySchema::try_new(types.into_iter().enumerate().map(|(i, t)| (format!("k{i}"), t))).unwrap();
            for result in [decode(&bytes, &schema), decode_prefix(&bytes, &schema)] {
                if let Err(error) = result {
                    prop_assert_eq!(error.code(), Code::Corrupt);
                }
            }
        }

        #[test]
        fn a_flipped_byte_never_panics((schema, columns) in key_columns(1), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = super::super::encode(&columns, 0).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(columns) = decode(&bytes, &schema) {
                prop_assert_eq!(super::super::encode(&columns, 0).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn wrong_counts_types_and_encodings_are_corrupt() {
        let schema = KeySchema::try_new([("a", DataType::Int8), ("b", DataType::Float32)]).unwrap();
        let good = [0x15, 5, 0x20, 0x80, 0, 0, 0];
        decode(&good, &schema).unwrap();
        let bad: [&[u8]; 6] = [
            &good[..2],
            &[&good[..], &[0x14]].concat(),
            &[0x15, 200, 0x20, 0x80, 0, 0, 0],
            &[0x02, b'a', 0, 0x20, 0x80, 0, 0, 0],
            &[0x16, 0, 5, 0x20, 0x80, 0, 0, 0],
            &[0x15, 5, 0x20, 0x7f, 0xff, 0xff, 0xff],
        ];
        for bytes in bad {
            assert_eq!(decode(bytes, &schema).unwrap_err().code(), Code::Corrupt, "{bytes:02x?}");
        }
    }
}
