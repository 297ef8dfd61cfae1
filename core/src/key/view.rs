//! Typed access to the keys of a run, for loops that must not ask "which type?" at every comparison.
//!
//! A [`KeyVisitor`] is generic code that runs once per call of [`KeyRows::visit`](super::KeyRows::visit), compiled for
//! each representation; within it a comparison is a load and a compare.

use arrow_array::{Array, BinaryArray, BinaryViewArray, LargeBinaryArray};
use arrow_row::Rows;

/// The keys of one run in one representation. Indices must be below [`KeyView::len`].
#[allow(clippy::len_without_is_empty, reason = "loops go over indices and need only the length")]
pub trait KeyView: Copy {
    /// One key; its order is the order of keys.
    type Key: Ord;

    /// Whether equal prefixes mean equal keys.
    const PREFIX_DECIDES: bool;

    /// The number of keys.
    fn len(self) -> usize;

    /// The key of a row.
    fn get(self, row: usize) -> Self::Key;

    /// A number that never decreases as keys increase.
    fn prefix(self, row: usize) -> u64;
}

/// Code that runs over typed keys.
pub trait KeyVisitor {
    /// What the code returns.
    type Output;

    /// Runs over the inputs, all of one representation, in the order given to the call.
    fn visit<V: KeyView>(self, inputs: &[V]) -> Self::Output;
}

/// First index of `from..to` whose key is not below `key`, or `to`. The keys must be sorted.
///
/// Gallops from `from` (Bentley and Yao, 1976): the cost grows with the logarithm of the distance, so that walking a
/// run in steps costs no more than its length.
#[inline]
pub fn first_at_least<V: KeyView>(keys: V, from: usize, to: usize, key: &V::Key) -> usize {
    let mut low = from;
    let mut step = 1;
    let mut high = loop {
        let probe = low.saturating_add(step - 1);
        if probe >= to {
            break to;
        }
        if keys.get(probe) >= *key {
            break probe;
        }
        low = probe + 1;
        step *= 2;
    };
    while low < high {
        let middle = low + (high - low) / 2;
        if keys.get(middle) < *key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl KeyView for &[i64] {
    type Key = i64;
    const PREFIX_DECIDES: bool = true;

    #[inline]
    fn len(self) -> usize {
        <[i64]>::len(self)
    }

    #[inline]
    fn get(self, row: usize) -> i64 {
        self[row]
    }

    #[inline]
    fn prefix(self, row: usize) -> u64 {
        self[row].cast_unsigned() ^ (1 << 63)
    }
}

impl KeyView for &[u64] {
    type Key = u64;
    const PREFIX_DECIDES: bool = true;

    #[inline]
    fn len(self) -> usize {
        <[u64]>::len(self)
    }

    #[inline]
    fn get(self, row: usize) -> u64 {
        self[row]
    }

    #[inline]
    fn prefix(self, row: usize) -> u64 {
        self[row]
    }
}

/// The first eight bytes, padded with zeros: equal for keys that differ later or only in trailing zeros.
#[inline]
fn byte_prefix(bytes: &[u8]) -> u64 {
    if let Some(chunk) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*chunk);
    }
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(padded)
}

macro_rules! byte_views {
    ($($array:ty),*) => {
        $(impl<'a> KeyView for &'a $array {
            type Key = &'a [u8];
            const PREFIX_DECIDES: bool = false;

            #[inline]
            fn len(self) -> usize {
                Array::len(self)
            }

            #[inline]
            fn get(self, row: usize) -> &'a [u8] {
                self.value(row)
            }

            #[inline]
            fn prefix(self, row: usize) -> u64 {
                byte_prefix(self.value(row))
            }
        })*
    };
}

byte_views!(BinaryArray, LargeBinaryArray, BinaryViewArray);

/// String or binary keys when the inputs differ in layout.
#[derive(Clone, Copy)]
pub(super) enum AnyBytes<'a> {
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
}

impl<'a> KeyView for AnyBytes<'a> {
    type Key = &'a [u8];
    const PREFIX_DECIDES: bool = false;

    fn len(self) -> usize {
        match self {
            Self::Small(array) => Array::len(array),
            Self::Large(array) => Array::len(array),
            Self::View(array) => Array::len(array),
        }
    }

    fn get(self, row: usize) -> &'a [u8] {
        match self {
            Self::Small(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }

    fn prefix(self, row: usize) -> u64 {
        byte_prefix(self.get(row))
    }
}

/// Keys of several columns, or of one that has no simpler form, in the row format of `arrow-row`.
#[derive(Clone, Copy)]
pub(super) struct RowView<'a> {
    pub(super) rows: &'a Rows,
    pub(super) start: usize,
    pub(super) len: usize,
}

impl<'a> KeyView for RowView<'a> {
    type Key = &'a [u8];
    const PREFIX_DECIDES: bool = false;

    #[inline]
    fn len(self) -> usize {
        self.len
    }

    #[inline]
    fn get(self, row: usize) -> &'a [u8] {
        self.rows.row(self.start + row).data()
    }

    #[inline]
    fn prefix(self, row: usize) -> u64 {
        byte_prefix(self.get(row))
    }
}

/// Keys encoded at each access: slow, but comparable whatever the inputs are.
#[derive(Clone, Copy)]
pub(super) struct TupleView<'a>(pub(super) &'a super::KeyRows);

impl KeyView for TupleView<'_> {
    type Key = Vec<u8>;
    const PREFIX_DECIDES: bool = false;

    fn len(self) -> usize {
        self.0.len()
    }

    fn get(self, row: usize) -> Vec<u8> {
        self.0.tuple(row)
    }

    fn prefix(self, row: usize) -> u64 {
        byte_prefix(&self.0.tuple(row))
    }
}
