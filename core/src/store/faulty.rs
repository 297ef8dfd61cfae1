//! A store that fails in every way a real one has been seen to fail, as a seed decides.
//!
//! The faults that lose commits are not the refusals but the lies: a put that is reported as failed and takes effect
//! all the same, at once, later, or twice. Reads fail by ending early, by breaking, and by being slow.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::runtime::{RuntimeRef, SeededRandom};

/// How often one kind of request goes wrong; each in 1000 requests, drawn in the order of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Fails and has no effect.
    pub fail_before: u32,
    /// Takes effect, but the answer is a failure.
    pub fail_after: u32,
    /// Writes only: fails, and takes effect some time after the failure was reported.
    pub effect_later: u32,
    /// Writes only: takes effect now, and the same request arrives once more some time later.
    pub duplicate_later: u32,
    /// Reads only: the body ends early.
    pub short_body: u32,
    /// Reads only: the body breaks with an error half-way.
    pub torn_body: u32,
    /// Waits up to [`FaultPlan::delay_max`] before taking effect, so that requests overtake each other.
    pub delay: u32,
}

impl Faults {
    /// Every fault with the same frequency.
    pub const fn all(per_mille: u32) -> Self {
        Self {
            fail_before: per_mille,
            fail_after: per_mille,
            effect_later: per_mille,
            duplicate_later: per_mille,
            short_body: per_mille,
            torn_body: per_mille,
            delay: per_mille,
        }
    }
}

/// What goes wrong, by kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    /// Reads.
    pub get: Faults,
    /// Unconditional puts.
    pub put: Faults,
    /// Conditional puts.
    pub put_if_absent: Faults,
    /// Parts, beginning and completion of multipart uploads. Late effects do not apply to them.
    pub multipart: Faults,
    /// Longest delay, and latest time of a late effect.
    pub delay_max: Duration,
    /// After this many requests every further one fails without effect, as if the network were gone.
    pub vanish_after: Option<u64>,
}

impl FaultPlan {
    /// Nothing goes wrong.
    pub const NONE: Self = Self::all(0);

    /// Every fault of every kind with the same frequency.
    pub const fn all(per_mille: u32) -> Self {
        let faults = Faults::all(per_mille);
        Self {
            get: faults,
            put: faults,
            put_if_absent: faults,
            multipart: faults,
            delay_max: Duration::from_secs(5),
            vanish_after: None,
        }
    }
}

/// How many faults were injected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Requests seen.
    pub requests: u64,
    /// Failures without effect, also those after the store vanished.
    pub failed_before: u64,
    /// Failures after the effect.
    pub failed_after: u64,
    /// Failures with a late effect.
    pub effects_later: u64,
    /// Duplicates that arrived later.
    pub duplicates: u64,
    /// Bodies cut short or broken.
    pub torn: u64,
    /// Delays.
    pub delays: u64,
}

/// A store with faults in front of it. Clones share the objects, the plan and the counts.
pub struct FaultyStore<S> {
    inner: Arc<S>,
    chaos: Arc<Chaos>,
}

struct Chaos {
    runtime: RuntimeRef,
    state: Mutex<State>,
}

struct State {
    plan: FaultPlan,
    random: SeededRandom,
    counts: FaultCounts,
}

/// What one request will suffer.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    delay: Option<Duration>,
    fail_before: bool,
    fail_after: bool,
    /// The request arrives (again) after this time.
    later: Option<Duration>,
    /// The effect happens only then.
    only_later: bool,
    body: Body,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Body {
    #[default]
    Whole,
    Short,
    Torn,
}

impl<S: ObjectStore> FaultyStore<S> {
    /// Puts faults in front of `inner`. Which requests they hit follows from `seed` and the order of requests.
    pub fn new(inner: S, runtime: RuntimeRef, plan: FaultPlan, seed: u64) -> Self {
        let state = State { plan, random: SeededRandom::new(seed), counts: FaultCounts::default() };
        Self { inner: Arc::new(inner), chaos: Arc::new(Chaos { runtime, state: Mutex::new(state) }) }
    }

