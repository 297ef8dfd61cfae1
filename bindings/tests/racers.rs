//! Fifty writers, each with a client and a handle of its own, race for the versions of one table.
//!
//! Runs on memory and a local folder, and on the store that `SPIRAL_TEST_ROOT` names, if it is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType::Int64;
use futures::TryStreamExt;
use futures::future::join_all;
use spiral_bindings::core::key::KeySchema;
use spiral_bindings::core::log::TxnId;
use spiral_bindings::core::runtime::{RuntimeExt, ThreadPool};
use spiral_bindings::core::store::Store;
use spiral_bindings::core::table::{Caches, CreateOptions, Table, TableOptions};
use spiral_bindings::core::transaction::WriteOptions;
use spiral_bindings::core::{Code, Result};
use spiral_bindings::{OpenedStore, open_store};

const RACERS: usize = 50;
const COMMITS_EACH: usize = 2;

/// Rows of a commit: a few are carried by the entry itself, many become files.
fn rows_of(racer: usize) -> usize {
    if racer.is_multiple_of(5) { 2_000 } else { 3 }
}

fn batch(racer: usize, commit: usize) -> RecordBatch {
    let first = ((racer * COMMITS_EACH + commit) * 10_000) as i64;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows_of(racer) as i64));
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..rows_of(racer)).map(|row| format!("{racer} {commit} {row}"))));
    let racers: ArrayRef = Arc::new(Int64Array::from_value(racer as i64, rows_of(racer)));
    RecordBatch::try_from_iter([("id", ids), ("racer", racers), ("text", texts)]).unwrap()
}

/// One writer's own connection to the table's folder.
fn connect(opened: &OpenedStore, folder: &str, pool: &ThreadPool) -> Store {
    let policy = opened.medium.policy();
    let root = Store::with_policy(Arc::clone(&opened.objects), opened.root.clone(), pool.runtime(), policy);
    root.child(folder).unwrap()
}

fn keys() -> KeySchema {
    KeySchema::try_new([("id", Int64)]).unwrap()
}

async fn create(store: Store, create: CreateOptions) -> Result<Table> {
    Table::create(store, keys(), create, TableOptions::default(), Caches::default()).await
}

/// Commits until told that it is done; returns what was acknowledged.
async fn race(table: Table, racer: usize) -> Vec<(TxnId, u64)> {
    let mut acknowledged = Vec::new();
    for commit in 0..COMMITS_EACH {
        loop {
            let mut transaction = table.transaction();
            let (id, began) = (transaction.id(), transaction.began());
            transaction
                .write(futures::stream::iter([Ok(batch(racer, commit))]), WriteOptions::default())
                .await
                .unwrap();
            let version = match transaction.commit().await {
                Ok(info) => Some(info.version),
                Err(error) if error.code() == Code::CommitUnknown => table.settle(id, began).await.unwrap(),
                Err(error) if error.code() == Code::CommitContention => None,
                Err(error) => panic!("racer {racer}: {error:?}"),
            };
            if let Some(version) = version {
                acknowledged.push((id, version));
                break;
            }
        }
    }
    acknowledged
}

