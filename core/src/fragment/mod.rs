//! Fragments: the values of one column group, or the keys of one key space, as a Vortex file.
//!
//! A fragment is a complete Vortex file that any Vortex reader opens. The engine itself reads it through an *index* of
//! its own that lies in front of the Vortex footer: block lengths and checksums, and, apart from them, statistics per
//! row stripe. The index is some eight bytes per block where a Vortex footer takes six times that, so a far reader
//! learns where a row lies in one small request, and every block read is checked against its checksum.
//!
//! Rows are laid out in *stripes* of [`STRIPE_ROWS`] rows. Within a stripe the columns' blocks are adjacent, so that
//! one row is one or two requests; a column of wide values is cut into several blocks per stripe.

mod decoded;
mod encode;
mod index;
mod reader;
mod session;
mod statistics;
mod vortex_footer;
mod writer;

pub use decoded::{CellBuffer, Decoded};
pub(crate) use encode::{compact, decoded_type as physical_type, value_bytes};
pub use index::{FragmentIndex, FragmentRef};
pub use reader::{FetchedColumns, Fragment, Rows};
pub use statistics::ColumnZones;
pub use writer::{FragmentWriter, WriteOptions};

/// Rows of a full stripe; every stripe of a fragment but the last is full.
pub const STRIPE_ROWS: usize = 8192;

#[cfg(test)]
mod tests;
