//! How values of different types meet.
//!
//! A literal is brought to the type of the other side, so that columns are compared in their own type, which is what
//! statistics, key ranges and compressed encodings can use. Where the type cannot hold the literal, the result says
//! between which values it lies, and the binder rewrites the comparison instead of rounding.

use std::cmp::Ordering;

use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use half::f16;

use super::datetime::{self, NANOS_PER_DAY};
use super::exact::{Exact, Rescaled};
use super::literal::{Literal, compare_floats};

/// Where a literal lies among the values of a type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fit {
    /// It is this value.
    Exact(Literal),
    /// It lies strictly between this value and the next greater one.
    Floor(Literal),
    /// It exceeds every value.
    Above,
    /// Every value exceeds it.
    Below,
    /// The two types do not compare.
    Incompatible,
}

/// The type as expressions see it: without encoding, and one type for all strings, bytes and small decimals.
pub(super) fn logical(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => logical(values),
        DataType::RunEndEncoded(_, values) => logical(values.data_type()),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        other => other.clone(),
    }
}

/// Nanoseconds in a unit.
pub(super) fn unit_nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Whether an unscaled decimal has at most `precision` digits.
pub(super) fn within_precision(value: i256, precision: u8) -> bool {
    match i256::from_i128(10).checked_pow(u32::from(precision)) {
        Some(limit) => value < limit && value > limit.wrapping_neg(),
        None => true,
    }
}

/// Finds the place of a non-null literal among the values of a logical type.
pub(super) fn fit(literal: &Literal, data_type: &DataType) -> Fit {
    match data_type {
        DataType::Boolean | DataType::Utf8 | DataType::Binary if literal.data_type() == *data_type => {
            Fit::Exact(literal.clone())
        }
        integer if integer.is_integer() => fit_number(literal, 0, |value| Literal::integer(value.to_i128()?, integer)),
        DataType::Decimal128(precision, scale) => fit_number(literal, i32::from(*scale), |value| {
            within_precision(value, *precision).then_some(Literal::Decimal128(value.to_i128()?, *precision, *scale))
        }),
        DataType::Decimal256(precision, scale) => fit_number(literal, i32::from(*scale), |value| {
            within_precision(value, *precision).then_some(Literal::Decimal256(value, *precision, *scale))
        }),
        float if float.is_floating() => fit_float(literal, float),
        _ => fit_temporal(literal, data_type),
    }
}

/// Places a number among unscaled integers of a scale; `hold` refuses those outside the type.
fn fit_number(literal: &Literal, scale: i32, hold: impl Fn(i256) -> Option<Literal>) -> Fit {
    let number = match literal.as_float() {
        // NaN exceeds every number.
        Some(value) if value.is_nan() || value == f64::INFINITY => return Fit::Above,
        Some(value) if value == f64::NEG_INFINITY => return Fit::Below,
        _ => match exact(literal, scale == 0) {
            Some(number) => number,
            None => return Fit::Incompatible,
        },
    };
    let beyond = |value: i256| if value.is_negative() { Fit::Below } else { Fit::Above };
    match number.rescale(scale) {
        Rescaled::Exact(value) => hold(value).map_or_else(|| beyond(value), Fit::Exact),
        Rescaled::Floor(value) => hold(value).map_or_else(|| beyond(value), Fit::Floor),
        Rescaled::Above => Fit::Above,
        Rescaled::Below => Fit::Below,
    }
}

