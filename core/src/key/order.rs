//! Many keys of one schema in memory, comparable at the speed of their type.
//!
//! The order is the byte order of the keys' tuples. Merging, taking and checking a write all compare keys millions of
//! times, so each shape of key has its own form: one integer, timestamp or float column is a vector of 64-bit words,
//! one string or binary column stays where it is, everything else becomes memory-comparable rows.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::take::take;

use super::element::{ordered_u32, ordered_u64};
use super::view::{AnyBytes, RowView, TupleView};
use super::{
    Key, KeyRange, KeySchema, KeyView, KeyVisitor, MAX_KEY_PART_BYTES, TupleEncoder, canonical_column, encode,
    first_at_least,
};
use crate::bail;
use crate::error::{Code, Result};

/// Whether keys come in strictly ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortedCheck {
    /// Every key is greater than the one before it.
    Sorted,
    /// Some key is less than the one before it.
    Unsorted,
    /// The key of this row equals the one before it; up to here the keys are sorted.
    Duplicate(usize),
}

/// The keys of a batch or a run. Clones and slices share the data.
#[derive(Clone)]
pub struct KeyRows {
    schema: KeySchema,
    columns: Arc<[ArrayRef]>,
    form: Form,
    len: usize,
}

#[derive(Clone)]
enum Form {
    Signed(ScalarBuffer<i64>),
    Unsigned(ScalarBuffer<u64>),
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Rows(Arc<Rows>, usize),
}

impl KeyRows {
    /// Takes the key columns of some rows, in the order of the schema. Strings and binary may have any layout.
    ///
    /// Fails with [`Code::NullKey`], [`Code::KeyTooLong`] or [`Code::TypeMismatch`], naming column and row.
    pub fn try_new(schema: KeySchema, columns: &[ArrayRef]) -> Result<Self> {
        if columns.len() != schema.len() {
            bail!(Code::MissingKeyColumn, "the key has {} columns, got {}", schema.len(), columns.len());
        }
        schema.check(columns)?;
        let len = columns[0].len();
        if u32::try_from(len).is_err() {
            bail!(Code::LimitExceeded, "a batch holds at most 2^32 - 1 keys, got {len}");
        }
        for (field, column) in schema.fields().iter().zip(columns) {
            check_lengths(field.name(), column)?;
        }
        let columns: Arc<[ArrayRef]> = columns.iter().map(canonical_column).collect();
        let form = Form::try_new(&columns)?;
        Ok(Self { schema, columns, form, len })
    }

    /// The key's schema.
    pub fn schema(&self) -> &KeySchema {
        &self.schema
    }

