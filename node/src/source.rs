//! What users write, piece by piece.

use std::sync::{Mutex, PoisonError};

use napi::bindgen_prelude::{Env, PromiseRaw};
use napi_derive::napi;
use spiral_bindings::{Feed, Piece, Pieces};

use crate::errors::invalid;

/// The feeding end lies with JavaScript, the other one with the write.
#[napi]
pub struct Source {
    feed: Feed,
    pieces: Mutex<Option<Pieces>>,
}

#[napi]
impl Source {
    #[napi(constructor)]
    pub fn new() -> Self {
        let (feed, pieces) = Feed::new();
        Self { feed, pieces: Mutex::new(Some(pieces)) }
    }

    /// Passes packed rows on; resolves to whether more are wanted.
    #[napi]
    pub fn rows<'env>(&self, env: &'env Env, packed: &[u8]) -> napi::Result<PromiseRaw<'env, bool>> {
        self.push(env, Piece::Packed(packed.to_vec()))
    }

    /// Passes Arrow data on.
    #[napi]
    pub fn ipc<'env>(&self, env: &'env Env, bytes: &[u8]) -> napi::Result<PromiseRaw<'env, bool>> {
        self.push(env, Piece::Ipc(bytes.to_vec()))
    }

    #[napi]
    pub fn end(&self) {
        self.feed.end();
    }

    #[napi]
    pub fn abandon(&self) {
        self.feed.abandon();
    }

    fn push<'env>(&self, env: &'env Env, piece: Piece) -> napi::Result<PromiseRaw<'env, bool>> {
        let pushed = self.feed.push(piece);
        env.spawn_future(async move { Ok(pushed.await) })
    }
}

impl Source {
    /// The other end, once.
    pub(crate) fn pieces(&self) -> napi::Result<Pieces> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
        pieces.ok_or_else(|| invalid("data is written once"))
    }
}
