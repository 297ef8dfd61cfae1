//! Settings: explicit ones, then the environment, then `~/.spiral.toml`, then defaults.

use std::path::PathBuf;

use serde::Deserialize;
use spiral_core::store::CachesConfig;
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
#[serde(deny_unknown_fields)]
struct File {
    root: Option<String>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    partition_max_bytes: Option<usize>,
    batch_readahead: Option<usize>,
}

impl Config {
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
        let partition = number("SPIRAL__LIMITS__PARTITION_MAX_BYTES")?.or(file.limits.partition_max_bytes);
        table.partition_max_bytes = partition.unwrap_or(table.partition_max_bytes);
        let readahead = number("SPIRAL__LIMITS__BATCH_READAHEAD")?.or(file.limits.batch_readahead);
        table.batch_readahead = readahead.unwrap_or(table.batch_readahead);
        Ok(Self { root, table, caches: CachesConfig::default() })
    }
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

fn number(name: &str) -> Result<Option<usize>> {
    match std::env::var(name) {
        Err(_) => Ok(None),
        Ok(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Error::new(Code::InvalidArgument, format!("{name} is {text:?}, a number is needed"))),
    }
}
