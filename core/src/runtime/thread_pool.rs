//! Worker threads for native programs that have no executor of their own.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread::{self, JoinHandle};

use async_executor::Executor;
use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};

use super::super::handle::Handle;
use super::super::timers::Timers;
use super::super::{Host, RuntimeRef};
use super::native::{Parker, park_on};
use crate::error::{Code, Error, Result};

/// Runs spawned futures and CPU work on its own threads, and one more thread for timers.
///
/// CPU work shares the workers with futures, in pieces of some milliseconds, so that a pool of `n` threads keeps `n`
/// cores busy and no more. Dropping the pool stops the threads after their present poll and drops every unfinished
/// task.
pub struct ThreadPool {
    handle: Arc<Handle>,
    /// Dropped last of all owners, unless a worker still ends its poll.
    executor: Arc<Executor<'static>>,
    threads: Vec<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
    timer_stop: Arc<AtomicBool>,
    timer_waker: Waker,
}

impl ThreadPool {
    /// Starts `threads` workers, at least one.
    ///
    /// # Errors
    ///
    /// [`Code::LimitExceeded`] when the system refuses a thread.
    pub fn new(threads: usize) -> Result<Self> {
        let workers = threads.max(1);
        let executor = Arc::new(Executor::new());
        let timers = Arc::new(Timers::default());
        let handle = Arc::new(Handle {
            executor: Arc::downgrade(&executor),
            timers,
            host: Host::native(),
            parallelism: workers,
        });
        let parker = Arc::new(Parker::default());
        let (stop, stopped) = oneshot::channel();
        let stopped = stopped.shared();
        let mut pool = Self {
            handle,
            executor,
            threads: Vec::with_capacity(workers + 1),
            stop: Some(stop),
            timer_stop: Arc::default(),
            timer_waker: Waker::from(Arc::clone(&parker)),
        };
        pool.start_timer(parker)?;
        for index in 0..workers {
            pool.start_worker(index, stopped.clone())?;
        }
        Ok(pool)
    }

    /// The contract to hand to the engine.
    pub fn runtime(&self) -> RuntimeRef {
        Arc::clone(&self.handle) as RuntimeRef
    }

    /// Polls `future` on the calling thread while the pool runs what it spawns.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        park_on(future)
    }

    fn start_worker(&mut self, index: usize, stopped: Shared<oneshot::Receiver<()>>) -> Result<()> {
        let executor = Arc::clone(&self.executor);
        self.start(format!("spiral-worker-{index}"), move || {
            // The channel ends by being closed, which is the signal. A panic has reported itself, and its task ended;
            // the worker goes on, since a pool that shrinks with every defect would end up waiting for ever.
            while catch_unwind(AssertUnwindSafe(|| park_on(executor.run(stopped.clone())))).is_err() {}
        })
    }

    fn start_timer(&mut self, parker: Arc<Parker>) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        let stop = Arc::clone(&self.timer_stop);
        let driver = handle.timers.drive(self.timer_waker.clone());
        self.start("spiral-timer".to_owned(), move || {
            let _driver = driver;
            while !stop.load(Ordering::Acquire) {
                handle.timers.fire((handle.host.monotonic)());
                let next = handle.timers.next_deadline();
                parker.wait(next.map(|deadline| deadline.saturating_sub((handle.host.monotonic)())));
            }
        })
    }

    fn start(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(name).spawn(body).map_err(|error| {
            Error::new(Code::LimitExceeded, "the system refused a thread; ask for fewer").with_source(error)
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.timer_stop.store(true, Ordering::Release);
        self.timer_waker.wake_by_ref();
        let own = thread::current().id();
        for thread in self.threads.drain(..) {
            // The last owner may be a task of this pool: a thread that waits for itself never ends.
            if thread.thread().id() != own {
                // A worker that panicked has reported it already.
                let _ = thread.join();
            }
        }
        self.handle.timers.close();
    }
}

/// The pool as one of the adapters that every platform's tests run on.
#[cfg(test)]
pub(crate) fn threaded_adapter() -> Option<super::super::tests::Adapter> {
    let pool = ThreadPool::new(2).ok()?;
    Some(("thread pool", pool.runtime(), Box::new(move |future| pool.block_on(future))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::RuntimeExt;

    #[test]
    fn work_runs_in_parallel_on_the_workers() {
        let pool = ThreadPool::new(2).unwrap();
        let runtime = pool.runtime();
        assert_eq!(runtime.parallelism(), 2);
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                // Neither returns unless both run at once.
                runtime.spawn_work(move || barrier.wait().is_leader())
            })
            .collect();
        let leaders = pool.block_on(futures::future::join_all(tasks));
        assert_eq!(leaders.into_iter().filter(|leader| *leader.as_ref().unwrap()).count(), 1);
    }

    #[test]
    fn a_panic_ends_its_task_and_no_worker() {
        let pool = ThreadPool::new(1).unwrap();
        let runtime = pool.runtime();
        let broken = runtime.spawn_work(|| panic!("expected by this test"));
        assert_eq!(pool.block_on(broken).unwrap_err().code(), Code::Cancelled);
        assert_eq!(pool.block_on(runtime.spawn_work(|| 3)).unwrap(), 3);
    }

    #[test]
    fn dropping_the_pool_drops_tasks_that_hold_its_runtime() {
        let pool = ThreadPool::new(1).unwrap();
        let runtime = pool.runtime();
        let witness = Arc::new(());
        let inside = (Arc::clone(&witness), Arc::clone(&runtime));
        let task = runtime.spawn_task(async move {
            let _inside = inside;
            futures::future::pending::<()>().await;
        });
        pool.block_on(runtime.sleep(Duration::from_millis(5)));
        drop(pool);
        assert_eq!(Arc::strong_count(&witness), 1);
        assert_eq!(park_on(task).unwrap_err().code(), Code::Cancelled);
        // Nothing hangs on the stopped clock, and nothing new starts.
        park_on(runtime.sleep(Duration::from_secs(3600)));
        assert!(park_on(runtime.spawn_task(async { 1 })).is_err());
    }
}
