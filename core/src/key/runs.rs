//! Merging two sorted sets of keys by stretches instead of key by key.

use std::ops::Range;

use super::{KeyRows, KeyView, KeyVisitor, first_at_least};

/// A stretch of a two-way merge, in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// Rows that only the left input has, all before its next key and the right input's.
    Left(Range<usize>),
    /// Rows that only the right input has.
    Right(Range<usize>),
    /// The same keys on both sides: `len` rows from `left` and from `right`.
    Both {
        /// First row of the left input.
        left: usize,
        /// First row of the right input.
        right: usize,
        /// How many rows are equal.
        len: usize,
    },
}

impl KeyRows {
    /// Merges two inputs, both strictly sorted, and reports maximal stretches in key order.
    ///
    /// Costs the number of stretches times the logarithm of their lengths, plus the number of shared keys.
    pub fn gallop_runs(&self, other: &Self, emit: impl FnMut(Run)) {
        self.visit_with(other, GallopRuns(emit));
    }
}

struct GallopRuns<F>(F);

impl<F: FnMut(Run)> KeyVisitor for GallopRuns<F> {
    type Output = ();

    fn visit<V: KeyView>(self, inputs: &[V]) {
        let mut emit = self.0;
        let (a, b) = (inputs[0], inputs[1]);
        let (mut left, mut right) = (0, 0);
        while left < a.len() && right < b.len() {
            let (key_a, key_b) = (a.get(left), b.get(right));
            if key_a < key_b {
                let end = first_at_least(a, left + 1, a.len(), &key_b);
                emit(Run::Left(left..end));
                left = end;
            } else if key_b < key_a {
                let end = first_at_least(b, right + 1, b.len(), &key_a);
                emit(Run::Right(right..end));
                right = end;
            } else {
                let most = (a.len() - left).min(b.len() - right);
                let len = (1..most).find(|&i| a.get(left + i) != b.get(right + i)).unwrap_or(most);
                emit(Run::Both { left, right, len });
                left += len;
                right += len;
            }
        }
        if left < a.len() {
            emit(Run::Left(left..a.len()));
        }
        if right < b.len() {
            emit(Run::Right(right..b.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray, StringViewArray};
    use arrow_schema::DataType;
    use proptest::prelude::*;

    use super::super::KeySchema;
    use super::*;

    fn ints(values: &BTreeSet<i64>) -> KeyRows {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values.iter().copied()));
        KeyRows::try_new(KeySchema::try_new([("k", DataType::Int64)]).unwrap(), &[column]).unwrap()
    }

    fn runs(a: &KeyRows, b: &KeyRows) -> Vec<Run> {
        let mut runs = Vec::new();
        a.gallop_runs(b, |run| runs.push(run));
        runs
    }

    proptest! {
        #[test]
        fn runs_are_the_union_in_key_order(
            a in prop::collection::btree_set(0..60i64, 0..40), b in prop::collection::btree_set(0..60i64, 0..40),
        ) {
            let (list_a, list_b): (Vec<_>, Vec<_>) = (a.iter().copied().collect(), b.iter().copied().collect());
            let mut merged: Vec<i64> = Vec::new();
            for run in runs(&ints(&a), &ints(&b)) {
                match run {
                    Run::Left(rows) => merged.extend(&list_a[rows]),
                    Run::Right(rows) => merged.extend(&list_b[rows]),
                    Run::Both { left, right, len } => {
                        prop_assert_eq!(&list_a[left..left + len], &list_b[right..right + len]);
                        merged.extend(&list_a[left..left + len]);
                    }
                }
            }
            prop_assert_eq!(merged, a.union(&b).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn inputs_of_different_layout_merge() {
        let schema = KeySchema::try_new([("k", DataType::Utf8)]).unwrap();
        let small: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "d"]));
        let view: ArrayRef = Arc::new(StringViewArray::from(vec!["b", "c, and more than twelve bytes"]));
        let (small, view) =
            (KeyRows::try_new(schema.clone(), &[small]).unwrap(), KeyRows::try_new(schema, &[view]).unwrap());
        let expected = [Run::Left(0..1), Run::Both { left: 1, right: 0, len: 1 }, Run::Right(1..2), Run::Left(2..3)];
        assert_eq!(runs(&small, &view), expected);
    }
}
