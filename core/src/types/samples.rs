//! One array of each type that a user may store, filled with values that break things.

use std::sync::Arc;

use arrow_array::builder::*;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use half::f16;

/// Rows of every sample.
pub(super) const ROWS: usize = 8;

/// Equal in type and in every bit, NaNs included.
pub(super) fn assert_same(a: &ArrayRef, b: &ArrayRef) {
    assert_eq!(a.data_type(), b.data_type());
    assert_eq!(a.to_data(), b.to_data(), "values of {} differ", a.data_type());
}

pub(super) fn samples() -> Vec<ArrayRef> {
    let mut samples = flat();
    let nested: Vec<ArrayRef> = samples.iter().flat_map(nest).collect();
    samples.extend(nested);
    let deeper: Vec<ArrayRef> = samples.iter().rev().step_by(7).flat_map(nest).collect();
    samples.extend(deeper);
    samples.push(Arc::new(StructArray::new_empty_fields(ROWS, Some(nulls()))));
    samples
}

fn nulls() -> NullBuffer {
    vec![true, true, false, true, true, true, false, true].into()
}

fn words() -> Vec<Option<i64>> {
    vec![Some(i64::MIN), Some(i64::MAX), None, Some(0), Some(-1), Some(1), None, Some(86_400_000)]
}

fn narrow() -> Vec<Option<i32>> {
    vec![Some(i32::MIN), Some(i32::MAX), None, Some(0), Some(-1), Some(1), None, Some(86_400)]
}

fn texts() -> Vec<Option<&'static str>> {
    let long = "long enough not to be inlined: é\u{10ffff}";
    vec![Some(""), Some("\0"), None, Some("a\0b"), Some(long), Some("é"), None, Some(long)]
}

fn blobs() -> Vec<Option<&'static [u8]>> {
    vec![
        Some(b""),
        Some(b"\0"),
        None,
        Some(b"\xff\0\xfe"),
        Some(b"\xc3\x28 more than twelve"),
        Some(b"a"),
        None,
        Some(b"a"),
    ]
}

fn ints<T: ArrowPrimitiveType>(min: T::Native, max: T::Native, zero: T::Native) -> ArrayRef {
    let values = [Some(min), Some(max), None, Some(zero), Some(min), Some(zero), None, Some(max)];
    Arc::new(PrimitiveArray::<T>::from_iter(values))
}

fn flat() -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = vec![
        ints::<Int8Type>(i8::MIN, i8::MAX, 0),
        ints::<Int16Type>(i16::MIN, i16::MAX, 0),
        ints::<Int32Type>(i32::MIN, i32::MAX, 0),
        ints::<Int64Type>(i64::MIN, i64::MAX, 0),
        ints::<UInt8Type>(u8::MIN, u8::MAX, 1),
        ints::<UInt16Type>(u16::MIN, u16::MAX, 1),
        ints::<UInt32Type>(u32::MIN, u32::MAX, 1),
        ints::<UInt64Type>(u64::MIN, u64::MAX, 1),
        ints::<Float16Type>(f16::from_bits(0xfe01), f16::NEG_ZERO, f16::MIN_POSITIVE),
        ints::<Float32Type>(f32::from_bits(0xffc0_0001), -0.0, f32::MIN_POSITIVE),
        ints::<Float64Type>(f64::from_bits(0x7ff0_0000_0000_0001), -0.0, f64::NEG_INFINITY),
        Arc::new(BooleanArray::from_iter([
            Some(true),
            Some(false),
            None,
            None,
            Some(true),
            Some(false),
            None,
            Some(true),
        ])),
        Arc::new(NullArray::new(ROWS)),
        Arc::new(StringArray::from(texts())),
        Arc::new(LargeStringArray::from(texts())),
        Arc::new(StringViewArray::from(texts())),
        Arc::new(BinaryArray::from(blobs())),
        Arc::new(LargeBinaryArray::from(blobs())),
        Arc::new(BinaryViewArray::from(blobs())),
    ];
    arrays.extend(temporal());
    arrays.extend(decimals());
    arrays.extend(fixed());
    arrays.extend(encoded());
    arrays
}

