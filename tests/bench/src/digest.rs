//! What the rows of a result add up to, so that results of different engines can be compared.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use serde::Serialize;

/// Takes the batches of a result.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(RecordBatch);

/// The number of rows, and for each column the sum of its numbers or of the lengths of its strings.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Digest {
    pub(crate) rows: usize,
    sums: BTreeMap<String, f64>,
}

impl Digest {
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let sum: f64 = match column.data_type() {
                DataType::Utf8View => column.as_string_view().lengths().map(f64::from).sum(),
                DataType::Utf8 => column.as_string::<i32>().offsets().lengths().map(|length| length as f64).sum(),
                _ => {
                    let plain = match column.data_type() {
                        DataType::Timestamp(..) => arrow_cast::cast(column, &DataType::Int64).unwrap(),
                        _ => column.clone(),
                    };
                    let floats = arrow_cast::cast(&plain, &DataType::Float64).unwrap();
                    floats.as_primitive::<Float64Type>().iter().flatten().sum()
                }
            };
            *self.sums.entry(field.name().clone()).or_default() += sum;
        }
    }

    /// Whether two results have the same rows, but for the order of additions.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        self.rows == other.rows
            && self.sums.keys().eq(other.sums.keys())
            && self.sums.values().zip(other.sums.values()).all(near)
    }
}
