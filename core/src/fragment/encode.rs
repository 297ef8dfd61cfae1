//! One block: an Arrow array of one column to compressed bytes and back.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use bytes::{Bytes, BytesMut};
use vortex::array::arrays::primitive::PrimitiveDataParts;
use vortex::array::arrays::varbinview::VarBinViewDataParts;
use vortex::array::expr::stats::Stat;
use vortex::array::serde::{SerializeOptions, SerializedArray};
use vortex::array::{ArrayContext, Canonical, ExecutionCtx, IntoArray, VortexSessionExecute};
use vortex::arrow::{ArrowSessionExt, to_arrow_null_buffer};
use vortex::buffer::{Alignment, ByteBuffer};
use vortex::dtype::DType;
use vortex::mask::Mask;
use vortex::session::registry::ReadContext;

use super::decoded::{CellBuffer, Decoded};
use super::session::{compressor, read_failed, session, write_failed};
use crate::error::{Code, Error, Result};

/// Compresses one column's values into the bytes of a block.
pub(crate) fn encode_block(array: &ArrayRef, field: &Field, context: &ArrayContext) -> Result<Bytes> {
    let session = session();
    let values = session.arrow().from_arrow_array(compact(array), field).map_err(write_failed)?;
    let compressed = compressor().compress(&values, &mut session.create_execution_ctx()).map_err(write_failed)?;
    // Statistics stand by themselves, once per stripe; those of every array in a block would be parsed at every read.
    for part in compressed.depth_first_traversal() {
        Stat::all().for_each(|stat| part.statistics().clear(stat));
    }
    let buffers = compressed
        .serialize(context, session, &SerializeOptions { offset: 0, include_padding: true })
        .map_err(write_failed)?;
    let mut bytes = BytesMut::with_capacity(buffers.iter().map(ByteBuffer::len).sum());
    for buffer in &buffers {
        bytes.extend_from_slice(buffer.as_slice());
    }
    Ok(bytes.freeze())
}

/// A slice of views refers to all the bytes that the whole had; this leaves only its own.
pub(crate) fn compact(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => Arc::clone(array),
    }
}

/// Bytes of the values of an array, those of its own slice only.
pub(crate) fn value_bytes(array: &ArrayRef) -> usize {
    let views = |lengths: usize| lengths + array.len() * 16;
    match array.data_type() {
        DataType::Utf8View => views(array.as_string_view().lengths().map(|length| length as usize).sum()),
        DataType::BinaryView => views(array.as_binary_view().lengths().map(|length| length as usize).sum()),
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

/// The Vortex type that an Arrow field is stored as.
pub(crate) fn stored_type(field: &Field) -> Result<DType> {
    session().arrow().from_arrow_field(field).map_err(|error| {
        Error::new(Code::UnsupportedType, format!("type {} cannot be stored: {error}", field.data_type()))
    })
}

/// Rows of a block that a read wants.
pub(crate) enum Keep {
    Range(Range<usize>),
    Mask(Mask),
}

/// What decoding needs beside the blocks, once for as many of them as are decoded together.
pub(crate) fn decoding_context() -> ExecutionCtx {
    session().create_execution_ctx()
}

/// Decodes blocks of one column into one Arrow array each.
pub(crate) struct BlockDecoder {
    /// The Arrow field to return, in the physical type of the engine.
    field: Field,
    stored: DType,
    encodings: ReadContext,
}

impl BlockDecoder {
    pub(crate) fn try_new(field: &Field, encodings: ReadContext) -> Result<Self> {
        Ok(Self { stored: stored_type(field)?, field: field.clone(), encodings })
    }

    /// The Arrow type of the result.
    pub(crate) fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// Decodes those rows of a block of `rows` rows that `keep` names.
    pub(crate) fn decode(&self, bytes: Bytes, rows: usize, keep: Keep, context: &mut ExecutionCtx) -> Result<ArrayRef> {
        let block = self.parse(bytes, rows)?;
        let kept = match keep {
            Keep::Range(range) => block.slice(range),
            Keep::Mask(mask) => block.filter(mask),
        };
        self.export(kept.map_err(read_failed)?, context)
    }

    /// Decodes all `rows` rows of a block into cells that can be written over.
    pub(crate) fn decode_writable(&self, bytes: Bytes, rows: usize, context: &mut ExecutionCtx) -> Result<Decoded> {
        let decoded = self.parse(bytes, rows)?.execute::<Canonical>(context).map_err(read_failed)?;
        let nulls = |validity, context: &mut ExecutionCtx| to_arrow_null_buffer(validity, rows, context);
        match decoded {
            Canonical::Primitive(array) if self.data_type().primitive_width() == Some(array.ptype().byte_width()) => {
                let PrimitiveDataParts { buffer, validity, .. } = array.into_data_parts();
                let nulls = nulls(validity, context).map_err(read_failed)?;
                Ok(Decoded::Fixed(CellBuffer(buffer.into_host_sync()), nulls))
            }
            Canonical::VarBinView(array) => {
                // A clone in the usual case: what it was made from goes, so that the views have one owner.
                let compacted = array.compact_buffers(context).map_err(read_failed)?;
                drop(array);
                let VarBinViewDataParts { views, buffers, validity, .. } = compacted.into_data_parts();
                let buffers = buffers.iter().map(|buffer| buffer.to_host_sync().into_arrow_buffer()).collect();
                let nulls = nulls(validity, context).map_err(read_failed)?;
                Ok(Decoded::Views(CellBuffer(views.into_host_sync()), buffers, nulls))
            }
            other => Ok(Decoded::Array(self.export(other.into_array(), context)?)),
        }
    }

    fn parse(&self, bytes: Bytes, rows: usize) -> Result<vortex::array::ArrayRef> {
        let buffer = ByteBuffer::from(bytes).aligned(Alignment::none());
        SerializedArray::try_from(buffer)
            .and_then(|parts| parts.decode(&self.stored, rows, &self.encodings, session()))
            .map_err(read_failed)
    }

    fn export(&self, array: vortex::array::ArrayRef, context: &mut ExecutionCtx) -> Result<ArrayRef> {
        let decoded = session().arrow().execute_arrow(array, Some(&self.field), context).map_err(read_failed)?;
        debug_assert_eq!(decoded.data_type(), self.field.data_type());
        Ok(decoded)
    }
}

/// The type blocks of a stored type decode to: strings and binaries as views, which share the decoded bytes.
pub(crate) fn decoded_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}
