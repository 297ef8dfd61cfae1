//! Runs of many stripes that overlap in every way a table can make them, against a plain model in memory.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking")]

#[cfg(target_arch = "wasm32")]
#[macro_use]
extern crate spiral_on_wasm;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::expr::parse;
use spiral_core::key::{KeyRange, KeyRanges, KeySchema, key_from_values};
use spiral_core::runtime::CurrentThread;
use spiral_core::scan::Scan;
use spiral_core::store::Store;
use spiral_core::table::{Caches, CreateOptions, Table, TableOptions};
use spiral_core::types::ColumnPath;

const ROWS: i64 = 150_000;

type Row = (Option<f64>, Option<String>, Option<i64>);

#[derive(Default)]
struct Model(BTreeMap<i64, Row>);

fn mix(n: i64, salt: u64) -> u64 {
    let mut z = n.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

fn x_of(id: i64, round: u64) -> Option<f64> {
    let cell = mix(id, round);
    (!cell.is_multiple_of(11)).then_some((cell % 100_000) as f64)
}

fn name_of(id: i64, round: u64) -> Option<String> {
    let cell = mix(id, round + 100);
    (!cell.is_multiple_of(7)).then(|| format!("{} of {}", cell % 1000, "many words ".repeat((cell % 4) as usize)))
}

impl Model {
    /// Both of the first columns for some keys.
    fn upsert(&mut self, ids: &[i64], round: u64) -> RecordBatch {
        for id in ids {
            let row = self.0.entry(*id).or_default();
            (row.0, row.1) = (x_of(*id, round), name_of(*id, round));
        }
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.iter().copied()));
        let x: ArrayRef = Arc::new(ids.iter().map(|id| x_of(*id, round)).collect::<Float64Array>());
        let name: ArrayRef = Arc::new(ids.iter().map(|id| name_of(*id, round)).collect::<StringArray>());
        RecordBatch::try_from_iter([("id", id), ("x", x), ("name", name)]).unwrap()
    }

    /// The third column alone.
    fn count(&mut self, ids: &[i64], round: i64) -> RecordBatch {
        ids.iter().for_each(|id| self.0.entry(*id).or_default().2 = Some(id * round));
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.iter().copied()));
        let count: ArrayRef = Arc::new(ids.iter().map(|id| Some(id * round)).collect::<Int64Array>());
        RecordBatch::try_from_iter([("id", id), ("count", count)]).unwrap()
    }

    fn expect(&self, keep: impl Fn(i64, &Row) -> bool) -> Vec<(i64, Row)> {
        self.0.iter().filter(|(id, row)| keep(**id, row)).map(|(id, row)| (*id, row.clone())).collect()
    }
}

fn rows(batches: &[RecordBatch]) -> Vec<(i64, Row)> {
    let mut rows = Vec::new();
    for batch in batches {
        let id = batch["id"].as_primitive::<Int64Type>();
        let x = batch["x"].as_primitive::<Float64Type>();
        let name = batch["name"].as_string::<i32>();
        let count = batch["count"].as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let name = name.is_valid(row).then(|| name.value(row).to_owned());
            let x = x.is_valid(row).then(|| x.value(row));
            rows.push((id.value(row), (x, name, count.is_valid(row).then(|| count.value(row)))));
        }
    }
    rows
}

/// Not by `assert_eq`, which would print them all.
fn same(what: &str, found: &[(i64, Row)], expected: &[(i64, Row)]) {
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    let at = differs.unwrap_or_else(|| found.len().min(expected.len()));
    assert!(
        found == expected,
        "{what}: row {at} of {} is {:?}, expected {} with {:?}",
        found.len(),
        found.get(at),
        expected.len(),
        expected.get(at)
    );
}

async fn read(scan: Scan) -> Vec<RecordBatch> {
    scan.plan().await.unwrap().stream().try_collect().await.unwrap()
}

async fn write(table: &Table, batch: RecordBatch) {
    table.write(stream::iter([Ok(batch)]), Default::default()).await.unwrap();
}

