//! What users write piece by piece: each piece is asked for when the engine has taken the one before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, SinkExt, Stream, StreamExt, stream};

use super::{KeyColumn, Row, RowTypes, batch_from_rows, batches_from_ipc, unpack_rows};
use crate::{Code, Error, Result};

/// Some of the rows to write. What is not a batch yet becomes one on the engine's threads.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A batch.
    Batch(RecordBatch),
    /// An Arrow IPC stream or file.
    Ipc(Vec<u8>),
    /// Rows as [`unpack_rows`] reads them.
    Packed(Vec<u8>),
    /// Rows, and the types of columns that do not exist yet where these do not follow from the values.
    Rows(Vec<Row>, Vec<KeyColumn>),
}

impl Piece {
    async fn batches(self, types: &mut LazyTypes) -> Result<Vec<RecordBatch>> {
        match self {
            Self::Batch(batch) => Ok(vec![batch]),
            Self::Ipc(bytes) => batches_from_ipc(&bytes),
            Self::Packed(bytes) => Ok(vec![batch_from_rows(&unpack_rows(&bytes)?, types.get().await?)?]),
            Self::Rows(rows, declared) => {
                let types = types.get().await?.clone().declaring(&declared)?;
                Ok(vec![batch_from_rows(&rows, &types)?])
            }
        }
    }
}

/// The types that rows take, which are read when the first rows come: batches bring their own.
struct LazyTypes {
    reading: Option<BoxFuture<'static, Result<RowTypes>>>,
    types: RowTypes,
}

impl LazyTypes {
    async fn get(&mut self) -> Result<&RowTypes> {
        if let Some(reading) = &mut self.reading {
            self.types = reading.await?;
            self.reading = None;
        }
        Ok(&self.types)
    }
}

/// The end of a channel that the user fills, while a write empties the other one. Dropping it abandons the write.
pub struct Feed {
    sender: Mutex<Option<mpsc::Sender<Piece>>>,
    /// The other end, until a write takes it.
    pieces: Mutex<Option<Pieces>>,
    /// Set before the channel is closed for good; a channel that closes without it belongs to nobody any more.
    complete: Arc<AtomicBool>,
}

/// The pieces of a [`Feed`], or a single one.
pub struct Pieces {
    pieces: BoxStream<'static, Piece>,
    complete: Arc<AtomicBool>,
}

impl From<Piece> for Pieces {
    fn from(piece: Piece) -> Self {
        Self { pieces: stream::iter([piece]).boxed(), complete: Arc::new(AtomicBool::new(true)) }
    }
}

impl Feed {
    /// A channel that holds one piece.
    pub fn new() -> Self {
        let (feed, pieces) = Self::split();
        Self { pieces: Mutex::new(Some(pieces)), ..feed }
    }

    /// Both ends of a channel that holds one piece.
    pub fn split() -> (Self, Pieces) {
        // The sender's own place is the only one: a piece waits while another one is written.
        let (sender, pieces) = mpsc::channel(0);
        let complete = Arc::new(AtomicBool::new(false));
        let pieces = Pieces { pieces: pieces.boxed(), complete: Arc::clone(&complete) };
        (Self { sender: Mutex::new(Some(sender)), pieces: Mutex::new(None), complete }, pieces)
    }

    /// The other end, for the write.
    ///
    /// # Errors
    /// `InvalidArgument` from the second time on.
    pub fn pieces(&self) -> Result<Pieces> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
        pieces.ok_or_else(|| Error::new(Code::InvalidArgument, "data is written once"))
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

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Pieces {
    /// The batches; an error of code `Cancelled` at the end if the feed was abandoned. `types` are those that rows take,
    /// asked for when the first rows come.
    pub fn batches(
        self,
        types: impl Future<Output = Result<RowTypes>> + Send + 'static,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
        let Self { pieces, complete } = self;
        let types = LazyTypes { reading: Some(types.boxed()), types: RowTypes::default() };
        let end = stream::once(async move {
            let abandoned = || Err(Error::new(Code::Cancelled, "the write was abandoned"));
            if complete.load(Ordering::Acquire) { None } else { Some(abandoned()) }
        });
        let converted = stream::unfold((pieces, types), async |(mut pieces, mut types)| {
            let batches = pieces.next().await?.batches(&mut types).await;
            Some((batches, (pieces, types)))
        });
        let batches = converted.flat_map(|batches| {
            stream::iter(match batches {
                Ok(batches) => batches.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        });
        batches.chain(end.filter_map(futures::future::ready))
    }
}

#[cfg(test)]
mod tests {
    use crate::exchange::Value;
    use futures::executor::block_on;
    use futures::future::{join, ready};

    use super::*;

    fn piece(id: i64) -> Piece {
        let row = vec![("id".into(), Value::Int(id))];
        Piece::Batch(batch_from_rows(&[row], &RowTypes::default()).unwrap())
    }

    /// What a write gets that takes everything, while pieces are fed to it.
    fn written(end: impl FnOnce(&Feed)) -> Vec<Result<RecordBatch>> {
        let feed = Feed::new();
        let pieces = feed.pieces().unwrap();
        let feeding = async move {
            for id in 0..3 {
                assert!(feed.push(piece(id)).await);
            }
            end(&feed);
        };
        block_on(join(pieces.batches(ready(Ok(RowTypes::default()))).collect(), feeding)).0
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
            let feed = Feed::new();
            let pieces = feed.pieces().unwrap();
            assert_eq!(feed.pieces().err().unwrap().code(), Code::InvalidArgument);
            let mut waiting = Box::pin(feed.push(piece(1)));
            assert_eq!((&mut waiting).now_or_never(), None);
            drop(pieces);
            assert!(!feed.push(piece(2)).await);
        });
    }
}
