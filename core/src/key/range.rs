//! Ranges of keys in tuple bytes.

use std::fmt;
use std::ops::Bound;

use super::Key;
use super::element::{ESCAPE, TERMINATOR};

/// The keys from an inclusive begin to an exclusive end; either side may be unbounded.
///
/// Bounds are bytes, not necessarily whole keys: a prefix of a key, or the byte string after all keys of a prefix, is a
/// bound as well.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct KeyRange {
    /// The empty key comes before all others and so stands for "unbounded".
    begin: Key,
    end: Option<Key>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys at or after `begin` and before `end`. A range whose end is not after its begin is empty.
    pub fn new(begin: Option<Key>, end: Option<Key>) -> Self {
        Self { begin: begin.unwrap_or_default(), end }
    }

    /// The range between two bounds on whole keys or on their first columns.
    ///
    /// A bound on the first columns covers all keys that start with them: `Included(("a"))` as upper bound takes
    /// `("a", 1)` in, as lower bound too; `Excluded(("a"))` leaves it out on either side.
    pub fn between(lower: Bound<&Key>, upper: Bound<&Key>) -> Self {
        let begin = match lower {
            Bound::Unbounded => Key::default(),
            Bound::Included(key) => key.clone(),
            Bound::Excluded(key) => after_prefix(key),
        };
        let end = match upper {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(after_prefix(key)),
            Bound::Excluded(key) => Some(key.clone()),
        };
        Self { begin, end }
    }

    /// The keys whose first columns are `prefix`, the tuple of zero or more values. A whole key is its own prefix.
    pub fn from_prefix(prefix: &Key) -> Self {
        if prefix.as_bytes().is_empty() {
            return Self::all();
        }
        Self { begin: prefix.clone(), end: Some(after_prefix(prefix)) }
    }

    /// The keys whose bytes start with `bytes`, which need not end where a value ends: with the tuple of some columns
    /// followed by the start of a string, the keys whose next column starts with it.
    pub fn from_byte_prefix(bytes: &[u8]) -> Self {
        let mut end = bytes.to_vec();
        while end.last() == Some(&0xff) {
            end.pop();
        }
        let end = end.split_last().map(|(last, head)| [head, &[last + 1]].concat());
        Self { begin: bytes.into(), end: end.map(Key::from) }
    }

    /// The one key.
    pub fn single(key: &Key) -> Self {
        Self { begin: key.clone(), end: Some([key.as_bytes(), &[TERMINATOR]].concat().into()) }
    }

    /// The inclusive lower bound; empty bytes if unbounded.
    pub fn begin(&self) -> &Key {
        &self.begin
    }

    /// The exclusive upper bound, if there is one.
    pub fn end(&self) -> Option<&Key> {
        self.end.as_ref()
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.begin)
    }

    /// Whether the range has no bound on either side.
    pub fn is_all(&self) -> bool {
        self.begin.as_bytes().is_empty() && self.end.is_none()
    }

    /// Whether the key lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.begin.as_bytes() <= key && self.is_before_end(key)
    }

    /// Whether some key can lie in both ranges.
    pub fn intersects(&self, other: &Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// Whether a run with the given first and last key (both inclusive) can hold a key of the range.
    pub fn intersects_span(&self, first: &[u8], last: &[u8]) -> bool {
        !self.is_empty() && self.begin.as_bytes() <= last && self.is_before_end(first)
    }

    /// The keys in both ranges.
    pub fn intersect(&self, other: &Self) -> Self {
        let begin = self.begin.clone().max(other.begin.clone());
        let end = match (&self.end, &other.end) {
            (Some(a), Some(b)) => Some(a.min(b).clone()),
            (a, b) => a.as_ref().or(b.as_ref()).cloned(),
        };
        Self { begin, end }
    }

    fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_bytes())
    }
}

/// The first bytes after all keys that start with a tuple. Not the prefix with its last byte increased: the prefix
/// `("a")` ends in a zero byte, and so does the start of `("a\0b")`, which has an escape byte after it. No element
/// starts with the escape byte, hence it separates the two.
fn after_prefix(prefix: &Key) -> Key {
    [prefix.as_bytes(), &[ESCAPE]].concat().into()
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.begin.as_bytes().is_empty() {
            f.write_str("(-∞")?
        } else {
            write!(f, "[{}", self.begin)?
        }
        match &self.end {
            Some(end) => write!(f, ", {end})"),
            None => f.write_str(", ∞)"),
        }
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use foundationdb_tuple::pack;
    use proptest::prelude::*;

    use super::*;

    fn key<T: foundationdb_tuple::TuplePack>(value: T) -> Key {
        pack(&value).into()
    }

    #[test]
    fn a_prefix_covers_its_keys_and_no_escaped_neighbour() {
        let range = KeyRange::from_prefix(&key(("a",)));
        assert!(range.contains(key(("a",)).as_bytes()));
        assert!(range.contains(key(("a", i64::MIN)).as_bytes()));
        assert!(range.contains(key(("a", f64::NAN, "z")).as_bytes()));
        for outside in [key(("a\0",)), key(("a\0b",)), key(("A",)), key(("ab",)), key(("",))] {
            assert!(!range.contains(outside.as_bytes()), "{outside}");
        }
        assert!(KeyRange::from_prefix(&Key::default()).is_all());
    }

    #[test]
    fn bounds_on_first_columns_take_whole_groups() {
        let (a, inside) = (key(("a",)), key(("a", 1)));
        let contains = |lower, upper| KeyRange::between(lower, upper).contains(inside.as_bytes());
        assert!(contains(Bound::Included(&a), Bound::Included(&a)));
        assert!(!contains(Bound::Excluded(&a), Bound::Unbounded));
        assert!(!contains(Bound::Unbounded, Bound::Excluded(&a)));
        assert!(contains(Bound::Unbounded, Bound::Unbounded));
    }

    #[test]
    fn a_byte_prefix_is_a_starts_with() {
        let range = KeyRange::from_byte_prefix(b"\x02ab");
        assert!(range.contains(key(("ab",)).as_bytes()) && range.contains(key(("abc", 1)).as_bytes()));
        assert!(range.contains(key(("ab\0x",)).as_bytes()));
        assert!(!range.contains(key(("a",)).as_bytes()) && !range.contains(key(("ac",)).as_bytes()));
        assert_eq!(KeyRange::from_byte_prefix(&[0xff]).end(), None);
        assert!(KeyRange::from_byte_prefix(&[]).is_all());
    }

    #[test]
    fn a_single_key_excludes_longer_ones() {
        let range = KeyRange::single(&key((1,)));
        assert!(range.contains(key((1,)).as_bytes()) && !range.contains(key((1, 2)).as_bytes()));
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..3u8, 0..3)
    }

    fn range() -> impl Strategy<Value = KeyRange> {
        (prop::option::of(bytes()), prop::option::of(bytes()))
            .prop_map(|(begin, end)| KeyRange::new(begin.map(Key::from), end.map(Key::from)))
    }

    proptest! {
        #[test]
        fn intersection_holds_what_both_hold(a in range(), b in range(), probe in bytes()) {
            let both = a.intersect(&b);
            prop_assert_eq!(both.contains(&probe), a.contains(&probe) && b.contains(&probe));
            prop_assert_eq!(a.intersects(&b), b.intersects(&a));
            if both.contains(&probe) {
                prop_assert!(a.intersects(&b));
                prop_assert!(a.intersects_span(&probe, &probe));
            }
        }
    }
}
