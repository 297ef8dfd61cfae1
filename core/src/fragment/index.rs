//! What a reader needs to find and check the blocks of a fragment, without reading the Vortex footer.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use super::STRIPE_ROWS;
use crate::bail;
use crate::error::{Code, Error, Result};

/// Blocks start at multiples of this many bytes, so that decoding needs no copy for alignment.
pub(crate) const BLOCK_ALIGNMENT: u64 = 64;

/// Bytes of the file before the first block: the Vortex magic, padded.
pub(crate) const FIRST_BLOCK: u64 = BLOCK_ALIGNMENT;

/// More blocks than this in one fragment are refused while reading: the index would not be one of ours.
const BLOCKS_MAX: u64 = 1 << 26;

/// Where a fragment lies and how its index is found and checked. Stored in the manifest.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FragmentRef {
    /// Object name relative to the table's root.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Bytes of the object.
    #[prost(uint64, tag = "2")]
    pub size: u64,
    /// Rows.
    #[prost(uint64, tag = "3")]
    pub rows: u64,
    /// Offset of the encoded [`FragmentIndex`].
    #[prost(uint64, tag = "4")]
    pub index_offset: u64,
    /// Bytes of the encoded index.
    #[prost(uint32, tag = "5")]
    pub index_length: u32,
    /// XXH3-64 of the encoded index.
    #[prost(fixed64, tag = "6")]
    pub index_checksum: u64,
}

/// Blocks and statistics of one column.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ColumnIndex {
    /// Rows per block; divides the stripe, so that blocks never cross stripes.
    #[prost(uint32, tag = "1")]
    pub block_rows: u32,
    /// Bytes of the column's statistics; 0 when it has none.
    #[prost(uint32, tag = "2")]
    pub statistics_length: u32,
    /// Low half of the XXH3-64 of the column's statistics.
    #[prost(fixed32, tag = "3")]
    pub statistics_checksum: u32,
}

/// The index of a fragment.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FragmentIndex {
    /// Rows of the fragment.
    #[prost(uint64, tag = "1")]
    pub rows: u64,
    /// Rows per stripe.
    #[prost(uint32, tag = "2")]
    pub stripe_rows: u32,
    /// The columns, in the order the manifest binds to column ids.
    #[prost(message, repeated, tag = "3")]
    pub columns: Vec<ColumnIndex>,
    /// Vortex encoding ids that blocks refer to by position.
    #[prost(string, repeated, tag = "4")]
    pub encodings: Vec<String>,
    /// Bytes of each block: stripe by stripe, within it column by column, within it block by block.
    #[prost(uint32, repeated, tag = "5")]
    pub lengths: Vec<u32>,
    /// Low half of the XXH3-64 of each block, little endian, in the order of `lengths`.
    #[prost(bytes = "bytes", tag = "6")]
    pub checksums: Bytes,
    /// Offset of the first column's statistics; the other columns' follow.
    #[prost(uint64, tag = "7")]
    pub statistics_offset: u64,
    /// Key spaces only: the encoded first key of each stripe.
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub first_keys: Vec<Bytes>,
}

/// Low half of the XXH3-64, the checksum of blocks and statistics.
pub(crate) fn checksum32(bytes: &[u8]) -> u32 {
    // Truncation is the definition of this checksum.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what the format stores")]
    let low = xxh3_64(bytes) as u32;
    low
}

/// An index that has been checked, with the offset of every block computed.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) index: FragmentIndex,
    /// Offset of each block, in the order of `lengths`.
    offsets: Vec<u64>,
    /// Position in `lengths` of a stripe's first block of each column, plus the number of blocks of a full stripe last.
    columns: Vec<usize>,
    /// Offset of each column's statistics.
    statistics: Vec<u64>,
}

impl Blocks {
    /// Decodes and checks an index against its reference.
    pub(crate) fn decode(bytes: &Bytes, reference: &FragmentRef) -> Result<Self> {
        if xxh3_64(bytes) != reference.index_checksum {
            bail!(Code::Corrupt, "the checksum of a fragment's index does not match");
        }
        let index = FragmentIndex::decode(bytes.clone())
            .map_err(|error| Error::new(Code::Corrupt, "a fragment's index cannot be decoded").with_source(error))?;
        Self::new(index, reference)
    }

