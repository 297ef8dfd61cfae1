//! Which tables may be scanned together, and what the paths of such a scan mean.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use spiral_core::Code;
use spiral_core::expr::parse;
use spiral_core::key::KeySchema;
use spiral_core::runtime::{CurrentThread, RuntimeRef};
use spiral_core::scan::Scan;
use spiral_core::store::Store;
use spiral_core::table::{Caches, CreateOptions, Snapshot, Table, TableOptions};
use spiral_core::types::ColumnPath;

use crate::key_schema;

/// A table of one integer key and the given columns.
async fn table(runtime: &RuntimeRef, keys: KeySchema, columns: &[(&str, &[i64])]) -> Snapshot {
    let store = Store::new(Arc::new(InMemory::new()), Path::from("t"), Arc::clone(runtime));
    let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
    let options = TableOptions { inline_max_bytes: 0, ..TableOptions::default() };
    let table = Table::create(store, keys, create, options, Caches::default()).await.unwrap();
    if !columns.is_empty() {
        let column = |values: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let batch = RecordBatch::try_from_iter(columns.iter().map(|(name, values)| (*name, column(values)))).unwrap();
        table.write(stream::iter([Ok(batch)]), Default::default()).await.unwrap();
    }
    table.refresh().await.unwrap()
}

fn with_runtime(test: impl AsyncFnOnce(RuntimeRef)) {
    let runtime = CurrentThread::new();
    runtime.block_on(test(runtime.runtime()));
}

#[test]
fn tables_of_different_keys_are_refused() {
    with_runtime(async |runtime| {
        let k = |name: &'static str, data_type| KeySchema::try_new([(name, data_type)]).unwrap();
        let one = table(&runtime, k("k", DataType::Int64), &[]).await;
        for other in [k("k", DataType::Int32), k("other", DataType::Int64), key_schema(true)] {
            let other = table(&runtime, other, &[]).await;
            let error = Scan::over([("a", one.clone()), ("b", other)]).err().unwrap();
            assert_eq!(error.code(), Code::KeySchemaMismatch, "{error}");
        }
        let code = |tables: Vec<(&'static str, Snapshot)>| Scan::over(tables).err().map(|error| error.code());
        assert_eq!(code(vec![]), Some(Code::InvalidArgument));
        assert_eq!(code(vec![("a", one.clone()), ("a", one.clone())]), Some(Code::InvalidArgument));
        assert_eq!(code(vec![("k", one.clone())]), Some(Code::InvalidArgument));
        assert_eq!(code(vec![("", one.clone())]), Some(Code::InvalidName));
        assert_eq!(code(vec![("a", one.clone()), ("b", one)]), None);
    });
}

/// Rows of a table whose key is a string in some layout, and an integer.
async fn text_table(runtime: &RuntimeRef, layout: DataType, inline_max_bytes: usize, names: &[&str]) -> Snapshot {
    let store = Store::new(Arc::new(InMemory::new()), Path::from("t"), Arc::clone(runtime));
    let keys = KeySchema::try_new([("k", layout.clone()), ("n", DataType::Int64)]).unwrap();
    let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
    let options = TableOptions { inline_max_bytes, ..TableOptions::default() };
    let table = Table::create(store, keys, create, options, Caches::default()).await.unwrap();
    let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
    let names = arrow_cast::cast(&names, &layout).unwrap();
    let ones: ArrayRef = Arc::new(Int64Array::from(vec![1; names.len()]));
    let batch = RecordBatch::try_from_iter([("k", names), ("n", Arc::clone(&ones)), ("v", ones)]).unwrap();
    table.write(stream::iter([Ok(batch)]), Default::default()).await.unwrap();
    table.refresh().await.unwrap()
}

#[test]
fn strings_in_keys_may_have_any_layout() {
    with_runtime(async |runtime| {
        for inline in [0, 1 << 16] {
            let plain = text_table(&runtime, DataType::Utf8, inline, &["ann", "bob", "cem"]).await;
            let views = text_table(&runtime, DataType::Utf8View, 0, &["bob", "a name longer than a view holds"]).await;
            let large = text_table(&runtime, DataType::LargeUtf8, inline, &["cem", "dee"]).await;
            let tables = [("plain", plain), ("views", views), ("large", large)];
            let plan = Scan::over(tables).unwrap().plan().await.unwrap();
            assert_eq!(plan.schema().field(0).data_type(), &DataType::Utf8);
            let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
            let rows = arrow_select::concat::concat_batches(&plan.schema(), &batches).unwrap();
            let names: Vec<_> = rows.column(0).as_string::<i32>().iter().flatten().collect();
            assert_eq!(names, ["a name longer than a view holds", "ann", "bob", "cem", "dee"]);
            let found: Vec<usize> = (2..5).map(|at| rows.column(at).as_struct().column(0).null_count()).collect();
            assert_eq!(found, [2, 3, 3]);
            let taken = plan.take(&rows.project(&[0, 1]).unwrap()).await.unwrap();
            assert_eq!(taken.rows, rows);
        }
    });
}

#[test]
fn names_that_mean_nothing_or_two_things_are_refused() {
    with_runtime(async |runtime| {
        let one = table(&runtime, key_schema(false), &[("k", &[1]), ("a", &[1])]).await;
        let two = table(&runtime, key_schema(false), &[("k", &[1]), ("a", &[2])]).await;
        let over = || Scan::over([("one", one.clone()), ("two", two.clone())]).unwrap();
        let path = |text: &str| ColumnPath::parse(text).unwrap();
        let code = async |scan: Scan| scan.plan().await.err().map(|error| error.code());
        for unknown in ["three.a", "a", "one.b", "one.a.b"] {
            assert_eq!(code(over().select([path(unknown)])).await, Some(Code::UnknownColumn), "{unknown}");
            let filter = parse(&format!("{unknown} = 1")).unwrap();
            assert_eq!(code(over().with_filter(filter)).await, Some(Code::UnknownColumn), "{unknown}");
            let computed = parse(&format!("{unknown} + 1")).unwrap();
            assert_eq!(code(over().project([(path("x"), computed)])).await, Some(Code::UnknownColumn), "{unknown}");
        }
        let top = |tables: &[&str]| {
            let items: Vec<_> = tables.iter().map(|table| (ColumnPath::root(), parse(table).unwrap())).collect();
            over().project(items)
        };
        assert_eq!(code(top(&["one", "two"])).await, Some(Code::InvalidName));
        assert_eq!(code(top(&["one", "one"])).await, None);
        assert_eq!(
            code(over().project([(path("x.y"), parse("one.a").unwrap()), (path("x"), parse("two.a").unwrap())])).await,
            Some(Code::InvalidName)
        );
    });
}

#[test]
fn tables_without_common_keys_are_not_merged() {
    with_runtime(async |runtime| {
        let low: Vec<i64> = (0..1000).collect();
        let high: Vec<i64> = (1000..2000).collect();
        let one = table(&runtime, key_schema(false), &[("k", &low), ("a", &low)]).await;
        let two = table(&runtime, key_schema(false), &[("k", &high), ("b", &high)]).await;
        let plan = Scan::over([("one", one), ("two", two)]).unwrap().plan().await.unwrap();
        let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2000);
        assert_eq!(plan.metrics().rows_merged, 0);
    });
}
