//! The keys and values of the catalog's map.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;

use super::TableName;
use crate::error::{Code, Error, Result};

const PROJECT: u8 = b'P';
const DATASET: u8 = b'D';
const NAME: u8 = b'N';
const TABLE: u8 = b'I';

/// Between the parts of a name. Below every character of a part, so that a dataset's tables lie together.
const SEPARATOR: u8 = 0;

/// A project or a dataset.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct PlaceRecord {
    /// When it came into being, in microseconds since 1970.
    #[prost(sint64, tag = "1")]
    pub(super) created: i64,
}

/// What a name means.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct NameRecord {
    /// The table's permanent id.
    #[prost(string, tag = "1")]
    pub(super) table: String,
}

/// A table, also one that has no name any more.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct TableRecord {
    /// When it was created, in microseconds since 1970.
    #[prost(sint64, tag = "1")]
    pub(super) created: i64,
    /// The name that it has, or had last.
    #[prost(string, tag = "2")]
    pub(super) name: String,
    /// When it was dropped, in microseconds since 1970; absent while it has a name.
    #[prost(sint64, optional, tag = "3")]
    pub(super) dropped: Option<i64>,
}

pub(super) fn project(id: &str) -> Bytes {
    key(PROJECT, &[id])
}

pub(super) fn projects() -> Range<Bytes> {
    section(PROJECT)
}

/// The project that a key is of.
pub(super) fn project_of(key: &[u8]) -> Result<String> {
    parts(key).map(|[id]| id.to_owned())
}

pub(super) fn dataset(name: &TableName) -> Bytes {
    key(DATASET, &[name.project(), name.dataset()])
}

pub(super) fn name(name: &TableName) -> Bytes {
    key(NAME, &[name.project(), name.dataset(), name.table()])
}

pub(super) fn names() -> Range<Bytes> {
    section(NAME)
}

/// The name that a key is of.
pub(super) fn name_of(key: &[u8]) -> Result<TableName> {
    let [project, dataset, table] = parts(key)?;
    TableName::new(project, dataset, table)
}

pub(super) fn table(id: &str) -> Bytes {
    key(TABLE, &[id])
}

fn key(section: u8, parts: &[&str]) -> Bytes {
    let mut key = vec![section];
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        key.extend(part.as_bytes());
    }
    key.into()
}

fn section(section: u8) -> Range<Bytes> {
    Bytes::copy_from_slice(&[section])..Bytes::copy_from_slice(&[section + 1])
}

fn parts<const N: usize>(key: &[u8]) -> Result<[&str; N]> {
    let parts: Option<Vec<&str>> = key
        .get(1..)
        .unwrap_or_default()
        .split(|byte| *byte == SEPARATOR)
        .map(|part| str::from_utf8(part).ok())
        .collect();
    parts
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| Error::new(Code::Corrupt, "a key of the catalog is no name"))
}
