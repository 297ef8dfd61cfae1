//! The catalog of a root: what its tables are called.
//!
//! Names are project, dataset and table; they move and may be given again, while a table's id is permanent and names its
//! folder. The catalog is a map of versions in the root's folder `catalog`, so a rename is one commit that copies
//! nothing, and of operations that contradict each other exactly one wins. Reading it lists nothing: a copy of a root on
//! any web server opens by name.

mod name;
mod operation;
mod project;
mod records;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use futures::future::join;

use self::operation::{Operation, Proposal};
use self::records::NameRecord;
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::key::KeySchema;
use crate::log::{Log, TxnId};
use crate::map::{Committed, PROBES, State, VersionedMap, decode};
use crate::store::{Store, prove_put_if_absent};
use crate::table::{Caches, CreateOptions, Table, TableOptions, new_id};

pub use self::name::{DEFAULT, TableName};

/// Commits after which a checkpoint is written.
const CHECKPOINT_COMMITS: usize = 64;

/// Ids that are tried for a new table or project, should others have them.
const IDS_MAX: usize = 8;

/// The tables below one root, by name. Clones are cheap and share what is known of the catalog.
#[derive(Clone)]
pub struct Catalog {
    map: VersionedMap,
    tables: Store,
    options: TableOptions,
    caches: Caches,
}

/// A table as the catalog lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTable {
    /// What it is called.
    pub name: TableName,
    /// Its permanent id: the name of its folder below `tables`.
    pub id: String,
}

impl Catalog {
    /// The catalog of the root in the folder of `root`. Nothing is read yet, and a root without a catalog is one without
    /// tables. What is opened from it has these habits and shares these caches.
    pub fn new(root: &Store, options: TableOptions, caches: Caches) -> Self {
        let (store, tables) = (root.subfolder("catalog"), root.subfolder("tables"));
        let map = VersionedMap::new(Log::new(store.clone()), store, Arc::clone(&caches.pages));
        Self { map, tables, options, caches }
    }

    /// Creates a table with these key columns. Its project and dataset come into being with their first table.
    ///
    /// The table exists before its name does, so that a name never leads nowhere. With `exist_ok` the table that has the
    /// name is opened, if it has the same key columns.
    ///
    /// # Errors
    /// `TableExists`; `UnsafeStore` on a root without tables whose store would lose commits; `CommitUnknown`; the store's
    /// codes.
    pub async fn create_table(&self, name: &TableName, key_schema: KeySchema, exist_ok: bool) -> Result<Table> {
        let state = self.prepared().await?;
        let created = match self.find(&state, name).await? {
            Some(_) => Err(taken(name)),
            None => self.create_new(name, &key_schema).await,
        };
        match created {
            Err(error) if error.code() == Code::TableExists && exist_ok => {
                let table = self.table(name).await?;
                table.check_key_schema(&key_schema)?;
                Ok(table)
            }
            created => created,
        }
    }

    async fn create_new(&self, name: &TableName, key_schema: &KeySchema) -> Result<Table> {
        let table = self.nameless(key_schema).await?;
        self.commit(Operation::CreateTable { name, id: table.id() }).await?;
        Ok(table)
    }

    /// A new table under an id that no other has: whose first entry is put decides.
    async fn nameless(&self, key_schema: &KeySchema) -> Result<Table> {
        for _ in 0..IDS_MAX {
            let id = new_id(self.map.runtime().as_ref());
            let store = self.tables.child(&id)?;
            let create = CreateOptions { id: Some(id), store_is_proven: true, exist_ok: false };
            match Table::create(store, key_schema.clone(), create, self.options.clone(), self.caches.clone()).await {
                Err(error) if error.code() == Code::TableExists => {}
                created => return created,
            }
        }
        bail!(Code::LimitExceeded, "{IDS_MAX} new table ids are taken")
    }

    /// Opens a table, as [`Table::open_at_hint`] does, in the same round in which the catalog is looked at for newer
    /// versions: a table of a known name costs no round more than its own.
    ///
    /// # Errors
    /// `TableNotFound`, `NewerFormat`, `Corrupt`, the store's codes.
    pub async fn table(&self, name: &TableName) -> Result<Table> {
        let may_be_newer = self.map.begin().await?;
        let known = self.map.state();
        let early = async {
            let id = self.find(&known, name).await.ok().flatten()?;
            Some((self.open(&id).await, id))
        };
        let newest = async { if may_be_newer { self.map.catch_up().await } else { Ok(Arc::clone(&known)) } };
        let (early, newest) = join(early, newest).await;
        let id = self.find(&*newest?, name).await?.ok_or_else(|| unknown(name))?;
        match early {
            Some((opened, found)) if found == id => opened,
            _ => self.open(&id).await,
        }
    }

