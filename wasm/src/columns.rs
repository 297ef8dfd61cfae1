//! Columns of a batch as arrays of JavaScript.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use js_sys::{
    Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Uint8Array,
    Uint16Array, Uint32Array,
};
use spiral_bindings::{Error, Result, batches_from_ipc, batches_to_ipc, values_from_array};
use wasm_bindgen::prelude::*;

use crate::errors::{invalid, thrown};
use crate::values::{Int64, safe_number, to_js};

/// A batch as it is handed over: its rows and a complete IPC stream. Bytes live in JavaScript's own memory, so that
/// nobody has to free them.
pub(crate) fn crossing(batch: &RecordBatch) -> Result<JsValue> {
    let ipc = batches_to_ipc(&batch.schema(), std::slice::from_ref(batch))?;
    let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
    Ok(Array::of2(&rows.into(), &Uint8Array::from(&*ipc).into()).into())
}

/// One column of a batch that [`crossing`] handed over, or all of them.
#[wasm_bindgen]
pub fn read_columns(ipc: &[u8], column: Option<usize>, numbers: bool) -> std::result::Result<Array, JsValue> {
    let read = || {
        let batches = batches_from_ipc(ipc)?;
        let batch = batches.first().ok_or_else(|| invalid("the stream has no batch"))?;
        let wanted = |at: &usize| column.is_none_or(|column| column == *at);
        let columns = (0..batch.num_columns()).filter(wanted);
        columns.map(|at| array(batch.column(at), Int64::new(numbers))).collect::<Result<Array>>()
    };
    thrown(read())
}

/// Numbers without nulls as a typed array, everything else value by value.
fn array(column: &ArrayRef, int64: Int64) -> Result<JsValue> {
    macro_rules! typed {
        ($array:ident, $type:ty) => {
            $array::from(&**column.as_primitive::<$type>().values()).into()
        };
    }
    if column.null_count() > 0 {
        return plain(column, int64);
    }
    let exact = |integers: &mut dyn Iterator<Item = i128>| -> Result<JsValue> {
        let numbers = integers.map(safe_number).collect::<Result<Vec<f64>, Error>>()?;
        Ok(Float64Array::from(&*numbers).into())
    };
    Ok(match column.data_type() {
        DataType::Int8 => typed!(Int8Array, Int8Type),
        DataType::Int16 => typed!(Int16Array, Int16Type),
        DataType::Int32 => typed!(Int32Array, Int32Type),
        DataType::UInt8 => typed!(Uint8Array, UInt8Type),
        DataType::UInt16 => typed!(Uint16Array, UInt16Type),
        DataType::UInt32 => typed!(Uint32Array, UInt32Type),
        DataType::Float16 => return array(&arrow_cast::cast(column, &DataType::Float32)?, int64),
        DataType::Float32 => typed!(Float32Array, Float32Type),
        DataType::Float64 => typed!(Float64Array, Float64Type),
        DataType::Int64 if int64 == Int64::Number => {
            exact(&mut column.as_primitive::<Int64Type>().values().iter().map(|integer| i128::from(*integer)))?
        }
        DataType::UInt64 if int64 == Int64::Number => {
            exact(&mut column.as_primitive::<UInt64Type>().values().iter().map(|integer| i128::from(*integer)))?
        }
        DataType::Int64 => typed!(BigInt64Array, Int64Type),
        DataType::UInt64 => typed!(BigUint64Array, UInt64Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => typed!(BigInt64Array, TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => typed!(BigInt64Array, TimestampNanosecondType),
        _ => return plain(column, int64),
    })
}

fn plain(column: &ArrayRef, int64: Int64) -> Result<JsValue> {
    let values = values_from_array(column)?.into_iter();
    Ok(values.map(|value| to_js(value, column.data_type(), int64)).collect::<Result<Array>>()?.into())
}

/// Batches of one schema as one IPC stream.
pub(crate) fn whole(schema: &arrow_schema::Schema, batches: &[RecordBatch]) -> Result<JsValue> {
    Ok(Uint8Array::from(&*batches_to_ipc(schema, batches)?).into())
}
