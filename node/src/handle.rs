//! What all handles have in common: they can be closed, and their operations cancelled.

use std::sync::{Mutex, PoisonError};

use napi::bindgen_prelude::{Env, PromiseRaw, ToNapiValue};
use napi_derive::napi;
use spiral_bindings::{CancelToken, Result};

use crate::client::Client;
use crate::errors::{invalid, thrown};
use crate::plan::Plan;
use crate::table::{Snapshot, Table, Transaction};

/// A handle of the facade until JavaScript closes it. Without closing, memory and threads would stay until the garbage
/// collector, which does not know how much hangs on a handle, finds it.
pub(crate) struct Held<T>(Mutex<Option<T>>);

impl<T: Clone> Held<T> {
    pub(crate) fn new(handle: T) -> Self {
        Self(Mutex::new(Some(handle)))
    }

    pub(crate) fn get(&self) -> napi::Result<T> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| invalid("it was closed: open it again"))
    }

    pub(crate) fn free(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(handle);
    }
}

macro_rules! freed {
    ($($class:ident),*) => {$(
        #[napi]
        impl $class {
            #[napi]
            pub fn free(&self) {
                self.held.free();
            }
        }
    )*};
}

freed!(Client, Table, Snapshot, Plan, Transaction);

/// What cancels one operation.
#[napi]
pub struct Cancel {
    token: CancelToken,
}

#[napi]
impl Cancel {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self { token: CancelToken::new() }
    }

    #[napi]
    pub fn cancel(&self) {
        self.token.cancel();
    }
}

impl Cancel {
    /// The promise of an operation, settled when it ends or is cancelled.
    pub(crate) fn promise<'env, T>(
        &self,
        env: &'env Env,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> napi::Result<PromiseRaw<'env, T>>
    where
        T: ToNapiValue + Send + 'static,
    {
        self.promise_of(env, work, |_, result| Ok(result))
    }

    /// The promise of what is made of an operation's result on the thread of JavaScript.
    pub(crate) fn promise_of<'env, T, V>(
        &self,
        env: &'env Env,
        work: impl Future<Output = Result<T>> + Send + 'static,
        show: impl FnOnce(&'env Env, T) -> napi::Result<V> + 'static,
    ) -> napi::Result<PromiseRaw<'env, V>>
    where
        T: Send + 'static,
        V: ToNapiValue,
    {
        let token = self.token.clone();
        env.spawn_future_with_callback(async move { token.guard(work).await.map_err(thrown) }, show)
    }
}
