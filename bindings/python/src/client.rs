//! Roots of tables.

use pyo3::prelude::*;
use spiral_bindings::{Asof, ClientOptions, KeyColumn, ScanTable};

use crate::ending::detached;
use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::scan::{Plan, Snapshot, scan_options};
use crate::table::Table;

/// What a scan may read.
#[derive(FromPyObject)]
enum Source<'py> {
    Table(PyRef<'py, Table>),
    Snapshot(PyRef<'py, Snapshot>),
}

impl Source<'_> {
    fn under(self, py: Python<'_>, name: String) -> PyResult<ScanTable> {
        match self {
            Self::Table(table) => Ok(ScanTable::new(name, &table.handle.get(py)?)),
            Self::Snapshot(snapshot) => Ok(ScanTable::at(name, &snapshot.handle.get(py)?)),
        }
    }
}

#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct Client {
    handle: Handle<spiral_bindings::Client>,
    #[pyo3(get)]
    url: String,
}

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, url: Option<String>, options: &str) -> PyResult<Self> {
        let options = ClientOptions::from_json(options).or_raise(py)?;
        let client = detached(py, || spiral_bindings::Client::configured(url, &options)).or_raise(py)?;
        Ok(Self { url: client.url().to_owned(), handle: Handle::new(client) })
    }

    fn create_table(
        &self,
        py: Python<'_>,
        name: String,
        keys: Vec<(String, String)>,
        exist_ok: bool,
    ) -> PyResult<Table> {
        let keys: Vec<KeyColumn> = keys.into_iter().map(|(name, data_type)| KeyColumn::new(name, data_type)).collect();
        self.handle.wait(py, move |client| client.create_table(&name, &keys, exist_ok)).map(Table::new)
    }

    fn table(&self, py: Python<'_>, name: String) -> PyResult<Table> {
        self.handle.wait(py, move |client| client.table(&name)).map(Table::new)
    }

    fn table_at_root(&self, py: Python<'_>) -> PyResult<Table> {
        self.handle.wait(py, move |client| client.table_at_root()).map(Table::new)
    }

    fn tables(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.handle.wait(py, move |client| client.tables())
    }

    fn rename_table(&self, py: Python<'_>, name: String, new_name: String) -> PyResult<()> {
        self.handle.wait(py, move |client| client.rename_table(&name, &new_name))
    }

    fn drop_table(&self, py: Python<'_>, name: String) -> PyResult<()> {
        self.handle.wait(py, move |client| client.drop_table(&name))
    }

    fn projects(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.handle.wait(py, move |client| client.projects())
    }

    fn create_project(&self, py: Python<'_>, prefix: Option<String>) -> PyResult<String> {
        self.handle.wait(py, move |client| client.create_project(prefix.as_deref()))
    }

    /// Plans a scan over tables and snapshots by their names in it.
    fn scan(
        &self,
        py: Python<'_>,
        tables: Vec<(String, Source<'_>)>,
        options: &str,
        begin: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        asof: Option<&str>,
    ) -> PyResult<Plan> {
        let options = scan_options(py, options, begin, end)?;
        let asof = Asof::maybe(asof).or_raise(py)?;
        let tables = tables.into_iter().map(|(name, source)| source.under(py, name)).collect::<PyResult<_>>()?;
        self.handle.wait(py, move |client| client.scan(tables, options, asof)).map(Plan::new)
    }

    fn close(&self, py: Python<'_>) {
        self.handle.close(py);
    }
}