async fn audit(store: Store, acknowledged: Vec<(TxnId, u64)>) {
    assert_eq!(acknowledged.len(), RACERS * COMMITS_EACH);
    let table = Table::open(store, TableOptions::default(), Caches::default()).await.unwrap();
    let history = table.history(usize::MAX >> 1).await.unwrap();
    // Without a hole, and nothing but the creation, what was acknowledged, and folds of rows that commits carried.
    let versions: Vec<u64> = history.iter().rev().map(|entry| entry.version).collect();
    assert_eq!(versions, (1..=history.len() as u64).collect::<Vec<_>>());
    let written = history.iter().filter(|entry| entry.summary.operations == ["write"]).count();
    let folds = history.iter().filter(|entry| entry.summary.operations == ["fold"]).count();
    assert_eq!((written, folds), (acknowledged.len(), history.len() - acknowledged.len() - 1), "{history:?}");
    assert!(history.windows(2).all(|pair| pair[0].timestamp > pair[1].timestamp), "timestamps grow");
    let logged: HashMap<TxnId, u64> = history.iter().map(|entry| (entry.txn, entry.version)).collect();
    assert_eq!(logged.len(), history.len(), "no transaction is logged twice");
    for (id, version) in acknowledged {
        assert_eq!(logged.get(&id), Some(&version), "{id} was acknowledged as version {version}");
    }

    let plan = table.snapshot().scan().plan().await.unwrap();
    let mut found = BTreeMap::new();
    for rows in plan.stream().try_collect::<Vec<_>>().await.unwrap() {
        let ids = rows.column_by_name("id").unwrap().as_primitive::<Int64Type>();
        let racers = rows.column_by_name("racer").unwrap().as_primitive::<Int64Type>();
        for row in 0..rows.num_rows() {
            assert!(found.insert(ids.value(row), racers.value(row)).is_none(), "key {} occurs twice", ids.value(row));
        }
    }
    let expected: BTreeMap<i64, i64> = (0..RACERS)
        .flat_map(|racer| (0..COMMITS_EACH).map(move |commit| (racer, batch(racer, commit))))
        .flat_map(|(racer, rows)| {
            let ids = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
            ids.into_iter().map(move |id| (id, racer as i64))
        })
        .collect();
    assert_eq!(found, expected);
}

/// `connection` opens the store anew for each writer.
fn no_commit_is_lost(connection: impl Fn() -> OpenedStore) {
    let pool = ThreadPool::new(4).unwrap();
    let runtime = pool.runtime();
    let folder = format!("racers-{:016x}", runtime.random_u64());
    let stores: Vec<Store> = (0..RACERS).map(|_| connect(&connection(), &folder, &pool)).collect();
    let own = stores[0].meter().clone();
    let acknowledged = pool.block_on(async {
        spiral_bindings::core::store::prove_put_if_absent(&stores[0], "probes").await.unwrap();
        let creations = join_all(stores.iter().map(|store| {
            let proven = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
            runtime.spawn_task(create(store.clone(), proven))
        }));
        let creations: Vec<Result<Table>> = creations.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(creations.iter().filter(|created| created.is_ok()).count(), 1, "one writer creates the table");
        for error in creations.into_iter().filter_map(Result::err) {
            assert_eq!(error.code(), Code::TableExists, "{error:?}");
        }
        let races = stores.iter().enumerate().map(|(racer, store)| {
            let store = store.clone();
            runtime.spawn_task(async move {
                let join = CreateOptions { exist_ok: true, ..CreateOptions::default() };
                race(create(store, join).await.unwrap(), racer).await
            })
        });
        join_all(races).await.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>()
    });
    let puts: u64 = stores.iter().map(|store| store.meter().snapshot().puts_if_absent).sum();
    assert!(own.snapshot().requests() > 0);
    println!("{} commits of {RACERS} racers took {puts} conditional puts", acknowledged.len());
    pool.block_on(audit(connect(&connection(), &folder, &pool), acknowledged));
}

#[test]
fn no_commit_is_lost_in_memory() {
    let objects = Arc::new(object_store::memory::InMemory::new());
    no_commit_is_lost(|| OpenedStore {
        objects: objects.clone(),
        root: Default::default(),
        medium: spiral_bindings::Medium::Memory,
    });
}

#[test]
fn no_commit_is_lost_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    no_commit_is_lost(|| open_store(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap());
}

#[test]
fn no_commit_is_lost_on_the_store_of_the_environment() {
    match std::env::var("SPIRAL_TEST_ROOT") {
        Ok(root) => no_commit_is_lost(|| open_store(&root, &BTreeMap::new()).unwrap()),
        Err(_) => println!("SPIRAL_TEST_ROOT names no store"),
    }
}
