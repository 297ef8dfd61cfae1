//! What expressions mean, case by case: types that meet, casts, time, arithmetic, names and refusals.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, RecordBatch, RunArray, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use crate::error::Code;
use crate::expr::{
    Bound, BoundExpr, ColumnTypes, CompareOp, Expr, Literal, aux, bind, bind_filter, call, col, column, lit, parse,
};

/// A table of one row count, and what expressions make of it.
struct Table(RecordBatch);

impl Table {
    fn new(columns: Vec<(&str, ArrayRef)>) -> Self {
        Self(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap())
    }

    fn values(&self, expr: &Expr) -> Vec<Literal> {
        let bound = bind(expr, self.0.schema_ref().as_ref()).unwrap();
        let array = bound.evaluate(&self.0, self.0.num_rows()).unwrap();
        assert_eq!(array.len(), self.0.num_rows());
        (0..array.len()).map(|row| Literal::from_array(&array, row).unwrap()).collect()
    }

    fn truths(&self, text: &str) -> Vec<Option<bool>> {
        let truth = |value| match value {
            Literal::Boolean(value) => Some(value),
            Literal::Null => None,
            other => panic!("{other} is no truth value"),
        };
        self.values(&parse(text).unwrap()).into_iter().map(truth).collect()
    }

    fn code(&self, text: &str) -> Code {
        let bound = parse(text).and_then(|expr| bind(&expr, self.0.schema_ref().as_ref()));
        bound.map(|bound| bound.root().clone()).unwrap_err().code()
    }
}

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);

#[test]
fn comparisons_out_of_the_columns_range_are_decided() {
    let table = Table::new(vec![("a", Arc::new(Int8Array::from(vec![Some(-128), Some(127), None])))]);
    assert_eq!(table.truths("a < 1000"), [T, T, None]);
    assert_eq!(table.truths("a = 1000"), [F, F, None]);
    assert_eq!(table.truths("a != 1000"), [T, T, None]);
    assert_eq!(table.truths("-1000 <= a"), [T, T, None]);
    assert_eq!(table.truths("a > 126.5"), [F, T, None]);
    assert_eq!(table.truths("not a < 1000"), [F, F, None]);
    assert_eq!(table.truths("a in (1000, 127)"), [F, T, None]);
    assert_eq!(table.truths("a in (1000)"), [F, F, None]);
    assert_eq!(table.truths("a not in (1, null)"), [None, None, None]);
    assert_eq!(table.truths("cast(a as int64) = 127"), [F, T, None]);
    assert_eq!(table.truths("a < float64 'NaN'"), [T, T, None]);
}

#[test]
fn float_comparisons_follow_the_order_of_keys() {
    let floats = vec![-0.0, 0.0, f64::NAN, -f64::NAN, f64::INFINITY, 5e-324];
    let table = Table::new(vec![("f", Arc::new(Float64Array::from(floats)))]);
    assert_eq!(table.truths("f = 0"), [T, T, F, F, F, F]);
    assert_eq!(table.truths("f = -0.0"), [T, T, F, F, F, F]);
    assert_eq!(table.truths("f = float64 'NaN'"), [F, F, T, T, F, F]);
    assert_eq!(table.truths("f > float64 'inf'"), [F, F, T, T, F, F]);
    assert_eq!(table.truths("f = f"), [T; 6]);
    assert_eq!(table.truths("f in (0.0, float64 'bits:fff8000000000000')"), [T, T, T, T, F, F]);
    let halves = Table::new(vec![("f", Arc::new(Float32Array::from(vec![0.1, 0.5])))]);
    assert_eq!(halves.truths("f = 0.1"), [F, F]);
    assert_eq!(halves.truths("f > 0.1"), [T, T]);
    assert_eq!(halves.truths("f = float32 '0.1'"), [T, F]);
}

