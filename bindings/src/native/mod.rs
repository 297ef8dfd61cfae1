//! What native programs have and browsers do not: threads, stores by URL, settings in files.

mod config;
mod http;
mod in_tokio;
mod local_folder;
mod on_tokio;
mod store_url;

use std::num::NonZero;
use std::thread::available_parallelism;

pub use config::Config;
pub use on_tokio::Tokio;
use spiral_core::Result;
use spiral_core::runtime::ThreadPool;
pub use store_url::open_store;

use crate::client::{Client, ClientOptions};

impl Client {
    /// Opens a root by its URL: `memory:`, a folder, `s3://`, `gs://`, `az://`, `http(s)://`.
    ///
    /// # Errors
    /// `InvalidStoreUrl`, `LimitExceeded` when the system refuses threads.
    pub fn connect(url: &str, options: &ClientOptions) -> Result<Self> {
        Self::open(Config::of(url), options)
    }

    /// Opens a root by its URL, or else the one that the environment or `~/.spiral.toml` names. Options stand above
    /// the settings of both.
    ///
    /// # Errors
    /// As [`Config::load`] and [`Client::connect`].
    pub fn configured(url: Option<String>, options: &ClientOptions) -> Result<Self> {
        Self::open(Config::load(url)?, options)
    }

    /// Opens the root that a configuration names. Options stand above it.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn open(config: Config, options: &ClientOptions) -> Result<Self> {
        let Config { root, mut table, mut caches } = config;
        options.apply(&mut table, &mut caches);
        let store = open_store(&root, &options.store)?;
        let threads = options.threads.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get));
        let pool = ThreadPool::new(threads)?;
        Ok(Self::with_habits(&root, store, pool.runtime(), Box::new(pool), table, caches))
    }

    /// Polls a future on the calling thread while the client's threads do the work.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}
