//! What users write piece by piece: each piece is asked for when the engine has taken the one before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use futures::channel::mpsc;
use futures::{SinkExt, Stream, StreamExt, stream};
use spiral_core::exchange::{RowTypes, batch_from_rows, batches_from_ipc, unpack_rows};
use spiral_core::{Code, Error, Result};

/// Some of the rows to write. What is not a batch yet becomes one on the engine's threads.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A batch.
    Batch(RecordBatch),
    /// An Arrow IPC stream or file.
    Ipc(Vec<u8>),
    /// Rows as [`unpack_rows`] reads them.
    Packed(Vec<u8>),
}

impl Piece {
    fn batches(self, types: &RowTypes) -> Result<Vec<RecordBatch>> {
        match self {
            Self::Batch(batch) => Ok(vec![batch]),
            Self::Ipc(bytes) => batches_from_ipc(&bytes),
            Self::Packed(bytes) => Ok(vec![batch_from_rows(&unpack_rows(&bytes)?, types)?]),
        }
    }
}

/// The end of a channel that the user fills, while a write empties the other one. Dropping it abandons the write.
#[derive(Debug)]
pub struct Feed {
    sender: Mutex<Option<mpsc::Sender<Piece>>>,
    /// Set before the channel is closed for good; a channel that closes without it belongs to nobody any more.
    complete: Arc<AtomicBool>,
}

/// The pieces of a [`Feed`].
#[derive(Debug)]
pub struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    complete: Arc<AtomicBool>,
}

impl Feed {
    /// Both ends of a channel, which holds one piece.
    pub fn new() -> (Self, Pieces) {
        // The sender's own place is the only one: a piece waits while another one is written.
        let (sender, pieces) = mpsc::channel(0);
        let complete = Arc::new(AtomicBool::new(false));
        (Self { sender: Mutex::new(Some(sender)), complete: Arc::clone(&complete) }, Pieces { pieces, complete })
    }

    /// Passes a piece on; tells, once it was taken, whether more are wanted. The write tells why if not.
    pub fn push(&self, piece: Piece) -> impl Future<Output = bool> + Send + use<> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            match sender {
                Some(mut sender) => sender.send(piece).await.is_ok(),
                None => false,
            }
        }
    }

    /// There is no more: the write may commit.
    pub fn end(&self) {
        self.complete.store(true, Ordering::Release);
        self.abandon();
    }

    /// There is no more, and nothing is to be written.
    pub fn abandon(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Pieces {
    /// The batches, with the types that rows take; an error of code `Cancelled` at the end if the feed was abandoned.
    pub fn batches(self, types: RowTypes) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
        let complete = self.complete;
        let end = stream::once(async move {
            let abandoned = || Err(Error::new(Code::Cancelled, "the write was abandoned"));
            if complete.load(Ordering::Acquire) { None } else { Some(abandoned()) }
        });
        let batches = self.pieces.flat_map(move |piece| {
            stream::iter(match piece.batches(&types) {
                Ok(batches) => batches.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        });
        batches.chain(end.filter_map(futures::future::ready))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::executor::block_on;
    use futures::future::join;
    use spiral_core::exchange::Value;

    use super::*;

    fn piece(id: i64) -> Piece {
        let row = vec![("id".into(), Value::Int(id))];
        Piece::Batch(batch_from_rows(&[row], &RowTypes::default()).unwrap())
    }

    /// What a write gets that takes everything, while pieces are fed to it.
    fn written(end: impl FnOnce(&Feed)) -> Vec<Result<RecordBatch>> {
        let (feed, pieces) = Feed::new();
        let feeding = async move {
            for id in 0..3 {
                assert!(feed.push(piece(id)).await);
            }
            end(&feed);
        };
        block_on(join(pieces.batches(RowTypes::default()).collect(), feeding)).0
    }

    #[test]
    fn a_write_commits_what_was_fed_only_if_the_feed_came_to_its_end() {
        let whole = written(Feed::end);
        assert_eq!((whole.len(), whole.iter().all(Result::is_ok)), (3, true));
        for abandoned in [written(Feed::abandon), written(|_| ())] {
            assert_eq!(abandoned.last().unwrap().as_ref().unwrap_err().code(), Code::Cancelled);
        }
    }

    #[test]
    fn a_feed_waits_until_its_piece_is_taken_and_tells_when_no_more_are_wanted() {
        block_on(async {
            let (feed, pieces) = Feed::new();
            let mut waiting = Box::pin(feed.push(piece(1)));
            assert_eq!((&mut waiting).now_or_never(), None);
            drop(pieces);
            assert!(!feed.push(piece(2)).await);
        });
    }
}