#[test]
fn integers_of_all_signs_meet_exactly() {
    let table = Table::new(vec![
        ("u", Arc::new(UInt64Array::from(vec![0, u64::MAX, 1 << 63]))),
        ("i", Arc::new(arrow_array::Int64Array::from(vec![0, -1, i64::MIN]))),
    ]);
    assert_eq!(table.truths("u = i"), [T, F, F]);
    assert_eq!(table.truths("u > i"), [F, T, T]);
    assert_eq!(table.truths("u > -1"), [T, T, T]);
    assert_eq!(table.truths("u = 18446744073709551615"), [F, T, F]);
    assert_eq!(table.truths("u < 99999999999999999999999999"), [T, T, T]);
}

#[test]
fn decimals_meet_numbers_as_people_write_them() {
    let decimals = Decimal128Array::from(vec![1010, 1011, -5]).with_precision_and_scale(6, 2).unwrap();
    let table = Table::new(vec![("d", Arc::new(decimals))]);
    assert_eq!(table.truths("d = 10.1"), [T, F, F]);
    assert_eq!(table.truths("d > 10.105"), [F, T, F]);
    assert_eq!(table.truths("d < 0"), [F, F, T]);
    assert_eq!(table.truths("d in (10.11, -0.05, 0.001)"), [F, T, T]);
    assert_eq!(table.truths("d + d = 20.2"), [T, F, F]);
    assert_eq!(table.truths("d < 1e300"), [T, T, T]);
}

#[test]
fn decimal_overflow_is_null_in_its_row_only() {
    let wide =
        Decimal128Array::from(vec![10_i128.pow(37), 2, 3, 10_i128.pow(37)]).with_precision_and_scale(38, 0).unwrap();
    let table = Table::new(vec![("d", Arc::new(wide))]);
    let product = table.values(&col("d").mul(col("d")));
    assert!(product[0].is_null() && product[3].is_null());
    assert_eq!(
        product[1..3].iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["decimal128(38, 0) '4'", "decimal128(38, 0) '9'"]
    );
    let quotient = table.values(&col("d").div(lit(0_i64)));
    assert!(quotient.iter().all(Literal::is_null));
}

#[test]
fn arithmetic_keeps_types_and_gives_null_for_what_has_no_result() {
    let table = Table::new(vec![("a", Arc::new(Int8Array::from(vec![Some(127), Some(-128), Some(0), None])))]);
    let eight = |values: [Option<i8>; 4]| values.map(Literal::from).to_vec();
    assert_eq!(table.values(&col("a").add(1_i64)), eight([None, Some(-127), Some(1), None]));
    assert_eq!(table.values(&lit(1_i64).div(col("a"))), eight([Some(0), Some(0), None, None]));
    assert_eq!(table.values(&col("a").modulo(0_i64)), eight([None; 4]));
    assert_eq!(table.values(&col("a").modulo(-1_i64)), eight([Some(0), Some(0), Some(0), None]));
    assert_eq!(table.values(&col("a").negate()), eight([Some(-127), None, Some(0), None]));
    assert_eq!(table.values(&col("a").add(1000_i64))[0], Literal::Int64(1127));
    assert_eq!(table.values(&col("a").mul(0.5))[1], Literal::Float64(-64.0));
    assert_eq!(table.values(&col("a").add(Literal::Null)), eight([None; 4]));
    assert_eq!(table.truths("a / 0.0 > 0"), [T, F, T, None]);
    let unsigned = Table::new(vec![("u", Arc::new(UInt64Array::from(vec![1, u64::MAX])))]);
    assert_eq!(unsigned.values(&col("u").sub(2_i64)), [Literal::Null, Literal::UInt64(u64::MAX - 2)]);
    assert_eq!(unsigned.values(&col("u").negate()), [Literal::Int64(-1), Literal::Null]);
    let single = Table::new(vec![("f", Arc::new(Float32Array::from(vec![2.0])))]);
    assert_eq!(single.values(&col("f").mul(0.1)), [Literal::Float32(0.2)]);
}

