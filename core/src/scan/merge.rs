//! Merging sorted runs of keys: which row of the union each row of an input is.

use crate::key::{KeyRows, KeyView, KeyVisitor, first_at_least};

/// The union of several sorted inputs.
pub(crate) struct Union {
    /// Number of distinct keys.
    pub(crate) rows: usize,
    /// For each input, the row of the union that each of its rows is; ascending.
    pub(crate) places: Vec<Vec<u32>>,
}

/// Merges inputs of one schema, each strictly sorted.
pub(crate) fn merge(inputs: &[KeyRows]) -> Union {
    KeyRows::visit(inputs, MergeAll)
}

struct MergeAll;

/// A heap of the inputs' next keys, smallest first. It is short, so that sifting beats cleverer structures.
struct Heads<'a, V: KeyView> {
    inputs: &'a [V],
    next: Vec<usize>,
    heap: Vec<usize>,
}

impl<V: KeyView> Heads<'_, V> {
    fn key(&self, input: usize) -> V::Key {
        self.inputs[input].get(self.next[input])
    }

    fn sift_down(&mut self, mut root: usize) {
        loop {
            let mut least = root;
            for child in [2 * root + 1, 2 * root + 2] {
                if child < self.heap.len() && self.key(self.heap[child]) < self.key(self.heap[least]) {
                    least = child;
                }
            }
            if least == root {
                return;
            }
            self.heap.swap(root, least);
            root = least;
        }
    }

    /// Puts the top back at its new place after its input advanced.
    fn settle_top(&mut self) {
        let input = self.heap[0];
        if self.next[input] >= self.inputs[input].len() {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
    }

    /// The smallest key below the top.
    fn second(&self) -> Option<usize> {
        match (self.heap.get(1), self.heap.get(2)) {
            (Some(a), Some(b)) if self.key(*b) < self.key(*a) => Some(*b),
            (a, _) => a.copied(),
        }
    }
}

impl KeyVisitor for MergeAll {
    type Output = Union;

    fn visit<V: KeyView>(self, inputs: &[V]) -> Union {
        let mut places: Vec<Vec<u32>> = inputs.iter().map(|input| Vec::with_capacity(input.len())).collect();
        let heap = (0..inputs.len()).filter(|input| inputs[*input].len() > 0).collect();
        let mut heads = Heads { inputs, next: vec![0; inputs.len()], heap };
        for root in (0..heads.heap.len() / 2).rev() {
            heads.sift_down(root);
        }
        let mut row = 0_u32;
        while let Some(&top) = heads.heap.first() {
            let begin = heads.next[top];
            let second = heads.second();
            let end = match second {
                None => inputs[top].len(),
                Some(second) => first_at_least(inputs[top], begin, inputs[top].len(), &heads.key(second)),
            };
            if end > begin {
                places[top].extend((row..).take(end - begin));
                row += u32::try_from(end - begin).unwrap_or(u32::MAX);
                heads.next[top] = end;
                heads.settle_top();
                continue;
            }
            // The top's key is in other inputs too: all of them give the same row.
            let key = heads.key(top);
            while let Some(&equal) = heads.heap.first() {
                if heads.key(equal) != key {
                    break;
                }
                places[equal].push(row);
                heads.next[equal] += 1;
                heads.settle_top();
            }
            row += 1;
        }
        Union { rows: row as usize, places }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::DataType;
    use proptest::prelude::*;

    use super::*;
    use crate::key::KeySchema;

    proptest! {
        #[test]
        fn the_union_places_every_key(inputs in prop::collection::vec(prop::collection::btree_set(0..200i64, 0..60), 1..7)) {
            let schema = KeySchema::try_new([("k", DataType::Int64)]).unwrap();
            let rows: Vec<KeyRows> = inputs
                .iter()
                .map(|keys| {
                    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(keys.iter().copied()));
                    KeyRows::try_new(schema.clone(), &[column]).unwrap()
                })
                .collect();
            let union = merge(&rows);
            let all: Vec<i64> = inputs.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(union.rows, all.len());
            for (keys, places) in inputs.iter().zip(&union.places) {
                let placed: Vec<i64> = places.iter().map(|place| all[*place as usize]).collect();
                prop_assert_eq!(placed, keys.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
