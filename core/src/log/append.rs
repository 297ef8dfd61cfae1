//! Appending: a put of `log/<v>` has ended only when an entry is seen at `v`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Log, LogEntry, LogRecord};
use crate::error::{Code, Error, Result};
use crate::store::PutOutcome;

/// How often a version is put or read before its outcome is reported as unknown.
const ATTEMPTS_MAX: u32 = 8;

/// Who took the version.
#[derive(Debug)]
pub enum Append {
    /// This entry is committed.
    Committed,
    /// Another transaction's record is at its version.
    Lost,
}

impl Log {
    /// Puts an entry at its version and finds out who took it.
    ///
    /// The put itself is never repeated blindly: after anything but success the version is read, and put again only
    /// if it is absent. Dropping the returned future leaves the outcome unknown, to be settled by [`Log::settle`].
    ///
    /// # Errors
    /// `CommitUnknown` when neither the put nor reading its version got an answer; the store's own codes when the put
    /// was refused without effect.
    pub async fn append(&self, entry: &LogEntry) -> Result<Append> {
        let name = Self::name(entry.version);
        let bytes = entry.encode()?;
        let mut last_error = None;
        for attempt in 0..ATTEMPTS_MAX {
            let put = match self.store.put_if_absent(&name, bytes.clone()).await {
                // A refusal says nothing about an earlier put that got no answer.
                Err(error) if attempt > 0 => PutOutcome::Unsettled(error),
                put => put?,
            };
            match put {
                PutOutcome::Created => return Ok(Append::Committed),
                PutOutcome::Exists => {}
                PutOutcome::Unsettled(error) => {
                    self.counts.unsettled.fetch_add(1, Ordering::Relaxed);
                    last_error = Some(error);
                    if self.faults.trust_unsettled_puts {
                        return Ok(Append::Committed);
                    }
                    if self.faults.retry_at_next_version {
                        let next = LogEntry { version: entry.version + 1, ..entry.clone() };
                        self.store.put_if_absent(&Self::name(next.version), next.encode()?).await?;
                        return Ok(Append::Committed);
                    }
                }
            }
            match self.read(entry.version).await {
                Ok(Some(record)) if record.txn() == Some(entry.txn) && !self.faults.skip_own_id_check => {
                    return Ok(Append::Committed);
                }
                Ok(Some(_)) => {
                    self.counts.lost.fetch_add(1, Ordering::Relaxed);
                    return Ok(Append::Lost);
                }
                Ok(None) => {}
                Err(error) => last_error = Some(error),
            }
            self.pause(attempt).await;
        }
        let error = Error::new(
            Code::CommitUnknown,
            format!("it is not known whether transaction {} was committed: settle it before writing again", entry.txn),
        );
        let error = error.with_path(name).with_version(entry.version);
        Err(match last_error {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }

    /// Whether a transaction that tried to commit after version `begin` is in the log, and at which version.
    pub async fn settle(&self, txn: super::TxnId, begin: u64) -> Result<Option<u64>> {
        let records = self.tail(begin).await?;
        Ok(records.iter().find(|record| record.txn() == Some(txn)).map(LogRecord::version))
    }

    /// Waits a random time that grows with the number of attempts.
    async fn pause(&self, attempt: u32) {
        let runtime = self.store.runtime();
        let longest = 10_u64 << attempt.min(8);
        let millis = runtime.random_u64() % longest;
        runtime.sleep(Duration::from_millis(millis)).await;
    }
}
