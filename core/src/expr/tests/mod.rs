//! Properties that hold across the parts of the module.

mod evaluation;
mod generate;
mod keys;
mod pruning;
mod semantics;
mod written;

pub(super) use generate::literals;