fn temporal() -> Vec<ArrayRef> {
    use DataType::*;
    let zones: [Option<Arc<str>>; 4] =
        [None, Some("Europe/Berlin".into()), Some("+05:30".into()), Some("Nowhere/At_All".into())];
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let wide: ArrayRef = Arc::new(Int64Array::from(words()));
    let short: ArrayRef = Arc::new(Int32Array::from(narrow()));
    let of = |array: &ArrayRef, data_type: DataType| {
        make_array(array.to_data().into_builder().data_type(data_type).build().unwrap())
    };
    let mut arrays = vec![
        of(&short, Date32),
        of(&wide, Date64),
        of(&short, Time32(TimeUnit::Second)),
        of(&short, Time32(TimeUnit::Millisecond)),
        of(&wide, Time64(TimeUnit::Microsecond)),
        of(&wide, Time64(TimeUnit::Nanosecond)),
        of(&short, Interval(arrow_schema::IntervalUnit::YearMonth)),
    ];
    arrays.extend(units.into_iter().zip(zones).map(|(unit, zone)| of(&wide, Timestamp(unit, zone))));
    arrays.extend(units.map(|unit| of(&wide, Duration(unit))));
    let (low, high) = (IntervalDayTime::new(i32::MIN, i32::MAX), IntervalDayTime::new(-1, i32::MIN));
    arrays.push(ints::<IntervalDayTimeType>(low, high, IntervalDayTime::ZERO));
    let low = IntervalMonthDayNano::new(i32::MIN, -1, i64::MAX);
    let high = IntervalMonthDayNano::new(i32::MAX, i32::MIN, i64::MIN);
    arrays.push(ints::<IntervalMonthDayNanoType>(low, high, IntervalMonthDayNano::ZERO));
    arrays
}

fn decimals() -> Vec<ArrayRef> {
    fn decimal<T: DecimalType>(low: T::Native, high: T::Native, zero: T::Native, precision: u8, scale: i8) -> ArrayRef {
        let values = [Some(low), Some(high), None, Some(zero), Some(low), Some(zero), None, Some(high)];
        Arc::new(PrimitiveArray::<T>::from_iter(values).with_precision_and_scale(precision, scale).unwrap())
    }
    let most = i256::from_string(&"9".repeat(76)).unwrap();
    vec![
        decimal::<Decimal32Type>(-999_999_999, 999_999_999, 0, 9, 9),
        decimal::<Decimal64Type>(-999, 999, 0, 18, -3),
        decimal::<Decimal128Type>(-(10i128.pow(38) - 1), 10i128.pow(38) - 1, 0, 38, 10),
        decimal::<Decimal128Type>(-9, 9, 0, 1, 1),
        decimal::<Decimal256Type>(most.wrapping_neg(), most, i256::ZERO, 76, 38),
        decimal::<Decimal256Type>(i256::MINUS_ONE, i256::ONE, i256::ZERO, 5, 0),
    ]
}

fn fixed() -> Vec<ArrayRef> {
    let bytes = |width: usize| -> ArrayRef {
        let values: Vec<Option<Vec<u8>>> =
            (0u8..8).map(|row| (row % 4 != 2).then(|| vec![row.wrapping_mul(85); width])).collect();
        let width = i32::try_from(width).unwrap();
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), width).unwrap())
    };
    vec![bytes(16), bytes(1)]
}

