//! From batches as a user has them to sorted runs on the store.
//!
//! Input is buffered up to the fragment target, sorted if it is not sorted already, and written as one run: a key space
//! and a fragment per column group. Memory is bounded by the target whatever the size of the input; input that is not
//! in key order becomes several overlapping runs of one operation.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, FieldRef, Schema};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::pending::{PendingFragment, PendingRun};
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::fragment::{FragmentRef, FragmentWriter, STRIPE_ROWS, WriteOptions, value_bytes};
use crate::key::{KeyRows, KeySchema, SortedCheck};
use crate::store::Store;
use crate::table::Names;
use crate::types::{Column, ColumnPath, flatten, flatten_schema, storage_type, to_storage};

/// Fragments of one run that are written at the same time.
const FRAGMENTS_IN_FLIGHT: usize = 4;

/// Columns per fragment file at most; wider groups are stored in several files side by side.
const FRAGMENT_COLUMNS_MAX: usize = crate::table::CHUNK_COLUMNS as usize;

/// How input becomes runs.
#[derive(Debug, Clone)]
pub(crate) struct IngestOptions {
    /// Uncompressed bytes after which a run is written.
    pub(crate) run_bytes: usize,
    /// Whether a null struct becomes null leaves instead of an error.
    pub(crate) push_down_nulls: bool,
    /// Whether a key may come several times, as in deletions; otherwise it is an error.
    pub(crate) repeated_keys: bool,
    /// Layout of fragments.
    pub(crate) layout: WriteOptions,
}

/// A value column of the input.
#[derive(Debug, Clone)]
pub(crate) struct InputColumn {
    pub(crate) path: ColumnPath,
    /// The field as written.
    pub(crate) field: FieldRef,
    /// The field as stored.
    pub(crate) stored: FieldRef,
}

/// One buffered batch, in stored types.
struct Part {
    keys: Vec<ArrayRef>,
    values: Vec<ArrayRef>,
}

/// Consumes the batches of one write operation.
pub(crate) struct Ingest {
    store: Store,
    names: Names,
    schema: KeySchema,
    options: IngestOptions,
    /// Set by the first batch.
    columns: Option<Arc<[InputColumn]>>,
    parts: Vec<Part>,
    bytes: usize,
    rows: usize,
    runs: Vec<PendingRun>,
}

/// What one write operation put on the store, or holds to be carried by the commit itself.
pub(crate) struct Ingested {
    pub(crate) columns: Arc<[InputColumn]>,
    pub(crate) runs: Vec<PendingRun>,
    /// All rows in key order, when they are few enough to be carried inline: key columns, then value columns.
    pub(crate) inline: Option<InlineRows>,
}

/// A few rows in key order.
#[derive(Clone)]
pub(crate) struct InlineRows {
    pub(crate) keys: KeyRows,
    pub(crate) values: Vec<ArrayRef>,
}

impl Ingest {
    pub(crate) fn new(store: &Store, names: Names, schema: KeySchema, options: IngestOptions) -> Self {
        Self {
            store: store.clone(),
            names,
            schema,
            options,
            columns: None,
            parts: Vec::new(),
            bytes: 0,
            rows: 0,
            runs: Vec::new(),
        }
    }

    /// Learns the value columns from the schema of the first batch.
    pub(crate) fn prepare(&mut self, schema: &Schema) -> Result<Arc<[InputColumn]>> {
        if let Some(columns) = &self.columns {
            return Ok(Arc::clone(columns));
        }
        let columns: Arc<[InputColumn]> = input_columns(&self.schema, flatten_schema(schema)?)?.into();
        Ok(Arc::clone(self.columns.insert(columns)))
    }

