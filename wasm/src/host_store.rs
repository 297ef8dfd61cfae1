//! Byte stores that JavaScript supplies: HTTP, the origin's private file system, or a user's own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::errors::text_of;

#[wasm_bindgen]
extern "C" {
    /// The interface `ByteStore` of `index.d.ts`.
    #[derive(Clone)]
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

/// The end of the year 9999: what is called later than that was not measured by a clock.
const LATEST_MILLIS: u64 = 253_402_300_799_999;

/// A store of JavaScript's. Its names are relative to `root`, which is no more than a label.
#[derive(Clone)]
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

    fn name<'a>(&self, location: &'a Path) -> &'a str {
        location.as_ref().strip_prefix(self.root.as_ref()).unwrap_or(location.as_ref()).trim_start_matches('/')
    }

    /// Starts a request, and gives what waits for its answer.
    fn ask<F>(&self, location: &Path, start: F) -> impl Future<Output = Result<Answer>> + Send + use<F>
    where
        F: FnOnce(&JsStore, &str, &JsValue) -> Promise,
    {
        let mut request = Request::new();
        let promise = start(&self.store, self.name(location), &request.controller.signal());
        let (answer, path) = (SendWrapper::new(JsFuture::from(promise)), location.to_string());
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
    async fn done(&self, asked: impl Future<Output = Result<Answer>>) -> Result<()> {
        asked.await?.request.ended = true;
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

impl fmt::Debug for HostStore {
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
impl ObjectStore for HostStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let if_absent = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => {
                return Err(Error::NotSupported { source: "objects are not replaced conditionally".into() });
            }
        };
        self.done(self.ask(location, |store, path, signal| store.put(path, joined(&payload), if_absent, signal)))
            .await?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let parts = Arc::default();
        Ok(Box::new(Parts { store: self.clone(), location: location.clone(), parts }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (begin, end) = match options.range {
            None => (None, None),
            Some(GetRange::Bounded(range)) => (Some(number(range.start)), Some(number(range.end))),
            Some(GetRange::Offset(begin)) => (Some(number(begin)), None),
            Some(GetRange::Suffix(_)) => {
                return Err(Error::NotSupported { source: "suffix ranges need a preflight".into() });
            }
        };
        let Answer { value, request } =
            self.ask(location, |store, path, signal| store.get(path, begin, end, signal)).await?;
        let modified = offset(&value, "modified").map(|millis| millis.min(LATEST_MILLIS));
        if options.head && modified.is_none() {
            return Err(Error::NotSupported { source: "the store does not tell when objects were written".into() });
        }
        let range = offset(&value, "begin").unwrap_or(0)..offset(&value, "end").unwrap_or(0);
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: (SystemTime::UNIX_EPOCH + Duration::from_millis(modified.unwrap_or(0))).into(),
            size: offset(&value, "size").unwrap_or(0),
            e_tag: None,
            version: None,
        };
        let payload = GetResultPayload::Stream(body(&value, request));
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let removed = locations.then(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                store.done(store.ask(&location, |store, path, signal| store.remove(path, signal))).await?;
                Ok(location)
            }
        });
        removed.boxed()
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { Err(no_listing()) }).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(no_listing())
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(Error::NotSupported { source: "objects are not copied".into() })
    }
}

fn no_listing() -> Error {
    Error::NotSupported { source: "the objects of this store are not listed".into() }
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

/// A large object: kept in pieces until it is complete, since these stores take it as a whole.
#[derive(Debug)]
struct Parts {
    store: HostStore,
    location: Path,
    parts: Arc<Mutex<Vec<PutPayload>>>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        async { Ok(()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let whole: PutPayload = parts.iter().flatten().cloned().collect();
        self.store.put_opts(&self.location, whole, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}
