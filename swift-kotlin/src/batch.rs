//! Rows on their way out: columns as buffers.

use arrow_array::RecordBatch;
use arrow_schema::TimeUnit;
use spiral_bindings::{self as facade, ColumnBuffers, Layout, column_buffers, type_text};

use crate::values::Value;

/// What the buffers of a column hold.
#[uniffi::remote(Enum)]
pub enum Layout {
    /// One byte per row, 0 or 1.
    Bool,
    /// Integers but `uint64`, as 64-bit integers.
    Int,
    /// `uint64`.
    UInt,
    /// Floats of any width, as 64-bit floats.
    Float,
    /// Decimals, as exact text.
    Decimal,
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// Days since 1970-01-01.
    Date,
    /// Times of day.
    Time {
        /// Their unit.
        unit: TimeUnit,
    },
    /// Moments.
    Timestamp {
        /// Their unit.
        unit: TimeUnit,
        /// Whether the column has a zone; they are then in UTC.
        zoned: bool,
    },
    /// Spans of time.
    Duration {
        /// Their unit.
        unit: TimeUnit,
    },
    /// Lists, structs, maps and intervals, as single values.
    Nested,
}

/// The rows of a column. Numbers have the machine's byte order.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ColumnData {
    /// Name of the column.
    pub name: String,
    /// Name of its type.
    pub type_name: String,
    /// What the buffers hold.
    pub layout: Layout,
    /// One byte per row, 1 where it is null; absent when no row is.
    pub nulls: Option<Vec<u8>>,
    /// Numbers of the rows, or the bytes of all rows one after another.
    pub values: Vec<u8>,
    /// Where the bytes of each row begin, and where the last ones end, as 32-bit integers.
    pub offsets: Vec<u8>,
    /// Single values, for the layout that has them.
    pub nested: Vec<Value>,
}

/// Some rows.
#[derive(Debug, Clone, uniffi::Record)]
pub struct BatchData {
    /// How many.
    pub row_count: i32,
    /// Their columns.
    pub columns: Vec<ColumnData>,
}

/// Rows found by their keys.
#[derive(Debug, Clone, uniffi::Record)]
pub struct TakenData {
    /// The rows, in the order of the keys asked for.
    pub rows: BatchData,
    /// For each row, the position of its key in the request.
    pub positions: Vec<i32>,
}

impl BatchData {
    pub(crate) fn of(batch: &RecordBatch) -> facade::Result<Self> {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, array)| {
            let ColumnBuffers { layout, nulls, values, offsets, nested } = column_buffers(array)?;
            Ok(ColumnData {
                name: field.name().clone(),
                type_name: type_text(field.data_type()),
                layout,
                nulls,
                values,
                offsets,
                nested: nested.into_iter().map(Value::from).collect(),
            })
        });
        Ok(Self { row_count: count(batch.num_rows()), columns: columns.collect::<facade::Result<_>>()? })
    }
}

impl TakenData {
    pub(crate) fn of(taken: &facade::Taken) -> facade::Result<Self> {
        let position = |position: &u64| usize::try_from(*position).map_or(i32::MAX, count);
        let positions = taken.positions.values().iter().map(position).collect();
        Ok(Self { rows: BatchData::of(&taken.rows)?, positions })
    }
}

/// Rows of a batch and of a request are far fewer than this could not count.
fn count(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}
