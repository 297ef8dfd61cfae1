//! What the event loop asks of its host, on a host whose time moves only as a test says.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::StreamExt;

use super::tests::Adapter;
use super::*;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Longer than any turn of these tests.
const BUDGET: Duration = millis(1000);

/// The host's side: its time, and what it was asked for since it looked last.
#[derive(Clone, Default)]
struct FakeHost(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    now: Duration,
    asks: Vec<Turn>,
}

impl FakeHost {
    fn event_loop(&self) -> EventLoop {
        let (clock, entropy, asked) = (self.clone(), Mutex::new(SeededRandom::new(1)), self.clone());
        let host = Host {
            now_micros: Box::new(|| 0),
            monotonic: Box::new(move || clock.0.0.lock().unwrap().now),
            random_u64: Box::new(move || entropy.lock().unwrap().next_u64()),
        };
        EventLoop::new(host, move |turn| {
            asked.0.0.lock().unwrap().asks.push(turn);
            asked.0.1.notify_one();
        })
    }

    fn pass(&self, time: Duration) {
        self.0.0.lock().unwrap().now += time;
    }

    fn asks(&self) -> Vec<Turn> {
        std::mem::take(&mut self.0.0.lock().unwrap().asks)
    }

    /// Waits for the next ask as long as another thread may need for it.
    fn wait(&self) -> Option<Turn> {
        let (state, changed) = &*self.0;
        let waiting = |state: &mut State| state.asks.is_empty();
        let patience = Duration::from_secs(30);
        changed.wait_timeout_while(state.lock().unwrap(), patience, waiting).unwrap().0.asks.pop()
    }
}

/// The loop as one of the adapters whose promises are tested together. The future that is waited for is not one of its
/// tasks, as a promise of JavaScript is not.
pub(super) fn adapter() -> Adapter {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let runtime = event_loop.runtime();
    let block_on = move |mut future: BoxFuture<'_, ()>| {
        while (&mut future).now_or_never().is_none() {
            match host.asks().pop().expect("nothing can progress") {
                Turn::Soon => {}
                Turn::After(time) => host.pass(time),
            }
            event_loop.turn(BUDGET);
        }
    };
    ("event loop", runtime, Box::new(block_on))
}

#[test]
fn tasks_progress_only_in_turns() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let mut task = event_loop.runtime().spawn_task(async move {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!((host.asks(), polls.load(Ordering::Relaxed)), (vec![Turn::Soon], 0));
    event_loop.turn(BUDGET);
    assert!((&mut task).now_or_never().unwrap().is_ok());
    assert_eq!((host.asks(), polls.load(Ordering::Relaxed)), (vec![], 1));
}

#[test]
fn a_turn_ends_after_its_budget_and_asks_for_another() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let (polls, clock) = (Arc::new(AtomicUsize::new(0)), host.clone());
    let counted = Arc::clone(&polls);
    let _busy = event_loop.runtime().spawn_task(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            clock.pass(millis(2));
            yield_now().await;
        }
    });
    host.asks();
    for polled in [3, 6, 9] {
        event_loop.turn(millis(5));
        assert_eq!((host.asks(), polls.load(Ordering::Relaxed)), (vec![Turn::Soon], polled));
    }
}

#[test]
fn a_turn_polls_one_task_however_small_its_budget() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let mut task = event_loop.runtime().spawn_task(async { 1 });
    event_loop.turn(Duration::ZERO);
    assert!((&mut task).now_or_never().is_some());
}

#[test]
fn a_sleeping_task_asks_for_one_turn_at_its_deadline() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let runtime = event_loop.runtime();
    let mut task = runtime.spawn_task({
        let runtime = Arc::clone(&runtime);
        async move { runtime.sleep(millis(20)).await }
    });
    host.asks();
    event_loop.turn(BUDGET);
    assert_eq!(host.asks(), [Turn::After(millis(20))]);
    // A host may be early.
    host.pass(millis(15));
    event_loop.turn(BUDGET);
    assert_eq!(host.asks(), [Turn::After(millis(5))]);
    host.pass(millis(5));
    event_loop.turn(BUDGET);
    assert_eq!(host.asks(), []);
    assert!((&mut task).now_or_never().is_some());
}

