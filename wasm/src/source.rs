//! What users write: rows or Arrow data, at once or piece by piece.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::stream::{self, BoxStream, StreamExt};
use js_sys::{Array, Function, Promise, Uint8Array};
use send_wrapper::SendWrapper;
use spiral_bindings::{Result, RowTypes, Value, batch_from_rows, batches_from_ipc};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::errors::{invalid, text_of};
use crate::values::from_js;

type Row = Vec<(Arc<str>, Value)>;

/// Data to write.
pub(crate) enum Source {
    Piece(Piece),
    /// Called for each piece, one after another; `undefined` is the end.
    Pull(SendWrapper<Function>),
}

pub(crate) enum Piece {
    Rows(Vec<Row>),
    Batches(Vec<RecordBatch>),
}

impl Source {
    /// Reads an argument: a function that pulls, bytes of Arrow IPC, or `[names, columns, rows]`.
    pub(crate) fn from_js(data: &JsValue) -> Result<Self> {
        match data.dyn_ref::<Function>() {
            Some(pull) => Ok(Self::Pull(SendWrapper::new(pull.clone()))),
            None => Piece::from_js(data).map(Self::Piece),
        }
    }

    /// The batches, with the types that rows take.
    pub(crate) fn batches(self, types: RowTypes) -> BoxStream<'static, Result<RecordBatch>> {
        match self {
            Self::Piece(piece) => stream::iter(piece.batches(&types)).boxed(),
            Self::Pull(pull) => stream::unfold((pull, types), |(pull, types)| async move {
                let called = pull.call0(&JsValue::UNDEFINED);
                let promise = called.map_or_else(|thrown| Promise::reject(&thrown), |piece| Promise::resolve(&piece));
                let piece = SendWrapper::new(JsFuture::from(promise)).await;
                let batches = match piece {
                    Ok(piece) if piece.is_undefined() => return None,
                    Ok(piece) => Piece::from_js(&piece).map(|piece| piece.batches(&types)),
                    Err(thrown) => Err(invalid(format!("the data ended with an error: {}", text_of(&thrown)))),
                };
                Some((stream::iter(batches.unwrap_or_else(|error| vec![Err(error)])), (pull, types)))
            })
            .flatten()
            .boxed(),
        }
    }
}

impl Piece {
    fn from_js(data: &JsValue) -> Result<Self> {
        if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
            return batches_from_ipc(&bytes.to_vec()).map(Self::Batches);
        }
        let parts = Array::from(data);
        let names: Vec<Arc<str>> =
            Array::from(&parts.get(0)).iter().map(|name| name.as_string().unwrap_or_default().into()).collect();
        let columns = Array::from(&parts.get(1));
        let count = parts.get(2).as_f64().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is the length of an array")]
        let mut rows: Vec<Row> = (0..count as u32).map(|_| Vec::with_capacity(names.len())).collect();
        for (name, column) in names.iter().zip(columns.iter()) {
            for (row, value) in rows.iter_mut().zip(Array::from(&column).iter()) {
                if !value.is_undefined() {
                    row.push((Arc::clone(name), from_js(&value)?));
                }
            }
        }
        Ok(Self::Rows(rows))
    }

    fn batches(self, types: &RowTypes) -> Vec<Result<RecordBatch>> {
        match self {
            Self::Rows(rows) => vec![batch_from_rows(&rows, types)],
            Self::Batches(batches) => batches.into_iter().map(Ok).collect(),
        }
    }
}

/// Keys: a list of lists of values.
pub(crate) fn keys(keys: &Array) -> Result<Vec<Vec<Value>>> {
    keys.iter().map(|key| Array::from(&key).iter().map(|part| from_js(&part)).collect()).collect()
}
