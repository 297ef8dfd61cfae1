//! What is cancelled asks its store for nothing more and stops computing, by each way to cancel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use async_trait::async_trait;
use futures::future::{Either, select};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use spiral_bindings::core::runtime::{RuntimeRef, ThreadPool};
use spiral_bindings::{CancelToken, Client, ClientOptions, Code, KeyColumn, Medium, OpenedStore, ScanOptions, Table};

const PROMPT: Duration = Duration::from_millis(50);
const DELAY: Duration = Duration::from_millis(200);
const ROWS: i64 = 1_000_000;

/// A store in memory that remembers when each request started, and takes its time for each.
struct Slow {
    objects: InMemory,
    runtime: RuntimeRef,
    delay_millis: AtomicU64,
    starts: Mutex<Vec<Duration>>,
}

impl Slow {
    async fn wait(&self) {
        self.starts.lock().unwrap().push(self.runtime.monotonic());
        let delay = Duration::from_millis(self.delay_millis.load(Ordering::Relaxed));
        if !delay.is_zero() {
            self.runtime.sleep(delay).await;
        }
    }

    fn starts_after(&self, moment: Duration) -> usize {
        self.starts.lock().unwrap().iter().filter(|start| **start > moment).count()
    }
}

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slow")
    }
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slow")
    }
}

type Result<T> = object_store::Result<T>;

#[async_trait]
impl ObjectStore for Slow {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.wait().await;
        self.objects.get_opts(location, options).await
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.wait().await;
        self.objects.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(path, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

struct World {
    store: Arc<Slow>,
    runtime: RuntimeRef,
    table: Table,
}

/// A table of many rows in a store that is still fast.
fn world() -> World {
    let pool = ThreadPool::new(2).unwrap();
    let runtime = pool.runtime();
    let store = Arc::new(Slow {
        objects: InMemory::new(),
        runtime: Arc::clone(&runtime),
        delay_millis: AtomicU64::new(0),
        starts: Mutex::default(),
    });
    let opened = OpenedStore { objects: Arc::clone(&store) as _, root: Path::default(), medium: Medium::Cloud };
    let options = ClientOptions { batch_readahead: Some(1), ..ClientOptions::default() };
    let client = Client::on("slow:", opened, Arc::clone(&runtime), Box::new(pool), &options);
    let table = client.block_on(async {
        let table = client.create_table("t", &[KeyColumn::new("id", "int64")], false).await.unwrap();
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
        let square: ArrayRef = Arc::new(Float64Array::from_iter_values((0..ROWS).map(|id| (id as f64).powi(2).sin())));
        let batch = RecordBatch::try_from_iter([("id", id), ("square", square)]).unwrap();
        table.write(vec![batch], Default::default()).await.unwrap();
        table
    });
    World { store, runtime, table }
}

impl World {
    /// Waits until what was given up would have been answered, and some more.
    async fn starts_nothing_after(&self, moment: Duration) {
        self.runtime.sleep(DELAY * 2).await;
        assert_eq!(self.store.starts_after(moment + PROMPT), 0, "requests started long after the cancellation");
        assert!(self.store.starts_after(Duration::ZERO) > 0);
    }
}

#[test]
fn a_dropped_stream_or_operation_starts_no_request() {
    let world = world();
    let World { store, runtime, table } = &world;
    table.client().block_on(async {
        store.delay_millis.store(DELAY.as_millis().try_into().unwrap(), Ordering::Relaxed);
        let plan = table.scan(ScanOptions::default(), None).await.unwrap();

        let batches = plan.batches();
        assert!(batches.next().await.unwrap().unwrap().num_rows() > 0);
        let before = runtime.monotonic();
        drop(batches);
        assert!(runtime.monotonic() - before < PROMPT);
        world.starts_nothing_after(before).await;

        let all = plan.collect();
        runtime.sleep(DELAY * 3 / 2).await;
        let before = runtime.monotonic();
        drop(all);
        assert!(runtime.monotonic() - before < PROMPT);
        world.starts_nothing_after(before).await;
    });
}

#[test]
fn a_token_ends_what_waits_within_50_ms() {
    let world = world();
    let World { store, runtime, table } = &world;
    table.client().block_on(async {
        store.delay_millis.store(DELAY.as_millis().try_into().unwrap(), Ordering::Relaxed);
        let token = CancelToken::new();
        let reading =
            std::pin::pin!(token.guard(async { table.scan(ScanOptions::default(), None).await?.collect().await }));
        let Either::Right(((), reading)) = select(reading, runtime.sleep(DELAY * 3 / 2)).await else {
            unreachable!("the store is slow")
        };
        let cancelled = runtime.monotonic();
        token.cancel();
        assert_eq!(reading.await.unwrap_err().code(), Code::Cancelled);
        assert!(runtime.monotonic() - cancelled < PROMPT, "took {:?}", runtime.monotonic() - cancelled);
        world.starts_nothing_after(cancelled).await;
    });
}

#[test]
fn computing_ends_within_50_ms() {
    let world = world();
    let World { runtime, table, .. } = &world;
    table.client().block_on(async {
        let filter = Some("square * 3.0 + 1.0 > -1.0 and square % 7.0 < 6.0".into());
        let options = ScanOptions { filter, ..ScanOptions::default() };
        let plan = table.scan(options, None).await.unwrap();
        let begin = runtime.monotonic();
        assert!(!plan.collect().await.unwrap().is_empty());
        let whole = runtime.monotonic() - begin;
        let read_before = plan.metrics().rows_read;

        let all = plan.collect();
        runtime.sleep(whole / 5).await;
        drop(all);
        runtime.sleep(PROMPT).await;
        let read = plan.metrics().rows_read;
        runtime.sleep(whole.max(PROMPT)).await;
        assert_eq!(plan.metrics().rows_read, read, "it computed on");
        assert!(read < 2 * read_before, "it was over before it was cancelled");
    });
}