    /// The key columns, with floats in their canonical form.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of the keys, without a copy. Panics if the part exceeds them.
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        assert!(offset.saturating_add(len) <= self.len, "slice {offset}+{len} of {} keys", self.len);
        Self {
            schema: self.schema.clone(),
            columns: self.columns.iter().map(|column| column.slice(offset, len)).collect(),
            form: self.form.slice(offset, len),
            len,
        }
    }

    /// The keys of the given rows, copied.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|column| take(column, rows, None)).collect::<std::result::Result<_, _>>()?;
        Self::try_new(self.schema.clone(), &columns)
    }

    /// The tuple of one key.
    pub fn key(&self, row: usize) -> Key {
        self.tuple(row).into()
    }

    pub(super) fn tuple(&self, row: usize) -> Vec<u8> {
        // The columns were checked when this was created, so that encoding them cannot fail.
        encode(&self.columns, row).unwrap_or_default()
    }

    /// Compares a key with a key of the same schema.
    #[inline]
    pub fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        self.visit_with(other, Compare { row, other_row })
    }

    /// First row of `range` whose key is not below a key of `other`, or the range's end. The keys must be sorted.
    pub fn lower_bound(&self, range: Range<usize>, other: &Self, other_row: usize) -> usize {
        self.visit_with(other, LowerBound { range, other_row })
    }

    /// First row whose tuple is not below `bytes`, which may be any bound. The keys must be sorted.
    pub fn lower_bound_bytes(&self, bytes: &[u8]) -> Result<usize> {
        let encoder = TupleEncoder::try_new(&self.columns)?;
        let mut tuple = Vec::new();
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            tuple.clear();
            encoder.write(middle, &mut tuple);
            if tuple.as_slice() < bytes { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The rows whose keys lie in `range`. The keys must be sorted.
    pub fn rows_in(&self, range: &KeyRange) -> Result<Range<usize>> {
        let begin = self.lower_bound_bytes(range.begin().as_bytes())?;
        let end = range.end().map_or(Ok(self.len), |end| self.lower_bound_bytes(end.as_bytes()))?;
        Ok(begin..end.max(begin))
    }

    /// Whether the keys ascend strictly.
    pub fn check_sorted(&self) -> SortedCheck {
        self.visit_one(CheckSorted)
    }

    /// The rows in key order; rows of equal keys keep their order.
    pub fn sort_indices(&self) -> UInt32Array {
        self.visit_one(SortIndices)
    }

    /// Runs generic code over the typed keys of several inputs of one schema.
    pub fn visit<K: KeyVisitor>(inputs: &[Self], visitor: K) -> K::Output {
        macro_rules! try_form {
            ($($view:ident),*) => {$(
                if let Some(views) = inputs.iter().map(Self::$view).collect::<Option<Vec<_>>>() {
                    return visitor.visit(&views);
                }
            )*};
        }
        try_form!(signed, unsigned, small, large, view, rows, any_bytes);
        visitor.visit(&inputs.iter().map(TupleView).collect::<Vec<_>>())
    }

    /// Runs generic code over the typed keys of this and another input.
    #[inline]
    pub fn visit_with<K: KeyVisitor>(&self, other: &Self, visitor: K) -> K::Output {
        macro_rules! try_form {
            ($($view:ident),*) => {$(
                if let (Some(a), Some(b)) = (self.$view(), other.$view()) {
                    return visitor.visit(&[a, b]);
                }
            )*};
        }
        try_form!(signed, unsigned, small, large, view, rows, any_bytes);
        visitor.visit(&[TupleView(self), TupleView(other)])
    }

    fn visit_one<K: KeyVisitor>(&self, visitor: K) -> K::Output {
        match &self.form {
            Form::Signed(values) => visitor.visit(&[&**values]),
            Form::Unsigned(values) => visitor.visit(&[&**values]),
            Form::Small(array) => visitor.visit(&[array]),
            Form::Large(array) => visitor.visit(&[array]),
            Form::View(array) => visitor.visit(&[array]),
            Form::Rows(rows, start) => visitor.visit(&[RowView { rows, start: *start, len: self.len }]),
        }
    }

    fn signed(&self) -> Option<&[i64]> {
        if let Form::Signed(values) = &self.form { Some(values) } else { None }
    }

    fn unsigned(&self) -> Option<&[u64]> {
        if let Form::Unsigned(values) = &self.form { Some(values) } else { None }
    }

    fn small(&self) -> Option<&BinaryArray> {
        if let Form::Small(array) = &self.form { Some(array) } else { None }
    }

    fn large(&self) -> Option<&LargeBinaryArray> {
        if let Form::Large(array) = &self.form { Some(array) } else { None }
    }

    fn view(&self) -> Option<&BinaryViewArray> {
        if let Form::View(array) = &self.form { Some(array) } else { None }
    }

    fn rows(&self) -> Option<RowView<'_>> {
        if let Form::Rows(rows, start) = &self.form {
            Some(RowView { rows, start: *start, len: self.len })
        } else {
            None
        }
    }

    fn any_bytes(&self) -> Option<AnyBytes<'_>> {
        match &self.form {
            Form::Small(array) => Some(AnyBytes::Small(array)),
            Form::Large(array) => Some(AnyBytes::Large(array)),
            Form::View(array) => Some(AnyBytes::View(array)),
            _ => None,
        }
    }
}

