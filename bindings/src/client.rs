//! A root of tables, with the runtime and caches that everything opened from it shares.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use serde::Deserialize;
use spiral_core::runtime::RuntimeRef;
use spiral_core::store::{CachesConfig, Store};
use spiral_core::table::{self, Caches, CreateOptions, TableOptions};
use spiral_core::{Code, Error, Result};

use crate::medium::{Medium, OpenedStore};
use crate::options::{KeyColumn, key_schema};
use crate::table::Table;
use crate::work::Work;

/// Dataset of tables that are named without one.
const DEFAULT_DATASET: &str = "default";

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
        crate::options::from_json(json, "client options")
    }

    pub(crate) fn table(&self, mut table: TableOptions) -> TableOptions {
        table.partition_max_bytes = self.partition_max_bytes.unwrap_or(table.partition_max_bytes);
        table.batch_readahead = self.batch_readahead.unwrap_or(table.batch_readahead);
        table
    }

    pub(crate) fn caches(&self) -> CachesConfig {
        let mut caches = CachesConfig::default();
        if let Some(bytes) = self.cache_bytes {
            caches.keys.memory_capacity_bytes = bytes;
            caches.manifests.memory_capacity_bytes = bytes;
        }
        caches
    }
}

/// Tables below one root. A table `dataset.name` lies in the folder `dataset/name`. Clones are the same client.
#[derive(Clone)]
pub struct Client {
    root: Arc<Root>,
}

struct Root {
    url: String,
    runtime: RuntimeRef,
    /// Whatever must live as long as the runtime is used.
    _host: Box<dyn Any + Send + Sync>,
    objects: Arc<dyn ObjectStore>,
    folder: Path,
    medium: Medium,
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
        Self::with_habits(url, store, runtime, host, options.table(TableOptions::default()), options.caches())
    }

    pub(crate) fn with_habits(
        url: &str,
        store: OpenedStore,
        runtime: RuntimeRef,
        host: Box<dyn Any + Send + Sync>,
        table: TableOptions,
        caches: CachesConfig,
    ) -> Self {
        let OpenedStore { objects, root: folder, medium } = store;
        let url = without_secrets(url);
        let root = Root { url, runtime, _host: host, objects, folder, medium, caches: Caches::new(caches), table };
        Self { root: Arc::new(root) }
    }

    /// The URL of the root, without what may be secret: user, password and query.
    pub fn url(&self) -> &str {
        &self.root.url
    }

    pub(crate) fn runtime(&self) -> &RuntimeRef {
        &self.root.runtime
    }

    fn folder(&self) -> Store {
        let root = &self.root;
        let policy = root.medium.policy();
        Store::with_policy(Arc::clone(&root.objects), root.folder.clone(), Arc::clone(&root.runtime), policy)
    }

    /// The folder of a table.
    fn store(&self, name: &str) -> Result<Store> {
        let (dataset, table) = name.split_once('.').unwrap_or((DEFAULT_DATASET, name));
        let valid = |part: &str| {
            !part.is_empty() && part.len() <= 128 && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if !valid(dataset) || !valid(table) {
            return Err(Error::new(
                Code::InvalidName,
                format!(
                    "{name:?} is not a table name: use letters, digits, - and _, with an optional dataset before a dot"
                ),
            ));
        }
        self.folder().child(&format!("{dataset}/{table}"))
    }

    /// Creates a table with the given key columns; value columns come into being when they are first written.
    ///
    /// With `exist_ok` a table that exists with the same key columns is opened.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidKeySchema`, `TableExists`, `UnsafeStore`, `ReadOnly`, the store's codes.
    pub fn create_table(&self, name: &str, keys: &[KeyColumn], exist_ok: bool) -> Work<Table> {
        let prepared = self.store(name).and_then(|store| Ok((store, key_schema(keys)?)));
        let (options, caches) = (self.root.table.clone(), self.root.caches.clone());
        let create = CreateOptions { exist_ok, ..CreateOptions::default() };
        self.handle(name, async move {
            let (store, keys) = prepared?;
            table::Table::create(store, keys, create, options, caches).await
        })
    }

    /// Opens a table at its newest version.
    ///
    /// # Errors
    /// `InvalidName`, `TableNotFound`, `NewerFormat`, the store's codes.
    pub fn table(&self, name: &str) -> Work<Table> {
        self.table_in(name, self.store(name))
    }

    /// Opens the table whose own folder is the client's root: for a table that was copied, or is served, by itself.
    pub fn table_at_root(&self) -> Work<Table> {
        let name = self.root.folder.filename().unwrap_or("table").to_owned();
        self.table_in(&name, Ok(self.folder()))
    }

    fn table_in(&self, name: &str, store: Result<Store>) -> Work<Table> {
        let (options, caches) = (self.root.table.clone(), self.root.caches.clone());
        self.handle(name, async move { table::Table::open(store?, options, caches).await })
    }

    /// Makes a handle of an engine's table, on the side of whoever waits for it.
    fn handle(&self, name: &str, opening: impl Future<Output = Result<table::Table>> + Send + 'static) -> Work<Table> {
        let (client, name, label) = (self.clone(), name.to_owned(), name.to_owned());
        self.start(async move { opening.await.map_err(|error| error.with_table(label)) })
            .map_ok(move |engine| Table::new(client, name, engine))
    }

    /// The names of all tables. This lists the root's folders, which a plain HTTP server cannot.
    ///
    /// # Errors
    /// `UnsupportedOperation` on HTTP roots, `StoreUnavailable`.
    pub fn tables(&self) -> Work<Vec<String>> {
        let (objects, root, medium) = (Arc::clone(&self.root.objects), self.root.folder.clone(), self.root.medium);
        self.start(async move {
            if medium == Medium::Http {
                return Err(Error::new(Code::UnsupportedOperation, "a plain HTTP server cannot list tables: name one"));
            }
            let mut names = Vec::new();
            for dataset in folders(&*objects, &root).await? {
                for table in folders(&*objects, &dataset).await? {
                    if let (Some(dataset), Some(table)) = (dataset.filename(), table.filename()) {
                        names.push(format!("{dataset}.{table}"));
                    }
                }
            }
            names.sort();
            Ok(names)
        })
    }
}

/// A URL without user, password, query and fragment.
fn without_secrets(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit('@').next().unwrap_or_default();
            path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => plain.to_owned(),
    }
}

async fn folders(objects: &dyn ObjectStore, folder: &Path) -> Result<Vec<Path>> {
    let prefix = (!folder.as_ref().is_empty()).then_some(folder);
    let listed = objects.list_with_delimiter(prefix).await;
    // The store's own message may quote signed URLs.
    Ok(listed.map_err(|_| Error::new(Code::StoreUnavailable, "the root cannot be listed"))?.common_prefixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(without_secrets("https://ada:pw@host:80/a/b?sig=1#x"), "https://host:80/a/b");
        assert_eq!(without_secrets("s3://bucket/a"), "s3://bucket/a");
        assert_eq!(without_secrets("/tmp/a@b"), "/tmp/a@b");
        assert_eq!(without_secrets("memory:"), "memory:");
    }
}
