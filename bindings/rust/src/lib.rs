#![doc = include_str!("../README.md")]

pub use arrow_array;
pub use arrow_schema;
pub use async_trait;
pub use object_store;
#[doc(inline)]
pub use spiral_bindings::*;
