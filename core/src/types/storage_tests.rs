//! Everything a user stores comes back bit for bit.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_schema::{DataType, Field, UnionFields, UnionMode};

use super::samples::{assert_same, samples};
use super::*;
use crate::error::Code;

/// Types that a fragment maps losslessly; nothing else may reach it.
fn is_fragment_type(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) | Duration(_) | Interval(_) | Null => false,
        FixedSizeBinary(_) | Map(..) | Dictionary(..) | RunEndEncoded(..) | Union(..) => false,
        ListView(_) | LargeListView(_) => false,
        List(field) | LargeList(field) | FixedSizeList(field, _) => {
            field.is_nullable() && is_fragment_type(field.data_type())
        }
        Struct(fields) => {
            !fields.is_empty() && fields.iter().all(|field| field.is_nullable() && is_fragment_type(field.data_type()))
        }
        _ => true,
    }
}

#[test]
fn every_value_survives_storage() {
    for sample in samples() {
        let stored = to_storage(&sample).unwrap();
        assert_eq!(stored.data_type(), &storage_type(sample.data_type()).unwrap());
        assert!(is_fragment_type(stored.data_type()), "{} -> {}", sample.data_type(), stored.data_type());
        assert_same(&from_storage(&stored, sample.data_type()).unwrap(), &sample);
    }
}

#[test]
fn slices_survive_storage() {
    for sample in samples() {
        for (offset, len) in [(1, 5), (3, 0), (7, 1), (2, 4)] {
            let slice = sample.slice(offset, len);
            let stored = to_storage(&slice).unwrap();
            assert_eq!(stored.len(), len);
            assert_same(&from_storage(&stored, sample.data_type()).unwrap(), &slice);
            let part = to_storage(&sample).unwrap().slice(offset, len);
            assert_same(&from_storage(&part, sample.data_type()).unwrap(), &slice);
        }
    }
}

#[test]
fn stored_nulls_are_the_logical_nulls() {
    for sample in samples() {
        let stored = to_storage(&sample).unwrap();
        for row in 0..sample.len() {
            let expected = sample.logical_nulls().is_some_and(|nulls| nulls.is_null(row));
            assert_eq!(stored.is_null(row), expected, "row {row} of {}", sample.data_type());
        }
    }
}

#[test]
fn any_stored_layout_is_accepted() {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("more than twelve bytes")]));
    for target in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        assert_eq!(from_storage(&text, &target).unwrap().data_type(), &target);
    }
    let list: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)]), None, Some(vec![None])]));
    let duration = Arc::new(Field::new("d", DataType::Duration(arrow_schema::TimeUnit::Second), true));
    for target in [DataType::LargeList(Arc::clone(&duration)), DataType::ListView(duration)] {
        let restored = from_storage(&list, &target).unwrap();
        assert_eq!((restored.data_type(), restored.null_count()), (&target, 1));
    }
    let wide: ArrayRef = Arc::new(Decimal128Array::from(vec![7]).with_precision_and_scale(9, 2).unwrap());
    let narrow = from_storage(&wide, &DataType::Decimal32(9, 2)).unwrap();
    assert_eq!(narrow.as_primitive::<Decimal32Type>().value(0), 7);
}

#[test]
fn unsupported_types_are_named_wherever_they_hide() {
    let union = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    let list = DataType::List(Arc::new(Field::new("item", union.clone(), true)));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(union.clone()));
    let twice = DataType::List(Arc::new(Field::new(
        "item",
        DataType::Struct(vec![Field::new("a", DataType::Int8, true), Field::new("a", DataType::Int8, true)].into()),
        true,
    )));
    let bad_decimal = DataType::Decimal32(10, 0);
    let bad_time = DataType::Time32(arrow_schema::TimeUnit::Nanosecond);
    for data_type in [union, list, dictionary, twice, bad_decimal, bad_time] {
        assert_eq!(storage_type(&data_type).unwrap_err().code(), Code::UnsupportedType, "{data_type}");
    }
    let deep = |depth| {
        let list = |inner| DataType::List(Arc::new(Field::new("item", inner, true)));
        storage_type(&(0..depth).fold(DataType::Int8, |inner, _| list(inner)))
    };
    assert!(deep(63).is_ok());
    assert_eq!(deep(64).unwrap_err().code(), Code::UnsupportedType);
}

