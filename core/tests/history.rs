//! Random histories against a plain model in memory: every retained version reads as the model says, by scans with
//! and without filters and projections, and by key.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[cfg(target_arch = "wasm32")]
#[macro_use]
extern crate spiral_on_wasm;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::expr::parse;
use spiral_core::key::KeySchema;
use spiral_core::runtime::{CurrentThread, RuntimeRef, Simulated};
use spiral_core::scan::Scan;
use spiral_core::store::Store;
use spiral_core::table::{Asof, Caches, CreateOptions, Snapshot, Table, TableOptions};
use spiral_core::types::ColumnPath;

/// Columns by path; the part before the last dot is the group.
const COLUMNS: [&str; 6] = ["a", "b", "g.c", "g.d", "g.h.e", "z"];
const KEYS: i64 = 30;

/// Numbers from a seed, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.cast_unsigned()).cast_signed()
    }

    fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    fn columns(&mut self) -> Vec<&'static str> {
        COLUMNS.into_iter().filter(|_| self.chance(40)).collect()
    }

    fn keys(&mut self, percent: i64) -> Vec<i64> {
        (0..KEYS).filter(|_| self.chance(percent)).collect()
    }
}

fn group(column: &str) -> &str {
    column.rsplit_once('.').map_or("", |(group, _)| group)
}

type Cell = Option<i64>;

/// A row: the groups it exists in, and its cells. A gap is no cell, a written null is `None`.
#[derive(Debug, Clone, Default)]
struct Row {
    groups: BTreeSet<String>,
    cells: BTreeMap<&'static str, Cell>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<i64, Row>,
    columns: BTreeSet<&'static str>,
}

