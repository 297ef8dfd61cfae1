//! One Arrow field as bytes: name, type, nullability, metadata, extension, at any nesting.
//!
//! The format is the flatbuffer schema of Arrow IPC, which every Arrow implementation reads. The Rust reader of that
//! format panics on a structure that is well-formed but means nothing, such as an integer of 7 bits; bytes from a
//! store are therefore checked against what the format allows before they are converted.

use arrow_ipc::convert::{IpcSchemaEncoder, fb_to_schema};
use arrow_ipc::writer::DictionaryTracker;
use arrow_ipc::{DateUnit, Endianness, Field as IpcField, IntervalUnit, Precision, TimeUnit, Type, root_as_schema};
use arrow_schema::{Field, Schema};

use super::storage_type;
use crate::bail;
use crate::error::{Code, Error, Result};

/// Most bytes of one encoded field.
pub const MAX_FIELD_BYTES: usize = 1 << 20;
/// A field takes at least this much; bytes that claim more fields share tables to blow up when read.
const MIN_FIELD_BYTES: usize = 8;

/// Encodes a field.
///
/// Fails with [`Code::UnsupportedType`] if its type cannot be stored, with [`Code::LimitExceeded`] above 1 MiB.
pub fn field_to_bytes(field: &Field) -> Result<Vec<u8>> {
    storage_type(field.data_type())?;
    let mut dictionaries = DictionaryTracker::new(false);
    let mut encoder = IpcSchemaEncoder::new().with_dictionary_tracker(&mut dictionaries);
    let bytes = encoder.schema_to_fb(&Schema::new(vec![field.clone()])).finished_data().to_vec();
    if bytes.len() > MAX_FIELD_BYTES {
        let (name, most) = (field.name(), MAX_FIELD_BYTES);
        bail!(Code::LimitExceeded, "type and metadata of column {name:?} have {} bytes, at most {most}", bytes.len());
    }
    match field_from_bytes(&bytes) {
        Ok(again) if again == *field => Ok(bytes),
        _ => {
            let (name, data_type) = (field.name(), field.data_type());
            bail!(Code::UnsupportedType, "type {data_type} of column {name:?} cannot be written to a schema")
        }
    }
}

/// Decodes a field. Whatever the bytes hold, the result is a field or [`Code::Corrupt`].
pub fn field_from_bytes(bytes: &[u8]) -> Result<Field> {
    if bytes.len() > MAX_FIELD_BYTES {
        bail!(Code::Corrupt, "an encoded field has {} bytes, at most {MAX_FIELD_BYTES} are allowed", bytes.len());
    }
    let schema = root_as_schema(bytes)
        .map_err(|error| Error::new(Code::Corrupt, "the bytes are no encoded field").with_source(error))?;
    let mut budget = bytes.len() / MIN_FIELD_BYTES;
    let single = schema.fields().filter(|fields| fields.len() == 1 && schema.endianness() == Endianness::Little);
    if !single.is_some_and(|fields| is_field(fields.get(0), &mut budget)) {
        bail!(Code::Corrupt, "the bytes are no encoded field");
    }
    match fb_to_schema(schema).fields().first() {
        Some(field) => Ok(Field::clone(field)),
        None => bail!(Code::Corrupt, "the bytes are no encoded field"),
    }
}

/// Whether the reader of `arrow-ipc` understands a field. The verified nesting of tables bounds the recursion.
fn is_field(field: IpcField<'_>, budget: &mut usize) -> bool {
    let metadata = field.custom_metadata().map_or(0, |pairs| pairs.len());
    match budget.checked_sub(1 + metadata) {
        Some(rest) => *budget = rest,
        None => return false,
    }
    let index_ok = field
        .dictionary()
        .is_none_or(|dictionary| dictionary.indexType().is_some_and(|index| is_int_width(index.bitWidth())));
    index_ok && is_type(field) && children(field, budget)
}

fn children(field: IpcField<'_>, budget: &mut usize) -> bool {
    let count = field.children().map_or(0, |children| children.len());
    let expected = match field.type_type() {
        Type::List | Type::LargeList | Type::ListView | Type::LargeListView | Type::FixedSizeList | Type::Map => 1,
        Type::RunEndEncoded => 2,
        Type::Struct_ => count,
        _ => 0,
    };
    count == expected && field.children().is_none_or(|children| children.iter().all(|child| is_field(child, budget)))
}

fn is_type(field: IpcField<'_>) -> bool {
    match field.type_type() {
        Type::Null | Type::Bool | Type::Binary | Type::LargeBinary | Type::BinaryView => true,
        Type::Utf8 | Type::LargeUtf8 | Type::Utf8View => true,
        Type::List | Type::LargeList | Type::ListView | Type::LargeListView => true,
        Type::Struct_ | Type::RunEndEncoded => true,
        Type::Int => field.type_as_int().is_some_and(|int| is_int_width(int.bitWidth())),
        Type::FloatingPoint => field
            .type_as_floating_point()
            .is_some_and(|float| matches!(float.precision(), Precision::HALF | Precision::SINGLE | Precision::DOUBLE)),
        Type::FixedSizeBinary => field.type_as_fixed_size_binary().is_some_and(|binary| binary.byteWidth() >= 0),
        Type::FixedSizeList => field.type_as_fixed_size_list().is_some_and(|list| list.listSize() >= 0),
        Type::Map => field.type_as_map().is_some(),
        Type::Decimal => field.type_as_decimal().is_some_and(|decimal| {
            matches!(decimal.bitWidth(), 32 | 64 | 128 | 256)
                && u8::try_from(decimal.precision()).is_ok()
                && i8::try_from(decimal.scale()).is_ok()
        }),
        _ => is_temporal(field),
    }
}

