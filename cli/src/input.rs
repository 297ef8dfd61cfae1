//! Files as streams of record batches. Nothing is read whole.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use spiral_bindings::KeyColumn;
use spiral_bindings::core::key::KeySchema;
use spiral_bindings::core::{Code, Error, Result};

use crate::arguments::Format;

/// Rows of a batch as readers make them.
const BATCH_ROWS: usize = 32 << 10;

/// Rows from which the types of a CSV or JSON file are guessed.
const SAMPLE_ROWS: usize = 10_000;

/// Batches of a file, and its schema.
pub(crate) struct Input {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
}

/// Opens a file.
pub(crate) fn open(path: &Path, format: Option<Format>) -> Result<Input> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Code::InvalidArgument, format!("{} cannot be read: {error}", path.display()))
    };
    let format = match format {
        Some(format) => format,
        None => by_extension(path)?,
    };
    let file = || File::open(path).map_err(|error| failed(&error));
    match format {
        Format::Parquet => parquet(file()?, &failed),
        Format::Arrow => {
            let reader = arrow_ipc::reader::FileReader::try_new_buffered(file()?, None);
            match reader {
                Ok(reader) => Ok(Input { schema: reader.schema(), batches: Box::new(reader) }),
                Err(_) => {
                    let reader = arrow_ipc::reader::StreamReader::try_new_buffered(file()?, None);
                    let reader = reader.map_err(|error| failed(&error))?;
                    Ok(Input { schema: reader.schema(), batches: Box::new(reader) })
                }
            }
        }
        Format::Csv => {
            let format = arrow_csv::reader::Format::default().with_header(true);
            let (schema, _) = format.infer_schema(file()?, Some(SAMPLE_ROWS)).map_err(|error| failed(&error))?;
            let reader = arrow_csv::ReaderBuilder::new(Arc::new(schema.clone()))
                .with_header(true)
                .with_batch_size(BATCH_ROWS)
                .build(file()?)
                .map_err(|error| failed(&error))?;
            Ok(Input { schema: Arc::new(schema), batches: Box::new(reader) })
        }
        Format::Jsonl => {
            let (schema, _) = arrow_json::reader::infer_json_schema(BufReader::new(file()?), Some(SAMPLE_ROWS))
                .map_err(|error| failed(&error))?;
            let schema = Arc::new(schema);
            let reader = arrow_json::ReaderBuilder::new(Arc::clone(&schema))
                .with_batch_size(BATCH_ROWS)
                .build(BufReader::new(file()?))
                .map_err(|error| failed(&error))?;
            Ok(Input { schema, batches: Box::new(reader) })
        }
    }
}

pub(crate) fn parquet<R>(file: R, failed: &dyn Fn(&dyn std::fmt::Display) -> Error) -> Result<Input>
where
    R: parquet::file::reader::ChunkReader + 'static,
{
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| failed(&error))?;
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(|error| failed(&error))?;
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    Ok(Input { schema, batches: Box::new(reader) })
}

fn by_extension(path: &Path) -> Result<Format> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet" | "pq") => Ok(Format::Parquet),
        Some("arrow" | "arrows" | "ipc" | "feather") => Ok(Format::Arrow),
        Some("csv") => Ok(Format::Csv),
        Some("jsonl" | "ndjson" | "json") => Ok(Format::Jsonl),
        _ => Err(Error::new(
            Code::InvalidArgument,
            format!("the format of {} is not known: name it with --format", path.display()),
        )),
    }
}

/// The key columns of an input.
pub(crate) fn key_columns(schema: &Schema, names: &[String]) -> Result<Vec<KeyColumn>> {
    names
        .iter()
        .map(|name| match schema.field_with_name(name) {
            Ok(field) => Ok(KeyColumn::of(field)),
            Err(_) => Err(Error::new(Code::MissingKeyColumn, format!("the input has no column {name}"))),
        })
        .collect()
}

/// A key from the words of the command line.
pub(crate) fn key_batch(schema: &KeySchema, words: &[String]) -> Result<RecordBatch> {
    if words.len() != schema.len() {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        return Err(Error::new(
            Code::InvalidArgument,
            format!("a key has {} parts ({}), {} were given", schema.len(), names.join(", "), words.len()),
        ));
    }
    let columns = schema
        .fields()
        .iter()
        .zip(words)
        .map(|(field, word)| Ok((Arc::new(Field::clone(field)), value(field, word)?)))
        .collect::<Result<Vec<(_, ArrayRef)>>>()?;
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn value(field: &Field, word: &str) -> Result<ArrayRef> {
    let text: ArrayRef = Arc::new(arrow_array::StringArray::from(vec![word]));
    let target = match field.data_type() {
        // Dates and times are parsed as text is, binaries are taken as their bytes.
        DataType::Utf8 => return Ok(text),
        other => other,
    };
    let options = arrow_cast::CastOptions { safe: false, ..Default::default() };
    arrow_cast::cast_with_options(&text, target, &options).map_err(|_| {
        Error::new(Code::TypeMismatch, format!("{word:?} is not a value of key column {} ({target})", field.name()))
    })
}
