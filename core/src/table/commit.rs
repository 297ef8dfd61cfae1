//! The commit loop: propose changes on the newest version, and again on a newer one when another writer won.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use prost::Message;

use super::open::{replay, store_time};
use super::records::{Commit, TableMeta, decode};
use super::state::State;
use super::{META, Table};
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::log::{Append, LogEntry, LogRecord, TxnId, UNVOUCHED_MICROS, next_timestamp};

/// Races a commit loses before it gives up.
const RACES_MAX: u32 = 256;

/// What a transaction changes, given the state it lands on.
pub(crate) trait Rebase: Send + Sync {
    /// The changes on top of `state`, as version `state.version + 1`. Called again after a lost race.
    fn changes<'a>(&'a self, table: &'a Table, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>>;
}

/// A commit that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) version: u64,
    pub(crate) timestamp: i64,
}

impl Table {
    /// Commits a transaction that began at version `began`, and does what is due after a commit.
    pub(crate) async fn commit(&self, txn: TxnId, began: u64, rebase: &dyn Rebase) -> Result<Committed> {
        let committed = self.commit_only(txn, began, rebase).await?;
        // The commit stands whatever becomes of these; what fails is still due for the next committer.
        let _ = self.fold_if_due().await;
        let _ = self.checkpoint_if_due().await;
        Ok(committed)
    }

    /// Commits a transaction that began at version `began`.
    pub(crate) async fn commit_only(&self, txn: TxnId, began: u64, rebase: &dyn Rebase) -> Result<Committed> {
        for race in 0..RACES_MAX {
            let state = self.state();
            state.features.check_writable()?;
            self.check_horizon(&state, began).await?;
            let commit = rebase.changes(self, &state).await?;
            let entry = self.entry(&state, txn, &commit).await?;
            match self.log().append(&entry).await? {
                Append::Committed => {
                    let committed = Committed { version: entry.version, timestamp: entry.timestamp };
                    self.adopt(Arc::new(replay(State::clone(&state), vec![LogRecord::Entry(entry)])?));
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
        let store_now = if far { store_time(self.store()).await } else { None };
        Ok(LogEntry {
            version: state.version + 1,
            txn,
            timestamp: next_timestamp(state.timestamp, now, store_now)?,
            checkpoint: state.checkpoint.clone(),
            features: state.features.clone(),
            body: Bytes::from(commit.encode_to_vec()),
        })
    }

    async fn check_horizon(&self, state: &State, began: u64) -> Result<()> {
        let pages = self.pages(self.store());
        let meta = state.get_many(&pages, vec![Bytes::from_static(META)]).await?.pop().flatten();
        let meta: TableMeta = decode(meta.unwrap_or_default(), "table")?;
        if began < meta.horizon {
            bail!(
                Code::TransactionExpired,
                "the transaction began at version {began}, before the table's horizon {}: write again",
                meta.horizon
            );
        }
        Ok(())
    }
}