async fn check(table: &Table, model: &Model, what: &str) {
    let snapshot = table.snapshot();
    let keys = table.key_schema().clone();
    let all = model.expect(|_, _| true);
    same(&format!("{what}, all"), &rows(&read(snapshot.scan()).await), &all);
    for (text, keep) in [
        ("x < 200", (|_, row| row.0.is_some_and(|x| x < 200.0)) as fn(i64, &Row) -> bool),
        ("x > 30000", |_, row| row.0.is_some_and(|x| x > 30_000.0)),
        ("count is null", |_, row| row.2.is_none()),
        ("id >= 70000 and id < 71000", |id, _| (70_000..71_000).contains(&id)),
    ] {
        let found = rows(&read(snapshot.scan().with_filter(parse(text).unwrap())).await);
        same(&format!("{what}, {text}"), &found, &model.expect(keep));
    }
    for limit in [1, 100, 9000, 100_000] {
        let found = rows(&read(snapshot.scan().with_limit(limit)).await);
        same(&format!("{what}, limit {limit}"), &found, &all[..all.len().min(limit as usize)]);
    }
    let key = |id: i64| key_from_values(&keys, &[Arc::new(Int64Array::from(vec![id])) as ArrayRef]).unwrap();
    let ranges: KeyRanges = [10..20, 40_000..60_001, 130_000..130_001]
        .map(|ids| KeyRange::new(Some(key(ids.start)), Some(key(ids.end))))
        .into_iter()
        .collect();
    let found = rows(&read(snapshot.scan().with_ranges(&ranges)).await);
    let inside = |id: i64, _: &Row| (10..20).contains(&id) || (40_000..60_001).contains(&id) || id == 130_000;
    same(&format!("{what}, ranges"), &found, &model.expect(inside));
    let only = snapshot.scan().select([ColumnPath::parse("x").unwrap()]);
    let found: Vec<Option<f64>> = read(only)
        .await
        .iter()
        .flat_map(|batch| batch["x"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>())
        .collect();
    assert!(found == all.iter().map(|(_, row)| row.0).collect::<Vec<_>>(), "{what}: one column");

    let asked: Vec<i64> = (0..30_000).map(|n| (mix(n, 77) % (ROWS.cast_unsigned() * 2)).cast_signed()).collect();
    let id: ArrayRef = Arc::new(Int64Array::from(asked.clone()));
    let plan = snapshot.scan().plan().await.unwrap();
    let taken = plan.take(&RecordBatch::try_from_iter([("id", id)]).unwrap()).await.unwrap();
    let expected: Vec<(i64, Row)> = asked.iter().filter_map(|id| Some((*id, model.0.get(id)?.clone()))).collect();
    same(&format!("{what}, take"), &rows(&[taken.rows]), &expected);
    let positions: Vec<usize> = taken.positions.values().iter().map(|at| *at as usize).collect();
    assert!(positions.iter().map(|at| asked[*at]).eq(expected.iter().map(|(id, _)| *id)), "{what}: positions");
}

async fn history(store: Store) {
    let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
    let table =
        Table::create(store, keys, CreateOptions::default(), TableOptions::default(), Caches::default()).await.unwrap();
    let mut model = Model::default();
    let every = |step: u64, salt: u64, ids: std::ops::Range<i64>| -> Vec<i64> {
        ids.filter(|id| mix(*id, salt).is_multiple_of(step)).collect()
    };
    // Gaps are left for rows that come later.
    write(&table, model.upsert(&every(2, 1, 0..ROWS), 1)).await;
    write(
        &table,
        model.count(&every(1, 1, 0..ROWS).into_iter().filter(|id| model.0.contains_key(id)).collect::<Vec<_>>(), 3),
    )
    .await;
    check(&table, &model, "a column added").await;
    for round in 2..5 {
        let old: Vec<i64> = every(100, round, 0..ROWS).into_iter().filter(|id| model.0.contains_key(id)).collect();
        write(&table, model.upsert(&old, round)).await;
    }
    check(&table, &model, "small upserts").await;
    write(&table, model.upsert(&every(5, 9, 0..ROWS), 9)).await;
    let mut transaction = table.transaction();
    transaction.delete_where(parse("id >= 30000 and id < 45000").unwrap());
    transaction.commit().await.unwrap();
    model.0.retain(|id, _| !(30_000..45_000).contains(id));
    write(&table, model.upsert(&every(3, 11, 35_000..36_000), 11)).await;
    // Many rows between two keys of all others.
    write(&table, model.count(&(ROWS..ROWS + 40_000).collect::<Vec<_>>(), 5)).await;
    write(&table, model.upsert(&[ROWS * 2], 12)).await;
    check(&table, &model, "everything").await;
}

#[test]
fn overlapping_runs_of_many_stripes_read_as_the_model_says() {
    let runtime = CurrentThread::new();
    runtime.block_on(history(Store::new(Arc::new(InMemory::new()), Path::from("t"), runtime.runtime())));
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn overlapping_runs_read_the_same_on_threads() {
    let pool = spiral_core::runtime::ThreadPool::new(3).unwrap();
    let policy = spiral_core::store::StorePolicy { ranges_at_once: true, ..Default::default() };
    let at_once = Store::with_policy(Arc::new(InMemory::new()), Path::from("t"), pool.runtime(), policy);
    pool.block_on(history(at_once));
}

#[test]
fn keys_are_merged_once_for_all_scans_of_a_version() {
    let runtime = CurrentThread::new();
    runtime.block_on(async {
        let store = Store::new(Arc::new(InMemory::new()), Path::from("t"), runtime.runtime());
        let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        let (created, options) = (CreateOptions::default(), TableOptions::default());
        let table = Table::create(store, keys, created, options, Caches::default()).await.unwrap();
        let mut model = Model::default();
        let ids: Vec<i64> = (0..ROWS).collect();
        write(&table, model.upsert(&ids, 1)).await;
        write(&table, model.upsert(&ids.iter().copied().step_by(90).collect::<Vec<_>>(), 2)).await;
        let merged = |select: &'static str, text: &'static str| {
            let scan = table.snapshot().scan().select([ColumnPath::parse(select).unwrap()]);
            async move {
                let plan = scan.with_filter(parse(text).unwrap()).plan().await.unwrap();
                plan.stream().try_collect::<Vec<_>>().await.unwrap();
                plan.metrics().rows_merged
            }
        };
        assert!(merged("x", "x < 200").await > 0);
        assert_eq!(merged("name", "x > 300").await, 0);
        write(&table, model.upsert(&ids.iter().copied().step_by(70).collect::<Vec<_>>(), 3)).await;
        assert!(merged("x", "x < 200").await > 0, "a newer version has other runs");
    });
}