#[test]
fn a_wrong_storage_form_is_an_error_and_no_panic() {
    let samples = samples();
    let targets: Vec<_> = samples.iter().map(|sample| sample.data_type().clone()).collect();
    for sample in samples.iter().step_by(3) {
        for target in &targets {
            match from_storage(sample, target) {
                Ok(restored) => assert_eq!(restored.data_type(), target),
                Err(error) => assert!(
                    matches!(error.code(), Code::TypeMismatch | Code::Corrupt | Code::LimitExceeded | Code::Internal),
                    "{error}"
                ),
            }
        }
    }
}

#[test]
fn damaged_fixed_size_values_are_corrupt() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"12345".as_slice()]));
    for target in [DataType::FixedSizeBinary(4), DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano)] {
        assert_eq!(from_storage(&bytes, &target).unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn encodings_too_small_for_a_batch_say_what_to_do() {
    let many: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40_000));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64));
    let ends = Arc::new(Field::new("run_ends", DataType::Int16, false));
    let runs = DataType::RunEndEncoded(ends, Arc::new(Field::new("values", DataType::Int64, true)));
    for target in [dictionary, runs] {
        let error = from_storage(&many, &target).unwrap_err();
        assert_eq!(error.code(), Code::LimitExceeded);
        assert!(error.message().contains("read smaller batches"), "{error}");
    }
}

#[test]
fn storing_what_fragments_know_copies_nothing() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    assert!(Arc::ptr_eq(&to_storage(&array).unwrap(), &array));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1, 2]));
    let stored = to_storage(&times).unwrap();
    let pointer = times.as_primitive::<TimestampMicrosecondType>().values().as_ptr();
    assert_eq!(stored.as_primitive::<Int64Type>().values().as_ptr(), pointer);
}

#[test]
fn a_dictionary_with_a_null_value_reads_as_null() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a")]));
    let array: ArrayRef = Arc::new(DictionaryArray::new(Int8Array::from(vec![Some(1), Some(0), None]), values));
    let restored = from_storage(&to_storage(&array).unwrap(), array.data_type()).unwrap();
    assert_eq!(restored.data_type(), array.data_type());
    assert_eq!(restored.logical_nulls(), array.logical_nulls());
    assert_eq!(restored.as_dictionary::<Int8Type>().downcast_dict::<StringArray>().unwrap().value(0), "a");
}

/// The file format below a fragment: written with compression and read back in the stored type, every form is whole.
#[test]
fn files_keep_every_stored_form() {
    use vortex::VortexSessionDefault;
    use vortex::array::VortexSessionExecute;
    use vortex::array::arrays::StructArray as Columns;
    use vortex::array::stream::ArrayStreamExt;
    use vortex::array::validity::Validity;
    use vortex::array::{IntoArray, arrays::struct_::StructArrayExt};
    use vortex::arrow::ArrowSessionExt;
    use vortex::file::{OpenOptionsSessionExt, WriteOptionsSessionExt};
    use vortex::io::runtime::BlockingRuntime;
    use vortex::io::runtime::single::SingleThreadRuntime;
    use vortex::io::session::RuntimeSessionExt;

    let runtime = SingleThreadRuntime::default();
    let session = vortex::session::VortexSession::default().with_handle(runtime.handle());
    for sample in samples() {
        let stored = to_storage(&sample).unwrap();
        let field = Field::new("value", stored.data_type().clone(), true);
        let stored = arrow_select::concat::concat(&[stored.as_ref(); 150]).unwrap();
        let column = session.arrow().from_arrow_array(Arc::clone(&stored), &field).unwrap();
        let rows = Columns::try_new(["value"].into(), vec![column], stored.len(), Validity::NonNullable).unwrap();
        let mut file = Vec::new();
        let exported = runtime.block_on(async {
            session.write_options().write(&mut file, rows.into_array().to_array_stream()).await.unwrap();
            let file = session.open_options().open_buffer(file).unwrap();
            let rows = file.scan().unwrap().into_array_stream().unwrap().read_all().await.unwrap();
            let mut context = session.create_execution_ctx();
            let rows = rows.execute::<Columns>(&mut context).unwrap();
            session.arrow().execute_arrow(rows.unmasked_field(0).clone(), Some(&field), &mut context).unwrap()
        });
        for part in (0..150).step_by(49) {
            let rows = exported.slice(part * sample.len(), sample.len());
            let restored = from_storage(&rows, sample.data_type()).unwrap();
            assert_same(&restored, &sample);
        }
    }
}