/// The exact value of a finite number. A float that meets integers counts with all its binary digits, one that meets
/// decimals with the shortest text that means it: `0.1` is then a tenth.
fn exact(literal: &Literal, binary: bool) -> Option<Exact> {
    if let Some(value) = literal.as_integer() {
        return Some(Exact::integer(value));
    }
    match literal {
        Literal::Decimal128(value, _, scale) => {
            Some(Exact { mantissa: i256::from_i128(*value), scale: i32::from(*scale) })
        }
        Literal::Decimal256(value, _, scale) => Some(Exact { mantissa: *value, scale: i32::from(*scale) }),
        _ => {
            let value = literal.as_float()?;
            if binary && value.abs() >= 9_007_199_254_740_992.0 {
                // From 2^53 on a double is an integer whose shortest text is not its value. Where the full expansion
                // exceeds the digits of an `Exact`, the number exceeds every integer type, and any text says so.
                return Exact::parse(&format!("{value:.0}")).or_else(|| Exact::parse(&format!("{value:e}")));
            }
            Exact::parse(&match literal {
                Literal::Float32(value) if !binary => format!("{value:e}"),
                Literal::Float16(value) if !binary => value.to_string(),
                _ => format!("{value:e}"),
            })
        }
    }
}

/// Places a number among the values of a float type.
fn fit_float(literal: &Literal, data_type: &DataType) -> Fit {
    if let Some(value) = literal.as_float() {
        return place_float(value, data_type, |candidate| compare_floats(candidate, value));
    }
    if let Some(value) = literal.as_integer() {
        let Ok(nearest) = value.to_string().parse::<f64>() else { return Fit::Incompatible };
        return place_float(nearest, data_type, |candidate| compare_float_to_integer(candidate, value));
    }
    // A decimal meets floats as the nearest float, or `float64_column = 0.1` would depend on how 0.1 was written.
    let (Literal::Decimal128(..) | Literal::Decimal256(..)) = literal else { return Fit::Incompatible };
    let nearest = literal.value_text().and_then(|text| text.parse::<f64>().ok());
    nearest.map_or(Fit::Incompatible, |nearest| Fit::Exact(float_literal(nearest, data_type)))
}

fn compare_float_to_integer(float: f64, integer: i128) -> Ordering {
    if float.is_nan() {
        return Ordering::Greater;
    }
    // Without a fraction the text is the exact value; beyond 128 bits the sign decides.
    match format!("{:.0}", float.floor()).parse::<i128>() {
        Ok(floor) => floor.cmp(&integer).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Greater }),
        Err(_) => float.total_cmp(&0.0),
    }
}

/// The greatest value of the type that does not exceed the number `order` compares with, searched from `near`.
fn place_float(near: f64, data_type: &DataType, order: impl Fn(f64) -> Ordering) -> Fit {
    let mut literal = float_literal(near, data_type);
    while let Some(value) = literal.as_float() {
        match order(value) {
            Ordering::Equal => return Fit::Exact(literal),
            Ordering::Less => return Fit::Floor(literal),
            Ordering::Greater => {
                let below = float_below(&literal);
                if below == literal {
                    return Fit::Below;
                }
                literal = below;
            }
        }
    }
    Fit::Incompatible
}

/// The value of a float type nearest to a number.
pub(super) fn nearest_float(literal: &Literal, data_type: &DataType) -> Option<Literal> {
    let value = match literal.as_float() {
        Some(value) => value,
        None => literal.as_integer()?.to_string().parse().ok()?,
    };
    Some(float_literal(value, data_type))
}

/// The nearest value of a float type, zero and NaN in their usual form.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the narrower float is the purpose")]
fn float_literal(value: f64, data_type: &DataType) -> Literal {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    match data_type {
        DataType::Float16 => Literal::Float16(f16::from_f64(value)),
        DataType::Float32 => Literal::Float32(value as f32),
        _ => Literal::Float64(value),
    }
}

/// The next smaller value of the same float type.
fn float_below(literal: &Literal) -> Literal {
    match literal {
        Literal::Float16(value) => {
            let bits = value.to_bits();
            Literal::Float16(f16::from_bits(match bits {
                // Minus infinity has none below it.
                0xfc00 => bits,
                0 | 0x8000 => 0x8001,
                _ if bits & 0x8000 != 0 => bits + 1,
                _ => bits - 1,
            }))
        }
        Literal::Float32(value) => Literal::Float32(value.next_down()),
        Literal::Float64(value) => Literal::Float64(value.next_down()),
        other => other.clone(),
    }
}

