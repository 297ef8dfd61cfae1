//! Settings: explicit ones, then the environment, then `~/.spiral.toml`, then defaults.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use spiral_core::store::{CacheConfig, CachesConfig};
use spiral_core::table::TableOptions;
use spiral_core::{Code, Error, Result};

/// Settings of a client.
#[derive(Debug, Clone)]
pub struct Config {
    /// URL or folder of the tables.
    pub root: String,
    /// Habits of table handles.
    pub table: TableOptions,
    /// Sizes of caches.
    pub caches: CachesConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    root: Option<String>,
    limits: Limits,
    keys_cache: CacheConfig,
    manifests_cache: CacheConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    partition_max_bytes: Option<usize>,
    batch_readahead: Option<usize>,
}

impl Config {
    /// The defaults for a root.
    pub fn of(root: impl Into<String>) -> Self {
        Self { root: root.into(), table: TableOptions::default(), caches: CachesConfig::default() }
    }

    /// Reads the settings; `root` overrides every other source.
    ///
    /// # Errors
    /// `InvalidArgument` for a file or variable that is no setting.
    pub fn load(root: Option<String>) -> Result<Self> {
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let file = match &home {
            Some(home) => read_file(&home.join(".spiral.toml"))?,
            None => File::default(),
        };
        let default_root = || home.unwrap_or_default().join(".spiral").join("data").to_string_lossy().into_owned();
        let root = root.or_else(|| std::env::var("SPIRAL__ROOT").ok()).or(file.root).unwrap_or_else(default_root);
        let mut table = TableOptions::default();
        let partition = variable("LIMITS__PARTITION_MAX_BYTES", A_NUMBER)?.or(file.limits.partition_max_bytes);
        table.partition_max_bytes = partition.unwrap_or(table.partition_max_bytes);
        let readahead = variable("LIMITS__BATCH_READAHEAD", A_NUMBER)?.or(file.limits.batch_readahead);
        table.batch_readahead = readahead.unwrap_or(table.batch_readahead);
        let keys = variables_or("KEYS_CACHE", file.keys_cache)?;
        let manifests = variables_or("MANIFESTS_CACHE", file.manifests_cache)?;
        Ok(Self { root, table, caches: CachesConfig { keys, manifests } })
    }
}

/// The settings of the environment's section, or else these.
fn variables_or(section: &str, config: CacheConfig) -> Result<CacheConfig> {
    let enabled = variable(&format!("{section}__ENABLED"), "true or false")?.unwrap_or(config.enabled);
    let bytes = variable(&format!("{section}__MEMORY_CAPACITY_BYTES"), A_NUMBER)?;
    Ok(CacheConfig { enabled, memory_capacity_bytes: bytes.unwrap_or(config.memory_capacity_bytes) })
}

fn read_file(path: &std::path::Path) -> Result<File> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => {
            return Err(Error::new(Code::InvalidArgument, format!("{} cannot be read: {error}", path.display())));
        }
    };
    // The parser's message names the setting and the line, and quotes no value of another one.
    toml::from_str(&text).map_err(|error| {
        Error::new(
            Code::InvalidArgument,
            format!("{} is not a valid configuration: {}", path.display(), error.message()),
        )
    })
}

const A_NUMBER: &str = "a number";

/// A setting of the environment.
fn variable<T: FromStr>(setting: &str, what: &str) -> Result<Option<T>> {
    let name = format!("SPIRAL__{setting}");
    let Ok(text) = std::env::var(&name) else { return Ok(None) };
    let parsed = text.parse();
    parsed.map(Some).map_err(|_| Error::new(Code::InvalidArgument, format!("{name} is {text:?}, {what} is needed")))
}
