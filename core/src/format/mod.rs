//! Framing shared by every small metadata object: log entries, checkpoint pages, hints.

mod envelope;
mod features;

pub use envelope::{Kind, decode, encode};
pub use features::Features;
