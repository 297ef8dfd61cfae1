//! Types by their names, and what layouts of one type have in common.

use std::sync::Arc;

use arrow_schema::DataType;

use crate::Result;
use crate::expr::{parse_type, type_name};

/// The name of a type: that of expressions where they have one, else Arrow's.
pub fn type_text(data_type: &DataType) -> String {
    type_name(data_type).unwrap_or_else(|_| data_type.to_string())
}

/// Reads the name of a type, in either form of [`type_text`].
pub fn type_from_text(text: &str) -> Result<DataType> {
    parse_type(text).or_else(|error| text.parse().map_err(|_| error))
}

/// The plainest type with the same values, for layouts that differ from it only in memory.
pub(super) fn plain_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::LargeList(field) | DataType::ListView(field) | DataType::LargeListView(field) => {
            DataType::List(Arc::clone(field))
        }
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::RunEndEncoded(_, values) => values.data_type().clone(),
        _ => return None,
    })
}
