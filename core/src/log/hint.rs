//! The hint `log/latest`: a head start for readers, never the truth.
//!
//! It is written best-effort and at most once a second, may lag behind the log, and never leads it. A static host or a
//! presigned reader needs little else than this one object.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use prost::Message;

use super::record::{CheckpointRef, EntryMessage, LogEntry};
use super::{Log, LogRecord};
use crate::error::{Code, Error, Result};
use crate::format::{Kind, decode, encode};

const NAME: &str = "log/latest";
const HINT_BYTES_MAX: u64 = 1 << 20;

/// A larger root page is read from the checkpoint instead.
const ROOT_BYTES_MAX: usize = 128 << 10;

/// Entries a hint carries at most.
pub const TAIL_ENTRIES_MAX: usize = 128;

/// Bytes of entries a hint carries at most.
pub const TAIL_BYTES_MAX: usize = 96 << 10;

/// What some writer saw last.
#[derive(Debug, Clone, Default)]
pub struct Hint {
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointRef>,
    /// The framed root page of the checkpoint, to save a reader the request.
    pub root_page: Bytes,
    /// Consecutive entries after the checkpoint, oldest first.
    pub tail: Vec<LogEntry>,
    /// The table will have no newer version: readers do not look for one.
    pub sealed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct HintMessage {
    #[prost(message, optional, tag = "1")]
    checkpoint: Option<CheckpointRef>,
    #[prost(bytes = "bytes", tag = "2")]
    root_page: Bytes,
    #[prost(message, repeated, tag = "3")]
    tail: Vec<EntryMessage>,
    #[prost(bool, tag = "4")]
    sealed: bool,
}

impl Hint {
    fn encode(&self) -> Result<Bytes> {
        let mut bytes = 0;
        let tail = self
            .tail
            .iter()
            .take(TAIL_ENTRIES_MAX)
            .map(LogEntry::to_message)
            .take_while(|entry| {
                bytes += entry.encoded_len();
                bytes <= TAIL_BYTES_MAX
            })
            .collect();
        let message = HintMessage {
            checkpoint: self.checkpoint.clone(),
            root_page: if self.root_page.len() <= ROOT_BYTES_MAX { self.root_page.clone() } else { Bytes::new() },
            tail,
            sealed: self.sealed,
        };
        encode(Kind::Hint, &message.encode_to_vec())
    }

    fn decode(bytes: &Bytes) -> Result<Self> {
        let message = HintMessage::decode(decode(Kind::Hint, bytes)?)
            .map_err(|error| Error::new(Code::Corrupt, "the hint cannot be decoded").with_source(error))?;
        let tail = message.tail.into_iter().map(LogEntry::from_message).collect::<Result<Vec<_>>>()?;
        let begin = message.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.version);
        // Entries that do not follow the checkpoint without a gap are worth nothing.
        let follows = tail.iter().zip(begin + 1..).all(|(entry, version)| entry.version == version);
        let tail = if follows { tail } else { Vec::new() };
        Ok(Self { checkpoint: message.checkpoint, root_page: message.root_page, tail, sealed: message.sealed })
    }

    /// The newest version the hint knows.
    pub fn version(&self) -> u64 {
        let checkpoint = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.version);
        self.tail.last().map_or(checkpoint, |entry| entry.version)
    }
}

impl Log {
    /// Reads the hint; a missing or damaged one is none.
    ///
    /// # Errors
    /// Only when the store fails in a way that reading the log would meet too, or a newer version wrote the table.
    pub async fn read_hint(&self) -> Result<Option<Hint>> {
        match self.store.get_limited(NAME, HINT_BYTES_MAX).await {
            Ok(bytes) => match Hint::decode(&bytes) {
                Ok(hint) => {
                    self.hint_was_read.store(true, Ordering::Relaxed);
                    Ok(Some(hint))
                }
                Err(error) if error.code() == Code::NewerFormat => Err(error),
                Err(_) => Ok(None),
            },
            Err(error) if matches!(error.code(), Code::ObjectNotFound | Code::LimitExceeded) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the hint. Failures are ignored: the log is the truth.
    pub async fn write_hint(&self, hint: &Hint) {
        if let Ok(bytes) = hint.encode() {
            let _ = self.store.put(NAME, bytes).await;
        }
    }

    /// Whether a version exists, reading it if it does. Where the hint was readable, a store that answers 403 for
    /// missing objects, or an error page, counts as absent.
    pub(super) async fn probe(&self, version: u64) -> Result<Option<LogRecord>> {
        let hinted = self.hint_was_read.load(Ordering::Relaxed);
        match self.read(version).await {
            Err(error) if hinted && matches!(error.code(), Code::PermissionDenied) => Ok(None),
            Err(error) if hinted && error.message().ends_with("is not Spiral metadata") => Ok(None),
            other => other,
        }
    }
}
