//! Names of data types in expressions: `int64`, `timestamp[us, UTC]`, `decimal128(10, 2)`.
//!
//! Arrow's own serialised form follows the layout of a Rust enum and its display form quotes unevenly; these names are
//! part of the text and JSON forms of expressions and must outlive both.

use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};

use crate::error::{Code, Error, Result};

/// The simple types and their names; the first name of a type is the one written.
const SIMPLE: &[(&str, DataType)] = &[
    ("null", DataType::Null),
    ("bool", DataType::Boolean),
    ("boolean", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float16", DataType::Float16),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("float", DataType::Float32),
    ("double", DataType::Float64),
    ("utf8", DataType::Utf8),
    ("string", DataType::Utf8),
    ("large_utf8", DataType::LargeUtf8),
    ("large_string", DataType::LargeUtf8),
    ("utf8_view", DataType::Utf8View),
    ("string_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("date32", DataType::Date32),
    ("date", DataType::Date32),
    ("date64", DataType::Date64),
    ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("time", DataType::Time64(TimeUnit::Microsecond)),
    ("duration", DataType::Duration(TimeUnit::Microsecond)),
];

/// Families whose name is followed by parameters, in brackets or parentheses.
const PARAMETRIC: &[&str] = &[
    "timestamp",
    "time32",
    "time64",
    "duration",
    "fixed_size_binary",
    "decimal",
    "decimal32",
    "decimal64",
    "decimal128",
    "decimal256",
];

/// Whether `word` begins the name of a type that takes parameters.
pub(super) fn is_parametric(word: &str) -> bool {
    PARAMETRIC.contains(&word)
}

/// The name of a type, or an error for types that expressions do not compute with (nested types, intervals).
pub fn type_name(data_type: &DataType) -> Result<String> {
    if let Some((name, _)) = SIMPLE.iter().find(|(_, known)| known == data_type) {
        // The shorthand of a parametric type is read but not written.
        if !is_parametric(name) && *name != "time" {
            return Ok((*name).to_string());
        }
    }
    Ok(match data_type {
        DataType::Timestamp(unit, None) => format!("timestamp[{}]", unit_name(*unit)),
        DataType::Timestamp(unit, Some(zone)) => {
            let plain = zone.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | ':' | '/'));
            if plain && !zone.is_empty() {
                format!("timestamp[{}, {zone}]", unit_name(*unit))
            } else {
                format!("timestamp[{}, '{}']", unit_name(*unit), zone.replace('\'', "''"))
            }
        }
        DataType::Time32(unit) => format!("time32[{}]", unit_name(*unit)),
        DataType::Time64(unit) => format!("time64[{}]", unit_name(*unit)),
        DataType::Duration(unit) => format!("duration[{}]", unit_name(*unit)),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        DataType::Decimal32(precision, scale) => format!("decimal32({precision}, {scale})"),
        DataType::Decimal64(precision, scale) => format!("decimal64({precision}, {scale})"),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        other => return Err(Error::new(Code::UnsupportedType, format!("expressions have no type {other}"))),
    })
}

/// The name of a type for messages; any type has one.
pub(super) fn describe(data_type: &DataType) -> String {
    type_name(data_type).unwrap_or_else(|_| data_type.to_string())
}

/// Reads a type name. Names are case-insensitive, time zones are not.
pub fn parse_type(text: &str) -> Result<DataType> {
    read_type(text.trim()).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        Error::new(Code::InvalidExpression, format!("'{shown}' is not the name of a data type"))
    })
}