    async fn open(&self, id: &str) -> Result<Table> {
        let opened = Table::open_at_hint(self.tables.child(id)?, self.options.clone(), self.caches.clone()).await;
        opened.map_err(|error| match error.code() {
            Code::TableNotFound => {
                Error::new(Code::TableNotFound, format!("the catalog names the table, but tables/{id} is missing"))
            }
            _ => error,
        })
    }

    /// All tables, in order of project, dataset and name. Costs time by their number.
    ///
    /// # Errors
    /// The store's codes.
    pub async fn tables(&self) -> Result<Vec<ListedTable>> {
        let state = self.map.open().await?;
        let entries = state.range(&self.map.pages(), records::names()).await?;
        let listed = entries.into_iter().map(|entry| {
            let record: NameRecord = decode(entry.value, "name")?;
            Ok(ListedTable { name: records::name_of(&entry.key)?, id: record.table })
        });
        listed.collect()
    }

    /// Gives a table another name, in any dataset and project, which come into being where they are new. Handles that
    /// are open stay what they are.
    ///
    /// # Errors
    /// `TableNotFound`; `TableExists` when the new name is taken; `CommitConflict` when another writer renamed or dropped
    /// the table at the same time; `CommitUnknown`; the store's codes.
    pub async fn rename_table(&self, from: &TableName, to: &TableName) -> Result<()> {
        let id = &self.id(from).await?;
        self.commit(Operation::RenameTable { id, from, to }).await.map(|_| ())
    }

    /// Takes a table's name away: it cannot be opened by name any more, and another table may be given the name. Its data
    /// stays, and handles that are open go on reading and writing it.
    ///
    /// # Errors
    /// `TableNotFound`; `CommitConflict` when another writer renamed or dropped the table at the same time;
    /// `CommitUnknown`; the store's codes.
    pub async fn drop_table(&self, name: &TableName) -> Result<()> {
        let id = &self.id(name).await?;
        self.commit(Operation::DropTable { id, name }).await.map(|_| ())
    }

    /// The projects, in order.
    ///
    /// # Errors
    /// The store's codes.
    pub async fn projects(&self) -> Result<Vec<String>> {
        let state = self.map.open().await?;
        let entries = state.range(&self.map.pages(), records::projects()).await?;
        entries.into_iter().map(|entry| records::project_of(&entry.key)).collect()
    }

    /// Makes a project under a new id such as `blazing-parakeet-036267`, after a prefix and a dash if there is one.
    ///
    /// # Errors
    /// `InvalidName`, `UnsafeStore`, `CommitUnknown`, the store's codes.
    pub async fn create_project(&self, prefix: Option<&str>) -> Result<String> {
        if let Some(prefix) = prefix.filter(|prefix| !name::is_part(prefix)) {
            bail!(Code::InvalidName, "{prefix:?} cannot begin the id of a project: use letters, digits, - and _");
        }
        self.prepared().await?;
        for _ in 0..IDS_MAX {
            let id = project::new_id(prefix, self.map.runtime().as_ref());
            match self.commit(Operation::CreateProject { id: &id }).await {
                Err(error) if error.code() == Code::TableExists => {}
                committed => return committed.map(|_| id),
            }
        }
        bail!(Code::LimitExceeded, "{IDS_MAX} new project ids are taken")
    }

    /// The newest version, on a store that is safe to commit to: the first commit of a root waits for the proof.
    async fn prepared(&self) -> Result<Arc<State>> {
        let state = self.map.open().await?;
        if state.version == 0 {
            prove_put_if_absent(self.map.store(), PROBES).await?;
        }
        Ok(state)
    }

    /// The id that a name means in the newest version.
    async fn id(&self, name: &TableName) -> Result<String> {
        let state = self.map.open().await?;
        self.find(&state, name).await?.ok_or_else(|| unknown(name))
    }

    async fn find(&self, state: &State, name: &TableName) -> Result<Option<String>> {
        let found = state.get_many(&self.map.pages(), vec![records::name(name)]).await?.pop().flatten();
        found.map(|value| Ok(decode::<NameRecord>(value, "name")?.table)).transpose()
    }

    async fn commit(&self, operation: Operation<'_>) -> Result<Committed> {
        let runtime = self.map.runtime();
        let proposal = Proposal { map: &self.map, now: runtime.now_micros(), operation };
        let committed = self.map.commit(TxnId::random(runtime.as_ref()), &proposal).await?;
        // The commit stands whatever becomes of the checkpoint, which the next committer finds still due.
        let _ = self.map.checkpoint_if_due(CHECKPOINT_COMMITS).await;
        Ok(committed)
    }
}

fn unknown(name: &TableName) -> Error {
    Error::new(Code::TableNotFound, format!("no table is named {name}: list the tables, or create it"))
}

fn taken(name: impl fmt::Display) -> Error {
    Error::new(Code::TableExists, format!("the name {name} is taken: choose another, or open what has it"))
}