impl Model {
    fn write(&mut self, columns: &[&'static str], rows: &[(i64, Vec<Cell>)]) {
        self.columns.extend(columns);
        for (key, cells) in rows {
            let row = self.rows.entry(*key).or_default();
            row.groups.extend(columns.iter().map(|column| group(column).to_owned()));
            if columns.is_empty() {
                row.groups.insert(String::new());
            }
            row.cells.extend(columns.iter().copied().zip(cells.iter().copied()));
        }
    }

    /// Rows of a scan: key and the projected cells.
    fn scan(&self, projection: &[&'static str], filter: Option<&Filter>) -> Vec<(i64, Vec<Cell>)> {
        let mut groups: BTreeSet<&str> = projection.iter().map(|column| group(column)).collect();
        if let Some(filter) = filter {
            groups.extend(filter.columns().into_iter().map(group));
        }
        self.rows
            .iter()
            .filter(|(_, row)| row.groups.iter().any(|group| groups.contains(group.as_str())))
            .filter(|(key, row)| filter.is_none_or(|filter| filter.decide(**key, row) == Some(true)))
            .map(|(key, row)| {
                (*key, projection.iter().map(|column| row.cells.get(column).copied().flatten()).collect())
            })
            .collect()
    }
}

/// Filters with three-valued logic.
#[derive(Debug, Clone)]
enum Filter {
    Key(i64, i64),
    Compare(&'static str, &'static str, i64),
    Null(&'static str, bool),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

impl Filter {
    fn random(random: &mut Random, columns: &[&'static str], depth: u32) -> Self {
        let any = |random: &mut Random| columns[random.below(columns.len() as i64) as usize];
        match random.below(if depth == 0 { 3 } else { 5 }) {
            0 => {
                let begin = random.below(KEYS);
                Filter::Key(begin, begin + random.below(KEYS / 2))
            }
            1 => Filter::Compare(any(random), ["=", "<", ">=", "!="][random.below(4) as usize], random.below(4)),
            2 => Filter::Null(any(random), random.chance(50)),
            3 => Filter::And(
                Box::new(Self::random(random, columns, depth - 1)),
                Box::new(Self::random(random, columns, depth - 1)),
            ),
            _ => Filter::Or(
                Box::new(Self::random(random, columns, depth - 1)),
                Box::new(Self::random(random, columns, depth - 1)),
            ),
        }
    }

    fn text(&self) -> String {
        match self {
            Filter::Key(begin, end) => format!("(k >= {begin} and k <= {end})"),
            Filter::Compare(column, op, value) => format!("{column} {op} {value}"),
            Filter::Null(column, true) => format!("{column} is null"),
            Filter::Null(column, false) => format!("{column} is not null"),
            Filter::And(a, b) => format!("({} and {})", a.text(), b.text()),
            Filter::Or(a, b) => format!("({} or {})", a.text(), b.text()),
        }
    }

    fn columns(&self) -> Vec<&'static str> {
        match self {
            Filter::Key(..) => Vec::new(),
            Filter::Compare(column, ..) | Filter::Null(column, _) => vec![column],
            Filter::And(a, b) | Filter::Or(a, b) => [a.columns(), b.columns()].concat(),
        }
    }

    fn decide(&self, key: i64, row: &Row) -> Option<bool> {
        let cell = |column: &str| row.cells.get(column).copied().flatten();
        match self {
            Filter::Key(begin, end) => Some(key >= *begin && key <= *end),
            Filter::Compare(column, op, value) => cell(column).map(|cell| match *op {
                "=" => cell == *value,
                "<" => cell < *value,
                ">=" => cell >= *value,
                _ => cell != *value,
            }),
            Filter::Null(column, wanted) => Some(cell(column).is_none() == *wanted),
            Filter::And(a, b) => match (a.decide(key, row), b.decide(key, row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Filter::Or(a, b) => match (a.decide(key, row), b.decide(key, row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

/// What the histories met, so that a run that tests nothing fails.
#[derive(Debug, Default)]
struct Coverage {
    versions_read: u64,
    rows_compared: u64,
    writes_inline: u64,
    writes_to_files: u64,
    deletions: u64,
    deletions_by_filter: u64,
    filters_that_a_stale_cell_would_match: u64,
    gaps_over_written_nulls: u64,
    merges: u64,
    takes: u64,
    folds: u64,
    reopened: u64,
    checkpointed: u64,
}

/// Keys are one integer, or a string and an integer that sort alike.
#[derive(Clone, Copy)]
enum KeyKind {
    Integer,
    Text,
}

fn key_columns(kind: KeyKind, keys: &[i64]) -> Vec<(String, ArrayRef)> {
    let k: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    match kind {
        KeyKind::Integer => vec![("k".into(), k)],
        KeyKind::Text => {
            let text: ArrayRef =
                Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("{:02}", key / 3))));
            vec![("s".into(), text), ("k".into(), k)]
        }
    }
}

/// A batch with dotted columns as nested structs.
fn batch(kind: KeyKind, columns: &[&'static str], rows: &[(i64, Vec<Cell>)]) -> RecordBatch {
    let keys: Vec<i64> = rows.iter().map(|(key, _)| *key).collect();
    let mut fields = key_columns(kind, &keys);
    let mut groups: BTreeMap<&str, Vec<(&str, ArrayRef)>> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        let array: ArrayRef = Arc::new(rows.iter().map(|(_, cells)| cells[at]).collect::<Int64Array>());
        match column.split_once('.') {
            None => fields.push(((*column).to_owned(), array)),
            Some((group, rest)) => groups.entry(group).or_default().push((rest, array)),
        }
    }
    let structure = |members: Vec<(&str, ArrayRef)>| -> ArrayRef {
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array))
            .collect();
        Arc::new(StructArray::from(members))
    };
    for (group, members) in groups {
        let (nested, mut flat): (Vec<_>, Vec<_>) = members.into_iter().partition(|(name, _)| name.contains('.'));
        if !nested.is_empty() {
            let inner = nested.into_iter().map(|(name, array)| (name.split_once('.').unwrap().1, array)).collect();
            flat.push(("h", structure(inner)));
        }
        fields.push((group.to_owned(), structure(flat)));
    }
    RecordBatch::try_from_iter(fields).unwrap()
}

fn read(batches: &[RecordBatch], projection: &[&'static str]) -> Vec<(i64, Vec<Cell>)> {
    let mut rows = Vec::new();
    for batch in batches {
        let keys = batch["k"].as_primitive::<Int64Type>();
        let columns: Vec<ArrayRef> = projection
            .iter()
            .map(|path| {
                let mut names = path.split('.');
                let mut array = Arc::clone(batch.column_by_name(names.next().unwrap()).unwrap());
                for name in names {
                    array = Arc::clone(array.as_struct().column_by_name(name).unwrap());
                }
                array
            })
            .collect();
        for row in 0..batch.num_rows() {
            let cell = |array: &ArrayRef| {
                let array = array.as_primitive::<Int64Type>();
                array.is_valid(row).then(|| array.value(row))
            };
            rows.push((keys.value(row), columns.iter().map(cell).collect()));
        }
    }
    rows
}

struct History {
    random: Random,
    kind: KeyKind,
    store: Store,
    table: Table,
    model: Model,
    versions: Vec<(u64, i64, Model)>,
    coverage: Coverage,
}

impl History {
    async fn new(seed: u64, runtime: RuntimeRef) -> Self {
        let mut random = Random(seed);
        let store = Store::new(Arc::new(InMemory::new()), Path::from("t"), runtime);
        let kind = if random.chance(70) { KeyKind::Integer } else { KeyKind::Text };
        let keys = match kind {
            KeyKind::Integer => KeySchema::try_new([("k", DataType::Int64)]),
            KeyKind::Text => KeySchema::try_new([("s", DataType::Utf8), ("k", DataType::Int64)]),
        };
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        let options = Self::options(&mut random);
        let table = Table::create(store.clone(), keys.unwrap(), create, options, Caches::default()).await.unwrap();
        Self {
            random,
            kind,
            store,
            table,
            model: Model::default(),
            versions: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    fn options(random: &mut Random) -> TableOptions {
        TableOptions {
            inline_max_bytes: if random.chance(50) { 0 } else { 16 << 10 },
            // Some writes of a handful of rows become several runs.
            partition_max_bytes: if random.chance(30) { 300 } else { 128 << 20 },
            fold_operations: 1 + random.below(8) as usize,
            fold_bytes: 32 << 10,
            checkpoint_commits: 1 + random.below(6) as usize,
            batch_readahead: random.below(3) as usize,
        }
    }

    fn rows(&mut self, columns: &[&'static str]) -> Vec<(i64, Vec<Cell>)> {
        let density = 5 + self.random.below(60);
        let mut rows: Vec<_> = self
            .random
            .keys(density)
            .into_iter()
            .map(|key| {
                let cells = columns.iter().map(|_| (!self.random.chance(20)).then(|| self.random.below(4))).collect();
                (key, cells)
            })
            .collect();
        if self.random.chance(30) {
            rows.reverse();
        }
        rows
    }

    async fn step(&mut self) {
        if self.random.chance(15) {
            let options = Self::options(&mut self.random);
            self.table = Table::open(self.store.clone(), options, Caches::default()).await.unwrap();
            self.coverage.reopened += 1;
        }
        self.table.refresh().await.unwrap();
        let inline = self.table.options().inline_max_bytes > 0;
        let mut transaction = self.table.transaction();
        let mut model = self.model.clone();
        for _ in 0..1 + self.random.below(3) * self.random.below(2) {
            match self.random.below(10) {
                0..7 => {
                    let columns = self.random.columns();
                    let rows = self.rows(&columns);
                    for (key, cells) in &rows {
                        let old = model.rows.get(key);
                        let masked = columns.iter().zip(cells).any(|(column, cell)| {
                            old.and_then(|row| row.cells.get(column)).is_some_and(|old| old != cell)
                        });
                        self.coverage.filters_that_a_stale_cell_would_match += u64::from(masked);
                        let gap = old.is_some_and(|row| {
                            row.cells.iter().any(|(column, cell)| cell.is_none() && !columns.contains(column))
                        });
                        self.coverage.gaps_over_written_nulls += u64::from(gap);
                    }
                    model.write(&columns, &rows);
                    let batch = batch(self.kind, &columns, &rows);
                    transaction.write(stream::iter([Ok(batch)]), Default::default()).await.unwrap();
                    if inline { self.coverage.writes_inline += 1 } else { self.coverage.writes_to_files += 1 }
                }
                7..9 => {
                    let keys = self.random.keys(20);
                    let batch = RecordBatch::try_from_iter(key_columns(self.kind, &keys)).unwrap();
                    transaction.delete(stream::iter([Ok(batch)])).await.unwrap();
                    keys.iter().for_each(|key| drop(model.rows.remove(key)));
                    self.coverage.deletions += 1;
                }
                _ => {
                    let known: Vec<_> = self.model.columns.iter().copied().collect();
                    if known.is_empty() {
                        continue;
                    }
                    let filter = Filter::random(&mut self.random, &known, 1);
                    // Decided on the committed state; see `Transaction::delete_where`.
                    let doomed = self.model.deleted_by(&filter);
                    transaction.delete_where(parse(&filter.text()).unwrap());
                    doomed.iter().for_each(|key| drop(model.rows.remove(key)));
                    self.coverage.deletions_by_filter += 1;
                }
            }
        }
        let commit = transaction.commit().await.unwrap();
        self.model = model;
        self.versions.retain(|(version, ..)| *version != commit.version);
        self.versions.push((commit.version, commit.timestamp, self.model.clone()));
        // A fold after the commit is a version of its own and changes nothing that readers see.
        let after = self.table.snapshot();
        if after.version() > commit.version {
            self.versions.push((after.version(), after.timestamp(), self.model.clone()));
            self.coverage.folds += 1;
        }
    }

    async fn check_all(&mut self) {
        let table = Table::open(self.store.clone(), TableOptions::default(), Caches::default()).await.unwrap();
        let versions = self.versions.clone();
        for (version, timestamp, model) in &versions {
            let asof = if self.random.chance(50) { Asof::Version(*version) } else { Asof::Timestamp(*timestamp) };
            let snapshot = table.snapshot_asof(asof).await.unwrap();
            assert_eq!(snapshot.version(), *version);
            self.check(&snapshot, model).await;
        }
        self.coverage.checkpointed += u64::from(self.versions.len() > 6);
    }

    async fn check(&mut self, snapshot: &Snapshot, model: &Model) {
        self.coverage.versions_read += 1;
        let all: Vec<&'static str> = model.columns.iter().copied().collect();
        if all.is_empty() {
            return;
        }
        self.compare(&snapshot.scan(), model, &all, None, "all").await;
        for _ in 0..3 {
            let mut projection = self.random.columns();
            projection.retain(|column| model.columns.contains(column));
            if projection.is_empty() {
                projection.push(all[0]);
            }
            let filter = self.random.chance(70).then(|| Filter::random(&mut self.random, &all, 2));
            let paths = ["k"].iter().chain(&projection).map(|path| ColumnPath::parse(path).unwrap());
            let mut scan = snapshot.scan().select(paths);
            let mut what = format!("{projection:?}");
            if let Some(filter) = &filter {
                what = format!("{what} where {}", filter.text());
                scan = scan.with_filter(parse(&filter.text()).unwrap());
            }
            self.compare(&scan, model, &projection, filter.as_ref(), &what).await;
        }
    }

    async fn compare(
        &mut self,
        scan: &Scan,
        model: &Model,
        projection: &[&'static str],
        filter: Option<&Filter>,
        what: &str,
    ) {
        let plan = scan.plan().await.unwrap();
        let expected = model.scan(projection, filter);
        let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
        assert_eq!(read(&batches, projection), expected, "{what}\n{}", plan.explain());
        self.coverage.rows_compared += expected.len() as u64;
        self.coverage.merges += u64::from(plan.metrics().rows_merged > 0);
        // The same rows by key: in any order, some twice, some that do not exist.
        let asked: Vec<i64> = (0..8).map(|_| self.random.below(KEYS + 3)).collect();
        let keys = RecordBatch::try_from_iter(key_columns(self.kind, &asked)).unwrap();
        let taken = plan.take(&keys).await.unwrap();
        let found: BTreeMap<i64, Vec<Cell>> = expected.into_iter().collect();
        let wanted: Vec<_> = asked.iter().filter_map(|key| Some((*key, found.get(key)?.clone()))).collect();
        assert_eq!(read(&[taken.rows], projection), wanted, "take {asked:?} of {what}");
        let positions: Vec<u64> =
            (0..).zip(&asked).filter(|(_, key)| found.contains_key(key)).map(|(position, _)| position).collect();
        assert_eq!(taken.positions.values(), &positions[..]);
        self.coverage.takes += 1;
    }
}

impl Model {
    /// Keys that a deletion by filter removes: rows of any group whose cells match.
    fn deleted_by(&self, filter: &Filter) -> Vec<i64> {
        self.rows.iter().filter(|(key, row)| filter.decide(**key, row) == Some(true)).map(|(key, _)| *key).collect()
    }
}

async fn run(seed: u64, runtime: RuntimeRef) -> Coverage {
    let mut history = History::new(seed, runtime).await;
    for _ in 0..20 {
        history.step().await;
    }
    history.check_all().await;
    history.coverage
}

fn cases(default: u64) -> u64 {
    std::env::var("SPIRAL_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

#[test]
fn every_version_of_a_random_history_reads_as_the_model_says() {
    let cases = cases(200);
    let mut total = Coverage::default();
    for seed in 0..cases {
        let result = std::panic::catch_unwind(|| {
            let runtime = CurrentThread::new();
            runtime.block_on(run(seed, runtime.runtime()))
        });
        let coverage = result.unwrap_or_else(|panic| {
            println!("seed {seed} failed");
            std::panic::resume_unwind(panic)
        });
        total.versions_read += coverage.versions_read;
        total.rows_compared += coverage.rows_compared;
        total.writes_inline += coverage.writes_inline;
        total.writes_to_files += coverage.writes_to_files;
        total.deletions += coverage.deletions;
        total.deletions_by_filter += coverage.deletions_by_filter;
        total.filters_that_a_stale_cell_would_match += coverage.filters_that_a_stale_cell_would_match;
        total.gaps_over_written_nulls += coverage.gaps_over_written_nulls;
        total.merges += coverage.merges;
        total.takes += coverage.takes;
        total.folds += coverage.folds;
        total.reopened += coverage.reopened;
        total.checkpointed += coverage.checkpointed;
    }
    println!("{cases} histories covered {total:#?}");
    assert!(total.versions_read >= cases * 10);
    assert!(total.rows_compared >= cases * 100);
    for covered in [
        total.writes_inline,
        total.writes_to_files,
        total.deletions,
        total.deletions_by_filter,
        total.filters_that_a_stale_cell_would_match,
        total.gaps_over_written_nulls,
        total.merges,
        total.takes,
        total.folds,
        total.reopened,
        total.checkpointed,
    ] {
        assert!(covered >= cases / 2, "{total:#?}");
    }
}

#[test]
fn histories_read_the_same_in_the_simulator() {
    for seed in 0..cases(100).min(300) {
        let simulated = Simulated::new(seed);
        simulated.block_on(run(seed, simulated.runtime())).unwrap();
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn histories_read_the_same_on_threads() {
    let pool = spiral_core::runtime::ThreadPool::new(2).unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    for seed in 0..cases(100).min(300) {
        pool.block_on(run(seed, pool.runtime()));
        tokio.block_on(run(seed, spiral_bindings::Tokio::on(tokio.handle().clone())));
    }
}