fn read_type(text: &str) -> Option<DataType> {
    let Some(open) = text.find(['[', '(']) else {
        let name = text.to_ascii_lowercase();
        return SIMPLE.iter().find(|(known, _)| *known == name).map(|(_, data_type)| data_type.clone());
    };
    let close = if text.as_bytes()[open] == b'[' { ']' } else { ')' };
    let family = text[..open].trim_end().to_ascii_lowercase();
    let parameters = text[open + 1..].strip_suffix(close)?;
    let (first, second) = match parameters.split_once(',') {
        Some((first, second)) => (first.trim(), Some(second.trim())),
        None => (parameters.trim(), None),
    };
    match (family.as_str(), close) {
        ("timestamp", ']') => match second {
            None => Some(DataType::Timestamp(unit(first)?, None)),
            Some(second) => Some(DataType::Timestamp(unit(first)?, Some(zone(second)?))),
        },
        ("time32", ']') => match (unit(first)?, second) {
            (unit @ (TimeUnit::Second | TimeUnit::Millisecond), None) => Some(DataType::Time32(unit)),
            _ => None,
        },
        ("time64", ']') => match (unit(first)?, second) {
            (unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond), None) => Some(DataType::Time64(unit)),
            _ => None,
        },
        ("duration", ']') if second.is_none() => Some(DataType::Duration(unit(first)?)),
        ("fixed_size_binary", ']') if second.is_none() => {
            first.parse().ok().filter(|width| *width >= 0).map(DataType::FixedSizeBinary)
        }
        (family, ')') => decimal(family, first.parse().ok()?, second.map_or(Some(0), |scale| scale.parse().ok())?),
        _ => None,
    }
}

/// A decimal type whose precision and scale Arrow accepts.
fn decimal(family: &str, precision: u8, scale: i8) -> Option<DataType> {
    let (max, data_type) = match family {
        "decimal32" => (9, DataType::Decimal32(precision, scale)),
        "decimal64" => (18, DataType::Decimal64(precision, scale)),
        "decimal128" => (38, DataType::Decimal128(precision, scale)),
        "decimal256" => (76, DataType::Decimal256(precision, scale)),
        "decimal" if precision <= 38 => (38, DataType::Decimal128(precision, scale)),
        "decimal" => (76, DataType::Decimal256(precision, scale)),
        _ => return None,
    };
    // Arrow bounds the scale by the precision only upwards; a scale below minus the precision has no value but zero.
    let scale = i16::from(scale);
    let precision = i16::from(precision);
    (1..=max).contains(&precision).then_some(())?;
    (-precision..=precision).contains(&scale).then_some(data_type)
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

fn unit(text: &str) -> Option<TimeUnit> {
    match text {
        "s" => Some(TimeUnit::Second),
        "ms" => Some(TimeUnit::Millisecond),
        "us" => Some(TimeUnit::Microsecond),
        "ns" => Some(TimeUnit::Nanosecond),
        _ => None,
    }
}

/// A zone as written, quoted or plain.
fn zone(text: &str) -> Option<Arc<str>> {
    match text.strip_prefix('\'') {
        Some(rest) => Some(rest.strip_suffix('\'')?.replace("''", "'").into()),
        None if text.is_empty() => None,
        None => Some(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_name_reads_back() {
        let mut types: Vec<DataType> = SIMPLE.iter().map(|(_, data_type)| data_type.clone()).collect();
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            types.push(DataType::Duration(unit));
            for zone in ["UTC", "+05:30", "America/New_York", "", "a]b, 'c'"] {
                types.push(DataType::Timestamp(unit, Some(zone.into())));
            }
        }
        types.extend([DataType::Time32(TimeUnit::Second), DataType::Time64(TimeUnit::Nanosecond)]);
        types.extend([DataType::Decimal128(10, -2), DataType::Decimal256(76, 76), DataType::Decimal32(9, 1)]);
        types.push(DataType::FixedSizeBinary(16));
        for data_type in types {
            let name = type_name(&data_type).unwrap();
            assert_eq!(parse_type(&name).unwrap(), data_type, "{name}");
        }
    }

    #[test]
    fn malformed_names_are_refused() {
        for text in ["", "int", "decimal(39", "decimal128(39, 0)", "decimal(10, 11)", "timestamp[]", "timestamp[us,]"] {
            assert_eq!(parse_type(text).unwrap_err().code(), Code::InvalidExpression, "{text}");
        }
        for text in ["time32[us]", "time64[s]", "duration[us, UTC]", "é[us]", "decimal[10]", "fixed_size_binary[-1]"] {
            assert_eq!(parse_type(text).unwrap_err().code(), Code::InvalidExpression, "{text}");
        }
    }
}
