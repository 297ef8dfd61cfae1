//! Cloud stores on any executor: their HTTP client needs a tokio context, which is entered at every poll.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Future, Stream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::runtime::{Handle, Runtime};

/// The process's runtime for HTTP clients: two threads that only move bytes. A forked child, which has none of its
/// parent's threads, gets a runtime of its own.
fn shared() -> Option<Handle> {
    static RUNTIME: Mutex<Option<(u32, Runtime)>> = Mutex::new(None);
    let mut shared = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if shared.as_ref().is_none_or(|(owner, _)| *owner != process) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("spiral-http")
            .enable_all()
            .build()
            .ok()?;
        // Ending a runtime waits for its threads, which a child would do for ever.
        std::mem::forget(shared.replace((process, runtime)));
    }
    shared.as_ref().map(|(_, runtime)| runtime.handle().clone())
}

/// A store whose calls may be polled by any executor.
#[derive(Debug, Clone)]
pub(super) struct InTokio {
    inner: Arc<dyn ObjectStore>,
    /// Where uploads in parts go.
    uploads: Arc<dyn ObjectStore>,
    handle: Handle,
}

impl InTokio {
    /// Wraps a store, of which `uploads` is another handle, for uploads in parts; `None` when the process cannot start
    /// threads.
    pub(super) fn new(inner: Arc<dyn ObjectStore>, uploads: Arc<dyn ObjectStore>) -> Option<Self> {
        Some(Self { inner, uploads, handle: shared()? })
    }

    fn enter<T>(&self, inner: T) -> Entered<T> {
        Entered { inner, handle: self.handle.clone() }
    }
}

impl fmt::Display for InTokio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// A future or stream that is polled within the tokio context.
struct Entered<T> {
    inner: T,
    handle: Handle,
}

impl<F: Future + Unpin> Future for Entered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let handle = self.handle.clone();
        let _context = handle.enter();
        Pin::new(&mut self.inner).poll(cx)
    }
}

impl<S: Stream + Unpin> Stream for Entered<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let handle = self.handle.clone();
        let _context = handle.enter();
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

#[async_trait]
impl ObjectStore for InTokio {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.enter(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.enter(self.uploads.put_multipart_opts(location, options)).await?;
        Ok(Box::new(EnteredUpload { inner, handle: self.handle.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.enter(self.inner.get_opts(location, options)).await?;
        result.payload = match result.payload {
            GetResultPayload::Stream(stream) => GetResultPayload::Stream(self.enter(stream).boxed()),
            other => other,
        };
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        self.enter(self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.enter(self.inner.delete_stream(locations)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.enter(self.inner.list(prefix)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.enter(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.enter(self.inner.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct EnteredUpload {
    inner: Box<dyn MultipartUpload>,
    handle: Handle,
}

#[async_trait]
impl MultipartUpload for EnteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let _context = self.handle.enter();
        Box::pin(Entered { inner: self.inner.put_part(data), handle: self.handle.clone() })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let handle = self.handle.clone();
        Entered { inner: self.inner.complete(), handle }.await
    }

    async fn abort(&mut self) -> Result<()> {
        let handle = self.handle.clone();
        Entered { inner: self.inner.abort(), handle }.await
    }
}
