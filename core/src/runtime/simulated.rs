//! A scheduler that a seed determines: the same seed gives the same run, so a failure is replayed by its number.
//!
//! One thread polls one ready task at a time, chosen by the seed. Time is virtual and moves only when nothing is
//! ready, so an hour of back-off takes no time, and a run never depends on the speed of the machine. Tasks belong to
//! *actors*, which can be crashed: all their tasks are dropped where they stand, as if the process had died.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::random::SeededRandom;
use super::timers::Timers;
use super::{Abort, Runtime, RuntimeRef};
use crate::error::{Code, Error, Result};

type TaskId = u64;

/// One incarnation of an actor: a crash ends it, and the next of the same name is a new one.
type ActorId = u64;

/// The future that [`Simulated::block_on`] waits for takes part in the schedule under this number.
const MAIN: TaskId = 0;

/// Virtual time starts at 2025-01-01T00:00:00Z.
const START_MICROS: i64 = 1_735_689_600_000_000;

/// How many pieces of CPU work the simulated machine claims to run at once, so that parallel code paths are taken.
const PARALLELISM: usize = 4;

/// The simulator. Its own handle, [`Simulated::runtime`], belongs to an actor of no name that never crashes.
pub struct Simulated {
    world: Arc<World>,
}

struct World {
    state: Mutex<State>,
    timers: Arc<Timers>,
}

struct State {
    schedule: SeededRandom,
    entropy: SeededRandom,
    /// Ready tasks in the order they became so, which is what makes the choice among them reproducible.
    ready: Vec<TaskId>,
    queued: BTreeSet<TaskId>,
    tasks: BTreeMap<TaskId, Entry>,
    next_task: TaskId,
    actors: HashMap<String, ActorId>,
    dead: BTreeSet<ActorId>,
    next_actor: ActorId,
    skew_micros: HashMap<ActorId, i64>,
    elapsed: Duration,
    trace: u64,
    steps: u64,
}

struct Entry {
    actor: ActorId,
    /// Absent while the task is being polled.
    future: Option<BoxFuture<'static, ()>>,
}

impl Simulated {
    /// A world whose schedule and random numbers follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let mut seeds = SeededRandom::new(seed);
        let state = State {
            schedule: SeededRandom::new(seeds.next_u64()),
            entropy: SeededRandom::new(seeds.next_u64()),
            ready: Vec::new(),
            queued: BTreeSet::new(),
            tasks: BTreeMap::new(),
            next_task: MAIN + 1,
            actors: HashMap::new(),
            dead: BTreeSet::new(),
            next_actor: 1,
            skew_micros: HashMap::new(),
            elapsed: Duration::ZERO,
            trace: seed,
            steps: 0,
        };
        Self { world: Arc::new(World { state: Mutex::new(state), timers: Arc::default() }) }
    }

    /// The handle of the nameless actor.
    pub fn runtime(&self) -> RuntimeRef {
        self.world.handle(0)
    }

    /// The handle of the actor `name`. After [`Simulated::crash`] the same name gives a new incarnation.
    pub fn actor(&self, name: &str) -> RuntimeRef {
        let mut state = self.world.lock();
        let id = match state.actors.get(name) {
            Some(id) => *id,
            None => {
                let id = state.next_actor;
                state.next_actor += 1;
                state.actors.insert(name.to_owned(), id);
                id
            }
        };
        drop(state);
        self.world.handle(id)
    }

    /// Shifts the wall clock that the actor `name` sees by `micros`.
    pub fn set_clock_skew(&self, name: &str, micros: i64) {
        self.actor(name);
        let mut state = self.world.lock();
        if let Some(id) = state.actors.get(name).copied() {
            state.skew_micros.insert(id, micros);
        }
    }

    /// Ends the actor `name`: drops all its tasks and whatever its old handles spawn from now on. Returns how many
    /// tasks died. The task that calls it may be one of them; it dies at its next suspension.
    pub fn crash(&self, name: &str) -> usize {
        let killed = {
            let mut state = self.world.lock();
            let Some(actor) = state.actors.remove(name) else { return 0 };
            state.dead.insert(actor);
            state.take_tasks_of(actor)
        };
        killed.len()
    }

    /// Runs everything until `future` is done.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] when nothing is ready and nothing sleeps: the simulated system is deadlocked.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        let mut future = pin!(future);
        let waker = self.world.waker(MAIN);
        waker.wake_by_ref();
        loop {
            match self.world.next_ready() {
                Some(MAIN) => {
                    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return Ok(output);
                    }
                }
                Some(task) => self.world.step(task),
                None if self.world.advance() => {}
                None => return Err(Error::new(Code::Internal, "the simulation is deadlocked: nothing can progress")),
            }
        }
    }

    /// Runs everything that is ready without moving time.
    pub fn run_until_stalled(&self) {
        while let Some(task) = self.world.next_ready() {
            self.world.step(task);
        }
    }

    /// Lets `duration` of virtual time pass, running what falls due.
    pub fn advance(&self, duration: Duration) {
        // A sleep always ends, so this is never a deadlock.
        let _ = self.block_on(self.runtime().sleep(duration));
    }

    /// A fingerprint of every scheduling decision, random number and step of time so far. Equal for two runs of one
    /// seed, or the code under test depends on something outside of the simulation.
    pub fn trace_hash(&self) -> u64 {
        self.world.lock().trace
    }

    /// How many polls happened so far.
    pub fn steps(&self) -> u64 {
        self.world.lock().steps
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        // Tasks hold handles, which hold the world: without this a stalled task would keep itself alive.
        let tasks = std::mem::take(&mut self.world.lock().tasks);
        drop(tasks);
        self.world.timers.close();
    }
}

