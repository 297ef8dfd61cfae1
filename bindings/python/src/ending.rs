//! The end of the interpreter, while daemon threads wait for the facade.
//!
//! A thread that asks for the interpreter's lock after the end has begun is ended by Python in the middle of its call.
//! Before 3.14 that unwinds through Rust's frames, which aborts the process. So from then on no thread comes back from
//! a wait: it stays asleep until the process is gone.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::prelude::*;

/// The thread that ends the interpreter, once it does.
static ENDING: OnceLock<ThreadId> = OnceLock::new();
/// Threads that are about to take the interpreter's lock.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// Runs without the interpreter's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, run: impl FnOnce() -> T + Send) -> T {
    let result = py.detach(|| {
        let result = run();
        before_lock();
        result
    });
    RETURNING.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Takes the interpreter's lock within [`detached`].
pub(crate) fn attached<T>(run: impl FnOnce(Python<'_>) -> T) -> T {
    before_lock();
    Python::attach(|py| {
        RETURNING.fetch_sub(1, Ordering::SeqCst);
        run(py)
    })
}

fn before_lock() {
    RETURNING.fetch_add(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    if ENDING.get().is_some_and(|ending| *ending != thread::current().id()) {
        RETURNING.fetch_sub(1, Ordering::SeqCst);
        loop {
            thread::park();
        }
    }
}

/// Called when the interpreter is about to end: lets threads that already ask for its lock have it.
#[pyfunction]
pub(crate) fn end(py: Python<'_>) {
    ENDING.get_or_init(|| thread::current().id());
    fence(Ordering::SeqCst);
    // Bounded: in a forked child, threads that only the parent has may be counted.
    for _ in 0..200 {
        if RETURNING.load(Ordering::SeqCst) == 0 {
            break;
        }
        py.detach(|| thread::park_timeout(Duration::from_millis(1)));
    }
}
