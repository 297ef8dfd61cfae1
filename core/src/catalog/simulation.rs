//! Writers that create, rename and drop tables under few names, on a store that fails in every way, and crash.
//!
//! Whatever is in the log gave a name only where there was none, and moved or dropped only what there was; an operation
//! that was acknowledged is in the log, one that was refused is not; and a name never leads nowhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_schema::DataType;
use bytes::Bytes;
use futures::future::{Either, join, join_all, select};
use object_store::memory::InMemory;
use object_store::path::Path;

use super::{Catalog, TableName, records};
use crate::error::{Code, ErrorKind, Result};
use crate::key::KeySchema;
use crate::map::{Commit, decode};
use crate::runtime::{RuntimeExt, RuntimeRef, Simulated, Task};
use crate::store::Store;
use crate::store::faulty::{FaultPlan, Faults, FaultyStore};
use crate::table::{Caches, TableOptions};

const WRITERS: usize = 3;
const OPERATIONS: usize = 8;
const NAMES: [&str; 3] = ["a", "b", "demo/sales.c"];

#[derive(Debug, Default)]
struct Counts {
    committed: u64,
    refused: u64,
    unknown: u64,
    conflicts: u64,
    opened: u64,
}

struct World {
    store: FaultyStore<InMemory>,
    counts: Mutex<Counts>,
}

impl World {
    fn catalog(&self, runtime: RuntimeRef) -> Catalog {
        let store = Store::new(Arc::new(self.store.clone()), Path::from("root"), runtime);
        Catalog::new(&store, TableOptions::default(), Caches::default())
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap());
    }
}

fn keys() -> KeySchema {
    KeySchema::try_new([("id", DataType::Int64)]).unwrap()
}

fn some_name(runtime: &RuntimeRef) -> TableName {
    NAMES[usize::try_from(runtime.random_u64() % 3).unwrap()].parse().unwrap()
}

async fn writer(world: Arc<World>, runtime: RuntimeRef) {
    let catalog = world.catalog(Arc::clone(&runtime));
    for _ in 0..OPERATIONS {
        // A crash leaves it at that.
        world.count(|counts| counts.unknown += 1);
        let (name, other) = (some_name(&runtime), some_name(&runtime));
        let done: Result<()> = match runtime.random_u64() % 4 {
            0 | 1 => catalog.create_table(&name, keys(), false).await.map(|_| ()),
            2 => catalog.rename_table(&name, &other).await,
            _ => catalog.drop_table(&name).await,
        };
        let Err(error) = done else {
            world.count(|counts| {
                counts.unknown -= 1;
                counts.committed += 1;
            });
            continue;
        };
        if error.kind() != ErrorKind::OutcomeUnknown {
            world.count(|counts| {
                counts.unknown -= 1;
                counts.refused += 1;
                counts.conflicts += u64::from(error.code() == Code::CommitConflict);
            });
        }
        let clear = [
            Code::TableExists,
            Code::TableNotFound,
            Code::CommitConflict,
            Code::CommitContention,
            Code::CommitUnknown,
            Code::StoreUnavailable,
        ];
        assert!(clear.contains(&error.code()), "{error:?}");
    }
}

async fn reader(world: Arc<World>, runtime: RuntimeRef) {
    let catalog = world.catalog(Arc::clone(&runtime));
    for _ in 0..12 {
        runtime.sleep(Duration::from_millis(runtime.random_u64() % 3000)).await;
        match catalog.table(&some_name(&runtime)).await {
            Ok(_) => world.count(|counts| counts.opened += 1),
            Err(error) => assert!(!error.message().contains("missing"), "a name leads nowhere: {error:?}"),
        }
    }
}

fn spawned(runtime: &RuntimeRef, work: impl Future<Output = ()> + Send + 'static) -> Task<()> {
    runtime.spawn_task(work)
}

/// Lets a writer work until it is done, or crashes it.
async fn supervise(simulated: &Simulated, world: &Arc<World>, number: usize) {
    let name = format!("writer {number}");
    let runtime = simulated.actor(&name);
    let work = spawned(&runtime, writer(Arc::clone(world), Arc::clone(&runtime)));
    let patience = simulated.runtime().sleep(Duration::from_millis(simulated.runtime().random_u64() % 60_000));
    if let Either::Right((_, work)) = select(work, patience).await {
        simulated.crash(&name);
        drop(work);
    }
}

