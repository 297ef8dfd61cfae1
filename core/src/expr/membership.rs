//! Lists of constants for `in`, sorted once so that each row costs a binary search, however long the list.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ArrowNativeTypeOp, BooleanArray, PrimitiveArray, downcast_primitive_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;

use super::literal::Literal;
use crate::error::Result;

/// The distinct values of a list, sorted, all of the type of the expression they are looked up for.
#[derive(Debug, Clone)]
pub struct ListSet {
    values: Vec<Literal>,
    array: ArrayRef,
    has_null: bool,
}

impl PartialEq for ListSet {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.has_null == other.has_null
    }
}

impl ListSet {
    /// Sorts non-null literals of one type.
    pub(super) fn new(mut values: Vec<Literal>, has_null: bool, data_type: &DataType) -> Result<Self> {
        values.sort_by(|left, right| left.compare(right).unwrap_or(Ordering::Equal));
        values.dedup_by(|next, first| first.compare(next) == Some(Ordering::Equal));
        let arrays = values.iter().map(Literal::to_array).collect::<Result<Vec<_>>>()?;
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let array = if arrays.is_empty() {
            arrow_array::new_empty_array(data_type)
        } else {
            arrow_select::concat::concat(&arrays)?
        };
        Ok(Self { values, array, has_null })
    }

    /// The distinct non-null values in ascending order.
    pub fn values(&self) -> &[Literal] {
        &self.values
    }

    /// Whether the list also holds a null, which makes the answer null for values that are not in it.
    pub fn has_null(&self) -> bool {
        self.has_null
    }

    /// The values as an array.
    pub(super) fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// Looks up each value of an array of the list's type, without encoding and with canonical floats.
    pub(super) fn contains(&self, input: &dyn Array) -> Result<BooleanArray> {
        let found = self.search(input)?;
        let nulls = input.logical_nulls();
        if !self.has_null {
            return Ok(BooleanArray::new(found, nulls));
        }
        let known = NullBuffer::new(found.clone());
        Ok(BooleanArray::new(found, NullBuffer::union(nulls.as_ref(), Some(&known))))
    }

    fn search(&self, input: &dyn Array) -> Result<BooleanBuffer> {
        let rows = input.len();
        let list = self.array.as_ref();
        Ok(downcast_primitive_array! {
            input => {
                let list = same_type(list, input);
                BooleanBuffer::collect_bool(rows, |row| {
                    let value = input.value(row);
                    list.binary_search_by(|item| item.compare(value)).is_ok()
                })
            },
            DataType::Utf8 => self.search_bytes(rows, |row| input.as_string::<i32>().value(row).as_bytes()),
            DataType::LargeUtf8 => self.search_bytes(rows, |row| input.as_string::<i64>().value(row).as_bytes()),
            DataType::Utf8View => self.search_bytes(rows, |row| input.as_string_view().value(row).as_bytes()),
            DataType::Binary => self.search_bytes(rows, |row| input.as_binary::<i32>().value(row)),
            DataType::LargeBinary => self.search_bytes(rows, |row| input.as_binary::<i64>().value(row)),
            DataType::BinaryView => self.search_bytes(rows, |row| input.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => self.search_bytes(rows, |row| input.as_fixed_size_binary().value(row)),
            DataType::Boolean => {
                let booleans = input.as_boolean();
                let has = |value: bool| self.values.contains(&Literal::Boolean(value));
                let (has_true, has_false) = (has(true), has(false));
                BooleanBuffer::collect_bool(rows, |row| if booleans.value(row) { has_true } else { has_false })
            }
            // Values without an order are never in a list: the binder has refused them.
            _ => BooleanBuffer::new_unset(rows),
        })
    }

    fn search_bytes<'a>(&self, rows: usize, value: impl Fn(usize) -> &'a [u8]) -> BooleanBuffer {
        BooleanBuffer::collect_bool(rows, |row| {
            let value = value(row);
            self.values.binary_search_by(|item| bytes(item).cmp(value)).is_ok()
        })
    }
}

fn bytes(literal: &Literal) -> &[u8] {
    match literal {
        Literal::Utf8(text) => text.as_bytes(),
        Literal::Binary(bytes) => bytes,
        _ => &[],
    }
}

/// The list's values in the native type of the input; none if the types differ, which the evaluator excludes.
fn same_type<'a, T: arrow_array::ArrowPrimitiveType>(list: &'a dyn Array, _: &PrimitiveArray<T>) -> &'a [T::Native] {
    list.as_primitive_opt::<T>().map_or(&[], |list| list.values())
}