impl std::fmt::Debug for KeyRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries((0..self.len.min(20)).map(|row| self.key(row))).finish()
    }
}

impl Form {
    fn try_new(columns: &[ArrayRef]) -> Result<Self> {
        match columns {
            [column] => Self::of_column(column),
            _ => Self::of_columns(columns),
        }
    }

    fn of_column(column: &ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Int8 => Self::Signed(widened::<Int8Type, i64>(column, i64::from)),
            DataType::Int16 => Self::Signed(widened::<Int16Type, i64>(column, i64::from)),
            DataType::Int32 => Self::Signed(widened::<Int32Type, i64>(column, i64::from)),
            DataType::Int64 => Self::Signed(column.as_primitive::<Int64Type>().values().clone()),
            DataType::UInt8 => Self::Unsigned(widened::<UInt8Type, u64>(column, u64::from)),
            DataType::UInt16 => Self::Unsigned(widened::<UInt16Type, u64>(column, u64::from)),
            DataType::UInt32 => Self::Unsigned(widened::<UInt32Type, u64>(column, u64::from)),
            DataType::UInt64 => Self::Unsigned(column.as_primitive::<UInt64Type>().values().clone()),
            DataType::Float16 => {
                Self::Unsigned(widened::<Float16Type, u64>(column, |v| ordered_u32(v.to_f32()).into()))
            }
            DataType::Float32 => Self::Unsigned(widened::<Float32Type, u64>(column, |v| ordered_u32(v).into())),
            DataType::Float64 => Self::Unsigned(widened::<Float64Type, u64>(column, ordered_u64)),
            DataType::Timestamp(unit, _) => Self::Signed(match unit {
                TimeUnit::Second => column.as_primitive::<TimestampSecondType>().values().clone(),
                TimeUnit::Millisecond => column.as_primitive::<TimestampMillisecondType>().values().clone(),
                TimeUnit::Microsecond => column.as_primitive::<TimestampMicrosecondType>().values().clone(),
                TimeUnit::Nanosecond => column.as_primitive::<TimestampNanosecondType>().values().clone(),
            }),
            DataType::Utf8 => Self::Small(BinaryArray::from(column.as_string::<i32>().clone())),
            DataType::LargeUtf8 => Self::Large(LargeBinaryArray::from(column.as_string::<i64>().clone())),
            DataType::Utf8View => Self::View(column.as_string_view().clone().to_binary_view()),
            DataType::Binary => Self::Small(column.as_binary::<i32>().clone()),
            DataType::LargeBinary => Self::Large(column.as_binary::<i64>().clone()),
            DataType::BinaryView => Self::View(column.as_binary_view().clone()),
            _ => Self::of_columns(std::slice::from_ref(column))?,
        })
    }

    /// Rows of different converters are comparable here: key types have no dictionaries, so that a converter keeps no
    /// state, and every layout of strings and binary has the same row bytes.
    fn of_columns(columns: &[ArrayRef]) -> Result<Self> {
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        Ok(Self::Rows(Arc::new(RowConverter::new(fields)?.convert_columns(columns)?), 0))
    }

    fn slice(&self, offset: usize, len: usize) -> Self {
        match self {
            Self::Signed(values) => Self::Signed(values.slice(offset, len)),
            Self::Unsigned(values) => Self::Unsigned(values.slice(offset, len)),
            Self::Small(array) => Self::Small(array.slice(offset, len)),
            Self::Large(array) => Self::Large(array.slice(offset, len)),
            Self::View(array) => Self::View(array.slice(offset, len)),
            Self::Rows(rows, start) => Self::Rows(Arc::clone(rows), start + offset),
        }
    }
}

fn widened<T: ArrowPrimitiveType, W>(column: &ArrayRef, widen: impl Fn(T::Native) -> W) -> ScalarBuffer<W>
where
    W: arrow_buffer::ArrowNativeType,
{
    column.as_primitive::<T>().values().iter().map(|&value| widen(value)).collect()
}

