//! The facade of Spiral: stores from URLs, configuration, and handles that own their runtime.
//!
//! Every language binding adapts names and types of this crate and holds no logic of its own.

mod client;
mod config;
mod in_tokio;
mod store_url;

pub use client::Client;
pub use config::Config;
pub use spiral_core as core;
pub use store_url::{Medium, OpenedStore, open_store};
