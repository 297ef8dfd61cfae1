//! The jobs on tables of ours, in a local folder as every language opens it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{TryStreamExt, stream};
use spiral_bindings::{OpenedStore, open_store};
use spiral_core::catalog::{Catalog, TableName};
use spiral_core::expr::parse;
use spiral_core::key::KeySchema;
use spiral_core::runtime::ThreadPool;
use spiral_core::scan::{Plan, Scan};
use spiral_core::store::Store;
use spiral_core::table::{Caches, Table, TableOptions};
use spiral_core::types::{ColumnPath, OutputProfile};

use super::data;
use super::digest::Sink;

/// A scan of the benchmark.
pub(crate) struct ScanJob {
    pub(crate) name: &'static str,
    pub(crate) columns: Option<&'static [&'static str]>,
    pub(crate) filter: Filter,
}

/// Which rows a scan wants.
pub(crate) enum Filter {
    None,
    /// Keys from the first to below the second.
    Keys(i64, i64),
    /// `x0` below this.
    Below(f64),
}

/// The scans that are timed before and after the upserts.
pub(crate) fn scans(rows: usize) -> [ScanJob; 4] {
    let (from, to) = data::range(rows);
    let range = Filter::Keys(from, to);
    [
        ScanJob { name: "full scan", columns: None, filter: Filter::None },
        ScanJob { name: "two columns", columns: Some(&["x0", "tag"]), filter: Filter::None },
        ScanJob { name: "key range, 1 %", columns: None, filter: range },
        ScanJob { name: "filter off key, 0.1 %", columns: None, filter: Filter::Below(0.001) },
    ]
}

/// What the tables are called, in the order in which they are written.
fn named(number: usize) -> TableName {
    format!("bench-{number}").parse().unwrap()
}

pub(crate) struct Spiral {
    pool: ThreadPool,
    objects: OpenedStore,
    /// One that stays as it is, then one for each run of a job that changes a table.
    tables: Vec<Table>,
    upserted: usize,
    added: usize,
}

impl Spiral {
    pub(crate) fn new(folder: &Path) -> Self {
        let pool = ThreadPool::new(std::thread::available_parallelism().unwrap().get()).unwrap();
        let objects = open_store(folder.to_str().unwrap(), &BTreeMap::new()).unwrap();
        Self { pool, objects, tables: Vec::new(), upserted: 1, added: 1 }
    }

    /// Opens the table that an earlier process has left as it was written, and the first one that it has changed.
    pub(crate) fn open(&mut self) {
        let catalog = self.catalog();
        for number in 0..2 {
            let opened = self.pool.block_on(async { catalog.table(&named(number)).await.unwrap() });
            self.tables.push(opened);
        }
    }

    /// The catalog with caches of its own, as a new process has it.
    fn catalog(&self) -> Catalog {
        let OpenedStore { objects, root, medium } = &self.objects;
        let root = Store::with_policy(Arc::clone(objects), root.clone(), self.pool.runtime(), medium.policy());
        Catalog::new(&root, TableOptions::default(), Caches::default())
    }

    /// Writes one more table.
    pub(crate) fn write(&mut self, batches: &[RecordBatch]) {
        let (catalog, name) = (self.catalog(), named(self.tables.len()));
        let keys = KeySchema::from_arrow(&batches[0].schema().project(&[0]).unwrap()).unwrap();
        let table = self.pool.block_on(async {
            let table = catalog.create_table(&name, keys, false).await.unwrap();
            table.write(stream::iter(batches.iter().cloned().map(Ok)), Default::default()).await.unwrap();
            table
        });
        self.tables.push(table);
    }

    /// How many tables were written.
    pub(crate) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// The newest table, which is read.
    fn table(&self) -> &Table {
        self.tables.last().unwrap()
    }

    /// The table that stays as it is.
    fn clean(&self) -> &Table {
        &self.tables[0]
    }

