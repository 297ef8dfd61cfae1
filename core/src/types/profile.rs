//! In which Arrow layouts a scan hands out what it read.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field, FieldRef};
use serde::Deserialize;

use super::{from_storage, to_storage};
use crate::error::Result;

/// Which layouts of strings, binaries and lists a consumer of record batches understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputProfile {
    /// The types that were written.
    #[default]
    Written,
    /// No view types, for consumers that predate them: string and binary views become plain strings and binary, list
    /// views become lists, at any depth.
    #[serde(rename = "plain")]
    PlainStrings,
    /// Views for all strings and binary, which a scan produces without copying, at any depth.
    Views,
}

/// The type in which a column of type `data_type` is handed out.
pub fn output_type(data_type: &DataType, profile: OutputProfile) -> DataType {
    use DataType::*;
    let child = |field: &FieldRef| output_field(field, profile);
    match (data_type, profile) {
        (_, OutputProfile::Written) => data_type.clone(),
        (Utf8View, OutputProfile::PlainStrings) => Utf8,
        (BinaryView, OutputProfile::PlainStrings) => Binary,
        (ListView(field), OutputProfile::PlainStrings) => List(child(field)),
        (LargeListView(field), OutputProfile::PlainStrings) => LargeList(child(field)),
        (Utf8 | LargeUtf8, OutputProfile::Views) => Utf8View,
        (Binary | LargeBinary, OutputProfile::Views) => BinaryView,
        (List(field), _) => List(child(field)),
        (LargeList(field), _) => LargeList(child(field)),
        (ListView(field), _) => ListView(child(field)),
        (LargeListView(field), _) => LargeListView(child(field)),
        (FixedSizeList(field, size), _) => FixedSizeList(child(field), *size),
        (Struct(fields), _) => Struct(fields.iter().map(child).collect()),
        (Map(entries, sorted), _) => Map(child(entries), *sorted),
        (Dictionary(key, value), _) => Dictionary(key.clone(), Box::new(output_type(value, profile))),
        (RunEndEncoded(ends, values), _) => RunEndEncoded(Arc::clone(ends), child(values)),
        _ => data_type.clone(),
    }
}

/// The field in which a column is handed out; name, nullability and metadata stay.
pub(super) fn output_field(field: &FieldRef, profile: OutputProfile) -> FieldRef {
    let data_type = output_type(field.data_type(), profile);
    if data_type == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// Casts a column of a user's type to its output type. A scan that reads from storage calls
/// [`from_storage`] with the output type instead and saves a step.
pub fn cast_output(array: &ArrayRef, profile: OutputProfile) -> Result<ArrayRef> {
    let target = output_type(array.data_type(), profile);
    if target == *array.data_type() {
        return Ok(Arc::clone(array));
    }
    from_storage(&to_storage(array)?, &target)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{assert_same, samples};
    use super::*;

    #[test]
    fn profiles_reach_nested_types_and_keep_values() {
        for sample in samples() {
            for profile in [OutputProfile::Written, OutputProfile::PlainStrings, OutputProfile::Views] {
                let cast = cast_output(&sample, profile).unwrap();
                let target = output_type(sample.data_type(), profile);
                assert_eq!(cast.data_type(), &target);
                let text = format!("{target:?}");
                match profile {
                    OutputProfile::Written => assert_same(&cast, &sample),
                    OutputProfile::PlainStrings => assert!(!text.contains("View"), "{text}"),
                    OutputProfile::Views => {
                        assert!(!text.contains("Utf8") || text.contains("Utf8View"), "{text}");
                        assert!(!text.contains("LargeBinary"), "{text}");
                    }
                }
                assert_same(&from_storage(&to_storage(&cast).unwrap(), sample.data_type()).unwrap(), &sample);
            }
        }
    }
}
