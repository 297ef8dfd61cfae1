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
