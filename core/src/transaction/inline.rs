//! A few rows as bytes of a commit: an Arrow IPC stream of one batch.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use bytes::Bytes;

use super::ingest::InlineRows;
use crate::error::{Code, Error, Result};
use crate::fragment::compact;
use crate::key::{KeyRows, KeySchema};
use crate::types::{from_storage, to_storage};

/// Rows of one commit as they are carried: columns are nameless, the record binds them to ids.
pub(crate) fn encode(rows: &InlineRows) -> Result<Bytes> {
    let keys = rows.keys.columns().iter().map(to_storage).collect::<Result<Vec<_>>>()?;
    let columns: Vec<ArrayRef> = keys.iter().chain(&rows.values).map(compact).collect();
    let fields: Vec<Field> = columns.iter().map(|column| Field::new("", column.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.keys.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?.into())
}

/// The rows of a commit, with the values in stored types.
pub(crate) fn decode(bytes: &Bytes, schema: &KeySchema) -> Result<InlineRows> {
    let corrupt =
        |error: arrow_schema::ArrowError| Error::new(Code::Corrupt, "inline rows cannot be decoded").with_source(error);
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(corrupt)?;
    let batch = reader.next().ok_or_else(|| Error::new(Code::Corrupt, "inline rows are empty"))?.map_err(corrupt)?;
    if batch.num_columns() < schema.len() {
        return Err(Error::new(Code::Corrupt, "inline rows lack key columns"));
    }
    let keys = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| from_storage(column, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let keys = KeyRows::try_new(schema.clone(), &keys)?;
    Ok(InlineRows { keys, values: batch.columns()[schema.len()..].to_vec() })
}
