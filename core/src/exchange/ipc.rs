//! Record batches as Arrow IPC, for hosts without the C data interface.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::StreamWriter;

use crate::{Code, Error, Result};

/// First bytes of the IPC file format.
const FILE_MAGIC: &[u8] = b"ARROW1";

/// Batches of one schema as a complete IPC stream.
///
/// # Errors
/// `Internal` when the batches have different schemas.
pub fn batches_to_ipc(schema: &arrow_schema::Schema, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?)
}

/// The batches of an IPC stream or file.
///
/// # Errors
/// `InvalidArgument` for bytes that are neither.
pub fn batches_from_ipc(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    let read = || -> std::result::Result<Vec<RecordBatch>, arrow_schema::ArrowError> {
        let bytes = Cursor::new(bytes);
        if bytes.get_ref().starts_with(FILE_MAGIC) {
            FileReader::try_new(bytes, None)?.collect()
        } else {
            StreamReader::try_new(bytes, None)?.collect()
        }
    };
    read().map_err(|error| {
        let message = "the bytes are neither an Arrow IPC stream nor an Arrow IPC file";
        Error::new(Code::InvalidArgument, message).with_source(error)
    })
}
