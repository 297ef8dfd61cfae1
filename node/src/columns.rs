//! Columns of a batch as arrays of JavaScript.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use napi::Unknown;
use napi::bindgen_prelude::{
    BigInt64Array, BigUint64Array, Env, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, ToNapiValue,
    Uint8Array, Uint16Array, Uint32Array,
};
use spiral_bindings::values_from_array;

use crate::errors::thrown;
use crate::values::{array, safe_number, to_js};

/// How 64-bit integers are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int64 {
    BigInt,
    /// As numbers; those that no number holds exactly are errors.
    Number,
}

impl Int64 {
    pub(crate) fn new(numbers: bool) -> Self {
        if numbers { Self::Number } else { Self::BigInt }
    }
}

/// Numbers without nulls as a typed array, everything else value by value.
///
/// Typed arrays are copies: what they copy may be shared with other readers and with caches, and JavaScript can write
/// to every typed array.
pub(crate) fn column<'env>(env: &'env Env, column: &ArrayRef, int64: Int64) -> napi::Result<Unknown<'env>> {
    macro_rules! typed {
        ($array:ident, $type:ty) => {
            $array::new(column.as_primitive::<$type>().values().to_vec()).into_unknown(env)
        };
    }
    macro_rules! numbers {
        ($type:ty) => {{
            let values = column.as_primitive::<$type>().values();
            let exact = values.iter().map(|integer| safe_number(i128::from(*integer)));
            Float64Array::new(exact.collect::<napi::Result<Vec<f64>>>()?).into_unknown(env)
        }};
    }
    if column.null_count() > 0 {
        return plain(env, column, int64);
    }
    match column.data_type() {
        DataType::Int8 => typed!(Int8Array, Int8Type),
        DataType::Int16 => typed!(Int16Array, Int16Type),
        DataType::Int32 => typed!(Int32Array, Int32Type),
        DataType::UInt8 => typed!(Uint8Array, UInt8Type),
        DataType::UInt16 => typed!(Uint16Array, UInt16Type),
        DataType::UInt32 => typed!(Uint32Array, UInt32Type),
        DataType::Float16 => {
            let wide = column.as_primitive::<Float16Type>().values().iter().map(|value| value.to_f32());
            Float32Array::new(wide.collect()).into_unknown(env)
        }
        DataType::Float32 => typed!(Float32Array, Float32Type),
        DataType::Float64 => typed!(Float64Array, Float64Type),
        DataType::Int64 if int64 == Int64::Number => numbers!(Int64Type),
        DataType::UInt64 if int64 == Int64::Number => numbers!(UInt64Type),
        DataType::Int64 => typed!(BigInt64Array, Int64Type),
        DataType::UInt64 => typed!(BigUint64Array, UInt64Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => typed!(BigInt64Array, TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => typed!(BigInt64Array, TimestampNanosecondType),
        _ => plain(env, column, int64),
    }
}

fn plain<'env>(env: &'env Env, column: &ArrayRef, int64: Int64) -> napi::Result<Unknown<'env>> {
    let values = values_from_array(column).map_err(|error| thrown(&error))?;
    array(env, values.into_iter().map(|value| to_js(env, value, column.data_type(), int64)))
}
