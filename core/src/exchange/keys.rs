//! Keys as single values.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::build::array_from_values;
use super::value::Value;
use crate::key::{Key, KeyRange, KeyRows, KeySchema};
use crate::{Code, Error, Result};

/// Keys as a batch of a table's key columns. Each key has one value per key column, in their order.
///
/// # Errors
/// `InvalidArgument` for a key with another number of parts, `TypeMismatch` for a value of another type.
pub fn key_batch(schema: &SchemaRef, keys: &[Vec<Value>]) -> Result<RecordBatch> {
    for key in keys {
        if key.len() != schema.fields().len() {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let (parts, given) = (names.len(), key.len());
            let message = format!("a key has {parts} parts ({}), {given} were given", names.join(", "));
            return Err(Error::new(Code::InvalidArgument, message));
        }
    }
    let arrays = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(part, field)| array_from_values(field.name(), field.data_type(), keys.iter().map(|key| &key[part])))
        .collect::<Result<Vec<_>>>()?;
    if arrays.iter().any(|array| array.null_count() > 0) {
        return Err(Error::new(Code::NullKey, "no part of a key is null"));
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
}

/// Rows between two keys. A bound may name only the first parts of a key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyBounds {
    /// The first key, included; from the first row when absent.
    pub begin: Option<Vec<Value>>,
    /// The end, excluded; to the last row when absent.
    pub end: Option<Vec<Value>>,
}

impl KeyBounds {
    /// The range of a key schema.
    ///
    /// # Errors
    /// `InvalidArgument` for a bound of no part or of too many, `TypeMismatch` for a value of another type.
    pub fn range(&self, schema: &KeySchema) -> Result<KeyRange> {
        let key = |parts: &Option<Vec<Value>>| parts.as_ref().map(|parts| key_prefix(schema, parts)).transpose();
        Ok(KeyRange::new(key(&self.begin)?, key(&self.end)?))
    }
}

/// The key of the first parts of a key schema.
fn key_prefix(schema: &KeySchema, parts: &[Value]) -> Result<Key> {
    if parts.is_empty() || parts.len() > schema.len() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("a bound names 1 to {} parts of the key, not {}", schema.len(), parts.len()),
        ));
    }
    let fields = &schema.fields()[..parts.len()];
    let shorter = KeySchema::try_new(fields.iter().map(|field| (field.name().clone(), field.data_type().clone())))?;
    let columns = fields
        .iter()
        .zip(parts)
        .map(|(field, value)| array_from_values(field.name(), field.data_type(), [value]))
        .collect::<Result<Vec<_>>>()?;
    Ok(KeyRows::try_new(shorter, &columns)?.key(0))
}