    /// Changes the plan from the next request on; [`FaultPlan::NONE`] heals the store.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.chaos.lock().plan = plan;
    }

    /// Faults so far.
    pub fn counts(&self) -> FaultCounts {
        self.chaos.lock().counts
    }

    /// The store without faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S> Clone for FaultyStore<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), chaos: Arc::clone(&self.chaos) }
    }
}

impl Chaos {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws what happens to a request and lets its delay pass. An error is a failure without effect.
    async fn meet(&self, kind: fn(&FaultPlan) -> Faults) -> Result<Fate> {
        let fate = self.lock().draw(kind);
        if let Some(delay) = fate.delay {
            self.runtime.sleep(delay).await;
        }
        if fate.fail_before { Err(failure("connection refused")) } else { Ok(fate) }
    }
}

impl State {
    fn draw(&mut self, kind: fn(&FaultPlan) -> Faults) -> Fate {
        self.counts.requests += 1;
        if self.plan.vanish_after.is_some_and(|limit| self.counts.requests > limit) {
            self.counts.failed_before += 1;
            return Fate { fail_before: true, ..Fate::default() };
        }
        let faults = kind(&self.plan);
        let mut fate = Fate::default();
        if self.random.chance(faults.delay) {
            self.counts.delays += 1;
            fate.delay = Some(self.some_time());
        }
        if self.random.chance(faults.fail_before) {
            self.counts.failed_before += 1;
            fate.fail_before = true;
        } else if self.random.chance(faults.fail_after) {
            self.counts.failed_after += 1;
            fate.fail_after = true;
        } else if self.random.chance(faults.effect_later) {
            fate.later = Some(self.some_time());
            fate.only_later = true;
        } else if self.random.chance(faults.duplicate_later) {
            fate.later = Some(self.some_time());
        } else if self.random.chance(faults.short_body) {
            fate.body = Body::Short;
        } else if self.random.chance(faults.torn_body) {
            fate.body = Body::Torn;
        }
        fate
    }

    fn some_time(&mut self) -> Duration {
        let micros = u64::try_from(self.plan.delay_max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.random.below(micros).max(1))
    }
}

fn failure(text: &'static str) -> Error {
    Error::Generic { store: "FaultyStore", source: text.into() }
}

impl<S: ObjectStore> FaultyStore<S> {
    /// Sends the put once more after `delay`, whoever waits for it or not.
    fn put_later(&self, delay: Duration, location: &Path, payload: PutPayload, options: PutOptions) {
        let (inner, runtime, location) = (Arc::clone(&self.inner), Arc::clone(&self.chaos.runtime), location.clone());
        drop(self.chaos.runtime.spawn(Box::pin(async move {
            runtime.sleep(delay).await;
            // Nobody is left to hear of it.
            let _ = inner.put_opts(&location, payload, options).await;
        })));
    }
}

impl<S: ObjectStore> fmt::Debug for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).field("counts", &self.counts()).finish()
    }
}