fn check_lengths(name: &str, column: &ArrayRef) -> Result<()> {
    fn first_too_long(lengths: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
        lengths.enumerate().find(|&(_, length)| length > MAX_KEY_PART_BYTES)
    }
    let too_long = match column.data_type() {
        DataType::Utf8 => first_too_long(column.as_string::<i32>().offsets().lengths()),
        DataType::LargeUtf8 => first_too_long(column.as_string::<i64>().offsets().lengths()),
        DataType::Binary => first_too_long(column.as_binary::<i32>().offsets().lengths()),
        DataType::LargeBinary => first_too_long(column.as_binary::<i64>().offsets().lengths()),
        DataType::Utf8View => first_too_long(column.as_string_view().lengths().map(|length| length as usize)),
        DataType::BinaryView => first_too_long(column.as_binary_view().lengths().map(|length| length as usize)),
        _ => None,
    };
    if let Some((row, length)) = too_long {
        bail!(
            Code::KeyTooLong,
            "key column {name:?} has {length} bytes in row {row}; at most {MAX_KEY_PART_BYTES} are allowed"
        );
    }
    Ok(())
}

struct Compare {
    row: usize,
    other_row: usize,
}

impl KeyVisitor for Compare {
    type Output = Ordering;

    #[inline]
    fn visit<V: KeyView>(self, inputs: &[V]) -> Ordering {
        inputs[0].get(self.row).cmp(&inputs[1].get(self.other_row))
    }
}

struct LowerBound {
    range: Range<usize>,
    other_row: usize,
}

impl KeyVisitor for LowerBound {
    type Output = usize;

    fn visit<V: KeyView>(self, inputs: &[V]) -> usize {
        first_at_least(inputs[0], self.range.start, self.range.end, &inputs[1].get(self.other_row))
    }
}

struct CheckSorted;

impl KeyVisitor for CheckSorted {
    type Output = SortedCheck;

    /// Blocks without a branch per pair, so that integer keys are compared many at a time; the place is looked for
    /// only in a block that has a violation.
    fn visit<V: KeyView>(self, inputs: &[V]) -> SortedCheck {
        const BLOCK: usize = 1024;
        let keys = inputs[0];
        let pairs = keys.len().saturating_sub(1);
        for start in (0..pairs).step_by(BLOCK) {
            let block = start..pairs.min(start + BLOCK);
            let violated = block.clone().fold(false, |bad, row| bad | (keys.get(row) >= keys.get(row + 1)));
            if violated {
                let first = block.map(|row| (row, keys.get(row).cmp(&keys.get(row + 1)))).find(|(_, o)| o.is_ge());
                return match first {
                    Some((row, Ordering::Equal)) => SortedCheck::Duplicate(row + 1),
                    _ => SortedCheck::Unsorted,
                };
            }
        }
        SortedCheck::Sorted
    }
}

struct SortIndices;

impl KeyVisitor for SortIndices {
    type Output = UInt32Array;

    /// Sorts pairs of a 64-bit prefix and the row: most comparisons touch nothing else. The row decides between equal
    /// keys, which makes the unstable sort stable.
    fn visit<V: KeyView>(self, inputs: &[V]) -> UInt32Array {
        let keys = inputs[0];
        let mut order: Vec<(u64, u32)> = (0u32..).zip(0..keys.len()).map(|(id, row)| (keys.prefix(row), id)).collect();
        if V::PREFIX_DECIDES {
            order.sort_unstable();
        } else {
            order.sort_unstable_by(|a, b| {
                let by_key = || keys.get(a.1 as usize).cmp(&keys.get(b.1 as usize));
                a.0.cmp(&b.0).then_with(by_key).then(a.1.cmp(&b.1))
            });
        }
        UInt32Array::from_iter_values(order.into_iter().map(|(_, row)| row))
    }
}
