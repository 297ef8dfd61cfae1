//! Caches of immutable values, limited in bytes, where concurrent requests for one key share one load.
//!
//! Objects are never changed under their name, so nothing is ever invalidated. Eviction is that of `quick_cache`
//! (S3-FIFO): a scan that touches everything once does not push out what is read again and again.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::runtime::DEFAULT_CACHE_BYTES;

/// What a value occupies.
pub trait Weigh {
    /// Bytes of memory, without the value's own inline size. Must not change while the value is cached.
    fn weight_bytes(&self) -> usize;
}

impl Weigh for Bytes {
    fn weight_bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Weigh + ?Sized> Weigh for Arc<T> {
    fn weight_bytes(&self) -> usize {
        self.deref().weight_bytes()
    }
}

/// Settings of one cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Whether anything is kept. Concurrent requests share a load in any case.
    pub enabled: bool,
    /// Bytes kept at most.
    pub memory_capacity_bytes: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { enabled: true, memory_capacity_bytes: DEFAULT_CACHE_BYTES }
    }
}

/// Counts of one cache since its creation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests answered from the cache.
    pub hits: u64,
    /// Requests that started a load.
    pub loads: u64,
    /// Requests that joined a load under way.
    pub joined: u64,
    /// Values held now.
    pub entries: u64,
    /// Bytes held now.
    pub bytes: u64,
}

/// The share of a key and its bookkeeping in the weight of an entry.
const ENTRY_BYTES: u64 = 128;

/// One shard holds at least this much, so that no value of ordinary size is too large for its shard.
const SHARD_BYTES_MIN: u64 = 128 << 20;

#[derive(Clone)]
struct ByBytes;

impl<K, V: Weigh> Weighter<K, V> for ByBytes {
    fn weight(&self, _: &K, value: &V) -> u64 {
        (value.weight_bytes() as u64).saturating_add(ENTRY_BYTES)
    }
}

/// A load that several requests wait for. Whoever is polled drives it, so a waiter that is dropped or not polled for
/// a while stops nobody.
type Load<V> = Shared<BoxFuture<'static, Result<V, Arc<Error>>>>;

/// A load under way and how many requests wait for it. The last one to leave, done or cancelled, removes it.
struct Running<V: Clone> {
    load: Load<V>,
    waiting: usize,
}

/// A cache of values of type `V`, limited in bytes.
pub struct ByteCache<K, V: Clone> {
    cache: Option<Cache<K, V, ByBytes>>,
    loading: Mutex<HashMap<K, Running<V>>>,
    hits: AtomicU64,
    loads: AtomicU64,
    joined: AtomicU64,
}

impl<K, V> ByteCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weigh + Clone + Send + Sync + 'static,
{
    /// An empty cache.
    pub fn new(config: CacheConfig) -> Self {
        let enabled = config.enabled && config.memory_capacity_bytes > 0;
        Self {
            cache: enabled.then(|| build(config.memory_capacity_bytes)).flatten(),
            loading: Mutex::default(),
            hits: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            joined: AtomicU64::new(0),
        }
    }

    /// The value, if it is held.
    pub fn get(&self, key: &K) -> Option<V> {
        let value = self.cache.as_ref()?.get(key)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(value)
    }

    /// Keeps a value, unless it is larger than a shard.
    pub fn insert(&self, key: K, value: V) {
        if let Some(cache) = &self.cache {
            cache.insert(key, value);
        }
    }

    /// The value, loaded by `load` unless it is held or being loaded. A failed load is reported to everyone who waited
    /// for it and is not remembered.
    ///
    /// # Errors
    ///
    /// Those of `load`.
    pub async fn get_or_load<F>(&self, key: &K, load: impl FnOnce() -> F) -> Result<V>
    where
        F: Future<Output = Result<V>> + Send + 'static,
    {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let load = match self.join(key) {
            Some(running) => running,
            None => self.start(key, load().map(|result| result.map_err(Arc::new)).boxed().shared()),
        };
        let waiting = Waiting { cache: self, key };
        let value = load.await.map_err(|error| copy_of(&error))?;
        // Before leaving, so that whoever comes next finds either the load or the value.
        if self.cache.as_ref().is_some_and(|cache| !cache.contains_key(key)) {
            self.insert(key.clone(), value.clone());
        }
        drop(waiting);
        Ok(value)
    }

    /// Counts so far.
    pub fn stats(&self) -> CacheStats {
        let (entries, bytes) = self.cache.as_ref().map_or((0, 0), |cache| (cache.len() as u64, cache.weight()));
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            joined: self.joined.load(Ordering::Relaxed),
            entries,
            bytes,
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        if let Some(cache) = &self.cache {
            cache.clear();
        }
    }

    fn join(&self, key: &K) -> Option<Load<V>> {
        let mut loading = self.loading();
        let running = loading.get_mut(key)?;
        running.waiting += 1;
        self.joined.fetch_add(1, Ordering::Relaxed);
        Some(running.load.clone())
    }

    /// Registers a load, or joins one that was registered since: `load` was made without the lock, which must never
    /// be held while code of others runs.
    fn start(&self, key: &K, load: Load<V>) -> Load<V> {
        let mut loading = self.loading();
        let running = loading.entry(key.clone()).or_insert_with(|| Running { load: load.clone(), waiting: 0 });
        let count = if running.waiting == 0 { &self.loads } else { &self.joined };
        count.fetch_add(1, Ordering::Relaxed);
        running.waiting += 1;
        let joined = running.load.clone();
        drop(loading);
        joined
    }

