//! Tables on plain HTTP servers, read-only.
//!
//! A static host knows GET and little else. Some answer a range with the whole file, some send no length, some say 403
//! for what does not exist, some forward to another host, and many a URL is good only with its query, which is then a
//! secret. A WebDAV client, which would list and ask for properties, meets all of that with errors.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error, Result};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use spiral_core::store::{ByteStore, ReadResult};
use url::Url;

const STORE: &str = "HTTP";

/// How long a server may take to accept a connection. How long it may stay silent after that is the engine's affair.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Hosts that one request may be forwarded through.
const REDIRECTS_MAX: usize = 5;

/// Objects below one origin. The query of the URL, if it has one, goes with every request and into no text.
pub(super) struct HttpStore {
    client: Client,
    /// Origin, user information and query; the path is that of each object.
    origin: Url,
}

impl HttpStore {
    /// A store of everything on the server of `url`, whose path is ignored.
    pub(super) fn new(url: &Url) -> Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("spiral/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // The address of a signed request would be told to whoever it is forwarded to.
            .referer(false)
            .redirect(Policy::custom(|attempt| {
                let from_https = attempt.previous().last().is_some_and(|from| from.scheme() == "https");
                if from_https && attempt.url().scheme() != "https" {
                    attempt.error("the server forwards from https to http")
                } else if attempt.previous().len() > REDIRECTS_MAX {
                    attempt.error("the server forwards too often")
                } else {
                    attempt.follow()
                }
            }))
            .build()
            .map_err(failed)?;
        let mut origin = url.clone();
        origin.set_fragment(None);
        Ok(Self { client, origin })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.origin.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path.split('/'));
        }
        url
    }
}

/// Without the query and the user information.
impl fmt::Display for HttpStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plain HTTP server {}", self.origin.host_str().unwrap_or_default())
    }
}

/// A failure of the client, told without the address. The chain of causes is flattened: its parts name the address too.
fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    // Chains are a handful of links; the bound is against a source that returns itself.
    for _ in 0..8 {
        let Some(source) = cause else { break };
        text = format!("{text}: {source}");
        cause = source.source();
    }
    generic(text)
}

fn generic(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: source.into() }
}

/// What a status without a body to read means.
fn refused(status: StatusCode, path: &str) -> Error {
    let path = path.to_owned();
    let source = format!("the server answered with status code: {status}").into();
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Error::NotFound { path, source },
        StatusCode::UNAUTHORIZED => Error::Unauthenticated { path, source },
        StatusCode::FORBIDDEN => Error::PermissionDenied { path, source },
        _ => Error::Generic { store: STORE, source },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The range of `bytes 0-9/100`, and the size, which a server may not know.
fn content_range(value: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = first.trim().parse().ok()?..last.trim().parse::<u64>().ok()?.checked_add(1)?;
    Some((range, size.trim().parse().ok()))
}

/// Which bytes of the object an answer holds, and the size of the object if the server tells.
fn extent(response: &Response, asked: Option<Range<u64>>) -> Result<(Range<u64>, Option<u64>)> {
    let headers = response.headers();
    if text(headers, &CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Error::NotSupported {
            source: "the server compresses objects on the way: switch that off for the table's folder".into(),
        });
    }
    if response.status() == StatusCode::PARTIAL_CONTENT {
        return text(headers, &CONTENT_RANGE)
            .and_then(content_range)
            .ok_or_else(|| generic("the server sent a part of an object and did not say which"));
    }
    let size = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    // Without a length only the end of the body tells; until then the object is taken to be as long as asked for.
    Ok((0..size.or(asked.map(|range| range.end)).unwrap_or(0), size))
}

#[async_trait]
impl ByteStore for HttpStore {
    async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult> {
        let mut request = self.client.get(self.url(path)).header(ACCEPT_ENCODING, "identity");
        if let Some(Range { start, end }) = range {
            request = request.header(RANGE, format!("bytes={start}-{}", end.saturating_sub(1)));
        }
        let response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            status => return Err(refused(status, path)),
        }
        let (range, size) = extent(&response, range)?;
        let body = stream::try_unfold(response, |mut response| async move {
            Ok(response.chunk().await?.map(|chunk| (chunk, response)))
        });
        Ok(ReadResult { body: body.map_err(failed).boxed(), range, size, modified: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_goes_with_every_address_and_into_no_text() {
        let url = Url::parse("https://user:hunter2@host:1234/a?sig=hunter2&x=%2F#part").unwrap();
        let store = HttpStore::new(&url).unwrap();
        let address = store.url("a b/log/latest");
        assert_eq!(address.as_str(), "https://user:hunter2@host:1234/a%20b/log/latest?sig=hunter2&x=%2F");
        assert!(!store.to_string().contains("hunter2"));
    }

    #[test]
    fn ranges_are_read_as_servers_write_them() {
        assert_eq!(content_range("bytes 10-19/100"), Some((10..20, Some(100))));
        assert_eq!(content_range("bytes 10-19/*"), Some((10..20, None)));
        for damaged in ["", "bytes", "bytes */100", "bytes 1/2", "bytes 5-18446744073709551615/9", "lines 1-2/3"] {
            assert_eq!(content_range(damaged), None, "{damaged:?}");
        }
    }
}
