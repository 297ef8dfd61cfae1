//! The values of a table's map: what a committed version knows about its schema, runs and fragments.
//!
//! A table is a [`crate::map`] (see [`super::keyspace`] for its keys). A commit is a set of changes to that map, so that
//! the log, the checkpoints and every reader agree on one meaning.

use bytes::Bytes;
use prost::Message;

use crate::error::{Code, Error, Result};
use crate::fragment::FragmentRef;
pub(crate) use crate::map::decode;

/// Position in the order of writes: the cell of the highest rank wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Message)]
pub struct Rank {
    /// Version of the commit.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Ordinal of the operation within its transaction.
    #[prost(uint32, tag = "2")]
    pub ordinal: u32,
}

/// What is fixed when a table is created, and the counters of its permanent ids.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableMeta {
    /// The key columns, in order, each as an encoded Arrow field.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) key_fields: Vec<Bytes>,
    /// The next column id.
    #[prost(uint64, tag = "2")]
    pub(crate) next_column: u64,
    /// The next group id.
    #[prost(uint32, tag = "3")]
    pub(crate) next_group: u32,
    /// The table's permanent id.
    #[prost(string, tag = "4")]
    pub(crate) table: String,
    /// Transactions that began before this version can no longer commit; snapshots before it are expired.
    #[prost(uint64, tag = "5")]
    pub(crate) horizon: u64,
}

/// A value column. The key of its record is its path.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ColumnRecord {
    /// Permanent id.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// The group it belongs to.
    #[prost(uint32, tag = "2")]
    pub(crate) group: u32,
    /// Position in its group, in order of creation; fixes the chunk whose fragments hold it.
    #[prost(uint32, tag = "3")]
    pub(crate) ordinal: u32,
    /// The encoded Arrow field, with the type as written, metadata and extension name.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) field: Bytes,
}

/// A column group. The key of its record is its path.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct GroupRecord {
    /// Permanent id.
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    /// The ordinal of the next column.
    #[prost(uint32, tag = "2")]
    pub(crate) next_ordinal: u32,
}

/// A sorted run of keys as one group sees it: rows that exist in the group, or, in the section of tombstones, rows
/// that a deletion hides.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RunRecord {
    /// The key-space file.
    #[prost(message, optional, tag = "1")]
    pub(crate) keys: Option<FragmentRef>,
    /// Rank of its cells.
    #[prost(message, optional, tag = "2")]
    pub(crate) rank: Option<Rank>,
    /// Encoded first key.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) first: Bytes,
    /// Encoded last key.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) last: Bytes,
    /// Level of the run: 0 as committed.
    #[prost(uint32, tag = "5")]
    pub(crate) level: u32,
    /// The lowest rank merged into this run by folding; absent when it is one operation's.
    #[prost(message, optional, tag = "6")]
    pub(crate) folded_from: Option<Rank>,
}

/// Where a column lies in a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct ColumnBinding {
    /// Permanent id of the column.
    #[prost(uint64, tag = "1")]
    pub(crate) column: u64,
    /// Position of its values in the file.
    #[prost(uint32, tag = "2")]
    pub(crate) position: u32,
    /// Position, plus one, of its presence bits; 0 when every row has a cell.
    #[prost(uint32, tag = "3")]
    pub(crate) presence: u32,
}

/// The values of some columns of one chunk of a group, for every row of a run.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FragmentRecord {
    /// The file.
    #[prost(message, optional, tag = "1")]
    pub(crate) data: Option<FragmentRef>,
    /// Path of the key space whose rows it is aligned to.
    #[prost(string, tag = "2")]
    pub(crate) key_space: String,
    /// The columns of this chunk that it holds.
    #[prost(message, repeated, tag = "3")]
    pub(crate) columns: Vec<ColumnBinding>,
}

/// Where a value column belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Message)]
pub(crate) struct ColumnPlace {
    /// The group it belongs to.
    #[prost(uint32, tag = "1")]
    pub(crate) group: u32,
    /// The chunk of the group whose fragments hold it.
    #[prost(uint32, tag = "2")]
    pub(crate) chunk: u32,
    /// Permanent id.
    #[prost(uint64, tag = "3")]
    pub(crate) column: u64,
}

/// Rows small enough to live in the map itself until they are folded into files.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct InlineRecord {
    /// Whether the keys are deleted rather than written.
    #[prost(bool, tag = "1")]
    pub(crate) tombstone: bool,
    /// An Arrow IPC stream of one batch: the key columns, then one column per entry of `columns`.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) rows: Bytes,
    /// The value columns in `rows`.
    #[prost(message, repeated, tag = "3")]
    pub(crate) columns: Vec<ColumnPlace>,
    /// The groups in which the rows exist.
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) groups: Vec<u32>,
}

/// What was folded into files and may be folded again; or, without runs, a *barrier*: files that some commit wrote at
/// this rank, across which nothing is folded together.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FoldRecord {
    /// The runs that the fold made.
    #[prost(message, repeated, tag = "1")]
    pub(crate) runs: Vec<FoldedRun>,
    /// Bytes of their rows in memory.
    #[prost(uint64, tag = "2")]
    pub(crate) bytes: u64,
    /// The value columns of all runs.
    #[prost(message, repeated, tag = "3")]
    pub(crate) columns: Vec<ColumnPlace>,
    /// No rows, encoded as inline rows are: the stored types of the key columns and of `columns`.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) types: Bytes,
}

impl FoldRecord {
    pub(crate) fn is_barrier(&self) -> bool {
        self.runs.is_empty()
    }
}

/// One run of a fold, with everything that the map holds of it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FoldedRun {
    /// Its record in every group of `groups`, or among the tombstones.
    #[prost(message, optional, tag = "1")]
    pub(crate) run: Option<RunRecord>,
    /// The groups in which its rows exist; none for tombstones.
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) groups: Vec<u32>,
    /// Its fragments.
    #[prost(message, repeated, tag = "3")]
    pub(crate) fragments: Vec<FoldedFragment>,
}

/// One fragment of a fold.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FoldedFragment {
    /// The group.
    #[prost(uint32, tag = "1")]
    pub(crate) group: u32,
    /// The chunk of the group.
    #[prost(uint32, tag = "2")]
    pub(crate) chunk: u32,
    /// Its record.
    #[prost(message, optional, tag = "3")]
    pub(crate) record: Option<FragmentRecord>,
}

/// A field that every valid record has.
pub(crate) fn required<T>(field: Option<T>, what: &str) -> Result<T> {
    field.ok_or_else(|| Error::new(Code::Corrupt, format!("a record lacks its {what}")))
}
