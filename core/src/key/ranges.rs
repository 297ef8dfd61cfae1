//! Sets of keys as disjoint ranges.

use super::{Key, KeyRange};

/// A set of keys: sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyRanges {
    ranges: Vec<KeyRange>,
}

impl KeyRanges {
    /// No key.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every key.
    pub fn all() -> Self {
        Self { ranges: vec![KeyRange::all()] }
    }

    /// The disjoint ranges in key order.
    pub fn as_slice(&self) -> &[KeyRange] {
        &self.ranges
    }

    /// Whether the set holds no key.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the set holds every key.
    pub fn is_all(&self) -> bool {
        self.ranges.first().is_some_and(KeyRange::is_all)
    }

    /// Whether the key is in the set, by binary search.
    pub fn contains(&self, key: &[u8]) -> bool {
        let after = self.ranges.partition_point(|range| range.begin().as_bytes() <= key);
        after.checked_sub(1).is_some_and(|last| self.ranges[last].contains(key))
    }

    /// Whether a run with the given first and last key (both inclusive) can hold a key of the set.
    pub fn intersects_span(&self, first: &[u8], last: &[u8]) -> bool {
        let candidate = self.ranges.partition_point(|range| range.end().is_some_and(|end| end.as_bytes() <= first));
        self.ranges.get(candidate).is_some_and(|range| range.intersects_span(first, last))
    }

    /// The keys in either set.
    pub fn union(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).cloned().collect()
    }

    /// The keys in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.ranges.get(i), other.ranges.get(j)) {
            let both = a.intersect(b);
            if !both.is_empty() {
                ranges.push(both);
            }
            if ends_first(a.end(), b.end()) {
                i += 1;
            } else {
                j += 1;
            }
        }
        Self { ranges }
    }
}

impl From<KeyRange> for KeyRanges {
    fn from(range: KeyRange) -> Self {
        std::iter::once(range).collect()
    }
}

impl FromIterator<KeyRange> for KeyRanges {
    /// Collects ranges in any order, overlapping or empty ones too.
    fn from_iter<I: IntoIterator<Item = KeyRange>>(iter: I) -> Self {
        let mut sorted: Vec<_> = iter.into_iter().filter(|range| !range.is_empty()).collect();
        sorted.sort_by(|a, b| a.begin().cmp(b.begin()));
        let mut ranges: Vec<KeyRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match ranges.last_mut() {
                Some(last) if last.end().is_none_or(|end| range.begin() <= end) => {
                    if ends_first(last.end(), range.end()) {
                        *last = KeyRange::new(Some(last.begin().clone()), range.end().cloned());
                    }
                }
                _ => ranges.push(range),
            }
        }
        Self { ranges }
    }
}

/// Whether end `a` comes before end `b`, where none is the last of all.
fn ends_first(a: Option<&Key>, b: Option<&Key>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a < b,
        (a, b) => a.is_some() && b.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..4u8, 0..3)
    }

    fn ranges() -> impl Strategy<Value = Vec<KeyRange>> {
        let range = (prop::option::of(bytes()), prop::option::of(bytes()))
            .prop_map(|(begin, end)| KeyRange::new(begin.map(Key::from), end.map(Key::from)));
        prop::collection::vec(range, 0..5)
    }

    proptest! {
        #[test]
        fn sets_of_ranges_are_sets_of_keys(a in ranges(), b in ranges(), probes in prop::collection::vec(bytes(), 1..20)) {
            let (set_a, set_b): (KeyRanges, KeyRanges) = (a.iter().cloned().collect(), b.iter().cloned().collect());
            for probe in &probes {
                let (in_a, in_b) = (a.iter().any(|r| r.contains(probe)), b.iter().any(|r| r.contains(probe)));
                prop_assert_eq!(set_a.contains(probe), in_a);
                prop_assert_eq!(set_a.union(&set_b).contains(probe), in_a || in_b);
                prop_assert_eq!(set_a.intersection(&set_b).contains(probe), in_a && in_b);
                if in_a {
                    prop_assert!(set_a.intersects_span(probe, probe));
                }
            }
        }

        #[test]
        fn sets_are_sorted_and_disjoint(a in ranges(), b in ranges()) {
            let union = a.into_iter().collect::<KeyRanges>().union(&b.into_iter().collect());
            for pair in union.as_slice().windows(2) {
                prop_assert!(pair[0].end().is_some_and(|end| end < pair[1].begin()));
            }
        }
    }
}
