//! What users write, piece by piece.

use std::cell::RefCell;

use js_sys::Promise;
use spiral_bindings::{Feed, Piece, Pieces, Result};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::errors::invalid;

/// The feeding end lies with JavaScript, the other one with the write.
#[wasm_bindgen]
pub struct Source {
    feed: Feed,
    pieces: RefCell<Option<Pieces>>,
}

#[wasm_bindgen]
impl Source {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "JavaScript calls it")]
    pub fn new() -> Self {
        let (feed, pieces) = Feed::new();
        Self { feed, pieces: RefCell::new(Some(pieces)) }
    }

    /// Passes packed rows on; resolves to whether more are wanted.
    pub fn rows(&self, packed: Vec<u8>) -> Promise {
        self.push(Piece::Packed(packed))
    }

    /// Passes Arrow data on.
    pub fn ipc(&self, bytes: Vec<u8>) -> Promise {
        self.push(Piece::Ipc(bytes))
    }

    /// Ends the write, and this object.
    pub fn end(self) {
        self.feed.end();
    }

    /// Gives the write up, and this object.
    pub fn abandon(self) {
        self.feed.abandon();
    }

    fn push(&self, piece: Piece) -> Promise {
        let pushed = self.feed.push(piece);
        future_to_promise(async move { Ok(pushed.await.into()) })
    }
}

impl Source {
    /// The other end, once.
    pub(crate) fn pieces(&self) -> Result<Pieces> {
        self.pieces.take().ok_or_else(|| invalid("data is written once"))
    }
}
