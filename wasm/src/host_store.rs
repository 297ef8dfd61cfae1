//! Byte stores that JavaScript supplies: HTTP, the origin's private file system, or a user's own.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use object_store::path::Path;
use object_store::{Error, PutPayload, Result};
use send_wrapper::SendWrapper;
use spiral_bindings::core::store::{ByteStore, ReadResult};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::errors::text_of;

#[wasm_bindgen]
extern "C" {
    /// The interface `ByteStore` of `index.d.ts`.
    pub type JsStore;
    #[wasm_bindgen(method)]
    fn get(this: &JsStore, path: &str, begin: Option<f64>, end: Option<f64>, signal: &JsValue) -> Promise;
    #[wasm_bindgen(method)]
    fn put(this: &JsStore, path: &str, bytes: Uint8Array, if_absent: bool, signal: &JsValue) -> Promise;
    #[wasm_bindgen(method)]
    fn remove(this: &JsStore, path: &str, signal: &JsValue) -> Promise;

    type AbortController;
    #[wasm_bindgen(constructor)]
    fn new() -> AbortController;
    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;
    #[wasm_bindgen(method)]
    fn abort(this: &AbortController);
}

/// A store of JavaScript's. Its names are relative to `root`, which is no more than a label.
pub(crate) struct HostStore {
    store: SendWrapper<JsStore>,
    root: Path,
}

/// Aborts a request when it is dropped before its end.
struct Request {
    controller: SendWrapper<AbortController>,
    ended: bool,
}

impl Request {
    fn new() -> Self {
        Self { controller: SendWrapper::new(AbortController::new()), ended: false }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended {
            self.controller.abort();
        }
    }
}

impl HostStore {
    pub(crate) fn new(store: JsStore, root: Path) -> Self {
        Self { store: SendWrapper::new(store), root }
    }

    fn name<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.root.as_ref()).unwrap_or(path).trim_start_matches('/')
    }

    /// Starts a request, and gives what waits for its answer.
    fn ask<F>(&self, path: &str, start: F) -> impl Future<Output = Result<Answer>> + Send + use<F>
    where
        F: FnOnce(&JsStore, &str, &JsValue) -> Promise,
    {
        let mut request = Request::new();
        let promise = start(&self.store, self.name(path), &request.controller.signal());
        let (answer, path) = (SendWrapper::new(JsFuture::from(promise)), path.to_owned());
        async move {
            let answer = answer.await;
            request.ended = answer.is_err();
            match answer {
                Ok(value) => Ok(Answer { value: SendWrapper::new(value), request }),
                Err(thrown) => Err(refusal(&thrown, path)),
            }
        }
    }

    /// A request whose answer says no more than that it succeeded.
    async fn done(&self, path: &str, start: impl FnOnce(&JsStore, &str, &JsValue) -> Promise) -> Result<()> {
        self.ask(path, start).await?.request.ended = true;
        Ok(())
    }
}

struct Answer {
    value: SendWrapper<JsValue>,
    request: Request,
}

/// What a store threw, by its member `kind`.
fn refusal(thrown: &JsValue, path: String) -> Error {
    let kind = Reflect::get(thrown, &"kind".into()).ok().and_then(|kind| kind.as_string());
    let text = text_of(thrown);
    match kind.as_deref() {
        Some("NotFound") => Error::NotFound { path, source: text.into() },
        Some("AlreadyExists") => Error::AlreadyExists { path, source: text.into() },
        Some("PermissionDenied") => Error::PermissionDenied { path, source: text.into() },
        Some("Unsupported") => Error::NotSupported { source: text.into() },
        Some("ReadOnly") => generic(std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, text)),
        _ => generic(text),
    }
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "host", source: source.into() }
}

fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are whole and below 2^53")]
fn offset(object: &JsValue, name: &str) -> Option<u64> {
    member(object, name).as_f64().map(|number| number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "no object is as long as 2^53 bytes")]
fn number(offset: u64) -> f64 {
    offset as f64
}

impl fmt::Display for HostStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostStore")
    }
}

/// The pieces of a body, one call of `pull` each.
fn body(answer: &JsValue, request: Request) -> BoxStream<'static, Result<Bytes>> {
    let pull: Option<Function> = member(answer, "pull").dyn_into().ok();
    let state = (SendWrapper::new((pull, request)), false);
    stream::unfold(state, |(mut state, failed)| async move {
        if failed {
            return None;
        }
        let called = state.0.as_ref()?.call0(&JsValue::UNDEFINED);
        let promise = called.unwrap_or_else(|thrown| Promise::reject(&thrown).into());
        let piece = SendWrapper::new(JsFuture::from(Promise::resolve(&promise))).await;
        match piece {
            Ok(piece) if piece.is_undefined() => {
                state.1.ended = true;
                None
            }
            Ok(piece) => Some((Ok(Uint8Array::new(&piece).to_vec().into()), (state, false))),
            Err(thrown) => Some((Err(generic(text_of(&thrown))), (state, true))),
        }
    })
    .boxed()
}

#[async_trait]
impl ByteStore for HostStore {
    async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult> {
        let (begin, end) = range.map(|range| (number(range.start), number(range.end))).unzip();
        let Answer { value, request } =
            self.ask(path, |store, path, signal| store.get(path, begin, end, signal)).await?;
        Ok(ReadResult {
            range: offset(&value, "begin").unwrap_or(0)..offset(&value, "end").unwrap_or(0),
            size: offset(&value, "size"),
            modified: offset(&value, "modified").map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis)),
            body: body(&value, request),
        })
    }

    async fn write(&self, path: &str, payload: PutPayload, if_absent: bool) -> Result<()> {
        self.done(path, |store, path, signal| store.put(path, joined(&payload), if_absent, signal)).await
    }

    async fn remove(&self, path: &str) -> Result<()> {
        self.done(path, |store, path, signal| store.remove(path, signal)).await
    }
}

/// One array of JavaScript's with all pieces of a payload.
fn joined(payload: &PutPayload) -> Uint8Array {
    let length = u32::try_from(payload.content_length()).unwrap_or(u32::MAX);
    let joined = Uint8Array::new_with_length(length);
    let mut at = 0;
    for piece in payload {
        let end = at + u32::try_from(piece.len()).unwrap_or(u32::MAX);
        joined.subarray(at, end).copy_from(piece);
        at = end;
    }
    joined
}
