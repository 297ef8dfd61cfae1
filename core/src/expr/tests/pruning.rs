//! Statistics never drop a row that a filter keeps.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, StringArray, UInt64Array};
use proptest::prelude::*;

use super::evaluation::truth;
use super::generate::{Row, any_filter, any_row, order_floats, schema};
use crate::expr::{
    Bounds, Expr, Literal, Pruning, ZoneColumn, ZoneStatistics, bind_filter, col, lit, prune, prune_zones,
};

/// How much the statistics of a table tell.
#[derive(Debug, Clone, Copy)]
struct Detail {
    bounds: bool,
    nulls: bool,
    truncate: bool,
    skip_nan: bool,
}

fn any_detail() -> impl Strategy<Value = Detail> {
    (prop::bool::weighted(0.9), prop::bool::weighted(0.8), any::<bool>(), any::<bool>())
        .prop_map(|(bounds, nulls, truncate, skip_nan)| Detail { bounds, nulls, truncate, skip_nan })
}

fn column(rows: &[Row], name: &str) -> Vec<Literal> {
    let value = |row: &Row| match name {
        "i" => Literal::from(row.i),
        "j" => Literal::from(row.j),
        "f" => Literal::from(row.f),
        _ => Literal::from(row.s.clone()),
    };
    rows.iter().map(value).collect()
}

fn statistics(rows: &[Row], name: &str, detail: Detail) -> Bounds {
    let values = column(rows, name);
    let skipped =
        |value: &Literal| value.is_null() || (detail.skip_nan && matches!(value, Literal::Float64(f) if f.is_nan()));
    let known: Vec<&Literal> = values.iter().filter(|value| !skipped(value)).collect();
    let mut min = known.iter().min_by(|a, b| a.compare(b).unwrap()).map(|value| (*value).clone());
    let mut max = known.iter().max_by(|a, b| a.compare(b).unwrap()).map(|value| (*value).clone());
    if detail.truncate {
        min = min.map(|value| match value {
            Literal::Utf8(text) => Literal::Utf8(text.chars().take(1).collect()),
            Literal::Int64(value) => Literal::Int64(value.saturating_sub(1)),
            other => other,
        });
        max = max.map(|value| match value {
            Literal::Utf8(text) => Literal::Utf8(text + "z"),
            Literal::Int64(value) => Literal::Int64(value.saturating_add(1)),
            other => other,
        });
    }
    let nulls = values.iter().filter(|value| value.is_null()).count();
    Bounds {
        min: min.filter(|_| detail.bounds),
        max: max.filter(|_| detail.bounds),
        null_count: detail.nulls.then_some(nulls as u64),
        rows: rows.len() as u64,
        may_have_nan: detail.skip_nan && name == "f",
    }
}

struct Zones {
    zones: Vec<Vec<Row>>,
    detail: Detail,
}

impl ZoneStatistics for Zones {
    fn zones(&self, path: &[String]) -> Option<ZoneColumn> {
        let all: Vec<Bounds> = self.zones.iter().map(|rows| statistics(rows, &path[0], self.detail)).collect();
        let array = |pick: &dyn Fn(&Bounds) -> Option<Literal>| -> ArrayRef {
            let values: Vec<Option<Literal>> = all.iter().map(pick).collect();
            macro_rules! build {
                ($variant:ident, $array:ty) => {
                    Arc::new(
                        values
                            .into_iter()
                            .map(|value| match value {
                                Some(Literal::$variant(value)) => Some(value),
                                _ => None,
                            })
                            .collect::<$array>(),
                    )
                };
            }
            match path[0].as_str() {
                "i" => build!(Int32, Int32Array),
                "j" => build!(Int64, Int64Array),
                "f" => build!(Float64, Float64Array),
                _ => build!(Utf8, StringArray),
            }
        };
        Some(ZoneColumn {
            min: Some(array(&|bounds| bounds.min.clone())),
            max: Some(array(&|bounds| bounds.max.clone())),
            null_count: self.detail.nulls.then(|| all.iter().map(|bounds| bounds.null_count).collect()),
            may_have_nan: all[0].may_have_nan,
        })
    }

