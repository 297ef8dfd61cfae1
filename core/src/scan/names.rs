//! The tables of a scan and how its paths address them: the columns of a single table by their own paths, those of
//! several below the name of their table. Key columns, which all tables share, need no table.

use std::fmt;
use std::sync::Arc;

use crate::bail;
use crate::error::{Code, Result};
use crate::key::KeySchema;
use crate::table::Snapshot;
use crate::types::ColumnPath;

/// A table of a scan.
#[derive(Clone)]
pub(super) struct Member {
    /// The path below which its columns are addressed; empty in a scan of one table without a name.
    pub(super) at: ColumnPath,
    pub(super) snapshot: Snapshot,
}

/// The tables of a scan, at least one, of one key schema. Keys come in the layout of the first table's.
#[derive(Clone)]
pub(super) struct Members(Arc<[Member]>);

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A position in the key schema.
    Key(usize),
    /// A column or a group of a table, by number; the empty path is the whole table.
    Inside(usize, ColumnPath),
    /// All tables.
    Tables,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_root() {
            write!(f, "{} at ", self.at)?;
        }
        write!(f, "version {}", self.snapshot.version())
    }
}

impl Members {
    pub(super) fn one(snapshot: &Snapshot) -> Self {
        Self([Member { at: ColumnPath::root(), snapshot: snapshot.clone() }].into())
    }

    pub(super) fn named(tables: impl IntoIterator<Item = (impl Into<Arc<str>>, Snapshot)>) -> Result<Self> {
        let mut members: Vec<Member> = Vec::new();
        for (name, snapshot) in tables {
            let at = ColumnPath::try_new([name])?;
            if members.iter().any(|member| member.at == at) {
                bail!(Code::InvalidArgument, "two tables of the scan are named {at}: give one of them another name");
            }
            if snapshot.table().key_schema().index_of(at.leaf()).is_some() {
                bail!(Code::InvalidArgument, "table {at} is named like a key column: give it another name in the scan");
            }
            if let Some(first) = members.first() {
                same_keys(first, &at, snapshot.table().key_schema())?;
            }
            members.push(Member { at, snapshot });
        }
        if members.is_empty() {
            bail!(Code::InvalidArgument, "name a table to scan");
        }
        Ok(Self(members.into()))
    }

    pub(super) fn first(&self) -> &Member {
        // Both constructors see to it that there is one.
        &self.0[0]
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.0.iter()
    }

    pub(super) fn keys(&self) -> &KeySchema {
        self.first().snapshot.table().key_schema()
    }

    /// What stands before a line about a table, where there are several.
    pub(super) fn label(&self, table: usize) -> String {
        match self.0.get(table) {
            Some(member) if !member.at.is_root() => format!("{} ", member.at),
            _ => String::new(),
        }
    }

    /// What a path names; `None` when it begins with the name of no table.
    pub(super) fn resolve(&self, path: &ColumnPath) -> Option<Named> {
        if let Some(key) = self.key_position(path) {
            return Some(Named::Key(key));
        }
        if path.is_root() && !self.first().at.is_root() {
            return Some(Named::Tables);
        }
        let inside = |(table, member): (usize, &Member)| Some((table, path.below(&member.at)?));
        let (table, inner) = self.iter().enumerate().find_map(inside)?;
        Some(match self.key_position(&inner) {
            Some(key) => Named::Key(key),
            None => Named::Inside(table, inner),
        })
    }

    fn key_position(&self, path: &ColumnPath) -> Option<usize> {
        (path.depth() == 1).then(|| self.keys().index_of(path.leaf())).flatten()
    }
}

fn same_keys(first: &Member, at: &ColumnPath, keys: &KeySchema) -> Result<()> {
    let expected = first.snapshot.table().key_schema();
    if !keys.is_same_kind(expected) {
        let shown = |schema: &KeySchema| {
            let columns = schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type()));
            columns.collect::<Vec<_>>().join(", ")
        };
        bail!(
            Code::KeySchemaMismatch,
            "tables of one scan have one key schema, but that of {} is ({}) and that of {at} is ({})",
            first.at,
            shown(expected),
            shown(keys)
        );
    }
    Ok(())
}