/// Places a point or span in time, given as such or as text, among the values of a temporal type.
fn fit_temporal(literal: &Literal, data_type: &DataType) -> Fit {
    let (nanos, unit) = match data_type {
        DataType::Date32 => (instant(literal), NANOS_PER_DAY),
        DataType::Date64 => (instant(literal), unit_nanos(TimeUnit::Millisecond)),
        DataType::Timestamp(unit, _) => (instant(literal), unit_nanos(*unit)),
        DataType::Time32(unit) | DataType::Time64(unit) => (time(literal), unit_nanos(*unit)),
        DataType::Duration(unit) => (duration(literal), unit_nanos(*unit)),
        _ => return Fit::Incompatible,
    };
    let Some(nanos) = nanos else { return Fit::Incompatible };
    let floor = nanos.div_euclid(unit);
    let held = match data_type {
        DataType::Date32 => i32::try_from(floor).ok().map(Literal::Date32),
        DataType::Time32(unit) => i32::try_from(floor).ok().map(|value| Literal::Time(i64::from(value), *unit)),
        DataType::Date64 => i64::try_from(floor).ok().map(Literal::Date64),
        DataType::Time64(unit) => i64::try_from(floor).ok().map(|value| Literal::Time(value, *unit)),
        DataType::Timestamp(unit, zone) => {
            i64::try_from(floor).ok().map(|value| Literal::Timestamp(value, *unit, zone.clone()))
        }
        DataType::Duration(unit) => i64::try_from(floor).ok().map(|value| Literal::Duration(value, *unit)),
        _ => return Fit::Incompatible,
    };
    match held {
        Some(held) if nanos.rem_euclid(unit) == 0 => Fit::Exact(held),
        Some(held) => Fit::Floor(held),
        None if floor < 0 => Fit::Below,
        None => Fit::Above,
    }
}

fn instant(literal: &Literal) -> Option<i128> {
    match literal {
        Literal::Date32(days) => Some(i128::from(*days) * NANOS_PER_DAY),
        Literal::Date64(millis) => Some(i128::from(*millis) * unit_nanos(TimeUnit::Millisecond)),
        Literal::Timestamp(value, unit, _) => Some(i128::from(*value) * unit_nanos(*unit)),
        Literal::Utf8(text) => datetime::parse_instant(text).map(|instant| instant.nanos),
        _ => None,
    }
}

fn time(literal: &Literal) -> Option<i128> {
    match literal {
        Literal::Time(value, unit) => Some(i128::from(*value) * unit_nanos(*unit)),
        Literal::Utf8(text) => datetime::parse_time(text),
        _ => None,
    }
}

fn duration(literal: &Literal) -> Option<i128> {
    match literal {
        Literal::Duration(value, unit) => Some(i128::from(*value) * unit_nanos(*unit)),
        _ => None,
    }
}

