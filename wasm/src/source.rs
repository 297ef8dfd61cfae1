//! What users write, piece by piece.

use js_sys::Promise;
use spiral_bindings::{Feed, Piece};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// The feeding end lies with JavaScript, the other one with the write.
#[wasm_bindgen]
#[derive(Default)]
pub struct Source(pub(crate) Feed);

#[wasm_bindgen]
impl Source {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
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
        self.0.end();
    }

    /// Gives the write up, and this object.
    pub fn abandon(self) {
        self.0.abandon();
    }

    fn push(&self, piece: Piece) -> Promise {
        let pushed = self.0.push(piece);
        future_to_promise(async move { Ok(pushed.await.into()) })
    }
}
