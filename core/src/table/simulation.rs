//! The commit protocol under a seeded scheduler and a store that fails in every way a store can.
//!
//! Three writers and two readers share a table; writers crash, their clocks disagree, and small writes are folded all the
//! time. A writer's transaction writes three rows that nobody else writes, in two operations, and overwrites a row of
//! its own. Whoever sees one of the three must see all; a reader sees everything that was acknowledged before it began;
//! a filter finds current cells only. At the end the store heals and the log is audited: every acknowledged transaction
//! is in it exactly once, every refused one not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use futures::future::{Either, join, join_all, select};
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;

use super::{Caches, CreateOptions, Snapshot, Table, TableOptions};
use crate::error::{Code, ErrorKind, Result};
use crate::expr::parse;
use crate::key::KeySchema;
use crate::log::{AppendCounts, Log, LogRecord, PlantedFaults, TxnId};
use crate::runtime::{RuntimeRef, Simulated};
use crate::scan::Scan;
use crate::store::faulty::{FaultPlan, Faults, FaultyStore};
use crate::store::{Store, StorePolicy};

const WRITERS: i64 = 3;
const TRANSACTIONS: i64 = 6;

/// Keys from here on are overwritten by every transaction of a writer.
const COUNTERS: i64 = 1_000_000;

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
    races_lost: u64,
    ambiguous_puts: u64,
    crashes: u64,
    folds: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.snapshots += other.snapshots;
        self.faults += other.faults;
        self.races_lost += other.races_lost;
        self.ambiguous_puts += other.ambiguous_puts;
        self.crashes += other.crashes;
        self.folds += other.folds;
    }
}

struct World {
    store: FaultyStore<InMemory>,
    told: Mutex<BTreeMap<u128, (i64, Told)>>,
    /// The next transaction of each writer, whichever incarnation comes to it.
    next: Mutex<BTreeMap<i64, i64>>,
    snapshots: Mutex<u64>,
    planted: PlantedFaults,
    counts: Arc<AppendCounts>,
}

impl World {
    fn store(&self, runtime: RuntimeRef) -> Store {
        Store::with_policy(Arc::new(self.store.clone()), Path::from("t"), runtime, StorePolicy::default())
    }

    async fn open(&self, runtime: RuntimeRef) -> Result<Table> {
        let options = TableOptions { checkpoint_commits: 4, fold_operations: 4, ..TableOptions::default() };
        let store = self.store(runtime);
        let log = Log::new(store.clone()).with_faults(self.planted, Arc::clone(&self.counts));
        Table::open_log(log, store, options, Caches::default()).await
    }
}

fn rows(rows: &[(i64, i64)]) -> RecordBatch {
    let k: ArrayRef = Arc::new(rows.iter().map(|(key, _)| *key).collect::<Int64Array>());
    let v: ArrayRef = Arc::new(rows.iter().map(|(_, value)| *value).collect::<Int64Array>());
    RecordBatch::try_from_iter([("k", k), ("v", v)]).unwrap()
}

