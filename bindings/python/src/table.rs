//! Tables and transactions.

use pyo3::prelude::*;
use pyo3_arrow::{PyRecordBatch, PySchema};
use spiral_bindings::{Asof, WriteOptions};

use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::scan::Snapshot;
use crate::wait::wait_feeding;

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Table {
    pub(crate) handle: Handle<spiral_bindings::Table>,
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    id: String,
}

impl Table {
    pub(crate) fn new(table: spiral_bindings::Table) -> Self {
        Self { name: table.name().to_owned(), id: table.id().to_owned(), handle: Handle::new(table) }
    }
}

#[pymethods]
impl Table {
    fn key_schema(&self, py: Python<'_>) -> PyResult<PySchema> {
        Ok(PySchema::new(self.handle.get(py)?.key_schema()))
    }

    fn snapshot(&self, py: Python<'_>, asof: Option<&str>) -> PyResult<Snapshot> {
        let asof = Asof::maybe(asof).or_raise(py)?;
        self.handle.wait(py, move |table| table.snapshot(asof)).map(Snapshot::new)
    }

    /// As JSON, like all commits.
    fn write(&self, py: Python<'_>, batches: &Bound<'_, PyAny>, push_down_nulls: bool) -> PyResult<String> {
        let table = self.handle.get(py)?;
        let options = WriteOptions { push_down_nulls };
        wait_feeding(py, batches, move |pieces| table.write_pieces(pieces, Vec::new(), options).json())
    }

    fn delete(&self, py: Python<'_>, keys: Vec<PyRecordBatch>) -> PyResult<String> {
        let keys = keys.into_iter().map(PyRecordBatch::into_inner).collect();
        self.handle.wait(py, move |table| table.delete(keys).json())
    }

    fn delete_where(&self, py: Python<'_>, filter: String) -> PyResult<String> {
        self.handle.wait(py, move |table| table.delete_where(&filter).json())
    }

    fn transaction(&self, py: Python<'_>) -> PyResult<Transaction> {
        let transaction = self.handle.get(py)?.transaction();
        let (id, began) = (transaction.id().to_owned(), transaction.began());
        Ok(Transaction { handle: Handle::new(transaction), id, began })
    }

    fn history(&self, py: Python<'_>, limit: usize) -> PyResult<String> {
        self.handle.wait(py, move |table| table.history(limit).json())
    }

    fn close(&self, py: Python<'_>) {
        self.handle.close(py);
    }
}

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Transaction {
    handle: Handle<spiral_bindings::Transaction>,
    #[pyo3(get)]
    id: String,
    #[pyo3(get)]
    began: u64,
}

#[pymethods]
impl Transaction {
    fn write(&self, py: Python<'_>, batches: &Bound<'_, PyAny>, push_down_nulls: bool) -> PyResult<()> {
        let transaction = self.handle.get(py)?;
        let options = WriteOptions { push_down_nulls };
        wait_feeding(py, batches, move |pieces| transaction.write_pieces(pieces, Vec::new(), options))
    }

    fn delete(&self, py: Python<'_>, keys: Vec<PyRecordBatch>) -> PyResult<()> {
        let keys = keys.into_iter().map(PyRecordBatch::into_inner).collect();
        self.handle.wait(py, move |transaction| transaction.delete(keys))
    }

    fn delete_where(&self, py: Python<'_>, filter: String) -> PyResult<()> {
        self.handle.wait(py, move |transaction| transaction.delete_where(&filter))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<String> {
        self.handle.wait(py, move |transaction| transaction.commit().json())
    }

    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        let transaction = self.handle.get(py)?;
        // Abandoning is what cancelling asks for as well.
        crate::wait::wait_guarded(py, None, async move { transaction.abort().await })
    }
}