#[test]
fn times_meet_across_units_zones_and_text() {
    let micros = TimestampMicrosecondArray::from(vec![1_500_000, 1_704_067_200_000_000]).with_timezone("Europe/Zurich");
    let table = Table::new(vec![
        ("t", Arc::new(micros)),
        ("s", Arc::new(TimestampSecondArray::from(vec![1, i64::MAX]))),
        ("d", Arc::new(Date32Array::from(vec![0, 19_723]))),
    ]);
    assert_eq!(table.truths("t >= '2024-01-01'"), [F, T]);
    assert_eq!(table.truths("t = '1970-01-01T02:00:01.5+02:00'"), [T, F]);
    assert_eq!(table.truths("t > timestamp '1970-01-01T00:00:01.500000001Z'"), [F, T]);
    assert_eq!(table.truths("t > s"), [T, F]);
    assert_eq!(table.truths("d = t"), [F, T]);
    assert_eq!(table.truths("d < date '2024-01-01'"), [T, F]);
    assert_eq!(table.truths("d in ('2024-01-01', '2024-01-02T12:00')"), [F, T]);
    assert_eq!(table.truths("t between '1970-01-01' and '1971-01-01'"), [T, F]);
    assert_eq!(table.truths("t - s = duration[us] '500000'"), [T, None]);
    assert_eq!(table.truths("t + duration[s] '1' > '1970-01-01T00:00:02.4'"), [T, T]);
    assert_eq!(table.truths("d - d = duration[s] '0'"), [T, T]);
    assert_eq!(table.code("t > 'soon'"), Code::TypeMismatch);
    assert_eq!(table.code("t > 5"), Code::TypeMismatch);
    assert_eq!(table.code("t + t > t"), Code::TypeMismatch);
    let bound = bind(&parse("t + duration[s] '1'").unwrap(), table.0.schema_ref().as_ref()).unwrap();
    assert_eq!(bound.data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Zurich".into())));
}

#[test]
fn casts_give_null_for_what_does_not_fit_and_need_no_zone_database() {
    let table = Table::new(vec![
        ("s", Arc::new(StringArray::from(vec!["12", "x", "2024-01-01T00:00:00Z"]))),
        ("t", Arc::new(TimestampSecondArray::from(vec![0, 1, 2]).with_timezone("UTC"))),
        ("z", Arc::new(TimestampSecondArray::from(vec![0, 1, 2]).with_timezone("Europe/Zurich"))),
    ]);
    assert_eq!(table.values(&col("s").cast(DataType::Int8)), [Literal::Int8(12), Literal::Null, Literal::Null]);
    assert_eq!(table.truths("cast(s as timestamp[us, UTC]) = '2024-01-01'"), [None, None, T]);
    assert_eq!(table.truths("cast(t as utf8) = '1970-01-01T00:00:01Z'"), [F, T, F]);
    assert_eq!(table.truths("cast(z as timestamp[ms, UTC]) > '1970-01-01T00:00:01'"), [F, F, T]);
    assert_eq!(table.code("cast(z as utf8) = 'a'"), Code::UnsupportedOperation);
    assert_eq!(table.code("cast(t as bool)"), Code::TypeMismatch);
    assert_eq!(table.values(&col("t").cast(DataType::LargeUtf8)).len(), 3);
    let bound = bind(&col("s").cast(DataType::LargeUtf8), table.0.schema_ref().as_ref()).unwrap();
    assert_eq!(bound.data_type(), DataType::LargeUtf8);
    assert_eq!(bound.evaluate(&table.0, 3).unwrap().data_type(), &DataType::LargeUtf8);
}

#[test]
fn encodings_of_text_and_bytes_are_interchangeable() {
    let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let runs: RunArray<Int32Type> = vec![Some("a"), Some("a"), None, Some("b")].into_iter().collect();
    let large = arrow_array::LargeStringArray::from(vec![Some("a"), Some("b"), Some("b"), None]);
    let view = arrow_array::StringViewArray::from(vec![Some("b"), Some("b"), Some("b"), Some("a")]);
    let table = Table::new(vec![
        ("d", Arc::new(dictionary)),
        ("r", Arc::new(runs)),
        ("l", Arc::new(large)),
        ("v", Arc::new(view)),
        ("x", Arc::new(FixedSizeBinaryArray::try_from_iter(vec![[0_u8], [1], [255], [0]].into_iter()).unwrap())),
        ("y", Arc::new(BinaryArray::from(vec![&[0_u8][..], &[0], &[255], &[]]))),
    ]);
    assert_eq!(table.truths("d = 'a'"), [T, None, F, T]);
    assert_eq!(table.truths("d = l"), [T, None, T, None]);
    assert_eq!(table.truths("r = d"), [T, None, None, F]);
    assert_eq!(table.truths("l = v"), [F, T, T, None]);
    assert_eq!(table.truths("v > d"), [T, None, F, F]);
    assert_eq!(table.truths("d is null"), [F, T, F, F]);
    assert_eq!(table.truths("r is null"), [F, F, T, F]);
    assert_eq!(table.truths("d like 'a_' or starts_with(d, 'b')"), [F, None, T, F]);
    assert_eq!(table.truths("r in ('a', 'c')"), [T, T, None, F]);
    assert_eq!(table.truths("x = x'ff'"), [F, F, T, F]);
    assert_eq!(table.truths("x = y"), [T, F, T, F]);
    assert_eq!(table.truths("y = x"), [T, F, T, F]);
    assert_eq!(table.truths("x in (x'00', x'01', x'0000')"), [T, T, F, T]);
    assert_eq!(table.code("x = 'a'"), Code::TypeMismatch);
}

#[test]
fn paths_descend_through_groups_and_their_nulls() {
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("b.c", DataType::Int32, true)),
        Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef,
    )]);
    let (fields, arrays, _) = inner.into_parts();
    let inner = StructArray::new(fields, arrays, Some(NullBuffer::from(vec![true, false, true])));
    let table = Table::new(vec![("a", Arc::new(inner))]);
    let path = || column(vec!["a".to_string(), "b.c".to_string()]);
    assert_eq!(table.values(&path()), [Literal::Int32(1), Literal::Null, Literal::Int32(3)]);
    assert_eq!(path().to_string(), "a.\"b.c\"");
    assert_eq!(table.truths("a.\"b.c\" > 1"), [F, None, T]);
    assert_eq!(table.truths("a is null"), [F, T, F]);
    assert_eq!(table.code("a = a"), Code::TypeMismatch);
    let error = bind(&parse("a.\"b.d\" > 1").unwrap(), table.0.schema_ref().as_ref()).unwrap_err();
    assert_eq!(error.code(), Code::UnknownColumn);
    assert!(error.message().contains("did you mean 'a.\"b.c\"'"), "{error}");
}

