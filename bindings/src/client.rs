//! A root of tables, with the runtime and caches that everything opened from it shares.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use serde::Deserialize;
use spiral_core::Result;
use spiral_core::catalog::{Catalog, TableName};
use spiral_core::exchange::{KeyColumn, from_json};
use spiral_core::runtime::RuntimeRef;
use spiral_core::store::{CachesConfig, Medium, Store, without_secrets};
use spiral_core::table::{self, Caches, TableOptions};

use crate::table::Table;
use crate::work::{Subject, Work};

/// A store and the folder in it that a URL names.
pub struct OpenedStore {
    /// The store.
    pub objects: Arc<dyn ObjectStore>,
    /// The folder.
    pub root: Path,
    /// What kind of place it is.
    pub medium: Medium,
}

/// Settings of a client. Absent ones take their defaults.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientOptions {
    /// Options of the store by the names of its vendor's own variables, credentials among them.
    #[serde(default)]
    pub store: BTreeMap<String, String>,
    /// Threads for CPU work; the machine's parallelism by default.
    pub threads: Option<usize>,
    /// Bytes of memory for each cache of metadata and keys.
    pub cache_bytes: Option<u64>,
    /// Uncompressed bytes after which a write starts the next run.
    pub partition_max_bytes: Option<usize>,
    /// Batches that a scan prepares ahead of its reader.
    pub batch_readahead: Option<usize>,
}

impl ClientOptions {
    /// Reads options from JSON, as bindings pass them.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no option. The message names it and quotes no value: values may be credentials.
    pub fn from_json(json: &str) -> Result<Self> {
        from_json(json, "client options")
    }

    /// Puts what is set here in the place of other settings.
    pub(crate) fn apply(&self, table: &mut TableOptions, caches: &mut CachesConfig) {
        table.partition_max_bytes = self.partition_max_bytes.unwrap_or(table.partition_max_bytes);
        table.batch_readahead = self.batch_readahead.unwrap_or(table.batch_readahead);
        for cache in [&mut caches.keys, &mut caches.manifests] {
            cache.memory_capacity_bytes = self.cache_bytes.unwrap_or(cache.memory_capacity_bytes);
        }
    }
}

/// Tables below one root. A table is named `project/dataset.table`, where project and dataset are `default` when left
/// out; what has the name is in the root's catalog. Clones are the same client.
#[derive(Clone)]
pub struct Client {
    root: Arc<Root>,
}

struct Root {
    url: String,
    runtime: RuntimeRef,
    /// Whatever must live as long as the runtime is used.
    _host: Box<dyn Any + Send + Sync>,
    folder: Store,
    catalog: Catalog,
    caches: Caches,
    table: TableOptions,
}

impl Client {
    /// A client on a store and a runtime that the embedding program supplies. `host` is kept alive as long as the
    /// client or work that it started.
    pub fn on(
        url: &str,
        store: OpenedStore,
        runtime: RuntimeRef,
        host: Box<dyn Any + Send + Sync>,
        options: &ClientOptions,
    ) -> Self {
        let (mut table, mut caches) = Default::default();
        options.apply(&mut table, &mut caches);
        Self::with_habits(url, store, runtime, host, table, caches)
    }

    pub(crate) fn with_habits(
        url: &str,
        store: OpenedStore,
        runtime: RuntimeRef,
        host: Box<dyn Any + Send + Sync>,
        table: TableOptions,
        caches: CachesConfig,
    ) -> Self {
        let folder = Store::with_policy(store.objects, store.root, Arc::clone(&runtime), store.medium.policy());
        let caches = Caches::new(caches);
        let catalog = Catalog::new(&folder, table.clone(), caches.clone());
        let url = without_secrets(url);
        Self { root: Arc::new(Root { url, runtime, _host: host, folder, catalog, caches, table }) }
    }

    /// The URL of the root, without what may be secret: user, password and query.
    pub fn url(&self) -> &str {
        &self.root.url
    }

