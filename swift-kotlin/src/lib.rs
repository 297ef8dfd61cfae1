//! The Swift and Kotlin packages of Spiral: one surface over the facade, from which uniffi generates the glue of both.
//!
//! Handles, records and values adapt names and types of the facade and hold no logic. Each language has a layer of its
//! own around the generated code. Operations take a handle by which they are cancelled, since dropping a Swift task
//! drops nothing here; they start only when they are polled, so what is cancelled before never starts.
#![allow(unsafe_code, reason = "generated scaffolding exports functions by their names")]

pub mod batch;
pub mod client;
pub mod errors;
pub mod options;
pub mod plan;
pub mod table;
pub mod values;
pub mod writer;

uniffi::setup_scaffolding!("spiral");
