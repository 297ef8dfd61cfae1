//! The engine's runtime on the JavaScript event loop.
//!
//! Promises of JavaScript go on in microtasks, which run before anything else: an engine that lived there alone would
//! keep timers, clicks and aborts waiting until it is done. So its tasks run in turns of the event loop, each of a few
//! milliseconds.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_executor::{Executor, Task};
use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use send_wrapper::SendWrapper;
use spiral_bindings::core::runtime::{Abort, Runtime, RuntimeRef};
use wasm_bindgen::prelude::*;

/// How long tasks are polled before the event loop has its turn.
const TURN_MILLIS: f64 = 5.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(run: &JsValue, millis: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

#[wasm_bindgen(raw_module = "./host.js")]
extern "C" {
    /// Calls back in a new turn of the event loop.
    #[wasm_bindgen(js_name = nextTurn)]
    fn next_turn(run: &JsValue);
}

/// The runtime of this instance.
pub(crate) fn runtime() -> RuntimeRef {
    thread_local!(static RUNTIME: Arc<EventLoop> = EventLoop::start());
    RUNTIME.with(|runtime| Arc::clone(runtime) as RuntimeRef)
}

struct EventLoop {
    executor: Arc<Executor<'static>>,
}

impl EventLoop {
    fn start() -> Arc<Self> {
        let executor = Arc::new(Executor::new());
        let turns = Arc::new_cyclic(|turns: &std::sync::Weak<Turns>| {
            let (turns, executor) = (turns.clone(), Arc::clone(&executor));
            let mut ticks: BoxFuture<'static, ()> = endless(executor);
            let run = Closure::<dyn FnMut()>::new(move || {
                if let Some(turns) = turns.upgrade() {
                    turns.run(&mut ticks);
                }
            });
            Turns { asked: AtomicBool::new(false), run: SendWrapper::new(run.into_js_value()) }
        });
        // The first turn leaves a waker with the executor.
        turns.ask();
        thread_local!(static TURNS: std::cell::RefCell<Option<Arc<Turns>>> = const { std::cell::RefCell::new(None) });
        TURNS.set(Some(turns));
        Arc::new(Self { executor })
    }

    fn detached(&self, future: BoxFuture<'static, ()>) -> Abort {
        let mut task = Detaching(Some(self.executor.spawn(future)));
        Abort::new(move || drop(task.0.take()))
    }
}

/// Runs tasks one after another and lets go after each of them when the turn is over.
fn endless(executor: Arc<Executor<'static>>) -> BoxFuture<'static, ()> {
    async move {
        loop {
            let until = performance_now() + TURN_MILLIS;
            while performance_now() < until {
                executor.tick().await;
            }
            let mut over = false;
            futures::future::poll_fn(|context| {
                if std::mem::replace(&mut over, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }
    .boxed()
}

/// Asks for a turn of the event loop whenever a task can go on.
struct Turns {
    asked: AtomicBool,
    run: SendWrapper<JsValue>,
}

impl Turns {
    fn ask(&self) {
        if !self.asked.swap(true, Ordering::Relaxed) {
            next_turn(&self.run);
        }
    }

    fn run(self: Arc<Self>, ticks: &mut BoxFuture<'static, ()>) {
        self.asked.store(false, Ordering::Relaxed);
        let waker = Waker::from(self);
        let _endless = ticks.as_mut().poll(&mut Context::from_waker(&waker));
    }
}

impl Wake for Turns {
    fn wake(self: Arc<Self>) {
        self.ask();
    }
}

/// The executor's task cancels when dropped, whereas dropping an [`Abort`] detaches the work.
struct Detaching(Option<Task<()>>);

impl Drop for Detaching {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl Runtime for EventLoop {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Abort {
        self.detached(future)
    }

    fn spawn_cpu(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Abort {
        self.detached(async move { work() }.boxed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Timer::new(duration).boxed()
    }

    fn now_micros(&self) -> i64 {
        micros(js_sys::Date::now() * 1000.0)
    }

    fn monotonic(&self) -> Duration {
        Duration::try_from_secs_f64(performance_now() / 1000.0).unwrap_or_default()
    }

    fn random_u64(&self) -> u64 {
        // Every supported host has `crypto.getRandomValues`; names need to be unique, not secret.
        getrandom::u64().unwrap_or_else(|_| js_sys::Math::random().to_bits())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a date of JavaScript has fewer microseconds than an i64")]
fn micros(micros: f64) -> i64 {
    micros as i64
}

/// A timeout that is cleared when it is dropped.
struct Timer {
    fired: oneshot::Receiver<()>,
    id: SendWrapper<JsValue>,
    _run: SendWrapper<Closure<dyn FnMut()>>,
}

impl Timer {
    fn new(duration: Duration) -> Self {
        let (sender, fired) = oneshot::channel();
        let mut sender = Some(sender);
        let run = Closure::<dyn FnMut()>::new(move || {
            if let Some(sender) = sender.take() {
                let _nobody_waits = sender.send(());
            }
        });
        // Longer ones fire at once; no wait of the engine is that long.
        let millis = (duration.as_secs_f64() * 1000.0).ceil().min(f64::from(i32::MAX));
        let id = set_timeout(run.as_ref(), millis);
        Self { fired, id: SendWrapper::new(id), _run: SendWrapper::new(run) }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.fired.poll_unpin(context).map(|_| ())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}
