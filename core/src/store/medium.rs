//! What kind of place a store is.

use super::{Coalesce, StorePolicy};

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
    /// Whatever a web page reaches: servers and object stores far away, over the line of its user.
    Web,
}

impl Medium {
    /// Habits of the engine with such a store: how ranges of an object become requests.
    pub fn policy(self) -> StorePolicy {
        let (coalesce, ranges_at_once) = match self {
            Medium::Memory => (Coalesce::MEMORY, true),
            Medium::Local => (Coalesce::LOCAL, true),
            Medium::Cloud | Medium::Http => (Coalesce::OBJECT_STORE, false),
            Medium::Web => (Coalesce::WEB, false),
        };
        StorePolicy { coalesce, ranges_at_once, ..StorePolicy::default() }
    }
}
