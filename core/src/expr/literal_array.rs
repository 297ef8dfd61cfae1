//! Literals in and out of Arrow arrays.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array, NullArray,
    PrimitiveArray, StringArray,
};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};

use super::literal::Literal;
use super::type_name::describe;
use crate::error::{Code, Error, Result};

fn one<T: ArrowPrimitiveType>(value: T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(vec![value].into(), None))
}

fn at<T: ArrowPrimitiveType>(array: &dyn Array, index: usize) -> T::Native {
    array.as_primitive::<T>().value(index)
}

impl Literal {
    /// An array of this one value.
    ///
    /// Fails with `invalid_argument` on a literal built by hand that its own type cannot hold: a `time32` beyond 32
    /// bits, a decimal with an impossible precision.
    pub fn to_array(&self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Null => Arc::new(NullArray::new(1)),
            Self::Boolean(value) => Arc::new(BooleanArray::from(vec![*value])),
            Self::Int8(value) => one::<Int8Type>(*value),
            Self::Int16(value) => one::<Int16Type>(*value),
            Self::Int32(value) => one::<Int32Type>(*value),
            Self::Int64(value) => one::<Int64Type>(*value),
            Self::UInt8(value) => one::<UInt8Type>(*value),
            Self::UInt16(value) => one::<UInt16Type>(*value),
            Self::UInt32(value) => one::<UInt32Type>(*value),
            Self::UInt64(value) => one::<UInt64Type>(*value),
            Self::Float16(value) => one::<Float16Type>(*value),
            Self::Float32(value) => one::<Float32Type>(*value),
            Self::Float64(value) => one::<Float64Type>(*value),
            Self::Decimal128(value, precision, scale) => {
                let array = Decimal128Array::from(vec![*value]).with_precision_and_scale(*precision, *scale);
                Arc::new(array.map_err(|_| self.impossible())?)
            }
            Self::Decimal256(value, precision, scale) => {
                let array = Decimal256Array::from(vec![*value]).with_precision_and_scale(*precision, *scale);
                Arc::new(array.map_err(|_| self.impossible())?)
            }
            Self::Utf8(value) => Arc::new(StringArray::from(vec![value.as_str()])),
            Self::Binary(value) => Arc::new(BinaryArray::from(vec![value.as_slice()])),
            Self::Date32(value) => one::<Date32Type>(*value),
            Self::Date64(value) => one::<Date64Type>(*value),
            Self::Time(value, unit) => match unit {
                TimeUnit::Second => one::<Time32SecondType>(i32::try_from(*value).map_err(|_| self.impossible())?),
                TimeUnit::Millisecond => {
                    one::<Time32MillisecondType>(i32::try_from(*value).map_err(|_| self.impossible())?)
                }
                TimeUnit::Microsecond => one::<Time64MicrosecondType>(*value),
                TimeUnit::Nanosecond => one::<Time64NanosecondType>(*value),
            },
            Self::Timestamp(value, unit, zone) => timestamp(*value, *unit, zone.clone()),
            Self::Duration(value, unit) => match unit {
                TimeUnit::Second => one::<DurationSecondType>(*value),
                TimeUnit::Millisecond => one::<DurationMillisecondType>(*value),
                TimeUnit::Microsecond => one::<DurationMicrosecondType>(*value),
                TimeUnit::Nanosecond => one::<DurationNanosecondType>(*value),
            },
        })
    }

    fn impossible(&self) -> Error {
        Error::new(Code::InvalidArgument, format!("a literal does not fit its type {}", describe(&self.data_type())))
    }

    /// The value at `index`; encodings (dictionary, run-end) are resolved.
    ///
    /// Fails with `unsupported_type` on nested and interval values.
    pub fn from_array(array: &dyn Array, index: usize) -> Result<Self> {
        if index >= array.len() {
            return Err(Error::new(Code::InvalidArgument, "a literal was asked for beyond the end of its array"));
        }
        if array.is_null(index) {
            return Ok(Self::Null);
        }
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(array.as_boolean().value(index)),
            DataType::Int8 => Self::Int8(at::<Int8Type>(array, index)),
            DataType::Int16 => Self::Int16(at::<Int16Type>(array, index)),
            DataType::Int32 => Self::Int32(at::<Int32Type>(array, index)),
            DataType::Int64 => Self::Int64(at::<Int64Type>(array, index)),
            DataType::UInt8 => Self::UInt8(at::<UInt8Type>(array, index)),
            DataType::UInt16 => Self::UInt16(at::<UInt16Type>(array, index)),
            DataType::UInt32 => Self::UInt32(at::<UInt32Type>(array, index)),
            DataType::UInt64 => Self::UInt64(at::<UInt64Type>(array, index)),
            DataType::Float16 => Self::Float16(at::<Float16Type>(array, index)),
            DataType::Float32 => Self::Float32(at::<Float32Type>(array, index)),
            DataType::Float64 => Self::Float64(at::<Float64Type>(array, index)),
            DataType::Decimal32(p, s) => Self::Decimal128(at::<Decimal32Type>(array, index).into(), *p, *s),
            DataType::Decimal64(p, s) => Self::Decimal128(at::<Decimal64Type>(array, index).into(), *p, *s),
            DataType::Decimal128(p, s) => Self::Decimal128(at::<Decimal128Type>(array, index), *p, *s),
            DataType::Decimal256(p, s) => Self::Decimal256(at::<Decimal256Type>(array, index), *p, *s),
            DataType::Utf8 => Self::from(array.as_string::<i32>().value(index)),
            DataType::LargeUtf8 => Self::from(array.as_string::<i64>().value(index)),
            DataType::Utf8View => Self::from(array.as_string_view().value(index)),
            DataType::Binary => Self::from(array.as_binary::<i32>().value(index)),
            DataType::LargeBinary => Self::from(array.as_binary::<i64>().value(index)),
            DataType::BinaryView => Self::from(array.as_binary_view().value(index)),
            DataType::FixedSizeBinary(_) => Self::from(array.as_fixed_size_binary().value(index)),
            DataType::Date32 => Self::Date32(at::<Date32Type>(array, index)),
            DataType::Date64 => Self::Date64(at::<Date64Type>(array, index)),
            DataType::Time32(unit) => Self::Time(i64::from(raw32(array, index)?), *unit),
            DataType::Time64(unit) => Self::Time(raw64(array, index)?, *unit),
            DataType::Timestamp(unit, zone) => Self::Timestamp(raw64(array, index)?, *unit, zone.clone()),
            DataType::Duration(unit) => Self::Duration(raw64(array, index)?, *unit),
            DataType::Dictionary(_, values) => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                return Self::from_array(&cast_with_options(&array.slice(index, 1), values, &options)?, 0);
            }
            DataType::RunEndEncoded(_, values) => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                return Self::from_array(&cast_with_options(&array.slice(index, 1), values.data_type(), &options)?, 0);
            }
            other => {
                return Err(Error::new(
                    Code::UnsupportedType,
                    format!("no literal of type {} exists", describe(other)),
                ));
            }
        })
    }
}

