//! Snapshots, plans and streams of batches.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyField, PyRecordBatch, PySchema};
use spiral_bindings::{KeyBounds, ScanOptions};

use crate::ending::detached;
use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::values::{array_out, values};
use crate::wait::{current, wait, wait_guarded};

/// Path, name of the type, field, and whether it is part of the key.
type Column = (String, String, Py<PyAny>, bool);

fn field_out(py: Python<'_>, field: &PyField) -> PyResult<Py<PyAny>> {
    field.to_pyarrow(py).map(Bound::unbind)
}

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Snapshot {
    handle: Handle<spiral_bindings::Snapshot>,
    #[pyo3(get)]
    version: u64,
    #[pyo3(get)]
    timestamp: i64,
}

impl Snapshot {
    pub(crate) fn new(snapshot: spiral_bindings::Snapshot) -> Self {
        Self { version: snapshot.version(), timestamp: snapshot.timestamp(), handle: Handle::new(snapshot) }
    }
}

#[pymethods]
impl Snapshot {
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let snapshot = self.handle.get(py)?;
        PySchema::new(wait(py, move || snapshot.schema())?).into_pyarrow(py)
    }

    fn columns(&self, py: Python<'_>) -> PyResult<Vec<Column>> {
        let snapshot = self.handle.get(py)?;
        let columns = wait(py, move || snapshot.columns())?.into_iter();
        columns
            .map(|info| Ok((info.path, info.type_name, field_out(py, &PyField::new(info.field))?, info.is_key)))
            .collect()
    }

    fn scan(
        &self,
        py: Python<'_>,
        options: &str,
        begin: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Plan> {
        let snapshot = self.handle.get(py)?;
        let mut options = ScanOptions::from_json(options).or_raise(py)?;
        let bounds = KeyBounds { begin: begin.map(values).transpose()?, end: end.map(values).transpose()? };
        options.range = (bounds != KeyBounds::default()).then_some(bounds);
        wait(py, move || snapshot.scan(options)).map(|plan| Plan { handle: Handle::new(plan) })
    }
}

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Plan {
    handle: Handle<spiral_bindings::Plan>,
}

#[pymethods]
impl Plan {
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PySchema::new(self.handle.get(py)?.schema()).into_pyarrow(py)
    }

    fn key_schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PySchema::new(self.handle.get(py)?.key_schema()).into_pyarrow(py)
    }

    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.handle.get(py)?.is_empty())
    }

    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.handle.get(py)?.explain())
    }

    /// As JSON.
    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        let metrics = self.handle.get(py)?.metrics();
        serde_json::to_string(&metrics).map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
    }

    fn batches(&self, py: Python<'_>) -> PyResult<Batches> {
        let plan = self.handle.get(py)?;
        let token = current(py)?;
        // A cancelled operation does not start.
        let batches = wait_guarded(py, token.clone(), async move { Ok(plan.batches()) })?;
        Ok(Batches { handle: Handle::new(batches), token })
    }

    /// Rows, and the position of the key of each.
    fn take<'py>(&self, py: Python<'py>, keys: PyRecordBatch) -> PyResult<(Bound<'py, PyAny>, Py<PyAny>)> {
        let plan = self.handle.get(py)?;
        let keys = keys.into_inner();
        let taken = wait(py, move || plan.take(keys))?;
        let positions = array_out(py, &PyArray::from_array_ref(Arc::new(taken.positions)))?;
        Ok((PyRecordBatch::new(taken.rows).into_pyarrow(py)?, positions))
    }
}

/// An iterator of batches, under the token in whose block it began.
#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Batches {
    handle: Handle<spiral_bindings::Batches>,
    token: Option<spiral_bindings::CancelToken>,
}

#[pymethods]
impl Batches {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let batches = self.handle.get(py)?;
        let batch = wait_guarded(py, self.token.clone(), async move { batches.next().await })?;
        batch.map(|batch| PyRecordBatch::new(batch).into_pyarrow(py)).transpose()
    }

    fn close(&self, py: Python<'_>) {
        if let Ok(batches) = self.handle.get(py) {
            detached(py, || batches.close());
        }
    }
}
