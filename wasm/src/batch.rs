//! Rows on their way out. Bytes live in JavaScript's own memory, so that nobody has to free them.

use arrow_array::RecordBatch;
use js_sys::{Array, Uint8Array};
use spiral_bindings::{Result, batches_from_ipc, batches_to_ipc, pack_column};
use wasm_bindgen::prelude::*;

use crate::errors::{Thrown, invalid, thrown};

#[wasm_bindgen(raw_module = "./batch.js")]
extern "C" {
    /// The rows of a batch as a complete IPC stream.
    pub(crate) type Batch;
    #[wasm_bindgen(constructor)]
    fn new(rows: u32, ipc: Uint8Array) -> Batch;
}

impl Batch {
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self> {
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        Ok(Self::new(rows, ipc(&batch.schema(), std::slice::from_ref(batch))?))
    }
}

/// Batches of one schema as one IPC stream.
pub(crate) fn ipc(schema: &arrow_schema::Schema, batches: &[RecordBatch]) -> Result<Uint8Array> {
    Ok(Uint8Array::from(&*batches_to_ipc(schema, batches)?))
}

/// One column of a batch, or all of them, each packed.
#[wasm_bindgen]
pub fn pack_columns(ipc: &[u8], column: Option<usize>) -> Thrown<Array> {
    let pack = || {
        let batches = batches_from_ipc(ipc)?;
        let batch = batches.first().ok_or_else(|| invalid("the stream has no batch"))?;
        let wanted = |at: &usize| column.is_none_or(|column| column == *at);
        let columns = (0..batch.num_columns()).filter(wanted).map(|at| pack_column(batch.column(at)));
        columns.map(|packed| Ok(Uint8Array::from(&*packed?))).collect::<Result<Array>>()
    };
    thrown(pack())
}
