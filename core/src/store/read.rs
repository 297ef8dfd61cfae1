//! Reading objects and ranges, whatever the server makes of a range request.

use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload};

use super::Store;
use super::failure::{Failure, classify, is_range_unsupported};
use super::meter::Event;
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::runtime::timeout;

/// Room set aside for a body before its first bytes have come: a declared length is not yet a fact.
const PREALLOCATED_BYTES_MAX: u64 = 16 << 20;

impl Store {
    /// Reads a whole object of at most the policy's size.
    ///
    /// # Errors
    ///
    /// [`Code::ObjectNotFound`], [`Code::LimitExceeded`], or the store's codes.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        self.get_limited(path, self.shared.policy.object_bytes_max).await
    }

    /// Reads a whole object of at most `bytes_max`.
    ///
    /// # Errors
    ///
    /// [`Code::ObjectNotFound`], [`Code::LimitExceeded`], or the store's codes.
    pub async fn get_limited(&self, path: &str, bytes_max: u64) -> Result<Bytes> {
        let full = self.resolve(path)?;
        let _round = self.meter.begin();
        self.with_retries(path, Event::Get, || self.fetch_whole(&full, bytes_max)).await
    }

    /// Reads a whole object, or tells that there is none.
    ///
    /// # Errors
    ///
    /// [`Code::LimitExceeded`], or the store's codes.
    pub async fn get_opt(&self, path: &str) -> Result<Option<Bytes>> {
        match self.get(path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.code() == Code::ObjectNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads one range.
    ///
    /// # Errors
    ///
    /// [`Code::ObjectNotFound`], [`Code::Truncated`] when the object ends before the range does,
    /// [`Code::LimitExceeded`] when the range is longer than the policy allows, or the store's codes.
    pub async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let mut blocks = self.get_ranges(path, std::slice::from_ref(&range)).await?;
        blocks.pop().ok_or_else(|| Error::new(Code::Internal, "a read of one range returned none"))
    }

    /// Reads ranges of one object in one dependent round: near ones together, far ones in parallel. The result has
    /// the order of `ranges`, which may overlap, repeat and be empty.
    ///
    /// # Errors
    ///
    /// As [`Store::get_range`]; the limit holds for each range.
    pub async fn get_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let full = self.resolve(path)?;
        for range in ranges {
            if range.start > range.end {
                bail!(Code::InvalidArgument, "range {}..{} ends before it begins", range.start, range.end);
            }
            if range.end - range.start > self.shared.policy.range_bytes_max {
                let error = Error::new(
                    Code::LimitExceeded,
                    format!("a range of {} bytes is longer than the limit", range.end - range.start),
                );
                return Err(error.with_path(path));
            }
        }
        let requests = self.shared.policy.coalesce.plan(ranges);
        if requests.is_empty() {
            return Ok(vec![Bytes::new(); ranges.len()]);
        }
        if self.shared.policy.ranges_at_once
            && let Some(blocks) = self.fetch_at_once(&full, ranges).await
        {
            return Ok(blocks);
        }
        let _round = self.meter.begin();
        let blocks: Vec<Bytes> = stream::iter(requests.iter().cloned())
            .map(|request| {
                let full = &full;
                self.with_retries(path, Event::Get, move || self.fetch_range(full, request.clone()))
            })
            .buffered(self.shared.policy.concurrency.max(1))
            .try_collect()
            .await?;
        ranges.iter().map(|range| cut(&requests, &blocks, range)).collect()
    }

    /// All ranges by one call, each in memory of its own. What goes wrong is left to single requests, which tell why.
    async fn fetch_at_once(&self, path: &Path, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
        let shared = &*self.shared;
        let length = |range: &Range<u64>| range.end - range.start;
        // Not every store has an answer to an empty range.
        let wanted: Vec<Range<u64>> = ranges.iter().filter(|range| length(range) > 0).cloned().collect();
        let total = wanted.iter().map(length).fold(0, u64::saturating_add);
        let limit = shared.policy.retry.write_timeout(usize::try_from(total).unwrap_or(usize::MAX));
        let _round = self.meter.begin();
        self.meter.add(Event::Get, 1);
        let blocks = timeout(&*shared.runtime, limit, shared.objects.get_ranges(path, &wanted)).await.ok()?.ok()?;
        self.meter.add(Event::BytesRead, blocks.iter().map(|block| block.len() as u64).sum());
        if !blocks.iter().map(|block| block.len() as u64).eq(wanted.iter().map(length)) {
            return None;
        }
        let mut blocks = blocks.into_iter();
        let block = |range| if length(range) > 0 { blocks.next() } else { Some(Bytes::new()) };
        ranges.iter().map(block).collect()
    }

    async fn fetch_whole(&self, path: &Path, bytes_max: u64) -> Result<Bytes, Failure> {
        let result = self.open(path, None).await?;
        let declared = result.range.end.saturating_sub(result.range.start);
        let too_long = || {
            let message = format!("the object is longer than the {bytes_max} bytes that are read at once");
            Failure::lasting(Code::LimitExceeded, message)
        };
        if declared > bytes_max {
            return Err(too_long());
        }
        // A server that compresses on the way declares less than it sends, so the end of the stream counts.
        let bytes = self.collect(result, 0, bytes_max.saturating_add(1)).await?;
        match bytes.len() as u64 {
            length if length > bytes_max => Err(too_long()),
            length if length < declared => Err(torn(length, declared)),
            _ => Ok(bytes),
        }
    }

    async fn fetch_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes, Failure> {
        let result = self.open(path, Some(range.clone())).await?;
        let sent = result.range.clone();
        let wanted = range.end - range.start;
        if sent.end < range.end {
            let message = format!("the object ends at byte {} and its metadata says {} or more", sent.end, range.end);
            return Err(Failure::lasting(Code::Truncated, message));
        }
        if sent.start > range.start {
            let message = format!("the store answered bytes from {} instead of {}", sent.start, range.start);
            return Err(Failure::passing(Code::StoreUnavailable, message));
        }
        if sent != range {
            self.meter.add(Event::RangeIgnored, 1);
        }
        let bytes = self.collect(result, range.start - sent.start, wanted).await?;
        match bytes.len() as u64 {
            length if length == wanted => Ok(bytes),
            length => Err(torn(length, wanted)),
        }
    }

    /// Sends the request and waits for the answer to begin.
    async fn open(&self, path: &Path, range: Option<Range<u64>>) -> Result<GetResult, Failure> {
        let shared = &*self.shared;
        let silence_max = shared.policy.retry.silence_max;
        let ask = async |range: Option<Range<u64>>| {
            let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
            let answer = timeout(&*shared.runtime, silence_max, shared.objects.get_opts(path, options)).await;
            answer.map_err(|_| Failure::timed_out())
        };
        let by_range = range.is_some() && !shared.ranges_unsupported.load(Ordering::Relaxed);
        match ask(range.filter(|_| by_range)).await? {
            Ok(result) => Ok(result),
            Err(error) if by_range && is_range_unsupported(&error) => {
                shared.ranges_unsupported.store(true, Ordering::Relaxed);
                self.meter.add(Event::Get, 1);
                ask(None).await?.map_err(|error| classify(&error))
            }
            Err(error) => Err(classify(&error)),
        }
    }

    /// Up to `bytes_max` bytes of the body after the first `skip`. Memory is bounded by `bytes_max` whatever is sent.
    async fn collect(&self, result: GetResult, skip: u64, bytes_max: u64) -> Result<Bytes, Failure> {
        let declared = result.range.end.saturating_sub(result.range.start);
        match result.payload {
            GetResultPayload::Stream(body) => self.collect_stream(body, declared, skip, bytes_max).await,
            // With the file feature of `object_store` on, there is a second kind, which answers ranges exactly.
            #[allow(unreachable_patterns, reason = "which kinds exist depends on features of another crate")]
            payload => {
                let limit = self.shared.policy.retry.write_timeout(usize::try_from(declared).unwrap_or(usize::MAX));
                let whole = GetResult { payload, ..result }.bytes();
                let bytes = timeout(&*self.shared.runtime, limit, whole).await.map_err(|_| Failure::timed_out())?;
                let mut bytes = bytes.map_err(|error| classify(&error))?;
                self.meter.add(Event::BytesRead, bytes.len() as u64);
                bytes.advance(clamp(skip, bytes.len()));
                bytes.truncate(clamp(bytes_max, bytes.len()));
                Ok(bytes)
            }
        }
    }

    async fn collect_stream(
        &self,
        mut body: BoxStream<'static, object_store::Result<Bytes>>,
        declared: u64,
        mut skip: u64,
        bytes_max: u64,
    ) -> Result<Bytes, Failure> {
        let silence_max = self.shared.policy.retry.silence_max;
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        loop {
            let have = (first.len() + joined.len()) as u64;
            if have >= bytes_max {
                break;
            }
            let next = timeout(&*self.shared.runtime, silence_max, body.next()).await;
            let Some(chunk) = next.map_err(|_| Failure::timed_out())? else { break };
            let mut chunk = chunk.map_err(|error| classify(&error))?;
            self.meter.add(Event::BytesRead, chunk.len() as u64);
            let skipped = clamp(skip, chunk.len());
            chunk.advance(skipped);
            skip -= skipped as u64;
            chunk.truncate(clamp(bytes_max - have, chunk.len()));
            if have == 0 {
                // Most bodies are one piece, which is then not copied.
                first = chunk;
                continue;
            }
            if joined.is_empty() {
                let room = declared.min(bytes_max).min(PREALLOCATED_BYTES_MAX);
                joined.reserve(usize::try_from(room).unwrap_or(0).max(first.len() + chunk.len()));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&chunk);
        }
        Ok(if joined.is_empty() { first } else { joined.freeze() })
    }
}

