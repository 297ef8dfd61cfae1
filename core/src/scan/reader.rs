//! A stream that is read by calls instead of polls, for hosts that ask for one batch after another.

use std::sync::{Arc, Mutex as Lock, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::channel::mpsc;
use futures::lock::Mutex;
use futures::{SinkExt, StreamExt};

use super::Plan;
use crate::error::{Code, Error, Result};
use crate::runtime::{RuntimeExt, Task};

/// Batches of a scan, one after another. Reading goes on ahead of the reader, by the read-ahead of the plan and one
/// batch more; closing or dropping the last handle ends all its work. Clones are the same stream.
#[derive(Clone)]
pub struct Reader {
    schema: SchemaRef,
    batches: Arc<Mutex<Batches>>,
    reading: Arc<Lock<Option<Task<()>>>>,
}

struct Batches {
    receiver: mpsc::Receiver<Result<RecordBatch>>,
    /// Whether the end or an error was handed out.
    ended: bool,
}

impl Plan {
    /// Starts to read the rows, from the beginning.
    pub fn read(&self) -> Reader {
        let (mut sender, receiver) = mpsc::channel(0);
        let mut stream = self.stream();
        let reading = self.runtime().spawn_task(async move {
            while let Some(batch) = stream.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Reader {
            schema: self.schema(),
            batches: Arc::new(Mutex::new(Batches { receiver, ended: false })),
            reading: Arc::new(Lock::new(Some(reading))),
        }
    }
}

impl Reader {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next batch; `None` after the last one. Calls at once are answered one after another. Dropping the future
    /// loses no batch.
    ///
    /// # Errors
    /// `Cancelled` when the stream was closed while it was read; the store's codes, after which the stream has ended.
    pub async fn next(&self) -> Result<Option<RecordBatch>> {
        let mut batches = self.batches.lock().await;
        if batches.ended {
            return Ok(None);
        }
        let next = batches.receiver.next().await;
        let closed = self.is_closed();
        match next {
            Some(Ok(batch)) if !closed => return Ok(Some(batch)),
            _ => batches.ended = true,
        }
        match next {
            Some(Err(error)) => Err(error),
            _ if closed => Err(Error::new(Code::Cancelled, "the stream was closed while it was read")),
            _ => Ok(None),
        }
    }

    /// Ends reading, now. What waits for a batch gets `Cancelled`, later calls get the end.
    pub fn close(&self) {
        drop(self.reading.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn is_closed(&self) -> bool {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
