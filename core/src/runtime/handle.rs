//! The runtime that tasks see of an executor this crate drives itself.
//!
//! A task usually holds its runtime, and the executor holds the task. The handle therefore points weakly to the
//! executor: whoever owns the executor can drop it, and with it every task, however many handles are about.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_executor::{Executor, Task as ExecutorTask};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::timers::Timers;
use super::{Abort, Host, Runtime};

/// Spawns on an executor that may be gone already, in which case work is dropped unrun.
pub(super) struct Handle {
    pub(super) executor: Weak<Executor<'static>>,
    pub(super) timers: Arc<Timers>,
    pub(super) host: Host,
    pub(super) parallelism: usize,
}

impl Runtime for Handle {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Abort {
        let Some(executor) = self.executor.upgrade() else {
            return Abort::completed();
        };
        let mut task = Detaching(Some(executor.spawn(future)));
        Abort::new(move || drop(task.0.take()))
    }

    fn spawn_cpu(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Abort {
        self.spawn(async move { work() }.boxed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.timers.sleep_until(self.monotonic().saturating_add(duration)).boxed()
    }

    fn now_micros(&self) -> i64 {
        (self.host.now_micros)()
    }

    fn monotonic(&self) -> Duration {
        (self.host.monotonic)()
    }

    fn random_u64(&self) -> u64 {
        (self.host.random_u64)()
    }

    fn parallelism(&self) -> usize {
        self.parallelism
    }
}

/// The executor's task cancels when dropped, whereas dropping an [`Abort`] detaches the work.
struct Detaching(Option<ExecutorTask<()>>);

impl Drop for Detaching {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}
