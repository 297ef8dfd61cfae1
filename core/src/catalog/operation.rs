//! What operations change in the catalog, given the version they land on: of those that contradict each other, the first
//! to commit wins, and the others find out here.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::records::{self, NameRecord, PlaceRecord, TableRecord};
use super::{TableName, taken};
use crate::error::{Code, Error, Result};
use crate::map::{Change, Commit, Rebase, State, VersionedMap, decode};

/// A change of names. `id` is the table that the caller means, as it found it.
pub(super) enum Operation<'a> {
    /// Makes a project.
    CreateProject { id: &'a str },
    /// Names a new table.
    CreateTable { name: &'a TableName, id: &'a str },
    /// Gives a table another name.
    RenameTable { id: &'a str, from: &'a TableName, to: &'a TableName },
    /// Takes a table's name away.
    DropTable { id: &'a str, name: &'a TableName },
}

/// An operation to be proposed on one version after the other until one wins.
pub(super) struct Proposal<'a> {
    pub(super) map: &'a VersionedMap,
    /// In microseconds since 1970.
    pub(super) now: i64,
    pub(super) operation: Operation<'a>,
}

impl Rebase for Proposal<'_> {
    fn changes<'a>(&'a self, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            match self.operation {
                Operation::CreateProject { id } => self.create_project(state, id).await,
                Operation::CreateTable { name, id } => self.create_table(state, name, id).await,
                Operation::RenameTable { id, from, to } => self.rename_table(state, id, from, to).await,
                Operation::DropTable { id, name } => self.drop_table(state, id, name).await,
            }
        })
    }
}

impl Proposal<'_> {
    async fn create_project(&self, state: &State, id: &str) -> Result<Commit> {
        let key = records::project(id);
        if self.get(state, &key).await?.is_some() {
            return Err(taken(id));
        }
        Ok(Commit::new(vec![Change::put(key, &PlaceRecord { created: self.now })], "create_project"))
    }

    async fn create_table(&self, state: &State, name: &TableName, id: &str) -> Result<Commit> {
        let mut changes = self.naming(state, name, id).await?;
        let record = TableRecord { created: self.now, name: name.to_string(), dropped: None };
        changes.push(Change::put(records::table(id), &record));
        Ok(Commit::new(changes, "create"))
    }

    async fn rename_table(&self, state: &State, id: &str, from: &TableName, to: &TableName) -> Result<Commit> {
        let record = self.held(state, from, id).await?;
        let mut changes = self.naming(state, to, id).await?;
        changes.push(Change::remove(records::name(from)));
        changes.push(Change::put(records::table(id), &TableRecord { name: to.to_string(), ..record }));
        Ok(Commit::new(changes, "rename"))
    }

    async fn drop_table(&self, state: &State, id: &str, name: &TableName) -> Result<Commit> {
        let record = TableRecord { dropped: Some(self.now), ..self.held(state, name, id).await? };
        let changes = vec![Change::remove(records::name(name)), Change::put(records::table(id), &record)];
        Ok(Commit::new(changes, "drop"))
    }

    /// Gives a table a name that nothing has, with the project and dataset where they are new.
    async fn naming(&self, state: &State, name: &TableName, id: &str) -> Result<Vec<Change>> {
        if self.get(state, &records::name(name)).await?.is_some() {
            return Err(taken(name));
        }
        let mut changes = vec![Change::put(records::name(name), &NameRecord { table: id.to_owned() })];
        for place in [records::project(name.project()), records::dataset(name)] {
            if self.get(state, &place).await?.is_none() {
                changes.push(Change::put(place, &PlaceRecord { created: self.now }));
            }
        }
        Ok(changes)
    }

    /// The record of the table, which still has to have the name by which the caller found it.
    async fn held(&self, state: &State, name: &TableName, id: &str) -> Result<TableRecord> {
        let keys = vec![records::name(name), records::table(id)];
        let found = state.get_many(&self.map.pages(), keys).await?;
        let [Some(named), Some(record)] = &found[..] else { return Err(moved(name)) };
        if decode::<NameRecord>(named.clone(), "name")?.table != id {
            return Err(moved(name));
        }
        decode(record.clone(), "table")
    }

    async fn get(&self, state: &State, key: &Bytes) -> Result<Option<Bytes>> {
        Ok(state.get_many(&self.map.pages(), vec![key.clone()]).await?.pop().flatten())
    }
}

fn moved(name: &TableName) -> Error {
    Error::new(Code::CommitConflict, format!("another writer has just renamed or dropped {name}: look again"))
}