    /// Adds a batch. All batches have the columns and types of the first.
    pub(crate) async fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = self.prepare(batch.schema_ref())?;
        let leaves = flatten(batch, self.options.push_down_nulls)?;
        // Large batches are buffered in slices, so that a run ends near its target.
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let part = self.part(&columns, leaves)?;
        let bytes = part.bytes();
        let per_row = bytes.div_ceil(rows).max(1);
        let step = (self.options.run_bytes / per_row).clamp(1, u32::MAX as usize / 4);
        let mut begin = 0;
        while begin < rows {
            let room = self.options.run_bytes.saturating_sub(self.bytes) / per_row;
            let len = room.clamp(1, step).min(rows - begin);
            self.parts.push(part.slice(begin, len));
            self.bytes += len * per_row;
            self.rows += len;
            begin += len;
            if self.bytes >= self.options.run_bytes {
                self.write_run().await?;
            }
        }
        Ok(())
    }

    /// The arrays of a batch in stored types, in the order of the first batch.
    fn part(&self, columns: &[InputColumn], leaves: Vec<Column>) -> Result<Part> {
        let mut by_path: BTreeMap<ColumnPath, ArrayRef> =
            leaves.into_iter().map(|leaf| (leaf.path, leaf.array)).collect();
        let keys = self
            .schema
            .fields()
            .iter()
            .map(|field| {
                let path = ColumnPath::root().child(field.name())?;
                let array = by_path.remove(&path).ok_or_else(|| missing_key(field.name()))?;
                if array.data_type() == field.data_type() {
                    return Ok(array);
                }
                if !same_kind(array.data_type(), field.data_type()) {
                    return Err(type_mismatch(&path, field.data_type(), array.data_type()));
                }
                Ok(arrow_cast::cast(&array, field.data_type())?)
            })
            .collect::<Result<Vec<_>>>()?;
        let values = columns
            .iter()
            .map(|column| {
                let Some(array) = by_path.remove(&column.path) else {
                    bail!(Code::TypeMismatch, "column {} is missing from a later batch of the same write", column.path);
                };
                if array.data_type() != column.field.data_type() {
                    return Err(type_mismatch(&column.path, column.field.data_type(), array.data_type()));
                }
                to_storage(&array)
            })
            .collect::<Result<Vec<_>>>()?;
        if let Some((path, _)) = by_path.into_iter().next() {
            bail!(Code::TypeMismatch, "column {path} is not in the first batch of the same write");
        }
        Ok(Part { keys, values })
    }

    /// Writes what is left and returns the operation. Rows below `inline_bytes_max` are returned instead of written.
    pub(crate) async fn finish(mut self, inline_bytes_max: usize) -> Result<Ingested> {
        let Some(columns) = self.columns.clone() else {
            return Ok(Ingested { columns: Arc::new([]), runs: Vec::new(), inline: None });
        };
        let inline = if self.runs.is_empty() && self.rows > 0 && self.bytes <= inline_bytes_max {
            let sorted = self.sort()?;
            let values = (0..columns.len()).map(|at| sorted.values(at, 0..sorted.keys.len())).collect::<Result<_>>()?;
            Some(InlineRows { keys: sorted.keys, values })
        } else {
            self.write_run().await?;
            None
        };
        if !self.options.repeated_keys {
            super::unique::check(&self.store, &self.schema, &self.runs).await?;
        }
        Ok(Ingested { columns, runs: self.runs, inline })
    }

    /// Takes the buffered parts in key order.
    fn sort(&mut self) -> Result<Sorted> {
        let parts = std::mem::take(&mut self.parts);
        (self.bytes, self.rows) = (0, 0);
        let keys = (0..self.schema.len())
            .map(|key| {
                let columns: Vec<&dyn Array> = parts.iter().map(|part| part.keys[key].as_ref()).collect();
                Ok(arrow_select::concat::concat(&columns)?)
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let keys = KeyRows::try_new(self.schema.clone(), &keys)?;
        Sorted::new(keys, parts, self.options.repeated_keys)
    }

    /// Writes the buffered rows as one run.
    async fn write_run(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let sorted = Arc::new(self.sort()?);
        let columns = self.columns.clone().unwrap_or_else(|| Arc::new([]));
        let keys = write_keys(&self.store, self.names.key_space(), &sorted.keys).await?;
        let mut wanted = Vec::new();
        for (group, members) in by_group(&columns) {
            for members in members.chunks(FRAGMENT_COLUMNS_MAX) {
                wanted.push((group.clone(), members.to_vec(), self.names.fragment()));
            }
        }
        let (store, layout) = (&self.store, self.options.layout);
        let fragments = stream::iter(wanted)
            .map(|(group, members, path)| {
                let (sorted, columns) = (Arc::clone(&sorted), Arc::clone(&columns));
                async move {
                    let data = write_values(store, path, &sorted, &columns, &members, layout).await?;
                    let columns = members.iter().map(|at| columns[*at].path.clone()).collect();
                    Ok::<_, Error>(PendingFragment { group, columns, data })
                }
            })
            .buffered(FRAGMENTS_IN_FLIGHT)
            .try_collect()
            .await?;
        let rows = sorted.keys.len();
        self.runs.push(PendingRun { keys, first: sorted.keys.key(0), last: sorted.keys.key(rows - 1), fragments });
        Ok(())
    }
}

/// Value columns of a group, by position in the input.
fn by_group(columns: &[InputColumn]) -> BTreeMap<ColumnPath, Vec<usize>> {
    let mut groups: BTreeMap<ColumnPath, Vec<usize>> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        groups.entry(column.path.group()).or_default().push(at);
    }
    groups
}

