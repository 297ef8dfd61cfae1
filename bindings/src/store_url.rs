//! Byte stores from URLs.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use spiral_core::{Code, Error, Result};
use url::Url;

use crate::in_tokio::InTokio;
use crate::medium::{Medium, OpenedStore};

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
        _ => open_folder(std::path::Path::new(url)),
    }
}

/// A folder of this machine, created if it is missing. Writes are on disk before they are acknowledged.
fn open_folder(path: &std::path::Path) -> Result<OpenedStore> {
    let failed = |error: &dyn std::fmt::Display| invalid(&format!("folder {} cannot be used: {error}", path.display()));
    std::fs::create_dir_all(path).map_err(|error| failed(&error))?;
    let objects = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(&error))?.with_fsync(true);
    Ok(OpenedStore { objects: Arc::new(objects), root: Path::default(), medium: Medium::Local })
}

fn open_remote(url: &Url, options: &BTreeMap<String, String>) -> Result<OpenedStore> {
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let plain_http = options.get("allow_http").is_some_and(|value| value == "true");
    let client = ClientOptions::new().with_allow_http(plain_http);
    let root = Path::from_url_path(url.path()).map_err(|_| invalid("the URL's path is not a folder name"))?;
    let (objects, root, medium): (Arc<dyn ObjectStore>, Path, Medium) = match url.scheme() {
        "s3" | "s3a" => {
            let mut builder = AmazonS3Builder::from_env()
                .with_url(url.as_str())
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_retry(retry);
            for (key, value) in options {
                builder = builder.with_config(key.parse().map_err(|_| unknown_option(key))?, value);
            }
            (Arc::new(builder.build().map_err(refused)?), root, Medium::Cloud)
        }
        "gs" => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retry);
            for (key, value) in options {
                builder = builder.with_config(key.parse().map_err(|_| unknown_option(key))?, value);
            }
            (Arc::new(builder.build().map_err(refused)?), root, Medium::Cloud)
        }
        "az" | "azure" | "abfs" | "abfss" => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retry);
            for (key, value) in options {
                builder = builder.with_config(key.parse().map_err(|_| unknown_option(key))?, value);
            }
            (Arc::new(builder.build().map_err(refused)?), root, Medium::Cloud)
        }
        "http" | "https" => {
            let client = client.with_config(ClientConfigKey::AllowHttp, "true");
            let base = url[..url::Position::BeforePath].to_owned();
            let builder = HttpBuilder::new().with_url(base).with_client_options(client).with_retry(retry);
            (Arc::new(builder.build().map_err(refused)?), root, Medium::Http)
        }
        other => return Err(invalid(&format!("no store is known by the scheme {other:?}"))),
    };
    let objects = InTokio::new(objects)
        .ok_or_else(|| Error::new(Code::Internal, "the threads of the HTTP client could not be started"))?;
    Ok(OpenedStore { objects: Arc::new(objects), root, medium })
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
    }

    #[test]
    fn credentials_never_reach_error_text() {
        let options = BTreeMap::from([("aws_secret_access_kee".to_owned(), "hunter2".to_owned())]);
        let error = open_store("s3://bucket/a?token=hunter2", &options).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
