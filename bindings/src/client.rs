//! A root of tables, with the threads and caches that everything opened from it shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use spiral_core::key::KeySchema;
use spiral_core::runtime::ThreadPool;
use spiral_core::store::{Store, StorePolicy};
use spiral_core::table::{Caches, CreateOptions, Table};
use spiral_core::{Code, Error, Result};

use crate::config::Config;
use crate::store_url::{Medium, open_store};

/// Dataset of tables that are named without one.
const DEFAULT_DATASET: &str = "default";

/// Tables below one root. A table `dataset.name` lies in the folder `dataset/name`.
pub struct Client {
    pool: ThreadPool,
    objects: Arc<dyn ObjectStore>,
    root: Path,
    medium: Medium,
    caches: Caches,
    config: Config,
}

impl Client {
    /// Opens the root of a configuration.
    ///
    /// # Errors
    /// `InvalidStoreUrl`.
    pub fn open(config: Config) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let opened = open_store(&config.root, &BTreeMap::new())?;
        Ok(Self {
            pool: ThreadPool::new(threads)?,
            objects: opened.objects,
            root: opened.root,
            medium: opened.medium,
            caches: Caches::new(config.caches),
            config,
        })
    }

    /// Runs a future to its end on the client's threads.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.pool.block_on(future)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
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
        let policy = StorePolicy { coalesce: self.medium.coalesce(), ..StorePolicy::default() };
        let root = Store::with_policy(Arc::clone(&self.objects), self.root.clone(), self.pool.runtime(), policy);
        root.child(&format!("{dataset}/{table}"))
    }

    /// Creates a table.
    ///
    /// # Errors
    /// `InvalidName`, `TableExists`, `UnsafeStore`, the store's codes.
    pub async fn create_table(&self, name: &str, keys: KeySchema, exist_ok: bool) -> Result<Table> {
        let create = CreateOptions { exist_ok, ..CreateOptions::default() };
        Table::create(self.store(name)?, keys, create, self.config.table.clone(), self.caches.clone())
            .await
            .map_err(|error| error.with_table(name))
    }

    /// Opens a table at its newest version.
    ///
    /// # Errors
    /// `InvalidName`, `TableNotFound`, the store's codes.
    pub async fn open_table(&self, name: &str) -> Result<Table> {
        Table::open(self.store(name)?, self.config.table.clone(), self.caches.clone())
            .await
            .map_err(|error| error.with_table(name))
    }

    /// The names of all tables. This lists the root's folders, which a plain HTTP server cannot.
    ///
    /// # Errors
    /// `UnsupportedOperation` on HTTP roots, `StoreUnavailable`.
    pub async fn tables(&self) -> Result<Vec<String>> {
        if self.medium == Medium::Http {
            return Err(Error::new(Code::UnsupportedOperation, "a plain HTTP server cannot list tables: name one"));
        }
        let mut names = Vec::new();
        for dataset in self.folders(&self.root).await? {
            for table in self.folders(&dataset).await? {
                if let (Some(dataset), Some(table)) = (dataset.filename(), table.filename()) {
                    names.push(format!("{dataset}.{table}"));
                }
            }
        }
        names.sort();
        Ok(names)
    }

    async fn folders(&self, folder: &Path) -> Result<Vec<Path>> {
        let prefix = (!folder.as_ref().is_empty()).then_some(folder);
        let listed = self.objects.list_with_delimiter(prefix).await;
        // The store's own message may quote signed URLs.
        Ok(listed.map_err(|_| Error::new(Code::StoreUnavailable, "the root cannot be listed"))?.common_prefixes)
    }
}
