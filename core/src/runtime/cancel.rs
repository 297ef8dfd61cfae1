//! Cancellation from outside, for hosts whose futures are not simply dropped.

use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;
use futures::future::{Either, FutureExt, Shared, select};

use crate::error::{Code, Error, Result};

/// Cancels every operation that it guards, at once and for ever. Clones are the same token.
#[derive(Clone)]
pub struct CancelToken {
    cancel: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    cancelled: Shared<oneshot::Receiver<()>>,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        let (cancel, cancelled) = oneshot::channel();
        Self { cancel: Arc::new(Mutex::new(Some(cancel))), cancelled: cancelled.shared() }
    }

    /// Cancels; again has no effect.
    pub fn cancel(&self) {
        let cancel = self.cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(cancel);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Runs an operation until its end or until the token is cancelled, which drops the operation.
    ///
    /// # Errors
    /// `Cancelled`, also when the token was cancelled before.
    pub fn guard<T>(&self, operation: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
        let cancelled = self.cancelled.clone();
        async move {
            // The cancellation is polled first, so that a cancelled operation never starts.
            match select(cancelled, std::pin::pin!(operation)).await {
                Either::Left(_) => Err(Error::new(Code::Cancelled, "the operation was cancelled")),
                Either::Right((result, _)) => result,
            }
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn a_token_cancels_what_runs_and_what_comes_later() {
        let token = CancelToken::new();
        assert_eq!(block_on(token.guard(async { Ok(1) })).unwrap(), 1);
        let waiting = token.guard(std::future::pending::<Result<()>>());
        token.clone().cancel();
        assert!(token.is_cancelled());
        assert_eq!(block_on(waiting).unwrap_err().code(), Code::Cancelled);
        assert_eq!(block_on(token.guard(async { Ok(1) })).unwrap_err().code(), Code::Cancelled);
    }
}
