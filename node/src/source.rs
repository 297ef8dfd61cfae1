//! What users write, piece by piece: each piece is asked for when the one before it was taken.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use futures::channel::mpsc;
use futures::{SinkExt, Stream, StreamExt, stream};
use napi::Unknown;
use napi::bindgen_prelude::{Array, Env, PromiseRaw};
use napi_derive::napi;
use spiral_bindings::{Code, Error, Result, RowTypes, Value, batch_from_rows, batches_from_ipc};

use crate::errors::invalid;
use crate::values::from_js;

type Row = Vec<(Arc<str>, Value)>;

enum Piece {
    Rows(Vec<Row>),
    Ipc(Vec<u8>),
    /// Iterating failed: nothing is written.
    Failed,
}

/// The sending half lies with JavaScript, the receiving one with the write.
#[napi]
pub struct Source {
    sender: Mutex<Option<mpsc::Sender<Piece>>>,
    pieces: Mutex<Option<Pieces>>,
}

pub(crate) struct Pieces(mpsc::Receiver<Piece>);

#[napi]
impl Source {
    #[napi(constructor)]
    pub fn new() -> Self {
        // The sender's own place is the only one: a piece waits while another one is written.
        let (sender, pieces) = mpsc::channel(0);
        Self { sender: Mutex::new(Some(sender)), pieces: Mutex::new(Some(Pieces(pieces))) }
    }

    /// Passes rows on, column by column; resolves to whether more are wanted.
    #[napi]
    pub fn rows<'env>(
        &self,
        env: &'env Env,
        names: Vec<String>,
        columns: Array<'env>,
        count: u32,
    ) -> napi::Result<PromiseRaw<'env, bool>> {
        let names: Vec<Arc<str>> = names.into_iter().map(Into::into).collect();
        let mut rows: Vec<Row> = (0..count).map(|_| Vec::with_capacity(names.len())).collect();
        for (name, at) in names.iter().zip(0..) {
            let Some(column) = columns.get::<Array>(at)? else { continue };
            for (row, at) in rows.iter_mut().zip(0..) {
                // Places without a value are cells that are not written.
                if let Some(value) = column.get::<Unknown>(at)?
                    && value.get_type()? != napi::ValueType::Undefined
                {
                    row.push((Arc::clone(name), from_js(value)?));
                }
            }
        }
        self.push(env, Piece::Rows(rows))
    }

    /// Passes Arrow data on.
    #[napi]
    pub fn ipc<'env>(&self, env: &'env Env, bytes: &[u8]) -> napi::Result<PromiseRaw<'env, bool>> {
        self.push(env, Piece::Ipc(bytes.to_vec()))
    }

    /// Fails the write.
    #[napi]
    pub fn fail<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, bool>> {
        self.push(env, Piece::Failed)
    }

    /// There is no more.
    #[napi]
    pub fn end(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn push<'env>(&self, env: &'env Env, piece: Piece) -> napi::Result<PromiseRaw<'env, bool>> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        env.spawn_future(async move {
            Ok(match sender {
                Some(mut sender) => sender.feed(piece).await.is_ok() && sender.flush().await.is_ok(),
                None => false,
            })
        })
    }
}

impl Source {
    /// The receiving half, once.
    pub(crate) fn pieces(&self) -> napi::Result<Pieces> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
        pieces.ok_or_else(|| invalid("data is written once"))
    }
}

impl Pieces {
    /// The batches, with the types that rows take.
    pub(crate) fn batches(self, types: RowTypes) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
        self.0.flat_map(move |piece| {
            stream::iter(match piece {
                Piece::Rows(rows) => vec![batch_from_rows(&rows, &types)],
                Piece::Ipc(bytes) => match batches_from_ipc(&bytes) {
                    Ok(batches) => batches.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                },
                Piece::Failed => vec![Err(Error::new(Code::InvalidArgument, "the data ended with an error"))],
            })
        })
    }
}
