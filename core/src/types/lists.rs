//! Lists of every layout, and maps, between the user's form and the stored one.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::*;
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef};
use arrow_select::take::take;

use super::restore::from_storage;
use super::storage::{mismatch, struct_to_storage, to_storage};
use crate::bail;
use crate::error::{Code, Error, Result};

pub(super) fn list_to_storage<O: OffsetSizeTrait>(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let (DataType::List(field) | DataType::LargeList(field)) = target else {
        return Err(mismatch(array.data_type(), target));
    };
    let list = array.as_list::<O>();
    let values = to_storage(list.values())?;
    let nulls = list.nulls().cloned();
    Ok(Arc::new(GenericListArray::<O>::try_new(Arc::clone(field), list.offsets().clone(), values, nulls)?))
}

/// Views become adjacent lists: elements that views share are stored once per view, elements outside are left out.
pub(super) fn view_to_storage<O: OffsetSizeTrait>(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let DataType::LargeList(field) = target else {
        return Err(mismatch(array.data_type(), target));
    };
    let list = array.as_list_view::<O>();
    let size = |row: usize| if list.is_null(row) { 0 } else { list.value_size(row).as_usize() };
    let total = (0..list.len()).try_fold(0usize, |sum, row| sum.checked_add(size(row)));
    let Some(total) = total.filter(|&total| u32::try_from(total).is_ok()) else {
        bail!(Code::LimitExceeded, "list views of one batch repeat more than 2^32 elements: use smaller batches");
    };
    let mut elements = Vec::with_capacity(total);
    let mut offsets = Vec::with_capacity(list.len() + 1);
    offsets.push(0);
    for row in 0..list.len() {
        let begin = list.value_offset(row).as_usize() as u64;
        elements.extend(begin..begin + size(row) as u64);
        offsets.push(offset::<i64>(elements.len())?);
    }
    let values = take(&to_storage(list.values())?, &UInt64Array::from(elements), None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(LargeListArray::try_new(Arc::clone(field), offsets, values, list.nulls().cloned())?))
}

pub(super) fn fixed_to_storage(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let DataType::FixedSizeList(field, size) = target else {
        return Err(mismatch(array.data_type(), target));
    };
    let list = array.as_fixed_size_list();
    fixed(field, *size, to_storage(list.values())?, list.nulls().cloned(), list.len())
}

pub(super) fn map_to_storage(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let DataType::List(field) = target else {
        return Err(mismatch(array.data_type(), target));
    };
    let map = array.as_map();
    let entries = struct_to_storage(map.entries(), field.data_type())?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), map.offsets().clone(), entries, map.nulls().cloned())?))
}

/// A stored list, whatever layout the fragment reader returned.
struct StoredList {
    offsets: OffsetBuffer<i64>,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
}

impl StoredList {
    fn try_new(array: &ArrayRef, target: &DataType) -> Result<Self> {
        match array.data_type() {
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let (offsets, values) = (list.offsets().clone(), Arc::clone(list.values()));
                Ok(Self { offsets, values, nulls: list.nulls().cloned() })
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.offsets().iter().map(|&offset| i64::from(offset)).collect();
                let (offsets, values) = (OffsetBuffer::new(offsets), Arc::clone(list.values()));
                Ok(Self { offsets, values, nulls: list.nulls().cloned() })
            }
            DataType::ListView(_) | DataType::LargeListView(_) => Self::try_new(&to_storage(array)?, target),
            other => Err(mismatch(other, target)),
        }
    }

    fn offsets_as<O: OffsetSizeTrait>(&self) -> Result<OffsetBuffer<O>> {
        let narrow = self.offsets.iter().map(|&value| offset(value.as_usize())).collect::<Result<Vec<O>>>()?;
        Ok(OffsetBuffer::new(ScalarBuffer::from(narrow)))
    }
}

pub(super) fn restore_list<O: OffsetSizeTrait>(
    array: &ArrayRef,
    target: &DataType,
    field: &FieldRef,
) -> Result<ArrayRef> {
    if let Some(list) = array.as_list_opt::<O>() {
        let values = from_storage(list.values(), field.data_type())?;
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        return Ok(Arc::new(GenericListArray::<O>::try_new(Arc::clone(field), offsets, values, nulls)?));
    }
    let list = StoredList::try_new(array, target)?;
    let values = from_storage(&list.values, field.data_type())?;
    let offsets = list.offsets_as::<O>()?;
    Ok(Arc::new(GenericListArray::<O>::try_new(Arc::clone(field), offsets, values, list.nulls)?))
}

pub(super) fn restore_view<O: OffsetSizeTrait>(
    array: &ArrayRef,
    target: &DataType,
    field: &FieldRef,
) -> Result<ArrayRef> {
    let list = StoredList::try_new(array, target)?;
    let values = from_storage(&list.values, field.data_type())?;
    let offsets = list.offsets_as::<O>()?;
    let sizes = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let begins = offsets.inner().slice(0, offsets.len() - 1);
    Ok(Arc::new(GenericListViewArray::<O>::try_new(Arc::clone(field), begins, sizes, values, list.nulls)?))
}

pub(super) fn restore_fixed(array: &ArrayRef, target: &DataType, field: &FieldRef, size: i32) -> Result<ArrayRef> {
    match array.as_fixed_size_list_opt() {
        Some(list) if list.value_length() == size => {
            let values = from_storage(list.values(), field.data_type())?;
            fixed(field, size, values, list.nulls().cloned(), list.len())
        }
        _ => Err(mismatch(array.data_type(), target)),
    }
}

pub(super) fn restore_map(array: &ArrayRef, target: &DataType, entries: &FieldRef, sorted: bool) -> Result<ArrayRef> {
    let list = StoredList::try_new(array, target)?;
    let values = from_storage(&list.values, entries.data_type())?;
    let Some(values) = values.as_struct_opt().filter(|values| values.null_count() == 0) else {
        bail!(Code::Corrupt, "a stored map has an entry that is null");
    };
    // The storage form marks every entry as nullable, a map's entries have no validity at all.
    let (fields, columns, _) = values.clone().into_parts();
    let values = StructArray::try_new_with_length(fields, columns, None, list.values.len())?;
    let offsets = list.offsets_as::<i32>()?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, values, list.nulls, sorted)?))
}

fn fixed(field: &FieldRef, size: i32, values: ArrayRef, nulls: Option<NullBuffer>, len: usize) -> Result<ArrayRef> {
    Ok(Arc::new(FixedSizeListArray::try_new_with_length(Arc::clone(field), size, values, nulls, len)?))
}

fn offset<O: OffsetSizeTrait>(value: usize) -> Result<O> {
    O::from_usize(value).ok_or_else(|| {
        Error::new(Code::LimitExceeded, "the lists of one batch exceed 2^31 elements: read smaller batches")
    })
}
