//! From a record batch to the leaves of its column tree.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

use super::path::{ColumnPath, MAX_DEPTH, check_name};
use super::{from_storage, to_storage};
use crate::bail;
use crate::error::{Code, Result};

/// A leaf of the column tree with its values.
#[derive(Debug, Clone)]
pub struct Column {
    /// Where the column is in the tree.
    pub path: ColumnPath,
    /// Name, type and metadata; always nullable, since a cell may be absent.
    pub field: FieldRef,
    /// The values.
    pub array: ArrayRef,
}

/// The leaves of a batch, in its order. Struct columns become groups.
///
/// A null struct is refused with [`Code::NullStruct`], or with `push_down_nulls` becomes nulls in all leaves below
/// it. Fails with [`Code::UnsupportedType`] on a struct without fields, which has no leaf to keep it, and with
/// [`Code::InvalidName`] on names that are empty, repeated, longer than 255 bytes or nested deeper than 64.
pub fn flatten(batch: &RecordBatch, push_down_nulls: bool) -> Result<Vec<Column>> {
    let mut leaves = Vec::with_capacity(batch.num_columns());
    let level = Level { path: ColumnPath::root(), nulls: None };
    Flatten { push_down_nulls, leaves: &mut leaves }.level(&level, batch.schema_ref().fields(), batch.columns())?;
    Ok(leaves)
}

/// The leaves of a schema, in its order, as [`flatten`] gives them for batches.
pub fn flatten_schema(schema: &Schema) -> Result<Vec<(ColumnPath, FieldRef)>> {
    let mut leaves = Vec::with_capacity(schema.fields().len());
    flatten_fields(&ColumnPath::root(), schema.fields(), &mut leaves)?;
    Ok(leaves)
}

fn flatten_fields(group: &ColumnPath, fields: &Fields, leaves: &mut Vec<(ColumnPath, FieldRef)>) -> Result<()> {
    check_level(group, fields)?;
    for field in fields {
        let path = group.child(field.name())?;
        match field.data_type() {
            DataType::Struct(inner) => {
                check_group(&path, inner)?;
                flatten_fields(&path, inner, leaves)?;
            }
            _ => leaves.push((path, nullable(field))),
        }
    }
    Ok(())
}

/// One group while it is being flattened.
struct Level {
    path: ColumnPath,
    /// Where a struct above is null.
    nulls: Option<NullBuffer>,
}

struct Flatten<'a> {
    push_down_nulls: bool,
    leaves: &'a mut Vec<Column>,
}

impl Flatten<'_> {
    fn level(&mut self, level: &Level, fields: &Fields, columns: &[ArrayRef]) -> Result<()> {
        check_level(&level.path, fields)?;
        for (field, column) in fields.iter().zip(columns) {
            let path = level.path.child(field.name())?;
            match column.as_struct_opt() {
                Some(group) => self.group(path, group, level.nulls.as_ref())?,
                None => {
                    let array = match &level.nulls {
                        Some(nulls) => with_nulls(column, nulls)?,
                        None => Arc::clone(column),
                    };
                    self.leaves.push(Column { path, field: nullable(field), array });
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, path: ColumnPath, group: &StructArray, above: Option<&NullBuffer>) -> Result<()> {
        check_group(&path, group.fields())?;
        let own = group.nulls().filter(|nulls| nulls.null_count() > 0);
        if let (Some(nulls), false) = (own, self.push_down_nulls) {
            let row = nulls.iter().position(|valid| !valid).unwrap_or(0);
            bail!(
                Code::NullStruct,
                "struct {path} is null in row {row}: give its fields nulls instead, or set push_down_nulls"
            );
        }
        let level = Level { path, nulls: NullBuffer::union(above, own) };
        self.level(&level, group.fields(), group.columns())
    }
}

fn check_level(group: &ColumnPath, fields: &Fields) -> Result<()> {
    if group.depth() >= MAX_DEPTH && !fields.is_empty() {
        bail!(Code::InvalidName, "column {group} is nested deeper than {MAX_DEPTH} levels");
    }
    let mut seen = HashSet::with_capacity(fields.len());
    for field in fields {
        check_name(field.name())?;
        if !seen.insert(field.name().as_str()) {
            bail!(Code::InvalidName, "column {} occurs twice", group.child(field.name())?);
        }
    }
    Ok(())
}

fn check_group(path: &ColumnPath, fields: &Fields) -> Result<()> {
    if fields.is_empty() {
        bail!(Code::UnsupportedType, "struct {path} has no fields: it would leave no column behind");
    }
    Ok(())
}

fn nullable(field: &FieldRef) -> FieldRef {
    if field.is_nullable() { Arc::clone(field) } else { Arc::new(Field::clone(field).with_nullable(true)) }
}

/// The array with nulls wherever `nulls` has them, besides its own.
fn with_nulls(array: &ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Null => Ok(Arc::clone(array)),
        // Runs and unions have no validity of their own: the values get it, one by one.
        DataType::RunEndEncoded(..) | DataType::Union(..) => {
            from_storage(&with_nulls(&to_storage(array)?, nulls)?, array.data_type())
        }
        _ => {
            let both = NullBuffer::union(Some(nulls), array.nulls());
            Ok(make_array(array.to_data().into_builder().nulls(both).build()?))
        }
    }
}
