//! Where work runs: the one seam between the engine and its host.
//!
//! The engine never reads a clock, sleeps, spawns or draws a random number by itself. It asks a [`Runtime`], so that
//! the same code runs on a single thread, on a thread pool, under tokio, on the JavaScript event loop, and under a
//! seeded simulator that replays a failure exactly.

mod cancel;
mod combinators;
mod current_thread;
mod event_loop;
mod handle;
mod host;
mod platform;
mod random;
mod simulated;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::BoxFuture;

pub use cancel::CancelToken;
pub use combinators::{Elapsed, timeout, yield_now};
pub use current_thread::CurrentThread;
pub use event_loop::{EventLoop, Turn};
pub use host::Host;
pub(crate) use platform::DEFAULT_CACHE_BYTES;
#[allow(unused_imports, unreachable_pub, reason = "a platform without threads exports nothing of its own")]
pub use platform::*;
pub use random::SeededRandom;
pub use simulated::Simulated;

use crate::error::{Code, Error, Result};

/// The host of the engine: an executor, a clock and a source of randomness.
///
/// Implementations must not block in any method. Futures are `Send` on every target; a host that owns objects which
/// are not (JavaScript's, for instance) keeps them on its own side.
pub trait Runtime: Send + Sync + 'static {
    /// Drives `future` in the background until it completes or the returned handle aborts it.
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Abort;

    /// Runs CPU-bound `work` off the caller's poll, on another thread where the host has one. `work` takes at most
    /// some milliseconds: a single-threaded host runs it between two polls.
    fn spawn_cpu(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Abort;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Wall-clock time in microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;

    /// Time since an arbitrary fixed origin; never goes back.
    fn monotonic(&self) -> Duration;

    /// 64 uniformly distributed random bits, unpredictable enough to name objects without collision.
    fn random_u64(&self) -> u64;

    /// How many CPU-bound pieces of work can make progress at once.
    fn parallelism(&self) -> usize {
        1
    }
}

/// Shared handle to the host.
pub type RuntimeRef = Arc<dyn Runtime>;

/// Stops a spawned piece of work. Dropping it lets the work go on; [`Abort::abort`] stops it where it stands, or
/// before it starts.
#[must_use = "dropping an Abort detaches the work"]
pub struct Abort(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Abort {
    /// Wraps what stops the work.
    pub fn new(abort: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(abort)))
    }

    /// A handle to work that has already ended.
    pub fn completed() -> Self {
        Self(None)
    }

    /// Stops the work.
    pub fn abort(self) {
        if let Some(abort) = self.0 {
            abort();
        }
    }
}

/// The result of spawned work. Dropping it cancels the work, on every platform.
#[must_use = "dropping a Task cancels its work"]
pub struct Task<T> {
    result: oneshot::Receiver<T>,
    abort: Option<Abort>,
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = std::task::ready!(Pin::new(&mut self.result).poll(cx));
        // The work has ended: an abort from `drop` would have nothing left to stop.
        drop(self.abort.take());
        Poll::Ready(result.map_err(|_| Error::new(Code::Cancelled, "the runtime stopped before the work was done")))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(abort) = self.abort.take() {
            abort.abort();
        }
    }
}

/// Typed spawning on top of [`Runtime`].
pub trait RuntimeExt: Runtime {
    /// Spawns a future and returns its result as a [`Task`].
    fn spawn_task<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let abort = self.spawn(Box::pin(async move {
            // The receiver is gone only when the task was dropped, and then nobody waits for the result.
            let _ = sender.send(future.await);
        }));
        Task { result, abort: Some(abort) }
    }

    /// Runs CPU-bound work and returns its result as a [`Task`]. Work whose task is dropped before it starts never
    /// runs.
    fn spawn_work<T>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T>
    where
        T: Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let abort = self.spawn_cpu(Box::new(move || {
            if !sender.is_canceled() {
                let _ = sender.send(work());
            }
        }));
        Task { result, abort: Some(abort) }
    }
}

impl<R: Runtime + ?Sized> RuntimeExt for R {}

#[cfg(test)]
mod event_loop_tests;
#[cfg(test)]
mod tests;
