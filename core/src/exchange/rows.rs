//! Rows as plain objects: lists of named values to record batches and back.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, NullArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, FieldRef, Schema};

use super::build::array_from_values;
use super::columns::KeyColumn;
use super::infer::infer;
use super::names::type_from_text;
use super::read::values_from_array;
use super::value::Value;
use crate::Result;
use crate::table::Table;

/// Named values.
pub type Row = Vec<(Arc<str>, Value)>;

/// Types of the columns that rows may have.
#[derive(Debug, Clone, Default)]
pub struct RowTypes {
    fields: HashMap<String, FieldRef>,
}

impl RowTypes {
    /// The types of a schema.
    pub fn new(schema: &Schema) -> Self {
        Self { fields: schema.fields().iter().map(|field| (field.name().clone(), Arc::clone(field))).collect() }
    }

    /// The types of a table's newest version, then the declared ones.
    ///
    /// # Errors
    /// `InvalidExpression` for what is no type, the store's codes.
    pub async fn of_table(table: Table, declared: Vec<KeyColumn>) -> Result<Self> {
        Self::new(&*table.refresh().await?.schema().await?).declaring(&declared)
    }

    /// These types, then the declared ones.
    ///
    /// # Errors
    /// As [`RowTypes::declare`].
    pub fn declaring(mut self, declared: &[KeyColumn]) -> Result<Self> {
        declared.iter().try_for_each(|column| self.declare(&column.name, &column.type_name))?;
        Ok(self)
    }

    /// Names the type of a column that does not exist yet.
    ///
    /// # Errors
    /// `InvalidExpression` for what is no type.
    pub fn declare(&mut self, column: &str, type_name: &str) -> Result<()> {
        let field = Field::new(column, type_from_text(type_name)?, true);
        self.fields.entry(column.to_owned()).or_insert_with(|| Arc::new(field));
        Ok(())
    }

    /// The values of one column, or of one member of a column group, as an array. Types as in [`batch_from_rows`].
    ///
    /// # Errors
    /// As [`batch_from_rows`].
    pub fn column(&self, path: &str, values: &[Value]) -> Result<(FieldRef, ArrayRef)> {
        let mut names = path.split('.');
        let mut known = names.next().and_then(|name| self.fields.get(name));
        for name in names {
            known = match known.map(|field| field.data_type()) {
                Some(DataType::Struct(members)) => members.find(name).map(|(_, field)| field),
                _ => None,
            };
        }
        column(path, &values.iter().collect::<Vec<_>>(), known)
    }
}

/// Rows as one batch. Columns that no row names are left out; a row that does not name a column which others name
/// gets a null there. Columns without a declared type take that of their values: whole numbers `int64`, others
/// `float64`, text `utf8`, bytes `binary`, objects structs (column groups).
///
/// # Errors
/// `TypeMismatch` for values that a column cannot hold, `InvalidArgument` without any row.
pub fn batch_from_rows(rows: &[Row], types: &RowTypes) -> Result<RecordBatch> {
    let mut position: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !position.contains_key(name.as_ref()) {
            position.insert(name, names.len());
            names.push(name);
        }
    }
    let mut columns: Vec<Vec<&Value>> = vec![vec![&Value::Null; rows.len()]; names.len()];
    for (at, row) in rows.iter().enumerate() {
        for (name, value) in row {
            columns[position[name.as_ref()]][at] = value;
        }
    }
    let (mut fields, mut arrays): (Vec<FieldRef>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (name, values) in names.into_iter().zip(columns) {
        let (field, array) = column(name, &values, types.fields.get(name))?;
        fields.push(field);
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

fn column(name: &str, values: &[&Value], known: Option<&FieldRef>) -> Result<(FieldRef, ArrayRef)> {
    let data_type = match known {
        Some(field) => written_type(name, field.data_type(), values)?,
        None => infer(name, values)?,
    };
    let array = match &data_type {
        // Without any type yet: all values are null.
        DataType::Null => Arc::new(NullArray::new(values.len())),
        data_type => array_from_values(name, data_type, values.iter().copied())?,
    };
    let field = match known {
        // A null in a key column is refused where it is written.
        Some(field) if *field.data_type() == data_type && array.null_count() == 0 => Arc::clone(field),
        _ => Arc::new(Field::new(name, data_type, true)),
    };
    Ok((field, array))
}

/// The type in which values of a known column are written. Of a column group only the members that some row names
/// are: a cell that is not named stays as it is.
fn written_type(name: &str, known: &DataType, values: &[&Value]) -> Result<DataType> {
    let DataType::Struct(members) = known else { return Ok(known.clone()) };
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (member, _) in
        values.iter().filter_map(|value| if let Value::Struct(found) = value { Some(found) } else { None }).flatten()
    {
        if seen.contains(&member.as_ref()) {
            continue;
        }
        seen.push(member);
        let inner: Vec<&Value> = values
            .iter()
            .filter_map(|value| if let Value::Struct(found) = value { Some(found) } else { None })
            .filter_map(|found| found.iter().find(|(name, _)| name == member).map(|(_, value)| value))
            .collect();
        fields.push(match members.find(member) {
            Some((_, field)) => {
                let data_type = written_type(name, field.data_type(), &inner)?;
                Arc::new(Field::clone(field).with_data_type(data_type))
            }
            None => Arc::new(Field::new(member.as_ref(), infer(name, &inner)?, true)),
        });
    }
    Ok(DataType::Struct(fields.into()))
}

/// The rows of a batch, each with the columns of its schema in order.
///
/// # Errors
/// `UnsupportedType` for types that no column has.
pub fn rows_from_batch(batch: &RecordBatch) -> Result<Vec<Row>> {
    let names: Vec<Arc<str>> = batch.schema().fields().iter().map(|field| field.name().as_str().into()).collect();
    let mut columns = batch.columns().iter().map(values_from_array).collect::<Result<Vec<_>>>()?;
    let take = |row: usize, column: &mut Vec<Value>| std::mem::replace(&mut column[row], Value::Null);
    Ok((0..batch.num_rows())
        .map(|row| names.iter().cloned().zip(columns.iter_mut().map(|column| take(row, column))).collect())
        .collect())
}
