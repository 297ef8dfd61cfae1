//! Merging sorted runs of keys: which runs have which rows of their union.
//!
//! The union is described by stretches of rows that the same inputs have in a row, so that one large run and some small
//! ones cost what the small ones have, and two runs of equal keys cost one comparison a row.

use crate::key::{KeyRows, KeyView, KeyVisitor, first_at_least};

/// A row of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) input: u32,
    pub(crate) row: u32,
}

/// Consecutive rows of a union that the same inputs have, in consecutive rows of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first row of the union.
    pub(crate) begin: u32,
    /// Number of rows.
    pub(crate) len: u32,
    /// The inputs, as a range of [`Union::members`], ascending by input.
    pub(crate) members: (u32, u32),
    /// What is to be added to the rows of the members.
    pub(crate) skip: u32,
}

impl Stretch {
    /// Rows `from..to` of the stretch.
    pub(super) fn part(self, from: u32, to: u32) -> Self {
        Self { begin: self.begin + from, len: to - from, skip: self.skip + from, ..self }
    }
}

/// The union of several sorted inputs.
#[derive(Debug, Default)]
pub(crate) struct Union {
    /// In key order, without gaps.
    pub(crate) stretches: Vec<Stretch>,
    members: Vec<Member>,
    rows: u32,
}

impl Union {
    /// The inputs of a stretch and the row that each of them has first.
    pub(crate) fn members(&self, stretch: &Stretch) -> impl DoubleEndedIterator<Item = Member> + ExactSizeIterator {
        let skip = stretch.skip;
        self.members[stretch.members.0 as usize..stretch.members.1 as usize]
            .iter()
            .map(move |member| Member { row: member.row + skip, ..*member })
    }

    /// Bytes of memory.
    pub(super) fn weight_bytes(&self) -> usize {
        self.stretches.capacity() * size_of::<Stretch>() + self.members.capacity() * size_of::<Member>()
    }

    /// Appends rows that the given inputs have, ascending by input.
    fn push(&mut self, members: &[Member], len: usize) {
        let len = count(len);
        if let Some(last) = self.stretches.last_mut() {
            let before = &self.members[last.members.0 as usize..];
            let follows = |(a, b): (&Member, &Member)| a.input == b.input && a.row + last.len == b.row;
            if before.len() == members.len() && before.iter().zip(members).all(follows) {
                last.len += len;
                self.rows += len;
                return;
            }
        }
        let first = count(self.members.len());
        self.members.extend_from_slice(members);
        let members = (first, count(self.members.len()));
        self.stretches.push(Stretch { begin: self.rows, len, members, skip: 0 });
        self.rows += len;
    }

    /// The union in which each row of an input stands at a known place; places ascend within an input.
    pub(super) fn of_places(places: &[Vec<u32>], rows: usize) -> Self {
        let mut all: Vec<(u32, Member)> = Vec::with_capacity(places.iter().map(Vec::len).sum());
        for (input, places) in (0_u32..).zip(places) {
            all.extend((0_u32..).zip(places).map(|(row, place)| (*place, Member { input, row })));
        }
        all.sort_unstable();
        let mut union = Self::default();
        let mut members = Vec::new();
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            let place = same[0].0;
            if place > union.rows {
                union.push(&[], (place - union.rows) as usize);
            }
            members.clear();
            members.extend(same.iter().map(|(_, member)| *member));
            union.push(&members, 1);
        }
        if rows > union.rows as usize {
            union.push(&[], rows - union.rows as usize);
        }
        union
    }
}

/// A number of rows. Inputs hold fewer than 2^32.
pub(super) fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
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

    fn left(&self, input: usize) -> usize {
        self.inputs[input].len() - self.next[input]
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

    fn sift_up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.key(self.heap[parent]) <= self.key(self.heap[at]) {
                return;
            }
            self.heap.swap(parent, at);
            at = parent;
        }
    }

    /// The input with the smallest key but one.
    fn second(&self) -> Option<usize> {
        match (self.heap.get(1), self.heap.get(2)) {
            (Some(a), Some(b)) if self.key(*b) < self.key(*a) => Some(*b),
            (a, _) => a.copied(),
        }
    }

    /// Advances the input of the smallest key.
    fn advance_top(&mut self, rows: usize) {
        let top = self.heap[0];
        self.next[top] += rows;
        if self.left(top) == 0 {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
    }

    /// Takes the input of the smallest key out.
    fn pop(&mut self) {
        self.heap.swap_remove(0);
        self.sift_down(0);
    }

    /// Advances an input that was taken out and puts it back, unless it has ended.
    fn advance(&mut self, input: usize, rows: usize) {
        self.next[input] += rows;
        if self.left(input) > 0 {
            self.heap.push(input);
            self.sift_up(self.heap.len() - 1);
        }
    }

    /// How many keys from here on all of `inputs` have, and no input that is still in the heap.
    fn shared(&self, inputs: &[usize]) -> usize {
        let (first, others) = (inputs[0], &inputs[1..]);
        let most = inputs.iter().map(|input| self.left(*input)).min().unwrap_or(0);
        let begin = self.next[first];
        let key = |input: usize, row: usize| self.inputs[input].get(self.next[input] + row);
        let equal = |row: &usize| others.iter().all(|input| key(*input, *row) == key(first, *row));
        let len = (1..most).find(|row| !equal(row)).unwrap_or(most);
        match self.heap.first() {
            None => len,
            Some(next) => {
                first_at_least(self.inputs[first], begin + 1, begin + len, &self.key(*next)).saturating_sub(begin)
            }
        }
    }
}

