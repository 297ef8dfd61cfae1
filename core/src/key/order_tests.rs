//! The one promise everything above rests on: typed order is tuple order.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::strategies::key_columns;
use super::*;
use crate::error::Code;

fn tuples(columns: &[ArrayRef]) -> Vec<Vec<u8>> {
    (0..columns[0].len()).map(|row| encode(columns, row).unwrap()).collect()
}

fn sorted_unique(rows: &KeyRows) -> KeyRows {
    let sorted = rows.take(&rows.sort_indices()).unwrap();
    let keep = (0..sorted.len()).filter(|&row| row == 0 || sorted.compare(row - 1, &sorted, row).is_lt());
    sorted.take(&keep.map(|row| u32::try_from(row).unwrap()).collect::<Vec<_>>().into()).unwrap()
}

struct CompareAll;

impl KeyVisitor for CompareAll {
    type Output = Vec<bool>;

    fn visit<V: KeyView>(self, inputs: &[V]) -> Vec<bool> {
        let keys = inputs[0];
        let pairs = (0..keys.len()).flat_map(|i| (0..keys.len()).map(move |j| (i, j)));
        pairs.map(|(i, j)| keys.prefix(i) <= keys.prefix(j) || keys.get(i) > keys.get(j)).collect()
    }
}

proptest! {
    #[test]
    fn keys_compare_as_their_tuples((schema, columns) in key_columns(12)) {
        let rows = KeyRows::try_new(schema, &columns).unwrap();
        let tuples = tuples(&columns);
        for i in 0..rows.len() {
            prop_assert_eq!(&rows.key(i), &Key::from(tuples[i].clone()));
            for j in 0..rows.len() {
                prop_assert_eq!(rows.compare(i, &rows, j), tuples[i].cmp(&tuples[j]), "{:?} {:?}", rows.key(i), rows.key(j));
            }
        }
        prop_assert!(KeyRows::visit(&[rows], CompareAll).into_iter().all(|ok| ok), "a prefix decreases");
    }

    #[test]
    fn separately_built_keys_compare_as_their_tuples((schema, columns) in key_columns(12), cut in any::<prop::sample::Index>()) {
        let rows = KeyRows::try_new(schema.clone(), &columns).unwrap();
        let cut = cut.index(rows.len());
        let tail: Vec<ArrayRef> = columns.iter().map(|column| column.slice(cut, rows.len() - cut)).collect();
        let rebuilt = KeyRows::try_new(schema, &tail).unwrap();
        let sliced = rows.slice(cut, rows.len() - cut);
        for i in 0..rows.len() {
            for j in 0..rebuilt.len() {
                let expected = rows.key(i).cmp(&rows.key(cut + j));
                prop_assert_eq!(rows.compare(i, &rebuilt, j), expected);
                prop_assert_eq!(rows.compare(i, &sliced, j), expected);
            }
        }
    }

    #[test]
    fn sorting_is_stable_and_by_tuple((schema, columns) in key_columns(40)) {
        let rows = KeyRows::try_new(schema, &columns).unwrap();
        let tuples = tuples(&columns);
        let mut expected: Vec<u32> = (0..u32::try_from(rows.len()).unwrap()).collect();
        expected.sort_by(|&a, &b| tuples[a as usize].cmp(&tuples[b as usize]));
        prop_assert_eq!(rows.sort_indices().values().to_vec(), expected);
    }

    #[test]
    fn sortedness_is_what_the_tuples_say((schema, columns) in key_columns(6), sort in any::<bool>()) {
        let mut rows = KeyRows::try_new(schema, &columns).unwrap();
        if sort {
            rows = rows.take(&rows.sort_indices()).unwrap();
        }
        let tuples: Vec<_> = (0..rows.len()).map(|row| rows.key(row)).collect();
        let expected = match (1..tuples.len()).find(|&row| tuples[row - 1] >= tuples[row]) {
            None => SortedCheck::Sorted,
            Some(row) if tuples[row - 1] == tuples[row] => SortedCheck::Duplicate(row),
            Some(_) => SortedCheck::Unsorted,
        };
        prop_assert_eq!(rows.check_sorted(), expected);
    }

    #[test]
    fn bounds_are_found_by_key_and_by_bytes((schema, columns) in key_columns(40), from in any::<prop::sample::Index>(), cut in 0..30usize) {
        let all = KeyRows::try_new(schema, &columns).unwrap();
        let rows = sorted_unique(&all);
        let from = from.index(rows.len() + 1);
        let tuples: Vec<_> = (0..rows.len()).map(|row| rows.key(row)).collect();
        for probe in 0..all.len() {
            let key = all.key(probe);
            let expected = tuples.partition_point(|tuple| *tuple < key);
            prop_assert_eq!(rows.lower_bound(from..rows.len(), &all, probe), expected.max(from));
            prop_assert_eq!(rows.lower_bound_bytes(key.as_bytes()).unwrap(), expected);
            let bound = &key.as_bytes()[..cut.min(key.as_bytes().len())];
            let expected = tuples.partition_point(|tuple| tuple.as_bytes() < bound);
            prop_assert_eq!(rows.lower_bound_bytes(bound).unwrap(), expected);
            let range = KeyRange::new(Some(bound.into()), Some(key));
            let inside = tuples.iter().filter(|tuple| range.contains(tuple.as_bytes())).count();
            prop_assert_eq!(rows.rows_in(&range).unwrap().len(), inside);
        }
    }

    #[test]
    fn a_prefix_range_holds_exactly_the_keys_with_these_first_columns((schema, columns) in key_columns(20), keep in 0..4usize) {
        let keep = keep.min(columns.len());
        let rows = KeyRows::try_new(schema, &columns).unwrap();
        let prefix = encode(&columns[..keep], 0).unwrap();
        let range = KeyRange::from_prefix(&prefix.clone().into());
        for row in 0..rows.len() {
            let same = keep == 0 || encode(&columns[..keep], row).unwrap() == prefix;
            prop_assert_eq!(range.contains(rows.key(row).as_bytes()), same);
        }
    }
}

