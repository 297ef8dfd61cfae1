//! Plans, and the batches that they stream.

use arrow_array::{Array as _, RecordBatch};
use napi::bindgen_prelude::{Env, ObjectFinalize, PromiseRaw, Uint8Array};
use napi_derive::napi;
use spiral_bindings::{self as facade, batches_to_ipc, pack_column, to_json, unpack_keys};

use crate::errors::thrown;
use crate::handle::{Cancel, Held};

#[napi]
pub struct Plan {
    pub(crate) held: Held<facade::Plan>,
}

impl Plan {
    pub(crate) fn new(plan: facade::Plan) -> Self {
        Self { held: Held::new(plan) }
    }
}

#[napi]
impl Plan {
    /// As JSON.
    #[napi]
    pub fn columns(&self) -> napi::Result<String> {
        Ok(to_json(&self.held.get()?.columns()))
    }

    #[napi]
    pub fn explain(&self) -> napi::Result<String> {
        Ok(self.held.get()?.explain())
    }

    /// As JSON.
    #[napi]
    pub fn metrics(&self) -> napi::Result<String> {
        Ok(to_json(&self.held.get()?.metrics()))
    }

    #[napi]
    pub fn batches(&self) -> napi::Result<Batches> {
        Ok(Batches { held: Held::new(self.held.get()?.batches()) })
    }

    /// All batches as one IPC stream.
    #[napi]
    pub fn ipc<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Uint8Array>> {
        let plan = self.held.get()?;
        cancel.promise(env, async move {
            let batches = plan.collect().await?;
            Ok(Uint8Array::new(batches_to_ipc(&plan.schema(), &batches)?))
        })
    }

    /// `keys` are packed.
    #[napi]
    pub fn take<'env>(&self, env: &'env Env, keys: &[u8], cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Taken>> {
        let taking = self.held.get()?.take_keys(&unpack_keys(keys).map_err(thrown)?);
        cancel.promise_of(env, taking, |env, taken| {
            let position = |position: &u64| u32::try_from(*position).unwrap_or(u32::MAX);
            Ok(Taken {
                positions: taken.positions.values().iter().map(position).collect(),
                batch: Batch::new(env, taken.rows)?,
            })
        })
    }
}

/// Rows of keys, and for each the position of its key.
#[napi(object, object_from_js = false)]
pub struct Taken {
    pub batch: Batch,
    pub positions: Vec<u32>,
}

#[napi]
pub struct Batches {
    held: Held<facade::Batches>,
}

#[napi]
impl Batches {
    /// The next batch, or null after the last one.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<PromiseRaw<'env, Option<Batch>>> {
        cancel.promise_of(env, self.held.get()?.next(), |env, batch| {
            batch.map(|batch| Batch::new(env, batch)).transpose()
        })
    }

    /// Ends reading, now.
    #[napi]
    pub fn free(&self) {
        if let Ok(batches) = self.held.get() {
            batches.close();
        }
        self.held.free();
    }
}

/// Rows in the engine's memory.
#[napi(custom_finalize)]
pub struct Batch {
    rows: RecordBatch,
    bytes: i64,
}

impl Batch {
    /// Tells the garbage collector how much memory hangs on the object, or it would let batches pile up.
    fn new(env: &Env, rows: RecordBatch) -> napi::Result<Self> {
        let size: usize =
            rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        let bytes = i64::try_from(size).unwrap_or(i64::MAX);
        env.adjust_external_memory(bytes)?;
        Ok(Self { rows, bytes })
    }
}

impl ObjectFinalize for Batch {
    fn finalize(self, env: Env) -> napi::Result<()> {
        env.adjust_external_memory(-self.bytes)?;
        Ok(())
    }
}

#[napi]
impl Batch {
    #[napi(getter)]
    pub fn num_rows(&self) -> u32 {
        u32::try_from(self.rows.num_rows()).unwrap_or(u32::MAX)
    }

    /// A column, packed.
    #[napi]
    pub fn column(&self, at: u32) -> napi::Result<Uint8Array> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        pack_column(self.rows.column(at)).map(Uint8Array::new).map_err(thrown)
    }

    /// All columns, each packed.
    #[napi]
    pub fn columns(&self) -> napi::Result<Vec<Uint8Array>> {
        let columns = self.rows.columns().iter();
        columns.map(|column| pack_column(column).map(Uint8Array::new).map_err(thrown)).collect()
    }

    #[napi]
    pub fn ipc(&self) -> napi::Result<Uint8Array> {
        let bytes = batches_to_ipc(&self.rows.schema(), std::slice::from_ref(&self.rows));
        bytes.map(Uint8Array::new).map_err(thrown)
    }
}
