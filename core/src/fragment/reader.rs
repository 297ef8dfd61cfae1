//! Reads blocks of a fragment: plan the ranges, fetch them at once, decode what is wanted.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, new_empty_array};
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use vortex::array::{ArrayId, ExecutionCtx};
use vortex::mask::Mask;
use vortex::session::registry::ReadContext;

use super::decoded::Decoded;
use super::encode::{BlockDecoder, Keep, decoded_type, decoding_context};
use super::index::{Blocks, FragmentRef, checksum32};
use super::statistics::{self, ColumnZones};
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// An open fragment: its reference and checked index. Cheap to clone.
#[derive(Clone)]
pub struct Fragment {
    store: Store,
    reference: Arc<FragmentRef>,
    blocks: Arc<Blocks>,
    encodings: ReadContext,
}

/// Bytes of blocks of one read, waiting to be decoded off the event loop.
pub struct FetchedColumns {
    fragment: Fragment,
    columns: Vec<FetchedColumn>,
}

struct FetchedColumn {
    decoder: Arc<BlockDecoder>,
    blocks: Vec<FetchedBlock>,
}

struct FetchedBlock {
    block: usize,
    bytes: Bytes,
    rows: usize,
    keep: Keep,
}

/// Rows of a fragment, ascending.
#[derive(Debug, Clone)]
pub enum Rows {
    /// A contiguous range.
    Range(Range<u64>),
    /// The set rows of a mask over the range that begins at the given row.
    Mask(u64, BooleanArray),
    /// Ascending row numbers without repetition.
    Indices(Vec<u64>),
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Rows::Range(range) => usize::try_from(range.end - range.start).unwrap_or(usize::MAX),
            Rows::Mask(_, mask) => mask.true_count(),
            Rows::Indices(indices) => indices.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Fragment {
    /// Opens a fragment by reading its index: one request.
    ///
    /// # Errors
    /// `Corrupt` when the index is not what the manifest says, `ObjectNotFound` when the object is gone.
    pub async fn open(store: &Store, reference: FragmentRef) -> Result<Self> {
        let range = reference.index_offset..reference.index_offset + u64::from(reference.index_length);
        let bytes = store.get_range(&reference.path, range).await?;
        let blocks = Blocks::decode(&bytes, &reference).map_err(|error| error.with_path(&reference.path))?;
        let ids: Vec<ArrayId> = blocks.index.encodings.iter().map(|id| ArrayId::new(id)).collect();
        Ok(Self {
            store: store.clone(),
            reference: Arc::new(reference),
            blocks: Arc::new(blocks),
            encodings: ReadContext::new(ids),
        })
    }

    /// Where the fragment lies.
    pub fn reference(&self) -> &FragmentRef {
        &self.reference
    }

    /// The handle it is read through.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The same fragment, read through another handle to the store, for instance one that counts for a scan.
    pub fn with_store(&self, store: &Store) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    /// Rows of the fragment.
    pub fn rows(&self) -> u64 {
        self.blocks.index.rows
    }

    /// Number of stripes.
    pub fn stripes(&self) -> usize {
        usize::try_from(self.rows().div_ceil(self.blocks.stripe_rows())).unwrap_or(usize::MAX)
    }

    /// Rows of a stripe.
    pub fn stripe(&self, stripe: usize) -> Range<u64> {
        let begin = stripe as u64 * self.blocks.stripe_rows();
        begin..(begin + self.blocks.stripe_rows()).min(self.rows())
    }

    /// The stripe that holds a row.
    pub fn stripe_of(&self, row: u64) -> usize {
        usize::try_from(row / self.blocks.stripe_rows()).unwrap_or(usize::MAX)
    }

    /// Key spaces: the encoded first key of each stripe.
    pub fn first_keys(&self) -> &[Bytes] {
        &self.blocks.index.first_keys
    }

    /// Bytes held in memory, for caches.
    pub fn weight(&self) -> usize {
        self.blocks.weight()
    }

    /// Statistics of columns given with their physical types; `None` for a column without. One round.
    pub async fn zones(&self, columns: &[(usize, DataType)]) -> Result<Vec<Option<ColumnZones>>> {
        let wanted: Vec<_> = columns.iter().map(|(column, _)| self.blocks.statistics(*column)).collect();
        let ranges: Vec<_> = wanted.iter().flatten().cloned().collect();
        let mut fetched = self.store.get_ranges(&self.reference.path, &ranges).await?.into_iter();
        columns
            .iter()
            .zip(wanted)
            .map(|((column, data_type), wanted)| {
                let Some(bytes) = wanted.and_then(|_| fetched.next()) else { return Ok(None) };
                if checksum32(&bytes) != self.blocks.index.columns[*column].statistics_checksum {
                    return Err(Error::new(Code::Corrupt, "the checksum of a column's statistics does not match")
                        .with_path(&self.reference.path));
                }
                statistics::decode(bytes, &decoded_type(data_type), self.stripes()).map(Some)
            })
            .collect()
    }

    /// Fetches the blocks that hold `rows` of the given columns: one round of parallel, coalesced requests.
    ///
    /// Each column is a position in the fragment and the physical field to decode it as.
    pub async fn fetch(&self, columns: &[(usize, Field)], rows: &Rows) -> Result<FetchedColumns> {
        let mut sets = self.fetch_many(columns, std::slice::from_ref(rows)).await?;
        sets.pop().ok_or_else(|| Error::new(Code::Internal, "a fetch returned nothing"))
    }

    /// What decodes a column's blocks as a field.
    fn decoder(&self, column: usize, field: &Field) -> Result<Arc<BlockDecoder>> {
        if column >= self.blocks.index.columns.len() {
            bail!(Code::Corrupt, "fragment {} has no column {column}", self.reference.path);
        }
        let field = field.clone().with_data_type(decoded_type(field.data_type()));
        Ok(Arc::new(BlockDecoder::try_new(&field, self.encodings.clone())?))
    }

    /// Fetches several row sets at once, to be decoded one by one: one round of parallel, coalesced requests.
    pub async fn fetch_many(&self, columns: &[(usize, Field)], rows: &[Rows]) -> Result<Vec<FetchedColumns>> {
        let decoders =
            columns.iter().map(|(column, field)| self.decoder(*column, field)).collect::<Result<Vec<_>>>()?;
        let planned = |rows: &Rows| {
            let column = |((column, _), decoder): (&(usize, Field), &Arc<BlockDecoder>)| {
                Ok(FetchedColumn { decoder: Arc::clone(decoder), blocks: self.plan(*column, rows)? })
            };
            let columns = columns.iter().zip(&decoders).map(column).collect::<Result<Vec<_>>>()?;
            Ok(FetchedColumns { fragment: self.clone(), columns })
        };
        let mut sets = rows.iter().map(planned).collect::<Result<Vec<_>>>()?;
        let ranges: Vec<_> =
            sets.iter().flat_map(FetchedColumns::blocks).map(|block| self.blocks.range(block)).collect();
        let mut fetched = self.store.get_ranges(&self.reference.path, &ranges).await?.into_iter();
        for set in &mut sets {
            for block in set.columns.iter_mut().flat_map(|column| &mut column.blocks) {
                block.bytes = fetched.next().unwrap_or_default();
            }
        }
        Ok(sets)
    }

    /// The blocks of a column that hold any of `rows`.
    fn plan(&self, column: usize, rows: &Rows) -> Result<Vec<FetchedBlock>> {
        let block_rows = self.blocks.block_rows(column) as u64;
        let out_of_bounds = || Error::new(Code::Internal, format!("rows outside of fragment {}", self.reference.path));
        let mut blocks = Vec::new();
        match rows {
            Rows::Range(range) => {
                if range.end > self.rows() {
                    return Err(out_of_bounds());
                }
                let mut begin = range.start;
                while begin < range.end {
                    let (block, span) = self.block_at(column, block_rows, begin);
                    let end = range.end.min(span.end);
                    blocks.push(self.fetched(block, &span, Keep::Range(within(&span, begin..end))));
                    begin = end;
                }
            }
            Rows::Mask(begin, mask) => {
                let all = *begin..begin + mask.len() as u64;
                if all.end > self.rows() {
                    return Err(out_of_bounds());
                }
                let mut at = all.start;
                while at < all.end {
                    let (block, span) = self.block_at(column, block_rows, at);
                    let end = all.end.min(span.end);
                    let part = mask.slice(within(&all, at..end).start, within(&all, at..end).len());
                    if part.true_count() > 0 {
                        blocks.push(self.fetched(block, &span, Keep::Mask(block_mask(&span, at, &part))));
                    }
                    at = end;
                }
            }
            Rows::Indices(indices) => {
                if indices.last().is_some_and(|last| *last >= self.rows()) {
                    return Err(out_of_bounds());
                }
                for indices in indices.chunk_by(|a, b| a / block_rows == b / block_rows) {
                    let (block, span) = self.block_at(column, block_rows, indices[0]);
                    let rows = within(&span, span.clone()).len();
                    let wanted = indices.iter().map(|row| within(&span, *row..*row).start);
                    blocks.push(self.fetched(block, &span, Keep::Mask(Mask::from_indices(rows, wanted))));
                }
            }
        }
        Ok(blocks)
    }

    /// The block of a column that holds a row, and the rows it holds. Blocks never cross stripes.
    fn block_at(&self, column: usize, block_rows: u64, row: u64) -> (usize, Range<u64>) {
        let stripe = self.stripe_of(row);
        let rows = self.stripe(stripe);
        let within = (row - rows.start) / block_rows;
        let begin = rows.start + within * block_rows;
        let block = self.blocks.block(stripe, column, usize::try_from(within).unwrap_or(usize::MAX));
        (block, begin..(begin + block_rows).min(rows.end))
    }

    fn fetched(&self, block: usize, span: &Range<u64>, keep: Keep) -> FetchedBlock {
        FetchedBlock { block, bytes: Bytes::new(), rows: within(span, span.clone()).len(), keep }
    }
}

/// A range relative to the start of another that contains it.
fn within(outer: &Range<u64>, inner: Range<u64>) -> Range<usize> {
    let relative = |row: u64| usize::try_from(row - outer.start).unwrap_or(usize::MAX);
    relative(inner.start)..relative(inner.end)
}

/// The mask over a whole block whose rows from `begin` on are wanted as `part` says.
fn block_mask(span: &Range<u64>, begin: u64, part: &BooleanArray) -> Mask {
    let offset = within(span, begin..begin).start;
    let rows = within(span, span.clone()).len();
    Mask::from_indices(rows, part.values().set_indices().map(|row| row + offset))
}

impl FetchedColumns {
    fn blocks(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().flat_map(|column| &column.blocks).map(|block| block.block)
    }

