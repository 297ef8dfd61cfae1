//! The text of a literal's value, without its type: the `value` of its JSON form and the quoted part of `int8 '5'`.
//!
//! Numbers travel as text because JSON numbers are doubles to most readers: 64-bit integers, decimals, NaN and the sign
//! of zero would not survive.

use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use half::f16;

use super::coerce::{self, unit_nanos};
use super::datetime::{self, NANOS_PER_DAY};
use super::exact::{self, Exact, Rescaled};
use super::literal::Literal;
use super::type_name::describe;
use crate::error::{Code, Error, Result};

/// What introduces the bits of a NaN other than the usual one.
const NAN_BITS: &str = "bits:";

impl Literal {
    /// The value as text from which [`Literal::from_text`] restores it, or `None` for null.
    pub(super) fn value_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(value) => value.to_string(),
            Self::Float16(value) => float_text(f64::from(*value), || value.to_string(), value.to_bits().into(), 0x7e00),
            Self::Float32(value) => {
                float_text(f64::from(*value), || format!("{value:?}"), value.to_bits().into(), 0x7fc0_0000)
            }
            Self::Float64(value) => float_text(*value, || format!("{value:?}"), value.to_bits(), 0x7ff8_0000_0000_0000),
            Self::Decimal128(value, _, scale) => exact::format(i256::from_i128(*value), *scale),
            Self::Decimal256(value, _, scale) => exact::format(*value, *scale),
            Self::Utf8(value) => value.clone(),
            Self::Binary(value) => to_hex(value),
            Self::Date32(value) => datetime::format_date(i64::from(*value)).unwrap_or_else(|| value.to_string()),
            Self::Date64(value) => {
                let nanos = i128::from(*value) * unit_nanos(TimeUnit::Millisecond);
                datetime::format_instant(nanos, false).unwrap_or_else(|| value.to_string())
            }
            Self::Time(value, unit) => {
                let nanos = i128::from(*value) * unit_nanos(*unit);
                datetime::format_time(nanos).unwrap_or_else(|| value.to_string())
            }
            Self::Timestamp(value, unit, zone) => {
                let nanos = i128::from(*value) * unit_nanos(*unit);
                datetime::format_instant(nanos, zone.is_some()).unwrap_or_else(|| value.to_string())
            }
            Self::Duration(value, _) => value.to_string(),
            integer => integer.as_integer()?.to_string(),
        })
    }

    /// Reads a value of the given type: what `value_text` writes, and any number or date that the type holds exactly.
    pub(super) fn from_text(data_type: &DataType, text: &str) -> Result<Self> {
        read(data_type, text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            Error::new(Code::InvalidExpression, format!("'{shown}' is not a value of type {}", describe(data_type)))
        })
    }

    /// Reads a timestamp that names no unit: microseconds, or nanoseconds where the text has more digits. The zone is
    /// UTC if the text has an offset.
    pub(super) fn timestamp_from_text(text: &str) -> Result<Self> {
        let zone = datetime::parse_instant(text).is_some_and(|instant| instant.zoned).then(|| "UTC".into());
        Self::from_text(&DataType::Timestamp(TimeUnit::Microsecond, zone.clone()), text)
            .or_else(|_| Self::from_text(&DataType::Timestamp(TimeUnit::Nanosecond, zone), text))
    }
}

