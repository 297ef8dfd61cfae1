//! Random tables and filters, and the nasty values that every form of a literal must survive.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use half::f16;
use proptest::prelude::*;

use crate::expr::{CompareOp, Expr, Literal, col, lit};

/// One literal of every type with its extremes.
pub(in crate::expr) fn literals() -> Vec<Literal> {
    let mut all = vec![
        Literal::Null,
        Literal::Boolean(true),
        Literal::Boolean(false),
        Literal::Decimal128(-12345, 10, 2),
        Literal::Decimal128(5, 3, -2),
        Literal::Decimal128(10_i128.pow(38) - 1, 38, 38),
        Literal::Decimal256(i256::from_i128(10).wrapping_pow(76).wrapping_sub(i256::ONE), 76, 10),
        Literal::Date32(i32::MIN),
        Literal::Date32(19_000),
        Literal::Date64(i64::MAX),
        Literal::Date64(1),
    ];
    all.extend([i8::MIN, i8::MAX].map(Literal::Int8));
    all.extend([i16::MIN, i16::MAX].map(Literal::Int16));
    all.extend([i32::MIN, i32::MAX].map(Literal::Int32));
    all.extend([i64::MIN, -1, 0, i64::MAX].map(Literal::Int64));
    all.extend([u8::MAX].map(Literal::UInt8));
    all.extend([u16::MAX].map(Literal::UInt16));
    all.extend([u32::MAX].map(Literal::UInt32));
    all.extend([0, u64::MAX].map(Literal::UInt64));
    all.extend([f16::NAN, f16::NEG_INFINITY, f16::from_f32(0.1), f16::NEG_ZERO].map(Literal::Float16));
    all.extend([f32::NAN, -f32::NAN, f32::INFINITY, 0.1, -0.0, f32::MIN_POSITIVE].map(Literal::Float32));
    all.extend([f64::NAN, -f64::NAN, f64::NEG_INFINITY, 0.1, -0.0, 5e-324, f64::MAX, 1e16].map(Literal::Float64));
    all.push(Literal::Float64(f64::from_bits(0x7ff8_0000_0000_0001)));
    all.extend(["", "it's", "a\"b\\%\n\0", "żółć 🦀", "\u{10ffff}"].map(Literal::from));
    all.extend([Vec::new(), vec![0, 255, 10]].map(Literal::Binary));
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        all.extend([0, 43_200, -1].map(|value| Literal::Time(value, unit)));
        all.extend([i64::MIN, 0, 1].map(|value| Literal::Duration(value, unit)));
        for zone in [None, Some("UTC".into()), Some("+05:30".into()), Some("Europe/Zurich".into()), Some("]'".into())] {
            all.extend([i64::MIN, -1, 1_700_000_000, i64::MAX].map(|v| Literal::Timestamp(v, unit, zone.clone())));
        }
    }
    all
}

/// One row of the random tables.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) i: Option<i32>,
    pub(super) j: Option<i64>,
    pub(super) f: Option<f64>,
    pub(super) s: Option<String>,
}

pub(super) fn schema() -> Schema {
    Schema::new(vec![
        Field::new("i", DataType::Int32, true),
        Field::new("j", DataType::Int64, true),
        Field::new("f", DataType::Float64, true),
        Field::new("s", DataType::Utf8, true),
    ])
}

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.i).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.j).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.f).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.s.clone()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

pub(super) fn any_i() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -3..4_i32, 1 => prop::sample::select(vec![i32::MIN, i32::MAX])]
}

pub(super) fn any_j() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..4_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 1 << 31])]
}

pub(super) fn any_f() -> impl Strategy<Value = f64> {
    let nasty = vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 9_007_199_254_740_992.0, 5e-324];
    prop_oneof![2 => (-6..7_i32).prop_map(|half| f64::from(half) / 2.0), 1 => prop::sample::select(nasty)]
}

pub(super) fn any_s() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab]{0,3}", 1 => prop::sample::select(vec!["a\u{10ffff}", "%", "_", "é", "ab\u{d7ff}"]).prop_map(String::from)]
}

pub(super) fn any_row() -> impl Strategy<Value = Row> {
    let null = |probability| prop::option::weighted(probability, any_i());
    (
        null(0.8),
        prop::option::weighted(0.8, any_j()),
        prop::option::weighted(0.8, any_f()),
        prop::option::weighted(0.8, any_s()),
    )
        .prop_map(|(i, j, f, s)| Row { i, j, f, s })
}

fn any_op() -> impl Strategy<Value = CompareOp> {
    prop::sample::select(CompareOp::ALL.to_vec())
}

fn any_number() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any_i().prop_map(Literal::Int32),
        any_j().prop_map(Literal::Int64),
        any_f().prop_map(Literal::Float64),
        (0_u64..4).prop_map(Literal::UInt64),
        (-40..40_i128).prop_map(|tenths| Literal::Decimal128(tenths, 10, 1)),
        Just(Literal::Null),
    ]
}

fn compare(op: CompareOp, left: Expr, right: impl Into<Expr>) -> Expr {
    Expr::Compare { op, left: Box::new(left), right: Box::new(right.into()) }
}

/// A condition on one column or on two.
fn any_condition(number: &'static [&'static str], text: &'static [&'static str]) -> BoxedStrategy<Expr> {
    let number = move || prop::sample::select(number.to_vec()).prop_map(col);
    let text = move || prop::sample::select(text.to_vec()).prop_map(col);
    let pattern = prop::sample::select(vec!["a%", "%b", "a_", "ab", "%", "", "a%b%", "\\%", "_%"]);
    prop_oneof![
        4 => (any_op(), number(), any_number()).prop_map(|(op, column, value)| compare(op, column, value)),
        1 => (any_op(), number(), any_number()).prop_map(|(op, column, value)| compare(op, lit(value), column)),
        1 => (any_op(), number(), number()).prop_map(|(op, left, right)| compare(op, left, right)),
        2 => (any_op(), text(), any_s()).prop_map(|(op, column, value)| compare(op, column, value)),
        1 => (number(), prop::collection::vec(any_number(), 0..5)).prop_map(|(column, list)| column.is_in(list)),
        1 => (text(), prop::collection::vec(any_s(), 0..4)).prop_map(|(column, list)| column.is_in(list)),
        1 => (number(), any_number(), any_number()).prop_map(|(column, low, high)| column.between(low, high)),
        1 => (text(), any_s()).prop_map(|(column, prefix)| column.starts_with(prefix)),
        1 => (text(), pattern.clone()).prop_map(|(column, pattern)| column.like(pattern)),
        1 => (text(), pattern).prop_map(|(column, pattern)| column.ilike(pattern)),
        1 => number().prop_map(Expr::is_null),
        1 => text().prop_map(Expr::is_not_null),
        1 => prop::option::of(any::<bool>()).prop_map(lit),
    ]
    .boxed()
}

/// A filter over the named number and text columns.
pub(super) fn any_filter(number: &'static [&'static str], text: &'static [&'static str]) -> BoxedStrategy<Expr> {
    any_condition(number, text)
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                3 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
                3 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
                1 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.xor(right)),
                1 => inner.prop_map(Expr::not),
            ]
        })
        .boxed()
}

/// Order of floats as the documentation states it, written down a second time.
pub(super) fn order_floats(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.partial_cmp(&right).unwrap(),
    }
}