/// A body that ended early. The connection broke, or the object is damaged: asking again tells which.
fn torn(length: u64, expected: u64) -> Failure {
    Failure::passing(Code::Truncated, format!("the body ended after {length} of {expected} bytes"))
}

/// `amount` as a length within `len`.
fn clamp(amount: u64, len: usize) -> usize {
    usize::try_from(amount).unwrap_or(usize::MAX).min(len)
}

/// The bytes of `range` out of the blocks that were read for it.
fn cut(requests: &[Range<u64>], blocks: &[Bytes], range: &Range<u64>) -> Result<Bytes> {
    if range.start == range.end {
        return Ok(Bytes::new());
    }
    let first = requests.partition_point(|request| request.end <= range.start);
    let mut pieces = Vec::new();
    for (request, block) in requests[first..].iter().zip(&blocks[first..]) {
        if request.start >= range.end {
            break;
        }
        let from = clamp(range.start.saturating_sub(request.start), block.len());
        let to = clamp(range.end - request.start, block.len());
        pieces.push((block, block.slice(from..to)));
    }
    let joined = match pieces.as_slice() {
        // A slice keeps the whole block alive; a cache that counts slices would hold far more than it knows.
        [(block, piece)] if piece.len() < block.len() / 2 => Bytes::copy_from_slice(piece),
        [(_, piece)] => piece.clone(),
        pieces => pieces.iter().map(|(_, piece)| &**piece).collect::<Vec<&[u8]>>().concat().into(),
    };
    if joined.len() as u64 == range.end - range.start {
        Ok(joined)
    } else {
        Err(Error::new(Code::Internal, "a planned read does not cover a range"))
    }
}
