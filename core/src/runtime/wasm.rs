//! WebAssembly: the host supplies clock and entropy, and a thread cannot wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

/// Byte limit of one cache unless configured: a tab has 4 GiB of address space at most.
pub(crate) const DEFAULT_CACHE_BYTES: u64 = 256 << 20;

/// Remembers whether it was woken; it cannot suspend the thread.
#[derive(Default)]
pub(crate) struct Parker {
    woken: AtomicBool,
}

impl Parker {
    /// Whether there is a reason to poll again; `false` means that only an event loop could bring one.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        self.woken.swap(false, Ordering::Acquire) || timeout == Some(Duration::ZERO)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
    }
}

/// What native targets always have, for tests: a current thread whose clock moves when everything waits for it.
#[cfg(any(test, feature = "simulation"))]
mod testing {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::super::super::{CurrentThread, Host};

    /// 2025-01-01T00:00:00Z.
    const START_MICROS: u64 = 1_735_689_600_000_000;

    /// Microseconds that have passed: one for each look at the clock, and what was waited for.
    static ELAPSED_MICROS: AtomicU64 = AtomicU64::new(0);

    fn elapsed_micros() -> u64 {
        ELAPSED_MICROS.fetch_add(1, Ordering::Relaxed)
    }

    impl Default for CurrentThread {
        fn default() -> Self {
            Self::new()
        }
    }

    impl CurrentThread {
        /// Creates a runtime on the clock of tests and the entropy of JavaScript.
        pub fn new() -> Self {
            Self::with_host(Host {
                now_micros: Box::new(|| (START_MICROS + elapsed_micros()).cast_signed()),
                monotonic: Box::new(|| Duration::from_micros(elapsed_micros())),
                random_u64: Box::new(|| getrandom::u64().unwrap_or_default()),
            })
        }

        /// Drives `future` and everything spawned until `future` is done.
        #[expect(clippy::panic, reason = "a test that can never end fails")]
        pub fn block_on<F: Future>(&self, future: F) -> F::Output {
            let mut future = pin!(future);
            loop {
                if let Ok(output) = self.try_block_on(future.as_mut()) {
                    return output;
                }
                let Some(deadline) = self.handle.timers.next_deadline() else { panic!("nothing can progress") };
                let micros = u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX);
                ELAPSED_MICROS.fetch_max(micros.saturating_add(1), Ordering::Relaxed);
            }
        }
    }
}

/// No adapter of this platform has threads.
#[cfg(test)]
pub(crate) fn threaded_adapter() -> Option<super::super::tests::Adapter> {
    None
}
