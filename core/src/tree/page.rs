//! Pages and the references to them.

use bytes::Bytes;
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Code, Error, Result};
use crate::format::{Kind, decode, encode};

/// No tree is higher: with pages of some hundred entries it would hold more than any table.
pub(crate) const HEIGHT_MAX: u32 = 12;

/// Where a page lies.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct PageRef {
    /// Object name relative to the table's root.
    #[prost(string, tag = "1")]
    pub object: String,
    /// First byte of the page within the object.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    /// Bytes of the framed page.
    #[prost(uint32, tag = "3")]
    pub length: u32,
    /// XXH3-64 of the framed page: another page in its place is noticed, too.
    #[prost(fixed64, tag = "4")]
    pub checksum: u64,
}

impl PageRef {
    /// Whether bytes are the page that was written.
    pub(crate) fn matches(&self, bytes: &Bytes) -> bool {
        bytes.len() as u64 == u64::from(self.length) && xxh3_64(bytes) == self.checksum
    }
}

/// A version of the tree: its root and height. Height 0 is the empty tree, 1 a single leaf.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Tree {
    /// The root page; absent when the tree is empty.
    #[prost(message, optional, tag = "1")]
    pub root: Option<PageRef>,
    /// Number of levels.
    #[prost(uint32, tag = "2")]
    pub height: u32,
    /// Number of entries.
    #[prost(uint64, tag = "3")]
    pub entries: u64,
}

/// An entry of a leaf.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Entry {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// The value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// The last place of the interval the entry covers; its key when absent.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub end: Option<Bytes>,
}

/// What a change sets a key to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryValue {
    /// The value.
    pub value: Bytes,
    /// See [`Entry::end`].
    pub end: Option<Bytes>,
}

/// A page seen from its parent.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Child {
    /// Its first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub first: Bytes,
    /// The largest key or interval end below it.
    #[prost(bytes = "bytes", tag = "2")]
    pub reach: Bytes,
    /// Where it lies.
    #[prost(message, optional, tag = "3")]
    pub page: Option<PageRef>,
    /// Number of entries below it.
    #[prost(uint64, tag = "4")]
    pub entries: u64,
    /// Bytes of the page before compression.
    #[prost(uint32, tag = "5")]
    pub bytes: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PageMessage {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    #[prost(message, repeated, tag = "2")]
    children: Vec<Child>,
}

/// A decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Entries in ascending order of key.
    Leaf(Vec<Entry>),
    /// Children in ascending order of first key.
    Inner(Vec<Child>),
}

impl Entry {
    /// How far the entry reaches.
    pub(crate) fn reach(&self) -> &Bytes {
        self.end.as_ref().unwrap_or(&self.key)
    }
}

impl Child {
    pub(crate) fn page(&self) -> Result<&PageRef> {
        self.page.as_ref().ok_or_else(|| Error::new(Code::Corrupt, "a checkpoint page lacks a reference"))
    }
}

impl Page {
    /// The framed bytes of the page.
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let message = match self {
            Page::Leaf(entries) => PageMessage { entries: entries.clone(), children: Vec::new() },
            Page::Inner(children) => PageMessage { entries: Vec::new(), children: children.clone() },
        };
        encode(Kind::Page, &message.encode_to_vec())
    }

    /// Checks and decodes a framed page.
    ///
    /// # Errors
    /// `Corrupt` or `Truncated` when the bytes are not a page in order.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let corrupt = || Error::new(Code::Corrupt, "a checkpoint page cannot be decoded");
        let message = PageMessage::decode(decode(Kind::Page, bytes)?).map_err(|error| corrupt().with_source(error))?;
        if message.entries.is_empty() == message.children.is_empty()
            || !message.entries.is_sorted_by(|a, b| a.key < b.key)
            || !message.children.is_sorted_by(|a, b| a.first < b.first)
        {
            return Err(corrupt());
        }
        if message.children.is_empty() { Ok(Page::Leaf(message.entries)) } else { Ok(Page::Inner(message.children)) }
    }

    /// Bytes the page holds in memory, for caches.
    pub fn weight(&self) -> usize {
        match self {
            Page::Leaf(entries) => entries
                .iter()
                .map(|entry| 96 + entry.key.len() + entry.value.len() + entry.end.as_ref().map_or(0, Bytes::len))
                .sum(),
            Page::Inner(children) => children.iter().map(|child| 160 + child.first.len() + child.reach.len()).sum(),
        }
    }
}
