//! Smallest and largest value and null count of each stripe of a column, by which a scan skips stripes.
//!
//! Statistics lie apart from the index: a read by position never fetches them, a filter fetches those of its columns.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, UInt64Array, make_array};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use prost::Message;

use crate::error::{Code, Error, Result};

/// Strings and binaries are cut to this many bytes in statistics.
const VALUE_BYTES_MAX: usize = 24;

/// Statistics of one column, one element per stripe.
#[derive(Debug, Clone)]
pub struct ColumnZones {
    /// A value not above any value of the stripe; null where unknown.
    pub min: ArrayRef,
    /// A value not below any value of the stripe; null where unknown.
    pub max: ArrayRef,
    /// Number of nulls in the stripe.
    pub null_count: UInt64Array,
}

#[derive(Clone, PartialEq, Message)]
struct Encoded {
    #[prost(message, optional, tag = "1")]
    min: Option<Bound>,
    #[prost(message, optional, tag = "2")]
    max: Option<Bound>,
    #[prost(uint64, repeated, tag = "3")]
    null_count: Vec<u64>,
}

/// One bound for every stripe: fixed-width values in Arrow's little-endian form, or the bytes of strings one after the
/// other with their lengths.
#[derive(Clone, PartialEq, Message)]
struct Bound {
    /// One bit per stripe, least significant first; empty when every stripe has a value.
    #[prost(bytes = "bytes", tag = "1")]
    validity: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    values: Bytes,
    #[prost(uint32, repeated, tag = "3")]
    lengths: Vec<u32>,
}

/// Collects the statistics of one column, a stripe at a time.
pub(crate) struct ZoneCollector {
    data_type: DataType,
    min: Vec<ArrayRef>,
    max: Vec<ArrayRef>,
    null_count: Vec<u64>,
}

impl ZoneCollector {
    /// A collector, or `None` for types without an order.
    pub(crate) fn new(data_type: &DataType) -> Option<Self> {
        has_zones(data_type).then(|| Self {
            data_type: data_type.clone(),
            min: Vec::new(),
            max: Vec::new(),
            null_count: Vec::new(),
        })
    }

    /// Adds the next stripe.
    pub(crate) fn push(&mut self, (min, max, null_count): (ArrayRef, ArrayRef, u64)) {
        self.min.push(min);
        self.max.push(max);
        self.null_count.push(null_count);
    }

    /// The encoded statistics of all stripes.
    pub(crate) fn finish(self) -> Result<Bytes> {
        let encode = |parts: &[ArrayRef]| -> Result<Option<Bound>> {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            if parts.is_empty() {
                return Ok(None);
            }
            encode_bound(&arrow_select::concat::concat(&parts)?, &self.data_type).map(Some)
        };
        let message = Encoded { min: encode(&self.min)?, max: encode(&self.max)?, null_count: self.null_count.clone() };
        Ok(message.encode_to_vec().into())
    }
}

/// Decodes the statistics of `stripes` stripes of a column.
pub(crate) fn decode(bytes: Bytes, data_type: &DataType, stripes: usize) -> Result<ColumnZones> {
    let corrupt = || Error::new(Code::Corrupt, "a column's statistics cannot be decoded");
    let message = Encoded::decode(bytes).map_err(|error| corrupt().with_source(error))?;
    if message.null_count.len() != stripes {
        return Err(corrupt());
    }
    let bound = |bound: Option<Bound>| decode_bound(bound.ok_or_else(corrupt)?, data_type, stripes);
    Ok(ColumnZones {
        min: bound(message.min)?,
        max: bound(message.max)?,
        null_count: UInt64Array::from(message.null_count),
    })
}

fn has_zones(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView)
        || (data_type.primitive_width().is_some() && !matches!(data_type, DataType::Interval(_)))
            && bounds_of_primitive(&arrow_array::new_empty_array(data_type)).is_some()
}

/// Smallest and largest value of one stripe as arrays of one element, and its number of nulls.
pub(crate) fn bounds(array: &ArrayRef) -> Option<(ArrayRef, ArrayRef, u64)> {
    let nulls = array.logical_null_count() as u64;
    let decoded = super::encode::decoded_type(array.data_type());
    let array = &arrow_cast::cast(array, &decoded).ok()?;
    let (min, max) = match array.data_type() {
        DataType::Utf8View => {
            let array = array.as_string_view();
            let (min, max) = extremes(array.iter().flatten());
            (string(min.map(floor_string)), string(max.and_then(ceil_string)))
        }
        DataType::BinaryView => {
            let array = array.as_binary_view();
            let (min, max) = extremes(array.iter().flatten());
            (binary(min.map(floor_binary)), binary(max.and_then(ceil_binary)))
        }
        _ => bounds_of_primitive(array)?,
    };
    Some((min, max, nulls))
}