    /// Bytes fetched.
    pub fn bytes(&self) -> usize {
        self.columns.iter().flat_map(|column| &column.blocks).map(|block| block.bytes.len()).sum()
    }

    /// Checks and decodes every column into one array. CPU-bound: run it through the runtime.
    pub fn decode(self) -> Result<Vec<ArrayRef>> {
        self.decode_each(|_, fragment, column, context| decode_column(fragment, column, context))
    }

    /// Decodes as [`Self::decode`] does; columns whose number is one of `writable` into cells that can be written over,
    /// as far as there are such.
    pub fn decode_writable(self, writable: impl Fn(usize) -> bool) -> Result<Vec<Decoded>> {
        self.decode_each(|at, fragment, column, context| match &column.blocks[..] {
            [FetchedBlock { block, bytes, rows, keep: Keep::Range(range) }] if writable(at) && range.len() == *rows => {
                fragment.blocks.check(*block, bytes)?;
                column.decoder.decode_writable(bytes.clone(), *rows, context)
            }
            _ => decode_column(fragment, column, context).map(Decoded::Array),
        })
    }

    fn decode_each<T>(
        self,
        decode: impl Fn(usize, &Fragment, FetchedColumn, &mut ExecutionCtx) -> Result<T>,
    ) -> Result<Vec<T>> {
        let fragment = &self.fragment;
        let mut context = decoding_context();
        let columns = self.columns.into_iter().enumerate();
        columns
            .map(|(at, column)| decode(at, fragment, column, &mut context))
            .collect::<Result<Vec<_>>>()
            .map_err(|error| error.with_path(&fragment.reference.path))
    }
}

fn decode_column(fragment: &Fragment, column: FetchedColumn, context: &mut ExecutionCtx) -> Result<ArrayRef> {
    let decoder = column.decoder;
    let mut parts = Vec::with_capacity(column.blocks.len());
    for block in column.blocks {
        fragment.blocks.check(block.block, &block.bytes)?;
        parts.push(decoder.decode(block.bytes, block.rows, block.keep, context)?);
    }
    match parts.len() {
        0 => Ok(new_empty_array(decoder.data_type())),
        1 => Ok(parts.swap_remove(0)),
        _ => {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            Ok(arrow_select::concat::concat(&parts)?)
        }
    }
}
