//! The frame around a metadata object: what it is, which version wrote it, and proof that it is whole.
//!
//! ```text
//! offset  bytes  field
//!      0      4  magic "SPRL"
//!      4      1  kind
//!      5      1  flags: bit 0, the payload is compressed with Zstandard
//!      6      2  format version, little endian
//!      8      4  payload bytes before compression, little endian
//!     12      8  XXH3-64 of bytes 0..12 and of the payload as stored, little endian
//!     20      …  payload
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3;

use crate::bail;
use crate::error::{Code, Error, Result};

const MAGIC: &[u8; 4] = b"SPRL";
const HEADER: usize = 20;
const VERSION: u16 = 1;
const COMPRESSED: u8 = 1;
/// Payloads up to this size are stored as they are: compressing them saves nothing.
const COMPRESS_FROM: usize = 256;
/// No metadata object decodes to more; a larger size is a broken or hostile object.
const PAYLOAD_MAX: usize = 256 << 20;

/// What a metadata object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A log entry.
    Entry = 1,
    /// What collection leaves of a log entry.
    Stub = 2,
    /// The hint `log/latest`.
    Hint = 3,
    /// A page of a checkpoint.
    Page = 4,
    /// A dumped transaction.
    Transaction = 5,
}

/// Frames a payload.
pub fn encode(kind: Kind, payload: &[u8]) -> Result<Bytes> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= PAYLOAD_MAX)
        .ok_or_else(|| Error::new(Code::LimitExceeded, "a metadata object exceeds 256 MiB: commit less at once"))?;
    let compressed =
        if payload.len() >= COMPRESS_FROM {
            Some(zstd::bulk::compress(payload, 3).map_err(|error| {
                Error::new(Code::Internal, "a metadata object cannot be compressed").with_source(error)
            })?)
        } else {
            None
        };
    let stored = compressed.as_deref().unwrap_or(payload);
    let mut bytes = BytesMut::with_capacity(HEADER + stored.len());
    bytes.put_slice(MAGIC);
    bytes.put_u8(kind as u8);
    bytes.put_u8(if compressed.is_some() { COMPRESSED } else { 0 });
    bytes.put_u16_le(VERSION);
    bytes.put_u32_le(length);
    let checksum = checksum(&bytes, stored);
    bytes.put_u64_le(checksum);
    bytes.put_slice(stored);
    Ok(bytes.freeze())
}

/// Checks a frame and returns its payload.
///
/// # Errors
/// `Truncated` or `Corrupt` when the bytes are not a whole frame of this kind, `NewerFormat` when a later version wrote
/// it, `LimitExceeded` when it claims to be larger than any metadata object.
pub fn decode(kind: Kind, bytes: &Bytes) -> Result<Bytes> {
    let Some((header, stored)) = bytes.split_at_checked(HEADER) else {
        bail!(Code::Truncated, "a metadata object is only {} bytes long", bytes.len());
    };
    if &header[..4] != MAGIC {
        bail!(Code::Corrupt, "an object is not Spiral metadata");
    }
    let version = u16::from_le_bytes([header[6], header[7]]);
    if version > VERSION {
        bail!(
            Code::NewerFormat,
            "a metadata object has format version {version}, this build reads up to {VERSION}: upgrade"
        );
    }
    let expected = u64::from_le_bytes(header[12..20].try_into().unwrap_or_default());
    if checksum(&header[..12], stored) != expected {
        bail!(Code::Corrupt, "the checksum of a metadata object does not match");
    }
    if header[4] != kind as u8 {
        bail!(Code::Corrupt, "a metadata object is of kind {} where {kind:?} was expected", header[4]);
    }
    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    if length > PAYLOAD_MAX {
        bail!(Code::LimitExceeded, "a metadata object claims to be {length} bytes long");
    }
    if header[5] & COMPRESSED == 0 {
        if stored.len() != length {
            bail!(Code::Corrupt, "a metadata object has {} bytes instead of {length}", stored.len());
        }
        return Ok(bytes.slice(HEADER..));
    }
    let payload = zstd::bulk::decompress(stored, length)
        .map_err(|error| Error::new(Code::Corrupt, "a metadata object cannot be decompressed").with_source(error))?;
    if payload.len() != length {
        bail!(Code::Corrupt, "a metadata object has {} bytes instead of {length}", payload.len());
    }
    Ok(payload.into())
}

fn checksum(header: &[u8], stored: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(header);
    hasher.update(stored);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_or_missing_byte_is_an_error() {
        for payload in [b"short".to_vec(), vec![7; 5000]] {
            let frame = encode(Kind::Entry, &payload).unwrap();
            assert_eq!(decode(Kind::Entry, &frame).unwrap(), payload);
            for at in 0..frame.len() {
                let mut broken = frame.to_vec();
                broken[at] ^= 0x40;
                assert!(decode(Kind::Entry, &broken.into()).is_err(), "byte {at}");
                assert!(decode(Kind::Entry, &frame.slice(..at)).is_err(), "cut at {at}");
            }
            assert_eq!(decode(Kind::Hint, &frame).unwrap_err().code(), Code::Corrupt);
        }
    }

    #[test]
    fn newer_versions_ask_for_an_upgrade() {
        let mut frame = encode(Kind::Hint, b"x").unwrap().to_vec();
        frame[6] = 2;
        assert_eq!(decode(Kind::Hint, &frame.into()).unwrap_err().code(), Code::NewerFormat);
    }

    #[test]
    fn the_frame_of_an_entry_never_changes() {
        let frame = encode(Kind::Entry, b"spiral").unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hex.starts_with("5350524c0100010006000000"), "{hex}");
        assert!(hex.ends_with("73706972616c"), "{hex}");
    }
}
