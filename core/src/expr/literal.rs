//! Constants of expressions, statistics and key bounds: one value of any Arrow scalar type.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use half::f16;

/// A constant with its Arrow type.
///
/// Equality is identity of type and bits, so `NaN` equals itself and `-0.0` differs from `0.0`: a literal that travels
/// must arrive unchanged. The order of values, in which they do compare equal, is [`Literal::compare`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Literal {
    /// A null, which takes the type of what it meets.
    Null,
    /// A truth value.
    Boolean(bool),
    /// An 8-bit signed integer.
    Int8(i8),
    /// A 16-bit signed integer.
    Int16(i16),
    /// A 32-bit signed integer.
    Int32(i32),
    /// A 64-bit signed integer.
    Int64(i64),
    /// An 8-bit unsigned integer.
    UInt8(u8),
    /// A 16-bit unsigned integer.
    UInt16(u16),
    /// A 32-bit unsigned integer.
    UInt32(u32),
    /// A 64-bit unsigned integer.
    UInt64(u64),
    /// A half-precision float.
    Float16(f16),
    /// A single-precision float.
    Float32(f32),
    /// A double-precision float.
    Float64(f64),
    /// An unscaled decimal with precision and scale.
    Decimal128(i128, u8, i8),
    /// An unscaled wide decimal with precision and scale.
    Decimal256(i256, u8, i8),
    /// Text; stands for every Arrow string type.
    Utf8(String),
    /// Bytes; stands for every Arrow binary type.
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date32(i32),
    /// Milliseconds since 1970-01-01.
    Date64(i64),
    /// Time since midnight: `time32` in seconds and milliseconds, `time64` in finer units.
    Time(i64, TimeUnit),
    /// Time since 1970-01-01T00:00:00 UTC and the zone to show it in, if any.
    Timestamp(i64, TimeUnit, Option<Arc<str>>),
    /// A span of time.
    Duration(i64, TimeUnit),
}

impl Literal {
    /// The Arrow type; text and bytes report `Utf8` and `Binary`.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean(_) => DataType::Boolean,
            Self::Int8(_) => DataType::Int8,
            Self::Int16(_) => DataType::Int16,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::UInt8(_) => DataType::UInt8,
            Self::UInt16(_) => DataType::UInt16,
            Self::UInt32(_) => DataType::UInt32,
            Self::UInt64(_) => DataType::UInt64,
            Self::Float16(_) => DataType::Float16,
            Self::Float32(_) => DataType::Float32,
            Self::Float64(_) => DataType::Float64,
            Self::Decimal128(_, precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Decimal256(_, precision, scale) => DataType::Decimal256(*precision, *scale),
            Self::Utf8(_) => DataType::Utf8,
            Self::Binary(_) => DataType::Binary,
            Self::Date32(_) => DataType::Date32,
            Self::Date64(_) => DataType::Date64,
            Self::Time(_, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(*unit),
            Self::Time(_, unit) => DataType::Time64(*unit),
            Self::Timestamp(_, unit, zone) => DataType::Timestamp(*unit, zone.clone()),
            Self::Duration(_, unit) => DataType::Duration(*unit),
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The order of two values of one type, the order of keys: NaN is greatest and equals itself, `-0.0` equals `0.0`,
    /// text and bytes go by bytes. `None` for different types and for nulls.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.as_integer(), other.as_integer()) {
            return Some(left.cmp(&right));
        }
        if let (Some(left), Some(right)) = (self.as_float(), other.as_float()) {
            return Some(compare_floats(left, right));
        }
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => Some(left.cmp(right)),
            (Self::Decimal128(left, _, scale), Self::Decimal128(right, _, other)) if scale == other => {
                Some(left.cmp(right))
            }
            (Self::Decimal256(left, _, scale), Self::Decimal256(right, _, other)) if scale == other => {
                Some(left.cmp(right))
            }
            (Self::Utf8(left), Self::Utf8(right)) => Some(left.cmp(right)),
            (Self::Binary(left), Self::Binary(right)) => Some(left.cmp(right)),
            (Self::Date32(left), Self::Date32(right)) => Some(left.cmp(right)),
            (Self::Date64(left), Self::Date64(right)) => Some(left.cmp(right)),
            (Self::Time(left, unit), Self::Time(right, other)) if unit == other => Some(left.cmp(right)),
            (Self::Timestamp(left, unit, _), Self::Timestamp(right, other, _)) if unit == other => {
                Some(left.cmp(right))
            }
            (Self::Duration(left, unit), Self::Duration(right, other)) if unit == other => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// The value of any integer type.
    pub(super) fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Self::Int8(value) => i128::from(*value),
            Self::Int16(value) => i128::from(*value),
            Self::Int32(value) => i128::from(*value),
            Self::Int64(value) => i128::from(*value),
            Self::UInt8(value) => i128::from(*value),
            Self::UInt16(value) => i128::from(*value),
            Self::UInt32(value) => i128::from(*value),
            Self::UInt64(value) => i128::from(*value),
            _ => return None,
        })
    }

    /// The value of any float type; widening is exact.
    pub(super) fn as_float(&self) -> Option<f64> {
        Some(match self {
            Self::Float16(value) => f64::from(*value),
            Self::Float32(value) => f64::from(*value),
            Self::Float64(value) => *value,
            _ => return None,
        })
    }

    /// The integer literal of an integer type, if the value fits.
    pub(super) fn integer(value: i128, data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int8 => Self::Int8(value.try_into().ok()?),
            DataType::Int16 => Self::Int16(value.try_into().ok()?),
            DataType::Int32 => Self::Int32(value.try_into().ok()?),
            DataType::Int64 => Self::Int64(value.try_into().ok()?),
            DataType::UInt8 => Self::UInt8(value.try_into().ok()?),
            DataType::UInt16 => Self::UInt16(value.try_into().ok()?),
            DataType::UInt32 => Self::UInt32(value.try_into().ok()?),
            DataType::UInt64 => Self::UInt64(value.try_into().ok()?),
            _ => return None,
        })
    }
}

