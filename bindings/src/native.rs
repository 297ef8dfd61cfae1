//! Clients of native programs: threads of their own, stores by URL.

use std::collections::BTreeMap;

use spiral_core::Result;
use spiral_core::runtime::ThreadPool;

use crate::client::{Client, ClientOptions};
use crate::config::Config;
use crate::store_url::open_store;

impl Client {
    /// Opens a root by its URL: `memory:`, a folder, `s3://`, `gs://`, `az://`, `http(s)://`.
    ///
    /// # Errors
    /// `InvalidStoreUrl`, `LimitExceeded` when the system refuses threads.
    pub fn connect(url: &str, options: &ClientOptions) -> Result<Self> {
        let store = open_store(url, &options.store)?;
        let pool = pool(options.threads)?;
        Ok(Self::on(url, store, pool.runtime(), Box::new(pool), options))
    }

    /// Opens a root by its URL, or else the one that the environment or `~/.spiral.toml` names. Options stand above
    /// the settings of both.
    ///
    /// # Errors
    /// As [`Config::load`] and [`Client::connect`].
    pub fn configured(url: Option<String>, options: &ClientOptions) -> Result<Self> {
        let Config { root, table, .. } = Config::load(url)?;
        let store = open_store(&root, &options.store)?;
        let pool = pool(options.threads)?;
        Ok(Self::with_habits(&root, store, pool.runtime(), Box::new(pool), options.table(table), options.caches()))
    }

    /// Opens the root that a configuration names.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn open(config: Config) -> Result<Self> {
        let store = open_store(&config.root, &BTreeMap::new())?;
        let pool = pool(None)?;
        Ok(Self::with_habits(&config.root, store, pool.runtime(), Box::new(pool), config.table, config.caches))
    }

    /// Polls a future on the calling thread while the client's threads do the work.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}

fn pool(threads: Option<usize>) -> Result<ThreadPool> {
    ThreadPool::new(threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)))
}
