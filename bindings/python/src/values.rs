//! Python's values as values of the facade.

use std::sync::Arc;

use arrow_schema::TimeUnit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3_arrow::{PyArray, PyField, PyRecordBatch, PySchema};
use spiral_bindings::{Code, Error, Value, batch_from_rows, key_batch, type_text, values_from_array};

use crate::errors::OrRaise;

/// Deepest nesting that is followed: a list may contain itself.
const MAX_DEPTH: usize = 64;

fn value(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > MAX_DEPTH {
        let message = format!("values nest deeper than {MAX_DEPTH} levels");
        return Err(Error::new(Code::LimitExceeded, message)).or_raise(object.py());
    }
    if object.is_none() {
        Ok(Value::Null)
    } else if let Ok(value) = object.cast::<PyBool>() {
        Ok(Value::Bool(value.is_true()))
    } else if object.is_instance_of::<PyInt>() {
        if let Ok(number) = object.extract() {
            return Ok(Value::Int(number));
        }
        // What no integer holds, a decimal may.
        object.extract().map(Value::UInt).or_else(|_| Ok(Value::Decimal(object.str()?.to_str()?.to_owned())))
    } else if object.is_instance_of::<PyFloat>() {
        object.extract().map(Value::Float)
    } else if object.is_instance_of::<PyString>() {
        object.extract().map(Value::Text)
    } else if object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>() {
        object.extract().map(Value::Binary)
    } else if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        object.try_iter()?.map(|item| value(&item?, depth + 1)).collect::<PyResult<_>>().map(Value::List)
    } else if let Ok(members) = object.cast::<PyDict>() {
        members_of(members, depth + 1).map(Value::Struct)
    } else {
        other(object)
    }
}

fn members_of(members: &Bound<'_, PyDict>, depth: usize) -> PyResult<Vec<(Arc<str>, Value)>> {
    members.iter().map(|(name, member)| Ok((Arc::from(name.extract::<String>()?), value(&member, depth)?))).collect()
}

/// Dates, times, decimals, and whatever else an Arrow array can be made of.
fn other(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    let (kind, raw): (String, Bound<'_, PyAny>) =
        object.py().import("spiral._values")?.getattr("raw")?.call1((object,))?.extract()?;
    let unit = TimeUnit::Microsecond;
    Ok(match kind.as_str() {
        "date" => Value::Date(raw.extract()?),
        "time" => Value::Time(raw.extract()?, unit),
        "timestamp" => Value::Timestamp(raw.extract()?, unit),
        "duration" => Value::Duration(raw.extract()?, unit),
        "decimal" => Value::Decimal(raw.extract()?),
        "binary" => Value::Binary(raw.extract()?),
        _ => {
            let found = values_from_array(raw.extract::<PyArray>()?.array()).or_raise(object.py())?;
            found.into_iter().next().unwrap_or(Value::Null)
        }
    })
}

/// The values of any iterable.
pub(crate) fn values(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Value>> {
    objects.try_iter()?.map(|object| value(&object?, 0)).collect()
}

/// Keys, each a sequence of its parts, as a batch of these key columns.
#[pyfunction]
pub(crate) fn keys(py: Python<'_>, schema: PySchema, keys: &Bound<'_, PyAny>) -> PyResult<PyRecordBatch> {
    let keys = keys.try_iter()?.map(|key| values(&key?)).collect::<PyResult<Vec<_>>>()?;
    key_batch(&schema.into_inner(), &keys).or_raise(py).map(PyRecordBatch::new)
}

/// The name of a field's type, as in schemas and expressions.
#[pyfunction]
pub(crate) fn type_name(field: PyField) -> String {
    type_text(field.into_inner().data_type())
}

/// The types in which rows of a table are written.
#[pyclass(frozen, module = "spiral._spiral")]
pub(crate) struct RowTypes(spiral_bindings::RowTypes);

#[pymethods]
impl RowTypes {
    #[new]
    fn new(py: Python<'_>, schema: PySchema, declared: Vec<(String, String)>) -> PyResult<Self> {
        let mut types = spiral_bindings::RowTypes::new(&schema.into_inner());
        for (column, name) in declared {
            types.declare(&column, &name).or_raise(py)?;
        }
        Ok(Self(types))
    }

    /// Rows, each a dict, as a batch.
    fn rows(&self, py: Python<'_>, rows: Vec<Bound<'_, PyDict>>) -> PyResult<PyRecordBatch> {
        let rows = rows.iter().map(|row| members_of(row, 0)).collect::<PyResult<Vec<_>>>()?;
        batch_from_rows(&rows, &self.0).or_raise(py).map(PyRecordBatch::new)
    }

    /// The values of one column as an array.
    fn array(&self, py: Python<'_>, path: &str, column: &Bound<'_, PyAny>) -> PyResult<PyArray> {
        let (field, array) = self.0.column(path, &values(column)?).or_raise(py)?;
        Ok(PyArray::new(array, field))
    }
}
