//! Errors of the facade as exceptions of `spiral.errors`.

use pyo3::prelude::*;
use spiral_bindings::{Code, Error, to_json};

/// The exception for an error: the class of its kind, with all that is known as attributes.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let build = || {
        let made = py.import("spiral.errors")?.getattr("from_engine")?;
        Ok(PyErr::from_value(made.call1((to_json(error), error.to_string()))?))
    };
    build().unwrap_or_else(|broken: PyErr| broken)
}

/// Results of the facade as results of Python.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for spiral_bindings::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}

/// One exception for every code there is, in documentation order.
#[pyfunction]
pub(crate) fn examples(py: Python<'_>) -> Vec<Py<PyAny>> {
    let example = |code: &Code| exception(py, &Error::new(*code, "an example")).into_value(py).into_any();
    Code::ALL.iter().map(example).collect()
}
