//! A table: a map of its schema, runs and fragments, and what is done with it.

mod caches;
mod commit;
mod keyspace;
mod open;
pub(crate) mod records;
#[cfg(test)]
mod simulation;
mod snapshot;

use std::sync::Arc;

pub use caches::Caches;
pub(crate) use commit::Rebase;
pub(crate) use keyspace::{
    CHUNK_COLUMNS, META, SpanScope, column, columns_below, fold, folds, group, groups, inline, inlines, path_of,
    rank_of,
};
pub use open::CreateOptions;
pub(crate) use open::new_id;
pub use records::Rank;
pub use snapshot::Snapshot;

use crate::error::Result;
use crate::key::KeySchema;
use crate::log::Log;
use crate::map::VersionedMap;
pub use crate::map::{Asof, HistoryEntry, Summary};
pub(crate) use crate::map::{Pages, State};
use crate::runtime::RuntimeRef;
use crate::store::Store;

/// Habits of a table handle. None of them is stored.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// Uncompressed bytes after which a write starts the next run; bounds the memory of a write.
    pub partition_max_bytes: usize,
    /// Writes up to this many bytes are carried by the commit itself instead of by files of their own.
    pub inline_max_bytes: usize,
    /// Small writes after which their rows are folded from the commits into files.
    pub fold_operations: usize,
    /// Bytes of small writes after which their rows are folded from the commits into files.
    pub fold_bytes: usize,
    /// Commits after which a checkpoint is written, so that readers replay no more of the log than that.
    pub checkpoint_commits: usize,
    /// Batches a scan prepares ahead of its reader; 0 chooses by the parallelism of the runtime.
    pub batch_readahead: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            partition_max_bytes: 128 << 20,
            inline_max_bytes: 16 << 10,
            fold_operations: 64,
            fold_bytes: 32 << 10,
            checkpoint_commits: 64,
            batch_readahead: 0,
        }
    }
}

/// Handle to a table. Clones are cheap and share the newest known version.
#[derive(Clone)]
pub struct Table {
    inner: Arc<Inner>,
}

struct Inner {
    map: VersionedMap,
    caches: Caches,
    options: TableOptions,
    id: String,
    key_schema: KeySchema,
}

impl Table {
    /// The key columns.
    pub fn key_schema(&self) -> &KeySchema {
        &self.inner.key_schema
    }

    /// The permanent id, whatever the table is named.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The table's folder.
    pub fn store(&self) -> &Store {
        self.inner.map.store()
    }

    /// Habits of this handle.
    pub fn options(&self) -> &TableOptions {
        &self.inner.options
    }

    /// The same table with other habits.
    pub fn with_options(&self, options: TableOptions) -> Self {
        let Inner { map, caches, id, key_schema, .. } = &*self.inner;
        let (map, caches, id, key_schema) = (map.clone(), caches.clone(), id.clone(), key_schema.clone());
        Self { inner: Arc::new(Inner { map, caches, options, id, key_schema }) }
    }

    pub(crate) fn map(&self) -> &VersionedMap {
        &self.inner.map
    }

    pub(crate) fn log(&self) -> &Log {
        self.inner.map.log()
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }

    pub(crate) fn runtime(&self) -> &RuntimeRef {
        self.inner.map.runtime()
    }

    /// The newest version this handle knows.
    pub(crate) fn state(&self) -> Arc<State> {
        self.inner.map.state()
    }

    pub(crate) fn pages(&self, store: &Store) -> Pages {
        self.inner.map.pages_through(store)
    }

    /// The newest version this handle knows, without asking the store. [`Table::refresh`] asks.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.clone(), self.state())
    }

    pub(crate) fn snapshot_of(&self, state: Arc<State>) -> Snapshot {
        Snapshot::new(self.clone(), state)
    }

    /// Looks for versions committed since; returns the newest.
    ///
    /// # Errors
    /// The store's codes, `Corrupt` for a damaged log.
    pub async fn refresh(&self) -> Result<Snapshot> {
        self.map().catch_up().await?;
        Ok(self.snapshot())
    }
}

/// Names of a transaction's new objects. They carry the version at which it began, by which collection knows what no
/// transaction can commit any more.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) began: u64,
    pub(crate) runtime: RuntimeRef,
}

impl Names {
    pub(crate) fn key_space(&self) -> String {
        self.name("keys")
    }

    pub(crate) fn fragment(&self) -> String {
        self.name("data")
    }

    fn name(&self, folder: &str) -> String {
        let (high, low) = (self.runtime.random_u64(), self.runtime.random_u64());
        format!("{folder}/{:020}-{high:016x}{low:016x}", self.began)
    }
}
