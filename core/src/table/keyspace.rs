//! The keys of a table's map: one byte of section, then what orders the section. `T` and `V` are the map's own.
//!
//! Runs, tombstones and fragments are ordered by their first key within their group and carry the end of their span,
//! so that a plan reads only the entries that overlap its key ranges.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::records::Rank;
use crate::error::{Code, Error, Result};
use crate::types::ColumnPath;

/// The table's [`super::records::TableMeta`]; the only key of its section.
pub(crate) const META: &[u8] = b"M";

const COLUMN: u8 = b'C';
const GROUP: u8 = b'G';
const RUN: u8 = b'R';
const FRAGMENT: u8 = b'F';
const TOMBSTONE: u8 = b'D';
const INLINE: u8 = b'I';
const FOLD: u8 = b'L';

/// Columns of one chunk of a group share fragments; a group of very many columns is cut into several chunks.
pub(crate) const CHUNK_COLUMNS: u32 = 512;

/// Separates a first key from the object name. Below every byte that starts a tuple element, so that entries sort by
/// first key alone.
const SEPARATOR: u8 = 0;

/// Above every encoded key.
const AFTER_KEYS: u8 = 0xFF;

pub(crate) fn column(path: &ColumnPath) -> Bytes {
    with_section(COLUMN, &crate::types::tuple_path(path))
}

/// All columns, or those of one group and of the groups below it.
pub(crate) fn columns_below(group: &ColumnPath) -> Range<Bytes> {
    section_bounds(COLUMN, crate::types::subtree_bounds(group))
}

pub(crate) fn group(path: &ColumnPath) -> Bytes {
    with_section(GROUP, &crate::types::tuple_path(path))
}

/// All groups.
pub(crate) fn groups() -> Range<Bytes> {
    Bytes::from_static(&[GROUP])..Bytes::from_static(&[GROUP + 1])
}

/// The path a column or group entry is named by.
pub(crate) fn path_of(key: &[u8]) -> Result<ColumnPath> {
    ColumnPath::from_tuple(key.get(1..).unwrap_or_default())
}

/// Where the spans of one section, group and chunk lie.
#[derive(Debug, Clone)]
pub(crate) struct SpanScope(Bytes);

impl SpanScope {
    /// Runs of a group.
    pub(crate) fn runs(group: u32) -> Self {
        let mut prefix = BytesMut::with_capacity(5);
        prefix.put_u8(RUN);
        prefix.put_u32(group);
        Self(prefix.freeze())
    }

    /// Fragments of a chunk of a group.
    pub(crate) fn fragments(group: u32, chunk: u32) -> Self {
        let mut prefix = BytesMut::with_capacity(9);
        prefix.put_u8(FRAGMENT);
        prefix.put_u32(group);
        prefix.put_u32(chunk);
        Self(prefix.freeze())
    }

    /// Deleted keys, for all groups.
    pub(crate) fn tombstones() -> Self {
        Self(Bytes::from_static(&[TOMBSTONE]))
    }

    /// The key of an entry that begins at `first` and belongs to the object `name`.
    pub(crate) fn key(&self, first: &[u8], name: &str) -> Bytes {
        let mut key = BytesMut::with_capacity(self.0.len() + first.len() + 1 + name.len());
        key.put_slice(&self.0);
        key.put_slice(first);
        key.put_u8(SEPARATOR);
        key.put_slice(name.as_bytes());
        key.freeze()
    }

    /// The end of an entry whose last key is `last`.
    pub(crate) fn end(&self, last: &[u8]) -> Bytes {
        self.at(last)
    }

    /// The place of a key in this scope.
    pub(crate) fn at(&self, key: &[u8]) -> Bytes {
        let mut place = BytesMut::with_capacity(self.0.len() + key.len());
        place.put_slice(&self.0);
        place.put_slice(key);
        place.freeze()
    }

    /// All entries of this scope.
    pub(crate) fn bounds(&self) -> Range<Bytes> {
        let mut end = BytesMut::from(&self.0[..]);
        end.put_u8(AFTER_KEYS);
        self.0.clone()..end.freeze()
    }
}

/// Inline rows of one operation.
pub(crate) fn inline(rank: Rank) -> Bytes {
    ranked(INLINE, rank)
}

/// A fold or a barrier, by its highest rank.
pub(crate) fn fold(rank: Rank) -> Bytes {
    ranked(FOLD, rank)
}

/// All folds and barriers, in order of rank.
pub(crate) fn folds() -> Range<Bytes> {
    Bytes::from_static(&[FOLD])..Bytes::from_static(&[FOLD + 1])
}

fn ranked(section: u8, rank: Rank) -> Bytes {
    let mut key = BytesMut::with_capacity(13);
    key.put_u8(section);
    key.put_u64(rank.version);
    key.put_u32(rank.ordinal);
    key.freeze()
}

/// All inline rows, in order of rank.
pub(crate) fn inlines() -> Range<Bytes> {
    Bytes::from_static(&[INLINE])..Bytes::from_static(&[INLINE + 1])
}

/// The rank that names an entry of inline rows or a fold.
pub(crate) fn rank_of(key: &[u8]) -> Result<Rank> {
    let part = |range: Range<usize>| key.get(range);
    let version = part(1..9).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let ordinal = part(9..13).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match (version, ordinal) {
        (Some(version), Some(ordinal)) => Ok(Rank { version, ordinal }),
        _ => Err(Error::new(Code::Corrupt, "an entry that is named by its rank has none")),
    }
}

fn with_section(section: u8, rest: &[u8]) -> Bytes {
    let mut key = BytesMut::with_capacity(1 + rest.len());
    key.put_u8(section);
    key.put_slice(rest);
    key.freeze()
}

fn section_bounds(section: u8, (begin, end): (Vec<u8>, Vec<u8>)) -> Range<Bytes> {
    with_section(section, &begin)..with_section(section, &end)
}
