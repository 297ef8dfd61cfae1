//! Futures that every part of the engine composes its waiting from.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{self, Either};

use super::Runtime;

/// The deadline passed before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

/// Awaits `future` for at most `duration`, and drops it then, which cancels what it was doing.
///
/// A future that is ready when the deadline fires wins.
pub async fn timeout<F: Future>(runtime: &dyn Runtime, duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    match future::select(pin!(future), runtime.sleep(duration)).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

/// Lets other work of the same thread run before going on. Long loops call it every few milliseconds, since a
/// single-threaded host can do nothing else meanwhile.
pub async fn yield_now() {
    let mut yielded = false;
    future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
