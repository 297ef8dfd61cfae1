//! The browser package of Spiral: the facade on the JavaScript event loop, for the modules in `wasm/js` and `js`.
//!
//! Everything that JavaScript does well is done there: byte stores, iteration, classes. What is exported here takes
//! and returns plain values and byte arrays, and hands out no object of the engine but handles.

#![cfg(target_arch = "wasm32")]
#![allow(unreachable_pub, reason = "what JavaScript calls is public, though no crate does")]

mod batch;
mod errors;
mod event_loop;
mod handles;
mod host_store;
mod source;
#[cfg(feature = "write")]
mod write;