fn extremes<T: PartialOrd + Copy>(mut values: impl Iterator<Item = T>) -> (Option<T>, Option<T>) {
    let Some(first) = values.next() else { return (None, None) };
    let (min, max) = values.fold((first, first), |(min, max), value| {
        (if value < min { value } else { min }, if value > max { value } else { max })
    });
    (Some(min), Some(max))
}

fn string(value: Option<String>) -> ArrayRef {
    let mut builder = StringViewBuilder::with_capacity(1);
    builder.append_option(value);
    Arc::new(builder.finish())
}

fn binary(value: Option<Vec<u8>>) -> ArrayRef {
    let mut builder = BinaryViewBuilder::with_capacity(1);
    builder.append_option(value);
    Arc::new(builder.finish())
}

fn floor_string(value: &str) -> String {
    value[..value.floor_char_boundary(VALUE_BYTES_MAX)].to_owned()
}

/// The shortest string not below every string that starts like `value`; `None` when there is no such string.
fn ceil_string(value: &str) -> Option<String> {
    if value.len() <= VALUE_BYTES_MAX {
        return Some(value.to_owned());
    }
    let mut prefix = floor_string(value);
    while let Some(last) = prefix.pop() {
        // The character after a surrogate gap or the last one has no successor: carry into the one before.
        if let Some(next) = char::from_u32(last as u32 + 1) {
            prefix.push(next);
            return Some(prefix);
        }
    }
    None
}

fn floor_binary(value: &[u8]) -> Vec<u8> {
    value[..value.len().min(VALUE_BYTES_MAX)].to_vec()
}

fn ceil_binary(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() <= VALUE_BYTES_MAX {
        return Some(value.to_vec());
    }
    let mut prefix = floor_binary(value);
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

macro_rules! primitive_bounds {
    ($array:expr; $($pattern:pat => $type:ty,)*) => {
        match $array.data_type() {
            $($pattern => Some(primitive::<$type>($array)),)*
            _ => None,
        }
    };
}

fn bounds_of_primitive(array: &ArrayRef) -> Option<(ArrayRef, ArrayRef)> {
    use DataType::{
        Date32, Date64, Decimal128, Decimal256, Duration, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Time32,
        Time64, Timestamp, UInt8, UInt16, UInt32, UInt64,
    };
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    primitive_bounds!(array;
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type,
        Float16 => Float16Type, Float32 => Float32Type, Float64 => Float64Type,
        Date32 => Date32Type, Date64 => Date64Type,
        Time32(Second) => Time32SecondType, Time32(Millisecond) => Time32MillisecondType,
        Time64(Microsecond) => Time64MicrosecondType, Time64(Nanosecond) => Time64NanosecondType,
        Timestamp(Second, _) => TimestampSecondType, Timestamp(Millisecond, _) => TimestampMillisecondType,
        Timestamp(Microsecond, _) => TimestampMicrosecondType, Timestamp(Nanosecond, _) => TimestampNanosecondType,
        Duration(Second) => DurationSecondType, Duration(Millisecond) => DurationMillisecondType,
        Duration(Microsecond) => DurationMicrosecondType, Duration(Nanosecond) => DurationNanosecondType,
        Decimal128(_, _) => Decimal128Type, Decimal256(_, _) => Decimal256Type,
    )
}

/// Bounds in the total order of the type: −0.0 below 0.0 and NaN above infinity, as comparisons see them.
fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> (ArrayRef, ArrayRef) {
    let array = array.as_primitive::<T>();
    let (min, max) = (arrow_arith::aggregate::min(array), arrow_arith::aggregate::max(array));
    // A NaN with its sign set comes first here but is the greatest value to a filter: nothing is known then.
    let unordered = min.is_some_and(|min| min.partial_cmp(&min).is_none());
    let (min, max) = if unordered { (None, None) } else { (min, max) };
    let one = |value: Option<T::Native>| -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter([value]).with_data_type(array.data_type().clone()))
    };
    (one(min), one(max))
}

fn encode_bound(array: &ArrayRef, data_type: &DataType) -> Result<Bound> {
    let validity = array.nulls().map(packed).unwrap_or_default();
    match data_type {
        DataType::Utf8View => {
            let values = array.as_string_view();
            Ok(variable(validity, values.iter().map(|value| value.map(str::as_bytes).unwrap_or_default())))
        }
        DataType::BinaryView => {
            let values = array.as_binary_view();
            Ok(variable(validity, values.iter().map(Option::unwrap_or_default)))
        }
        _ => {
            let width = data_type
                .primitive_width()
                .ok_or_else(|| Error::new(Code::Internal, format!("type {data_type} has no statistics")))?;
            let data = array.to_data();
            let begin = data.offset() * width;
            let values = Bytes::copy_from_slice(&data.buffers()[0].as_slice()[begin..begin + data.len() * width]);
            Ok(Bound { validity, values, lengths: Vec::new() })
        }
    }
}

