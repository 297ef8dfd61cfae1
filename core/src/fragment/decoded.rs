//! Decoded columns that can still be written over.
//!
//! Arrow arrays cannot be changed once they are made. Where newer cells take the place of few decoded ones, copying all
//! the others for them would cost as much as decoding a narrow column does.

use arrow_array::ArrayRef;
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use vortex::buffer::ByteBuffer;

/// The cells of a decoded column.
pub enum Decoded {
    /// Decoded of fixed width, and which of them are null.
    Fixed(CellBuffer, Option<NullBuffer>),
    /// Strings or binaries: their views, the buffers these refer to, and which of them are null.
    Views(CellBuffer, Vec<Buffer>, Option<NullBuffer>),
    /// Decoded of any kind, as they are.
    Array(ArrayRef),
}

/// Decoded of one width.
pub struct CellBuffer(pub(super) ByteBuffer);

impl CellBuffer {
    /// Lets `write` change the cells: in place, unless something else holds them too.
    pub fn write<N: ArrowNativeType>(self, write: impl FnOnce(&mut [N])) -> ScalarBuffer<N> {
        let mut cells = vortex::buffer::Buffer::<N>::from_byte_buffer(self.0).into_mut();
        write(&mut cells);
        cells.freeze().into_arrow_scalar_buffer()
    }
}

#[cfg(test)]
impl Decoded {
    /// The cells of an array, as if they had been decoded.
    pub(crate) fn of(array: &ArrayRef) -> Self {
        use arrow_array::Array;
        use arrow_array::cast::AsArray;
        use arrow_schema::DataType;
        use vortex::buffer::Alignment;

        let cells = |buffer: &Buffer, width| CellBuffer(ByteBuffer::copy_from_aligned(buffer, Alignment::new(width)));
        let nulls = array.nulls().cloned();
        let views = |views: &ScalarBuffer<u128>, buffers: &[Buffer]| {
            Self::Views(cells(views.inner(), size_of::<u128>()), buffers.to_vec(), nulls.clone())
        };
        match (array.data_type(), array.data_type().primitive_width()) {
            (_, Some(width)) => {
                let (data, begin) = (array.to_data(), array.offset() * width);
                let buffer = data.buffers()[0].slice_with_length(begin, array.len() * width);
                Self::Fixed(cells(&buffer, width), nulls)
            }
            (DataType::Utf8View, _) => views(array.as_string_view().views(), array.as_string_view().data_buffers()),
            (DataType::BinaryView, _) => views(array.as_binary_view().views(), array.as_binary_view().data_buffers()),
            _ => Self::Array(ArrayRef::clone(array)),
        }
    }
}
