//! Columns by their names and the names of their types.

use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Schema};
use serde::{Deserialize, Serialize};

use super::json::from_json;
use super::names::{type_from_text, type_text};
use crate::key::KeySchema;
use crate::table::Snapshot;
use crate::{Code, Error, Result};

/// A key column by its name and the name of its type, such as `int64`, `utf8` or `timestamp[us, UTC]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyColumn {
    /// Name of the column.
    pub name: String,
    /// Name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

impl KeyColumn {
    /// A key column.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self { name: name.into(), type_name: type_name.into() }
    }

    /// The key column of an Arrow field.
    pub fn of(field: &Field) -> Self {
        Self::new(field.name(), type_text(field.data_type()))
    }

    /// Columns from a JSON array of `{"name": …, "type": …}`.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else.
    pub fn list_from_json(json: &str) -> Result<Vec<Self>> {
        from_json(json, "list of columns and types")
    }

    /// The key schema of these columns.
    ///
    /// # Errors
    /// `InvalidKeySchema`, also for what is the name of no type.
    pub fn schema(columns: &[Self]) -> Result<KeySchema> {
        let typed = columns.iter().map(|Self { name, type_name }| {
            let known = type_from_text(type_name).map_err(|_| {
                let message = format!("{type_name:?} is not the name of a type: use int64, utf8, timestamp[us] …");
                Error::new(Code::InvalidKeySchema, message)
            })?;
            Ok((name.clone(), known))
        });
        KeySchema::try_new(typed.collect::<Result<Vec<_>>>()?)
    }
}

/// A column as users see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnInfo {
    /// Dotted path.
    pub path: String,
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The Arrow field.
    #[serde(skip)]
    pub field: FieldRef,
    /// Whether it is part of the key.
    #[serde(rename = "key")]
    pub is_key: bool,
}

impl ColumnInfo {
    fn new(path: String, field: &FieldRef, is_key: bool) -> Self {
        Self { path, type_name: type_text(field.data_type()), field: Arc::clone(field), is_key }
    }

    /// The columns of a schema, of which those with these names are the key.
    pub fn of_schema(schema: &Schema, keys: &KeySchema) -> Vec<Self> {
        let is_key = |field: &FieldRef| keys.fields().iter().any(|key| key.name() == field.name());
        schema.fields().iter().map(|field| Self::new(field.name().clone(), field, is_key(field))).collect()
    }

    /// All columns of a version by their paths, key columns first.
    ///
    /// # Errors
    /// As [`Snapshot::columns`].
    pub async fn of_snapshot(snapshot: &Snapshot) -> Result<Vec<Self>> {
        let values = snapshot.columns().await?;
        let keys = snapshot.table().key_schema().fields().iter();
        let keys = keys.map(|field| Self::new(field.name().clone(), field, true));
        Ok(keys.chain(values.iter().map(|(path, field)| Self::new(path.to_string(), field, false))).collect())
    }
}
