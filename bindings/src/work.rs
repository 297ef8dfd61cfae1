//! Operations in flight.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, TryFutureExt};
use serde::Serialize;
use spiral_core::Result;
use spiral_core::exchange::to_json;
use spiral_core::runtime::RuntimeExt;

use crate::client::Client;

/// An operation that runs on its client's runtime, whether it is polled or not. Dropping it cancels the operation; polling
/// it costs nothing, so any executor may.
#[must_use = "dropping it cancels the operation"]
pub struct Work<T> {
    result: BoxFuture<'static, Result<T>>,
    /// The runtime goes on as long as somebody waits for its work.
    _client: Client,
}

impl<T> Future for Work<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.result.as_mut().poll(cx)
    }
}

impl<T: 'static> Work<T> {
    /// Turns the result into another one, on the side of whoever waits for it.
    pub fn map_ok<U>(self, map: impl FnOnce(T) -> U + Send + 'static) -> Work<U>
    where
        U: 'static,
    {
        let Self { result, _client } = self;
        Work { result: Box::pin(result.map_ok(map)), _client }
    }
}

impl<T: Serialize + 'static> Work<T> {
    /// The result as JSON; see [`to_json`].
    pub fn json(self) -> Work<String> {
        self.map_ok(|result| to_json(&result))
    }
}

/// A client and the name of what its work is about, which errors tell.
#[derive(Clone)]
pub(crate) struct Subject {
    client: Client,
    name: Arc<str>,
}

impl Subject {
    pub(crate) fn new(client: &Client, name: &str) -> Self {
        Self { client: client.clone(), name: name.into() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn start<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Work<T> {
        let name = Arc::clone(&self.name);
        self.client.start(operation.map_err(move |error| error.with_table(&*name)))
    }

    pub(crate) fn wait<T>(&self, waiting: impl Future<Output = Result<T>> + Send + 'static) -> Work<T> {
        let name = Arc::clone(&self.name);
        self.client.wait(waiting.map_err(move |error| error.with_table(&*name)))
    }
}

impl Client {
    /// Starts an operation. It must not hold a client: the last one would then be dropped on its own thread.
    pub(crate) fn start<T, F>(&self, operation: F) -> Work<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let task = self.runtime().spawn_task(operation);
        Work { result: Box::pin(async move { task.await? }), _client: self.clone() }
    }

    /// Waits for what other tasks work on: the waiting itself needs no task.
    pub(crate) fn wait<T, F>(&self, waiting: F) -> Work<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Work { result: Box::pin(waiting), _client: self.clone() }
    }
}