    /// Whether both are handles of one client.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    pub(crate) fn runtime(&self) -> &RuntimeRef {
        &self.root.runtime
    }

    /// The engine's catalog, for Rust programs that need more than this facade.
    pub fn catalog(&self) -> &Catalog {
        &self.root.catalog
    }

    /// Creates a table with the given key columns; value columns come into being when they are first written, the table's
    /// project and dataset with their first table.
    ///
    /// With `exist_ok` a table that exists with the same key columns is opened.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidKeySchema`, `TableExists`, `UnsafeStore`, `ReadOnly`, `CommitUnknown`, the store's codes.
    pub fn create_table(&self, name: &str, keys: &[KeyColumn], exist_ok: bool) -> Work<Table> {
        let (catalog, parsed, keys) = (self.root.catalog.clone(), name.parse(), KeyColumn::schema(keys));
        self.handle(name, async move { catalog.create_table(&parsed?, keys?, exist_ok).await })
    }

    /// Opens a table. What is read from it then is its newest version.
    ///
    /// # Errors
    /// `InvalidName`, `TableNotFound`, `NewerFormat`, the store's codes.
    pub fn table(&self, name: &str) -> Work<Table> {
        let (catalog, parsed) = (self.root.catalog.clone(), name.parse());
        self.handle(name, async move { catalog.table(&parsed?).await })
    }

    /// Opens the table whose own folder is the client's root: for a table that was copied, or is served, by itself.
    pub fn table_at_root(&self) -> Work<Table> {
        let Root { folder, table: options, caches, .. } = &*self.root;
        let name = folder.root().filename().unwrap_or("table").to_owned();
        self.handle(&name, table::Table::open_at_hint(folder.clone(), options.clone(), caches.clone()))
    }

    /// Makes a handle of an engine's table, on the side of whoever waits for it.
    fn handle(&self, name: &str, opening: impl Future<Output = Result<table::Table>> + Send + 'static) -> Work<Table> {
        let subject = Subject::new(self, name);
        subject.start(opening).map_ok(move |engine| Table::new(subject, engine))
    }

    /// The names of all tables, each as `dataset.table`, with `project/` before it unless that is the default, in order
    /// of project, dataset and table.
    ///
    /// # Errors
    /// `NewerFormat`, the store's codes.
    pub fn tables(&self) -> Work<Vec<String>> {
        let catalog = self.root.catalog.clone();
        self.start(async move {
            let tables = catalog.tables().await?;
            Ok(tables.into_iter().map(|table| table.name.to_string()).collect())
        })
    }

    /// Gives a table another name, in any dataset and project: parts that the new name leaves out stay as they are.
    /// Handles that are open go on with the table.
    ///
    /// # Errors
    /// `InvalidName`; `TableNotFound`; `TableExists` when the new name is taken; `CommitConflict` when another writer
    /// renamed or dropped the table at the same time; `ReadOnly`, `CommitUnknown`, the store's codes.
    pub fn rename_table(&self, name: &str, new_name: &str) -> Work<()> {
        let (catalog, parsed, to) = (self.root.catalog.clone(), name.parse::<TableName>(), new_name.to_owned());
        Subject::new(self, name).start(async move {
            let from = parsed?;
            catalog.rename_table(&from, &from.renamed(&to)?).await
        })
    }

    /// Takes a table's name away, which another table may be given then. Its data stays, and handles that are open go on
    /// reading and writing it.
    ///
    /// # Errors
    /// `InvalidName`; `TableNotFound`; `CommitConflict` when another writer renamed or dropped the table at the same
    /// time; `ReadOnly`, `CommitUnknown`, the store's codes.
    pub fn drop_table(&self, name: &str) -> Work<()> {
        let (catalog, parsed) = (self.root.catalog.clone(), name.parse());
        Subject::new(self, name).start(async move { catalog.drop_table(&parsed?).await })
    }

    /// The projects, in order.
    ///
    /// # Errors
    /// `NewerFormat`, the store's codes.
    pub fn projects(&self) -> Work<Vec<String>> {
        let catalog = self.root.catalog.clone();
        self.start(async move { catalog.projects().await })
    }

    /// Makes a project under a new id such as `blazing-parakeet-036267`, after a prefix and a dash if there is one.
    ///
    /// # Errors
    /// `InvalidName`, `UnsafeStore`, `ReadOnly`, `CommitUnknown`, the store's codes.
    pub fn create_project(&self, prefix: Option<&str>) -> Work<String> {
        let (catalog, prefix) = (self.root.catalog.clone(), prefix.map(str::to_owned));
        self.start(async move { catalog.create_project(prefix.as_deref()).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_above_settings_and_leave_the_others() {
        let (mut table, mut caches): (TableOptions, CachesConfig) = Default::default();
        caches.keys.enabled = false;
        caches.manifests.memory_capacity_bytes = 5;
        table.batch_readahead = 3;
        let options = ClientOptions { partition_max_bytes: Some(7), ..ClientOptions::default() };
        options.apply(&mut table, &mut caches);
        assert_eq!((table.partition_max_bytes, table.batch_readahead), (7, 3));
        assert_eq!((caches.keys.enabled, caches.manifests.memory_capacity_bytes), (false, 5));
        let sized = ClientOptions { cache_bytes: Some(9), ..ClientOptions::default() };
        sized.apply(&mut table, &mut caches);
        assert_eq!((caches.keys.memory_capacity_bytes, caches.manifests.memory_capacity_bytes), (9, 9));
    }
}
