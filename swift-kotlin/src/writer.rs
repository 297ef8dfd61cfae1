//! Writes of many pieces, which are made while the engine takes them.

use std::sync::{Arc, Mutex, PoisonError};

use spiral_bindings::{self as facade, Code, Error, Feed, Piece, Work, WriteOptions};

use crate::errors::{Cancel, Failure, run};
use crate::options::CommitInfo;
use crate::table::RowData;

/// A write whose rows come in pieces, each taken when the engine has room for it. Forgetting it writes nothing.
#[derive(uniffi::Object)]
pub struct WriterHandle {
    feed: Feed,
    work: Mutex<Option<Work<facade::CommitInfo>>>,
}

impl WriterHandle {
    pub(crate) fn new(table: &facade::Table, options: WriteOptions) -> Arc<Self> {
        let (feed, pieces) = Feed::split();
        // Pieces name their types themselves, each its own.
        let work = table.write_pieces(pieces, Vec::new(), options);
        Arc::new(Self { feed, work: Mutex::new(Some(work)) })
    }
}

#[uniffi::export]
impl WriterHandle {
    /// Adds rows. False when the write takes no more, and `finish` will tell why.
    pub async fn write(&self, rows: RowData, cancel: Cancel) -> Result<bool, Failure> {
        run(cancel, async { Ok(self.feed.push(rows.into()).await) }).await
    }

    /// Adds the rows of an Arrow IPC stream or file, as [`Self::write`].
    pub async fn write_ipc(&self, ipc: Vec<u8>, cancel: Cancel) -> Result<bool, Failure> {
        run(cancel, async { Ok(self.feed.push(Piece::Ipc(ipc)).await) }).await
    }

    /// Commits what was added.
    pub async fn finish(&self, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async {
            let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
            let ended = || Error::new(Code::InvalidArgument, "the write was finished: begin another one");
            let work = work.ok_or_else(ended)?;
            self.feed.end();
            work.await.map(CommitInfo::from)
        })
        .await
    }
}