    fn row_counts(&self) -> Option<UInt64Array> {
        Some(self.zones.iter().map(|rows| Some(rows.len() as u64)).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_dropped_zone_holds_a_matching_row(
        zones in prop::collection::vec(prop::collection::vec(any_row(), 1..4), 1..8),
        filter in any_filter(&["i", "j", "f"], &["s"]),
        detail in any_detail(),
    ) {
        let bound = bind_filter(&filter, &schema()).unwrap();
        let zones = Zones { zones, detail };
        let keep = prune_zones(&bound, &zones, zones.zones.len()).unwrap();
        prop_assert_eq!(keep.null_count(), 0);
        for (index, rows) in zones.zones.iter().enumerate() {
            let truths: Vec<Option<bool>> = rows.iter().map(|row| truth(&filter, row)).collect();
            let kept = truths.contains(&Some(true));
            prop_assert!(keep.value(index) || !kept, "{} drops {:?}", &filter, rows);
            let one = |path: &[String]| Some(statistics(rows, &path[0], detail));
            match prune(&bound, &one).unwrap() {
                Pruning::AllFalse => prop_assert!(!kept && !keep.value(index)),
                Pruning::AllTrue => prop_assert!(truths.iter().all(|truth| *truth == Some(true)), "{} on {:?}", &filter, rows),
                Pruning::Unknown => prop_assert!(keep.value(index)),
            }
        }
    }
}

fn decide(filter: Expr, min: impl Into<Literal>, max: impl Into<Literal>, nulls: Option<u64>) -> Pruning {
    let bounds =
        Bounds { min: Some(min.into()), max: Some(max.into()), null_count: nulls, rows: 10, may_have_nan: false };
    prune(&bind_filter(&filter, &schema()).unwrap(), &|_: &[String]| Some(bounds.clone())).unwrap()
}

#[test]
fn bounds_decide_what_they_can() {
    assert_eq!(decide(col("i").gt(10_i64), 0, 10, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").gte(10_i64), 0, 10, Some(0)), Pruning::Unknown);
    assert_eq!(decide(col("i").lte(10_i64), 0, 10, Some(0)), Pruning::AllTrue);
    assert_eq!(decide(col("i").lte(10_i64), 0, 10, None), Pruning::Unknown);
    assert_eq!(decide(col("i").eq(5_i64), 5, 5, Some(0)), Pruning::AllTrue);
    assert_eq!(decide(col("i").neq(5_i64), 5, 5, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").is_in([1_i64, 20]), 5, 10, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").is_in([1_i64, 7]), 5, 10, Some(0)), Pruning::Unknown);
    assert_eq!(decide(col("i").is_in([1_i64, 7]).not(), 7, 7, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").lt(2.5), 3, 9, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").is_null(), 0, 1, Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("i").is_null(), 0, 1, Some(10)), Pruning::AllTrue);
    assert_eq!(decide(col("i").gt(0_i64), Literal::Null, Literal::Null, Some(10)), Pruning::AllFalse);
    assert_eq!(decide(col("s").starts_with("b"), "c", "d", Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("s").like("b%x"), "c", "d", Some(0)), Pruning::AllFalse);
    assert_eq!(decide(col("s").like("c_%"), "ca", "cb", Some(0)), Pruning::Unknown);
    assert_eq!(decide(col("s").starts_with("c"), "ca", "cb", Some(0)), Pruning::AllTrue);
}

#[test]
fn nan_beyond_the_bounds_is_expected_where_it_may_be() {
    let decide = |min, max, may_have_nan| {
        let bounds = Bounds {
            min: Some(Literal::Float64(min)),
            max: Some(Literal::Float64(max)),
            null_count: Some(0),
            rows: 3,
            may_have_nan,
        };
        prune(&bind_filter(&col("f").gt(5.0), &schema()).unwrap(), &|_: &[String]| Some(bounds.clone())).unwrap()
    };
    assert_eq!(decide(0.0, 1.0, false), Pruning::AllFalse);
    assert_eq!(decide(0.0, 1.0, true), Pruning::Unknown);
    // A minimum of negative NaN comes from another order of floats and bounds nothing.
    assert_eq!(decide(-f64::NAN, 1.0, false), Pruning::AllFalse);
    let low = bind_filter(&col("f").lt(5.0), &schema()).unwrap();
    let bounds = Bounds {
        min: Some(Literal::Float64(-f64::NAN)),
        max: Some(Literal::Float64(9.0)),
        null_count: Some(0),
        rows: 3,
        may_have_nan: false,
    };
    assert_eq!(prune(&low, &|_: &[String]| Some(bounds.clone())).unwrap(), Pruning::Unknown);
    assert!(order_floats(f64::NAN, 1.0).is_gt());
}

#[test]
fn statistics_of_another_type_say_nothing() {
    assert_eq!(decide(col("i").gt(10_i64), "a", "b", Some(0)), Pruning::Unknown);
    assert_eq!(decide(col("i").gt(10_i64), 0_i64, 1_i64, Some(0)), Pruning::Unknown);
    let unknown = |_: &[String]| None;
    assert_eq!(prune(&bind_filter(&col("i").gt(1_i64), &schema()).unwrap(), &unknown).unwrap(), Pruning::Unknown);
    assert_eq!(prune(&bind_filter(&lit(false), &schema()).unwrap(), &unknown).unwrap(), Pruning::AllFalse);
}