fn run(seed: u64) -> Counts {
    let simulated = Simulated::new(seed);
    let store = FaultyStore::new(InMemory::new(), simulated.runtime(), FaultPlan::NONE, seed);
    let world = Arc::new(World { store, counts: Mutex::default() });
    let audited = simulated.block_on(async {
        world.catalog(simulated.runtime()).create_table(&NAMES[0].parse().unwrap(), keys(), false).await.unwrap();
        let chaos = Faults { short_body: 0, torn_body: 20, ..Faults::all(60) };
        world.store.set_plan(FaultPlan { get: chaos, put: chaos, put_if_absent: chaos, ..FaultPlan::all(40) });
        let writers = join_all((0..WRITERS).map(|number| supervise(&simulated, &world, number)));
        let host = simulated.actor("reader");
        join(writers, spawned(&host, reader(Arc::clone(&world), Arc::clone(&host)))).await.1.unwrap();
        world.store.set_plan(FaultPlan::NONE);
        // Late effects arrive before the audit.
        simulated.runtime().sleep(Duration::from_secs(60)).await;
        audit(&world, &world.catalog(simulated.runtime()), seed).await;
    });
    audited.unwrap();
    std::mem::take(&mut *world.counts.lock().unwrap())
}

/// Replays the log by the meaning of its changes.
async fn audit(world: &World, catalog: &Catalog, seed: u64) {
    let records = catalog.map.log().tail(0).await.unwrap();
    let mut names: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for record in records.clone() {
        let commit: Commit = decode(record.into_entry().unwrap().body, "commit").unwrap();
        let named = commit.changes.into_iter().filter(|change| records::names().contains(&change.key));
        for change in named {
            let had = names.contains_key(&change.key);
            match change.value {
                Some(id) => {
                    assert!(!had, "seed {seed}: a name that was taken was given again");
                    names.insert(change.key, id);
                }
                None => {
                    assert!(had, "seed {seed}: a name that nothing had was taken away");
                    names.remove(&change.key);
                }
            }
        }
    }
    let listed = catalog.tables().await.unwrap();
    assert_eq!(listed.len(), names.len(), "seed {seed}");
    for table in listed {
        assert_eq!(catalog.table(&table.name).await.unwrap().id(), table.id, "seed {seed}");
    }
    let counts = world.counts.lock().unwrap();
    let committed = records.len() as u64 - 1;
    let possible = counts.committed..=counts.committed + counts.unknown;
    assert!(possible.contains(&committed), "seed {seed}: {committed} commits, {counts:?}");
}

#[test]
fn of_operations_that_contradict_each_other_exactly_one_wins() {
    let seeds = std::env::var("SPIRAL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let mut total = Counts::default();
    for seed in 0..seeds {
        let counts = run(seed);
        total.committed += counts.committed;
        total.refused += counts.refused;
        total.unknown += counts.unknown;
        total.conflicts += counts.conflicts;
        total.opened += counts.opened;
    }
    println!("{seeds} seeds: {total:?}");
    assert!(total.committed >= seeds * 3 && total.refused >= seeds && total.opened >= seeds, "{total:?}");
    assert!(total.conflicts > 0 && total.unknown > 0, "{total:?}");
}

#[test]
fn racing_creators_of_one_name_get_one_table() {
    for seed in 0..50 {
        let simulated = Simulated::new(seed);
        let store = FaultyStore::new(InMemory::new(), simulated.runtime(), FaultPlan::NONE, seed);
        store.set_plan(FaultPlan { get: delays(), put_if_absent: delays(), ..FaultPlan::NONE });
        let world = World { store, counts: Mutex::default() };
        let name: TableName = "t".parse().unwrap();
        let outcomes = simulated.block_on(join_all((0..6).map(|racer| {
            let catalog = world.catalog(simulated.actor(&racer.to_string()));
            let name = &name;
            async move { catalog.create_table(name, keys(), racer % 2 == 0).await }
        })));
        let (mut ids, mut refused) = (Vec::new(), 0);
        for outcome in outcomes.unwrap() {
            match outcome {
                Ok(table) => ids.push(table.id().to_owned()),
                Err(error) => {
                    assert_eq!(error.code(), Code::TableExists, "seed {seed}: {error:?}");
                    refused += 1;
                }
            }
        }
        assert!((2..=3).contains(&refused), "seed {seed}: {refused} refused");
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}: {ids:?}");
    }
}

fn delays() -> Faults {
    Faults { delay: 500, ..Faults::default() }
}
