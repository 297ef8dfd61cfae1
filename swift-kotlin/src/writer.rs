//! Writes of many pieces, which are made while the engine takes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt, stream};
use spiral_bindings::{self as facade, Code, Error, Work, WriteOptions, batches_from_ipc};

use crate::errors::{Cancel, Failure, run};
use crate::options::CommitInfo;
use crate::table::RowData;

type Piece = facade::Result<RecordBatch>;

/// A write whose rows come in pieces, each taken when the engine has room for it. Forgetting it writes nothing.
#[derive(uniffi::Object)]
pub struct WriterHandle {
    table: facade::Table,
    writing: Mutex<Option<(mpsc::Sender<Piece>, Work<facade::CommitInfo>)>>,
    /// Set before the channel is closed for good; a channel that closes without it belongs to nobody any more.
    complete: Arc<AtomicBool>,
}

impl WriterHandle {
    pub(crate) fn new(table: facade::Table, options: WriteOptions) -> Arc<Self> {
        let (sender, pieces) = mpsc::channel(0);
        let complete = Arc::new(AtomicBool::new(false));
        let end = {
            let complete = Arc::clone(&complete);
            let abandoned = || Err(Error::new(Code::Cancelled, "the write was abandoned"));
            async move { if complete.load(Ordering::Acquire) { None } else { Some(abandoned()) } }
        };
        let work = table.write_stream(pieces.chain(stream::once(end).filter_map(futures::future::ready)), options);
        Arc::new(Self { table, writing: Mutex::new(Some((sender, work))), complete })
    }

    fn sender(&self) -> Option<mpsc::Sender<Piece>> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.as_ref().map(|(sender, _)| sender.clone())
    }

    /// Whether the write still takes pieces: it does not after an error, which [`Self::finish`] tells.
    async fn send(&self, piece: RecordBatch) -> bool {
        match self.sender() {
            Some(mut sender) => sender.send(Ok(piece)).await.is_ok(),
            None => false,
        }
    }
}

#[uniffi::export]
impl WriterHandle {
    /// Adds rows. False when the write takes no more, and `finish` will tell why.
    pub async fn write(&self, rows: RowData, cancel: Cancel) -> Result<bool, Failure> {
        run(cancel, async { Ok(self.send(rows.batch(&self.table).await?).await) }).await
    }

    /// Adds the rows of an Arrow IPC stream or file, as [`Self::write`].
    pub async fn write_ipc(&self, ipc: Vec<u8>, cancel: Cancel) -> Result<bool, Failure> {
        run(cancel, async {
            for batch in batches_from_ipc(&ipc)? {
                if !self.send(batch).await {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Commits what was added.
    pub async fn finish(&self, cancel: Cancel) -> Result<CommitInfo, Failure> {
        run(cancel, async {
            let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (sender, work) = writing
                .ok_or_else(|| Error::new(Code::InvalidArgument, "the write was finished: begin another one"))?;
            self.complete.store(true, Ordering::Release);
            drop(sender);
            work.await.map(CommitInfo::from)
        })
        .await
    }
}
