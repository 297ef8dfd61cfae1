//! Waiting for the facade's work on the calling thread, without the interpreter's lock, and ending it early.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use arrow_array::RecordBatch;
use futures::future::{BoxFuture, FutureExt, join};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use pyo3_arrow::PyRecordBatch;
use spiral_bindings::{Feed, Piece, Pieces, Result, Work};

use crate::ending::{attached, detached};
use crate::errors::OrRaise;

/// How long Ctrl-C may go unnoticed.
const SIGNALS: Duration = Duration::from_millis(20);

/// Ends what is guarded by it; see `spiral.CancelToken`.
#[pyclass(frozen, module = "spiral._spiral")]
#[derive(Default)]
pub(crate) struct CancelToken(spiral_bindings::CancelToken);

#[pymethods]
impl CancelToken {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn cancel(&self) {
        self.0.cancel();
    }

    #[getter]
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The token in whose `with` block the caller is.
pub(crate) fn current(py: Python<'_>) -> PyResult<Option<spiral_bindings::CancelToken>> {
    let token = py.import("spiral._cancel")?.getattr("current")?.call_method0("get")?;
    let token: Option<PyRef<'_, CancelToken>> = token.extract()?;
    Ok(token.map(|token| token.0.clone()))
}

/// Waits for work. Work of a cancelled token is not started.
pub(crate) fn wait_guarded<T: Send + 'static>(
    py: Python<'_>,
    token: Option<spiral_bindings::CancelToken>,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> PyResult<T> {
    let mut work: BoxFuture<'static, Result<T>> = match token {
        Some(token) => async move { token.guard(work).await }.boxed(),
        None => work.boxed(),
    };
    let wakes = Arc::new(Wakes { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&wakes));
    loop {
        let polled = detached(py, || {
            wakes.woken.store(false, Ordering::Release);
            let polled = work.poll_unpin(&mut Context::from_waker(&waker));
            // Another wait within this poll, for input that is read from a table, may have used the thread's own mark.
            if polled.is_pending() && !wakes.woken.load(Ordering::Acquire) {
                std::thread::park_timeout(SIGNALS);
            }
            polled
        });
        if let Poll::Ready(result) = polled {
            return result.or_raise(py);
        }
        if let Err(interrupt) = py.check_signals() {
            detached(py, || drop(work));
            return Err(interrupt);
        }
    }
}

struct Wakes {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Batches that Python makes as they are wanted, one at a time, on the thread that waits: a worker that waited for
/// Python could be the one that Python waits for.
pub(crate) fn wait_feeding<T: Send + 'static>(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    start: impl FnOnce(Pieces) -> Work<T> + Send + 'static,
) -> PyResult<T> {
    let source: Py<PyIterator> = source.try_iter()?.unbind();
    let failure: Arc<Mutex<Option<PyErr>>> = Arc::default();
    let failed = Arc::clone(&failure);
    let token = current(py)?;
    let result = wait_guarded(py, token, async move {
        let (feed, pieces) = Feed::split();
        let feeding = async move {
            let mut wanted = true;
            while wanted {
                wanted = match attached(|py| pull(source.bind(py))) {
                    Ok(None) => return feed.end(),
                    Ok(Some(batch)) => feed.push(Piece::Batch(batch)).await,
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        false
                    }
                };
            }
        };
        join(start(pieces), feeding).await.0
    });
    let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    match failure {
        Some(error) => Err(error),
        None => result,
    }
}

fn pull(source: &Bound<'_, PyIterator>) -> PyResult<Option<RecordBatch>> {
    let Some(batch) = source.clone().next() else { return Ok(None) };
    Ok(Some(batch?.extract::<PyRecordBatch>()?.into_inner()))
}