fn packed(nulls: &NullBuffer) -> Bytes {
    if nulls.null_count() == 0 {
        return Bytes::new();
    }
    Bytes::copy_from_slice(nulls.inner().sliced().as_slice())
}

fn variable<'a>(validity: Bytes, values: impl Iterator<Item = &'a [u8]>) -> Bound {
    let mut bytes = Vec::new();
    let lengths = values
        .map(|value| {
            bytes.extend_from_slice(value);
            u32::try_from(value.len()).unwrap_or(u32::MAX)
        })
        .collect();
    Bound { validity, values: bytes.into(), lengths }
}

fn decode_bound(bound: Bound, data_type: &DataType, stripes: usize) -> Result<ArrayRef> {
    let corrupt = || Error::new(Code::Corrupt, "a column's statistics cannot be decoded");
    let valid = |stripe: usize| {
        bound.validity.is_empty() || bound.validity.get(stripe / 8).is_some_and(|byte| byte >> (stripe % 8) & 1 == 1)
    };
    if matches!(data_type, DataType::Utf8View | DataType::BinaryView) {
        if bound.lengths.len() != stripes {
            return Err(corrupt());
        }
        let mut builder = BinaryViewBuilder::with_capacity(stripes);
        let mut at = 0_usize;
        for (stripe, length) in bound.lengths.iter().enumerate() {
            let value = bound.values.get(at..at.saturating_add(*length as usize)).ok_or_else(corrupt)?;
            at += value.len();
            builder.append_option(valid(stripe).then_some(value));
        }
        let values: ArrayRef = Arc::new(builder.finish());
        return arrow_cast::cast_with_options(
            &values,
            data_type,
            &arrow_cast::CastOptions { safe: false, ..Default::default() },
        )
        .map_err(|error| corrupt().with_source(error));
    }
    let width = data_type.primitive_width().ok_or_else(corrupt)?;
    if bound.values.len() != stripes * width {
        return Err(corrupt());
    }
    let nulls: NullBuffer = (0..stripes).map(valid).collect();
    let data = ArrayData::builder(data_type.clone())
        .len(stripes)
        .add_buffer(Buffer::from(bound.values.as_ref()))
        .nulls(Some(nulls))
        .align_buffers(true)
        .build()
        .map_err(|error| corrupt().with_source(error))?;
    Ok(make_array(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BinaryViewArray, Decimal128Array, Float64Array, StringViewArray, TimestampMicrosecondArray};

    fn round_trip(stripes: &[ArrayRef]) -> ColumnZones {
        let data_type = stripes[0].data_type();
        let mut collector = ZoneCollector::new(data_type).unwrap();
        for stripe in stripes {
            collector.push(bounds(stripe).unwrap());
        }
        decode(collector.finish().unwrap(), data_type, stripes.len()).unwrap()
    }

    #[test]
    fn bounds_survive_encoding() {
        let zones = round_trip(&[
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0)])),
            Arc::new(Float64Array::from(vec![None, None])),
            Arc::new(Float64Array::from(vec![f64::NAN, 7.0])),
        ]);
        let min = zones.min.as_primitive::<Float64Type>();
        assert_eq!((min.value(0), min.is_null(1), min.value(2)), (-2.0, true, 7.0));
        assert!(zones.max.as_primitive::<Float64Type>().value(2).is_nan());
        assert_eq!(zones.null_count.values(), &[1, 2, 0]);
        let zone = round_trip(&[Arc::new(TimestampMicrosecondArray::from(vec![5]).with_timezone("UTC"))]);
        assert_eq!(zone.min.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        let decimals = Decimal128Array::from(vec![5, -9]).with_precision_and_scale(20, 3).unwrap();
        assert_eq!(round_trip(&[Arc::new(decimals)]).min.as_primitive::<Decimal128Type>().value(0), -9);
    }

    #[test]
    fn cut_strings_still_bound_their_stripe() {
        let long = "é".repeat(40);
        let zones = round_trip(&[Arc::new(StringViewArray::from(vec![long.as_str(), "a"]))]);
        assert_eq!(zones.min.as_string_view().value(0), "a");
        assert!(zones.max.as_string_view().value(0) > long.as_str());
        let top = "\u{10FFFF}".repeat(40);
        assert!(round_trip(&[Arc::new(StringViewArray::from(vec![top.as_str()]))]).max.is_null(0));
        let bytes = vec![0xFF_u8; 60];
        assert!(round_trip(&[Arc::new(BinaryViewArray::from(vec![bytes.as_slice()]))]).max.is_null(0));
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(decode(Bytes::from_static(b"\x0a\x05hello"), &DataType::Int64, 3).is_err());
        let empty = Encoded { min: Some(Bound::default()), max: Some(Bound::default()), null_count: vec![0; 3] };
        assert!(decode(empty.encode_to_vec().into(), &DataType::Utf8View, 3).is_err());
    }
}
