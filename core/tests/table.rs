//! The main job, end to end, on a store in memory and the current thread.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[cfg(target_arch = "wasm32")]
#[macro_use]
extern crate spiral_on_wasm;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use futures::future::join;
use futures::{TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::expr::parse;
use spiral_core::key::KeySchema;
use spiral_core::runtime::CurrentThread;
use spiral_core::scan::{Scan, ScanSource};
use spiral_core::store::Store;
use spiral_core::table::{Asof, Caches, CreateOptions, Snapshot, Table, TableOptions};
use spiral_core::types::ColumnPath;
use spiral_core::{Code, Result};

struct World {
    runtime: CurrentThread,
    objects: Arc<InMemory>,
}

impl World {
    fn new() -> Self {
        Self { runtime: CurrentThread::new(), objects: Arc::new(InMemory::new()) }
    }

    fn store(&self) -> Store {
        Store::new(self.objects.clone(), Path::from("t"), self.runtime.runtime())
    }

    async fn create(&self, options: TableOptions) -> Table {
        let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        Table::create(self.store(), keys, CreateOptions::default(), options, Caches::default()).await.unwrap()
    }

    async fn open(&self) -> Table {
        Table::open(self.store(), TableOptions::default(), Caches::default()).await.unwrap()
    }
}

fn batch(ids: impl Iterator<Item = i64> + Clone, scale: f64) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.clone()));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values(ids.clone().map(|id| id as f64 * scale)));
    let name: ArrayRef = Arc::new(StringArray::from_iter_values(ids.map(|id| format!("row number {id} of many"))));
    RecordBatch::try_from_iter([("id", id), ("x", x), ("name", name)]).unwrap()
}

async fn rows(scan: &Scan) -> Vec<RecordBatch> {
    scan.plan().await.unwrap().stream().try_collect().await.unwrap()
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|batch| batch["id"].as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn xs(batches: &[RecordBatch]) -> Vec<Option<f64>> {
    batches.iter().flat_map(|batch| batch["x"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>()).collect()
}

fn filtered(snapshot: &Snapshot, text: &str) -> Scan {
    snapshot.scan().with_filter(parse(text).unwrap())
}

const ROWS: i64 = 40_000;

#[test]
fn what_is_written_is_read_back_in_key_order() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let written = batch((0..ROWS).map(|id| id * 3), 0.5);
        table.write_batch(written.clone()).await.unwrap();
        // A fresh handle sees it, with the types as written.
        let table = world.open().await;
        let snapshot = table.snapshot();
        assert_eq!(snapshot.version(), 2);
        let read = rows(&snapshot.scan()).await;
        let all = arrow_select::concat::concat_batches(&read[0].schema(), &read).unwrap();
        assert_eq!(all.num_rows(), ROWS as usize);
        for column in ["id", "x", "name"] {
            assert_eq!(all[column].as_ref(), written[column].as_ref(), "{column}");
        }
        let few =
            rows(&filtered(&snapshot, "id >= 300 and id < 330 and x > 155").select([ColumnPath::parse("x").unwrap()]))
                .await;
        assert_eq!(xs(&few), [312, 315, 318, 321, 324, 327].map(|id| Some(f64::from(id) * 0.5)));
        let none = filtered(&snapshot, "x < -1").plan().await.unwrap();
        assert_eq!(none.stream().try_collect::<Vec<_>>().await.unwrap().len(), 0);
        assert_eq!(none.metrics().stripes_pruned, 5);
        assert_eq!(ids(&rows(&snapshot.scan().with_limit(10)).await), (0..10).map(|id| id * 3).collect::<Vec<_>>());
    });
}

