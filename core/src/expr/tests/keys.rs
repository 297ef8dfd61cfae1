//! Key ranges cover every key that a filter keeps.

use arrow_schema::DataType;
use proptest::prelude::*;

use super::evaluation::truth;
use super::generate::{Row, any_f, any_filter, any_i, any_j, any_s, schema};
use crate::expr::{ColumnPath, Expr, Interval, KeyBounds, Literal, MAX_INTERVALS, bind_filter, col, key_bounds, lit};

fn key_schema(names: &[&str]) -> Vec<(ColumnPath, DataType)> {
    let schema = schema();
    names
        .iter()
        .map(|name| (ColumnPath::new([*name]), schema.field_with_name(name).unwrap().data_type().clone()))
        .collect()
}

fn bounds(filter: &Expr, names: &[&str]) -> KeyBounds {
    key_bounds(&bind_filter(filter, &schema()).unwrap(), &key_schema(names))
}

fn key(row: &Row, names: &[&str]) -> Vec<Literal> {
    let part = |name: &&str| match *name {
        "i" => Literal::Int32(row.i.unwrap()),
        "j" => Literal::Int64(row.j.unwrap()),
        "f" => Literal::Float64(row.f.unwrap()),
        _ => Literal::from(row.s.clone().unwrap()),
    };
    names.iter().map(part).collect()
}

fn any_key_row() -> impl Strategy<Value = Row> {
    (any_i(), any_j(), any_f(), any_s()).prop_map(|(i, j, f, s)| Row { i: Some(i), j: Some(j), f: Some(f), s: Some(s) })
}

fn any_keys() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["i", "s", "f", "j"], 1..=4).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_matching_key_lies_outside_the_intervals(
        rows in prop::collection::vec(any_key_row(), 1..30),
        filter in any_filter(&["i", "j", "f"], &["s"]),
        names in any_keys(),
    ) {
        let bounds = bounds(&filter, &names);
        prop_assert!(bounds.intervals.len() <= MAX_INTERVALS);
        for row in &rows {
            let key = key(row, &names);
            let matches = truth(&filter, row) == Some(true);
            prop_assert!(!matches || bounds.contains(&key), "{} loses {:?} from {:?}", &filter, &key, &bounds);
            prop_assert!(matches || !bounds.exact || !bounds.contains(&key), "{} is not exact at {:?}", &filter, &key);
            let holders = bounds.intervals.iter().filter(|interval| interval.contains(&key)).count();
            prop_assert!(holders <= 1, "intervals overlap at {:?}", &key);
        }
    }
}

fn interval(lower: &[Literal], lower_inclusive: bool, upper: &[Literal], upper_inclusive: bool) -> Interval {
    Interval { lower: lower.to_vec(), lower_inclusive, upper: upper.to_vec(), upper_inclusive }
}

#[test]
fn equality_then_range_bounds_both_columns() {
    let filter = col("s").eq("a").and(col("j").gt(5_i64)).and(col("j").lte(9_i64));
    let a = || Literal::from("a");
    let expected = interval(&[a(), Literal::Int64(5)], false, &[a(), Literal::Int64(9)], true);
    assert_eq!(bounds(&filter, &["s", "j"]), KeyBounds { intervals: vec![expected], exact: true });
    // The range comes first: what follows it is left to the evaluator.
    let reversed = bounds(&filter, &["j", "s"]);
    assert_eq!(reversed.intervals, [interval(&[Literal::Int64(5)], false, &[Literal::Int64(9)], true)]);
    assert!(!reversed.exact);
}

#[test]
fn lists_and_alternatives_become_several_intervals() {
    let filter = col("i").is_in([3_i64, 1, 3]).and(col("s").starts_with("a"));
    let found = bounds(&filter, &["i", "s"]);
    let part =
        |i| interval(&[Literal::Int32(i), Literal::from("a")], true, &[Literal::Int32(i), Literal::from("b")], false);
    assert_eq!(found, KeyBounds { intervals: vec![part(1), part(3)], exact: true });

    let either = col("i").eq(1_i64).and(col("j").eq(2_i64)).or(col("i").eq(0_i64));
    let found = bounds(&either, &["i", "j"]);
    let second = [Literal::Int32(1), Literal::Int64(2)];
    let first = [Literal::Int32(0)];
    let expected = vec![interval(&first, true, &first, true), interval(&second, true, &second, true)];
    assert_eq!(found, KeyBounds { intervals: expected, exact: true });
}

#[test]
fn contradictions_leave_no_interval() {
    for filter in [col("i").eq(1_i64).and(col("i").eq(2_i64)), col("i").is_null(), lit(false), col("i").gt(1_i64 << 40)]
    {
        assert_eq!(bounds(&filter, &["i"]), KeyBounds { intervals: Vec::new(), exact: true }, "{filter}");
    }
}

#[test]
fn conditions_on_values_exclude_nothing() {
    let found = bounds(&col("f").gt(0.0), &["i"]);
    assert_eq!(found, KeyBounds { intervals: vec![Interval::all()], exact: false });
    assert!(found.is_unbounded());
    assert!(bounds(&lit(true), &["i"]).exact);
}

#[test]
fn many_intervals_are_merged_without_loss() {
    let wide = col("i").is_in((0..5000).map(|i| i * 2));
    let found = bounds(&wide, &["i"]);
    assert!(found.intervals.len() <= MAX_INTERVALS && !found.exact);
    assert!((0..5000).all(|i| found.contains(&[Literal::Int32(i * 2)])));
    assert!(!found.contains(&[Literal::Int32(-1)]));

    let product = col("i").is_in(0..100_i32).and(col("j").is_in(0..100_i64));
    let found = bounds(&product, &["i", "j"]);
    assert!(found.intervals.len() <= MAX_INTERVALS);
    assert!(found.contains(&[Literal::Int32(99), Literal::Int64(99)]));
    assert!(!found.contains(&[Literal::Int32(99), Literal::Int64(100)]));
}

#[test]
fn long_chains_of_alternatives_stay_exact_and_fast() {
    let chain = Expr::Or((0..20_000_i32).map(|i| col("i").eq(i % 500)).collect());
    let found = bounds(&chain, &["i"]);
    assert_eq!(found.intervals.len(), 500);
    assert!(found.exact);
    let pairs = Expr::Or((0..5_000_i32).map(|i| col("i").eq(i).and(col("j").eq(i64::from(i)))).collect());
    let found = bounds(&pairs, &["i", "j"]);
    assert!((0..5_000).all(|i| found.contains(&[Literal::Int32(i), Literal::Int64(i64::from(i))])));
    assert!(!found.contains(&[Literal::Int32(-1), Literal::Int64(0)]));
    let holes = Expr::And((0..5_000_i32).map(|i| col("i").neq(i * 2)).collect());
    assert!(bounds(&holes, &["i"]).contains(&[Literal::Int32(1)]));
}

#[test]
fn keys_of_another_type_are_not_used() {
    let filter = bind_filter(&col("i").eq(1_i64), &schema()).unwrap();
    let found = key_bounds(&filter, &[(ColumnPath::new(["i"]), DataType::Int64)]);
    assert!(found.is_unbounded() && !found.exact);
}
