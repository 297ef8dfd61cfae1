//! The standard footer that makes a fragment a Vortex file for every other reader.
//!
//! The engine never reads it. It describes each column as chunks of flat blocks, one chunk per block.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use vortex::array::ArrayContext;
use vortex::buffer::Alignment;
use vortex::dtype::{DType, FieldNames, Nullability, StructFields};
use vortex::file::{Footer, SegmentSpec};
use vortex::layout::layouts::chunked::ChunkedLayout;
use vortex::layout::layouts::flat::FlatLayout;
use vortex::layout::layouts::struct_::StructLayout;
use vortex::layout::segments::SegmentId;
use vortex::layout::{LayoutRef, layout_children};
use vortex::session::registry::ReadContext;

use super::index::{BLOCK_ALIGNMENT, Blocks};
use super::session::write_failed;
use crate::error::{Code, Error, Result};

/// Encodes the footer of a file whose blocks `blocks` describes and whose bytes so far end at `offset`.
pub(crate) fn encode(
    blocks: &Blocks,
    names: &[String],
    types: &[DType],
    context: &ArrayContext,
    offset: u64,
) -> Result<Bytes> {
    let read_context = ReadContext::new(context.to_ids());
    let columns = types
        .iter()
        .enumerate()
        .map(|(column, dtype)| column_layout(blocks, column, dtype, &read_context))
        .collect::<Result<Vec<_>>>()?;
    let fields = StructFields::new(FieldNames::from_iter(names.iter().map(String::as_str)), types.to_vec());
    let dtype = DType::Struct(fields, Nullability::NonNullable);
    let root = StructLayout::new(blocks.index.rows, dtype, columns).into_layout();
    let segments: Arc<[SegmentSpec]> = blocks
        .index
        .lengths
        .iter()
        .enumerate()
        .map(|(block, length)| SegmentSpec {
            offset: blocks.range(block).start,
            length: *length,
            alignment: Alignment::new(usize::try_from(BLOCK_ALIGNMENT).unwrap_or(64)),
        })
        .collect();
    let buffers = Footer::new(root, segments, None, read_context)
        .into_serializer()
        .with_offset(offset)
        .serialize()
        .map_err(write_failed)?;
    let mut bytes = BytesMut::with_capacity(buffers.iter().map(|buffer| buffer.len()).sum());
    for buffer in &buffers {
        bytes.extend_from_slice(buffer.as_slice());
    }
    Ok(bytes.freeze())
}

fn column_layout(blocks: &Blocks, column: usize, dtype: &DType, context: &ReadContext) -> Result<LayoutRef> {
    let rows = blocks.index.rows;
    let stripes = usize::try_from(rows.div_ceil(blocks.stripe_rows()))
        .map_err(|_| Error::new(Code::LimitExceeded, "a fragment has too many rows"))?;
    let block_rows = blocks.block_rows(column);
    let mut chunks = Vec::new();
    for stripe in 0..stripes {
        let stripe_rows = blocks.rows_of(stripe);
        for block in 0..stripe_rows.div_ceil(block_rows) {
            let block_len = block_rows.min(stripe_rows - block * block_rows);
            let segment = u32::try_from(blocks.block(stripe, column, block))
                .map_err(|_| Error::new(Code::LimitExceeded, "a fragment has too many blocks"))?;
            let flat = FlatLayout::new(block_len as u64, dtype.clone(), SegmentId::from(segment), context.clone());
            chunks.push(flat.into_layout());
        }
    }
    Ok(ChunkedLayout::new(rows, dtype.clone(), layout_children(chunks)).into_layout())
}
