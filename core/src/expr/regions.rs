//! Sets of key tuples as unions of boxes: a set of values per key column.
//!
//! Boxes are closed under `and` (intersection) and `or` (union), which is what a filter is made of; their number is
//! bounded, and what exceeds the bound is replaced by a box that covers it.

use super::ast::CompareOp;
use super::bound::{Bound, BoundExpr};
use super::domain::{Domain, Edge, prefix_edges};
use super::literal::Literal;
use super::ranges::MAX_INTERVALS;

/// Most boxes of a region.
const MAX_BOXES: usize = 128;
/// Most ranges of one column kept while conditions are intersected.
const MAX_RANGES: usize = 2 * MAX_INTERVALS;

/// The product of one set of values per key column.
pub(super) type KeyBox = Vec<Domain>;

/// A set of key tuples that covers all rows for which a filter is true.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) boxes: Vec<KeyBox>,
    /// Whether every key of the region makes the filter true.
    pub(super) exact: bool,
}

/// What is constant while a filter is translated.
pub(super) struct Space<'a> {
    pub(super) filter: &'a BoundExpr,
    /// The key column that each referenced column is, if it is one.
    pub(super) key_of_column: Vec<Option<usize>>,
    pub(super) width: usize,
}

impl Space<'_> {
    fn everything(&self, exact: bool) -> Region {
        Region { boxes: vec![vec![Domain::all(); self.width]], exact }
    }

    fn nothing() -> Region {
        Region { boxes: Vec::new(), exact: true }
    }

    /// The keys for which one column has a value of a set.
    fn column(&self, key: usize, domain: Domain) -> Region {
        if domain.is_empty() {
            return Self::nothing();
        }
        let mut region = self.everything(true);
        if let Some(slot) = region.boxes.first_mut().and_then(|keys| keys.get_mut(key)) {
            *slot = domain;
        }
        region
    }

    fn key_of(&self, node: &Bound) -> Option<usize> {
        match node {
            Bound::Column { index, .. } => self.key_of_column.get(*index).copied().flatten(),
            _ => None,
        }
    }

    /// The keys for which a truth value may be true.
    pub(super) fn region(&self, node: &Bound) -> Region {
        match node {
            Bound::Literal { value: Literal::Boolean(true), .. } => self.everything(true),
            // A null condition keeps no row, like a false one.
            Bound::Literal { value: Literal::Boolean(false) | Literal::Null, .. } => Self::nothing(),
            Bound::And(args) => args.iter().fold(self.everything(true), |so_far, arg| {
                if so_far.boxes.is_empty() { so_far } else { self.intersection(so_far, self.region(arg)) }
            }),
            Bound::Or(args) => self.union(args.iter().map(|arg| self.region(arg))),
            Bound::Compare { op, left, right } => match (self.key_of(left), right.as_ref()) {
                (Some(key), Bound::Literal { value, .. }) => self.column(key, compared(*op, value)),
                _ => self.everything(false),
            },
            Bound::In { input, list } => match self.key_of(input) {
                Some(key) => self.column(key, Domain::points(list.values())),
                None => self.everything(false),
            },
            Bound::StartsWith { input, prefix } => match self.key_of(input) {
                Some(key) => self.column(key, prefixed(prefix)),
                None => self.everything(false),
            },
            Bound::Like { input, pattern, case_insensitive: false } => match self.key_of(input) {
                // The text before the first wildcard bounds the matches; the rest is left to the evaluator.
                Some(key) => Region { exact: false, ..self.column(key, prefixed(literal_prefix(pattern))) },
                None => self.everything(false),
            },
            // Keys are never null.
            Bound::IsNull(input) if self.key_of(input).is_some() => Self::nothing(),
            Bound::IsNotNull(input) if self.key_of(input).is_some() => self.everything(true),
            Bound::Column { .. } => match self.key_of(node) {
                Some(key) => self.column(key, Domain::points(&[Literal::Boolean(true)])),
                None => self.everything(false),
            },
            Bound::Not(inner) => self.negation(inner),
            _ => self.everything(false),
        }
    }

    /// Negations that the binder could not push further down.
    fn negation(&self, inner: &Bound) -> Region {
        match inner {
            Bound::In { list, .. } if list.has_null() => Self::nothing(),
            Bound::In { input, list } => match self.key_of(input) {
                Some(key) => self.column(key, Domain::points(list.values()).complement()),
                None => self.everything(false),
            },
            Bound::StartsWith { input, prefix } => match self.key_of(input) {
                Some(key) => self.column(key, prefixed(prefix).complement()),
                None => self.everything(false),
            },
            Bound::Column { .. } => match self.key_of(inner) {
                Some(key) => self.column(key, Domain::points(&[Literal::Boolean(false)])),
                None => self.everything(false),
            },
            _ => self.everything(false),
        }
    }

    fn intersection(&self, left: Region, right: Region) -> Region {
        let mut exact = left.exact && right.exact;
        let (mut left, mut right) = (left.boxes, right.boxes);
        if left.len().saturating_mul(right.len()) > MAX_BOXES {
            exact = false;
            let larger = if left.len() >= right.len() { &mut left } else { &mut right };
            *larger = cover(std::mem::take(larger));
            if left.len().saturating_mul(right.len()) > MAX_BOXES {
                (left, right) = (cover(left), cover(right));
            }
        }
        let mut boxes = Vec::new();
        for a in &left {
            for b in &right {
                let mut keys = KeyBox::with_capacity(self.width);
                for (a, b) in a.iter().zip(b) {
                    let (domain, coarse) =
                        a.intersection(b).coarsen(if a.is_all() || b.is_all() { usize::MAX } else { MAX_RANGES });
                    exact &= !coarse;
                    keys.push(domain);
                }
                if keys.iter().all(|domain| !domain.is_empty()) {
                    boxes.push(keys);
                }
            }
        }
        Region { boxes, exact }
    }

    fn union(&self, regions: impl Iterator<Item = Region>) -> Region {
        let mut exact = true;
        // Conditions on one column only, the common kind, are joined in one pass however many they are.
        let mut single: Vec<Vec<Domain>> = vec![Vec::new(); self.width];
        let mut boxes: Vec<KeyBox> = Vec::new();
        for region in regions {
            exact &= region.exact;
            for keys in region.boxes {
                match sole_constraint(&keys) {
                    Some(column) => single[column].extend(keys.into_iter().nth(column)),
                    None => boxes.push(keys),
                }
            }
            if boxes.len() > 8 * MAX_BOXES {
                exact = false;
                boxes = cover(boxes);
            }
        }
        for (column, domains) in single.into_iter().enumerate() {
            if !domains.is_empty() {
                boxes.extend(self.column(column, Domain::union_of(&domains)).boxes);
            }
        }
        let mut boxes = joined(boxes);
        if boxes.len() > MAX_BOXES {
            exact = false;
            boxes = cover(boxes);
        }
        Region { boxes, exact }
    }
}

