//! Everything between the engine and a byte store.
//!
//! The engine sees a [`Store`]: relative names, whole objects, ranges, and one conditional put. Retries, time limits,
//! coalescing and metering happen here, through the runtime, so that no other module knows that stores fail. Reading
//! never lists and never asks for an object's size first: plain HTTP servers and presigned URLs can do neither.

mod byte_store;
mod cache;
mod coalesce;
mod failure;
#[cfg(any(test, feature = "simulation"))]
pub mod faulty;
mod medium;
mod meter;
mod proof;
mod read;
mod redact;
mod retry;
mod upload;
#[cfg(any(test, feature = "simulation"))]
pub mod yielding;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as ObjectError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

pub use byte_store::{ByteStore, Objects, ReadResult};
pub use cache::{BlockKey, ByteCache, CacheConfig, CacheStats, CachesConfig, Weigh};
pub use coalesce::Coalesce;
pub use medium::Medium;
pub use meter::{Meter, MeterSnapshot};
pub use proof::prove_put_if_absent;
pub use redact::without_secrets;
pub use retry::RetryPolicy;
pub use upload::Upload;

use crate::bail;
use crate::error::{Code, Error, Result};
use crate::runtime::{RuntimeRef, timeout};
use failure::{Failure, classify};
use meter::Event;
use retry::RetryBudget;

/// Limits and habits of a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorePolicy {
    /// When failed requests are repeated.
    pub retry: RetryPolicy,
    /// Which ranges are read together.
    pub coalesce: Coalesce,
    /// Whether the store reads any number of ranges of an object in one call, at no more than the cost of their bytes:
    /// a folder, which opens the file once, or memory.
    pub ranges_at_once: bool,
    /// Requests that one call sends at once.
    pub concurrency: usize,
    /// Largest object that is read whole unless the caller names a limit.
    pub object_bytes_max: u64,
    /// Largest range that is read: lengths come from stored metadata, which may be damaged.
    pub range_bytes_max: u64,
    /// Size of the parts of a multipart upload. S3 accepts no less than 5 MiB, and 10,000 parts at most.
    pub part_bytes: usize,
    /// Parts that one upload sends at once; bounds its memory together with `part_bytes`.
    pub upload_concurrency: usize,
}

impl Default for StorePolicy {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            coalesce: Coalesce::OBJECT_STORE,
            ranges_at_once: false,
            concurrency: 16,
            object_bytes_max: 64 << 20,
            range_bytes_max: 1 << 30,
            part_bytes: 8 << 20,
            upload_concurrency: 4,
        }
    }
}

/// What became of a conditional put. Only [`PutOutcome::Created`] is certain.
#[derive(Debug)]
pub enum PutOutcome {
    /// The object was created with the given bytes.
    Created,
    /// The store says that the name is taken. By whom is known only after reading it: a client that repeats a request
    /// below us loses to itself, and some stores say so of two racing puts before either took effect.
    Exists,
    /// The request ended without an answer that settles it; the object may appear even later.
    Unsettled(Error),
}

/// A folder of a byte store. Clones are cheap and share everything.
///
/// Every method is safe to cancel by dropping its future; what a cancelled write has done is unknown. Names are
/// relative to the folder.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    root: Path,
    meter: Meter,
}

struct Shared {
    objects: Arc<dyn ObjectStore>,
    runtime: RuntimeRef,
    policy: StorePolicy,
    budget: RetryBudget,
    /// Set once the store has answered a range request with a whole object, through a client that refuses that.
    ranges_unsupported: AtomicBool,
    /// Tells equal names in two stores apart where both share a cache.
    id: u64,
}

impl Store {
    /// Wraps the folder `root` of `objects` with the default policy.
    pub fn new(objects: Arc<dyn ObjectStore>, root: Path, runtime: RuntimeRef) -> Self {
        Self::with_policy(objects, root, runtime, StorePolicy::default())
    }

