//! What users write, piece by piece.

use napi::bindgen_prelude::{Env, PromiseRaw};
use napi_derive::napi;
use spiral_bindings::{Feed, Piece};

/// The feeding end lies with JavaScript, the other one with the write.
#[napi]
#[derive(Default)]
pub struct Source(pub(crate) Feed);

#[napi]
impl Source {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
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
        self.0.end();
    }

    #[napi]
    pub fn abandon(&self) {
        self.0.abandon();
    }

    fn push<'env>(&self, env: &'env Env, piece: Piece) -> napi::Result<PromiseRaw<'env, bool>> {
        let pushed = self.0.push(piece);
        env.spawn_future(async move { Ok(pushed.await) })
    }
}