    pub(crate) fn new(index: FragmentIndex, reference: &FragmentRef) -> Result<Self> {
        let corrupt = |what: &str| Error::new(Code::Corrupt, format!("a fragment's index is inconsistent: {what}"));
        let stripe = u64::from(index.stripe_rows);
        if stripe == 0 || index.rows != reference.rows {
            return Err(corrupt("its row count differs from the manifest"));
        }
        let mut columns = Vec::with_capacity(index.columns.len() + 1);
        let mut blocks = 0_usize;
        for column in &index.columns {
            if column.block_rows == 0 || !index.stripe_rows.is_multiple_of(column.block_rows) {
                return Err(corrupt("a block size does not divide the stripe"));
            }
            columns.push(blocks);
            blocks += (index.stripe_rows / column.block_rows) as usize;
        }
        columns.push(blocks);
        let full = index.rows / stripe;
        let rest = index.rows % stripe;
        let partial: u64 = index.columns.iter().map(|column| rest.div_ceil(u64::from(column.block_rows))).sum();
        let expected = full.saturating_mul(blocks as u64).saturating_add(partial);
        if expected > BLOCKS_MAX || expected != index.lengths.len() as u64 {
            return Err(corrupt("its number of blocks does not fit its rows"));
        }
        if index.checksums.len() != index.lengths.len() * 4 {
            return Err(corrupt("it lacks checksums"));
        }
        if !index.first_keys.is_empty() && index.first_keys.len() as u64 != index.rows.div_ceil(stripe) {
            return Err(corrupt("it lacks first keys"));
        }
        let mut offsets = Vec::with_capacity(index.lengths.len());
        let (mut begin, mut end) = (FIRST_BLOCK, FIRST_BLOCK);
        for length in &index.lengths {
            offsets.push(begin);
            end = begin + u64::from(*length);
            begin = end.next_multiple_of(BLOCK_ALIGNMENT);
        }
        let mut statistics = Vec::with_capacity(index.columns.len());
        let mut at = index.statistics_offset;
        for column in &index.columns {
            statistics.push(at);
            at = at.saturating_add(u64::from(column.statistics_length));
        }
        if end > reference.size || at > reference.size {
            return Err(corrupt("it points behind the end of the object"));
        }
        Ok(Self { index, offsets, columns, statistics })
    }

    pub(crate) fn stripe_rows(&self) -> u64 {
        u64::from(self.index.stripe_rows)
    }

    /// Rows of one stripe.
    pub(crate) fn rows_of(&self, stripe: usize) -> usize {
        let begin = stripe as u64 * self.stripe_rows();
        usize::try_from((self.index.rows - begin).min(self.stripe_rows())).unwrap_or(STRIPE_ROWS)
    }

    /// Number of rows per block of a column.
    pub(crate) fn block_rows(&self, column: usize) -> usize {
        self.index.columns[column].block_rows as usize
    }

    /// Position in `lengths` of a column's block in a stripe.
    pub(crate) fn block(&self, stripe: usize, column: usize, block: usize) -> usize {
        let per_stripe = *self.columns.last().unwrap_or(&0);
        let rows = self.rows_of(stripe);
        let within = if rows as u64 == self.stripe_rows() {
            self.columns[column]
        } else {
            self.index.columns[..column].iter().map(|column| rows.div_ceil(column.block_rows as usize)).sum()
        };
        stripe * per_stripe + within + block
    }

    /// Bytes of a block within the object.
    pub(crate) fn range(&self, block: usize) -> Range<u64> {
        let offset = self.offsets[block];
        offset..offset + u64::from(self.index.lengths[block])
    }

    /// Fails when a block's bytes are not those that were written.
    pub(crate) fn check(&self, block: usize, bytes: &[u8]) -> Result<()> {
        let stored = &self.index.checksums[block * 4..block * 4 + 4];
        if checksum32(bytes).to_le_bytes() != stored {
            bail!(Code::Corrupt, "the checksum of a block does not match");
        }
        Ok(())
    }

    /// Bytes of a column's statistics within the object; `None` when it has none.
    pub(crate) fn statistics(&self, column: usize) -> Option<Range<u64>> {
        let length = self.index.columns[column].statistics_length;
        let offset = self.statistics[column];
        (length > 0).then(|| offset..offset + u64::from(length))
    }

    /// Bytes this index holds in memory, for caches.
    pub(crate) fn weight(&self) -> usize {
        self.index.lengths.len() * 16
            + self.index.columns.len() * 32
            + self.index.first_keys.iter().map(|key| key.len() + 32).sum::<usize>()
            + 1024
    }
}