/// The order of float keys: numbers, then NaN; zeros are equal.
pub(super) fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Float16(left), Self::Float16(right)) => left.to_bits() == right.to_bits(),
            (Self::Float32(left), Self::Float32(right)) => left.to_bits() == right.to_bits(),
            (Self::Float64(left), Self::Float64(right)) => left.to_bits() == right.to_bits(),
            _ => self.data_type() == other.data_type() && self.compare(other) == Some(Ordering::Equal),
        }
    }
}

impl Eq for Literal {}

macro_rules! from_value {
    ($($variant:ident($native:ty)),* $(,)?) => {$(
        impl From<$native> for Literal {
            fn from(value: $native) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

from_value! {
    Boolean(bool), Int8(i8), Int16(i16), Int32(i32), Int64(i64), UInt8(u8), UInt16(u16), UInt32(u32), UInt64(u64),
    Float16(f16), Float32(f32), Float64(f64), Utf8(String), Binary(Vec<u8>),
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Self::Utf8(value.to_string())
    }
}

impl From<&[u8]> for Literal {
    fn from(value: &[u8]) -> Self {
        Self::Binary(value.to_vec())
    }
}

impl<T: Into<Literal>> From<Option<T>> for Literal {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_puts_nan_last_and_joins_zeros() {
        let nan = Literal::Float64(f64::NAN);
        assert_eq!(nan.compare(&Literal::Float64(-f64::NAN)), Some(Ordering::Equal));
        assert_eq!(nan.compare(&Literal::Float64(f64::INFINITY)), Some(Ordering::Greater));
        assert_eq!(Literal::Float32(-0.0).compare(&Literal::Float32(0.0)), Some(Ordering::Equal));
        assert_eq!(Literal::Null.compare(&Literal::Null), None);
    }

    #[test]
    fn identity_distinguishes_types_and_bits() {
        assert_eq!(Literal::Float64(f64::NAN), Literal::Float64(f64::NAN));
        assert_ne!(Literal::Float64(0.0), Literal::Float64(-0.0));
        assert_ne!(Literal::Int32(1), Literal::Int64(1));
        assert_ne!(Literal::Float32(1.0), Literal::Float64(1.0));
        assert_ne!(Literal::Decimal128(1, 5, 0), Literal::Decimal128(1, 6, 0));
        assert_ne!(
            Literal::Timestamp(1, TimeUnit::Second, None),
            Literal::Timestamp(1, TimeUnit::Second, Some("UTC".into()))
        );
    }
}
