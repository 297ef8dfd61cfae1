//! The Node package of Spiral: the facade as classes of Node-API, which `lib/spiral.js` wraps.
//!
//! JavaScript that users see is written in JavaScript: iterators, signals, classes of errors and the reading of options
//! behave there as its users expect, and cost nothing here. This crate hands over handles, columns and errors.
#![cfg_attr(test, allow(dead_code, reason = "functions are registered with Node in other builds only"))]

mod client;
mod errors;
mod handle;
mod plan;
mod source;
mod table;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
