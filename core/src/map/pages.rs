//! Checkpoint pages through the manifests cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::{Code, Error, Result};
use crate::store::{BlockKey, ByteCache, Store, Weigh};
use crate::tree::{Page, PageRef, PageSource};

/// Checkpoint objects read at the same time.
const OBJECTS_IN_FLIGHT: usize = 16;

/// Pages read before, of all maps that are opened together.
pub(crate) type PageCache = Arc<ByteCache<BlockKey, Arc<Page>>>;

impl Weigh for Page {
    fn weight_bytes(&self) -> usize {
        self.weight()
    }
}

/// Reads pages of one map; those read before come from the cache.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) store: Store,
    pub(crate) cache: PageCache,
}

impl Pages {
    fn key(&self, page: &PageRef) -> Result<BlockKey> {
        self.store.block_key(&page.object, page.offset..page.offset + u64::from(page.length))
    }

    /// Reads pages of one object; near ones share a request.
    async fn read(&self, object: &str, pages: &[&PageRef]) -> Result<Vec<Arc<Page>>> {
        let ranges: Vec<_> = pages.iter().map(|page| page.offset..page.offset + u64::from(page.length)).collect();
        let read = self.store.get_ranges(object, &ranges).await?;
        pages
            .iter()
            .zip(read)
            .map(|(page, bytes)| {
                if !page.matches(&bytes) {
                    let error = Error::new(Code::Corrupt, "the checksum of a checkpoint page does not match");
                    return Err(error.with_path(object));
                }
                Ok(Arc::new(Page::decode(&bytes).map_err(|error| error.with_path(object))?))
            })
            .collect()
    }

    /// Puts a page that came with the hint into the cache.
    pub(crate) fn remember(&self, page: &PageRef, bytes: &Bytes) {
        // A page that does not fit its reference is read from the checkpoint instead.
        if page.matches(bytes)
            && let (Ok(key), Ok(decoded)) = (self.key(page), Page::decode(bytes))
        {
            self.cache.insert(key, Arc::new(decoded));
        }
    }
}

impl PageSource for Pages {
    fn pages<'a>(&'a self, pages: &'a [PageRef]) -> BoxFuture<'a, Result<Vec<Arc<Page>>>> {
        Box::pin(async move {
            if let [page] = pages {
                // Everyone asks for the root: one request serves all who do at once.
                let (pages, page) = (self.clone(), page.clone());
                let key = self.key(&page)?;
                let load = || async move { Ok(pages.read(&page.object, &[&page]).await?.remove(0)) };
                return Ok(vec![self.cache.get_or_load(&key, load).await?]);
            }
            let mut found = Vec::with_capacity(pages.len());
            let mut missing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (at, page) in pages.iter().enumerate() {
                found.push(self.cache.get(&self.key(page)?));
                if found[at].is_none() {
                    missing.entry(&page.object).or_default().push(at);
                }
            }
            let read = missing.into_iter().map(|(object, places)| async move {
                let wanted: Vec<&PageRef> = places.iter().map(|at| &pages[*at]).collect();
                Ok::<_, Error>((places, self.read(object, &wanted).await?))
            });
            let read: Vec<_> = stream::iter(read.collect::<Vec<_>>()).buffered(OBJECTS_IN_FLIGHT).try_collect().await?;
            for (at, page) in read.into_iter().flat_map(|(places, read)| places.into_iter().zip(read)) {
                self.cache.insert(self.key(&pages[at])?, Arc::clone(&page));
                found[at] = Some(page);
            }
            let missed = || Error::new(Code::Internal, "a page was asked for and not read");
            found.into_iter().map(|page| page.ok_or_else(missed)).collect()
        })
    }
}
