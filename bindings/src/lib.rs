//! The facade of Spiral: handles, options, values and cancellation as every language sees them.
//!
//! Each language binding adapts names and types of this crate and holds no logic of its own. A [`Client`] is a root of
//! tables with the runtime and caches that everything opened from it shares; every method takes `&self` and returns
//! [`Work`] that runs on the client's runtime, whoever polls it, and is cancelled by dropping it.

mod cancel;
mod client;
mod feed;
mod json;
mod medium;
mod options;
mod plan;
mod scan;
mod snapshot;
mod table;
mod transaction;
mod work;

#[cfg(not(target_arch = "wasm32"))]
mod config;
#[cfg(not(target_arch = "wasm32"))]
mod http;
#[cfg(not(target_arch = "wasm32"))]
mod in_tokio;
#[cfg(not(target_arch = "wasm32"))]
mod local_folder;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod on_tokio;
#[cfg(not(target_arch = "wasm32"))]
mod store_url;

pub use cancel::CancelToken;
pub use client::{Client, ClientOptions};
#[cfg(not(target_arch = "wasm32"))]
pub use config::Config;
pub use feed::{Feed, Piece, Pieces};
pub use json::{codes_json, columns_json, commit_json, error_json, history_json, metrics_json};
pub use medium::{Medium, OpenedStore};
#[cfg(not(target_arch = "wasm32"))]
pub use on_tokio::Tokio;
pub use options::{KeyColumn, Metrics, ScanOptions, StringTypes, WriteOptions, asof, asof_text, columns_from_json};
pub use plan::{Batches, Plan, Taken};
pub use scan::ScanTable;
pub use snapshot::Snapshot;
pub use spiral_core as core;
pub use spiral_core::exchange::{
    ColumnBuffers, Interval, KeyBounds, Layout, Row, RowTypes, Value, array_from_values, batch_from_rows,
    batches_from_ipc, batches_to_ipc, column_buffers, key_batch, pack_column, rows_from_batch, type_text, unpack_keys,
    unpack_rows, values_from_array,
};
pub use spiral_core::table::{Asof, HistoryEntry};
pub use spiral_core::transaction::CommitInfo;
pub use spiral_core::{Code, Error, ErrorKind, Result};
#[cfg(not(target_arch = "wasm32"))]
pub use store_url::open_store;
pub use table::{ColumnInfo, Table};
pub use transaction::Transaction;
pub use work::Work;
