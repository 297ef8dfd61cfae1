//! Checkpoint pages through the manifests cache.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::error::{Code, Error, Result};
use crate::store::{BlockKey, ByteCache, Store};
use crate::tree::{Page, PageRef, PageSource};

/// Reads pages of one table; those read before come from the cache.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) store: Store,
    pub(crate) cache: Arc<ByteCache<BlockKey, Arc<Page>>>,
}

impl Pages {
    fn key(&self, page: &PageRef) -> Result<BlockKey> {
        self.store.block_key(&page.object, page.offset..page.offset + u64::from(page.length))
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
    fn page<'a>(&'a self, page: &'a PageRef) -> BoxFuture<'a, Result<Arc<Page>>> {
        Box::pin(async move {
            let (store, wanted) = (self.store.clone(), page.clone());
            let load = || async move {
                let range = wanted.offset..wanted.offset + u64::from(wanted.length);
                let bytes = store.get_range(&wanted.object, range).await?;
                if !wanted.matches(&bytes) {
                    let error = Error::new(Code::Corrupt, "the checksum of a checkpoint page does not match");
                    return Err(error.with_path(&wanted.object));
                }
                Ok(Arc::new(Page::decode(&bytes).map_err(|error| error.with_path(&wanted.object))?))
            };
            self.cache.get_or_load(&self.key(page)?, load).await
        })
    }
}
