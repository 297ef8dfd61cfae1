//! Primary keys: their schema, their order, their bytes.
//!
//! A key has two forms. In bounds, spans, log entries and on the wire it is a FoundationDB tuple, whose byte order is
//! the sort order in every language ([`Key`], [`KeyRange`], [`TupleEncoder`]). In key-space files and in memory it is
//! a row of typed columns ([`KeyRows`]), which is smaller and several times faster to compare. The two orders must be
//! one: a reader prunes by bytes and merges by columns, and a pair of keys ordered differently would lose rows.

mod bytes;
mod canonical;
mod decode;
pub(crate) mod element;
mod order;
mod range;
mod ranges;
mod runs;
mod schema;
mod tuple;
mod view;

#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod strategies;

pub use bytes::Key;
pub use canonical::canonical_column;
pub use decode::{decode, decode_many, decode_prefix};
pub use order::{KeyRows, SortedCheck};
pub use range::KeyRange;
pub use ranges::KeyRanges;
pub use runs::Run;
pub use schema::KeySchema;
pub use tuple::{TupleEncoder, encode, key_from_values};
pub use view::{KeyView, KeyVisitor, first_at_least};

/// Longest string or binary value in a key column, in bytes before escaping.
pub const MAX_KEY_PART_BYTES: usize = 1024;
