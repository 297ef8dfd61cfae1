//! Snapshots, plans and streams of batches.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyField, PyRecordBatch, PySchema};
use spiral_bindings::{ScanOptions, to_json};

use crate::ending::detached;
use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::values::values;
use crate::wait::{current, wait_guarded};

/// Path, name of the type, field, and whether it is part of the key.
type Column = (String, String, PyField, bool);

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Snapshot {
    pub(crate) handle: Handle<spiral_bindings::Snapshot>,
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
    fn schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        self.handle.wait(py, move |snapshot| snapshot.schema()).map(PySchema::new)
    }

    fn columns(&self, py: Python<'_>) -> PyResult<Vec<Column>> {
        let columns = self.handle.wait(py, move |snapshot| snapshot.columns())?;
        Ok(columns.into_iter().map(|info| (info.path, info.type_name, PyField::new(info.field), info.is_key)).collect())
    }

    fn scan(
        &self,
        py: Python<'_>,
        options: &str,
        begin: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Plan> {
        let options = scan_options(py, options, begin, end)?;
        self.handle.wait(py, move |snapshot| snapshot.scan(options)).map(Plan::new)
    }
}

/// `options` is JSON, `begin` and `end` are keys.
pub(crate) fn scan_options(
    py: Python<'_>,
    options: &str,
    begin: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
) -> PyResult<ScanOptions> {
    let options = ScanOptions::from_json(options).or_raise(py)?;
    Ok(options.between(begin.map(values).transpose()?, end.map(values).transpose()?))
}

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Plan {
    handle: Handle<spiral_bindings::Plan>,
}

impl Plan {
    pub(crate) fn new(plan: spiral_bindings::Plan) -> Self {
        Self { handle: Handle::new(plan) }
    }
}

#[pymethods]
impl Plan {
    /// The versions that it reads, one of each table.
    fn snapshots(&self, py: Python<'_>) -> PyResult<Vec<Snapshot>> {
        Ok(self.handle.get(py)?.snapshots().into_iter().map(Snapshot::new).collect())
    }

    fn schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        Ok(PySchema::new(self.handle.get(py)?.schema()))
    }

    fn key_schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        Ok(PySchema::new(self.handle.get(py)?.key_schema()))
    }

    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.handle.get(py)?.is_empty())
    }

    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.handle.get(py)?.explain())
    }

    /// As JSON.
    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        Ok(to_json(&self.handle.get(py)?.metrics()))
    }

    fn batches(&self, py: Python<'_>) -> PyResult<Batches> {
        let plan = self.handle.get(py)?;
        let token = current(py)?;
        // A cancelled operation does not start.
        let batches = wait_guarded(py, token.clone(), async move { Ok(plan.batches()) })?;
        Ok(Batches { handle: Handle::new(batches), token })
    }

    /// Rows, and the position of the key of each.
    fn take(&self, py: Python<'_>, keys: PyRecordBatch) -> PyResult<(PyRecordBatch, PyArray)> {
        let keys = keys.into_inner();
        let taken = self.handle.wait(py, move |plan| plan.take(keys))?;
        Ok((PyRecordBatch::new(taken.rows), PyArray::from_array_ref(Arc::new(taken.positions))))
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

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyRecordBatch>> {
        let batches = self.handle.get(py)?;
        let batch = wait_guarded(py, self.token.clone(), async move { batches.next().await })?;
        Ok(batch.map(PyRecordBatch::new))
    }

    fn close(&self, py: Python<'_>) {
        if let Ok(batches) = self.handle.get(py) {
            detached(py, || batches.close());
        }
    }
}
