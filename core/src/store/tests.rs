//! Promises of a [`Store`], on stores that misbehave on purpose.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future::join_all};
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutResult, Result as ObjectResult,
};
use proptest::prelude::*;

use super::faulty::{FaultPlan, Faults, FaultyStore};
use super::yielding::YieldingStore;
use super::*;
use crate::runtime::{CurrentThread, RuntimeExt, Simulated};

fn memory_store(runtime: RuntimeRef) -> Store {
    Store::new(Arc::new(InMemory::new()), Path::from("table"), runtime)
}

/// Misbehaviours that [`FaultyStore`] has no name for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quirk {
    /// Conditions of puts are ignored.
    EveryRacerWins,
    /// The first racer is told that it won; later ones overwrite it and are refused.
    LoserOverwrites,
    /// Range requests are answered with the whole object.
    WholeObjects,
    /// The client refuses such an answer.
    WholeObjectsRefused,
    /// All requests hang.
    Silent,
    /// All requests fail with a text that shows a token.
    Leaky,
}

#[derive(Debug)]
struct QuirkyStore {
    memory: InMemory,
    quirk: Quirk,
    requests: AtomicUsize,
    ranges: Mutex<Vec<Option<object_store::GetRange>>>,
}

impl QuirkyStore {
    fn new(quirk: Quirk) -> Arc<Self> {
        Arc::new(Self { memory: InMemory::new(), quirk, requests: AtomicUsize::new(0), ranges: Mutex::default() })
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    async fn misbehave(&self) -> ObjectResult<()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        match self.quirk {
            Quirk::Silent => futures::future::pending().await,
            Quirk::Leaky => Err(ObjectError::Generic {
                store: "S3",
                source: "error sending request for url (https://key:SECRET@host/p?X-Amz-Signature=SECRET)".into(),
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for QuirkyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuirkyStore")
    }
}

#[async_trait]
impl ObjectStore for QuirkyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> ObjectResult<PutResult> {
        self.misbehave().await?;
        let created = self.memory.put_opts(path, payload.clone(), options).await;
        match self.quirk {
            Quirk::EveryRacerWins => self.memory.put_opts(path, payload, PutOptions::default()).await,
            Quirk::LoserOverwrites => {
                self.memory.put_opts(path, payload, PutOptions::default()).await?;
                created
            }
            _ => created,
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> ObjectResult<Box<dyn MultipartUpload>> {
        self.misbehave().await?;
        self.memory.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, mut options: GetOptions) -> ObjectResult<GetResult> {
        self.misbehave().await?;
        self.ranges.lock().unwrap().push(options.range.clone());
        match self.quirk {
            Quirk::WholeObjects => options.range = None,
            Quirk::WholeObjectsRefused if options.range.is_some() => {
                let source = "Received non-partial response when range requested".into();
                return Err(ObjectError::Generic { store: "HTTP", source });
            }
            _ => {}
        }
        let result = self.memory.get_opts(path, options).await?;
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let (attributes, extensions) = (result.attributes.clone(), result.extensions.clone());
        // Bodies come in odd pieces.
        let pieces: Vec<_> = result.bytes().await?.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(pieces).boxed()),
            meta,
            range,
            attributes,
            extensions,
        })
    }

    fn delete_stream(&self, paths: BoxStream<'static, ObjectResult<Path>>) -> BoxStream<'static, ObjectResult<Path>> {
        self.memory.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, ObjectResult<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> ObjectResult<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> ObjectResult<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

fn quirky(quirk: Quirk) -> (Simulated, Arc<QuirkyStore>, Store) {
    let sim = Simulated::new(17);
    let objects = QuirkyStore::new(quirk);
    let store = Store::new(Arc::clone(&objects) as Arc<dyn ObjectStore>, Path::from("root"), sim.runtime());
    (sim, objects, store)
}

fn pattern(len: usize) -> Bytes {
    (0..len).map(|index| u8::try_from(index % 251).unwrap()).collect::<Vec<_>>().into()
}

#[test]
fn objects_are_read_back_without_any_runtime_of_others() {
    let executor = CurrentThread::new();
    let store = memory_store(executor.runtime());
    executor.block_on(async {
        store.put("a/b", pattern(100)).await.unwrap();
        assert_eq!(store.get("a/b").await.unwrap(), pattern(100));
        assert_eq!(store.child("a").unwrap().get_range("b", 10..20).await.unwrap(), pattern(100).slice(10..20));
        assert_eq!(store.get_opt("missing").await.unwrap(), None);
        assert_eq!(store.get("missing").await.unwrap_err().code(), Code::ObjectNotFound);
        assert!(matches!(store.put_if_absent("c", pattern(1)).await.unwrap(), PutOutcome::Created));
        assert!(matches!(store.put_if_absent("c", pattern(2)).await.unwrap(), PutOutcome::Exists));
        assert_eq!(store.get("c").await.unwrap(), pattern(1));
        store.delete("c").await.unwrap();
        store.delete("c").await.unwrap();
        prove_put_if_absent(&store, "proof").await.unwrap();
    });
    let counts = store.meter().snapshot();
    assert_eq!((counts.errors, counts.retries), (0, 0));
    assert_eq!(counts.not_found, 2);
}

#[test]
fn names_stay_below_the_root() {
    let store = memory_store(CurrentThread::new().runtime());
    for name in
        ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\b", "a b", "a?b", "a#b", "a%2e", "ä", "a\n"]
    {
        assert_eq!(store.resolve(name).unwrap_err().code(), Code::InvalidArgument, "{name:?}");
    }
    assert_eq!(store.resolve("log/00000000000000000001").unwrap().as_ref(), "table/log/00000000000000000001");
}

#[test]
fn put_if_absent_is_never_retried() {
    let (sim, objects, store) = quirky(Quirk::Leaky);
    let outcome = sim.block_on(store.put_if_absent("v", pattern(3))).unwrap().unwrap();
    assert!(matches!(outcome, PutOutcome::Unsettled(error) if error.code() == Code::StoreUnavailable));
    assert_eq!(objects.requests(), 1);
    let (sim, objects, store) = quirky(Quirk::Silent);
    let outcome = sim.block_on(store.put_if_absent("v", pattern(3))).unwrap().unwrap();
    assert!(matches!(outcome, PutOutcome::Unsettled(_)));
    assert_eq!(objects.requests(), 1);
}

#[test]
fn reads_and_plain_puts_survive_passing_failures() {
    for seed in 0..20 {
        let sim = Simulated::new(seed);
        let objects = FaultyStore::new(InMemory::new(), sim.runtime(), FaultPlan::all(60), seed);
        let store = Store::new(Arc::new(objects.clone()), Path::default(), sim.runtime());
        sim.block_on(async {
            for index in 0..20 {
                let name = format!("o{index}");
                store.put(&name, pattern(index * 10)).await.unwrap();
                assert_eq!(store.get(&name).await.unwrap(), pattern(index * 10), "seed {seed}");
            }
        })
        .unwrap();
        assert!(objects.counts().torn > 0 || objects.counts().failed_before > 0, "seed {seed} injected nothing");
        assert_eq!(store.meter().snapshot().retries, store.meter().snapshot().errors, "seed {seed}");
    }
}

#[test]
fn a_silent_store_is_given_up_on() {
    let (sim, objects, store) = quirky(Quirk::Silent);
    let error = sim.block_on(store.get("x")).unwrap().unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::StoreUnavailable, Some("x")));
    // One more attempt, since a single connection may have died unnoticed; not as many as a store gets that answers.
    assert_eq!(objects.requests(), 2);
    assert!(sim.runtime().monotonic() < Duration::from_secs(70));
}

#[test]
fn retry_budget_stops_a_storm() {
    let (sim, objects, store) = quirky(Quirk::Leaky);
    let reads = 1000;
    let results = sim.block_on(join_all((0..reads).map(|_| store.get("x")))).unwrap();
    assert!(results.iter().all(Result::is_err));
    let budget = RetryPolicy::default().budget_retries as usize;
    assert!(objects.requests() <= reads + budget, "{} requests", objects.requests());
}

#[test]
fn tokens_never_reach_error_text() {
    let (sim, _, store) = quirky(Quirk::Leaky);
    sim.block_on(async {
        let mut errors = vec![store.get("x").await.unwrap_err(), store.put("x", pattern(1)).await.unwrap_err()];
        errors.push(store.get_range("x", 0..4).await.unwrap_err());
        if let PutOutcome::Unsettled(error) = store.put_if_absent("x", pattern(1)).await.unwrap() {
            errors.push(error);
        }
        assert_eq!(errors.len(), 4);
        for error in errors {
            let text = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
            assert!(!text.contains("SECRET"), "{text}");
            assert!(text.contains("host"), "{text}");
        }
    })
    .unwrap();
}

#[test]
fn ignored_ranges_are_cut_out_and_counted() {
    for quirk in [Quirk::WholeObjects, Quirk::WholeObjectsRefused] {
        let (sim, objects, store) = quirky(quirk);
        sim.block_on(async {
            store.put("x", pattern(1000)).await.unwrap();
            assert_eq!(store.get_range("x", 100..130).await.unwrap(), pattern(1000).slice(100..130), "{quirk:?}");
            assert_eq!(store.get_range("x", 993..1000).await.unwrap(), pattern(1000).slice(993..1000), "{quirk:?}");
            assert_eq!(store.get_range("x", 990..1001).await.unwrap_err().code(), Code::Truncated);
        })
        .unwrap();
        assert!(store.meter().snapshot().ranges_ignored >= 2, "{quirk:?}");
        assert_eq!(store.meter().snapshot().retries, 0);
        if quirk == Quirk::WholeObjectsRefused {
            let asked = objects.ranges.lock().unwrap().iter().filter(|range| range.is_some()).count();
            assert_eq!(asked, 1, "a client that refuses is asked once");
        }
    }
}

#[test]
fn a_range_beyond_the_end_is_truncated_and_not_retried() {
    let executor = CurrentThread::new();
    let store = memory_store(executor.runtime());
    executor.block_on(async {
        store.put("x", pattern(10)).await.unwrap();
        for range in [5..11, 10..11, 100..200] {
            assert_eq!(store.get_range("x", range).await.unwrap_err().code(), Code::Truncated);
        }
        assert_eq!(store.get_range("x", 10..10).await.unwrap(), "");
    });
    assert_eq!(store.meter().snapshot().retries, 0);
}

#[test]
fn a_body_that_always_ends_early_is_an_error() {
    let sim = Simulated::new(1);
    let plan = FaultPlan { get: Faults { short_body: 1000, ..Faults::default() }, ..FaultPlan::NONE };
    let store =
        Store::new(Arc::new(FaultyStore::new(InMemory::new(), sim.runtime(), plan, 1)), Path::default(), sim.runtime());
    sim.block_on(async {
        store.put("x", pattern(10)).await.unwrap();
        assert_eq!(store.get("x").await.unwrap_err().code(), Code::Truncated);
        assert_eq!(store.get_range("x", 2..9).await.unwrap_err().code(), Code::Truncated);
    })
    .unwrap();
}

#[test]
fn sizes_from_outside_are_limited() {
    let executor = CurrentThread::new();
    let store = memory_store(executor.runtime());
    executor.block_on(async {
        store.put("x", pattern(1000)).await.unwrap();
        assert_eq!(store.get_limited("x", 999).await.unwrap_err().code(), Code::LimitExceeded);
        assert_eq!(store.get_limited("x", 1000).await.unwrap().len(), 1000);
        assert_eq!(store.get_range("x", 0..u64::MAX).await.unwrap_err().code(), Code::LimitExceeded);
        let backwards = Range { start: 5, end: 4 };
        assert_eq!(store.get_range("x", backwards).await.unwrap_err().code(), Code::InvalidArgument);
    });
}

#[test]
fn rounds_count_dependent_requests() {
    let sim = Simulated::new(4);
    let objects = YieldingStore::new(sim.runtime(), Duration::from_millis(10));
    let store = Store::new(Arc::new(objects), Path::default(), sim.runtime());
    sim.block_on(async {
        store.put("x", pattern(10_000_000)).await.unwrap();
        let (scan, meter) = store.metered();
        join_all((0..10).map(|_| scan.get_range("x", 0..10))).await;
        assert_eq!((meter.snapshot().gets, meter.snapshot().rounds), (10, 1));
        let before = meter.snapshot();
        // One call is one round, however many requests it takes.
        scan.get_ranges("x", &[0..10, 5_000_000..5_000_010, 9_000_000..9_000_010]).await.unwrap();
        scan.get("x").await.unwrap();
        let cost = meter.snapshot() - before;
        assert_eq!((cost.gets, cost.rounds), (4, 2));
        assert_eq!(store.meter().snapshot().gets, 14);
    })
    .unwrap();
}

#[test]
fn slices_of_large_reads_do_not_keep_them_alive() {
    let executor = CurrentThread::new();
    let store = memory_store(executor.runtime());
    executor.block_on(async {
        store.put("x", pattern(100_000)).await.unwrap();
        let blocks = store.get_ranges("x", &[0..10, 90_000..90_010]).await.unwrap();
        // A block of its own can be taken over as a vector in place.
        assert!(blocks.into_iter().all(|block| block.try_into_mut().is_ok_and(|block| block.capacity() < 100)));
    });
}

#[test]
fn uploads_cut_parts_of_equal_size() {
    for size in [0, 1, 99, 100, 101, 200, 201, 1000, 12_345] {
        let executor = CurrentThread::new();
        let policy = StorePolicy { part_bytes: 100, upload_concurrency: 3, ..StorePolicy::default() };
        let objects = Arc::new(InMemory::new());
        let store = Store::with_policy(objects, Path::default(), executor.runtime(), policy);
        executor.block_on(async {
            let mut upload = store.upload("x").unwrap();
            for piece in pattern(size).chunks(37) {
                upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            assert_eq!(upload.finish().await.unwrap(), size as u64);
            assert_eq!(store.get("x").await.unwrap(), pattern(size), "{size}");
        });
        let counts = store.meter().snapshot();
        let parts = if size > 100 { size.div_ceil(100) } else { 0 };
        assert_eq!(counts.parts, parts as u64, "{size}");
        assert_eq!(counts.bytes_written, size as u64, "{size}");
    }
}

#[test]
fn a_dropped_upload_leaves_no_object() {
    let sim = Simulated::new(5);
    let policy = StorePolicy { part_bytes: 10, ..StorePolicy::default() };
    let objects = YieldingStore::new(sim.runtime(), Duration::from_millis(1));
    let store = Store::with_policy(Arc::new(objects), Path::default(), sim.runtime(), policy);
    sim.block_on(async {
        let mut upload = store.upload("x").unwrap();
        upload.write(pattern(55)).await.unwrap();
        drop(upload);
        store.runtime().sleep(Duration::from_secs(1)).await;
        assert_eq!(store.get_opt("x").await.unwrap(), None);
    })
    .unwrap();
}

#[test]
fn a_failed_part_fails_the_upload() {
    let sim = Simulated::new(6);
    let plan = FaultPlan { vanish_after: Some(3), ..FaultPlan::NONE };
    let policy = StorePolicy { part_bytes: 10, ..StorePolicy::default() };
    let objects = FaultyStore::new(InMemory::new(), sim.runtime(), plan, 1);
    let store = Store::with_policy(Arc::new(objects), Path::default(), sim.runtime(), policy);
    let result = sim.block_on(async {
        let mut upload = store.upload("x")?;
        upload.write(pattern(500)).await?;
        upload.finish().await
    });
    assert_eq!(result.unwrap().unwrap_err().code(), Code::StoreUnavailable);
}

#[test]
fn a_completion_without_an_answer_is_settled_by_reading() {
    let mut settled = 0;
    for seed in 0..30 {
        let sim = Simulated::new(seed);
        let faults = Faults { fail_after: 150, ..Faults::default() };
        let plan = FaultPlan { multipart: faults, ..FaultPlan::NONE };
        let policy = StorePolicy { part_bytes: 10, ..StorePolicy::default() };
        let objects = FaultyStore::new(InMemory::new(), sim.runtime(), plan, seed);
        let store = Store::with_policy(Arc::new(objects), Path::default(), sim.runtime(), policy);
        sim.block_on(async {
            let mut upload = store.upload("x").unwrap();
            let written = upload.write(pattern(15)).await;
            if written.is_ok() && upload.finish().await.is_ok() {
                assert_eq!(store.get("x").await.unwrap(), pattern(15));
                // Beginning an upload is repeated after an error; completing it is not.
                let counts = store.meter().snapshot();
                settled += counts.errors - counts.retries;
            }
        })
        .unwrap();
    }
    assert!(settled > 0, "no seed lost the answer of a completion");
}

#[test]
fn two_racers_winning_is_refused() {
    for quirk in [Quirk::EveryRacerWins, Quirk::LoserOverwrites] {
        let (sim, _, store) = quirky(quirk);
        let error = sim.block_on(prove_put_if_absent(&store, "proof")).unwrap().unwrap_err();
        assert_eq!(error.code(), Code::UnsafeStore, "{quirk:?}");
        assert!(error.message().contains("conditional writes"), "{error}");
    }
}

#[test]
fn an_honest_store_is_proven_in_spite_of_faults() {
    let mut proven = 0;
    for seed in 0..40 {
        let sim = Simulated::new(seed);
        let network = YieldingStore::new(sim.runtime(), Duration::from_millis(2));
        let memory = Arc::clone(network.memory());
        let objects = FaultyStore::new(network, sim.runtime(), FaultPlan::all(10), seed);
        let store = Store::new(Arc::new(objects), Path::default(), sim.runtime());
        match sim.block_on(prove_put_if_absent(&store, "proof")).unwrap() {
            Ok(()) => proven += 1,
            Err(error) => assert_eq!(error.code(), Code::StoreUnavailable, "seed {seed}: {error}"),
        }
        drop(memory);
    }
    assert!(proven >= 35, "{proven} of 40");
}

#[test]
fn a_dropped_read_stops_asking() {
    let (sim, objects, store) = quirky(Quirk::Leaky);
    let task = sim.runtime().spawn_task(async move { store.get("x").await });
    sim.run_until_stalled();
    drop(task);
    let before = objects.requests();
    sim.advance(Duration::from_secs(600));
    assert_eq!((before, objects.requests()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn ranges_read_what_they_name(
        pairs in prop::collection::vec((0u64..900, 0u64..100), 0..20),
        gap_bytes_max in 0u64..50,
        request_bytes_max in 1u64..300,
    ) {
        let sim = Simulated::new(1);
        let policy = StorePolicy { coalesce: Coalesce { gap_bytes_max, request_bytes_max }, ..StorePolicy::default() };
        let store = Store::with_policy(QuirkyStore::new(Quirk::WholeObjects), Path::default(), sim.runtime(), policy);
        let ranges: Vec<_> = pairs.iter().map(|(start, len)| *start..start + len).collect();
        let blocks = sim.block_on(async {
            store.put("x", pattern(1000)).await.unwrap();
            store.get_ranges("x", &ranges).await.unwrap()
        }).unwrap();
        for (range, block) in ranges.iter().zip(&blocks) {
            let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
            prop_assert_eq!(block, &pattern(1000).slice(start..end));
        }
    }
}

#[test]
fn ranges_read_at_once_are_answered_as_single_requests_are() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let policy = StorePolicy { ranges_at_once: true, ..StorePolicy::default() };
        let memory = Arc::new(InMemory::new());
        let store = Store::with_policy(memory, Path::from("table"), runtime.runtime(), policy);
        store.put("object", Bytes::from_static(b"0123456789")).await.unwrap();
        let before = store.meter().snapshot();
        let read = store.get_ranges("object", &[7..9, 0..3, 2..2, 1..4]).await.unwrap();
        assert_eq!(read, ["78", "012", "", "123"].map(Bytes::from));
        assert_eq!((store.meter().snapshot() - before).rounds, 1);
        let code = async |path, range| store.get_ranges(path, &[0..1, range]).await.unwrap_err().code();
        assert_eq!(code("none", 0..3).await, Code::ObjectNotFound);
        assert_eq!(code("object", 8..12).await, Code::Truncated);
    });
}