impl<S: ObjectStore> fmt::Display for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for FaultyStore<S> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let conditional = options.mode != PutMode::Overwrite;
        let fate = self.chaos.meet(if conditional { |plan| plan.put_if_absent } else { |plan| plan.put }).await?;
        if let Some(delay) = fate.later {
            let counts = &mut self.chaos.lock().counts;
            *(if fate.only_later { &mut counts.effects_later } else { &mut counts.duplicates }) += 1;
            self.put_later(delay, location, payload.clone(), options.clone());
        }
        if fate.only_later {
            return Err(failure("connection reset while waiting for the answer"));
        }
        let result = self.inner.put_opts(location, payload, options).await;
        if fate.fail_after { Err(failure("connection reset after the request was sent")) } else { result }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fate = self.chaos.meet(|plan| plan.multipart).await?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        if fate.fail_after {
            return Err(failure("connection reset after the request was sent"));
        }
        Ok(Box::new(FaultyUpload { inner, chaos: Arc::clone(&self.chaos) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.chaos.meet(|plan| plan.get).await?;
        let result = self.inner.get_opts(location, options).await?;
        if fate.fail_after {
            return Err(failure("connection reset before the answer"));
        }
        if fate.body == Body::Whole {
            return Ok(result);
        }
        self.chaos.lock().counts.torn += 1;
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let (attributes, extensions) = (result.attributes.clone(), result.extensions.clone());
        let bytes = result.bytes().await?;
        let kept = Ok(bytes.slice(..bytes.len() / 2));
        let broken = (fate.body == Body::Torn).then(|| Err(failure("connection reset within the body")));
        let payload = GetResultPayload::Stream(stream::iter([kept].into_iter().chain(broken)).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // Each range is a request that may fail.
        let mut blocks = Vec::with_capacity(ranges.len());
        for range in ranges {
            blocks.push(self.get_range(location, range.clone()).await?);
        }
        Ok(blocks)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, chaos) = (Arc::clone(&self.inner), Arc::clone(&self.chaos));
        locations
            .then(move |location| {
                let (inner, chaos) = (Arc::clone(&inner), Arc::clone(&chaos));
                async move {
                    let location = location?;
                    let fate = chaos.meet(|plan| plan.put).await?;
                    inner.delete(&location).await?;
                    if fate.fail_after {
                        Err(failure("connection reset after the request was sent"))
                    } else {
                        Ok(location)
                    }
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    chaos: Arc<Chaos>,
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chaos")
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, chaos) = (self.inner.put_part(data), Arc::clone(&self.chaos));
        async move {
            let fate = chaos.meet(|plan| plan.multipart).await?;
            part.await?;
            if fate.fail_after { Err(failure("connection reset after the part was sent")) } else { Ok(()) }
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fate = self.chaos.meet(|plan| plan.multipart).await?;
        let result = self.inner.complete().await;
        if fate.fail_after { Err(failure("connection reset after completion")) } else { result }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::runtime::Simulated;

    fn storm(seed: u64) -> (FaultCounts, u64) {
        let sim = Simulated::new(seed);
        let store = FaultyStore::new(InMemory::new(), sim.runtime(), FaultPlan::all(100), seed);
        sim.block_on(async {
            for index in 0..400 {
                let path = Path::from(format!("o/{}", index % 50));
                let options = PutOptions::from(if index % 2 == 0 { PutMode::Create } else { PutMode::Overwrite });
                let _ = store.put_opts(&path, PutPayload::from_static(b"0123456789"), options).await;
                if let Ok(result) = store.get(&path).await {
                    let _ = result.bytes().await;
                }
            }
        })
        .unwrap();
        (store.counts(), sim.trace_hash())
    }

    #[test]
    fn a_seed_decides_every_fault_and_all_kinds_occur() {
        let (counts, trace) = storm(9);
        assert_eq!((counts, trace), storm(9));
        assert_ne!(trace, storm(10).1);
        let FaultCounts { failed_before, failed_after, effects_later, duplicates, torn, delays, .. } = counts;
        assert!(
            [failed_before, failed_after, effects_later, duplicates, torn, delays].iter().all(|n| *n > 0),
            "{counts:?}"
        );
    }

    #[test]
    fn a_failed_put_may_take_effect_later() {
        let sim = Simulated::new(1);
        let always = Faults { effect_later: 1000, ..Faults::default() };
        let plan = FaultPlan { put_if_absent: always, ..FaultPlan::NONE };
        let store = FaultyStore::new(InMemory::new(), sim.runtime(), plan, 1);
        let path = Path::from("late");
        sim.block_on(async {
            let put = store.put_opts(&path, PutPayload::from_static(b"x"), PutMode::Create.into()).await;
            assert!(put.is_err());
            assert!(store.get(&path).await.is_err());
        })
        .unwrap();
        sim.advance(plan.delay_max);
        assert!(sim.block_on(store.get(&path)).unwrap().is_ok());
    }

    #[test]
    fn a_vanished_store_answers_nothing() {
        let sim = Simulated::new(1);
        let plan = FaultPlan { vanish_after: Some(1), ..FaultPlan::NONE };
        let store = FaultyStore::new(InMemory::new(), sim.runtime(), plan, 1);
        sim.block_on(async {
            let path = Path::from("p");
            assert!(store.put(&path, PutPayload::from_static(b"x")).await.is_ok());
            assert!(store.get(&path).await.is_err());
            assert!(store.put(&path, PutPayload::from_static(b"y")).await.is_err());
            store.set_plan(FaultPlan::NONE);
            assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "x");
        })
        .unwrap();
    }
}
