//! Which columns identify a row, and in which order they sort.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, FieldRef, Schema};

use crate::bail;
use crate::error::{Code, Result};

const ALLOWED: &str = "int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64, \
                       timestamp, utf8, large_utf8, utf8_view, binary, large_binary and binary_view";
const MAX_NAME_BYTES: usize = 255;

/// The ordered columns of a primary key. Fixed for the life of a table; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchema {
    fields: Arc<[FieldRef]>,
}

impl KeySchema {
    /// Creates a schema of the given names and types, the most significant column first.
    ///
    /// Fails with [`Code::InvalidKeySchema`] if there is no column, if a name is empty, longer than 255 bytes or
    /// repeated, or if a type cannot be a key.
    pub fn try_new(columns: impl IntoIterator<Item = (impl Into<String>, DataType)>) -> Result<Self> {
        let fields: Arc<[FieldRef]> =
            columns.into_iter().map(|(name, data_type)| Arc::new(Field::new(name, data_type, false))).collect();
        if fields.is_empty() {
            bail!(Code::InvalidKeySchema, "a key needs at least one column");
        }
        let mut seen = HashSet::new();
        for field in fields.iter() {
            let (name, data_type) = (field.name(), field.data_type());
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                bail!(
                    Code::InvalidKeySchema,
                    "a key column's name has 1 to {MAX_NAME_BYTES} bytes, not {}",
                    name.len()
                );
            }
            if !seen.insert(name.as_str()) {
                bail!(Code::InvalidKeySchema, "key column {name:?} occurs twice");
            }
            if !is_key_type(data_type) {
                bail!(
                    Code::InvalidKeySchema,
                    "key column {name:?} has type {data_type}, which cannot be a key; allowed are {ALLOWED}"
                );
            }
        }
        Ok(Self { fields })
    }

    /// Takes every field of an Arrow schema as a key column. Nullability and metadata are dropped.
    pub fn from_arrow(schema: &Schema) -> Result<Self> {
        Self::try_new(schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())))
    }

    /// The columns as non-nullable Arrow fields with the user's own types.
    pub fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// The number of columns, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a key schema is never empty")]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The position of a column by name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name() == name)
    }

    /// Whether keys of both compare: columns of the same names and kinds in the same order. Strings may have any layout,
    /// timestamps any zone.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        let same = |(a, b): (&FieldRef, &FieldRef)| a.name() == b.name() && is_same_kind(a.data_type(), b.data_type());
        self.len() == other.len() && self.fields.iter().zip(other.fields.iter()).all(same)
    }

    /// Checks that `columns` are this key's columns, or the first of them: types of the same kind (a string may have
    /// any layout), equal lengths, and no null.
    ///
    /// Fails with [`Code::TypeMismatch`] or [`Code::NullKey`], naming the column and the row.
    pub fn check(&self, columns: &[ArrayRef]) -> Result<()> {
        if columns.len() > self.len() {
            bail!(Code::InvalidArgument, "the key has {} columns, got {}", self.len(), columns.len());
        }
        for (field, column) in self.fields.iter().zip(columns) {
            let name = field.name();
            if !is_same_kind(field.data_type(), column.data_type()) {
                let (expected, found) = (field.data_type(), column.data_type());
                bail!(Code::TypeMismatch, "key column {name:?} has type {expected}, got {found}");
            }
            if column.len() != columns[0].len() {
                let (len, first) = (column.len(), columns[0].len());
                bail!(Code::InvalidArgument, "key column {name:?} has {len} rows, the first key column {first}");
            }
            if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
                let row = nulls.iter().position(|valid| !valid).unwrap_or(0);
                bail!(Code::NullKey, "key column {name:?} is null in row {row}");
            }
        }
        Ok(())
    }

    /// The columns as an Arrow schema.
    pub fn to_arrow(&self) -> Schema {
        Schema::new(self.fields.to_vec())
    }
}

/// Whether a column of this type can be part of a key.
fn is_key_type(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Timestamp(..) | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
        || data_type.is_integer()
        || data_type.is_floating()
}

/// Whether values of the two types compare as one key column: strings in any layout, binary in any layout,
/// timestamps of one unit whatever their zone, and otherwise equal types.
pub(super) fn is_same_kind(a: &DataType, b: &DataType) -> bool {
    use DataType::*;
    match (a, b) {
        (Timestamp(a, _), Timestamp(b, _)) => a == b,
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => true,
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => true,
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_types_are_answered_with_what_is_allowed() {
        for data_type in [DataType::Boolean, DataType::Date32, DataType::Decimal128(5, 2), DataType::Null] {
            let error = KeySchema::try_new([("k", data_type)]).unwrap_err();
            assert_eq!(error.code(), Code::InvalidKeySchema);
            assert!(error.message().contains("allowed are int8"), "{error}");
        }
    }

    #[test]
    fn empty_and_repeated_names_are_refused() {
        let none: [(&str, DataType); 0] = [];
        for columns in [none.to_vec(), vec![("", DataType::Int8)], vec![("a", DataType::Int8), ("a", DataType::Utf8)]] {
            assert_eq!(KeySchema::try_new(columns).unwrap_err().code(), Code::InvalidKeySchema);
        }
    }

    #[test]
    fn fields_keep_the_users_types_and_lose_nullability() {
        let arrow =
            Schema::new(vec![Field::new("a", DataType::LargeUtf8, true), Field::new("b", DataType::Int8, true)]);
        let schema = KeySchema::from_arrow(&arrow).unwrap();
        assert_eq!(schema.len(), 2);
        assert!(schema.fields().iter().all(|field| !field.is_nullable()));
        assert_eq!(schema.fields()[0].data_type(), &DataType::LargeUtf8);
        assert_eq!(schema.index_of("b"), Some(1));
    }
}