fn encoded() -> Vec<ArrayRef> {
    let texts: DictionaryArray<Int8Type> = texts().into_iter().collect();
    let keys = UInt32Array::from(vec![Some(1), Some(0), None, Some(1), Some(2), Some(0), None, Some(2)]);
    let lists =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), Some(vec![None])]);
    let doubles = Float64Array::from(vec![-0.0, 0.0, f64::from_bits(0x7ff8_0000_0000_0007)]);
    let views = StringViewArray::from(vec!["a", "b", "a value that is not inlined"]);
    let mut runs = StringRunBuilder::<Int32Type>::new();
    runs.extend(["a", "a", "a", "b", "b", "a", "a", "a"].map(Some));
    let mut gaps = PrimitiveRunBuilder::<Int16Type, Int64Type>::new();
    gaps.extend([None, None, Some(1), Some(1), None, Some(i64::MIN), Some(2), Some(2)]);
    vec![
        Arc::new(texts),
        Arc::new(DictionaryArray::new(keys.clone(), Arc::new(lists))),
        Arc::new(DictionaryArray::new(keys.clone(), Arc::new(doubles))),
        Arc::new(DictionaryArray::new(keys, Arc::new(views))),
        Arc::new(runs.finish()),
        Arc::new(gaps.finish()),
    ]
}

fn item(array: &ArrayRef, nullable: bool) -> FieldRef {
    let metadata = [("ARROW:extension:name".to_string(), "acme.inner".to_string())].into();
    Arc::new(Field::new("элемент", array.data_type().clone(), nullable).with_metadata(metadata))
}

/// The array as the content of every kind of list, with null, empty, shared and unreferenced elements.
fn nest(array: &ArrayRef) -> Vec<ArrayRef> {
    let field = || item(array, true);
    let offsets = [0, 2, 2, 5, 5, 5, 6, 6, 8];
    let small = OffsetBuffer::new(ScalarBuffer::from(offsets.to_vec()));
    let large = OffsetBuffer::new(offsets.iter().map(|&offset| i64::from(offset)).collect());
    let begins = ScalarBuffer::from(vec![6, 0, 3, 0, 2, 7, 1, 8]);
    let sizes = ScalarBuffer::from(vec![2, 5, 4, 0, 1, 1, 0, 0]);
    let wide = |buffer: &ScalarBuffer<i32>| buffer.iter().map(|&value| i64::from(value)).collect();
    let (begins_wide, sizes_wide) = (wide(&begins), wide(&sizes));
    let twice = arrow_select::concat::concat(&[array, array]).unwrap();
    let fixed = FixedSizeListArray::new(field(), 2, twice, Some(nulls()));
    let values = || Arc::clone(array);
    vec![
        Arc::new(ListArray::new(field(), small.clone(), values(), Some(nulls()))),
        Arc::new(LargeListArray::new(field(), large, values(), None)),
        Arc::new(ListViewArray::new(field(), begins, sizes, values(), Some(nulls()))),
        Arc::new(LargeListViewArray::new(field(), begins_wide, sizes_wide, values(), None)),
        Arc::new(fixed),
        map(array, small.clone()),
        structs(array, small),
    ]
}

fn map(array: &ArrayRef, offsets: OffsetBuffer<i32>) -> ArrayRef {
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values(["a", "b", "", "\0", "é", "f", "g", "h"]));
    let fields: Fields = vec![Arc::new(Field::new("k", DataType::Utf8, false)), item(array, true)].into();
    let entries = StructArray::new(fields.clone(), vec![keys, Arc::clone(array)], None);
    let field = Arc::new(Field::new("pairs", DataType::Struct(fields), false));
    Arc::new(MapArray::new(field, offsets, entries, Some(nulls()), false))
}

fn structs(array: &ArrayRef, offsets: OffsetBuffer<i32>) -> ArrayRef {
    let required: ArrayRef = Arc::new(Date32Array::from_iter_values(0..8));
    let fields: Fields = vec![Arc::new(Field::new("required", DataType::Date32, false)), item(array, true)].into();
    let values = StructArray::new(fields.clone(), vec![required, Arc::clone(array)], Some(nulls()));
    let field = Arc::new(Field::new("item", DataType::Struct(fields), true));
    Arc::new(ListArray::new(field, offsets, Arc::new(values), None))
}
