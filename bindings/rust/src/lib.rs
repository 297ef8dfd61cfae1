#![doc = include_str!("../README.md")]

pub use arrow_array;
pub use arrow_schema;
#[doc(inline)]
pub use spiral_bindings::*;
