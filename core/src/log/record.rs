//! What lies at a version of the log.

use std::fmt;

use bytes::Bytes;
use prost::Message;

use crate::bail;
use crate::error::{Code, Error, Result};
use crate::format::{Features, Kind, decode, encode};
use crate::runtime::Runtime;
use crate::tree::Tree;

/// Identity of a transaction, by which a writer recognises its own commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxnId(pub u128);

impl TxnId {
    /// A new identity.
    pub fn random(runtime: &dyn Runtime) -> Self {
        Self(u128::from(runtime.random_u64()) << 64 | u128::from(runtime.random_u64()))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes
            .try_into()
            .map_err(|_| Error::new(Code::Corrupt, "a log entry has a transaction id of the wrong length"))?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A checkpoint: the whole state at a version, as a tree.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CheckpointRef {
    /// The version.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Its commit timestamp, in microseconds since 1970.
    #[prost(sint64, tag = "2")]
    pub timestamp: i64,
    /// The state.
    #[prost(message, required, tag = "3")]
    pub tree: Tree,
    /// What the table needs at that version.
    #[prost(message, required, tag = "4")]
    pub features: Features,
}

/// An entry as it is stored.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryMessage {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(bytes = "bytes", tag = "2")]
    txn: Bytes,
    #[prost(sint64, tag = "3")]
    timestamp: i64,
    #[prost(message, optional, tag = "4")]
    checkpoint: Option<CheckpointRef>,
    #[prost(message, required, tag = "5")]
    features: Features,
    #[prost(bytes = "bytes", tag = "6")]
    body: Bytes,
}

/// What collection leaves at a version: enough to keep its name taken and its transaction known.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Stub {
    /// The version.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Its commit timestamp, in microseconds since 1970.
    #[prost(sint64, tag = "2")]
    pub timestamp: i64,
    /// The id of its transaction, 16 bytes big endian.
    #[prost(bytes = "bytes", tag = "3")]
    pub txn: Bytes,
    /// The newest checkpoint before the horizon when the stub was written: where a reader goes on.
    #[prost(message, optional, tag = "4")]
    pub checkpoint: Option<CheckpointRef>,
}

/// A committed transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The version it makes.
    pub version: u64,
    /// Its identity.
    pub txn: TxnId,
    /// When it was committed, in microseconds since 1970; strictly increasing within a log.
    pub timestamp: i64,
    /// The newest checkpoint before it.
    pub checkpoint: Option<CheckpointRef>,
    /// What the table needs from this version on; every entry repeats it.
    pub features: Features,
    /// What it changes, encoded by the owner of the log.
    pub body: Bytes,
}

/// An entry, or what is left of one.
#[derive(Debug, Clone, PartialEq)]
pub enum LogRecord {
    /// A committed transaction.
    Entry(LogEntry),
    /// A collected one.
    Stub(Stub),
}

impl LogEntry {
    pub(crate) fn to_message(&self) -> EntryMessage {
        EntryMessage {
            version: self.version,
            txn: Bytes::copy_from_slice(&self.txn.0.to_be_bytes()),
            timestamp: self.timestamp,
            checkpoint: self.checkpoint.clone(),
            features: self.features.clone(),
            body: self.body.clone(),
        }
    }

    pub(crate) fn from_message(message: EntryMessage) -> Result<Self> {
        message.features.check_readable().map_err(|error| error.with_version(message.version))?;
        Ok(Self {
            version: message.version,
            txn: TxnId::from_bytes(&message.txn)?,
            timestamp: message.timestamp,
            checkpoint: message.checkpoint,
            features: message.features,
            body: message.body,
        })
    }

    /// The framed bytes of the entry.
    pub fn encode(&self) -> Result<Bytes> {
        encode(Kind::Entry, &self.to_message().encode_to_vec())
    }
}

impl LogRecord {
    /// Checks and decodes a record.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let corrupt =
            |error: prost::DecodeError| Error::new(Code::Corrupt, "a log entry cannot be decoded").with_source(error);
        if bytes.get(4) == Some(&(Kind::Stub as u8)) {
            return Ok(Self::Stub(Stub::decode(decode(Kind::Stub, bytes)?).map_err(corrupt)?));
        }
        let message = EntryMessage::decode(decode(Kind::Entry, bytes)?).map_err(corrupt)?;
        Ok(Self::Entry(LogEntry::from_message(message)?))
    }

    pub(crate) fn check_version(&self, version: u64) -> Result<()> {
        if self.version() != version {
            bail!(Code::Corrupt, "the log holds version {} under the name of version {version}", self.version());
        }
        Ok(())
    }

    /// The version.
    pub fn version(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.version,
            Self::Stub(stub) => stub.version,
        }
    }

    /// The commit timestamp.
    pub fn timestamp(&self) -> i64 {
        match self {
            Self::Entry(entry) => entry.timestamp,
            Self::Stub(stub) => stub.timestamp,
        }
    }

    /// The identity of the transaction; `None` when a stub's is damaged.
    pub fn txn(&self) -> Option<TxnId> {
        match self {
            Self::Entry(entry) => Some(entry.txn),
            Self::Stub(stub) => TxnId::from_bytes(&stub.txn).ok(),
        }
    }

    /// The entry.
    ///
    /// # Errors
    /// `SnapshotExpired` when it has been collected.
    pub fn into_entry(self) -> Result<LogEntry> {
        match self {
            Self::Entry(entry) => Ok(entry),
            Self::Stub(stub) => Err(Error::new(
                Code::SnapshotExpired,
                "the history before the table's horizon has been collected: read a newer version",
            )
            .with_version(stub.version)),
        }
    }
}