#[test]
fn only_an_earlier_deadline_asks_again() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let runtime = event_loop.runtime();
    let asked_for = |time| {
        let mut sleep = runtime.sleep(time);
        assert!((&mut sleep).now_or_never().is_none());
        (sleep, host.asks())
    };
    let (_first, asks) = asked_for(millis(20));
    assert_eq!(asks, [Turn::After(millis(20))]);
    let (_later, asks) = asked_for(millis(30));
    assert_eq!(asks, []);
    let (_earlier, asks) = asked_for(millis(10));
    assert_eq!(asks, [Turn::After(millis(10))]);
}

#[test]
fn tasks_that_become_ready_replace_the_wait_for_a_deadline() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let runtime = event_loop.runtime();
    let mut sleep = runtime.sleep(millis(20));
    assert!((&mut sleep).now_or_never().is_none());
    host.asks();
    drop((runtime.spawn(async {}.boxed()), runtime.spawn(async {}.boxed())));
    assert_eq!(host.asks(), [Turn::Soon]);
    host.pass(millis(1));
    event_loop.turn(BUDGET);
    assert_eq!(host.asks(), [Turn::After(millis(19))]);
}

#[test]
fn a_busy_task_does_not_starve_timers() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let (runtime, clock) = (event_loop.runtime(), host.clone());
    let _busy = runtime.spawn_task(async move {
        loop {
            clock.pass(millis(1));
            yield_now().await;
        }
    });
    let mut sleep = pin!(runtime.sleep(millis(12)));
    for _turn in 0..4 {
        assert!(sleep.as_mut().now_or_never().is_none());
        event_loop.turn(millis(5));
    }
    assert!(sleep.now_or_never().is_some());
}

#[test]
fn who_has_nothing_to_do_asks_for_nothing() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    assert_eq!(host.asks(), []);
    let runtime = event_loop.runtime();
    let (sender, receiver) = oneshot::channel::<()>();
    let _waiting = runtime.spawn_task(receiver);
    drop(runtime.spawn_task(runtime.sleep(millis(3))));
    host.asks();
    event_loop.turn(BUDGET);
    event_loop.turn(BUDGET);
    assert_eq!(host.asks(), []);
    drop(sender);
    assert_eq!(host.asks(), [Turn::Soon]);
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    const MESSAGES: usize = 20_000;
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let (sender, receiver) = mpsc::unbounded();
    let (back, answers) = std::sync::mpsc::channel();
    let mut echo = event_loop.runtime().spawn_task(receiver.for_each(move |message| {
        back.send(message).unwrap();
        async {}
    }));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for message in 0..MESSAGES {
                sender.unbounded_send(message).unwrap();
                // The next one comes about when the turn ends.
                assert_eq!(answers.recv(), Ok(message));
            }
        });
        while (&mut echo).now_or_never().is_none() {
            assert_eq!(host.wait(), Some(Turn::Soon), "a wake was lost");
            event_loop.turn(BUDGET);
        }
    });
}

#[test]
fn dropping_the_loop_drops_its_tasks_and_ends_sleeps() {
    let host = FakeHost::default();
    let event_loop = host.event_loop();
    let runtime = event_loop.runtime();
    let witness = Arc::new(());
    let task = runtime.spawn_task({
        let (witness, runtime) = (Arc::clone(&witness), Arc::clone(&runtime));
        async move {
            runtime.sleep(Duration::from_secs(3600)).await;
            drop(witness);
        }
    });
    event_loop.turn(BUDGET);
    host.asks();
    drop(event_loop);
    assert_eq!(Arc::strong_count(&witness), 1);
    assert_eq!(task.now_or_never().unwrap().unwrap_err().code(), Code::Cancelled);
    // Nothing hangs on the stopped clock, nothing new starts, and the host hears of nothing.
    assert!(runtime.sleep(Duration::from_secs(3600)).now_or_never().is_some());
    assert!(runtime.spawn_task(async { 1 }).now_or_never().unwrap().is_err());
    assert_eq!(host.asks(), []);
}
