//! The commit protocol under a seeded scheduler and a store that fails in every way a store can.
//!
//! Three writers and two readers share a table. A writer's transaction writes three rows that nobody else writes, in
//! two operations; whoever sees one of them must see all. At the end the store heals and the log is audited: every
//! acknowledged transaction is in it exactly once, every refused one not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use futures::future::join_all;
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;

use super::{Caches, CreateOptions, Snapshot, Table, TableOptions};
use crate::error::{ErrorKind, Result};
use crate::key::KeySchema;
use crate::log::{LogRecord, PlantedFaults, TxnId};
use crate::runtime::{RuntimeRef, Simulated};
use crate::store::faulty::{FaultPlan, Faults, FaultyStore};
use crate::store::{Store, StorePolicy};

const WRITERS: i64 = 3;
const TRANSACTIONS: i64 = 6;

/// What became of a transaction, as its writer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Committed(u64),
    Refused,
    Unknown,
}

#[derive(Debug, Default)]
struct Counts {
    committed: u64,
    refused: u64,
    unknown: u64,
    snapshots: u64,
    faults: u64,
}

struct World {
    store: FaultyStore<InMemory>,
    told: Mutex<BTreeMap<u128, (i64, Told)>>,
    snapshots: Mutex<u64>,
    planted: PlantedFaults,
}

impl World {
    fn store(&self, runtime: RuntimeRef) -> Store {
        Store::with_policy(Arc::new(self.store.clone()), Path::from("t"), runtime, StorePolicy::default())
    }

    async fn open(&self, runtime: RuntimeRef) -> Result<Table> {
        let options = TableOptions { checkpoint_commits: 4, ..TableOptions::default() };
        let mut table = Table::open(self.store(runtime), options, Caches::default()).await?;
        if let Some(inner) = Arc::get_mut(&mut table.inner) {
            inner.log = inner.log.clone().with_faults(self.planted);
        }
        Ok(table)
    }
}

fn rows(keys: &[i64]) -> RecordBatch {
    let k: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    RecordBatch::try_from_iter([("k", Arc::clone(&k)), ("v", k)]).unwrap()
}

async fn writer(world: Arc<World>, runtime: RuntimeRef, number: i64) {
    let mut table = None;
    for transaction in 0..TRANSACTIONS {
        let base = (number * TRANSACTIONS + transaction) * 3;
        for _ in 0..20 {
            if table.is_none() {
                table = world.open(Arc::clone(&runtime)).await.ok();
            }
        }
        let Some(table) = &table else { return };
        let mut open = table.transaction();
        let id = open.id();
        let written = async {
            open.write(stream::iter([Ok(rows(&[base, base + 1]))]), Default::default()).await?;
            open.write(stream::iter([Ok(rows(&[base + 2]))]), Default::default()).await?;
            open.commit().await
        };
        let told = match written.await {
            Ok(commit) => Told::Committed(commit.version),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Told::Unknown,
            // A store that fails while a lost race is replayed leaves nothing behind.
            Err(_) => Told::Refused,
        };
        world.told.lock().unwrap().insert(id.0, (base, told));
    }
}

async fn keys_of(snapshot: &Snapshot) -> Result<BTreeSet<i64>> {
    let plan = snapshot.scan().plan().await?;
    let batches: Vec<RecordBatch> = plan.stream().try_collect().await?;
    Ok(batches.iter().flat_map(|batch| batch["k"].as_primitive::<Int64Type>().values().to_vec()).collect())
}

fn assert_whole(keys: &BTreeSet<i64>, seed: u64) {
    for key in keys {
        let base = key - key % 3;
        assert!((base..base + 3).all(|key| keys.contains(&key)), "seed {seed}: a transaction is half visible at {key}");
    }
}

async fn reader(world: Arc<World>, runtime: RuntimeRef, seed: u64) {
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        runtime.sleep(Duration::from_millis(runtime.random_u64() % 4000)).await;
        let Ok(table) = world.open(Arc::clone(&runtime)).await else { continue };
        let Ok(keys) = keys_of(&table.snapshot()).await else { continue };
        assert_whole(&keys, seed);
        assert!(seen.is_subset(&keys), "seed {seed}: rows disappeared");
        seen = keys;
        *world.snapshots.lock().unwrap() += 1;
    }
}