async fn writer(world: Arc<World>, runtime: RuntimeRef, number: i64) {
    let mut table = None;
    loop {
        let transaction = {
            let mut next = world.next.lock().unwrap();
            let next = next.entry(number).or_default();
            *next += 1;
            *next - 1
        };
        if transaction >= TRANSACTIONS {
            return;
        }
        let base = (number * TRANSACTIONS + transaction) * 3;
        for _ in 0..20 {
            if table.is_none() {
                table = world.open(Arc::clone(&runtime)).await.ok();
            }
        }
        let Some(table) = &table else { return };
        let mut open = table.transaction();
        let id = open.id();
        // A crash leaves it at that.
        world.told.lock().unwrap().insert(id.0, (base, Told::Unknown));
        let written = async {
            open.write(stream::iter([Ok(rows(&[(base, base), (base + 1, base)]))]), Default::default()).await?;
            let counter = (COUNTERS + number, transaction);
            open.write(stream::iter([Ok(rows(&[(base + 2, base), counter]))]), Default::default()).await?;
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

/// Lets a writer work until it is done, and crashes it now and then.
async fn supervise(simulated: &Simulated, world: &Arc<World>, number: i64, crashes: &Mutex<u64>) {
    let name = format!("writer {number}");
    let host = simulated.runtime();
    let skew = i64::try_from(host.random_u64() % 240_000_000).unwrap() - 120_000_000;
    simulated.set_clock_skew(&name, skew);
    loop {
        let runtime = simulated.actor(&name);
        let work = spawned(&runtime, writer(Arc::clone(world), Arc::clone(&runtime), number));
        let patience = host.sleep(Duration::from_millis(200 + host.random_u64() % 12_000));
        match select(work, patience).await {
            Either::Left(_) => return,
            Either::Right((_, _work)) => {
                simulated.crash(&name);
                *crashes.lock().unwrap() += 1;
            }
        }
    }
}

async fn cells_of(scan: Scan) -> Result<BTreeMap<i64, i64>> {
    let batches: Vec<RecordBatch> = scan.plan().await?.stream().try_collect().await?;
    let column = |batch: &RecordBatch, name: &str| batch[name].as_primitive::<Int64Type>().values().to_vec();
    Ok(batches.iter().flat_map(|batch| column(batch, "k").into_iter().zip(column(batch, "v"))).collect())
}

async fn keys_of(snapshot: &Snapshot) -> Result<BTreeSet<i64>> {
    Ok(cells_of(snapshot.scan()).await?.into_keys().filter(|key| *key < COUNTERS).collect())
}

/// A filter on the cells that change all the time finds what a look at all cells finds.
async fn check_filter(snapshot: &Snapshot, value: i64, seed: u64) -> Result<()> {
    let mut all = cells_of(snapshot.scan()).await?;
    all.retain(|key, cell| *key >= COUNTERS && *cell == value);
    let filter = parse(&format!("k >= {COUNTERS} and v = {value}"))?;
    let found = cells_of(snapshot.scan().with_filter(filter)).await?;
    assert_eq!(found, all, "seed {seed}: a filter was decided on a stale cell");
    Ok(())
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
        let acknowledged: Vec<i64> = {
            let told = world.told.lock().unwrap();
            told.values().filter(|(_, told)| matches!(told, Told::Committed(_))).map(|(base, _)| *base).collect()
        };
        let Ok(table) = world.open(Arc::clone(&runtime)).await else { continue };
        let snapshot = table.snapshot();
        let Ok(keys) = keys_of(&snapshot).await else { continue };
        assert_whole(&keys, seed);
        assert!(seen.is_subset(&keys), "seed {seed}: rows disappeared");
        assert!(acknowledged.iter().all(|base| keys.contains(base)), "seed {seed}: acknowledged rows are missing");
        let value = i64::try_from(runtime.random_u64()).unwrap_or(0).rem_euclid(TRANSACTIONS);
        if check_filter(&snapshot, value, seed).await.is_err() {
            continue;
        }
        seen = keys;
        *world.snapshots.lock().unwrap() += 1;
    }
}

/// Runs one history; returns what happened and the hash of the schedule.
fn run(seed: u64, planted: PlantedFaults) -> (Counts, u64, Result<(), String>) {
    let simulated = Simulated::new(seed);
    let store = FaultyStore::new(InMemory::new(), simulated.runtime(), FaultPlan::NONE, seed);
    let world = Arc::new(World {
        store,
        told: Mutex::default(),
        next: Mutex::default(),
        snapshots: Mutex::default(),
        planted,
        counts: Arc::default(),
    });
    let crashes = Mutex::new(0);
    let audit = simulated.block_on(async {
        let keys = KeySchema::try_new([("k", DataType::Int64)]).unwrap();
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        let first = world.store(simulated.runtime());
        Table::create(first, keys, create, TableOptions::default(), Caches::default()).await.unwrap();
        let chaos = Faults { short_body: 0, torn_body: 20, ..Faults::all(60) };
        world.store.set_plan(FaultPlan { get: chaos, put: chaos, put_if_absent: chaos, ..FaultPlan::all(40) });
        let writers = join_all((0..WRITERS).map(|number| supervise(&simulated, &world, number, &crashes)));
        let readers = (0..2).map(|number| {
            let runtime = simulated.actor(&format!("reader {number}"));
            spawned(&runtime, reader(Arc::clone(&world), Arc::clone(&runtime), seed))
        });
        let readers = join_all(readers.collect::<Vec<_>>());
        let (_, readers) = join(writers, readers).await;
        if readers.iter().any(std::result::Result::is_err) {
            return Err(format!("seed {seed}: a reader saw what cannot be"));
        }
        world.store.set_plan(FaultPlan::NONE);
        // Late effects arrive before the audit.
        simulated.runtime().sleep(Duration::from_secs(60)).await;
        audit(&world, simulated.runtime(), seed).await
    });
    let (audit, folds) = match audit {
        Ok(Ok(folds)) => (Ok(()), folds),
        Ok(Err(found)) => (Err(found), 0),
        Err(error) => (Err(error.to_string()), 0),
    };
    let mut counts = Counts {
        snapshots: *world.snapshots.lock().unwrap(),
        races_lost: world.counts.lost.load(Ordering::Relaxed),
        ambiguous_puts: world.counts.unsettled.load(Ordering::Relaxed),
        crashes: *crashes.lock().unwrap(),
        folds,
        ..Counts::default()
    };
    for (_, told) in world.told.lock().unwrap().values() {
        match told {
            Told::Committed(_) => counts.committed += 1,
            Told::Refused => counts.refused += 1,
            Told::Unknown => counts.unknown += 1,
        }
    }
    let faults = world.store.counts();
    counts.faults = faults.failed_before + faults.failed_after + faults.effects_later + faults.duplicates;
    (counts, simulated.trace_hash(), audit)
}

/// Spawns an actor's work so that the simulator schedules it.
fn spawned(runtime: &RuntimeRef, work: impl Future<Output = ()> + Send + 'static) -> crate::runtime::Task<()> {
    use crate::runtime::RuntimeExt;
    runtime.spawn_task(work)
}

/// Checks the healed log against what the writers were told. Returns the number of folds in it.
async fn audit(world: &World, runtime: RuntimeRef, seed: u64) -> Result<u64, String> {
    let table = world.open(runtime).await.map_err(|error| format!("seed {seed}: {error}"))?;
    let records = table.log().tail(0).await.map_err(|error| format!("seed {seed}: {error}"))?;
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
    let history = table.history(1000).await.map_err(|error| format!("seed {seed}: {error}"))?;
    Ok(history.iter().filter(|entry| entry.summary.operations == ["fold"]).count() as u64)
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
        total.add(&counts);
    }
    println!("{seeds} seeds: {total:?}");
    assert!(total.committed >= seeds * 5, "{total:?}");
    assert!(total.snapshots >= seeds * 3, "{total:?}");
    assert!(total.faults >= seeds * 10, "{total:?}");
    for met in [total.races_lost, total.ambiguous_puts, total.crashes, total.folds] {
        assert!(met >= seeds, "{total:?}");
    }
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
fn a_clock_that_is_years_ahead_is_refused() {
    // Virtual time is behind that of the memory store, which is real.
    let simulated = Simulated::new(1);
    simulated.set_clock_skew("ahead", 20 * 365 * 86_400 * 1_000_000);
    let objects = Arc::new(InMemory::new());
    let store = |runtime| Store::new(Arc::clone(&objects) as _, Path::from("t"), runtime);
    let written = simulated.block_on(async {
        let keys = KeySchema::try_new([("k", DataType::Int64)]).unwrap();
        let create = CreateOptions { store_is_proven: true, ..CreateOptions::default() };
        let caches = Caches::default();
        let ahead = store(simulated.actor("ahead"));
        let refused =
            Table::create(ahead.clone(), keys.clone(), create.clone(), TableOptions::default(), caches.clone()).await;
        assert_eq!(refused.err().unwrap().code(), Code::ClockAhead);
        let right = store(simulated.runtime());
        let table = Table::create(right, keys, create, TableOptions::default(), caches.clone()).await.unwrap();
        let ahead = Table::open(ahead, TableOptions::default(), caches).await.unwrap();
        let refused = ahead.write_batch(rows(&[(1, 1)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::ClockAhead);
        table.write_batch(rows(&[(1, 1)])).await.unwrap().version
    });
    assert_eq!(written.unwrap(), 2);
}

#[test]
fn planted_faults_are_caught() {
    let none = PlantedFaults::default();
    let plants = [
        PlantedFaults { skip_own_id_check: true, ..none },
        PlantedFaults { trust_unsettled_puts: true, ..none },
        PlantedFaults { retry_at_next_version: true, ..none },
        PlantedFaults { trust_hint: true, ..none },
        PlantedFaults { filter_stale_cells: true, ..none },
        PlantedFaults { split_folds: true, ..none },
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