/// Writes sorted keys as a key space.
pub(crate) async fn write_keys(store: &Store, path: String, keys: &KeyRows) -> Result<FragmentRef> {
    let fields = stored_keys(keys.schema())?;
    let columns = keys.columns().iter().map(to_storage).collect::<Result<Vec<_>>>()?;
    let layout = WriteOptions { statistics: false, ..WriteOptions::default() };
    let mut writer = FragmentWriter::try_new(store, path, fields, layout)?;
    for rows in stripes(keys.len()) {
        let stripe: Vec<_> = columns.iter().map(|column| column.slice(rows.start, rows.len())).collect();
        let first = Bytes::copy_from_slice(keys.key(rows.start).as_bytes());
        writer.write_stripe(&stripe, Some(first)).await?;
    }
    writer.finish().await
}

/// The fields of key columns as key-space files hold them.
pub(crate) fn stored_keys(schema: &KeySchema) -> Result<Vec<FieldRef>> {
    schema
        .fields()
        .iter()
        .map(|field| Ok(Arc::new(Field::new(field.name(), storage_type(field.data_type())?, false))))
        .collect()
}

async fn write_values(
    store: &Store,
    path: String,
    sorted: &Sorted,
    columns: &[InputColumn],
    members: &[usize],
    layout: WriteOptions,
) -> Result<FragmentRef> {
    let fields = members.iter().map(|at| Arc::clone(&columns[*at].stored)).collect();
    let mut writer = FragmentWriter::try_new(store, path, fields, layout)?;
    for rows in stripes(sorted.keys.len()) {
        let stripe = members.iter().map(|at| sorted.values(*at, rows.clone())).collect::<Result<Vec<_>>>()?;
        writer.write_stripe(&stripe, None).await?;
    }
    writer.finish().await
}

/// The row ranges of the stripes of `rows` rows.
pub(crate) fn stripes(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(STRIPE_ROWS).map(move |begin| begin..(begin + STRIPE_ROWS).min(rows))
}

/// Buffered rows in key order. Values are put in order a stripe at a time, so that sorting copies no whole column.
struct Sorted {
    keys: KeyRows,
    parts: Vec<Part>,
    /// First row of each part in the concatenation of all.
    begins: Vec<usize>,
    /// Row in the concatenation for each row in key order; `None` when the input was sorted.
    order: Option<UInt32Array>,
}

impl Sorted {
    fn new(keys: KeyRows, parts: Vec<Part>, repeated_keys: bool) -> Result<Self> {
        let begins = parts
            .iter()
            .scan(0, |end, part| {
                let begin = *end;
                *end += part.rows();
                Some(begin)
            })
            .collect();
        if keys.check_sorted() == SortedCheck::Sorted {
            return Ok(Self { keys, parts, begins, order: None });
        }
        let mut order = keys.sort_indices();
        let mut sorted = keys.take(&order)?;
        if let SortedCheck::Duplicate(row) = sorted.check_sorted() {
            if !repeated_keys {
                return Err(duplicate(&sorted, row));
            }
            let first_of_its_key = |row: &usize| *row == 0 || sorted.compare(row - 1, &sorted, *row).is_ne();
            order = (0..sorted.len()).filter(first_of_its_key).map(|row| order.value(row)).collect::<Vec<_>>().into();
            sorted = keys.take(&order)?;
        }
        Ok(Self { keys: sorted, parts, begins, order: Some(order) })
    }

