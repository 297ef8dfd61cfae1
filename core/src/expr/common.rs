//! The type in which two computed values meet.

use arrow_schema::{DataType, TimeUnit};

use super::coerce::unit_nanos;

/// Decimal digits that hold every value of an integer type.
fn digits(data_type: &DataType) -> Option<u8> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        _ => return None,
    })
}

/// Precision and scale of a decimal, or of the decimal that holds an integer type.
pub(super) fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        integer => digits(integer).map(|digits| (digits, 0)),
    }
}

/// A type that holds every value of both integer types, if an integer type does.
fn common_integer(left: &DataType, right: &DataType) -> Option<DataType> {
    const SIGNED: [DataType; 4] = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    const UNSIGNED: [DataType; 4] = [DataType::UInt8, DataType::UInt16, DataType::UInt32, DataType::UInt64];
    let place = |types: &[DataType; 4], data_type| types.iter().position(|known| known == data_type);
    // An unsigned type fits the signed one of the next size.
    let mixed = |signed: usize, unsigned: usize| SIGNED.get(signed.max(unsigned + 1)).cloned();
    match (place(&SIGNED, left), place(&SIGNED, right), place(&UNSIGNED, left), place(&UNSIGNED, right)) {
        (Some(left), Some(right), ..) => SIGNED.get(left.max(right)).cloned(),
        (.., Some(left), Some(right)) => UNSIGNED.get(left.max(right)).cloned(),
        (Some(signed), _, _, Some(unsigned)) | (_, Some(signed), Some(unsigned), _) => mixed(signed, unsigned),
        _ => None,
    }
}

/// The smallest decimal that holds the values of both types, if 76 digits are enough.
fn common_decimal(left: &DataType, right: &DataType) -> Option<DataType> {
    let ((left_precision, left_scale), (right_precision, right_scale)) = (decimal(left)?, decimal(right)?);
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let scale = left_scale.max(right_scale);
    let whole = whole(left_precision, left_scale).max(whole(right_precision, right_scale));
    let precision = u8::try_from((whole + i16::from(scale)).max(1)).ok()?;
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

/// The wider of two float types, or float64 where a float meets another number.
fn common_float(left: &DataType, right: &DataType) -> Option<DataType> {
    let numeric = |data_type: &DataType| data_type.is_floating() || decimal(data_type).is_some();
    match (left, right) {
        (DataType::Float16, DataType::Float16) => Some(DataType::Float16),
        (DataType::Float16 | DataType::Float32, DataType::Float16 | DataType::Float32) => Some(DataType::Float32),
        _ => (numeric(left) && numeric(right)).then_some(DataType::Float64),
    }
}

/// How two values of different logical types are compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meeting {
    /// As they are.
    Direct,
    /// Both are cast to this type.
    Cast(DataType),
    /// Both become exact counts of nanoseconds, since no one unit holds all values of both.
    Nanos,
}

/// How to compare two logical types, if they compare at all.
pub(super) fn comparison(left: &DataType, right: &DataType) -> Option<Meeting> {
    if left == right {
        return scalar(left).then_some(Meeting::Direct);
    }
    if is_instant(left) && is_instant(right) {
        return Some(match (left, right) {
            // Zones are for display: the same unit is the same number.
            (DataType::Timestamp(unit, _), DataType::Timestamp(other, _)) if unit == other => Meeting::Direct,
            _ => Meeting::Nanos,
        });
    }
    match (left, right) {
        (DataType::Time32(_) | DataType::Time64(_), DataType::Time32(_) | DataType::Time64(_))
        | (DataType::Duration(_), DataType::Duration(_)) => Some(Meeting::Nanos),
        _ => common_integer(left, right)
            .or_else(|| common_decimal(left, right))
            .or_else(|| common_float(left, right))
            .map(Meeting::Cast),
    }
}

/// The type in which two numbers are added, multiplied and so on. A 64-bit unsigned integer meets a signed one as int64.
pub(super) fn arithmetic(left: &DataType, right: &DataType) -> Option<DataType> {
    if left.is_integer() && right.is_integer() {
        return Some(common_integer(left, right).unwrap_or(DataType::Int64));
    }
    let float = || common_float(left, right);
    if left.is_floating() || right.is_floating() { float() } else { common_decimal(left, right).or_else(float) }
}

/// The finer of two units.
pub(super) fn finer(left: TimeUnit, right: TimeUnit) -> TimeUnit {
    if unit_nanos(left) <= unit_nanos(right) { left } else { right }
}

fn is_instant(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// Whether values of the type have an order that expressions know.
pub(super) fn scalar(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::Null => true,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => true,
        other => is_instant(other) || other.is_floating() || decimal(other).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_meet_in_a_type_that_holds_both() {
        let meet = |left: DataType, right: DataType| comparison(&left, &right);
        assert_eq!(meet(DataType::Int8, DataType::UInt8), Some(Meeting::Cast(DataType::Int16)));
        assert_eq!(meet(DataType::UInt32, DataType::Int8), Some(Meeting::Cast(DataType::Int64)));
        assert_eq!(meet(DataType::UInt64, DataType::Int8), Some(Meeting::Cast(DataType::Decimal128(20, 0))));
        assert_eq!(meet(DataType::Int64, DataType::Float32), Some(Meeting::Cast(DataType::Float64)));
        assert_eq!(
            meet(DataType::Decimal128(38, 10), DataType::UInt64),
            Some(Meeting::Cast(DataType::Decimal128(38, 10)))
        );
        assert_eq!(
            meet(DataType::Decimal128(38, 20), DataType::UInt64),
            Some(Meeting::Cast(DataType::Decimal256(40, 20)))
        );
    }

    #[test]
    fn unrelated_types_do_not_meet() {
        for (left, right) in [
            (DataType::Utf8, DataType::Int8),
            (DataType::Utf8, DataType::Binary),
            (DataType::Boolean, DataType::Int8),
            (DataType::Date32, DataType::Duration(TimeUnit::Second)),
        ] {
            assert_eq!(comparison(&left, &right), None);
        }
    }
}