#[test]
fn keys_of_unequal_forms_still_compare_as_tuples() {
    let signed: ArrayRef = Arc::new(Int64Array::from(vec![-1, 5]));
    let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![5, u64::MAX]));
    let rows = |column: ArrayRef| {
        KeyRows::try_new(KeySchema::try_new([("k", column.data_type().clone())]).unwrap(), &[column]).unwrap()
    };
    let (signed, unsigned) = (rows(signed), rows(unsigned));
    assert!(signed.compare(0, &unsigned, 0).is_lt());
    assert!(signed.compare(1, &unsigned, 0).is_eq());
    assert_eq!(unsigned.lower_bound(0..2, &signed, 1), 0);
}

#[test]
fn nan_is_one_key_and_the_last() {
    let column: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY, f64::NAN, -f64::NAN, -0.0, 0.0]));
    let rows = KeyRows::try_new(KeySchema::try_new([("k", DataType::Float64)]).unwrap(), &[column]).unwrap();
    assert!(rows.compare(0, &rows, 1).is_lt());
    assert!(rows.compare(1, &rows, 2).is_eq());
    assert!(rows.compare(3, &rows, 4).is_eq());
}

#[test]
fn bad_keys_are_named_by_column_and_row() {
    let schema = KeySchema::try_new([("id", DataType::Int64), ("name", DataType::Utf8)]).unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let null: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1024), "x".repeat(1025)]));
    let fail = |name: &ArrayRef| KeyRows::try_new(schema.clone(), &[Arc::clone(&ids), Arc::clone(name)]).unwrap_err();
    let (null, long, wrong) = (fail(&null), fail(&long), fail(&ids));
    assert_eq!((null.code(), long.code(), wrong.code()), (Code::NullKey, Code::KeyTooLong, Code::TypeMismatch));
    for error in [&null, &long] {
        assert!(error.message().contains("\"name\"") && error.message().contains("row 1"), "{error}");
    }
    let missing = KeyRows::try_new(schema.clone(), &[Arc::clone(&ids)]).unwrap_err();
    assert_eq!(missing.code(), Code::MissingKeyColumn);
}

#[test]
fn two_million_integers_are_checked_fast() {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..2_000_000).map(|i| i * 3)));
    let rows = KeyRows::try_new(KeySchema::try_new([("k", DataType::Int64)]).unwrap(), &[column]).unwrap();
    #[allow(clippy::disallowed_methods, reason = "measures this machine, not the engine")]
    let start = std::time::Instant::now();
    assert_eq!(rows.check_sorted(), SortedCheck::Sorted);
    println!("checked 2 M integer keys in {:?}", start.elapsed());
    assert!(start.elapsed().as_millis() < 250, "took {:?}", start.elapsed());
}
