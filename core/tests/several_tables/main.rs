//! Scans over several tables against plain models in memory: random histories of two or three tables, read together at
//! random versions, under other names, by filters across tables, whole and by key.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[cfg(target_arch = "wasm32")]
#[macro_use]
extern crate spiral_on_wasm;

mod keys_and_names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::expr::{Expr, parse};
use spiral_core::key::KeySchema;
use spiral_core::runtime::{CurrentThread, RuntimeRef};
use spiral_core::scan::Scan;
use spiral_core::store::Store;
use spiral_core::table::{Asof, Caches, CreateOptions, Snapshot, Table, TableOptions};
use spiral_core::types::ColumnPath;

/// Value columns of every table by path; the part before the last dot is the group.
const COLUMNS: [&str; 4] = ["a", "b", "g.c", "g.d"];
const KEYS: i64 = 24;

/// Numbers from a seed, the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn keys(&mut self, percent: usize) -> Vec<i64> {
        (0..KEYS).filter(|_| self.chance(percent)).collect()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

fn group(column: &str) -> &str {
    column.rsplit_once('.').map_or("", |(group, _)| group)
}

type Cell = Option<i64>;

/// A row of one table: the groups it exists in, and its cells.
#[derive(Debug, Clone, Default)]
struct Row {
    groups: BTreeSet<&'static str>,
    cells: BTreeMap<&'static str, Cell>,
}

/// A version of a table.
#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<i64, Row>,
    columns: BTreeSet<&'static str>,
}

/// Keys are one integer, or a string and an integer that sort alike.
fn key_columns(wide: bool, keys: &[i64]) -> Vec<(String, ArrayRef)> {
    let k: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    let text =
        || -> ArrayRef { Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("{:02}", key / 3)))) };
    if wide { vec![("s".into(), text()), ("k".into(), k)] } else { vec![("k".into(), k)] }
}

fn key_schema(wide: bool) -> KeySchema {
    let text = wide.then_some(("s", DataType::Utf8));
    KeySchema::try_new(text.into_iter().chain([("k", DataType::Int64)])).unwrap()
}

