//! The same data for other engines, as Arrow IPC files.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};

use super::data;

/// Writes `data.arrow`, `upsert-N.arrow`, `keys-N.arrow` and `added.arrow`. Strings are plain ones, which every engine
/// reads.
pub(crate) fn write(
    folder: &Path,
    rows: usize,
    batches: &[RecordBatch],
    upserts: &[RecordBatch],
    added: &[RecordBatch],
) {
    write_file(&folder.join("data.arrow"), batches);
    for (round, batch) in upserts.iter().enumerate() {
        write_file(&folder.join(format!("upsert-{round}.arrow")), std::slice::from_ref(batch));
    }
    for count in [1, 1_000, 10_000] {
        write_file(&folder.join(format!("keys-{count}.arrow")), &[data::keys(rows, count)]);
    }
    write_file(&folder.join("added.arrow"), added);
}

fn write_file(path: &Path, batches: &[RecordBatch]) {
    let plain: Vec<RecordBatch> = batches.iter().map(plain).collect();
    let mut writer = FileWriter::try_new(File::create(path).unwrap(), &plain[0].schema()).unwrap();
    for batch in &plain {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
}

/// The batch with strings by offset.
fn plain(batch: &RecordBatch) -> RecordBatch {
    let plain_type = |field: &Field| match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        other => other.clone(),
    };
    let fields: Vec<Field> =
        batch.schema().fields().iter().map(|field| field.as_ref().clone().with_data_type(plain_type(field))).collect();
    let columns = batch
        .columns()
        .iter()
        .zip(&fields)
        .map(|(column, field)| arrow_cast::cast(column, field.data_type()).unwrap())
        .collect();
    RecordBatch::try_new(Schema::new(fields).into(), columns).unwrap()
}
