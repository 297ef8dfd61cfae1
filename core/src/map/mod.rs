//! An ordered map from bytes to bytes whose versions are in a log.
//!
//! A table is such a map, and so is the catalog: what a key means is theirs, how a version comes about is here. A commit
//! is a set of changes that one conditional put makes visible; the state of a version is the tree of a checkpoint with
//! the commits after it as layers. Opening, reading and committing cost what they touch, whatever the size of the map.
//! With a protocol of its own in each of them, a lost commit would have to be looked for in two places.

mod changes;
mod checkpoint;
mod commit;
mod open;
mod pages;
mod past;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use changes::Summary;
pub(crate) use changes::{Change, Commit, decode};
pub(crate) use commit::{Committed, PROBES, Rebase};
pub(crate) use pages::{PageCache, Pages};
pub(crate) use past::as_text;
pub use past::{Asof, HistoryEntry};
pub(crate) use state::State;

use crate::log::Log;
use crate::runtime::RuntimeRef;
use crate::store::Store;

/// Handle to the map in one folder. Clones are cheap and share the newest known version.
#[derive(Clone)]
pub(crate) struct VersionedMap {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    log: Log,
    pages: PageCache,
    /// Held only to swap or clone the pointer.
    state: Mutex<Arc<State>>,
    /// Whether the log was ever looked at for newer versions: until then there is only the hint's word.
    caught_up: AtomicBool,
}

impl VersionedMap {
    /// The map whose log is in the folder of its store, of which nothing is known yet.
    pub(crate) fn new(log: Log, store: Store, pages: PageCache) -> Self {
        let state = Mutex::new(Arc::new(State::empty()));
        Self { inner: Arc::new(Inner { store, log, pages, state, caught_up: AtomicBool::new(false) }) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn log(&self) -> &Log {
        &self.inner.log
    }

    pub(crate) fn runtime(&self) -> &RuntimeRef {
        self.inner.store.runtime()
    }

    /// Its checkpoint pages, read through the given handle of its folder.
    pub(crate) fn pages_through(&self, store: &Store) -> Pages {
        Pages { store: store.clone(), cache: Arc::clone(&self.inner.pages) }
    }

    /// Its checkpoint pages.
    pub(crate) fn pages(&self) -> Pages {
        self.pages_through(&self.inner.store)
    }

    /// The newest version this handle knows; version 0 while it knows none.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the newest known version was the newest at some time, instead of one that a hint knew.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.inner.caught_up.load(Ordering::Acquire)
    }

    /// Adopts a state that is the newest.
    fn catch_up_to(&self, state: Arc<State>) {
        self.adopt(state);
        self.inner.caught_up.store(true, Ordering::Release);
    }

    /// Adopts a state unless a newer one is known already.
    fn adopt(&self, state: Arc<State>) {
        let mut known = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = state.version > known.version
            || (state.version == known.version && state.layers.len() < known.layers.len());
        if newer {
            *known = state;
        }
    }
}