fn read(data_type: &DataType, text: &str) -> Option<Literal> {
    let raw = || text.parse::<i64>().ok();
    Some(match data_type {
        DataType::Boolean => Literal::Boolean(text.parse().ok()?),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => return read_float(data_type, text),
        DataType::Decimal128(precision, scale) => {
            let value = read_decimal(text, *precision, *scale)?;
            Literal::Decimal128(value.to_i128()?, *precision, *scale)
        }
        DataType::Decimal256(precision, scale) => {
            Literal::Decimal256(read_decimal(text, *precision, *scale)?, *precision, *scale)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Literal::from(text),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Literal::Binary(from_hex(text)?),
        DataType::Date32 => match datetime::parse_instant(text) {
            Some(instant) => {
                let days = exactly(instant.nanos, NANOS_PER_DAY)?;
                Literal::Date32(i32::try_from(days).ok()?)
            }
            None => Literal::Date32(text.parse().ok()?),
        },
        DataType::Date64 => Literal::Date64(match datetime::parse_instant(text) {
            Some(instant) => exactly(instant.nanos, unit_nanos(TimeUnit::Millisecond))?,
            None => raw()?,
        }),
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let value = match datetime::parse_time(text) {
                Some(nanos) => exactly(nanos, unit_nanos(*unit))?,
                None => raw()?,
            };
            if matches!(data_type, DataType::Time32(_)) {
                i32::try_from(value).ok()?;
            }
            Literal::Time(value, *unit)
        }
        DataType::Timestamp(unit, zone) => {
            let value = match datetime::parse_instant(text) {
                Some(instant) => exactly(instant.nanos, unit_nanos(*unit))?,
                None => raw()?,
            };
            Literal::Timestamp(value, *unit, zone.clone())
        }
        DataType::Duration(unit) => Literal::Duration(raw()?, *unit),
        integer => return Literal::integer(text.parse().ok()?, integer),
    })
}

fn exactly(nanos: i128, unit: i128) -> Option<i64> {
    (nanos % unit == 0).then(|| i64::try_from(nanos / unit).ok())?
}

fn read_decimal(text: &str, precision: u8, scale: i8) -> Option<i256> {
    let Rescaled::Exact(value) = Exact::parse(text)?.rescale(i32::from(scale)) else { return None };
    coerce::within_precision(value, precision).then_some(value)
}

fn float_text(value: f64, finite: impl Fn() -> String, bits: u64, usual_nan: u64) -> String {
    if value.is_nan() {
        return if bits == usual_nan { "NaN".to_string() } else { format!("{NAN_BITS}{bits:x}") };
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_string() } else { "-inf".to_string() };
    }
    finite()
}

fn read_float(data_type: &DataType, text: &str) -> Option<Literal> {
    if let Some(hex) = text.strip_prefix(NAN_BITS) {
        let bits = u64::from_str_radix(hex, 16).ok()?;
        return Some(match data_type {
            DataType::Float16 => Literal::Float16(f16::from_bits(u16::try_from(bits).ok()?)),
            DataType::Float32 => Literal::Float32(f32::from_bits(u32::try_from(bits).ok()?)),
            _ => Literal::Float64(f64::from_bits(bits)),
        });
    }
    Some(match data_type {
        // A half has so few digits that rounding twice, through a double, cannot miss its shortest text.
        DataType::Float16 => Literal::Float16(f16::from_f64(text.parse().ok()?)),
        DataType::Float32 => Literal::Float32(text.parse().ok()?),
        _ => Literal::Float64(text.parse().ok()?),
    })
}

/// Lower-case hexadecimal digits, two a byte.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes of an even number of hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::tests::literals;

    #[test]
    fn every_value_text_restores_its_literal() {
        for literal in literals() {
            if let Some(text) = literal.value_text() {
                assert_eq!(Literal::from_text(&literal.data_type(), &text).unwrap(), literal, "{text}");
            }
        }
    }

    #[test]
    fn every_half_restores_from_its_text() {
        for bits in 0..=u16::MAX {
            let literal = Literal::Float16(f16::from_bits(bits));
            let text = literal.value_text().unwrap();
            assert_eq!(Literal::from_text(&DataType::Float16, &text).unwrap(), literal, "{text}");
        }
    }

    #[test]
    fn values_that_lose_digits_are_refused() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert!(Literal::from_text(&micros, "2024-01-01T00:00:00.1234567").is_err());
        assert!(Literal::from_text(&DataType::Decimal128(4, 2), "1.234").is_err());
        assert!(Literal::from_text(&DataType::Decimal128(4, 2), "100").is_err());
        assert!(Literal::from_text(&DataType::Int8, "128").is_err());
        assert!(Literal::from_text(&DataType::Date32, "2024-01-01T12:00").is_err());
        assert!(Literal::from_text(&DataType::Binary, "abc").is_err());
        assert!(Literal::from_text(&DataType::Time32(TimeUnit::Second), "99999999999").is_err());
    }
}