fn is_temporal(field: IpcField<'_>) -> bool {
    match field.type_type() {
        Type::Date => {
            field.type_as_date().is_some_and(|date| matches!(date.unit(), DateUnit::DAY | DateUnit::MILLISECOND))
        }
        Type::Time => field.type_as_time().is_some_and(|time| {
            let pair = (time.bitWidth(), time.unit());
            matches!(pair, (32, TimeUnit::SECOND | TimeUnit::MILLISECOND))
                || matches!(pair, (64, TimeUnit::MICROSECOND | TimeUnit::NANOSECOND))
        }),
        Type::Timestamp => field.type_as_timestamp().is_some_and(|timestamp| is_unit(timestamp.unit())),
        Type::Duration => field.type_as_duration().is_some_and(|duration| is_unit(duration.unit())),
        Type::Interval => field.type_as_interval().is_some_and(|interval| {
            let unit = interval.unit();
            matches!(unit, IntervalUnit::YEAR_MONTH | IntervalUnit::DAY_TIME | IntervalUnit::MONTH_DAY_NANO)
        }),
        _ => false,
    }
}

fn is_int_width(bits: i32) -> bool {
    matches!(bits, 8 | 16 | 32 | 64)
}

fn is_unit(unit: TimeUnit) -> bool {
    matches!(unit, TimeUnit::SECOND | TimeUnit::MILLISECOND | TimeUnit::MICROSECOND | TimeUnit::NANOSECOND)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_schema::DataType;
    use proptest::prelude::*;

    use super::super::samples::samples;
    use super::*;

    fn annotated(data_type: DataType) -> Field {
        let pairs = [("ARROW:extension:name", "acme.thing"), ("ARROW:extension:metadata", "{}"), ("ключ", "")];
        let metadata: HashMap<String, String> = pairs.map(|(key, value)| (key.into(), value.into())).into();
        Field::new("имя \0 \"x\".y", data_type, false).with_metadata(metadata)
    }

    fn nested(depth: usize) -> Field {
        let list = |inner: DataType| DataType::List(Arc::new(Field::new("item", inner, true)));
        Field::new("deep", (0..depth).fold(DataType::Int8, |inner, _| list(inner)), true)
    }

    #[test]
    fn every_type_reads_back_with_its_metadata() {
        for sample in samples() {
            let field = annotated(sample.data_type().clone());
            assert_eq!(field_from_bytes(&field_to_bytes(&field).unwrap()).unwrap(), field);
            let inner = Field::new_list("list", annotated(sample.data_type().clone()), true);
            assert_eq!(field_from_bytes(&field_to_bytes(&inner).unwrap()).unwrap(), inner);
        }
    }

    #[test]
    fn what_cannot_be_read_back_is_refused_when_written() {
        let inner = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let twice = DataType::Dictionary(Box::new(DataType::Int16), Box::new(inner));
        let bad_keys = DataType::Dictionary(Box::new(DataType::Utf8), Box::new(DataType::Utf8));
        for data_type in [twice, bad_keys] {
            assert_eq!(field_to_bytes(&Field::new("d", data_type, true)).unwrap_err().code(), Code::UnsupportedType);
        }
        assert_eq!(field_to_bytes(&nested(65)).unwrap_err().code(), Code::UnsupportedType);
        let large = HashMap::from([("k".to_string(), "x".repeat(MAX_FIELD_BYTES))]);
        let large = Field::new("m", DataType::Int8, true).with_metadata(large);
        assert_eq!(field_to_bytes(&large).unwrap_err().code(), Code::LimitExceeded);
    }

    #[test]
    fn deep_nesting_reads_back() {
        let field = nested(20);
        assert_eq!(field_from_bytes(&field_to_bytes(&field).unwrap()).unwrap(), field);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn damaged_bytes_are_corrupt_or_another_field(
            sample in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let samples = samples();
            let field = annotated(sample.get(&samples).data_type().clone());
            let mut bytes = field_to_bytes(&field).unwrap();
            // The last bytes may be padding that no one reads.
            match field_from_bytes(&bytes[..cut.index(bytes.len())]) {
                Ok(again) => prop_assert_eq!(again, field),
                Err(error) => prop_assert_eq!(error.code(), Code::Corrupt),
            }
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Err(error) = field_from_bytes(&bytes) {
                prop_assert_eq!(error.code(), Code::Corrupt);
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = field_from_bytes(&bytes);
        }
    }
}
