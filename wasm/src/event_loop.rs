//! The engine's runtime on the JavaScript event loop.
//!
//! Promises of JavaScript go on in microtasks, which run before anything else: an engine that lived there alone would
//! keep timers, clicks and aborts waiting until it is done. So its tasks run in turns of the event loop, each of a few
//! milliseconds.

use std::time::Duration;

use spiral_bindings::core::runtime::{EventLoop, Host, RuntimeRef, Turn};
use wasm_bindgen::prelude::*;

/// How long tasks are polled before the event loop has its turn.
const BUDGET: Duration = Duration::from_millis(5);

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

#[wasm_bindgen(raw_module = "./host.js")]
extern "C" {
    /// Calls back in a new turn of the event loop, or after `millis`, instead of what was asked for before.
    #[wasm_bindgen(js_name = nextTurn)]
    fn next_turn(run: &JsValue, millis: Option<f64>);
}

thread_local! {
    static EVENT_LOOP: EventLoop = EventLoop::new(host(), ask);
    static TURN: JsValue =
        Closure::<dyn Fn()>::new(|| EVENT_LOOP.with(|event_loop| event_loop.turn(BUDGET))).into_js_value();
}

/// The runtime of this instance.
pub(crate) fn runtime() -> RuntimeRef {
    EVENT_LOOP.with(EventLoop::runtime)
}

fn ask(turn: Turn) {
    let millis = match turn {
        Turn::Soon => None,
        // A longer one would fire at once.
        Turn::After(time) => Some((time.as_secs_f64() * 1000.0).ceil().min(f64::from(i32::MAX))),
    };
    TURN.with(|run| next_turn(run, millis));
}

fn host() -> Host {
    Host {
        now_micros: Box::new(|| micros(js_sys::Date::now() * 1000.0)),
        monotonic: Box::new(|| Duration::try_from_secs_f64(performance_now() / 1000.0).unwrap_or_default()),
        // Every supported host has `crypto.getRandomValues`; names need to be unique, not secret.
        random_u64: Box::new(|| getrandom::u64().unwrap_or_else(|_| js_sys::Math::random().to_bits())),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a date of JavaScript has fewer microseconds than an i64")]
fn micros(micros: f64) -> i64 {
    micros as i64
}
