//! The commit log: one object per version, created by a conditional put.
//!
//! Nothing of a commit is visible before its entry exists, everything after. Versions are dense and a name once taken
//! is never free again, so that existence is monotone and the head is found by galloping from any known version. A put
//! has ended only when an entry is *seen* at its version; everything else would lose or repeat commits.

mod append;
mod clock;
mod faults;
mod head;
mod hint;
mod record;

pub use append::Append;
pub use clock::{UNVOUCHED_MICROS, next_timestamp};
pub(crate) use faults::{AppendCounts, PlantedFaults};
pub use hint::{Hint, TAIL_BYTES_MAX, TAIL_ENTRIES_MAX};
pub use record::{CheckpointRef, LogEntry, LogRecord, Stub, TxnId};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::error::{Code, Result};
use crate::store::Store;

/// Entries larger than this are refused: a commit of so many changes is cut by checkpoints.
const ENTRY_BYTES_MAX: u64 = 256 << 20;

/// Versions that the hint lags behind a handle's own commits at most.
const HINT_LAG_MAX: u64 = 8;

/// Entries fetched at the same time.
const ENTRIES_IN_FLIGHT: usize = 16;

/// The log in one folder. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    store: Store,
    /// When the hint was last written, in milliseconds of the runtime's monotonic clock; negative before the first.
    hinted_at: Arc<AtomicI64>,
    /// The newest version that this handle wrote a hint of.
    hinted_version: Arc<AtomicU64>,
    /// Whether the hint was ever readable, which shows that a refused read of an entry is about that entry.
    hint_was_read: Arc<AtomicBool>,
    faults: PlantedFaults,
    counts: Arc<AppendCounts>,
}

impl Log {
    /// The log of the table or catalog whose folder `store` is.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            hinted_at: Arc::new(AtomicI64::new(-1)),
            hinted_version: Arc::default(),
            hint_was_read: Arc::default(),
            faults: PlantedFaults::default(),
            counts: Arc::default(),
        }
    }

    /// The same log with faults planted, to prove that the simulation finds them.
    #[cfg(test)]
    pub(crate) fn with_faults(self, faults: PlantedFaults, counts: Arc<AppendCounts>) -> Self {
        Self { faults, counts, ..self }
    }

    /// What a test planted.
    pub(crate) fn faults(&self) -> PlantedFaults {
        self.faults
    }

    /// The same log read and written through another handle.
    pub fn with_store(&self, store: &Store) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    /// Object name of a version.
    pub fn name(version: u64) -> String {
        format!("log/{version:020}")
    }

    /// Reads what is at a version.
    pub async fn read(&self, version: u64) -> Result<Option<LogRecord>> {
        let name = Self::name(version);
        let bytes = match self.store.get_limited(&name, ENTRY_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error) if error.code() == Code::ObjectNotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record = LogRecord::decode(&bytes).map_err(|error| error.with_path(&name))?;
        record.check_version(version).map_err(|error| error.with_path(&name))?;
        Ok(Some(record))
    }

    /// Whether the hint is to be written for a version: this handle has not written it for a second, or it would lag by
    /// more versions than a reader finds in two rounds. Claims the write if so.
    pub(crate) fn claim_hint(&self, version: u64) -> bool {
        let now = i64::try_from(self.store.runtime().monotonic().as_millis()).unwrap_or(i64::MAX);
        let last = self.hinted_at.load(Ordering::Relaxed);
        let lags = version >= self.hinted_version.load(Ordering::Relaxed) + HINT_LAG_MAX;
        if last >= 0 && now - last < 1000 && !lags {
            return false;
        }
        let claimed = self.hinted_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if claimed {
            self.hinted_version.fetch_max(version, Ordering::Relaxed);
        }
        claimed
    }
}
