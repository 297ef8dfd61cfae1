//! The adapter for hosts with an event loop of their own: JavaScript, a user interface, a mobile run loop.
//!
//! Such a host cannot wait for the engine, and whatever runs for long between two of its events makes it deaf. So the
//! engine runs in turns of some milliseconds, asks the host for each of them, and for none while it has nothing to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use async_executor::Executor;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::handle::Handle;
use super::timers::{Driver, Timers};
use super::{Host, Runtime, RuntimeRef};

/// When the host shall call [`EventLoop::turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// After the events that wait already.
    Soon,
    /// After this time, if nothing else is asked for meanwhile.
    After(Duration),
}

/// Runs spawned futures, CPU work and timers in the turns of a host's event loop, and nothing between them.
///
/// Dropping it drops every unfinished task. A future whose task was cancelled is dropped in the next turn.
pub struct EventLoop {
    handle: Arc<Handle>,
    turns: Arc<Turns>,
    /// Polls one task for each of its items. It owns the executor, and leaves a waker there when no task is ready.
    ticks: Mutex<BoxStream<'static, ()>>,
    _driver: Driver,
}

impl EventLoop {
    /// Creates a runtime on the given clock and source of randomness, for a host that `ask` asks for turns.
    ///
    /// An ask replaces the one before it, so the host keeps one timer at most. `ask` is called by whatever wakes a
    /// task, on its thread. It must not call [`EventLoop::turn`] itself.
    pub fn new(host: Host, ask: impl FnMut(Turn) + Send + 'static) -> Self {
        let executor = Arc::new(Executor::new());
        let timers = Arc::new(Timers::default());
        let handle = Arc::new(Handle { executor: Arc::downgrade(&executor), timers, host, parallelism: 1 });
        let state = Mutex::new(State { phase: Phase::Idle, ask: Box::new(ask) });
        let turns = Arc::new(Turns { handle: Arc::clone(&handle), state });
        let driver = handle.timers.drive(Waker::from(Arc::new(Deadlines(Arc::clone(&turns)))));
        let ticks = stream::unfold(executor, |executor| async move {
            executor.tick().await;
            Some(((), executor))
        });
        let event_loop = Self { handle, turns, ticks: Mutex::new(ticks.boxed()), _driver: driver };
        // It leaves the first waker with the executor.
        event_loop.turn(Duration::ZERO);
        event_loop
    }

    /// The contract to hand to the engine.
    pub fn runtime(&self) -> RuntimeRef {
        Arc::clone(&self.handle) as RuntimeRef
    }

    /// Fires what is due, polls ready tasks one after another until `budget` is spent, and asks for the turn that is
    /// needed next, if any. A turn that nobody asked for does no harm; one inside of another would wait for itself.
    pub fn turn(&self, budget: Duration) {
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.handle.monotonic();
        let until = now.saturating_add(budget);
        // What is due wakes tasks of this very turn.
        self.turns.enter(Phase::Asked);
        self.handle.timers.fire(now);
        self.turns.enter(Phase::Polling);
        let waker = Waker::from(Arc::clone(&self.turns));
        let mut context = Context::from_waker(&waker);
        let more = loop {
            let polled_one = ticks.poll_next_unpin(&mut context).is_ready();
            if !polled_one || self.handle.monotonic() >= until {
                break polled_one;
            }
        };
        self.turns.end(more);
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // Wakers may outlive the loop: nobody is asked for its turns any more.
        let ask = std::mem::replace(&mut self.turns.lock().ask, Box::new(|_| ()));
        drop(ask);
        // A future polled elsewhere must not sleep for ever on a clock that nobody drives any more.
        self.handle.timers.close();
    }
}

/// Where the loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is asked for.
    Idle,
    /// A turn at this deadline is asked for.
    Sleeping(Duration),
    /// A turn is asked for, or has just begun: it will see whatever happens now.
    Asked,
    /// A turn polls tasks, and looks at deadlines when it is done.
    Polling,
    /// As before, and it may have missed a task that became ready.
    Woken,
}

/// Asks the host for turns, one at a time.
struct Turns {
    handle: Arc<Handle>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Called under the lock, or else an ask of another thread could overtake the one that replaces it.
    ask: Box<dyn FnMut(Turn) + Send>,
}

impl State {
    fn ask_soon(&mut self) {
        self.phase = Phase::Asked;
        (self.ask)(Turn::Soon);
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// Ends a turn that leaves ready tasks behind or not.
    fn end(&self, more: bool) {
        let mut state = self.lock();
        if more || state.phase == Phase::Woken {
            state.ask_soon();
        } else {
            state.phase = Phase::Idle;
            drop(state);
            self.schedule();
        }
    }

    /// Asks for a turn at the earliest deadline, unless one comes before that anyway.
    fn schedule(&self) {
        let now = self.handle.monotonic();
        let mut state = self.lock();
        let next = match state.phase {
            Phase::Idle => Duration::MAX,
            Phase::Sleeping(deadline) => deadline,
            Phase::Asked | Phase::Polling | Phase::Woken => return,
        };
        if let Some(earlier) = self.handle.timers.next_deadline().filter(|deadline| *deadline < next) {
            state.phase = Phase::Sleeping(earlier);
            (state.ask)(Turn::After(earlier.saturating_sub(now)));
        }
    }
}

/// Called when a task becomes ready.
impl Wake for Turns {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        match state.phase {
            Phase::Idle | Phase::Sleeping(_) => state.ask_soon(),
            Phase::Polling => state.phase = Phase::Woken,
            Phase::Asked | Phase::Woken => {}
        }
    }
}

/// Called when an earlier deadline appears.
struct Deadlines(Arc<Turns>);

impl Wake for Deadlines {
    fn wake(self: Arc<Self>) {
        self.0.schedule();
    }
}
