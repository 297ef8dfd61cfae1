//! Times the jobs of a table on the benchmark data, next to raw Vortex (the stock writer, to Arrow) in the same
//! process. Prints the median of several runs and the ratio; results are checked equal before they are timed.
//!
//! ```text
//! cargo run --release -p spiral-bench -- [ROWS] [RUNS] [FOLDER]
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a benchmark measures real time, prints, and stops at the first failure"
)]

mod data;
mod raw;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use futures::{TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use spiral_core::catalog::Catalog;
use spiral_core::expr::parse;
use spiral_core::key::KeySchema;
use spiral_core::runtime::ThreadPool;
use spiral_core::scan::Scan;
use spiral_core::store::{Coalesce, Store, StorePolicy};
use spiral_core::table::{Caches, Table, TableOptions};
use spiral_core::types::{ColumnPath, OutputProfile};

/// Median of the times of some runs in milliseconds, after one run to warm up.
fn median(runs: usize, mut job: impl FnMut() -> usize) -> (f64, usize) {
    let mut rows = job();
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            rows = job();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], rows)
}

struct Bench {
    pool: ThreadPool,
    table: Table,
    runs: usize,
}

impl Bench {
    fn scan(&self, columns: Option<&[&str]>, filter: Option<&str>) -> Scan {
        let mut scan = self.table.snapshot().scan().with_profile(OutputProfile::Views);
        if let Some(columns) = columns {
            scan = scan.select(columns.iter().map(|column| ColumnPath::parse(column).unwrap()));
        }
        if let Some(filter) = filter {
            scan = scan.with_filter(parse(filter).unwrap());
        }
        scan
    }

    fn time(&self, scan: &Scan) -> (f64, usize) {
        median(self.runs, || {
            self.pool.block_on(async {
                let plan = scan.plan().await.unwrap();
                plan.stream().try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }).await.unwrap()
            })
        })
    }

    fn take(&self, keys: &RecordBatch) -> (f64, usize) {
        let scan = self.scan(None, None);
        median(self.runs, || {
            self.pool.block_on(async { scan.plan().await.unwrap().take(keys).await.unwrap().rows.num_rows() })
        })
    }

    fn explain(&self, what: &str, scan: &Scan) {
        let metrics = self.pool.block_on(async {
            let plan = scan.plan().await.unwrap();
            plan.stream().try_for_each(|_| async { Ok(()) }).await.unwrap();
            plan.metrics()
        });
        println!(
            "  {what}: {:?} {} requests {} bytes",
            metrics.times,
            metrics.store.requests(),
            metrics.store.bytes_read
        );
    }
}

fn row(what: &str, ours: f64, rows: usize, raw: Option<f64>) {
    match raw {
        Some(raw) => {
            println!("{what:<34} {ours:>9.1} ms {rows:>9} rows   raw Vortex {raw:>9.1} ms   {:>5.2}x", ours / raw)
        }
        None => println!("{what:<34} {ours:>9.1} ms {rows:>9} rows"),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(2_000_000, |rows| rows.parse().unwrap());
    let runs: usize = arguments.next().map_or(7, |runs| runs.parse().unwrap());
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("spiral-bench"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let pool = ThreadPool::new(std::thread::available_parallelism().unwrap().get()).unwrap();
    let batches = data::batches(rows);

    let objects = Arc::new(LocalFileSystem::new_with_prefix(&folder).unwrap());
    let policy = StorePolicy { coalesce: Coalesce::LOCAL, ..StorePolicy::default() };
    let root = Store::with_policy(objects, Path::default(), pool.runtime(), policy);
    let catalog = Catalog::new(&root, TableOptions::default(), Caches::default());
    let keys = KeySchema::from_arrow(&batches[0].schema().project(&[0]).unwrap()).unwrap();
    let table = pool.block_on(catalog.create_table(&"bench".parse().unwrap(), keys, false)).unwrap();

    let start = Instant::now();
    pool.block_on(table.write(stream::iter(batches.iter().cloned().map(Ok)), Default::default())).unwrap();
    let write = start.elapsed().as_secs_f64() * 1e3;
    let raw = raw::Raw::write(&folder.join("raw.vortex"), &batches, runs);
    row("write", write, rows, Some(raw.write_ms));
    println!("raw file {} bytes", std::fs::metadata(folder.join("raw.vortex")).unwrap().len());

    let bench = Bench { pool, table, runs };
    let (full, full_rows) = bench.time(&bench.scan(None, None));
    let (raw_full, raw_rows) = raw.scan(None);
    assert_eq!(full_rows, raw_rows);
    row("full scan", full, full_rows, Some(raw_full));
    bench.explain("full scan", &bench.scan(None, None));
    let two = ["x0", "tag"];
    let (ours, found) = bench.time(&bench.scan(Some(&two), None));
    let (theirs, _) = raw.scan(Some(&two));
    row("two columns", ours, found, Some(theirs));
    let last = data::key(rows);
    let range = format!("id >= {} and id < {}", last / 2, last / 2 + last / 100);
    let (ours, found) = bench.time(&bench.scan(None, Some(&range)));
    row("key range, 1 %", ours, found, None);
    let (ours, found) = bench.time(&bench.scan(None, Some("x0 < 0.001")));
    let (theirs, raw_found) = raw.filter("x0", 0.001);
    assert_eq!(found, raw_found);
    row("filter off key, 0.1 %", ours, found, Some(theirs));
    for count in [1, 1_000, 10_000] {
        let (ours, found) = bench.take(&data::keys(rows, count));
        assert_eq!(found, count);
        row(&format!("take {count} keys"), ours, found, None);
    }

    let start = Instant::now();
    for round in 0..5 {
        let upsert = data::upsert(rows, round);
        bench.pool.block_on(bench.table.write_batch(upsert)).unwrap();
    }
    row("5 upserts of 1 %", start.elapsed().as_secs_f64() * 1e3, rows / 20, None);
    let (ours, found) = bench.time(&bench.scan(None, None));
    row("full scan after upserts", ours, found, Some(raw_full));
    println!("{:<34} {:>5.2}x of our clean scan", "", ours / full);
    bench.explain("full scan after upserts", &bench.scan(None, None));
    let (ours, found) = bench.time(&bench.scan(Some(&two), None));
    row("two columns after upserts", ours, found, Some(theirs));
    let (ours, found) = bench.time(&bench.scan(None, Some("x0 < 0.001")));
    row("filter after upserts", ours, found, None);
    let (ours, found) = bench.take(&data::keys(rows, 1000));
    row("take 1000 keys after upserts", ours, found, None);
    let start = Instant::now();
    bench.pool.block_on(bench.table.write(stream::iter(data::added(&batches).map(Ok)), Default::default())).unwrap();
    row("add a column", start.elapsed().as_secs_f64() * 1e3, rows, None);
}
