//! Which stripes of the overlapping runs a piece of a scan reads, and where its cells are in them.

use std::ops::Range;

use super::merge::count;
use super::resolve::Segment;
use crate::fragment::{Rows, STRIPE_ROWS};

/// The rows of one input of a merge.
#[derive(Debug)]
pub(super) struct Extent<'a> {
    /// Number of rows.
    pub(super) len: u32,
    /// The row of the run that the first one is.
    pub(super) begin: u64,
    /// The rows of the run, where they were looked up instead of read in order.
    pub(super) located: Option<&'a [u64]>,
    /// Rows of the run, `None` for a run in memory: that has no stripes.
    pub(super) run_rows: Option<u64>,
    /// Whether other pieces read rows before, and after, these.
    pub(super) shares: (bool, bool),
}

/// What is read of one stripe of one input.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) input: usize,
    pub(super) read: Read,
    /// The rows of the input that it serves lie within these.
    rows: Range<u32>,
    /// Consecutive rows of the input that are consecutive in what is read, and the position of the first one.
    runs: Vec<(Range<u32>, u32)>,
}

/// How a part is read.
#[derive(Debug)]
pub(super) enum Read {
    /// A whole stripe, which neighbouring pieces of the scan read too.
    Shared(Range<u64>),
    /// Rows for this piece alone.
    Own(Rows),
}

impl Extent<'_> {
    fn row(&self, row: u32) -> u64 {
        match self.located {
            Some(located) => located[row as usize],
            None => self.begin + u64::from(row),
        }
    }

    /// The rows of the run in the stripe that a row lies in.
    fn stripe(&self, row: u64) -> Range<u64> {
        match self.run_rows {
            Some(rows) => {
                let begin = row / STRIPE_ROWS as u64 * STRIPE_ROWS as u64;
                begin..(begin + STRIPE_ROWS as u64).min(rows)
            }
            None => 0..u64::MAX,
        }
    }

    /// The row of the input after the last one that lies in the same stripe as `row`, at most `to`.
    fn stripe_end(&self, row: u32, to: u32) -> u32 {
        let end = self.stripe(self.row(row)).end;
        match self.located {
            Some(located) => {
                let rows = &located[row as usize..to as usize];
                row + count(rows.partition_point(|row| *row < end))
            }
            None => to.min(count(usize::try_from(end - self.begin).unwrap_or(usize::MAX))),
        }
    }

    /// One part for the wanted rows of one stripe.
    fn part(&self, input: usize, wanted: &[Range<u32>]) -> Part {
        let (first, last) = (wanted[0].start, wanted[wanted.len() - 1].end);
        let rows: usize = wanted.iter().map(|range| range.len()).sum();
        if self.located.is_none() {
            let stripe = self.stripe(self.row(first));
            let end = self.begin + u64::from(self.len);
            let held = stripe.start.max(self.begin)..stripe.end.min(end);
            let relative = |row: u64| count(usize::try_from(row - self.begin).unwrap_or(usize::MAX));
            let all = relative(held.start)..relative(held.end);
            let shared = (self.shares.0 && stripe.start < self.begin) || (self.shares.1 && end < stripe.end);
            // Few rows of a stripe are cheaper to read by themselves: a filter left them, and few elsewhere in it.
            if self.run_rows.is_some() && shared && rows * 4 >= all.len() {
                let skip = count(usize::try_from(held.start - stripe.start).unwrap_or(usize::MAX));
                return Part { input, read: Read::Shared(stripe), rows: all.clone(), runs: vec![(all, skip)] };
            }
            // Where most rows of a stretch are wanted, reading all of it is cheaper than leaving some out.
            let dense = if rows * 2 >= all.len() { all } else { first..last };
            if rows * 2 >= dense.len() {
                let read = Rows::Range(self.row(dense.start)..self.row(dense.end));
                return Part { input, read: Read::Own(read), rows: dense.clone(), runs: vec![(dense, 0)] };
            }
        }
        let mut runs = Vec::with_capacity(wanted.len());
        let mut indices: Vec<u64> = Vec::with_capacity(rows);
        for range in wanted {
            runs.push((range.clone(), count(indices.len())));
            indices.extend(range.clone().map(|row| self.row(row)));
        }
        let read = match indices[..] {
            [first, .., last] if last - first + 1 == indices.len() as u64 => Rows::Range(first..last + 1),
            _ => Rows::Indices(indices),
        };
        Part { input, read: Read::Own(read), rows: first..last, runs }
    }
}

/// The parts to read for the wanted rows of each input.
pub(super) struct Parts {
    pub(super) list: Vec<Part>,
    /// Parts of each input.
    of_input: Vec<Range<usize>>,
}

