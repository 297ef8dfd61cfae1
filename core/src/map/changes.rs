//! What a commit changes: the body of a log entry.

use bytes::Bytes;
use prost::Message;
use serde::Serialize;

use crate::error::{Code, Error, Result};

/// What a commit did, for people: listed by the history of a table, never needed to read data.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct Summary {
    /// One word per operation: `create`, `write`, `delete`, `fold`; in the catalog `create`, `rename`, `drop`.
    #[prost(string, repeated, tag = "1")]
    pub operations: Vec<String>,
    /// Rows written.
    #[prost(uint64, tag = "2")]
    pub rows_written: u64,
    /// Keys deleted.
    #[prost(uint64, tag = "3")]
    pub rows_deleted: u64,
    /// Bytes of new objects.
    #[prost(uint64, tag = "4")]
    pub bytes: u64,
}

/// One changed entry of the map.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Change {
    /// The entry's key.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    /// Its new value; absent when the entry is removed.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) value: Option<Bytes>,
    /// End of the interval the entry covers.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) end: Option<Bytes>,
}

impl Change {
    /// Sets a key to a record.
    pub(crate) fn put(key: Bytes, record: &impl Message) -> Self {
        Self { key, value: Some(record.encode_to_vec().into()), end: None }
    }

    /// Removes a key.
    pub(crate) fn remove(key: Bytes) -> Self {
        Self { key, value: None, end: None }
    }
}

/// The body of a log entry.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Commit {
    /// Changes in ascending order of key, each key once.
    #[prost(message, repeated, tag = "1")]
    pub(crate) changes: Vec<Change>,
    /// What the commit did.
    #[prost(message, optional, tag = "2")]
    pub(crate) summary: Option<Summary>,
}

impl Commit {
    /// A commit of changes in any order, each key once.
    pub(crate) fn new(mut changes: Vec<Change>, operation: &str) -> Self {
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        Self { changes, summary: Some(Summary { operations: vec![operation.into()], ..Summary::default() }) }
    }
}

/// Decodes a record of the map.
pub(crate) fn decode<M: Message + Default>(bytes: Bytes, what: &str) -> Result<M> {
    M::decode(bytes)
        .map_err(|error| Error::new(Code::Corrupt, format!("a {what} record cannot be decoded")).with_source(error))
}