#[test]
fn a_handle_opened_at_an_old_hint_reads_the_newest_version_and_commits_on_it() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let hint = Path::from("t/log/latest");
        let old = world.objects.get(&hint).await.unwrap().bytes().await.unwrap();
        for id in 0..3 {
            table.write_batch(batch(id..id + 1, 1.0)).await.unwrap();
        }
        world.objects.put(&hint, old.into()).await.unwrap();
        let lagging = Table::open_at_hint(world.store(), TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!(lagging.snapshot().version(), 1);
        let other_type: ArrayRef = Arc::new(StringArray::from(vec!["text"]));
        let id: ArrayRef = Arc::new(Int64Array::from(vec![9]));
        let wrong = RecordBatch::try_from_iter([("id", id), ("x", other_type)]).unwrap();
        assert_eq!(lagging.write_batch(wrong).await.unwrap_err().code(), Code::TypeMismatch);
        let lagging = Table::open_at_hint(world.store(), TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!(lagging.write_batch(batch(3..4, 1.0)).await.unwrap().version, 5);
        let lagging = Table::open_at_hint(world.store(), TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!(ids(&rows(&lagging.refresh().await.unwrap().scan()).await), [0, 1, 2, 3]);
        // Without a hint the newest version is found at once.
        world.objects.delete(&hint).await.unwrap();
        let found = Table::open_at_hint(world.store(), TableOptions::default(), Caches::default()).await.unwrap();
        assert_eq!(found.snapshot().version(), 5);
    });
}

#[test]
fn upserts_deletions_and_time_travel_agree() {
    let world = World::new();
    world.runtime.block_on(async {
        // Files for every write, so that runs overlap.
        for inline_max_bytes in [0, 16 << 10] {
            let world = World { runtime: CurrentThread::new(), objects: Arc::new(InMemory::new()) };
            let runtime = world.runtime.runtime();
            drop(runtime);
            world.runtime.block_on(async {
                let table = world.create(TableOptions { inline_max_bytes, ..TableOptions::default() }).await;
                table.write_batch(batch(0..ROWS, 1.0)).await.unwrap();
                table.write_batch(batch((0..ROWS).step_by(1000), -1.0)).await.unwrap();
                let mut transaction = table.transaction();
                transaction.delete_where(parse("id between 10 and 19 or x = -2000").unwrap());
                transaction.commit().await.unwrap();
                let snapshot = table.snapshot();
                assert_eq!(snapshot.version(), 4);
                let all = rows(&snapshot.scan()).await;
                let expected: Vec<i64> = (0..ROWS).filter(|id| !(10..20).contains(id) && *id != 2000).collect();
                assert_eq!(ids(&all), expected);
                let newest: Vec<_> =
                    expected.iter().map(|id| Some(if id % 1000 == 0 { -(*id as f64) } else { *id as f64 })).collect();
                assert_eq!(xs(&all), newest);
                // A filter sees the newest cell only, never the one below it.
                assert_eq!(ids(&rows(&filtered(&snapshot, "x = 3000")).await), [] as [i64; 0]);
                assert_eq!(ids(&rows(&filtered(&snapshot, "x = -3000")).await), [3000]);
                let before = table.snapshot_asof(Asof::Version(2)).await.unwrap();
                assert_eq!(ids(&rows(&filtered(&before, "x = 3000")).await), [3000]);
                assert_eq!(ids(&rows(&before.scan()).await).len(), ROWS as usize);
                let keys = batch([3000, 15, 7, 3000, -1].into_iter(), 0.0).project(&[0]).unwrap();
                let taken = snapshot.scan().plan().await.unwrap().take(&keys).await.unwrap();
                assert_eq!(ids(std::slice::from_ref(&taken.rows)), [3000, 7, 3000]);
                assert_eq!(taken.positions.values(), &[0, 2, 3]);
                assert_eq!(xs(&[taken.rows]), [Some(-3000.0), Some(7.0), Some(-3000.0)]);
            });
        }
    });
}

#[test]
fn columns_are_written_apart_and_gaps_are_null() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        table.write_batch(batch(0..5000, 1.0)).await.unwrap();
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(4990..5010));
        let extra: ArrayRef = Arc::new(Int64Array::from_iter((0..20).map(|at| (at % 2 == 0).then_some(at))));
        table.write_batch(RecordBatch::try_from_iter([("id", id), ("extra", extra)]).unwrap()).await.unwrap();
        let snapshot = table.snapshot();
        let all = rows(&filtered(&snapshot, "id >= 4989 and id < 5002")).await;
        let all = arrow_select::concat::concat_batches(&all[0].schema(), &all).unwrap();
        assert_eq!(ids(std::slice::from_ref(&all)), (4989..5002).collect::<Vec<_>>());
        assert_eq!(all["x"].null_count(), 2);
        assert_eq!(all["extra"].as_primitive::<Int64Type>().value(1), 0);
        assert!(all["extra"].is_null(0) && all["extra"].is_null(2));
        assert_eq!(ids(&rows(&filtered(&snapshot, "extra is null and id > 5007")).await), [5009]);
        let schema = snapshot.schema().await.unwrap();
        assert_eq!(
            schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
            ["id", "extra", "name", "x"]
        );
    });
}