fn timestamp(value: i64, unit: TimeUnit, zone: Option<Arc<str>>) -> ArrayRef {
    macro_rules! stamp {
        ($kind:ty) => {
            Arc::new(PrimitiveArray::<$kind>::new(vec![value].into(), None).with_timezone_opt(zone))
        };
    }
    match unit {
        TimeUnit::Second => stamp!(TimestampSecondType),
        TimeUnit::Millisecond => stamp!(TimestampMillisecondType),
        TimeUnit::Microsecond => stamp!(TimestampMicrosecondType),
        TimeUnit::Nanosecond => stamp!(TimestampNanosecondType),
    }
}

fn raw32(array: &dyn Array, index: usize) -> Result<i32> {
    let ints = arrow_cast::cast(&array.slice(index, 1), &DataType::Int32)?;
    Ok(ints.as_primitive::<Int32Type>().value(0))
}

fn raw64(array: &dyn Array, index: usize) -> Result<i64> {
    let ints = arrow_cast::cast(&array.slice(index, 1), &DataType::Int64)?;
    Ok(ints.as_primitive::<Int64Type>().value(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::tests::literals;
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, RunArray};

    #[test]
    fn every_literal_survives_an_array() {
        for literal in literals() {
            let array = literal.to_array().unwrap();
            assert_eq!(array.data_type(), &literal.data_type());
            assert_eq!(Literal::from_array(&array, 0).unwrap(), literal);
        }
    }

    #[test]
    fn encoded_arrays_yield_plain_literals() {
        let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b")].into_iter().collect();
        assert_eq!(Literal::from_array(&dictionary, 2).unwrap(), Literal::from("b"));
        assert_eq!(Literal::from_array(&dictionary, 1).unwrap(), Literal::Null);
        let runs: RunArray<Int32Type> = vec!["a", "a", "b"].into_iter().collect();
        assert_eq!(Literal::from_array(&runs, 2).unwrap(), Literal::from("b"));
    }

    #[test]
    fn impossible_literals_are_refused() {
        for literal in [Literal::Time(1 << 40, TimeUnit::Second), Literal::Decimal128(1, 99, 0)] {
            assert_eq!(literal.to_array().unwrap_err().code(), Code::InvalidArgument);
        }
    }
}
