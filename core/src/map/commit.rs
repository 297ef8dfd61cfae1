//! The commit loop: propose changes on the newest version, and again on a newer one when another writer won.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use prost::Message;

use super::open::replay;
use super::state::State;
use super::{Commit, VersionedMap};
use crate::error::{Code, Error, Result};
use crate::log::{Append, LogEntry, LogRecord, TxnId, UNVOUCHED_MICROS, next_timestamp};

/// Races a commit loses before it gives up.
const RACES_MAX: u32 = 256;

/// Folder of objects that only tell how the store behaves and what time it is there.
pub(crate) const PROBES: &str = "probes";

/// What a transaction changes, given the state it lands on.
pub(crate) trait Rebase: Send + Sync {
    /// The changes on top of `state`, as version `state.version + 1`. Called again after a lost race.
    fn changes<'a>(&'a self, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>>;
}

/// A commit that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) version: u64,
    pub(crate) timestamp: i64,
}

impl VersionedMap {
    /// Commits a transaction; on version 0 this makes the map.
    pub(crate) async fn commit(&self, txn: TxnId, rebase: &dyn Rebase) -> Result<Committed> {
        for race in 0..RACES_MAX {
            let state = self.state();
            state.features.check_writable()?;
            let commit = rebase.changes(&state).await?;
            let entry = self.entry(&state, txn, &commit).await?;
            match self.log().append(&entry).await? {
                Append::Committed => {
                    let committed = Committed { version: entry.version, timestamp: entry.timestamp };
                    self.catch_up_to(Arc::new(replay(State::clone(&state), vec![LogRecord::Entry(entry)])?));
                    return Ok(committed);
                }
                Append::Lost => {
                    if race > 1 {
                        let longest = 1 + (u64::from(race) * 4).min(200);
                        let wait = self.runtime().random_u64() % longest;
                        self.runtime().sleep(Duration::from_millis(wait)).await;
                    }
                    self.catch_up().await?;
                }
            }
        }
        Err(Error::new(Code::CommitContention, format!("other writers won {RACES_MAX} races in a row: try again")))
    }

    async fn entry(&self, state: &State, txn: TxnId, commit: &Commit) -> Result<LogEntry> {
        let now = self.runtime().now_micros();
        let far = now.saturating_sub(state.timestamp) > UNVOUCHED_MICROS;
        let store_now = if far { self.store_time().await } else { None };
        Ok(LogEntry {
            version: state.version + 1,
            txn,
            timestamp: next_timestamp(state.timestamp, now, store_now)?,
            checkpoint: state.checkpoint.clone(),
            features: state.features.clone(),
            body: Bytes::from(commit.encode_to_vec()),
        })
    }

    /// What time it is for the store; `None` where it does not tell.
    async fn store_time(&self) -> Option<i64> {
        self.store().write_time(&format!("{PROBES}/{:016x}", self.runtime().random_u64())).await
    }
}
