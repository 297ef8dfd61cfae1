//! Roots of tables.

use pyo3::prelude::*;
use spiral_bindings::{ClientOptions, KeyColumn};

use crate::ending::detached;
use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::table::Table;
use crate::wait::wait;

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
        let client = self.handle.get(py)?;
        let keys: Vec<KeyColumn> = keys.into_iter().map(|(name, data_type)| KeyColumn::new(name, data_type)).collect();
        wait(py, move || client.create_table(&name, &keys, exist_ok)).map(Table::new)
    }

    fn table(&self, py: Python<'_>, name: String) -> PyResult<Table> {
        let client = self.handle.get(py)?;
        wait(py, move || client.table(&name)).map(Table::new)
    }

    fn table_at_root(&self, py: Python<'_>) -> PyResult<Table> {
        let client = self.handle.get(py)?;
        wait(py, move || client.table_at_root()).map(Table::new)
    }

    fn tables(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let client = self.handle.get(py)?;
        wait(py, move || client.tables())
    }

    fn rename_table(&self, py: Python<'_>, name: String, new_name: String) -> PyResult<()> {
        let client = self.handle.get(py)?;
        wait(py, move || client.rename_table(&name, &new_name))
    }

    fn drop_table(&self, py: Python<'_>, name: String) -> PyResult<()> {
        let client = self.handle.get(py)?;
        wait(py, move || client.drop_table(&name))
    }

    fn projects(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let client = self.handle.get(py)?;
        wait(py, move || client.projects())
    }

    fn create_project(&self, py: Python<'_>, prefix: Option<String>) -> PyResult<String> {
        let client = self.handle.get(py)?;
        wait(py, move || client.create_project(prefix.as_deref()))
    }

    fn close(&self, py: Python<'_>) {
        self.handle.close(py);
    }
}
