//! The engine on a tokio runtime, for programs that have one.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use spiral_core::runtime::{Abort, Host, Runtime, RuntimeRef};
use tokio::runtime::Handle;

/// Runs the engine's tasks on a tokio runtime with its timer enabled: hand it to [`crate::Client::on`].
///
/// Work that is spawned after the tokio runtime has shut down never runs.
pub struct Tokio {
    handle: Handle,
    host: Host,
}

impl Tokio {
    /// The contract to hand to the engine.
    pub fn on(handle: Handle) -> RuntimeRef {
        Arc::new(Self { handle, host: Host::native() })
    }
}

impl Runtime for Tokio {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Abort {
        let task = self.handle.spawn(future).abort_handle();
        Abort::new(move || task.abort())
    }

    fn spawn_cpu(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Abort {
        // Pieces of some milliseconds share the workers with futures, so that no more threads run than there are cores.
        self.spawn(Box::pin(async move { work() }))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _context = self.handle.enter();
        // The timer registers with the runtime that is entered here, wherever it is polled.
        Box::pin(tokio::time::sleep(duration))
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
        self.handle.metrics().num_workers()
    }
}
