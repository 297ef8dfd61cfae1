//! What Python objects own of the facade.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use spiral_bindings::{Code, Error, Work};

use crate::ending::detached;
use crate::errors::OrRaise;
use crate::wait::{current, wait_guarded};

/// A handle of the facade until it is closed.
///
/// The last handle of a client ends its threads and waits for them. A thread may just then give Arrow memory back to
/// Python, which takes the interpreter's lock, so a handle is dropped without that lock. In a forked child the threads
/// do not exist: there a handle is not dropped at all, and using it is an error instead of a wait without end.
pub(crate) struct Handle<T: Send> {
    inner: Mutex<Option<T>>,
    process: u32,
}

impl<T: Send> Handle<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner: Mutex::new(Some(inner)), process: std::process::id() }
    }

    fn take(&self) -> Option<T> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.is_forked() {
            std::mem::forget(inner);
            return None;
        }
        inner
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Gives the handle up. Whatever else was opened from the same client goes on.
    pub(crate) fn close(&self, py: Python<'_>) {
        let inner = self.take();
        detached(py, || drop(inner));
    }
}

impl<T: Clone + Send> Handle<T> {
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<T> {
        if self.is_forked() {
            let message = "this handle was made before a fork, and its threads stayed behind: open it again here";
            return Err(Error::new(Code::UnsupportedOperation, message)).or_raise(py);
        }
        let open = self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.ok_or_else(|| Error::new(Code::InvalidArgument, "this handle was closed")).or_raise(py)
    }
}

impl<T: Clone + Send + 'static> Handle<T> {
    /// Starts work of the handle and waits for it, under the token in whose block the caller is.
    pub(crate) fn wait<R: Send + 'static>(
        &self,
        py: Python<'_>,
        start: impl FnOnce(T) -> Work<R> + Send + 'static,
    ) -> PyResult<R> {
        let (inner, token) = (self.get(py)?, current(py)?);
        wait_guarded(py, token, async move { start(inner).await })
    }
}

impl<T: Send> Drop for Handle<T> {
    fn drop(&mut self) {
        let Some(inner) = self.take() else { return };
        // While the interpreter ends there is no lock to release.
        Python::try_attach(|py| detached(py, || drop(inner)));
    }
}