impl State {
    fn record(&mut self, event: u64, value: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&event.to_le_bytes());
        bytes[8..].copy_from_slice(&value.to_le_bytes());
        self.trace = xxh3_64_with_seed(&bytes, self.trace);
    }

    /// The caller drops what is returned after releasing the lock: destructors may spawn, wake or abort.
    fn take_tasks_of(&mut self, actor: ActorId) -> Vec<Entry> {
        let ids: Vec<_> = self.tasks.iter().filter(|(_, entry)| entry.actor == actor).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.tasks.remove(&id)).collect()
    }
}

/// Kinds of events in the trace.
const EVENT_POLL: u64 = 1;
const EVENT_TIME: u64 = 2;
const EVENT_RANDOM: u64 = 3;

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(self: &Arc<Self>, actor: ActorId) -> RuntimeRef {
        Arc::new(Actor { world: Arc::clone(self), actor })
    }

    fn waker(self: &Arc<Self>, task: TaskId) -> Waker {
        Waker::from(Arc::new(TaskWaker { world: Arc::downgrade(self), task }))
    }

    fn next_ready(&self) -> Option<TaskId> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.ready.is_empty() {
            return None;
        }
        let choice = state.schedule.below(state.ready.len() as u64);
        let task = state.ready.remove(usize::try_from(choice).unwrap_or(0));
        state.queued.remove(&task);
        state.steps += 1;
        state.record(EVENT_POLL, task);
        Some(task)
    }

    fn step(self: &Arc<Self>, task: TaskId) {
        let Some(mut future) = self.lock().tasks.get_mut(&task).and_then(|entry| entry.future.take()) else {
            return;
        };
        let waker = self.waker(task);
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = self.lock();
        if done {
            state.tasks.remove(&task);
        } else if let Some(entry) = state.tasks.get_mut(&task) {
            entry.future = Some(future);
            return;
        }
        // The task is done, or was aborted while it ran.
        drop(state);
        drop(future);
    }

    /// Moves time to the earliest deadline; `false` if there is none.
    fn advance(&self) -> bool {
        let Some(deadline) = self.timers.next_deadline() else { return false };
        let now = {
            let mut state = self.lock();
            state.elapsed = state.elapsed.max(deadline);
            let now = state.elapsed;
            state.record(EVENT_TIME, u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
            now
        };
        self.timers.fire(now);
        true
    }
}

struct TaskWaker {
    world: Weak<World>,
    task: TaskId,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(world) = self.world.upgrade() {
            let mut state = world.lock();
            if (self.task == MAIN || state.tasks.contains_key(&self.task)) && state.queued.insert(self.task) {
                state.ready.push(self.task);
            }
        }
    }
}

/// One actor's view of the world.
struct Actor {
    world: Arc<World>,
    actor: ActorId,
}

impl Runtime for Actor {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Abort {
        let task = {
            let mut state = self.world.lock();
            if state.dead.contains(&self.actor) {
                drop(state);
                return Abort::completed();
            }
            let task = state.next_task;
            state.next_task += 1;
            state.tasks.insert(task, Entry { actor: self.actor, future: Some(future) });
            state.queued.insert(task);
            state.ready.push(task);
            task
        };
        let world = Arc::downgrade(&self.world);
        Abort::new(move || {
            if let Some(world) = Weak::upgrade(&world) {
                let entry = world.lock().tasks.remove(&task);
                drop(entry);
            }
        })
    }

