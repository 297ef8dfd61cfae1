//! Writing an object in pieces, without holding it in memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{GetOptions, MultipartUpload, PutMode, PutMultipartOptions, PutPayload};

use super::Store;
use super::failure::{Failure, classify};
use super::meter::{Event, InFlight};
use crate::error::{Code, Error, Result};
use crate::runtime::{RuntimeExt, Task, timeout};

/// An object being written under a name that no other writer uses. It exists only after [`Upload::finish`]; dropping
/// the upload before that cancels what is in flight and asks the store, in the background, to forget the parts.
///
/// Up to one part is one plain put, which is retried. Beyond that, parts are sent while the caller makes the next
/// ones; a part that fails fails the object, since the bytes are not kept. Memory is bounded by the policy's
/// `part_bytes` × (`upload_concurrency` + 2) plus one piece of the caller's.
pub struct Upload {
    store: Store,
    name: String,
    path: Path,
    pending: VecDeque<Bytes>,
    pending_bytes: usize,
    written: u64,
    parts: FuturesUnordered<Task<Result<(), Failure>>>,
    multipart: Option<Box<dyn MultipartUpload>>,
    /// The upload counts as one operation in flight from its first request on.
    round: Option<InFlight>,
    failed: bool,
}

impl Upload {
    pub(super) fn new(store: Store, name: String, path: Path) -> Self {
        Self {
            store,
            name,
            path,
            pending: VecDeque::new(),
            pending_bytes: 0,
            written: 0,
            parts: FuturesUnordered::new(),
            multipart: None,
            round: None,
            failed: false,
        }
    }