impl Parts {
    /// Chooses what to read. `wanted` are row ranges of each input in any order, which may overlap.
    pub(super) fn new(extents: &[Extent<'_>], mut wanted: Vec<Vec<Range<u32>>>) -> Self {
        let mut list = Vec::new();
        let mut of_input = Vec::with_capacity(extents.len());
        for (input, (extent, wanted)) in extents.iter().zip(&mut wanted).enumerate() {
            let begin = list.len();
            let mut pieces: Vec<Range<u32>> = Vec::new();
            let mut stripe_end = 0;
            for mut range in joined(wanted) {
                while range.start < range.end {
                    if range.start >= stripe_end {
                        if !pieces.is_empty() {
                            list.push(extent.part(input, &pieces));
                            pieces.clear();
                        }
                        stripe_end = extent.stripe_end(range.start, extent.len);
                    }
                    let end = range.end.min(stripe_end);
                    pieces.push(range.start..end);
                    range.start = end;
                }
            }
            if !pieces.is_empty() {
                list.push(extent.part(input, &pieces));
            }
            of_input.push(begin..list.len());
        }
        Self { list, of_input }
    }

    /// Segments of inputs as segments of the parts that hold them.
    pub(super) fn place(&self, segments: &[Segment]) -> Vec<Segment> {
        let mut placed = Vec::with_capacity(segments.len());
        for segment in segments {
            let Some((input, mut row)) = segment.place() else {
                segment.push_to(&mut placed);
                continue;
            };
            let range = self.of_input[input].clone();
            let mut at = range.start + self.list[range].partition_point(|part| part.rows.end <= row);
            let mut left = segment.len;
            while left > 0
                && let Some(part) = self.list.get(at)
            {
                let run = part.runs.partition_point(|(rows, _)| rows.end <= row);
                let Some((rows, position)) = part.runs.get(run) else {
                    at += 1;
                    continue;
                };
                let len = left.min(rows.end - row);
                Segment::new(at, position + (row - rows.start), len).push_to(&mut placed);
                row += len;
                left -= len;
            }
        }
        placed
    }
}

/// Ranges sorted, those that touch or overlap as one.
fn joined(ranges: &mut Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u32>> = Vec::with_capacity(ranges.len());
    for range in ranges.drain(..) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const RUN: u64 = 30_000;

    /// The rows of the run that a part reads, in order.
    fn read(part: &Part) -> Vec<u64> {
        match &part.read {
            Read::Shared(rows) | Read::Own(Rows::Range(rows)) => rows.clone().collect(),
            Read::Own(Rows::Indices(rows)) => rows.clone(),
            Read::Own(Rows::Mask(..)) => unreachable!("parts have no masks"),
        }
    }

    proptest! {
        #[test]
        fn every_wanted_cell_is_read_once_and_found(
            begin in 0..20_000_u64,
            len in 1..10_000_u32,
            located in prop::option::of(prop::collection::btree_set(0..RUN, 1..200)),
            in_memory in any::<bool>(),
            shares in any::<(bool, bool)>(),
            wanted in prop::collection::vec((any::<prop::sample::Index>(), 1..3000_u32), 1..20),
        ) {
            let located: Option<Vec<u64>> = located.map(|rows| rows.into_iter().collect());
            let len = located.as_ref().map_or(len, |rows| count(rows.len()));
            let extent = Extent {
                len,
                begin: if located.is_some() { 0 } else { begin },
                located: located.as_deref(),
                run_rows: (!in_memory).then_some(RUN),
                shares,
            };
            let row_of = |row: u32| located.as_ref().map_or(begin + u64::from(row), |rows| rows[row as usize]);
            let wanted: Vec<Range<u32>> = wanted
                .into_iter()
                .map(|(at, rows)| {
                    let at = count(at.index(len as usize));
                    at..(at + rows).min(len)
                })
                .collect();
            let parts = Parts::new(&[extent], vec![wanted.clone()]);
            let read: Vec<Vec<u64>> = parts.list.iter().map(read).collect();
            for range in &wanted {
                let placed = parts.place(&[Segment::new(0, range.start, count(range.len()))]);
                let mut found = Vec::new();
                for segment in placed {
                    let (part, row) = segment.place().unwrap();
                    found.extend_from_slice(&read[part][row as usize..(row + segment.len) as usize]);
                }
                prop_assert_eq!(found, range.clone().map(row_of).collect::<Vec<_>>());
            }
            let all: Vec<u64> = read.into_iter().flatten().collect();
            let distinct: BTreeSet<u64> = all.iter().copied().collect();
            prop_assert_eq!(distinct.len(), all.len(), "a row is read twice");
        }
    }
}
