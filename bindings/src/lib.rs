//! The facade of Spiral: handles, options, values and cancellation as every language sees them.
//!
//! Each language binding adapts names and types of this crate and holds no logic of its own. A [`Client`] is a root of
//! tables with the runtime and caches that everything opened from it shares; every method takes `&self` and returns
//! [`Work`] that runs on the client's runtime, whoever polls it, and is cancelled by dropping it.

mod client;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod plan;
mod scan;
mod snapshot;
mod table;
mod transaction;
mod work;

pub use client::{Client, ClientOptions, OpenedStore};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Config, Tokio, open_store};
pub use plan::{Batches, Plan};
pub use scan::ScanTable;
pub use snapshot::Snapshot;
pub use spiral_core as core;
pub use spiral_core::exchange::*;
pub use spiral_core::runtime::CancelToken;
pub use spiral_core::scan::{PlanMetrics, ScanOptions, Taken};
pub use spiral_core::store::Medium;
pub use spiral_core::table::{Asof, HistoryEntry};
pub use spiral_core::transaction::{CommitInfo, WriteOptions};
pub use spiral_core::types::OutputProfile;
pub use spiral_core::{Code, Error, ErrorKind, Result};
pub use table::Table;
pub use transaction::Transaction;
pub use work::Work;
