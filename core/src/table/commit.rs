//! Committing to a table: its map's commit loop, within the table's horizon, and what is due afterwards.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::records::{TableMeta, decode};
use super::{META, Table};
use crate::bail;
use crate::error::{Code, Result};
use crate::log::TxnId;
use crate::map::{self, Commit, Committed, State};

/// What a transaction on a table changes, given the state it lands on.
pub(crate) trait Rebase: Send + Sync {
    /// The changes on top of `state`, as version `state.version + 1`. Called again after a lost race.
    fn changes<'a>(&'a self, table: &'a Table, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>>;
}

/// A transaction that began at a version of a table.
struct Begun<'t> {
    table: &'t Table,
    began: u64,
    rebase: &'t dyn Rebase,
}

impl map::Rebase for Begun<'_> {
    fn changes<'a>(&'a self, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            self.check_horizon(state).await?;
            self.rebase.changes(self.table, state).await
        })
    }
}

impl Begun<'_> {
    async fn check_horizon(&self, state: &State) -> Result<()> {
        let pages = self.table.pages(self.table.store());
        let meta = state.get_many(&pages, vec![Bytes::from_static(META)]).await?.pop().flatten();
        let meta: TableMeta = decode(meta.unwrap_or_default(), "table")?;
        if self.began < meta.horizon {
            bail!(
                Code::TransactionExpired,
                "the transaction began at version {}, before the table's horizon {}: write again",
                self.began,
                meta.horizon
            );
        }
        Ok(())
    }
}

impl Table {
    /// Commits a transaction that began at version `began`, and does what is due after a commit.
    pub(crate) async fn commit(&self, txn: TxnId, began: u64, rebase: &dyn Rebase) -> Result<Committed> {
        let committed = self.commit_only(txn, began, rebase).await?;
        // The commit stands whatever becomes of these; what fails is still due for the next committer.
        let _ = self.fold_if_due().await;
        let _ = self.map().checkpoint_if_due(self.options().checkpoint_commits).await;
        Ok(committed)
    }

    /// Commits a transaction that began at version `began`.
    pub(crate) async fn commit_only(&self, txn: TxnId, began: u64, rebase: &dyn Rebase) -> Result<Committed> {
        self.map().commit(txn, &Begun { table: self, began, rebase }).await
    }
}