fn batch(wide: bool, columns: &[&'static str], rows: &[(i64, Vec<Cell>)]) -> RecordBatch {
    let mut fields = key_columns(wide, &rows.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    let mut nested: Vec<(Arc<Field>, ArrayRef)> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let array: ArrayRef = Arc::new(rows.iter().map(|(_, cells)| cells[at]).collect::<Int64Array>());
        match column.split_once('.') {
            None => fields.push(((*column).to_owned(), array)),
            Some((_, name)) => nested.push((Arc::new(Field::new(name, DataType::Int64, true)), array)),
        }
    }
    if !nested.is_empty() {
        fields.push(("g".to_owned(), Arc::new(StructArray::from(nested))));
    }
    RecordBatch::try_from_iter(fields).unwrap()
}

/// A table and what each of its versions is.
struct Member {
    name: String,
    table: Table,
    model: Model,
    versions: Vec<(u64, i64, Model)>,
}

impl Member {
    async fn new(random: &mut Random, name: String, wide: bool, runtime: RuntimeRef) -> Self {
        let store = Store::new(Arc::new(InMemory::new()), Path::from("t"), runtime);
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        let options = TableOptions {
            inline_max_bytes: if random.chance(50) { 0 } else { 16 << 10 },
            partition_max_bytes: if random.chance(30) { 300 } else { 128 << 20 },
            fold_operations: 1 + random.below(8),
            checkpoint_commits: 1 + random.below(6),
            batch_readahead: random.below(3),
            ..TableOptions::default()
        };
        let table = Table::create(store, key_schema(wide), create, options, Caches::default()).await.unwrap();
        let (version, timestamp) = (table.snapshot().version(), table.snapshot().timestamp());
        Self { name, table, model: Model::default(), versions: vec![(version, timestamp, Model::default())] }
    }

    /// One commit of one to three operations.
    async fn step(&mut self, random: &mut Random, wide: bool, coverage: &mut Coverage) {
        let mut transaction = self.table.transaction();
        for _ in 0..1 + random.below(3) * random.below(2) {
            if random.chance(75) {
                let columns: Vec<&'static str> = COLUMNS.into_iter().filter(|_| random.chance(50)).collect();
                let density = 5 + random.below(60);
                let keys = random.keys(density);
                let cell = |random: &mut Random| (!random.chance(20)).then(|| random.below(4) as i64);
                let rows: Vec<(i64, Vec<Cell>)> =
                    keys.into_iter().map(|key| (key, columns.iter().map(|_| cell(random)).collect())).collect();
                transaction.write(stream::iter([Ok(batch(wide, &columns, &rows))]), Default::default()).await.unwrap();
                self.write(&columns, &rows);
            } else {
                let keys = random.keys(25);
                let batch = RecordBatch::try_from_iter(key_columns(wide, &keys)).unwrap();
                transaction.delete(stream::iter([Ok(batch)])).await.unwrap();
                coverage.deleted_rows += keys.iter().filter(|key| self.model.rows.remove(key).is_some()).count();
            }
        }
        let commit = transaction.commit().await.unwrap();
        self.versions.push((commit.version, commit.timestamp, self.model.clone()));
    }

    fn write(&mut self, columns: &[&'static str], rows: &[(i64, Vec<Cell>)]) {
        self.model.columns.extend(columns);
        for (key, cells) in rows {
            let row = self.model.rows.entry(*key).or_default();
            row.groups.extend(columns.iter().map(|column| group(column)));
            if columns.is_empty() {
                row.groups.insert("");
            }
            row.cells.extend(columns.iter().copied().zip(cells.iter().copied()));
        }
    }
}

/// A column of one of the tables.
type Column = (usize, &'static str);

/// What a column of the result holds.
#[derive(Debug, Clone, Copy)]
enum Value {
    Of(Column),
    Sum(Column, Column),
}

#[derive(Debug, Clone)]
enum Filter {
    Key(i64, i64),
    Less(Column, i64),
    Same(Column, Column),
    Null(Column),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// The tables as they are at some versions.
struct Models<'a> {
    names: Vec<&'a str>,
    models: Vec<&'a Model>,
}

impl Models<'_> {
    fn address(&self, (table, column): Column) -> String {
        format!("{}.{column}", self.names[table])
    }

    fn cell(&self, (table, column): Column, key: i64) -> Cell {
        self.models[table].rows.get(&key)?.cells.get(column).copied().flatten()
    }

    fn value(&self, value: Value, key: i64) -> Cell {
        match value {
            Value::Of(column) => self.cell(column, key),
            Value::Sum(a, b) => Some(self.cell(a, key)? + self.cell(b, key)?),
        }
    }

    fn all(&self) -> Vec<Column> {
        let columns =
            |(table, model): (usize, &&Model)| model.columns.iter().map(move |column| (table, *column)).collect();
        self.models.iter().enumerate().flat_map::<Vec<Column>, _>(columns).collect()
    }

    fn filter(&self, random: &mut Random, depth: usize) -> Filter {
        let all = self.all();
        match random.below(if depth == 0 { 4 } else { 6 }) {
            0 => {
                let begin = random.below(KEYS as usize) as i64;
                Filter::Key(begin, begin + random.below(KEYS as usize / 2) as i64)
            }
            1 => Filter::Less(*random.one(&all), 1 + random.below(3) as i64),
            2 => Filter::Same(*random.one(&all), *random.one(&all)),
            3 => Filter::Null(*random.one(&all)),
            4 => Filter::And(Box::new(self.filter(random, depth - 1)), Box::new(self.filter(random, depth - 1))),
            _ => Filter::Or(Box::new(self.filter(random, depth - 1)), Box::new(self.filter(random, depth - 1))),
        }
    }

    /// As text; now and then the key column is named with a table.
    fn text(&self, filter: &Filter) -> String {
        match filter {
            Filter::Key(begin, end) => format!("(k >= {begin} and {}.k <= {end})", self.names[0]),
            Filter::Less(column, value) => format!("{} < {value}", self.address(*column)),
            Filter::Same(a, b) => format!("{} = {}", self.address(*a), self.address(*b)),
            Filter::Null(column) => format!("{} is null", self.address(*column)),
            Filter::And(a, b) => format!("({} and {})", self.text(a), self.text(b)),
            Filter::Or(a, b) => format!("({} or {})", self.text(a), self.text(b)),
        }
    }

    fn decide(&self, filter: &Filter, key: i64) -> Option<bool> {
        match filter {
            Filter::Key(begin, end) => Some(key >= *begin && key <= *end),
            Filter::Less(column, value) => Some(self.cell(*column, key)? < *value),
            Filter::Same(a, b) => Some(self.cell(*a, key)? == self.cell(*b, key)?),
            Filter::Null(column) => Some(self.cell(*column, key).is_none()),
            Filter::And(a, b) => match (self.decide(a, key), self.decide(b, key)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Filter::Or(a, b) => match (self.decide(a, key), self.decide(b, key)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }

    /// Rows of a scan that refers to these columns: those that exist in any of their groups in any table.
    fn rows(&self, referenced: &BTreeSet<(usize, &str)>, filter: Option<&Filter>) -> Vec<i64> {
        let exists = |key: &i64| {
            let row = |table: usize| self.models[table].rows.get(key);
            referenced.iter().any(|(table, group)| row(*table).is_some_and(|row| row.groups.contains(group)))
        };
        (0..KEYS)
            .filter(exists)
            .filter(|key| filter.is_none_or(|filter| self.decide(filter, *key) == Some(true)))
            .collect()
    }
}

fn columns_of(filter: &Filter) -> Vec<Column> {
    match filter {
        Filter::Key(..) => Vec::new(),
        Filter::Less(column, _) | Filter::Null(column) => vec![*column],
        Filter::Same(a, b) => vec![*a, *b],
        Filter::And(a, b) | Filter::Or(a, b) => [columns_of(a), columns_of(b)].concat(),
    }
}

/// What the histories met, so that a run that tests nothing fails.
#[derive(Debug, Default)]
struct Coverage {
    scans: usize,
    takes: usize,
    rows: usize,
    merges: usize,
    deleted_rows: usize,
    /// Rows that not all tables have.
    partial_rows: usize,
    /// Rows that one table has deleted and another one still has.
    survivors: usize,
    filters_across_tables: usize,
    by_time: usize,
    renamed: usize,
    computed: usize,
    flat: usize,
    keys_only: usize,
    limited: usize,
}

/// A scan, the paths and values of its result, and the groups that it refers to.
struct Case<'a> {
    scan: Scan,
    values: Vec<(String, Value)>,
    referenced: BTreeSet<(usize, &'a str)>,
}

fn groups_of<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<(usize, &'static str)> {
    let columns = values.into_iter().flat_map(|value| match value {
        Value::Of(column) => vec![*column],
        Value::Sum(a, b) => vec![*a, *b],
    });
    columns.map(|(table, column)| (table, group(column))).collect()
}

/// A random projection.
fn project<'a>(random: &mut Random, scan: Scan, models: &Models<'_>, coverage: &mut Coverage) -> Case<'a> {
    let all = models.all();
    let path = |text: &str| ColumnPath::parse(text).unwrap();
    let column = |address: &str| parse(address).unwrap();
    let mut values: Vec<(String, Value)> = Vec::new();
    let mut items: Vec<(ColumnPath, Expr)> = vec![(path("k"), column("k"))];
    let case = random.below(if all.is_empty() { 1 } else { 6 });
    match case {
        0 => {
            coverage.keys_only += 1;
            let tables = 0..models.models.len();
            let referenced = tables.flat_map(|table| ["", "g"].map(|group| (table, group))).collect();
            return Case { scan: scan.keys_only(), values, referenced };
        }
        1 => {
            values.extend(all.iter().map(|column| (models.address(*column), Value::Of(*column))));
            let mut referenced = groups_of(values.iter().map(|(_, value)| value));
            let bare = (0..models.models.len()).filter(|table| models.models[*table].columns.is_empty());
            referenced.extend(bare.map(|table| (table, "")));
            return Case { scan, values, referenced };
        }
        2 => {
            let chosen: Vec<Column> = all.iter().copied().filter(|_| random.chance(50)).collect();
            let chosen = if chosen.is_empty() { vec![all[0]] } else { chosen };
            values.extend(chosen.iter().map(|column| (models.address(*column), Value::Of(*column))));
            let paths = ["k".to_owned()].into_iter().chain(values.iter().map(|(address, _)| address.clone()));
            let scan = scan.select(paths.map(|address| path(&address)));
            let referenced = groups_of(values.iter().map(|(_, value)| value));
            return Case { scan, values, referenced };
        }
        // One table at the top, columns of any other under new names.
        3 => {
            coverage.flat += 1;
            let table = all[0].0;
            items.push((ColumnPath::root(), column(models.names[table])));
            values.extend(all.iter().filter(|column| column.0 == table).map(|of| (of.1.to_owned(), Value::Of(*of))));
        }
        // A group under another name.
        4 => {
            let grouped: Vec<usize> = all.iter().filter(|column| column.1 == "g.c").map(|column| column.0).collect();
            if let Some(table) = grouped.first() {
                items.push((path("x.y"), column(&format!("{}.g", models.names[*table]))));
                let below = all.iter().filter(|column| column.0 == *table && group(column.1) == "g");
                values.extend(below.map(|of| (format!("x.y.{}", of.1.split_once('.').unwrap().1), Value::Of(*of))));
            }
        }
        _ => {}
    }
    for number in 0..1 + random.below(3) {
        let (a, b) = (*random.one(&all), *random.one(&all));
        let (name, value) = if random.chance(60) {
            coverage.renamed += 1;
            (format!("r{number}.of"), Value::Of(a))
        } else {
            coverage.computed += 1;
            (format!("sum{number}"), Value::Sum(a, b))
        };
        let text = match value {
            Value::Of(a) => models.address(a),
            Value::Sum(a, b) => format!("{} + {}", models.address(a), models.address(b)),
        };
        items.push((path(&name), column(&text)));
        values.push((name, value));
    }
    let referenced = groups_of(values.iter().map(|(_, value)| value));
    Case { scan: scan.project(items), values, referenced }
}

/// The keys and the given columns of some batches.
fn read(batches: &[RecordBatch], paths: &[(String, Value)]) -> Vec<(i64, Vec<Cell>)> {
    let mut rows = Vec::new();
    for batch in batches {
        let keys = batch["k"].as_primitive::<Int64Type>();
        let find = |(path, _): &(String, Value)| {
            let mut names = path.split('.');
            let top = Arc::clone(&batch[names.next().unwrap()]);
            names.fold(top, |array, name| Arc::clone(array.as_struct().column_by_name(name).unwrap()))
        };
        let columns: Vec<ArrayRef> = paths.iter().map(find).collect();
        for row in 0..batch.num_rows() {
            let cell = |array: &ArrayRef| array.is_valid(row).then(|| array.as_primitive::<Int64Type>().value(row));
            rows.push((keys.value(row), columns.iter().map(cell).collect()));
        }
    }
    rows
}

async fn check(random: &mut Random, wide: bool, members: &[Member], coverage: &mut Coverage) {
    let (snapshots, models) = choose(random, members, coverage).await;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let models = Models { names: names.clone(), models };
    let scan = Scan::over(names.iter().copied().zip(snapshots)).unwrap();
    let Case { mut scan, values, mut referenced } = project(random, scan, &models, coverage);
    let filter = (!models.all().is_empty() && random.chance(60)).then(|| models.filter(random, 2));
    if let Some(filter) = &filter {
        scan = scan.with_filter(parse(&models.text(filter)).unwrap());
        let columns = columns_of(filter);
        coverage.filters_across_tables +=
            usize::from(columns.iter().map(|column| column.0).collect::<BTreeSet<_>>().len() > 1);
        referenced.extend(columns.into_iter().map(|(table, column)| (table, group(column))));
    }
    let what = format!("{values:?} where {:?}", filter.as_ref().map(|filter| models.text(filter)));
    let keys = models.rows(&referenced, filter.as_ref());
    let row = |key: i64| (key, values.iter().map(|(_, value)| models.value(*value, key)).collect::<Vec<Cell>>());
    let expected: Vec<_> = keys.iter().map(|key| row(*key)).collect();
    let plan = scan.plan().await.unwrap();
    let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
    assert_eq!(read(&batches, &values), expected, "{what}\n{}", plan.explain());
    assert!(batches.iter().all(|batch| batch.schema() == plan.schema()));
    coverage.scans += 1;
    coverage.rows += expected.len();
    coverage.merges += usize::from(plan.metrics().rows_merged > 0);
    for key in &keys {
        let tables = models.models.iter().filter(|model| model.rows.contains_key(key)).count();
        coverage.partial_rows += usize::from(tables < models.models.len());
        let deleted = |(member, model): (&Member, &&Model)| {
            !model.rows.contains_key(key) && member.versions.iter().any(|(.., before)| before.rows.contains_key(key))
        };
        coverage.survivors += usize::from(members.iter().zip(&models.models).any(deleted));
    }
    let limit = 1 + random.below(5);
    let limited: Vec<RecordBatch> =
        scan.clone().with_limit(limit as u64).plan().await.unwrap().stream().try_collect().await.unwrap();
    assert_eq!(read(&limited, &values), expected[..expected.len().min(limit)], "limit {limit} of {what}");
    coverage.limited += usize::from(limit < expected.len());
    // The same rows by key: in any order, some twice, some that do not exist.
    let asked: Vec<i64> = (0..8).map(|_| random.below(KEYS as usize + 3) as i64).collect();
    let taken = plan.take(&RecordBatch::try_from_iter(key_columns(wide, &asked)).unwrap()).await.unwrap();
    let wanted: Vec<_> = asked.iter().filter(|key| keys.contains(key)).map(|key| row(*key)).collect();
    assert_eq!(read(&[taken.rows], &values), wanted, "take {asked:?} of {what}");
    let positions = (0..).zip(&asked).filter(|(_, key)| keys.contains(key)).map(|(position, _)| position);
    assert_eq!(taken.positions.values().to_vec(), positions.collect::<Vec<u64>>());
    coverage.takes += 1;
}

/// A version of each table: any, or those of one moment.
async fn choose<'a>(
    random: &mut Random,
    members: &'a [Member],
    coverage: &mut Coverage,
) -> (Vec<Snapshot>, Vec<&'a Model>) {
    let moment = random.chance(40).then(|| {
        let member = random.one(members);
        let (_, timestamp, _) = random.one(&member.versions);
        let all_exist = members.iter().map(|member| member.versions[0].1).max().unwrap();
        (*timestamp).max(all_exist)
    });
    coverage.by_time += usize::from(moment.is_some());
    let (mut snapshots, mut models) = (Vec::new(), Vec::new());
    for member in members {
        let (asof, model) = match moment {
            Some(moment) => {
                let (.., model) = member.versions.iter().rev().find(|(_, timestamp, _)| *timestamp <= moment).unwrap();
                (Asof::Timestamp(moment), model)
            }
            None => {
                let (version, _, model) = random.one(&member.versions);
                (Asof::Version(*version), model)
            }
        };
        snapshots.push(member.table.snapshot_asof(asof).await.unwrap());
        models.push(model);
    }
    (snapshots, models)
}

async fn run(seed: u64, runtime: RuntimeRef, coverage: &mut Coverage) {
    let mut random = Random(seed);
    let wide = random.chance(30);
    let mut members = Vec::new();
    for number in 0..2 + random.below(2) {
        members.push(Member::new(&mut random, format!("t{number}"), wide, Arc::clone(&runtime)).await);
    }
    for _ in 0..4 * members.len() {
        let member = random.below(members.len());
        members[member].step(&mut random, wide, coverage).await;
    }
    for _ in 0..6 {
        check(&mut random, wide, &members, coverage).await;
    }
}

#[test]
fn tables_read_together_as_their_models_say() {
    let cases = std::env::var("SPIRAL_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let mut total = Coverage::default();
    for seed in 0..cases {
        let result = std::panic::catch_unwind(|| {
            let runtime = CurrentThread::new();
            let mut coverage = Coverage::default();
            runtime.block_on(run(seed, runtime.runtime(), &mut coverage));
            coverage
        });
        let coverage = result.unwrap_or_else(|panic| {
            println!("seed {seed} failed");
            std::panic::resume_unwind(panic)
        });
        total.add(&coverage);
    }
    println!("{cases} histories covered {total:#?}");
    for covered in total.counts() {
        assert!(covered >= cases as usize / 3, "{total:#?}");
    }
}

macro_rules! counted {
    ($($field:ident),*) => {
        impl Coverage {
            fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }

            fn counts(&self) -> Vec<usize> {
                vec![$(self.$field),*]
            }
        }
    };
}

counted!(
    scans,
    takes,
    rows,
    merges,
    deleted_rows,
    partial_rows,
    survivors,
    filters_across_tables,
    by_time,
    renamed,
    computed,
    flat,
    keys_only,
    limited
);
