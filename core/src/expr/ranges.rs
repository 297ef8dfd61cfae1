//! The keys that can satisfy a filter, as intervals of key tuples.
//!
//! A scan visits only these intervals, so they must cover every matching key; where the bounds on their number force a
//! choice, they cover more.

use std::cmp::Ordering;

use arrow_schema::DataType;

use super::ast::ColumnPath;
use super::bound::{Bound, BoundExpr};
use super::coerce::logical;
use super::domain::{Domain, Edge};
use super::literal::Literal;
use super::regions::{KeyBox, Space};

/// Most intervals that a filter is translated to.
pub const MAX_INTERVALS: usize = 1024;

/// A contiguous piece of the key order, between two tuples over the first key columns.
///
/// A bound compares with as many columns as it has values, so an inclusive bound takes in every key that begins with
/// its values and an exclusive one leaves all of them out. A bound without values is no bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Values of the first key columns at which the interval begins.
    pub lower: Vec<Literal>,
    /// Whether keys that begin with `lower` belong to the interval.
    pub lower_inclusive: bool,
    /// Values of the first key columns at which the interval ends.
    pub upper: Vec<Literal>,
    /// Whether keys that begin with `upper` belong to the interval.
    pub upper_inclusive: bool,
}

impl Interval {
    /// The interval of all keys.
    pub fn all() -> Self {
        Self { lower: Vec::new(), lower_inclusive: true, upper: Vec::new(), upper_inclusive: true }
    }

    /// Whether a key, given as one value per key column, lies in the interval.
    pub fn contains(&self, key: &[Literal]) -> bool {
        let below = match compare_prefix(key, &self.lower) {
            Ordering::Less => true,
            Ordering::Equal => !self.lower_inclusive,
            Ordering::Greater => false,
        };
        let above = match compare_prefix(key, &self.upper) {
            Ordering::Less => false,
            Ordering::Equal => !self.upper_inclusive,
            Ordering::Greater => true,
        };
        !below && !above
    }

    fn lower_cut(&self) -> Cut<'_> {
        Cut { values: &self.lower, after: !self.lower_inclusive }
    }

    fn upper_cut(&self) -> Cut<'_> {
        Cut { values: &self.upper, after: self.upper_inclusive }
    }
}

/// The intervals that cover the matching keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyBounds {
    /// In key order, disjoint; none if no key can match.
    pub intervals: Vec<Interval>,
    /// Whether the filter is true for every key of the intervals, so that it need not be evaluated again.
    pub exact: bool,
}

impl KeyBounds {
    /// Whether nothing is excluded.
    pub fn is_unbounded(&self) -> bool {
        self.intervals.first().is_some_and(|first| first.lower.is_empty() && first.upper.is_empty())
    }

    /// Whether a key lies in one of the intervals.
    pub fn contains(&self, key: &[Literal]) -> bool {
        self.intervals.iter().any(|interval| interval.contains(key))
    }
}

/// Translates a filter to intervals over a key schema, given as the key columns in order with their types.
///
/// Literals have the type of their key column. Never excludes a key for which the filter is true.
pub fn key_bounds(filter: &BoundExpr, key: &[(ColumnPath, DataType)]) -> KeyBounds {
    let mut key_of_column = vec![None; filter.columns().len()];
    note_keys(filter.root(), filter, key, &mut key_of_column);
    let space = Space { filter, key_of_column, width: key.len() };
    let region = space.region(space.filter.root());
    let mut exact = region.exact;
    let mut intervals = Vec::new();
    for keys in region.boxes {
        exact &= emit(keys, &mut intervals);
    }
    let (intervals, merged) = normalise(intervals);
    KeyBounds { intervals, exact: exact && !merged }
}

/// Finds the key columns among those that the filter references, with the type it was bound to.
fn note_keys(node: &Bound, filter: &BoundExpr, key: &[(ColumnPath, DataType)], found: &mut [Option<usize>]) {
    if let Bound::Column { index, data_type } = node
        && let (Some(path), Some(slot)) = (filter.columns().get(*index), found.get_mut(*index))
    {
        *slot = key.iter().position(|(name, key_type)| name == path && logical(key_type) == *data_type);
    }
    node.children().into_iter().for_each(|child| note_keys(child, filter, key, found));
}

