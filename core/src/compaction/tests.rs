//! What many small commits cost, and that nothing of them is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::error::Result;
use crate::key::KeySchema;
use crate::runtime::{CurrentThread, RuntimeRef};
use crate::store::Store;
use crate::store::yielding::YieldingStore;
use crate::table::records::{FragmentRecord, RunRecord, decode};
use crate::table::{Caches, CreateOptions, Pages, Snapshot, Table, TableOptions};
use crate::tree::{Page, PageRef, PageSource, Query};

fn row(id: i64, text: &str) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
    RecordBatch::try_from_iter([("id", id), ("text", text)]).unwrap()
}

async fn ids(snapshot: &Snapshot) -> Vec<i64> {
    let batches: Vec<RecordBatch> = snapshot.scan().plan().await.unwrap().stream().try_collect().await.unwrap();
    batches.iter().flat_map(|batch| batch["id"].as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// Remembers every page that a query reads.
struct Recording {
    pages: Pages,
    seen: Mutex<BTreeMap<(String, u64), u64>>,
}

impl PageSource for Recording {
    fn pages<'a>(&'a self, pages: &'a [PageRef]) -> BoxFuture<'a, Result<Vec<Arc<Page>>>> {
        let seen = pages.iter().map(|page| ((page.object.clone(), page.offset), u64::from(page.length)));
        self.seen.lock().unwrap().extend(seen);
        self.pages.pages(pages)
    }
}

/// Bytes that the newest version of a table reaches: pages, the log behind them, and the files of all runs.
async fn reachable(table: &Table) -> u64 {
    let state = table.state();
    let source = Recording { pages: table.pages(table.store()), seen: Mutex::default() };
    let everything = Query::Range(Bytes::from_static(&[0])..Bytes::from_static(&[0xFF]));
    let entries = state.query(&source, &[everything]).await.unwrap().remove(0);
    let mut files = BTreeMap::new();
    for entry in entries {
        let reference = match entry.key[0] {
            b'R' | b'D' => decode::<RunRecord>(entry.value, "run").unwrap().keys,
            b'F' => decode::<FragmentRecord>(entry.value, "fragment").unwrap().data,
            _ => None,
        };
        files.extend(reference.map(|file| (file.path, file.size)));
    }
    let pages: u64 = source.seen.lock().unwrap().values().sum();
    let log: u64 = state.layers.iter().map(|layer| layer.entry.body.len() as u64 + 200).sum();
    files.values().sum::<u64>() + pages + log
}

struct World {
    objects: Arc<InMemory>,
    runtime: RuntimeRef,
}

impl World {
    fn store(&self) -> Store {
        let network = YieldingStore::over(Arc::clone(&self.objects), Arc::clone(&self.runtime), Duration::ZERO);
        Store::new(Arc::new(network), Path::from("t"), Arc::clone(&self.runtime))
    }

    async fn create(&self, options: TableOptions) -> Table {
        let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        Table::create(self.store(), keys, create, options, Caches::default()).await.unwrap()
    }
}

#[test]
fn ten_thousand_small_commits_stay_cheap() {
    const COMMITS: i64 = 10_000;
    let runtime = CurrentThread::new();
    let world = World { objects: Arc::default(), runtime: runtime.runtime() };
    runtime.block_on(async {
        let table = world.create(TableOptions::default()).await;
        let before = table.store().meter().snapshot();
        for at in 0..COMMITS {
            let id = at * 7919 % COMMITS;
            table.write_batch(row(id, &format!("row {id} of many"))).await.unwrap();
        }
        let spent = table.store().meter().snapshot() - before;
        // Every fold is a version and writes a key space and a fragment; the other puts are hints.
        let folds = table.snapshot().version() - 1 - COMMITS.cast_unsigned();
        let puts = spent.puts_if_absent + 2 * folds;
        assert!(spent.puts - 2 * folds <= COMMITS.cast_unsigned() / 7, "{spent:?}");
        assert!(puts as f64 <= 1.2 * COMMITS as f64, "{spent:?}");
        let reached = reachable(&table).await;
        assert!(reached <= 5 << 20, "{reached} bytes are reachable");

        let store = world.store();
        let cold = Table::open(store.clone(), TableOptions::default(), Caches::default()).await.unwrap();
        let opening = store.meter().snapshot();
        assert!(opening.rounds <= 5, "{opening:?}");
        let snapshot = cold.snapshot();
        assert_eq!(ids(&snapshot).await, (0..COMMITS).collect::<Vec<_>>());
        let runs = snapshot.scan().plan().await.unwrap().metrics().runs;
        assert!(runs <= 80, "{runs} runs");
        println!("{COMMITS} commits: {puts} puts, {reached} bytes reachable, {runs} runs, opened by {opening:?}");
    });
}

#[test]
fn large_writes_between_small_ones_keep_their_place() {
    let runtime = CurrentThread::new();
    let world = World { objects: Arc::default(), runtime: runtime.runtime() };
    runtime.block_on(async {
        let small = world.create(TableOptions { fold_operations: 6, ..TableOptions::default() }).await;
        let large = small.with_options(TableOptions { inline_max_bytes: 0, ..small.options().clone() });
        let mut expected = BTreeMap::new();
        for turn in 0..60_i64 {
            let table = if turn % 7 == 3 { &large } else { &small };
            table.refresh().await.unwrap();
            let text = format!("turn {turn}");
            table.write_batch(row(turn % 5, &text)).await.unwrap();
            expected.insert(turn % 5, text);
        }
        let snapshot = small.refresh().await.unwrap();
        let batches: Vec<RecordBatch> = snapshot.scan().plan().await.unwrap().stream().try_collect().await.unwrap();
        let found: BTreeMap<i64, String> = batches
            .iter()
            .flat_map(|batch| {
                let texts = batch["text"].as_string::<i32>();
                let ids = batch["id"].as_primitive::<Int64Type>().values();
                ids.iter().zip(texts).map(|(id, text)| (*id, text.unwrap().to_owned())).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(found, expected);
        let folds =
            small.history(1000).await.unwrap().iter().filter(|entry| entry.summary.operations == ["fold"]).count();
        assert!(folds >= 5, "{folds} folds");
    });
}
