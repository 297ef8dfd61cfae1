//! What is kept in memory between reads. Objects never change under their names, so nothing here grows stale.

use std::sync::Arc;

use crate::fragment::Fragment;
use crate::key::KeyRows;
use crate::map::PageCache;
use crate::scan::{MergeKey, Merged};
use crate::store::{BlockKey, ByteCache, CachesConfig, Weigh};

/// The caches of everything opened together. Clones are the same caches.
#[derive(Clone)]
pub struct Caches {
    /// Checkpoint pages.
    pub(crate) pages: PageCache,
    /// Indexes of fragments and key spaces.
    pub(crate) indexes: Arc<ByteCache<BlockKey, Fragment>>,
    /// Decoded stripes of key spaces.
    pub(crate) keys: Arc<ByteCache<BlockKey, KeyRows>>,
    /// Merged keys of overlapping runs.
    pub(crate) merges: Arc<ByteCache<MergeKey, Arc<Merged>>>,
}

impl Caches {
    /// Empty caches. Pages and indexes share the capacity of the manifests cache; merges take a part of that of keys more.
    pub fn new(config: CachesConfig) -> Self {
        let mut half = config.manifests;
        half.memory_capacity_bytes /= 2;
        // Enough for some million rows with upserts; runs whose keys alternate would fill anything.
        let mut merges = config.keys;
        merges.memory_capacity_bytes /= 16;
        Self {
            pages: Arc::new(ByteCache::new(half)),
            indexes: Arc::new(ByteCache::new(half)),
            keys: Arc::new(ByteCache::new(config.keys)),
            merges: Arc::new(ByteCache::new(merges)),
        }
    }
}

impl Default for Caches {
    fn default() -> Self {
        Self::new(CachesConfig::default())
    }
}

impl Weigh for Fragment {
    fn weight_bytes(&self) -> usize {
        self.weight()
    }
}

impl Weigh for KeyRows {
    fn weight_bytes(&self) -> usize {
        // Typed keys may be held twice, as columns and in comparable form.
        2 * self.columns().iter().map(|column| column.get_array_memory_size()).sum::<usize>()
    }
}