/// The only column that a box constrains.
fn sole_constraint(keys: &KeyBox) -> Option<usize> {
    let mut constrained = (0..keys.len()).filter(|column| !keys[*column].is_all());
    constrained.next().filter(|_| constrained.next().is_none())
}

/// Joins boxes that differ in one column only.
fn joined(boxes: Vec<KeyBox>) -> Vec<KeyBox> {
    let mut result: Vec<KeyBox> = Vec::new();
    for keys in boxes {
        match result.iter_mut().find_map(|known| Some((sole_difference(known, &keys)?, known))) {
            Some((Some(column), known)) => known[column] = known[column].union(&keys[column]),
            // The same box again.
            Some((None, _)) => {}
            None => result.push(keys),
        }
    }
    result
}

/// The one column in which two boxes differ, so that their union is a box; `None` if there are several.
fn sole_difference(left: &KeyBox, right: &KeyBox) -> Option<Option<usize>> {
    let mut differing = (0..left.len().min(right.len())).filter(|column| left[*column] != right[*column]);
    let first = differing.next();
    if differing.next().is_some() { None } else { Some(first) }
}

/// One box around all.
fn cover(boxes: Vec<KeyBox>) -> Vec<KeyBox> {
    let mut columns: Vec<Vec<Domain>> = Vec::new();
    for keys in boxes {
        columns.resize(keys.len(), Vec::new());
        columns.iter_mut().zip(keys).for_each(|(column, domain)| column.push(domain));
    }
    if columns.is_empty() { Vec::new() } else { vec![columns.iter().map(|column| Domain::union_of(column)).collect()] }
}

fn compared(op: CompareOp, value: &Literal) -> Domain {
    let (before, after) = (Edge::Before(value.clone()), Edge::After(value.clone()));
    match op {
        CompareOp::Eq => Domain::between(before, after),
        CompareOp::Neq => Domain::between(before, after).complement(),
        CompareOp::Lt => Domain::between(Edge::Start, before),
        CompareOp::Lte => Domain::between(Edge::Start, after),
        CompareOp::Gt => Domain::between(after, Edge::End),
        CompareOp::Gte => Domain::between(before, Edge::End),
    }
}

fn prefixed(prefix: &str) -> Domain {
    let (lower, upper) = prefix_edges(prefix);
    Domain::between(lower, upper)
}

/// The text of a pattern before its first wildcard or escape.
pub(super) fn literal_prefix(pattern: &str) -> &str {
    pattern.find(['%', '_', '\\']).map_or(pattern, |at| &pattern[..at])
}
