//! Sets of values of one key column: sorted, disjoint ranges between literals of its type.

use std::cmp::Ordering;

use super::literal::Literal;

/// The edge of a range: just before or just after a value, or beyond all values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edge {
    /// Before every value.
    Start,
    /// Just before a value.
    Before(Literal),
    /// Just after a value.
    After(Literal),
    /// After every value.
    End,
}

impl Edge {
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let rank = |edge: &Self| match edge {
            Self::Start => 0,
            Self::Before(_) | Self::After(_) => 1,
            Self::End => 2,
        };
        match (self, other) {
            (Self::Before(left) | Self::After(left), Self::Before(right) | Self::After(right)) => {
                let after = |edge: &Self| matches!(edge, Self::After(_));
                // One column has one type, whose literals compare.
                left.compare(right).unwrap_or(Ordering::Equal).then(after(self).cmp(&after(other)))
            }
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

/// The values between two edges.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) lower: Edge,
    pub(super) upper: Edge,
}

impl Range {
    /// The one value of the range, if it has just one.
    pub(super) fn point(&self) -> Option<&Literal> {
        match (&self.lower, &self.upper) {
            (Edge::Before(low), Edge::After(high)) if low.compare(high) == Some(Ordering::Equal) => Some(low),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.lower.compare(&self.upper) != Ordering::Less
    }
}

/// A set of values of one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Domain {
    /// Sorted, disjoint and not touching.
    ranges: Vec<Range>,
}

impl Domain {
    pub(super) fn all() -> Self {
        Self { ranges: vec![Range { lower: Edge::Start, upper: Edge::End }] }
    }

    /// The values between two edges.
    pub(super) fn between(lower: Edge, upper: Edge) -> Self {
        Self::from_ranges(vec![Range { lower, upper }])
    }

    /// Single values.
    pub(super) fn points(values: &[Literal]) -> Self {
        let point = |value: &Literal| Range { lower: Edge::Before(value.clone()), upper: Edge::After(value.clone()) };
        Self::from_ranges(values.iter().map(point).collect())
    }

    fn from_ranges(mut ranges: Vec<Range>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by(|left, right| left.lower.compare(&right.lower));
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.lower.compare(&last.upper) != Ordering::Greater => {
                    if last.upper.compare(&range.upper) == Ordering::Less {
                        last.upper = range.upper;
                    }
                }
                _ => merged.push(range),
            }
        }
        Self { ranges: merged }
    }

    pub(super) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn is_all(&self) -> bool {
        matches!(self.ranges.as_slice(), [Range { lower: Edge::Start, upper: Edge::End }])
    }

    /// The values outside this set.
    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut lower = Edge::Start;
        for range in &self.ranges {
            ranges.push(Range { lower, upper: range.lower.clone() });
            lower = range.upper.clone();
        }
        ranges.push(Range { lower, upper: Edge::End });
        Self::from_ranges(ranges)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self::from_ranges(self.ranges.iter().chain(&other.ranges).cloned().collect())
    }

    pub(super) fn union_of(domains: &[Self]) -> Self {
        Self::from_ranges(domains.iter().flat_map(|domain| &domain.ranges).cloned().collect())
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.ranges.as_slice(), other.ranges.as_slice());
        let mut ranges = Vec::new();
        while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
            let later = |x: &Edge, y: &Edge| if x.compare(y) == Ordering::Less { y.clone() } else { x.clone() };
            let ends_first = a.upper.compare(&b.upper) != Ordering::Greater;
            let upper = if ends_first { a.upper.clone() } else { b.upper.clone() };
            ranges.push(Range { lower: later(&a.lower, &b.lower), upper });
            if ends_first {
                left = left_rest;
            } else {
                right = right_rest;
            }
        }
        Self::from_ranges(ranges)
    }

    /// A superset of at most `limit` ranges, and whether it is larger than this set.
    pub(super) fn coarsen(self, limit: usize) -> (Self, bool) {
        let limit = limit.max(1);
        if self.ranges.len() <= limit {
            return (self, false);
        }
        let width = self.ranges.len().div_ceil(limit);
        let ranges = self.ranges.chunks(width).filter_map(|chunk| {
            Some(Range { lower: chunk.first()?.lower.clone(), upper: chunk.last()?.upper.clone() })
        });
        (Self { ranges: ranges.collect() }, true)
    }
}

/// The edges of all text that begins with a prefix. Text is ordered by its UTF-8 bytes, which is the order of its
/// characters.
pub(super) fn prefix_edges(prefix: &str) -> (Edge, Edge) {
    let upper = match next_text(prefix) {
        Some(next) => Edge::Before(Literal::Utf8(next)),
        None => Edge::End,
    };
    (Edge::Before(Literal::from(prefix)), upper)
}

/// The least text greater than every text that begins with `prefix`, if there is one.
pub(super) fn next_text(prefix: &str) -> Option<String> {
    let mut text = prefix.to_string();
    while let Some(last) = text.pop() {
        let next = match last {
            // Surrogates are no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_after_a_prefix_skips_what_is_no_character() {
        assert_eq!(next_text("ab").as_deref(), Some("ac"));
        assert_eq!(next_text("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(next_text("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(next_text("\u{10ffff}"), None);
        assert_eq!(next_text(""), None);
    }

    #[test]
    fn complements_and_intersections_cancel() {
        let set = Domain::points(&[Literal::Int8(1), Literal::Int8(5), Literal::Int8(5)]);
        assert_eq!(set.ranges().len(), 2);
        assert!(set.intersection(&set.complement()).is_empty());
        assert!(set.union(&set.complement()).is_all());
        assert_eq!(set.complement().complement(), set);
    }
}
