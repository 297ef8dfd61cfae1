//! Operations of a transaction that are on the store but not committed.

use std::sync::Arc;

use super::ingest::{InlineRows, InputColumn};
use crate::expr::Expr;
use crate::fragment::FragmentRef;
use crate::key::Key;
use crate::types::ColumnPath;

/// A sorted run whose files are written.
#[derive(Debug, Clone)]
pub(crate) struct PendingRun {
    pub(crate) keys: FragmentRef,
    pub(crate) first: Key,
    pub(crate) last: Key,
    pub(crate) fragments: Vec<PendingFragment>,
}

/// Values of a run for some columns of one group.
#[derive(Debug, Clone)]
pub(crate) struct PendingFragment {
    pub(crate) group: ColumnPath,
    /// The columns, in the order of the file.
    pub(crate) columns: Vec<ColumnPath>,
    pub(crate) data: FragmentRef,
}

/// Rows of one operation: files, or a few rows that the commit carries itself.
#[derive(Clone)]
pub(crate) enum PendingRows {
    Runs(Vec<PendingRun>),
    Inline(InlineRows),
}

/// One operation, in the order it was called.
#[derive(Clone)]
pub(crate) enum Pending {
    Write {
        columns: Arc<[InputColumn]>,
        rows: PendingRows,
    },
    Delete {
        rows: PendingRows,
    },
    /// Decided when it commits, on the state it commits to.
    DeleteWhere {
        filter: Expr,
    },
}

impl PendingRows {
    pub(crate) fn len(&self) -> u64 {
        match self {
            PendingRows::Runs(runs) => runs.iter().map(|run| run.keys.rows).sum(),
            PendingRows::Inline(rows) => rows.keys.len() as u64,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        match self {
            PendingRows::Runs(runs) => runs
                .iter()
                .map(|run| run.keys.size + run.fragments.iter().map(|fragment| fragment.data.size).sum::<u64>())
                .sum(),
            PendingRows::Inline(_) => 0,
        }
    }
}
