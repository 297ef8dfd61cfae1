//! What kind of place a store is.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use spiral_core::store::Coalesce;

/// What kind of place a store is; decides how requests are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// This process's memory.
    Memory,
    /// A folder of this machine.
    Local,
    /// An object store of a cloud, or one that speaks its protocol.
    Cloud,
    /// A plain HTTP server: read-only.
    Http,
}

impl Medium {
    /// How ranges of an object are put together into requests.
    pub fn coalesce(self) -> Coalesce {
        match self {
            Medium::Memory => Coalesce::MEMORY,
            Medium::Local => Coalesce::LOCAL,
            Medium::Cloud | Medium::Http => Coalesce::OBJECT_STORE,
        }
    }
}

/// A store and the folder in it that a URL names.
pub struct OpenedStore {
    /// The store.
    pub objects: Arc<dyn ObjectStore>,
    /// The folder.
    pub root: Path,
    /// What kind of place it is.
    pub medium: Medium,
}