impl KeyVisitor for MergeAll {
    type Output = Union;

    fn visit<V: KeyView>(self, inputs: &[V]) -> Union {
        let mut union = Union::default();
        let heap = (0..inputs.len()).filter(|input| inputs[*input].len() > 0).collect();
        let mut heads = Heads { inputs, next: vec![0; inputs.len()], heap };
        for root in (0..heads.heap.len() / 2).rev() {
            heads.sift_down(root);
        }
        let mut same = Vec::new();
        let mut members = Vec::new();
        while let Some(&top) = heads.heap.first() {
            let begin = heads.next[top];
            let Some(second) = heads.second() else {
                union.push(&[Member { input: count(top), row: count(begin) }], heads.left(top));
                break;
            };
            let key = heads.key(second);
            let end = first_at_least(inputs[top], begin, inputs[top].len(), &key);
            if end > begin {
                union.push(&[Member { input: count(top), row: count(begin) }], end - begin);
                heads.advance_top(end - begin);
                continue;
            }
            heads.pop();
            same.clear();
            same.push(top);
            while let Some(&equal) = heads.heap.first()
                && heads.key(equal) == key
            {
                heads.pop();
                same.push(equal);
            }
            same.sort_unstable();
            members.clear();
            members.extend(same.iter().map(|input| Member { input: count(*input), row: count(heads.next[*input]) }));
            let len = heads.shared(&same);
            union.push(&members, len);
            for input in &same {
                heads.advance(*input, len);
            }
        }
        union
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::DataType;
    use proptest::prelude::*;

    use super::*;
    use crate::key::KeySchema;

    fn rows(keys: impl IntoIterator<Item = i64>) -> KeyRows {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
        KeyRows::try_new(KeySchema::try_new([("k", DataType::Int64)]).unwrap(), &[column]).unwrap()
    }

    /// The members of each row of a union.
    fn spelled(union: &Union) -> Vec<Vec<(u32, u32)>> {
        let mut all = Vec::new();
        for stretch in &union.stretches {
            assert_eq!(stretch.begin as usize, all.len(), "stretches follow each other");
            for row in 0..stretch.len {
                let part = stretch.part(row, row + 1);
                all.push(union.members(&part).map(|member| (member.input, member.row)).collect());
            }
        }
        all
    }

    proptest! {
        #[test]
        fn the_union_places_every_key(inputs in prop::collection::vec(prop::collection::btree_set(0..200i64, 0..60), 1..7)) {
            let keys: Vec<KeyRows> = inputs.iter().map(|keys| rows(keys.iter().copied())).collect();
            let mut expected: BTreeMap<i64, Vec<(u32, u32)>> = BTreeMap::new();
            for (input, keys) in (0..).zip(&inputs) {
                for (row, key) in (0..).zip(keys) {
                    expected.entry(*key).or_default().push((input, row));
                }
            }
            let expected: Vec<_> = expected.into_values().collect();
            prop_assert_eq!(spelled(&merge(&keys)), expected);
        }

        #[test]
        fn known_places_make_the_same_union(inputs in prop::collection::vec(prop::collection::btree_set(0..50u32, 0..40), 1..5)) {
            let places: Vec<Vec<u32>> = inputs.iter().map(|places| places.iter().copied().collect()).collect();
            let mut expected = vec![Vec::new(); 50];
            for (input, places) in (0..).zip(&places) {
                for (row, place) in (0..).zip(places) {
                    expected[*place as usize].push((input, row));
                }
            }
            prop_assert_eq!(spelled(&Union::of_places(&places, 50)), expected);
        }
    }

    #[test]
    fn equal_runs_make_one_stretch() {
        let union = merge(&[rows(0..1000), rows(0..1000)]);
        assert_eq!(union.stretches.len(), 1);
        let union = merge(&[rows(0..1000), rows(200..300), rows(BTreeSet::from([250]))]);
        assert_eq!(union.stretches.len(), 5);
    }
}
