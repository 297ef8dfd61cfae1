//! The types in which numbers and times are added, multiplied and so on.

use arrow_schema::{DataType, TimeUnit};

use super::arithmetic::decimal_result;
use super::ast::ArithmeticOp;
use super::bound::Bound;
use super::coerce::{Fit, fit, nearest_float};
use super::combine::cast_to;
use super::common;

/// Combines two numbers or times, or `None` if their types do not combine.
pub(super) fn arithmetic(op: ArithmeticOp, left: Bound, right: Bound) -> Option<Bound> {
    let (left_type, right_type) = (left.data_type(), right.data_type());
    let (left_type, right_type) = match (&left_type, &right_type) {
        (DataType::Null, DataType::Null) => (DataType::Int64, DataType::Int64),
        (DataType::Null, other) | (other, DataType::Null) => (other.clone(), other.clone()),
        _ => (left_type, right_type),
    };
    let typed = |node: Bound, data_type: &DataType| match node.data_type() {
        DataType::Null => Bound::null(data_type.clone()),
        _ => node,
    };
    let (left, right) = (typed(left, &left_type), typed(right, &right_type));
    if left_type.is_numeric() && right_type.is_numeric() {
        return numbers(op, left, right);
    }
    times(op, left, right)
}

fn numbers(op: ArithmeticOp, left: Bound, right: Bound) -> Option<Bound> {
    let (left, right) = (adapt(left, &right), right);
    let (right, left) = (adapt(right, &left), left);
    let common = common::arithmetic(&left.data_type(), &right.data_type())?;
    if !matches!(common, DataType::Decimal128(..) | DataType::Decimal256(..)) {
        let (left, right) = (Box::new(cast_to(left, &common)), Box::new(cast_to(right, &common)));
        return Some(Bound::Arithmetic { op, left, right, data_type: common });
    }
    // Decimals keep their own precision, from which Arrow derives that of the result; only the width must agree.
    let wide = matches!(common, DataType::Decimal256(..));
    let (left, right) = (as_decimal(left, wide), as_decimal(right, wide));
    let data_type = decimal_result(op, &left.data_type(), &right.data_type())?;
    Some(Bound::Arithmetic { op, left: Box::new(left), right: Box::new(right), data_type })
}

fn as_decimal(input: Bound, wide: bool) -> Bound {
    let (precision, scale) = match common::decimal(&input.data_type()) {
        Some(size) => size,
        None => return input,
    };
    let data_type = if wide { DataType::Decimal256(precision, scale) } else { DataType::Decimal128(precision, scale) };
    cast_to(input, &data_type)
}

/// A literal in the type of the column it is combined with, so that `int8_column + 1` stays int8; one that does not
/// fit keeps its own type.
fn adapt(node: Bound, other: &Bound) -> Bound {
    let Bound::Literal { value, data_type } = &node else { return node };
    let target = other.data_type();
    if value.is_null() || matches!(other, Bound::Literal { .. }) || target == *data_type {
        return node;
    }
    let fitted = match fit(value, &target) {
        Fit::Exact(fitted) if value.as_float().is_none() || target.is_floating() => fitted,
        // Arithmetic on floats rounds anyway: a constant must not widen the column's type.
        Fit::Floor(below) if target.is_floating() => nearest_float(value, &target).unwrap_or(below),
        _ => return node,
    };
    if target.is_integer() || target.is_floating() { Bound::Literal { value: fitted, data_type: target } } else { node }
}

/// Sums and differences of points and spans in time, in the finer of their units.
fn times(op: ArithmeticOp, left: Bound, right: Bound) -> Option<Bound> {
    let (left_type, right_type) = (left.data_type(), right.data_type());
    let unit = common::finer(time_unit(&left_type)?, time_unit(&right_type)?);
    let span = |data_type: &DataType| matches!(data_type, DataType::Duration(_));
    let zone = |data_type: &DataType| match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let point = |data_type: &DataType| DataType::Timestamp(unit, zone(data_type));
    let data_type = match (op, span(&left_type), span(&right_type)) {
        (ArithmeticOp::Sub, false, false) | (ArithmeticOp::Add | ArithmeticOp::Sub, true, true) => {
            DataType::Duration(unit)
        }
        (ArithmeticOp::Add | ArithmeticOp::Sub, false, true) => point(&left_type),
        (ArithmeticOp::Add, true, false) => point(&right_type),
        _ => return None,
    };
    let convert = |node: Bound, from: &DataType| {
        let to = if span(from) { DataType::Duration(unit) } else { point(from) };
        Box::new(cast_to(node, &to))
    };
    Some(Bound::Arithmetic { op, left: convert(left, &left_type), right: convert(right, &right_type), data_type })
}

fn time_unit(data_type: &DataType) -> Option<TimeUnit> {
    match data_type {
        DataType::Date32 => Some(TimeUnit::Second),
        DataType::Date64 => Some(TimeUnit::Millisecond),
        DataType::Timestamp(unit, _) | DataType::Duration(unit) => Some(*unit),
        _ => None,
    }
}