#[test]
fn refusals_name_the_problem() {
    let table = Table::new(vec![
        ("price", Arc::new(Int32Array::from(vec![1]))),
        ("name", Arc::new(StringArray::from(vec!["a"]))),
    ]);
    let error = |expr: &Expr| bind_filter(expr, table.0.schema_ref().as_ref()).map(|bound| bound.columns).unwrap_err();
    assert!(error(&col("prise").gt(1_i64)).message().contains("did you mean 'price'"));
    let mismatch = error(&col("price").eq("a"));
    assert_eq!(mismatch.code(), Code::TypeMismatch);
    assert!(mismatch.message().contains("int32") && mismatch.message().contains("utf8"), "{mismatch}");
    for text in ["price", "price and true", "not name", "name + 1 > 1", "name in (1)", "price like 'a'", "-name = 'a'"]
    {
        assert_eq!(error(&parse(text).unwrap()).code(), Code::TypeMismatch, "{text}");
    }
    let udf = call("http.get", vec![col("name")], BTreeMap::new());
    assert_eq!(error(&udf.is_null()).code(), Code::UnsupportedOperation);
    assert_eq!(error(&aux("x").gt(1_i64)).code(), Code::UnknownColumn);
    let pattern = col("name").like("a_".repeat(10_000));
    assert_eq!(error(&pattern).code(), Code::LimitExceeded);
    let deep = (0..100).fold(col("price"), |expr, _| expr.add(1_i64)).gt(1_i64);
    assert_eq!(error(&deep).code(), Code::LimitExceeded);
    let doubling = (0..50).fold(col("price").is_null(), |expr, _| expr.between(false, true));
    assert_eq!(error(&doubling).code(), Code::LimitExceeded);
    assert_eq!(error(&lit(Literal::Time(1 << 40, TimeUnit::Second)).is_null()).code(), Code::InvalidArgument);
}

