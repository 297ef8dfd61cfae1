//! Dictionary and run-end encoded columns: stored as plain values, encoded again when read.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::*;
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, FieldRef};
use arrow_select::take::take;

use super::restore::from_storage;
use super::storage::{mismatch, to_storage};
use crate::error::{Code, Error, Result};

pub(super) fn dictionary_to_storage(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return Err(mismatch(array.data_type(), array.data_type()));
    };
    Ok(take(&to_storage(dictionary.values())?, dictionary.keys(), None)?)
}

pub(super) fn runs_to_storage(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => expand::<Int16Type>(array),
            DataType::Int32 => expand::<Int32Type>(array),
            _ => expand::<Int64Type>(array),
        },
        other => Err(mismatch(other, other)),
    }
}

fn expand<R: RunEndIndexType>(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(runs) = array.as_run_opt::<R>() else {
        return Err(mismatch(array.data_type(), array.data_type()));
    };
    let mut physical = Vec::with_capacity(runs.len());
    let mut row = runs.offset();
    let end = row + runs.len();
    let first = if runs.is_empty() { 0 } else { runs.get_start_physical_index() };
    for (run, run_end) in runs.run_ends().values().iter().enumerate().skip(first) {
        let run_end = arrow_buffer::ArrowNativeType::as_usize(*run_end).min(end);
        while row < run_end {
            physical.push(run as u64);
            row += 1;
        }
    }
    Ok(take(&to_storage(runs.values())?, &UInt64Array::from(physical), None)?)
}

/// Encodes stored values as a dictionary with keys of the user's type; null values become null keys.
///
/// Fails with [`Code::LimitExceeded`] if one batch has more distinct values than keys: the writer's batches, each
/// with a dictionary of its own, may have been merged.
pub(super) fn restore_dictionary(array: &ArrayRef, key: &DataType, value: &DataType) -> Result<ArrayRef> {
    let (ids, firsts) = distinct(array)?;
    let dictionary = from_storage(&take(array, &UInt32Array::from(firsts), None)?, value)?;
    match key {
        DataType::Int8 => keyed::<Int8Type>(&ids, dictionary),
        DataType::Int16 => keyed::<Int16Type>(&ids, dictionary),
        DataType::Int32 => keyed::<Int32Type>(&ids, dictionary),
        DataType::Int64 => keyed::<Int64Type>(&ids, dictionary),
        DataType::UInt8 => keyed::<UInt8Type>(&ids, dictionary),
        DataType::UInt16 => keyed::<UInt16Type>(&ids, dictionary),
        DataType::UInt32 => keyed::<UInt32Type>(&ids, dictionary),
        DataType::UInt64 => keyed::<UInt64Type>(&ids, dictionary),
        other => Err(mismatch(array.data_type(), other)),
    }
}

fn keyed<K: ArrowDictionaryKeyType>(ids: &[Option<u32>], values: ArrayRef) -> Result<ArrayRef>
where
    K::Native: TryFrom<u32>,
{
    let too_many = || {
        let message = format!(
            "{} distinct values do not fit a dictionary with keys of type {}: read smaller batches, or store the \
             column with wider keys",
            values.len(),
            K::DATA_TYPE
        );
        Error::new(Code::LimitExceeded, message)
    };
    let narrow = |id: &Option<u32>| id.map(|id| K::Native::try_from(id).map_err(|_| too_many())).transpose();
    let keys: PrimitiveArray<K> = ids.iter().map(narrow).collect::<Result<Vec<_>>>()?.into_iter().collect();
    Ok(Arc::new(DictionaryArray::<K>::try_new(keys, values)?))
}

/// For each row the number of its value in order of first occurrence, and the rows of the first occurrences.
fn distinct(array: &ArrayRef) -> Result<(Vec<Option<u32>>, Vec<u32>)> {
    let rows = rows_of(array)?;
    let mut known: HashMap<&[u8], u32> = HashMap::new();
    let (mut ids, mut firsts) = (Vec::with_capacity(array.len()), Vec::new());
    for (row, position) in (0..array.len()).zip(0u32..) {
        if array.is_null(row) {
            ids.push(None);
            continue;
        }
        let next = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
        let id = *known.entry(rows.row(row).data()).or_insert(next);
        if id == next {
            firsts.push(position);
        }
        ids.push(Some(id));
    }
    Ok((ids, firsts))
}

/// Bytes that are equal exactly when two rows are, bit for bit.
fn rows_of(array: &ArrayRef) -> Result<arrow_row::Rows> {
    let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
    Ok(converter.convert_columns(&[Arc::clone(array)])?)
}

/// Encodes stored values as runs with ends of the user's type.
pub(super) fn restore_runs(array: &ArrayRef, ends: &FieldRef, values: &FieldRef) -> Result<ArrayRef> {
    let rows = rows_of(array)?;
    let starts: Vec<u64> =
        (0..array.len()).filter(|&row| row == 0 || rows.row(row) != rows.row(row - 1)).map(|row| row as u64).collect();
    let run_ends: Vec<u64> =
        starts.iter().skip(1).copied().chain((!array.is_empty()).then_some(array.len() as u64)).collect();
    let distinct = from_storage(&take(array, &UInt64Array::from(starts), None)?, values.data_type())?;
    match ends.data_type() {
        DataType::Int16 => with_ends::<Int16Type>(&run_ends, &distinct, ends, values),
        DataType::Int32 => with_ends::<Int32Type>(&run_ends, &distinct, ends, values),
        _ => with_ends::<Int64Type>(&run_ends, &distinct, ends, values),
    }
}

fn with_ends<R: RunEndIndexType>(
    run_ends: &[u64],
    values: &ArrayRef,
    ends: &FieldRef,
    field: &FieldRef,
) -> Result<ArrayRef>
where
    R::Native: TryFrom<u64>,
{
    let narrow = |&end: &u64| {
        R::Native::try_from(end).map_err(|_| {
            let message =
                format!("a batch of {end} rows has no run ends of type {}: read smaller batches", R::DATA_TYPE);
            Error::new(Code::LimitExceeded, message)
        })
    };
    let run_ends = PrimitiveArray::<R>::from_iter_values(run_ends.iter().map(narrow).collect::<Result<Vec<_>>>()?);
    let runs: ArrayRef = Arc::new(RunArray::<R>::try_new(&run_ends, values)?);
    // The fields' names, nullability and metadata are part of the type that the user declared.
    let data_type = DataType::RunEndEncoded(Arc::clone(ends), Arc::clone(field));
    Ok(make_array(runs.to_data().into_builder().data_type(data_type).build()?))
}
