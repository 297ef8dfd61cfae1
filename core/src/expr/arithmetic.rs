//! Arithmetic that never fails on a value: what overflows or divides by zero becomes null.

use std::sync::Arc;

use arrow_arith::numeric;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, Datum, PrimitiveArray, downcast_integer, new_empty_array,
    new_null_array,
};
use arrow_schema::{ArrowError, DataType};

use super::ast::ArithmeticOp;
use super::compare::{Value, plain};
use super::conversion;
use crate::bail;
use crate::error::{Code, Result};

fn kernel(op: ArithmeticOp) -> fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError> {
    match op {
        ArithmeticOp::Add => numeric::add_wrapping,
        ArithmeticOp::Sub => numeric::sub_wrapping,
        ArithmeticOp::Mul => numeric::mul_wrapping,
        ArithmeticOp::Div => numeric::div,
        ArithmeticOp::Mod => numeric::rem,
    }
}

/// The type that Arrow gives the result of combining two decimals, if they combine.
pub(super) fn decimal_result(op: ArithmeticOp, left: &DataType, right: &DataType) -> Option<DataType> {
    let result = kernel(op)(&new_empty_array(left), &new_empty_array(right)).ok()?;
    Some(result.data_type().clone())
}

/// Combines two values of one type into `data_type`, which the binder has derived.
pub(super) fn combine(op: ArithmeticOp, left: &Value, right: &Value, data_type: &DataType) -> Result<Value> {
    let (left, right) = (left.with(plain(&left.array)?), right.with(plain(&right.array)?));
    let scalar = left.scalar && right.scalar;
    let array = match data_type {
        integer if integer.is_integer() => integers(op, &left, &right)?,
        DataType::Timestamp(..) | DataType::Duration(_) => {
            let (left, right) = (left.with(conversion::raw(&left.array)?), right.with(conversion::raw(&right.array)?));
            let ints = checked::<Int64Type>(op, &left, &right)?;
            from_raw(&ints, data_type)?
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => decimals(op, &left, &right, data_type)?,
        _ => kernel(op)(&left, &right)?,
    };
    Ok(Value { array, scalar })
}

/// Times from their numbers, without regard to zones.
fn from_raw(ints: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let data = ints.to_data().into_builder().data_type(data_type.clone()).build()?;
    Ok(arrow_array::make_array(data))
}

fn integers(op: ArithmeticOp, left: &Value, right: &Value) -> Result<ArrayRef> {
    macro_rules! of_type {
        ($t:ty) => {
            checked::<$t>(op, left, right)
        };
    }
    downcast_integer! {
        left.array.data_type() => (of_type),
        other => bail!(Code::Internal, "integer arithmetic was asked of type {other}"),
    }
}

/// Element by element, null where the operation has no result in the type.
fn checked<T: ArrowPrimitiveType>(op: ArithmeticOp, left: &Value, right: &Value) -> Result<ArrayRef> {
    let apply: fn(T::Native, T::Native) -> Option<T::Native> = match op {
        ArithmeticOp::Add => |a, b| a.add_checked(b).ok(),
        ArithmeticOp::Sub => |a, b| a.sub_checked(b).ok(),
        ArithmeticOp::Mul => |a, b| a.mul_checked(b).ok(),
        ArithmeticOp::Div => |a, b| a.div_checked(b).ok(),
        // Of the two failures of a remainder, the least value modulo -1 has a result all the same.
        ArithmeticOp::Mod => |a, b| (!b.is_zero()).then(|| a.mod_wrapping(b)),
    };
    let (Some(a), Some(b)) = (left.array.as_primitive_opt::<T>(), right.array.as_primitive_opt::<T>()) else {
        bail!(Code::Internal, "arithmetic was asked of {} and {}", left.array.data_type(), right.array.data_type());
    };
    let constant = |array: &PrimitiveArray<T>| array.is_valid(0).then(|| array.value(0));
    let nothing = |rows: usize| new_null_array(&T::DATA_TYPE, rows);
    Ok(match (left.scalar, right.scalar) {
        (false, true) => match constant(b) {
            Some(b) => Arc::new(a.unary_opt::<_, T>(|a| apply(a, b))),
            None => nothing(a.len()),
        },
        (true, false) => match constant(a) {
            Some(a) => Arc::new(b.unary_opt::<_, T>(|b| apply(a, b))),
            None => nothing(b.len()),
        },
        _ if a.len() != b.len() => bail!(Code::Internal, "arithmetic was asked of columns of different lengths"),
        _ => {
            let rows = a.iter().zip(b.iter()).map(|(a, b)| apply(a?, b?));
            Arc::new(rows.collect::<PrimitiveArray<T>>())
        }
    })
}

/// Arrow's decimal kernels fail as a whole. Halving the input finds the rows that fail, mostly none.
fn decimals(op: ArithmeticOp, left: &Value, right: &Value, data_type: &DataType) -> Result<ArrayRef> {
    if let Ok(array) = kernel(op)(left, right) {
        return Ok(array);
    }
    let rows = if left.scalar { right.array.len() } else { left.array.len() };
    if rows <= 1 {
        return Ok(new_null_array(data_type, rows));
    }
    let part = |value: &Value, offset: usize, length: usize| match value.scalar {
        true => value.clone(),
        false => value.with(value.array.slice(offset, length)),
    };
    let middle = rows / 2;
    let first = decimals(op, &part(left, 0, middle), &part(right, 0, middle), data_type)?;
    let rest = rows - middle;
    let second = decimals(op, &part(left, middle, rest), &part(right, middle, rest), data_type)?;
    Ok(arrow_select::concat::concat(&[first.as_ref(), second.as_ref()])?)
}

/// The numbers with the opposite sign; the least integer has none.
pub(super) fn negate(value: &Value) -> Result<Value> {
    let array = plain(&value.array)?;
    macro_rules! of_type {
        ($t:ty) => {
            Ok(value.with(Arc::new(array.as_primitive::<$t>().unary_opt::<_, $t>(|a| a.neg_checked().ok()))))
        };
    }
    downcast_integer! {
        array.data_type() => (of_type),
        DataType::Duration(_) => {
            let ints = negate(&value.with(conversion::raw(&array)?))?;
            Ok(value.with(from_raw(&ints.array, array.data_type())?))
        }
        DataType::Null => Ok(value.clone()),
        // The least decimal that 128 bits hold lies outside every precision.
        _ => Ok(value.with(numeric::neg(&array)?)),
    }
}