#[test]
fn bad_input_has_a_code_and_changes_nothing() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        table.write_batch(batch(0..100, 1.0)).await.unwrap();
        let code = |result: Result<_>| result.map(|_: spiral_core::transaction::CommitInfo| ()).unwrap_err().code();
        assert_eq!(code(table.write_batch(batch([1, 2, 1].into_iter(), 1.0)).await), Code::DuplicateKey);
        assert_eq!(code(table.write_batch(batch(0..3, 1.0).project(&[1]).unwrap()).await), Code::MissingKeyColumn);
        let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        assert_eq!(code(table.write_batch(RecordBatch::try_from_iter([("id", null)]).unwrap()).await), Code::NullKey);
        let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let changed = RecordBatch::try_from_iter([("id", id), ("x", text)]).unwrap();
        assert_eq!(code(table.write_batch(changed).await), Code::TypeMismatch);
        let snapshot = table.refresh().await.unwrap();
        assert_eq!(snapshot.version(), 2);
        let error = filtered(&snapshot, "nmae = 'a'").plan().await.err().unwrap();
        assert_eq!(error.code(), Code::UnknownColumn);
        assert!(error.message().contains("name"), "{error}");
        let error = snapshot.scan().select([ColumnPath::parse("y").unwrap()]).plan().await.err().unwrap();
        assert_eq!(error.code(), Code::UnknownColumn);
        assert_eq!(table.snapshot_asof(Asof::Version(99)).await.err().unwrap().code(), Code::AsofInFuture);
        assert_eq!(table.snapshot_asof(Asof::Timestamp(5)).await.err().unwrap().code(), Code::AsofBeforeTable);
        let elsewhere = Store::new(world.objects.clone(), Path::from("nowhere"), world.runtime.runtime());
        let missing = Table::open(elsewhere, TableOptions::default(), Caches::default()).await;
        assert_eq!(missing.err().unwrap().code(), Code::TableNotFound);
    });
}

#[test]
fn input_out_of_order_becomes_one_table() {
    let world = World::new();
    world.runtime.block_on(async {
        // Runs of about 4,000 rows, so that one write makes many that overlap.
        let table = world.create(TableOptions { partition_max_bytes: 200 << 10, ..TableOptions::default() }).await;
        let shuffled = |at: i64| (at * 7919) % ROWS;
        let parts: Vec<_> =
            (0..ROWS / 1000).map(|part| Ok(batch((part * 1000..(part + 1) * 1000).map(shuffled), 2.0))).collect();
        table.write(stream::iter(parts), Default::default()).await.unwrap();
        let read = rows(&table.snapshot().scan()).await;
        assert_eq!(ids(&read), (0..ROWS).collect::<Vec<_>>());
        assert_eq!(xs(&read), (0..ROWS).map(|id| Some(id as f64 * 2.0)).collect::<Vec<_>>());
        // A key that comes twice, far apart, is found before anything is visible.
        let twice: Vec<_> = [0..20_000, 19_999..40_000].into_iter().map(|ids| Ok(batch(ids, 1.0))).collect();
        let error = table.write(stream::iter(twice), Default::default()).await.unwrap_err();
        assert_eq!(error.code(), Code::DuplicateKey, "{error}");
        assert_eq!(table.refresh().await.unwrap().version(), 2);
    });
}

#[test]
fn every_version_of_many_small_commits_is_readable() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let mut versions = Vec::new();
        for id in 0..300 {
            let commit = table.write_batch(batch(std::iter::once(id * 7 % 300), f64::from(id as i32))).await.unwrap();
            versions.push(commit.version);
        }
        // Folds are versions, too.
        assert!(versions[299] > 301, "{versions:?}");
        for at in [0, 62, 63, 64, 128, 299] {
            let past = world.open().await.snapshot_asof(Asof::Version(versions[at])).await.unwrap();
            assert_eq!(ids(&rows(&past.scan()).await).len(), at + 1);
        }
    });
}

