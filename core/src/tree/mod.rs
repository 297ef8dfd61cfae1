//! An immutable, copy-on-write B+tree of pages: the one structure that holds the state of a table.
//!
//! Pages are never changed. An update writes new pages for the paths it touches and a new root; every older root stays
//! readable, which is what makes time travel free. Entries may cover an interval of keys, and inner pages know how far
//! the intervals below them reach, so that the entries overlapping a key range are found without reading the rest.

mod page;
mod query;
mod update;

#[cfg(test)]
mod tests;

pub use page::{Child, Entry, EntryValue, Page, PageRef, Tree};
pub use query::{PageSource, Query};
pub use update::{PageSink, apply};
