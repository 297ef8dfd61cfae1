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
pub struct CellBuffer(ByteBuffer);

impl CellBuffer {
    pub(super) fn new(bytes: ByteBuffer) -> Self {
        Self(bytes)
    }

    /// Lets `write` change the cells: in place, unless something else holds them too.
    pub fn write<N: ArrowNativeType>(self, write: impl FnOnce(&mut [N])) -> ScalarBuffer<N> {
        let mut cells = vortex::buffer::Buffer::<N>::from_byte_buffer(self.0).into_mut();
        write(&mut cells);
        cells.freeze().into_arrow_scalar_buffer()
    }
}