#[test]
fn key_ranges_find_first_keys_and_bound_takes() {
    use spiral_core::key::{KeyRange, KeyRanges, key_from_values};

    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions { inline_max_bytes: 0, ..TableOptions::default() }).await;
        table.write_batch(batch(0..100, 1.0)).await.unwrap();
        table.write_batch(batch(5..6, 7.0)).await.unwrap();
        let key = |id: i64| {
            let id: ArrayRef = Arc::new(Int64Array::from(vec![id]));
            key_from_values(table.key_schema(), &[id]).unwrap()
        };
        let snapshot = table.snapshot();
        let first: KeyRanges = [KeyRange::single(&key(5))].into_iter().collect();
        assert_eq!(xs(&rows(&snapshot.scan().with_ranges(&first)).await), [Some(35.0)]);
        let later: KeyRanges = [KeyRange::new(Some(key(10)), Some(key(20)))].into_iter().collect();
        let plan = snapshot.scan().with_ranges(&later).plan().await.unwrap();
        let taken = plan.take(&batch([5, 12].into_iter(), 0.0).project(&[0]).unwrap()).await.unwrap();
        assert_eq!(ids(&[taken.rows]), [12]);
        assert!(rows(&snapshot.scan().with_limit(0)).await.is_empty());
    });
}

#[test]
fn a_slice_of_a_large_batch_is_written_alone() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
        let text = (0..10_000).map(|id| format!("{id} {}", "text ".repeat(100)));
        let text: ArrayRef = Arc::new(arrow_array::StringViewArray::from_iter_values(text));
        let large = RecordBatch::try_from_iter([("id", id), ("text", text)]).unwrap();
        table.write_batch(large.slice(10, 3)).await.unwrap();
        let before = table.store().meter().snapshot();
        table.write_batch(large.slice(20, 3)).await.unwrap();
        let spent = table.store().meter().snapshot() - before;
        assert!(spent.bytes_written < 20_000, "{spent:?}");
    });
}

#[test]
fn a_reader_gives_each_batch_once_and_ends_when_it_is_closed() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        table.write_batch(batch(0..50_000, 1.0)).await.unwrap();
        let plan = table.snapshot().scan().plan().await.unwrap();
        let reader = plan.read();
        let (other, mut read) = (reader.clone(), Vec::new());
        // Calls at once are answered one after another.
        let (one, two) = join(reader.next(), other.next()).await;
        read.extend([one.unwrap().unwrap(), two.unwrap().unwrap()]);
        while let Some(batch) = reader.next().await.unwrap() {
            read.push(batch);
        }
        assert_eq!(ids(&read), (0..50_000).collect::<Vec<_>>());
        assert!(other.next().await.unwrap().is_none());

        let closed = plan.read();
        closed.next().await.unwrap().unwrap();
        closed.close();
        assert_eq!(closed.next().await.unwrap_err().code(), Code::Cancelled);
        assert!(closed.next().await.unwrap().is_none());
    });
}

#[test]
fn a_version_is_counted_by_one_table() {
    let world = World::new();
    world.runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        table.write_batch(batch(0..3, 1.0)).await.unwrap();
        let newest = || ("a".to_owned(), ScanSource::Table(table.clone()));
        let other = || ("b".to_owned(), ScanSource::Table(table.clone()));
        let fixed = || ("a".to_owned(), ScanSource::Snapshot(table.snapshot()));
        assert_eq!(
            ids(&rows(&Scan::of(vec![newest()], None).await.unwrap().select([ColumnPath::parse("id").unwrap()])).await),
            [0, 1, 2]
        );
        assert!(rows(&Scan::of(vec![newest()], Some(Asof::Version(1))).await.unwrap()).await.is_empty());
        for sources in [vec![newest(), other()], vec![fixed()]] {
            let refused = Scan::of(sources, Some(Asof::Version(1))).await.err().unwrap();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    });
}