    fn spawn_cpu(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Abort {
        self.spawn(async move { work() }.boxed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.world.timers.sleep_until(self.monotonic().saturating_add(duration)).boxed()
    }

    fn now_micros(&self) -> i64 {
        let state = self.world.lock();
        let elapsed = i64::try_from(state.elapsed.as_micros()).unwrap_or(i64::MAX);
        let skew = state.skew_micros.get(&self.actor).copied().unwrap_or(0);
        START_MICROS.saturating_add(elapsed).saturating_add(skew)
    }

    fn monotonic(&self) -> Duration {
        self.world.lock().elapsed
    }

    fn random_u64(&self) -> u64 {
        let mut state = self.world.lock();
        let value = state.entropy.next_u64();
        state.record(EVENT_RANDOM, value);
        value
    }

    fn parallelism(&self) -> usize {
        PARALLELISM
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use futures::{SinkExt, StreamExt};

    use super::*;
    use crate::runtime::{RuntimeExt, yield_now};

    /// Actors that talk, sleep and draw random numbers; returns what they said, in order.
    fn conversation(sim: &Simulated) -> Vec<(u64, u64)> {
        let runtime = sim.runtime();
        let (sender, receiver) = mpsc::unbounded();
        for speaker in 0..8 {
            let (mut sender, own) = (sender.clone(), Arc::clone(&runtime));
            drop(runtime.spawn(Box::pin(async move {
                for _ in 0..20 {
                    match own.random_u64() % 3 {
                        0 => yield_now().await,
                        1 => own.sleep(Duration::from_millis(own.random_u64() % 100)).await,
                        _ => sender.send((speaker, own.random_u64())).await.unwrap(),
                    }
                }
            })));
        }
        drop(sender);
        sim.block_on(receiver.collect()).unwrap()
    }

    #[test]
    fn same_seed_same_trace() {
        let runs: Vec<_> = [11, 11, 12]
            .map(|seed| {
                let sim = Simulated::new(seed);
                let said = conversation(&sim);
                (said, sim.trace_hash(), sim.steps())
            })
            .into();
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0].1, runs[2].1);
        assert_ne!(runs[0].0, runs[2].0);
    }

    #[test]
    fn the_seed_decides_the_order_of_ready_tasks() {
        let orders: BTreeSet<Vec<u32>> = (0..20)
            .map(|seed| {
                let sim = Simulated::new(seed);
                let order = Arc::new(Mutex::new(Vec::new()));
                for task in 0..3 {
                    let order = Arc::clone(&order);
                    drop(sim.runtime().spawn(Box::pin(async move { order.lock().unwrap().push(task) })));
                }
                sim.run_until_stalled();
                Arc::try_unwrap(order).unwrap().into_inner().unwrap()
            })
            .collect();
        assert!(orders.len() >= 5, "{orders:?}");
    }

    #[test]
    fn time_moves_only_when_nothing_is_ready() {
        let sim = Simulated::new(1);
        let runtime = sim.runtime();
        let start = runtime.now_micros();
        sim.block_on(async {
            yield_now().await;
            assert_eq!(runtime.now_micros(), start);
            runtime.sleep(Duration::from_secs(3600)).await;
        })
        .unwrap();
        assert_eq!(runtime.now_micros(), start + 3_600_000_000);
        sim.set_clock_skew("late", -5);
        assert_eq!(sim.actor("late").now_micros(), runtime.now_micros() - 5);
        assert_eq!(sim.actor("late").monotonic(), runtime.monotonic());
    }

    #[test]
    fn a_crash_drops_exactly_the_tasks_of_its_actor() {
        let sim = Simulated::new(3);
        let (victim, witness) = (sim.actor("victim"), sim.actor("witness"));
        let doomed = victim.spawn_task({
            let victim = Arc::clone(&victim);
            async move {
                // A child belongs to the same actor.
                victim.spawn_task(victim.sleep(Duration::from_secs(9))).await.unwrap();
            }
        });
        let spared = witness.spawn_task(witness.sleep(Duration::from_secs(9)));
        sim.run_until_stalled();
        assert_eq!(sim.crash("victim"), 2);
        assert!(sim.block_on(doomed).unwrap().is_err());
        assert!(sim.block_on(spared).unwrap().is_ok());
        assert!(sim.block_on(victim.spawn_task(async {})).unwrap().is_err(), "a dead actor spawned");
        assert!(sim.block_on(sim.actor("victim").spawn_task(async {})).unwrap().is_ok());
    }

    #[test]
    fn deadlock_is_an_error_and_not_a_hang() {
        let sim = Simulated::new(5);
        let error = sim.block_on(futures::future::pending::<()>()).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
    }
}
