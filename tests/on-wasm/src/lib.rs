//! `#[test]` for wasm32: the standard one needs a process with arguments and output, which that target lacks.
//!
//! A crate whose root says `#[macro_use] extern crate spiral_on_wasm;` on that target runs all its tests under the
//! runner of wasm-bindgen, without a word in the files that hold them: names from `macro_use` shadow those of the
//! standard prelude.

#[cfg(target_arch = "wasm32")]
pub use wasm_bindgen_test::wasm_bindgen_test as test;
