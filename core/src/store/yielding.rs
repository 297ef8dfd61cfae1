//! A memory store that suspends at every operation.
//!
//! The plain memory store answers within one poll, so tests on it never see two operations overlap. Here every
//! operation waits before it takes effect and again before its answer arrives, as over a network.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::runtime::{RuntimeRef, yield_now};

/// Objects in memory behind a simulated network. Clones share the objects.
#[derive(Clone)]
pub struct YieldingStore {
    memory: Arc<InMemory>,
    network: Network,
}

/// The way to the store and back.
#[derive(Clone)]
struct Network {
    runtime: RuntimeRef,
    latency: Duration,
}

impl Network {
    async fn travel(&self) {
        if self.latency.is_zero() {
            yield_now().await;
        } else {
            self.runtime.sleep(self.latency).await;
        }
    }
}

impl YieldingStore {
    /// An empty store; each way takes `latency`, or one turn of the scheduler if that is zero.
    pub fn new(runtime: RuntimeRef, latency: Duration) -> Self {
        Self::over(Arc::default(), runtime, latency)
    }

    /// The same objects seen through another network or from another actor.
    pub fn over(memory: Arc<InMemory>, runtime: RuntimeRef, latency: Duration) -> Self {
        Self { memory, network: Network { runtime, latency } }
    }

    /// The objects, for looking at them without a network.
    pub fn memory(&self) -> &Arc<InMemory> {
        &self.memory
    }

    async fn there_and_back<T>(&self, operation: impl Future<Output = T>) -> T {
        self.network.travel().await;
        let result = operation.await;
        self.network.travel().await;
        result
    }
}

impl fmt::Debug for YieldingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YieldingStore").field("latency", &self.network.latency).finish_non_exhaustive()
    }
}

impl fmt::Display for YieldingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YieldingStore")
    }
}

#[async_trait]
impl ObjectStore for YieldingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.there_and_back(self.memory.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.there_and_back(self.memory.put_multipart_opts(location, options)).await?;
        Ok(Box::new(YieldingUpload { inner, network: self.network.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let result = self.there_and_back(self.memory.get_opts(location, options)).await?;
        let GetResult { meta, range, attributes, extensions, .. } = &result;
        let head = (meta.clone(), range.clone(), attributes.clone(), extensions.clone());
        let network = self.network.clone();
        let body = stream::once(async move { network.travel().await }).flat_map(move |()| stream::empty());
        let payload = GetResultPayload::Stream(body.chain(result.into_stream()).boxed());
        Ok(GetResult { payload, meta: head.0, range: head.1, attributes: head.2, extensions: head.3 })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.there_and_back(self.memory.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let network = self.network.clone();
        let delayed = locations.then(move |location| {
            let network = network.clone();
            async move {
                network.travel().await;
                location
            }
        });
        self.memory.delete_stream(delayed.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.there_and_back(self.memory.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.there_and_back(self.memory.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct YieldingUpload {
    inner: Box<dyn MultipartUpload>,
    network: Network,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({:?})", self.latency)
    }
}

#[async_trait]
impl MultipartUpload for YieldingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, network) = (self.inner.put_part(data), self.network.clone());
        async move {
            network.travel().await;
            let result = part.await;
            network.travel().await;
            result
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.network.travel().await;
        let result = self.inner.complete().await;
        self.network.travel().await;
        result
    }

    async fn abort(&mut self) -> Result<()> {
        self.network.travel().await;
        self.inner.abort().await
    }
}
