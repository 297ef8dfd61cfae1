//! What every adapter promises, run on each of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// An adapter under test: its handle, and a way to wait for a future on it.
pub(super) type Adapter = (&'static str, RuntimeRef, Box<dyn Fn(BoxFuture<'_, ()>)>);

fn adapters() -> Vec<Adapter> {
    let current = CurrentThread::new();
    let simulated = Simulated::new(42);
    let mut adapters: Vec<Adapter> = vec![
        ("current thread", current.runtime(), Box::new(move |future| current.block_on(future))),
        ("simulated", simulated.runtime(), Box::new(move |future| simulated.block_on(future).unwrap())),
        event_loop_tests::adapter(),
    ];
    adapters.extend(platform::threaded_adapter());
    adapters
}

/// Reports that it was dropped.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a condition instead of assuming how fast a thread is.
async fn eventually(runtime: &dyn Runtime, condition: impl Fn() -> bool) -> bool {
    for _ in 0..1000 {
        if condition() {
            return true;
        }
        runtime.sleep(Duration::from_millis(2)).await;
    }
    false
}

#[test]
fn dropping_a_task_cancels_it() {
    for (name, runtime, block_on) in adapters() {
        block_on(Box::pin(async {
            let (started, dropped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let task = runtime.spawn_task({
                let (started, witness) = (Arc::clone(&started), Witness(Arc::clone(&dropped)));
                async move {
                    let _witness = witness;
                    started.store(true, Ordering::SeqCst);
                    futures::future::pending::<()>().await;
                }
            });
            assert!(eventually(&*runtime, || started.load(Ordering::SeqCst)).await, "{name}: never started");
            assert!(!dropped.load(Ordering::SeqCst), "{name}: dropped too early");
            drop(task);
            assert!(eventually(&*runtime, || dropped.load(Ordering::SeqCst)).await, "{name}: not cancelled");
        }));
    }
}

#[test]
fn dropping_an_abort_detaches_the_work() {
    for (name, runtime, block_on) in adapters() {
        block_on(Box::pin(async {
            let done = Arc::new(AtomicBool::new(false));
            let inside = (Arc::clone(&done), Arc::clone(&runtime));
            drop(runtime.spawn(Box::pin(async move {
                inside.1.sleep(Duration::from_millis(1)).await;
                inside.0.store(true, Ordering::SeqCst);
            })));
            assert!(eventually(&*runtime, || done.load(Ordering::SeqCst)).await, "{name}");
        }));
    }
}

#[test]
fn cpu_work_of_a_dropped_task_never_starts() {
    for (name, runtime, block_on) in adapters() {
        if name == "thread pool" {
            // There it may have started already.
            continue;
        }
        block_on(Box::pin(async {
            let ran = Arc::new(AtomicUsize::new(0));
            let counting = |ran: &Arc<AtomicUsize>| {
                let ran = Arc::clone(ran);
                move || ran.fetch_add(1, Ordering::SeqCst)
            };
            drop(runtime.spawn_work(counting(&ran)));
            runtime.spawn_work(counting(&ran)).await.unwrap();
            runtime.sleep(Duration::from_millis(1)).await;
            assert_eq!(ran.load(Ordering::SeqCst), 1, "{name}");
        }));
    }
}

#[test]
fn timeout_cancels_what_it_waited_for() {
    for (name, runtime, block_on) in adapters() {
        block_on(Box::pin(async {
            let dropped = Arc::new(AtomicBool::new(false));
            let witness = Witness(Arc::clone(&dropped));
            let slow = async move {
                let _witness = witness;
                futures::future::pending::<()>().await;
            };
            assert_eq!(timeout(&*runtime, Duration::from_millis(2), slow).await, Err(Elapsed), "{name}");
            assert!(dropped.load(Ordering::SeqCst), "{name}");
            assert_eq!(timeout(&*runtime, Duration::from_secs(60), async { 1 }).await, Ok(1), "{name}");
        }));
    }
}

#[test]
fn random_numbers_differ() {
    for (name, runtime, _) in adapters() {
        let drawn: std::collections::HashSet<_> = (0..1000).map(|_| runtime.random_u64()).collect();
        assert_eq!(drawn.len(), 1000, "{name}");
    }
}

#[test]
fn monotonic_time_never_goes_back() {
    for (name, runtime, block_on) in adapters() {
        let before = runtime.monotonic();
        block_on(runtime.sleep(Duration::from_millis(3)));
        assert!(runtime.monotonic() >= before + Duration::from_millis(3), "{name}");
    }
}
