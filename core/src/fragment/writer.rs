//! Writes one fragment, a stripe at a time, as its blocks come out of the compressor.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{Field, FieldRef};
use bytes::Bytes;
use prost::Message;
use vortex::array::ArrayContext;
use vortex::dtype::DType;
use vortex::file::MAGIC_BYTES;
use xxhash_rust::xxh3::xxh3_64;

use super::STRIPE_ROWS;
use super::encode::{decoded_type, encode_block, stored_type, value_bytes};
use super::index::{BLOCK_ALIGNMENT, Blocks, ColumnIndex, FIRST_BLOCK, FragmentIndex, FragmentRef, checksum32};
use super::session::array_context;
use super::statistics::{ZoneCollector, bounds};
use super::vortex_footer;
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::runtime::{RuntimeExt, RuntimeRef, Task};
use crate::store::{Store, Upload};

/// How a fragment is laid out.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// A column whose values take more than this many bytes per stripe is cut into several blocks, since nothing
    /// smaller than a block can be read. Small blocks cost scans time, large ones cost single rows bytes.
    pub block_bytes_max: usize,
    /// Whether to collect statistics per stripe.
    pub statistics: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { block_bytes_max: 256 << 10, statistics: true }
    }
}

/// Blocks of one column in one stripe, with the stripe's statistics.
struct EncodedColumn {
    blocks: Vec<Bytes>,
    bounds: Option<(ArrayRef, ArrayRef, u64)>,
}

type ColumnTask = Task<Result<EncodedColumn>>;

/// Writes one fragment. Dropping it before [`FragmentWriter::finish`] leaves at most an object that nothing refers to.
pub struct FragmentWriter {
    path: String,
    runtime: RuntimeRef,
    upload: Upload,
    offset: u64,
    fields: Vec<FieldRef>,
    types: Vec<DType>,
    context: Arc<ArrayContext>,
    options: WriteOptions,
    index: FragmentIndex,
    checksums: Vec<u8>,
    zones: Vec<Option<ZoneCollector>>,
    in_flight: VecDeque<Vec<ColumnTask>>,
    partial: bool,
}

impl FragmentWriter {
    /// Starts a fragment of the given columns at `path`. Field types must be physical types of the engine.
    ///
    /// # Errors
    /// `UnsupportedType` when a column's type has no Vortex form; nothing is written then.
    pub fn try_new(store: &Store, path: String, fields: Vec<FieldRef>, options: WriteOptions) -> Result<Self> {
        let types = fields.iter().map(|field| stored_type(field)).collect::<Result<Vec<_>>>()?;
        let zones = fields
            .iter()
            .map(|field| if options.statistics { ZoneCollector::new(&decoded_type(field.data_type())) } else { None })
            .collect();
        let context = array_context();
        let index = FragmentIndex {
            stripe_rows: u32::try_from(STRIPE_ROWS).unwrap_or(u32::MAX),
            encodings: context.to_ids().iter().map(ToString::to_string).collect(),
            ..FragmentIndex::default()
        };
        Ok(Self {
            upload: store.upload(&path)?,
            path,
            runtime: Arc::clone(store.runtime()),
            offset: 0,
            fields,
            types,
            context: Arc::new(context),
            options,
            index,
            checksums: Vec::new(),
            zones,
            in_flight: VecDeque::new(),
            partial: false,
        })
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.index.rows
    }

    /// Appends the next stripe: [`STRIPE_ROWS`] rows, or fewer for the last one. Key spaces also give the encoded key
    /// of its first row. Returns once few enough stripes wait for the compressor, so memory stays bounded.
    pub async fn write_stripe(&mut self, columns: &[ArrayRef], first_key: Option<Bytes>) -> Result<()> {
        let rows = columns.first().map_or(0, |column| column.len());
        if rows == 0 || rows > STRIPE_ROWS || self.partial || columns.len() != self.fields.len() {
            bail!(Code::Internal, "a stripe of {rows} rows cannot follow in fragment {}", self.path);
        }
        self.partial = rows < STRIPE_ROWS;
        if self.index.columns.is_empty() {
            self.index.columns = columns
                .iter()
                .map(|column| ColumnIndex {
                    block_rows: block_rows(column, self.options.block_bytes_max),
                    ..ColumnIndex::default()
                })
                .collect();
        }
        self.index.rows += rows as u64;
        self.index.first_keys.extend(first_key);
        let tasks =
            columns.iter().enumerate().map(|(column, values)| self.encode(column, Arc::clone(values))).collect();
        self.in_flight.push_back(tasks);
        while self.in_flight.len() > self.runtime.parallelism() {
            self.drain_one().await?;
        }
        Ok(())
    }

