//! The engine of Spiral: a table store that lives on object storage alone.

#[cfg(all(test, target_arch = "wasm32"))]
#[macro_use]
extern crate spiral_on_wasm;

pub mod catalog;
pub(crate) mod compaction;
pub mod error;
pub mod exchange;
pub mod expr;
pub mod format;
pub mod fragment;
pub mod key;
pub mod log;
pub(crate) mod map;
pub mod runtime;
pub mod scan;
pub mod store;
pub mod table;
pub mod transaction;
pub mod tree;
pub mod types;

pub use error::{Code, Error, ErrorKind, Result};
