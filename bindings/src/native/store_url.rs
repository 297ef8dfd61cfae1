//! Byte stores from URLs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use spiral_core::store::{Medium, Objects};
use spiral_core::{Code, Error, Result};
use url::Url;

use super::http::HttpStore;
use super::in_tokio::InTokio;
use super::local_folder::LocalFolder;
use crate::client::OpenedStore;

/// Opens the store of a URL: `memory:`, a path or `file:`, `s3://`, `gs://`, `az://` or `abfss://`, `http(s)://`.
///
/// Credentials come from `options` (the keys of the vendor's own variables), then from the environment and roles as the
/// vendor's tools find them. Requests are never repeated below the engine, which repeats what is safe to repeat.
///
/// # Errors
/// `InvalidStoreUrl`. Messages hold no credentials and no query of the URL.
pub fn open_store(url: &str, options: &BTreeMap<String, String>) -> Result<OpenedStore> {
    if url == "memory:" || url == "memory://" {
        return Ok(OpenedStore { objects: Arc::new(InMemory::new()), root: Path::default(), medium: Medium::Memory });
    }
    match Url::parse(url) {
        Ok(parsed) if parsed.scheme() == "file" => {
            let path = parsed.to_file_path().map_err(|()| invalid("a file URL names no local path"))?;
            open_folder(&path)
        }
        // A single letter is a drive, not a scheme.
        Ok(parsed) if parsed.scheme().len() > 1 => open_remote(&parsed, options),
        // Not even the part before the mark is shown: a password may stand there.
        Err(_) if url.contains("://") => Err(invalid("the URL of the store is malformed")),
        _ => open_folder(std::path::Path::new(url)),
    }
}

/// A folder of this machine, created if it is missing. Writes are on disk before they are acknowledged.
fn open_folder(path: &std::path::Path) -> Result<OpenedStore> {
    let failed = |error: &dyn std::fmt::Display| invalid(&format!("folder {} cannot be used: {error}", path.display()));
    std::fs::create_dir_all(path).map_err(|error| failed(&error))?;
    let objects = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(&error))?.with_fsync(true);
    Ok(OpenedStore { objects: Arc::new(LocalFolder::new(objects)), root: Path::default(), medium: Medium::Local })
}

fn open_remote(url: &Url, options: &BTreeMap<String, String>) -> Result<OpenedStore> {
    let root = Path::from_url_path(url.path()).map_err(|_| invalid("the URL's path is not a folder name"))?;
    let (objects, uploads, medium) = match url.scheme() {
        "http" | "https" => {
            let objects: Arc<dyn ObjectStore> = Arc::new(Objects::new(HttpStore::new(url).map_err(refused)?));
            (Arc::clone(&objects), objects, Medium::Http)
        }
        _ => (cloud(url, options, never())?, cloud(url, options, some_times())?, Medium::Cloud),
    };
    let objects = InTokio::new(objects, uploads)
        .ok_or_else(|| Error::new(Code::Internal, "the threads of the HTTP client could not be started"))?;
    Ok(OpenedStore { objects: Arc::new(objects), root, medium })
}

/// No repeats: the engine knows which requests are safe to repeat, and a conditional put is not.
fn never() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// Repeats for the parts of an upload, which only the client can repeat: it gives each its number.
fn some_times() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(50), max_backoff: Duration::from_secs(8), base: 2.0 };
    RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(120), backoff }
}

/// The client's limit for a whole request. The engine has limits of its own, which go by progress and by size; this one
/// would fail a large part on a slow line.
const REQUEST_TIMEOUT: &str = "1 hour";

fn cloud(url: &Url, options: &BTreeMap<String, String>, retry: RetryConfig) -> Result<Arc<dyn ObjectStore>> {
    macro_rules! configured {
        ($builder:expr) => {{
            let mut builder = $builder.with_url(url.as_str()).with_retry(retry);
            builder = builder.with_config("timeout".parse().map_err(refused)?, REQUEST_TIMEOUT);
            for (key, value) in options {
                builder = builder.with_config(key.parse().map_err(|_| unknown_option(key))?, value);
            }
            builder
        }};
    }
    Ok(match url.scheme() {
        "s3" | "s3a" => {
            let builder = configured!(AmazonS3Builder::from_env());
            Arc::new(builder.with_conditional_put(S3ConditionalPut::ETagMatch).build().map_err(refused)?)
        }
        "gs" => Arc::new(configured!(GoogleCloudStorageBuilder::from_env()).build().map_err(refused)?),
        "az" | "azure" | "abfs" | "abfss" => {
            Arc::new(configured!(MicrosoftAzureBuilder::from_env()).build().map_err(refused)?)
        }
        other => return Err(invalid(&format!("no store is known by the scheme {other:?}"))),
    })
}

fn invalid(what: &str) -> Error {
    Error::new(Code::InvalidStoreUrl, what)
}

fn unknown_option(key: &str) -> Error {
    invalid(&format!("{key:?} is not an option of this store"))
}

/// The builders' own messages may quote what they were given, so only the kind of failure is passed on.
fn refused(error: object_store::Error) -> Error {
    match error {
        object_store::Error::UnknownConfigurationKey { key, .. } => unknown_option(&key),
        _ => invalid("the store cannot be opened with these settings: check the URL, credentials and region"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_their_medium() {
        let none = BTreeMap::new();
        let folder = tempfile::tempdir().unwrap();
        let medium = |url: &str| open_store(url, &none).map(|opened| opened.medium);
        assert_eq!(medium("memory:").unwrap(), Medium::Memory);
        assert_eq!(medium(folder.path().to_str().unwrap()).unwrap(), Medium::Local);
        assert_eq!(medium("https://example.com/tables/a").unwrap(), Medium::Http);
        assert_eq!(medium("ftp://example.com/a").unwrap_err().code(), Code::InvalidStoreUrl);
        assert_eq!(medium("https://[::1?sig=x").unwrap_err().code(), Code::InvalidStoreUrl);
        assert!(!std::path::Path::new("https:").exists(), "a malformed URL is no folder");
    }

    #[test]
    fn credentials_never_reach_error_text() {
        let options = BTreeMap::from([("aws_secret_access_kee".to_owned(), "hunter2".to_owned())]);
        let error = open_store("s3://bucket/a?token=hunter2", &options).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