/// Writes the intervals of a box: the product of its leading points, up to the first column that has ranges. Returns
/// whether they hold nothing beyond the box.
fn emit(keys: KeyBox, intervals: &mut Vec<Interval>) -> bool {
    let mut exact = true;
    let mut levels: Vec<Domain> = Vec::new();
    let mut width = 1;
    let mut open = false;
    for domain in keys {
        if open || domain.is_all() {
            // Keys are bounded by a prefix of their columns: what comes after a range is left to the evaluator.
            exact &= domain.is_all();
            open = true;
            continue;
        }
        let (domain, coarse) = domain.coarsen(MAX_INTERVALS / width);
        exact &= !coarse;
        width *= domain.ranges().len();
        open = domain.ranges().iter().all(|range| range.point().is_none());
        levels.push(domain);
    }
    product(&levels, &mut Vec::new(), intervals) && exact
}

fn product(levels: &[Domain], prefix: &mut Vec<Literal>, intervals: &mut Vec<Interval>) -> bool {
    let Some((domain, deeper)) = levels.split_first() else {
        let (lower, upper) = (prefix.clone(), prefix.clone());
        intervals.push(Interval { lower, lower_inclusive: true, upper, upper_inclusive: true });
        return true;
    };
    let mut exact = true;
    for range in domain.ranges() {
        if let Some(value) = range.point() {
            prefix.push(value.clone());
            exact &= product(deeper, prefix, intervals);
            prefix.pop();
            continue;
        }
        exact &= deeper.is_empty();
        let bound = |edge: &Edge| match edge {
            Edge::Start | Edge::End => prefix.clone(),
            Edge::Before(value) | Edge::After(value) => prefix.iter().chain([value]).cloned().collect(),
        };
        intervals.push(Interval {
            lower: bound(&range.lower),
            lower_inclusive: !matches!(range.lower, Edge::After(_)),
            upper: bound(&range.upper),
            upper_inclusive: !matches!(range.upper, Edge::Before(_)),
        });
    }
    exact
}

/// A place between keys: before or after all keys that begin with the values.
#[derive(Debug, Clone, Copy)]
struct Cut<'a> {
    values: &'a [Literal],
    after: bool,
}

impl Cut<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        let common = self.values.len().min(other.values.len());
        compare_prefix(&self.values[..common], &other.values[..common]).then_with(|| {
            match self.values.len().cmp(&other.values.len()) {
                Ordering::Equal => self.after.cmp(&other.after),
                // The shorter tuple is a prefix: its cut lies before or after everything below it.
                Ordering::Less => {
                    if self.after {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                Ordering::Greater => {
                    if other.after {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
            }
        })
    }
}

/// Compares a key with a tuple over its first columns.
fn compare_prefix(key: &[Literal], tuple: &[Literal]) -> Ordering {
    let mut pairs = key.iter().zip(tuple);
    pairs.find_map(|(value, bound)| value.compare(bound).filter(|order| order.is_ne())).unwrap_or(Ordering::Equal)
}

/// Sorts and joins intervals, down to the limit. Returns whether gaps were closed.
fn normalise(mut intervals: Vec<Interval>) -> (Vec<Interval>, bool) {
    intervals.sort_by(|left, right| left.lower_cut().compare(&right.lower_cut()));
    let mut joined: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match joined.last_mut() {
            Some(last) if interval.lower_cut().compare(&last.upper_cut()) != Ordering::Greater => {
                extend(last, interval)
            }
            _ => joined.push(interval),
        }
    }
    if joined.len() <= MAX_INTERVALS {
        return (joined, false);
    }
    let width = joined.len().div_ceil(MAX_INTERVALS);
    let mut coarse: Vec<Interval> = Vec::with_capacity(MAX_INTERVALS);
    for (index, interval) in joined.into_iter().enumerate() {
        match coarse.last_mut() {
            Some(last) if index % width != 0 => extend(last, interval),
            _ => coarse.push(interval),
        }
    }
    (coarse, true)
}

/// Extends an interval to the end of a later one.
fn extend(interval: &mut Interval, later: Interval) {
    if interval.upper_cut().compare(&later.upper_cut()) == Ordering::Less {
        interval.upper = later.upper;
        interval.upper_inclusive = later.upper_inclusive;
    }
}