    /// The values of a column for a range of rows in key order.
    fn values(&self, column: usize, rows: Range<usize>) -> Result<ArrayRef> {
        match &self.order {
            None => {
                let mut slices = Vec::new();
                for (part, begin) in self.parts.iter().zip(&self.begins) {
                    let from = rows.start.max(*begin);
                    let to = rows.end.min(begin + part.rows());
                    if from < to {
                        slices.push(part.values[column].slice(from - begin, to - from));
                    }
                }
                if slices.len() == 1 {
                    return Ok(slices.swap_remove(0));
                }
                let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
                Ok(arrow_select::concat::concat(&slices)?)
            }
            Some(order) => {
                let arrays: Vec<&dyn Array> = self.parts.iter().map(|part| part.values[column].as_ref()).collect();
                let indices: Vec<(usize, usize)> = order.values()[rows]
                    .iter()
                    .map(|row| {
                        let row = *row as usize;
                        let part = self.begins.partition_point(|begin| *begin <= row) - 1;
                        (part, row - self.begins[part])
                    })
                    .collect();
                Ok(arrow_select::interleave::interleave(&arrays, &indices)?)
            }
        }
    }
}

impl Part {
    fn rows(&self) -> usize {
        self.keys.first().map_or(0, |key| key.len())
    }

    fn bytes(&self) -> usize {
        self.keys.iter().chain(&self.values).map(value_bytes).sum()
    }

    fn slice(&self, begin: usize, len: usize) -> Self {
        let slice = |arrays: &[ArrayRef]| arrays.iter().map(|array| array.slice(begin, len)).collect();
        Self { keys: slice(&self.keys), values: slice(&self.values) }
    }
}

/// The value columns of the input, checked to be storable.
fn input_columns(schema: &KeySchema, leaves: Vec<(ColumnPath, FieldRef)>) -> Result<Vec<InputColumn>> {
    let keys =
        schema.fields().iter().map(|field| ColumnPath::root().child(field.name())).collect::<Result<BTreeSet<_>>>()?;
    let present: BTreeSet<&ColumnPath> = leaves.iter().map(|(path, _)| path).collect();
    if let Some(missing) = keys.iter().find(|key| !present.contains(key)) {
        return Err(missing_key(missing.leaf()));
    }
    leaves
        .into_iter()
        .filter(|(path, _)| !keys.contains(path))
        .map(|(path, field)| {
            let stored = storage_type(field.data_type())
                .map_err(|error| Error::new(error.code(), format!("column {path}: {}", error.message())))?;
            let stored = Arc::new(Field::new(path.leaf(), stored, true));
            Ok(InputColumn { path, field, stored })
        })
        .collect()
}

/// Whether values of one type can be written to a column of the other without change of meaning.
pub(crate) fn same_kind(a: &DataType, b: &DataType) -> bool {
    fn kind(data_type: &DataType) -> DataType {
        match data_type {
            DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
            DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
            DataType::Dictionary(_, values) => kind(values),
            other => other.clone(),
        }
    }
    kind(a) == kind(b)
}

pub(crate) fn type_mismatch(path: &ColumnPath, column: &DataType, written: &DataType) -> Error {
    Error::new(
        Code::TypeMismatch,
        format!(
            "column {path} has type {column} and cannot be written as {written}: cast the values or use a new name"
        ),
    )
}

fn missing_key(name: &str) -> Error {
    Error::new(Code::MissingKeyColumn, format!("the input lacks key column {name}; every write names all key columns"))
}

pub(crate) fn duplicate(keys: &KeyRows, row: usize) -> Error {
    Error::new(
        Code::DuplicateKey,
        format!("key {} occurs twice in one write: keep one row per key, or write in two operations", keys.key(row)),
    )
}