    /// Starts compressing one column of a stripe.
    fn encode(&self, column: usize, values: ArrayRef) -> ColumnTask {
        let field: FieldRef = Arc::clone(&self.fields[column]);
        let context = Arc::clone(&self.context);
        let block_rows = self.index.columns[column].block_rows as usize;
        let with_bounds = self.zones[column].is_some();
        self.runtime.spawn_work(move || encode_column(&values, &field, block_rows, with_bounds, &context))
    }

    /// Writes the oldest stripe in flight.
    async fn drain_one(&mut self) -> Result<()> {
        let Some(tasks) = self.in_flight.pop_front() else { return Ok(()) };
        for (column, task) in tasks.into_iter().enumerate() {
            let encoded = task.await??;
            if let (Some(zones), Some(bounds)) = (&mut self.zones[column], encoded.bounds) {
                zones.push(bounds);
            }
            for block in encoded.blocks {
                self.write_block(block).await?;
            }
        }
        Ok(())
    }

    async fn write_block(&mut self, block: Bytes) -> Result<()> {
        if self.offset == 0 {
            self.write(Bytes::from_static(&MAGIC_BYTES)).await?;
        }
        self.pad().await?;
        let length = u32::try_from(block.len()).map_err(|_| {
            Error::new(Code::LimitExceeded, "values of one block exceed 4 GiB: write fewer or smaller values at once")
        })?;
        self.index.lengths.push(length);
        self.checksums.extend_from_slice(&checksum32(&block).to_le_bytes());
        self.write(block).await
    }

    /// Fills up to the next multiple of the block alignment.
    async fn pad(&mut self) -> Result<()> {
        const ZEROS: [u8; 64] = [0; 64];
        let padding = self.offset.next_multiple_of(BLOCK_ALIGNMENT) - self.offset;
        let padding = usize::try_from(padding).unwrap_or(0);
        self.write(Bytes::from_static(&ZEROS[..padding])).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if !bytes.is_empty() {
            self.offset += bytes.len() as u64;
            self.upload.write(bytes).await?;
        }
        Ok(())
    }

    /// Completes the fragment: statistics, index, Vortex footer. The object exists when this returns.
    pub async fn finish(mut self) -> Result<FragmentRef> {
        while !self.in_flight.is_empty() {
            self.drain_one().await?;
        }
        if self.index.lengths.is_empty() {
            bail!(Code::Internal, "fragment {} has no rows", self.path);
        }
        self.index.statistics_offset = self.offset;
        for (column, zones) in std::mem::take(&mut self.zones).into_iter().enumerate() {
            let Some(zones) = zones else { continue };
            let bytes = zones.finish()?;
            self.index.columns[column].statistics_length = u32::try_from(bytes.len())
                .map_err(|_| Error::new(Code::LimitExceeded, "a fragment has too many stripes"))?;
            self.index.columns[column].statistics_checksum = checksum32(&bytes);
            self.write(bytes).await?;
        }
        self.index.checksums = std::mem::take(&mut self.checksums).into();
        let index = Bytes::from(self.index.encode_to_vec());
        let mut reference = FragmentRef {
            path: self.path.clone(),
            size: u64::MAX,
            rows: self.index.rows,
            index_offset: self.offset,
            index_length: u32::try_from(index.len())
                .map_err(|_| Error::new(Code::LimitExceeded, "a fragment has too many blocks"))?,
            index_checksum: xxh3_64(&index),
        };
        self.write(index).await?;
        self.pad().await?;
        let blocks = Blocks::new(self.index.clone(), &reference)?;
        let names: Vec<String> = self.fields.iter().map(|field| field.name().clone()).collect();
        let footer = vortex_footer::encode(&blocks, &names, &self.types, &self.context, self.offset)?;
        self.write(footer).await?;
        self.upload.finish().await?;
        reference.size = self.offset;
        debug_assert!(blocks.range(0).start == FIRST_BLOCK);
        Ok(reference)
    }
}

fn encode_column(
    values: &ArrayRef,
    field: &Field,
    block_rows: usize,
    with_bounds: bool,
    context: &ArrayContext,
) -> Result<EncodedColumn> {
    let blocks = (0..values.len())
        .step_by(block_rows)
        .map(|begin| encode_block(&values.slice(begin, block_rows.min(values.len() - begin)), field, context))
        .collect::<Result<Vec<_>>>()?;
    Ok(EncodedColumn { blocks, bounds: if with_bounds { bounds(values) } else { None } })
}

/// Rows per block, halved from a whole stripe until a block's values are expected to fit the limit.
fn block_rows(column: &ArrayRef, bytes_max: usize) -> u32 {
    let bytes = value_bytes(column);
    let per_row = bytes.div_ceil(column.len().max(1)).max(1);
    let mut rows = STRIPE_ROWS;
    while rows > 1 && rows * per_row > bytes_max {
        rows /= 2;
    }
    u32::try_from(rows).unwrap_or(1)
}