    fn loading(&self) -> MutexGuard<'_, HashMap<K, Running<V>>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's part in a load.
struct Waiting<'a, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weigh + Clone + Send + Sync + 'static,
{
    cache: &'a ByteCache<K, V>,
    key: &'a K,
}

impl<K, V> Drop for Waiting<'_, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weigh + Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut loading = self.cache.loading();
        let Some(running) = loading.get_mut(self.key) else { return };
        running.waiting -= 1;
        let ended = if running.waiting == 0 { loading.remove(self.key) } else { None };
        drop(loading);
        // A cancelled load ends here, outside of the lock.
        drop(ended);
    }
}

fn build<K, V>(capacity: u64) -> Option<Cache<K, V, ByBytes>>
where
    K: Hash + Eq + Clone,
    V: Weigh + Clone,
{
    let shards = usize::try_from((capacity / SHARD_BYTES_MIN).clamp(1, 16)).unwrap_or(1);
    let options = OptionsBuilder::new()
        .shards(shards)
        .weight_capacity(capacity)
        .estimated_items_capacity(usize::try_from((capacity / (64 << 10)).clamp(16, 1 << 20)).unwrap_or(16))
        .build()
        .ok()?;
    Some(Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default()))
}

/// An error of one's own with the contents of one that is shared.
fn copy_of(error: &Error) -> Error {
    let mut copy = Error::new(error.code(), error.message());
    if let Some(table) = error.table() {
        copy = copy.with_table(table);
    }
    if let Some(path) = error.path() {
        copy = copy.with_path(path);
    }
    if let Some(version) = error.version() {
        copy = copy.with_version(version);
    }
    copy
}

/// A byte range of an object of some store; made by [`super::Store::block_key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlockKey {
    pub(super) store: u64,
    pub(super) object: Arc<str>,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Settings of the caches that everything opened together shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CachesConfig {
    /// Key-space files.
    pub keys: CacheConfig,
    /// Manifest pages and checkpoints.
    pub manifests: CacheConfig,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use proptest::prelude::*;

    use super::*;
    use crate::error::Code;
    use crate::runtime::{RuntimeExt, Simulated, timeout};

    fn cache(memory_capacity_bytes: u64) -> Arc<ByteCache<u64, Bytes>> {
        Arc::new(ByteCache::new(CacheConfig { enabled: true, memory_capacity_bytes }))
    }

    proptest! {
        #[test]
        fn cache_never_exceeds_capacity(
            capacity in 1u64..20_000,
            inserts in prop::collection::vec((0u64..50, 0usize..5_000), 1..200),
        ) {
            let cache = cache(capacity);
            for (key, size) in inserts {
                cache.insert(key, Bytes::from(vec![0; size]));
                prop_assert!(cache.stats().bytes <= capacity, "{:?}", cache.stats());
            }
        }
    }

    #[test]
    fn one_load_serves_all_who_ask_meanwhile() {
        let sim = Simulated::new(1);
        let (runtime, cache) = (sim.runtime(), cache(1 << 20));
        let asks: Vec<_> = (0..10)
            .map(|_| {
                let (own, cache) = (Arc::clone(&runtime), Arc::clone(&cache));
                runtime.spawn_task(async move {
                    let load = move || async move {
                        own.sleep(Duration::from_millis(5)).await;
                        Ok(Bytes::from_static(b"value"))
                    };
                    cache.get_or_load(&7, load).await
                })
            })
            .collect();
        let values = sim.block_on(join_all(asks)).unwrap();
        assert!(values.into_iter().all(|value| value.unwrap().unwrap() == "value"));
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.joined, stats.entries), (1, 9, 1));
        assert!(cache.get(&7).is_some());
        assert!(cache.loading().is_empty());
    }

    #[test]
    fn a_cancelled_loader_does_not_poison_its_key() {
        let sim = Simulated::new(2);
        let (runtime, cache) = (sim.runtime(), cache(1 << 20));
        let slow = |runtime: &crate::runtime::RuntimeRef| {
            let own = Arc::clone(runtime);
            move || async move {
                own.sleep(Duration::from_secs(1)).await;
                Ok(Bytes::from_static(b"v"))
            }
        };
        sim.block_on(async {
            let first = timeout(&*runtime, Duration::from_millis(1), cache.get_or_load(&1, slow(&runtime)));
            let second = cache.get_or_load(&1, slow(&runtime));
            let (first, second) = futures::join!(first, second);
            assert!(first.is_err(), "the first was cancelled");
            assert_eq!(second.unwrap(), "v");
            assert_eq!(cache.stats().loads, 1, "the second went on with the load of the first");

            let alone = timeout(&*runtime, Duration::from_millis(1), cache.get_or_load(&2, slow(&runtime)));
            assert!(alone.await.is_err());
            assert!(cache.loading().is_empty());
            assert_eq!(cache.get_or_load(&2, slow(&runtime)).await.unwrap(), "v");
        })
        .unwrap();
    }

    #[test]
    fn a_failed_load_is_not_remembered() {
        let sim = Simulated::new(3);
        let cache = cache(1 << 20);
        sim.block_on(async {
            let failing = || async { Err(Error::new(Code::StoreUnavailable, "down").with_path("p")) };
            let error = cache.get_or_load(&1, failing).await.unwrap_err();
            assert_eq!((error.code(), error.path()), (Code::StoreUnavailable, Some("p")));
            assert_eq!(cache.get_or_load(&1, || async { Ok(Bytes::new()) }).await.unwrap(), "");
        })
        .unwrap();
    }

    #[test]
    fn a_disabled_cache_keeps_nothing() {
        let cache: ByteCache<u64, Bytes> = ByteCache::new(CacheConfig { enabled: false, ..CacheConfig::default() });
        cache.insert(1, Bytes::from_static(b"v"));
        assert!(cache.get(&1).is_none());
    }
}