    /// Bytes accepted so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds `bytes`, waiting while too many parts are in flight. When cancelled, `bytes` are accepted all the same.
    ///
    /// # Errors
    ///
    /// The store's codes, also for parts of earlier calls. After an error the upload can only be dropped.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.check()?;
        self.written += bytes.len() as u64;
        self.pending_bytes += bytes.len();
        if !bytes.is_empty() {
            self.pending.push_back(bytes);
        }
        let part_bytes = self.store.policy().part_bytes.max(1);
        // Strictly more than a part: an object of exactly one part needs no multipart upload.
        while self.pending_bytes > part_bytes {
            self.send_part(part_bytes).await?;
        }
        Ok(())
    }

    /// Sends what is left, completes the object and returns its size.
    ///
    /// # Errors
    ///
    /// The store's codes; after [`Code::StoreUnavailable`] the object may or may not exist.
    pub async fn finish(mut self) -> Result<u64> {
        self.check()?;
        if self.multipart.is_none() {
            let payload = self.take_payload(self.pending_bytes);
            let store = self.store.clone();
            let _round = store.meter.begin();
            let put = || store.put_once(Event::Put, &self.path, payload.clone(), PutMode::Overwrite);
            store.with_retries(&self.name, Event::Put, put).await?;
            return Ok(self.written);
        }
        let part_bytes = self.store.policy().part_bytes.max(1);
        while self.pending_bytes > 0 {
            self.send_part(self.pending_bytes.min(part_bytes)).await?;
        }
        while !self.parts.is_empty() {
            self.await_part().await?;
        }
        self.complete().await?;
        // Completed: there is nothing left to abort.
        self.multipart = None;
        Ok(self.written)
    }

    /// Cancels the upload and waits until the store has forgotten its parts, as far as it can.
    pub async fn abort(mut self) {
        self.parts.clear();
        if let Some(mut multipart) = self.multipart.take() {
            let limit = self.store.policy().retry.silence_max;
            // Parts of an abandoned upload cost storage until the store's own lifecycle rule; nobody can see them.
            let _ = timeout(&**self.store.runtime(), limit, multipart.abort()).await;
        }
    }

    fn check(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(Code::StoreUnavailable, "the upload has failed already").with_path(&self.name));
        }
        Ok(())
    }

    /// Sends the next `bytes` of what is pending. Everything that waits happens before the pending bytes are taken,
    /// so a cancelled call leaves the upload whole.
    async fn send_part(&mut self, bytes: usize) -> Result<()> {
        while self.parts.len() >= self.store.policy().upload_concurrency.max(1) {
            self.await_part().await?;
        }
        if self.multipart.is_none() {
            self.round.get_or_insert_with(|| self.store.meter.begin());
            let begun = begin(&self.store, &self.name, &self.path).await;
            self.multipart = Some(begun.inspect_err(|_| self.failed = true)?);
        }
        let payload = self.take_payload(bytes);
        let Some(multipart) = &mut self.multipart else {
            return Err(Error::new(Code::Internal, "an upload lost its multipart state"));
        };
        self.store.meter.add(Event::Part, 1);
        self.store.meter.add(Event::BytesWritten, bytes as u64);
        let limit = self.store.policy().retry.write_timeout(bytes);
        let part = multipart.put_part(payload);
        let runtime = self.store.runtime().clone();
        self.parts.push(self.store.runtime().spawn_task(async move {
            match timeout(&*runtime, limit, part).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(classify(&error)),
                Err(_) => Err(Failure::timed_out()),
            }
        }));
        Ok(())
    }

    async fn await_part(&mut self) -> Result<()> {
        let Some(ended) = self.parts.next().await else { return Ok(()) };
        let result = ended.and_then(|sent| sent.map_err(|failure| failure.at(&self.name)));
        result.inspect_err(|_| {
            self.store.meter.add(Event::Error, 1);
            self.failed = true;
        })
    }

    async fn complete(&mut self) -> Result<()> {
        let Some(multipart) = &mut self.multipart else { return Ok(()) };
        self.store.meter.add(Event::Put, 1);
        // Stores assemble the object in this call, some of them by copying it.
        let limit = self.store.shared.policy.retry.write_timeout(usize::try_from(self.written).unwrap_or(usize::MAX));
        let failure = match timeout(&**self.store.runtime(), limit, multipart.complete()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => classify(&error),
            Err(_) => Failure::timed_out(),
        };
        self.store.meter.add(Event::Error, 1);
        // A second completion of a completed upload is an error at most stores, so the object itself is asked.
        if failure.retryable && self.is_complete().await {
            return Ok(());
        }
        self.failed = true;
        Err(failure.at(&self.name))
    }

    /// Whether the object exists with the size that was written.
    async fn is_complete(&mut self) -> bool {
        let limit = self.store.policy().retry.silence_max;
        self.store.meter.add(Event::Get, 1);
        let options = GetOptions::new().with_range(Some(0..1));
        let read = self.store.objects().get_opts(&self.path, options);
        match timeout(&**self.store.runtime(), limit, read).await {
            Ok(Ok(result)) => result.meta.size == self.written,
            _ => false,
        }
    }

    fn take_payload(&mut self, mut bytes: usize) -> PutPayload {
        self.pending_bytes -= bytes;
        let mut taken = Vec::new();
        while bytes > 0 {
            let Some(mut piece) = self.pending.pop_front() else { break };
            if piece.len() > bytes {
                self.pending.push_front(piece.split_off(bytes));
            }
            bytes -= piece.len();
            taken.push(piece);
        }
        join_small(taken).into_iter().collect()
    }
}

/// Joins runs of small pieces: a body of thousands of them costs a system call each.
fn join_small(pieces: Vec<Bytes>) -> Vec<Bytes> {
    const SMALL: usize = 64 << 10;
    let mut joined = Vec::new();
    let mut run = BytesMut::new();
    for piece in pieces {
        if piece.len() < SMALL {
            run.extend_from_slice(&piece);
        } else {
            if !run.is_empty() {
                joined.push(run.split().freeze());
            }
            joined.push(piece);
        }
    }
    if !run.is_empty() {
        joined.push(run.freeze());
    }
    joined
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut multipart) = self.multipart.take() else { return };
        // Parts first: a part that arrives after the abort would stay for ever.
        self.parts.clear();
        let runtime = self.store.runtime().clone();
        let limit = self.store.policy().retry.silence_max;
        drop(self.store.runtime().spawn(Box::pin(async move {
            let _ = timeout(&*runtime, limit, multipart.abort()).await;
        })));
    }
}

/// Opens a multipart upload. Apart from [`Upload`], which is not `Sync`, so that the future stays `Send`.
async fn begin(store: &Store, name: &str, path: &Path) -> Result<Box<dyn MultipartUpload>> {
    let limit = store.policy().retry.silence_max;
    store
        .with_retries(name, Event::Put, || async {
            let begin = store.objects().put_multipart_opts(path, PutMultipartOptions::default());
            let begun = timeout(&**store.runtime(), limit, begin).await.map_err(|_| Failure::timed_out())?;
            begun.map_err(|error| classify(&error))
        })
        .await
}
