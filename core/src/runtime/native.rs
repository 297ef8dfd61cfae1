//! Native targets: the system's clock and entropy, and threads that can wait.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::super::{CurrentThread, Host};

/// Byte limit of one cache unless configured.
pub(crate) const DEFAULT_CACHE_BYTES: u64 = 2 << 30;

impl Host {
    /// The system's clock and entropy.
    pub fn native() -> Self {
        Self { now_micros: Box::new(now_micros), monotonic: Box::new(monotonic), random_u64: Box::new(random_u64) }
    }
}

impl Default for CurrentThread {
    fn default() -> Self {
        Self::new()
    }
}

impl CurrentThread {
    /// Creates a runtime on the system's clock and entropy.
    pub fn new() -> Self {
        Self::with_host(Host::native())
    }

    /// Drives `future` and everything spawned until `future` is done.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            // A native parker always has a reason to poll again, so the loop runs once.
            if let Ok(output) = self.try_block_on(future.as_mut()) {
                return output;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the runtime that everyone else asks")]
fn now_micros() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the runtime that everyone else asks")]
fn monotonic() -> Duration {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let origin = *ORIGIN;
    Instant::now().saturating_duration_since(origin)
}

fn random_u64() -> u64 {
    // A seccomp filter may forbid the system call. The standard library seeds its hash keys from whatever entropy is
    // left, and names need to be unique, not secret.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(monotonic()))
}

/// Suspends the calling thread until woken.
#[derive(Default)]
pub(crate) struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a wake or for `timeout`. Always `true`: there may be a reason to poll again.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let asleep = |woken: &mut bool| !*woken;
        let mut woken = match timeout {
            Some(timeout) => {
                self.changed.wait_timeout_while(self.lock(), timeout, asleep).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(self.lock(), asleep).unwrap_or_else(PoisonError::into_inner),
        };
        *woken = false;
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.lock() = true;
        self.changed.notify_one();
    }
}

/// Polls `future` on this thread, suspending it in between.
pub(super) fn park_on<F: Future>(future: F) -> F::Output {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        parker.wait(None);
    }
}
