//! What wide and fragmented tables cost: by what is touched, not by what there is.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and prints what it measured")]

#[cfg(target_arch = "wasm32")]
#[macro_use]
extern crate spiral_on_wasm;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, Fields};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::key::{KeyRange, KeySchema, key_from_values};
use spiral_core::runtime::CurrentThread;
use spiral_core::store::{MeterSnapshot, Store};
use spiral_core::table::{Caches, CreateOptions, Table, TableOptions};
use spiral_core::types::ColumnPath;

const ROWS: i64 = 100;

struct World {
    runtime: CurrentThread,
    objects: Arc<InMemory>,
}

impl World {
    fn new() -> Self {
        Self { runtime: CurrentThread::new(), objects: Arc::default() }
    }

    fn store(&self) -> Store {
        Store::new(Arc::clone(&self.objects) as _, Path::from("t"), self.runtime.runtime())
    }

    async fn create(&self, options: TableOptions) -> Table {
        let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        Table::create(self.store(), keys, create, options, Caches::default()).await.unwrap()
    }

    /// What a process that knows nothing spends on opening the table and reading one percent of the keys of some
    /// columns, and what a write of one row then moves.
    async fn check(&self, what: &str, columns: &[&str], rows: i64, row: RecordBatch) {
        let store = self.store();
        let table = Table::open(store.clone(), TableOptions::default(), Caches::default()).await.unwrap();
        let key = |id: i64| key_from_values(table.key_schema(), &[ids(id..id + 1)]).unwrap();
        let range = KeyRange::new(Some(key(rows / 2)), Some(key(rows / 2 + (rows / 100))));
        let scan = || {
            let paths = columns.iter().map(|path| ColumnPath::parse(path).unwrap());
            table.snapshot().scan().select(paths).with_ranges(&range.clone().into())
        };
        scan().plan().await.unwrap();
        let planned = store.meter().snapshot();
        assert!(planned.gets <= 12 && planned.bytes_read <= 1 << 20, "{what}: {planned:?}");
        let runtime = self.runtime.runtime();
        let start = runtime.monotonic();
        let plan = scan().plan().await.unwrap();
        let warm = runtime.monotonic() - start;
        let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
        assert_eq!(
            batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            usize::try_from(rows / 100).unwrap(),
            "{what}"
        );
        let before = store.meter().snapshot();
        table.write_batch(row).await.unwrap();
        let written: MeterSnapshot = store.meter().snapshot() - before;
        let moved = written.bytes_read + written.bytes_written;
        assert!(moved <= 1 << 20, "{what}: {written:?}");
        println!(
            "{what}: opened and planned by {} requests, {} bytes; planned again in {warm:?}; one row moved {moved} bytes",
            planned.gets, planned.bytes_read
        );
    }
}

fn ids(range: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(range))
}

fn column(seed: usize, rows: i64) -> ArrayRef {
    let seed = i32::try_from(seed).unwrap();
    Arc::new(Int32Array::from_iter_values((0..i32::try_from(rows).unwrap()).map(|row| row.wrapping_mul(seed))))
}

fn flat(columns: impl Iterator<Item = usize>, rows: i64) -> Vec<(String, ArrayRef)> {
    columns.map(|at| (format!("c{at}"), column(at, rows))).collect()
}

fn group(columns: std::ops::Range<usize>, rows: i64) -> ArrayRef {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        flat(columns, rows).into_iter().map(|(name, array)| (Field::new(name, DataType::Int32, true), array)).unzip();
    Arc::new(StructArray::new(Fields::from(fields), arrays, None))
}

fn with_ids(rows: i64, columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(std::iter::once(("id".to_owned(), ids(0..rows))).chain(columns)).unwrap()
}

/// A size from the environment, for a quick look. A tenth on wasm32, whose one thread takes two minutes for the whole.
fn size(variable: &str, default: usize) -> usize {
    let default = if cfg!(target_arch = "wasm32") { default / 10 } else { default };
    std::env::var(variable).ok().and_then(|size| size.parse().ok()).unwrap_or(default)
}

#[test]
fn columns_in_many_groups_cost_what_is_touched() {
    let groups = size("SPIRAL_COLUMNS", 100_000) / 100;
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let columns = (0..groups).map(|at| (format!("g{at}"), group(at * 100..(at + 1) * 100, ROWS))).collect();
        table.write_batch(with_ids(ROWS, columns)).await.unwrap();
        let row = with_ids(1, vec![("g7".to_owned(), group(700..702, 1))]);
        world.check(&format!("{groups} groups of 100 columns"), &["g7"], ROWS, row).await;
    });
}

#[test]
fn columns_in_one_group_cost_what_is_touched() {
    let columns = size("SPIRAL_COLUMNS", 100_000);
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        table.write_batch(with_ids(ROWS, flat(0..columns, ROWS))).await.unwrap();
        let far = columns / 9;
        let row = with_ids(1, flat([7, far].into_iter(), 1));
        world.check(&format!("{columns} columns in one group"), &["c7", &format!("c{far}")], ROWS, row).await;
    });
}

#[test]
fn fragments_cost_what_is_touched() {
    let fragments = i64::try_from(size("SPIRAL_FRAGMENTS", 100_000)).unwrap();
    let world = World::new();
    world.runtime.block_on(async {
        // Every row is a run of its own.
        let table =
            world.create(TableOptions { partition_max_bytes: 1, inline_max_bytes: 0, ..Default::default() }).await;
        table.write_batch(with_ids(fragments, flat(0..2, fragments))).await.unwrap();
        let row = with_ids(1, flat(0..2, 1));
        world.check(&format!("{fragments} fragments"), &["c0", "c1"], fragments, row).await;
    });
}