/// Runs one history; returns what happened and the hash of the schedule.
fn run(seed: u64, planted: PlantedFaults) -> (Counts, u64, Result<(), String>) {
    let simulated = Simulated::new(seed);
    let store = FaultyStore::new(InMemory::new(), simulated.runtime(), FaultPlan::NONE, seed);
    let world = Arc::new(World { store, told: Mutex::default(), snapshots: Mutex::default(), planted });
    let audit = simulated.block_on(async {
        let keys = KeySchema::try_new([("k", DataType::Int64)]).unwrap();
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        let first = world.store(simulated.runtime());
        Table::create(first, keys, create, TableOptions::default(), Caches::default()).await.unwrap();
        let chaos = Faults { short_body: 0, torn_body: 20, ..Faults::all(60) };
        world.store.set_plan(FaultPlan { get: chaos, put: chaos, put_if_absent: chaos, ..FaultPlan::all(40) });
        let writers = (0..WRITERS).map(|number| {
            let runtime = simulated.actor(&format!("writer {number}"));
            spawned(&runtime, writer(Arc::clone(&world), Arc::clone(&runtime), number))
        });
        let readers = (0..2).map(|number| {
            let runtime = simulated.actor(&format!("reader {number}"));
            spawned(&runtime, reader(Arc::clone(&world), Arc::clone(&runtime), seed))
        });
        join_all(writers.chain(readers).collect::<Vec<_>>()).await;
        world.store.set_plan(FaultPlan::NONE);
        // Late effects arrive before the audit.
        simulated.runtime().sleep(Duration::from_secs(60)).await;
        audit(&world, simulated.runtime(), seed).await
    });
    let mut counts = Counts { snapshots: *world.snapshots.lock().unwrap(), ..Counts::default() };
    for (_, told) in world.told.lock().unwrap().values() {
        match told {
            Told::Committed(_) => counts.committed += 1,
            Told::Refused => counts.refused += 1,
            Told::Unknown => counts.unknown += 1,
        }
    }
    let faults = world.store.counts();
    counts.faults = faults.failed_before + faults.failed_after + faults.effects_later + faults.duplicates;
    (counts, simulated.trace_hash(), audit.unwrap_or_else(|error| Err(error.to_string())))
}

/// Spawns an actor's work so that the simulator schedules it.
fn spawned(runtime: &RuntimeRef, work: impl Future<Output = ()> + Send + 'static) -> crate::runtime::Task<()> {
    use crate::runtime::RuntimeExt;
    runtime.spawn_task(work)
}

/// Checks the healed log against what the writers were told.
async fn audit(world: &World, runtime: RuntimeRef, seed: u64) -> Result<(), String> {
    let table = world.open(runtime).await.map_err(|error| format!("seed {seed}: {error}"))?;
    let records = table.log().tail(0, false).await.map_err(|error| format!("seed {seed}: {error}"))?;
    let mut versions: BTreeMap<u128, Vec<u64>> = BTreeMap::new();
    for record in &records {
        let Some(TxnId(txn)) = record.txn() else { return Err("an entry has no transaction".into()) };
        versions.entry(txn).or_default().push(LogRecord::version(record));
    }
    let keys = keys_of(&table.snapshot()).await.map_err(|error| format!("seed {seed}: {error}"))?;
    assert_whole(&keys, seed);
    for (txn, (base, told)) in world.told.lock().unwrap().iter() {
        let found = versions.get(txn).map_or(&[][..], Vec::as_slice);
        let wrong = match told {
            Told::Committed(version) => found != [*version] || !keys.contains(base),
            Told::Refused => !found.is_empty(),
            Told::Unknown => found.len() > 1,
        };
        if wrong {
            return Err(format!("seed {seed}: transaction {base} was told {told:?} and is at {found:?}"));
        }
    }
    Ok(())
}

fn seeds(default: u64) -> u64 {
    std::env::var("SPIRAL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

#[test]
fn no_acknowledged_commit_is_lost_and_none_is_half_visible() {
    let mut total = Counts::default();
    let seeds = seeds(300);
    for seed in 0..seeds {
        let (counts, _, audit) = run(seed, PlantedFaults::default());
        audit.unwrap();
        total.committed += counts.committed;
        total.refused += counts.refused;
        total.unknown += counts.unknown;
        total.snapshots += counts.snapshots;
        total.faults += counts.faults;
    }
    println!("{seeds} seeds: {total:?}");
    assert!(total.committed >= seeds * 5, "{total:?}");
    assert!(total.snapshots >= seeds * 3, "{total:?}");
    assert!(total.faults >= seeds * 10, "{total:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..5 {
        let (first, second) = (run(seed, PlantedFaults::default()), run(seed, PlantedFaults::default()));
        assert_eq!(first.1, second.1, "seed {seed}");
        assert_eq!(format!("{:?}", first.0), format!("{:?}", second.0));
    }
}

#[test]
fn planted_faults_are_caught() {
    let plants = [
        PlantedFaults { skip_own_id_check: true, ..PlantedFaults::default() },
        PlantedFaults { trust_unsettled_puts: true, ..PlantedFaults::default() },
    ];
    for planted in plants {
        // A reader that sees something impossible fails at once; the audit sees the rest.
        let fails =
            |seed: &u64| std::panic::catch_unwind(|| run(*seed, planted).2).map_or(true, |audit| audit.is_err());
        let caught = (0..seeds(300)).find(fails);
        assert!(caught.is_some(), "{planted:?} goes unnoticed");
        println!("{planted:?} was caught by seed {caught:?}");
    }
}
