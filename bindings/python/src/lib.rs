//! The Python package of Spiral: names and types of the facade as Python has them.
//!
//! This module is private to the package: `spiral/*.py` gives it keywords, defaults and documentation. It also makes
//! pyarrow's objects of what is returned here: pyarrow gives the interpreter's lock away for a moment, and a thread that
//! the interpreter's end catches just then must not lie under frames of Rust (see `ending`).

mod client;
mod ending;
mod errors;
mod handle;
mod scan;
mod table;
mod values;
mod wait;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The engine of the `spiral` package.
#[pymodule]
mod _spiral {
    #[pymodule_export]
    use super::{
        client::Client,
        ending::end,
        errors::examples,
        scan::{Batches, Plan, Snapshot},
        table::{Table, Transaction},
        values::{RowTypes, keys, type_name},
        wait::CancelToken,
    };
}