#[test]
fn constants_and_nulls_fill_every_row() {
    let table = Table::new(vec![("a", Arc::new(Int32Array::from(vec![Some(1), None])))]);
    assert_eq!(table.truths("true"), [T, T]);
    assert_eq!(table.truths("null"), [None, None]);
    assert_eq!(table.truths("1 < 2 and 'b' > 'a'"), [T, T]);
    assert_eq!(table.truths("a = null or true"), [T, T]);
    assert_eq!(table.truths("null is null xor a is null"), [T, F]);
    assert_eq!(table.truths("timestamp '2024-01-01' > '2023-01-01'"), [T, T]);
    assert_eq!(table.values(&lit("x")), [Literal::from("x"), Literal::from("x")]);
    let filter = bind_filter(&lit(Literal::Null), table.0.schema_ref().as_ref()).unwrap();
    assert_eq!(filter.evaluate_filter(&table.0, 2).unwrap().true_count(), 0);
    let empty = bind_filter(&col("a").gt(0_i64).and(true), table.0.schema_ref().as_ref()).unwrap();
    assert_eq!(empty.evaluate_filter(&table.0.slice(0, 0), 0).unwrap().len(), 0);
}

#[test]
fn missing_and_foreign_columns_are_reported() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int32, true)]);
    let bound = bind_filter(&col("a").gt(0_i64), &schema).unwrap();
    let missing = |_: &[String]| -> Option<ArrayRef> { None };
    assert_eq!(bound.evaluate(&missing, 1).unwrap_err().code(), Code::Internal);
    let short = |_: &[String]| -> Option<ArrayRef> { Some(Arc::new(Int32Array::from(vec![1]))) };
    assert_eq!(bound.evaluate(&short, 2).unwrap_err().code(), Code::Internal);
    let foreign = |_: &[String]| -> Option<ArrayRef> { Some(Arc::new(StringArray::from(vec!["a"]))) };
    assert_eq!(bound.evaluate(&foreign, 1).unwrap_err().code(), Code::Internal);
    let gap = |_: &[String]| -> Option<ArrayRef> { Some(Arc::new(arrow_array::NullArray::new(2))) };
    assert_eq!(bound.evaluate_filter(&gap, 2).unwrap().true_count(), 0);
}

struct WithAux(Schema);

impl ColumnTypes for WithAux {
    fn column_type(&self, path: &[String]) -> Option<DataType> {
        self.0.column_type(path)
    }

    fn aux_type(&self, name: &str) -> Option<DataType> {
        (name == "boost").then_some(DataType::Int64)
    }
}

#[test]
fn conjuncts_carry_their_own_columns_and_join_again() {
    let schema = WithAux(Schema::new(["a", "b", "c"].map(|name| Field::new(name, DataType::Int64, true)).to_vec()));
    let filter = parse("c > 1 and not (a = 2 or b = 3) and b < aux(boost)").unwrap();
    let bound = bind_filter(&filter, &schema).unwrap();
    let names = |bound: &BoundExpr| bound.columns().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&bound), ["c", "a", "b"]);
    let parts = bound.conjuncts();
    assert_eq!(parts.iter().map(names).collect::<Vec<_>>(), [vec!["c"], vec!["a"], vec!["b"], vec!["b"]]);
    assert_eq!(parts[3].aux_columns(), ["boost"]);
    assert_eq!(parts[1].column_of(parts[1].root().children()[0]), parts[1].columns().first());
    assert!(matches!(parts[1].root(), Bound::Compare { op: CompareOp::Neq, .. }));
    assert_eq!(BoundExpr::conjunction(parts), bound);
    let none = BoundExpr::conjunction([]);
    assert!(matches!(none.root(), Bound::Literal { value: Literal::Boolean(true), .. }));
    let declared = Expr::Aux { name: "boost".into(), data_type: Some(DataType::Utf8) };
    assert_eq!(bind(&declared, &schema).unwrap_err().code(), Code::TypeMismatch);
}
