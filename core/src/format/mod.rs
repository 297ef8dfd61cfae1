//! Framing shared by every small metadata object: log entries, checkpoint pages, hints.

mod envelope;

pub use envelope::{Kind, decode, encode};

/// Features of the format that this version reads and writes. A table that requires one not listed here for reading is
/// refused; one required for writing only leaves the table readable.
pub const FEATURES: &[&str] = &[];
