//! Comparing arrays with arrays and constants, in the order of keys.
//!
//! Arrow's kernels demand equal types on both sides and order floats by their bits, so that `-0.0 < 0.0` and negative
//! NaN comes first. Here encodings are aligned and floats made canonical before the kernel runs.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum};
use arrow_ord::cmp;
use arrow_schema::DataType;
use half::f16;

use super::ast::CompareOp;
use super::coerce::logical;
use crate::error::Result;

/// A column of values, or one value that stands for every row.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) array: ArrayRef,
    pub(super) scalar: bool,
}

impl Value {
    pub(super) fn rows(array: ArrayRef) -> Self {
        Self { array, scalar: false }
    }

    pub(super) fn scalar(array: ArrayRef) -> Self {
        Self { array, scalar: true }
    }

    /// The same kind of value with another array.
    pub(super) fn with(&self, array: ArrayRef) -> Self {
        Self { array, scalar: self.scalar }
    }
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.scalar)
    }
}

/// The array without dictionary, run-end or small-decimal encoding. String and binary layouts stay as they are.
pub(super) fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    let target = match array.data_type() {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        DataType::Decimal32(..) | DataType::Decimal64(..) => logical(array.data_type()),
        _ => return Ok(Arc::clone(array)),
    };
    Ok(arrow_cast::cast(array, &target)?)
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View | DataType::LargeBinary | DataType::BinaryView => data_type.clone(),
        other => logical(other),
    }
}

/// Floats with one zero and one NaN, which Arrow then orders as keys are ordered.
pub(super) fn canonical(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float16 => {
            Arc::new(array.as_primitive::<Float16Type>().unary::<_, Float16Type>(|value| match value {
                nan if nan.is_nan() => f16::NAN,
                zero if zero == f16::ZERO => f16::ZERO,
                other => other,
            }))
        }
        // Adding zero turns its negative into it and changes nothing else.
        DataType::Float32 => Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }),
        ),
        _ => array,
    }
}

/// Compares two values of one logical type; null where either is.
pub(super) fn compare(op: CompareOp, left: &Value, right: &Value) -> Result<BooleanArray> {
    let (left, right) = aligned(left, right)?;
    let kernel = match op {
        CompareOp::Eq => cmp::eq,
        CompareOp::Neq => cmp::neq,
        CompareOp::Lt => cmp::lt,
        CompareOp::Lte => cmp::lt_eq,
        CompareOp::Gt => cmp::gt,
        CompareOp::Gte => cmp::gt_eq,
    };
    Ok(kernel(&left, &right)?)
}

/// Both sides in one physical type.
fn aligned(left: &Value, right: &Value) -> Result<(Value, Value)> {
    let (left, right) = (encoded_or_plain(left)?, encoded_or_plain(right)?);
    let (left_type, right_type) = (value_type(&left), value_type(&right));
    if left_type.is_floating() {
        return Ok((left.with(canonical(Arc::clone(&left.array))), right.with(canonical(Arc::clone(&right.array)))));
    }
    if left_type == right_type {
        return Ok((left, right));
    }
    let common = match (&left_type, &right_type) {
        // Zones differ in name only; the number is the instant.
        (DataType::Timestamp(..), DataType::Timestamp(..)) => {
            let raw = |value: &Value| -> Result<Value> {
                Ok(value.with(arrow_cast::cast(&plain(&value.array)?, &DataType::Int64)?))
            };
            return Ok((raw(&left)?, raw(&right)?));
        }
        // A constant follows the column; of two columns the right one follows, except into fixed-size values.
        (DataType::FixedSizeBinary(_), _) => right_type,
        _ if left.scalar => right_type,
        _ => left_type,
    };
    let to_common = |value: Value| -> Result<Value> {
        if value_type(&value) == common { Ok(value) } else { Ok(value.with(arrow_cast::cast(&value.array, &common)?)) }
    };
    Ok((to_common(left)?, to_common(right)?))
}

/// A dictionary of values other than floats stays, since kernels compare it by its few values.
fn encoded_or_plain(value: &Value) -> Result<Value> {
    match value.array.data_type() {
        DataType::Dictionary(_, values) if !values.is_nested() && !is_encoded(values) && !values.is_floating() => {
            Ok(value.clone())
        }
        DataType::FixedSizeBinary(_) if value.scalar => {
            Ok(value.with(arrow_cast::cast(&value.array, &DataType::Binary)?))
        }
        _ => Ok(value.with(plain(&value.array)?)),
    }
}

fn is_encoded(data_type: &DataType) -> bool {
    logical(data_type) != *data_type
        && !matches!(data_type, DataType::LargeUtf8 | DataType::Utf8View | DataType::LargeBinary | DataType::BinaryView)
}

fn value_type(value: &Value) -> DataType {
    match value.array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        other => other.clone(),
    }
}