    fn planned(table: &Table, job: &ScanJob) -> Scan {
        let mut scan = table.snapshot().scan().with_profile(OutputProfile::Views);
        if let Some(columns) = job.columns {
            scan = scan.select(columns.iter().map(|column| ColumnPath::parse(column).unwrap()));
        }
        match job.filter {
            Filter::None => scan,
            Filter::Keys(from, to) => scan.with_filter(parse(&format!("id >= {from} and id < {to}")).unwrap()),
            Filter::Below(below) => scan.with_filter(parse(&format!("x0 < {below}")).unwrap()),
        }
    }

    pub(crate) fn scan(&self, job: &ScanJob, sink: Sink<'_>) {
        self.scan_of(self.table(), job, sink);
    }

    /// The same scan without upserts.
    pub(crate) fn scan_clean(&self, job: &ScanJob, sink: Sink<'_>) {
        self.scan_of(self.clean(), job, sink);
    }

    fn scan_of(&self, table: &Table, job: &ScanJob, sink: Sink<'_>) {
        self.pool.block_on(async {
            let plan = Self::planned(table, job).plan().await.unwrap();
            drain(&plan, sink).await;
        });
    }

    /// Prints where the time of a scan goes.
    pub(crate) fn explain(&self, job: &ScanJob) {
        let metrics = self.pool.block_on(async {
            let plan = Self::planned(self.table(), job).plan().await.unwrap();
            drain(&plan, &mut |_| ()).await;
            plan.metrics()
        });
        println!("  {metrics:?}");
    }

    pub(crate) fn take(&self, keys: &RecordBatch, sink: Sink<'_>) {
        self.take_of(self.table(), keys, sink);
    }

    /// The same take without upserts.
    pub(crate) fn take_clean(&self, keys: &RecordBatch, sink: Sink<'_>) {
        self.take_of(self.clean(), keys, sink);
    }

    fn take_of(&self, table: &Table, keys: &RecordBatch, sink: Sink<'_>) {
        self.pool.block_on(async {
            let plan = table.snapshot().scan().with_profile(OutputProfile::Views).plan().await.unwrap();
            sink(plan.take(keys).await.unwrap().rows);
        });
    }

    /// What one whole row costs a far reader that knows nothing but the address: the most and the mean of some keys.
    pub(crate) fn cold(&self, keys: &RecordBatch) {
        let (mut requests_max, mut bytes_max, mut bytes) = (0, 0, 0);
        for key in 0..keys.num_rows() {
            let store = self.table().store();
            let far = Store::new(Arc::clone(store.objects()), store.root().clone(), self.pool.runtime());
            let cost = self.pool.block_on(async {
                let table = Table::open(far, TableOptions::default(), Caches::default()).await.unwrap();
                let plan = table.snapshot().scan().plan().await.unwrap();
                assert_eq!(plan.take(&keys.slice(key, 1)).await.unwrap().rows.num_rows(), 1);
                table.store().meter().snapshot()
            });
            requests_max = requests_max.max(cost.requests());
            bytes_max = bytes_max.max(cost.bytes_read);
            bytes += cost.bytes_read;
        }
        let mean = bytes / keys.num_rows() as u64;
        println!("  cold row: at most {requests_max} requests, {bytes_max} bytes, {mean} in the mean");
    }

    /// Commits upserts to the next table that has none; the newest comes last.
    pub(crate) fn upsert(&mut self, upserts: &[RecordBatch]) {
        let table = &self.tables[self.upserted];
        for batch in upserts {
            self.pool.block_on(table.write_batch(batch.clone())).unwrap();
        }
        self.upserted += 1;
    }

    /// Adds a column to the next table that lacks it.
    pub(crate) fn add(&mut self, batches: &[RecordBatch]) {
        let table = &self.tables[self.added];
        let batches = stream::iter(batches.iter().cloned().map(Ok));
        self.pool.block_on(table.write(batches, Default::default())).unwrap();
        self.added += 1;
    }
}

async fn drain(plan: &Plan, sink: Sink<'_>) {
    let mut batches = plan.stream();
    while let Some(batch) = batches.try_next().await.unwrap() {
        sink(batch);
    }
}