/// Whether comparing text with this type parses the text, so that a failure is about the text and not the type.
pub(super) fn reads_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(literal: impl Into<Literal>, data_type: DataType, expected: Fit) {
        let literal = literal.into();
        assert_eq!(fit(&literal, &data_type), expected, "{literal:?} in {data_type}");
    }

    #[test]
    fn integers_meet_integers() {
        holds(5_i64, DataType::Int8, Fit::Exact(Literal::Int8(5)));
        holds(128_i64, DataType::Int8, Fit::Above);
        holds(-1_i64, DataType::UInt64, Fit::Below);
        holds(u64::MAX, DataType::Int64, Fit::Above);
    }

    #[test]
    fn floats_meet_integers_without_rounding() {
        holds(2.5, DataType::Int32, Fit::Floor(Literal::Int32(2)));
        holds(-2.5, DataType::Int32, Fit::Floor(Literal::Int32(-3)));
        holds(-0.0, DataType::UInt8, Fit::Exact(Literal::UInt8(0)));
        holds(-0.5, DataType::UInt8, Fit::Below);
        holds(f64::NAN, DataType::Int64, Fit::Above);
        holds(f64::NEG_INFINITY, DataType::Int64, Fit::Below);
        holds(9_223_372_036_854_775_808.0, DataType::Int64, Fit::Above);
        holds(9_223_372_036_854_775_808.0, DataType::UInt64, Fit::Exact(Literal::UInt64(1 << 63)));
        holds(1e300, DataType::Int64, Fit::Above);
        holds(-1e300, DataType::Int64, Fit::Below);
        holds(5e-324, DataType::Int64, Fit::Floor(Literal::Int64(0)));
        holds(2_251_799_813_685_248.5, DataType::Int64, Fit::Floor(Literal::Int64(1 << 51)));
        holds(0.1_f32, DataType::Int8, Fit::Floor(Literal::Int8(0)));
    }

    #[test]
    fn numbers_meet_floats_without_rounding() {
        holds((1_i64 << 53) + 1, DataType::Float64, Fit::Floor(Literal::Float64(9_007_199_254_740_992.0)));
        holds(i64::MAX, DataType::Float64, Fit::Floor(Literal::Float64(9_223_372_036_854_774_784.0)));
        holds(70_000_i64, DataType::Float16, Fit::Floor(Literal::Float16(f16::MAX)));
        holds(-70_000_i64, DataType::Float16, Fit::Floor(Literal::Float16(f16::NEG_INFINITY)));
        holds(0.1, DataType::Float32, Fit::Floor(Literal::Float32(0.1_f32.next_down())));
        holds(1e300, DataType::Float32, Fit::Floor(Literal::Float32(f32::MAX)));
        holds(-1e300, DataType::Float32, Fit::Floor(Literal::Float32(f32::NEG_INFINITY)));
        holds(-f64::NAN, DataType::Float32, Fit::Exact(Literal::Float32(f32::NAN)));
        holds(-0.0, DataType::Float64, Fit::Exact(Literal::Float64(0.0)));
        holds(Literal::Decimal128(1, 2, 1), DataType::Float64, Fit::Exact(Literal::Float64(0.1)));
    }

    #[test]
    fn numbers_meet_decimals() {
        let decimal = DataType::Decimal128(5, 2);
        holds(10.1, decimal.clone(), Fit::Exact(Literal::Decimal128(1010, 5, 2)));
        holds(0.1_f32, decimal.clone(), Fit::Exact(Literal::Decimal128(10, 5, 2)));
        holds(1.005, decimal.clone(), Fit::Floor(Literal::Decimal128(100, 5, 2)));
        holds(1000_i64, decimal.clone(), Fit::Above);
        holds(-1000_i64, decimal.clone(), Fit::Below);
        holds(Literal::Decimal256(i256::from_i128(-5), 4, 3), decimal, Fit::Floor(Literal::Decimal128(-1, 5, 2)));
    }

    #[test]
    fn text_and_dates_meet_points_in_time() {
        let seconds = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let at = |value| Literal::Timestamp(value, TimeUnit::Second, Some("UTC".into()));
        holds("1970-01-01T00:00:01.5Z", seconds.clone(), Fit::Floor(at(1)));
        holds("1969-12-31T23:59:59.5", seconds.clone(), Fit::Floor(at(-1)));
        holds(Literal::Date32(1), seconds.clone(), Fit::Exact(at(86_400)));
        holds("soon", seconds, Fit::Incompatible);
        holds("1970-01-02T01:00", DataType::Date32, Fit::Floor(Literal::Date32(1)));
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
        holds("9999-01-01", nanos.clone(), Fit::Above);
        holds("0001-01-01", nanos, Fit::Below);
        holds("12:00:00", DataType::Time32(TimeUnit::Second), Fit::Exact(Literal::Time(43_200, TimeUnit::Second)));
    }
}
