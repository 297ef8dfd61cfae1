//! The default runtime: everything happens on the thread that waits for it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_executor::Executor;

use super::handle::Handle;
use super::platform::Parker;
use super::timers::Timers;
use super::{Host, RuntimeRef};
use crate::error::{Code, Error, Result};

/// Runs spawned futures, CPU work and timers on whichever thread is inside [`CurrentThread::block_on`] or
/// [`CurrentThread::try_block_on`]. Between such calls nothing progresses: a program with an executor of its own
/// implements [`super::Runtime`] on that one instead of polling this one's tasks from it.
///
/// Dropping it drops every unfinished task. A future whose task was cancelled is dropped at the executor's next turn.
pub struct CurrentThread {
    executor: Arc<Executor<'static>>,
    pub(super) handle: Arc<Handle>,
}

impl CurrentThread {
    /// Creates a runtime on the given clock and source of randomness.
    pub fn with_host(host: Host) -> Self {
        let executor = Arc::new(Executor::new());
        let timers = Arc::new(Timers::default());
        let handle = Handle { executor: Arc::downgrade(&executor), timers, host, parallelism: 1 };
        Self { executor, handle: Arc::new(handle) }
    }

    /// The contract to hand to the engine.
    pub fn runtime(&self) -> RuntimeRef {
        Arc::clone(&self.handle) as RuntimeRef
    }

    /// Drives `future` and everything spawned until `future` is done.
    ///
    /// # Errors
    ///
    /// [`Code::UnsupportedOperation`] when nothing is ready and this platform cannot wait: WebAssembly without a
    /// JavaScript event loop. Work that never really waits, such as reading from memory, completes there too.
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        let timers = &self.handle.timers;
        let monotonic = &self.handle.host.monotonic;
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(Arc::clone(&parker));
        let _driver = timers.drive(waker.clone());
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(self.executor.run(future));
        loop {
            timers.fire(monotonic());
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
            let wait = timers.next_deadline().map(|deadline| deadline.saturating_sub(monotonic()));
            if !parker.wait(wait) {
                return Err(Error::new(
                    Code::UnsupportedOperation,
                    "the work has to wait, which this platform cannot do without an event loop",
                ));
            }
        }
    }
}

impl Drop for CurrentThread {
    fn drop(&mut self) {
        // A future polled elsewhere must not sleep for ever on a clock that nobody drives any more.
        self.handle.timers.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::{RuntimeExt, yield_now};

    #[test]
    fn sleeping_tasks_overlap() {
        let executor = CurrentThread::new();
        let runtime = executor.runtime();
        let before = runtime.monotonic();
        executor.block_on(async {
            let tasks: Vec<_> = (0..50).map(|_| runtime.spawn_task(runtime.sleep(Duration::from_millis(20)))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let elapsed = runtime.monotonic() - before;
        assert!(elapsed >= Duration::from_millis(20), "{elapsed:?}");
        assert!(elapsed < Duration::from_millis(900), "{elapsed:?}");
    }

    #[test]
    fn a_busy_task_does_not_starve_timers() {
        let executor = CurrentThread::new();
        let runtime = executor.runtime();
        let busy = runtime.spawn_task(async {
            loop {
                yield_now().await;
            }
        });
        executor.block_on(runtime.sleep(Duration::from_millis(5)));
        drop(busy);
    }

    #[test]
    fn a_host_that_cannot_wait_still_completes_what_is_ready() {
        // The host's functions are the only clock and entropy: nothing ambient is touched.
        let executor = CurrentThread::with_host(Host {
            now_micros: Box::new(|| 7),
            monotonic: Box::new(|| Duration::ZERO),
            random_u64: Box::new(|| 4),
        });
        let runtime = executor.runtime();
        let sum = executor.try_block_on(async {
            let task = runtime.spawn_task(async { 40 });
            let work = runtime.spawn_work(|| 2);
            yield_now().await;
            task.await.unwrap() + work.await.unwrap()
        });
        assert_eq!(sum.unwrap(), 42);
        assert_eq!((runtime.now_micros(), runtime.random_u64()), (7, 4));
    }

    #[test]
    fn wakes_from_another_thread_end_the_wait() {
        let executor = CurrentThread::new();
        let (sender, receiver) = futures::channel::oneshot::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || sender.send(5));
            assert_eq!(executor.block_on(receiver), Ok(5));
        });
    }
}