    /// Wraps the folder `root` of `objects`.
    pub fn with_policy(objects: Arc<dyn ObjectStore>, root: Path, runtime: RuntimeRef, policy: StorePolicy) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let shared = Shared {
            objects,
            runtime,
            policy,
            budget: RetryBudget::new(policy.retry.budget_retries),
            ranges_unsupported: AtomicBool::new(false),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        };
        Self { shared: Arc::new(shared), root, meter: Meter::new() }
    }

    /// The folder `prefix` of this one.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] unless `prefix` is a relative name.
    pub fn child(&self, prefix: &str) -> Result<Self> {
        Ok(Self { root: self.resolve(prefix)?, ..self.clone() })
    }

    /// The folder of a fixed name in this one.
    pub(crate) fn subfolder(&self, name: &'static str) -> Self {
        Self { root: self.root.clone().join(name), ..self.clone() }
    }

    /// The same folder with a meter of its own, which also counts into the present one.
    pub fn metered(&self) -> (Self, Meter) {
        let meter = self.meter.child();
        (Self { meter: meter.clone(), ..self.clone() }, meter)
    }

    /// The same folder counting into another meter as well as the present one.
    pub fn metered_into(&self, meter: &Meter) -> Self {
        Self { meter: self.meter.joined(meter), ..self.clone() }
    }

    /// Where this handle counts.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The host it runs on.
    pub fn runtime(&self) -> &RuntimeRef {
        &self.shared.runtime
    }

    /// Its limits and habits.
    pub fn policy(&self) -> &StorePolicy {
        &self.shared.policy
    }

    /// The folder within the byte store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The byte store itself, for libraries that read from one directly. Such reads are neither retried nor counted.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.shared.objects
    }

    /// The full path of a relative name.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] when the name is absolute, has an empty, `.` or `..` segment, or a character that
    /// stores or URLs treat specially.
    pub fn resolve(&self, path: &str) -> Result<Path> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '+' | ',' | '@' | '!');
        for segment in path.split('/') {
            if segment.is_empty() || segment == "." || segment == ".." || !segment.chars().all(allowed) {
                bail!(Code::InvalidArgument, "{path:?} is not a relative object name of plain characters");
            }
        }
        let full = if self.root.as_ref().is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) };
        Path::parse(full).map_err(|error| Error::new(Code::InvalidArgument, error.to_string()).with_path(path))
    }

    /// Writes an empty object and removes it again; returns when the store says that it was written, in microseconds
    /// since 1970, or `None` where it does not say.
    pub async fn write_time(&self, path: &str) -> Option<i64> {
        let full = self.resolve(path).ok()?;
        self.put(path, Bytes::new()).await.ok()?;
        let found = self.shared.objects.head(&full).await;
        // What is left behind is empty, and collection removes it.
        let _ = self.delete(path).await;
        // A store that knows no time says 1970.
        found.ok().map(|found| found.last_modified.timestamp_micros()).filter(|written| *written > 0)
    }

    /// Writes an object whose name no other writer uses. Repeats are harmless, so it is retried.
    ///
    /// # Errors
    ///
    /// The store's codes; after [`Code::StoreUnavailable`] the object may or may not exist.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let full = self.resolve(path)?;
        let _round = self.meter.begin();
        self.with_retries(path, Event::Put, || {
            self.put_once(Event::Put, &full, PutPayload::from(bytes.clone()), PutMode::Overwrite)
        })
        .await
    }

    /// Creates an object unless its name is taken. Sent exactly once: a repeated request could lose to itself and
    /// report somebody else's win.
    ///
    /// # Errors
    ///
    /// Only failures that certainly had no effect: a refused name or missing permission, or
    /// [`Code::UnsafeStore`] if the store has no such operation. Everything else is a [`PutOutcome`].
    pub async fn put_if_absent(&self, path: &str, bytes: Bytes) -> Result<PutOutcome> {
        let full = self.resolve(path)?;
        let _round = self.meter.begin();
        self.meter.add(Event::PutIfAbsent, 1);
        let failure = match self.put_raw(&full, bytes.into(), PutMode::Create).await {
            Ok(()) => return Ok(PutOutcome::Created),
            Err(PutFailure::Answered(
                ObjectError::AlreadyExists { .. } | ObjectError::Precondition { .. } | ObjectError::NotModified { .. },
            )) => return Ok(PutOutcome::Exists),
            Err(failure) => failure,
        };
        self.meter.add(Event::Error, 1);
        let failure = failure.classified();
        match failure.error.code() {
            Code::UnsupportedOperation => Err(Error::new(
                Code::UnsafeStore,
                format!(
                    "the store has no put-if-absent, without which commits would be lost: {}",
                    failure.error.message()
                ),
            )
            .with_path(path)),
            Code::PermissionDenied | Code::InvalidArgument | Code::ReadOnly | Code::InvalidStoreUrl => {
                Err(failure.at(path))
            }
            _ => Ok(PutOutcome::Unsettled(failure.at(path))),
        }
    }

    /// Begins an object that is written in pieces; see [`Upload`].
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] unless `path` is a relative name.
    pub fn upload(&self, path: &str) -> Result<Upload> {
        Ok(Upload::new(self.clone(), path.to_owned(), self.resolve(path)?))
    }

    /// Removes an object; one that does not exist is no error.
    ///
    /// # Errors
    ///
    /// The store's codes.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let full = self.resolve(path)?;
        let _round = self.meter.begin();
        let silence_max = self.shared.policy.retry.silence_max;
        self.with_retries(path, Event::Delete, || async {
            let deleted = timeout(&*self.shared.runtime, silence_max, self.shared.objects.delete(&full)).await;
            match deleted.map_err(|_| Failure::timed_out())? {
                Ok(()) | Err(ObjectError::NotFound { .. }) => Ok(()),
                Err(error) => Err(classify(&error)),
            }
        })
        .await
    }

    /// The key of a byte range of an object in a shared cache.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] unless `path` is a relative name.
    pub fn block_key(&self, path: &str, range: std::ops::Range<u64>) -> Result<BlockKey> {
        let object = self.resolve(path)?.as_ref().into();
        Ok(BlockKey { store: self.shared.id, object, start: range.start, end: range.end })
    }

    async fn put_once(&self, kind: Event, path: &Path, payload: PutPayload, mode: PutMode) -> Result<(), Failure> {
        debug_assert!(kind != Event::PutIfAbsent, "a conditional put is never repeated");
        self.put_raw(path, payload, mode).await.map_err(PutFailure::classified)
    }

    async fn put_raw(&self, path: &Path, payload: PutPayload, mode: PutMode) -> Result<(), PutFailure> {
        let bytes = payload.content_length();
        self.meter.add(Event::BytesWritten, bytes as u64);
        let options = PutOptions { mode, ..PutOptions::default() };
        let put = self.shared.objects.put_opts(path, payload, options);
        match timeout(&*self.shared.runtime, self.shared.policy.retry.write_timeout(bytes), put).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(PutFailure::Answered(error)),
            Err(_) => Err(PutFailure::Silent),
        }
    }

    /// Repeats `attempt` as the policy allows.
    async fn with_retries<T, F>(&self, path: &str, kind: Event, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let Shared { runtime, policy, budget, .. } = &*self.shared;
        let begun = runtime.monotonic();
        for attempts in 1.. {
            self.meter.add(kind, 1);
            let failure = match attempt().await {
                Ok(value) => {
                    budget.deposit();
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            if failure.error.code() == Code::ObjectNotFound {
                self.meter.add(Event::NotFound, 1);
                return Err(failure.at(path));
            }
            self.meter.add(Event::Error, 1);
            let wait: Duration = policy.retry.backoff(attempts, &**runtime);
            let late = runtime.monotonic().saturating_sub(begun) + wait > policy.retry.attempts_within;
            if !failure.retryable || attempts >= policy.retry.attempts_max || late || !budget.withdraw() {
                return Err(failure.at(path));
            }
            self.meter.add(Event::Retry, 1);
            runtime.sleep(wait).await;
        }
        Err(Failure::timed_out().at(path))
    }
}

/// Why a put has no certain success.
enum PutFailure {
    Answered(ObjectError),
    Silent,
}

impl PutFailure {
    fn classified(self) -> Failure {
        match self {
            Self::Answered(error) => classify(&error),
            Self::Silent => Failure::timed_out(),
        }
    }
}

#[cfg(test)]
mod tests;
