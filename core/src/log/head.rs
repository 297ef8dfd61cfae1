//! Finding the head: names are taken in order and never freed, so existence is a step function.

use futures::{StreamExt, TryStreamExt, stream};

use super::{ENTRIES_IN_FLIGHT, Log, LogRecord};
use crate::error::{Code, Error, Result};

/// Versions looked for at once. A hint lags by a checkpoint's commits at most, unless its writer died: 1, 8 and then this
/// many probes find that in three rounds.
const PROBES_MAX: usize = 64;

impl Log {
    /// All records after `version` up to the head, oldest first.
    ///
    /// One request when nothing is new, which is the common case; otherwise a number of rounds logarithmic in the
    /// number of new versions.
    pub async fn tail(&self, version: u64) -> Result<Vec<LogRecord>> {
        let mut records = Vec::new();
        let mut step = 1;
        loop {
            let begin = version + 1 + records.len() as u64;
            let batch: Vec<Option<LogRecord>> = stream::iter(begin..begin + step)
                .map(|version| self.probe(version))
                .buffered(PROBES_MAX)
                .try_collect()
                .await?;
            let wanted = batch.len();
            let present = batch.iter().take_while(|record| record.is_some()).count();
            // A version may be committed between two probes of one batch: what follows the first gap is read again by
            // the next call.
            records.extend(batch.into_iter().take(present).flatten());
            if present < wanted {
                return Ok(records);
            }
            step = (step * 8).min(PROBES_MAX as u64);
        }
    }

    /// The records of a range of versions, which must all exist.
    pub async fn read_range(&self, versions: std::ops::RangeInclusive<u64>) -> Result<Vec<LogRecord>> {
        stream::iter(versions)
            .map(|version| async move {
                self.read(version).await?.ok_or_else(|| {
                    Error::new(Code::ObjectNotFound, "a version of the log is missing")
                        .with_version(version)
                        .with_path(Self::name(version))
                })
            })
            .buffered(ENTRIES_IN_FLIGHT)
            .try_collect()
            .await
    }
}
