//! Which cell of several runs is the current one.

use arrow_array::{Array, BooleanArray};

use super::merge::{Member, Stretch, Union, count};

/// Marks rows without a cell.
const NONE: u32 = u32::MAX;

/// Where the cells of consecutive rows are: consecutive rows of one source, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    source: u32,
    row: u32,
    pub(crate) len: u32,
}

impl Segment {
    pub(super) fn new(source: usize, row: u32, len: u32) -> Self {
        Self { source: count(source), row, len }
    }

    pub(super) fn missing(len: u32) -> Self {
        Self { source: NONE, row: 0, len }
    }

    /// The source and the first row in it; `None` where there is no cell.
    pub(crate) fn place(self) -> Option<(usize, u32)> {
        (self.source != NONE).then_some((self.source as usize, self.row))
    }

    /// Appends to a list, lengthening its last segment where this one continues it.
    pub(super) fn push_to(self, list: &mut Vec<Self>) {
        if let Some(last) = list.last_mut()
            && last.source == self.source
            && (self.source == NONE || last.row + last.len == self.row)
        {
            last.len += self.len;
        } else if self.len > 0 {
            list.push(self);
        }
    }
}

/// What an input of a merge does to its keys. Inputs are in ascending order of rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Its rows exist in the groups of the scan.
    Rows,
    /// Its rows do not make a row of the scan exist.
    Cells,
    /// It deletes its keys.
    Tombstone,
}

/// The rows of an input that have a cell in a column.
pub(crate) enum Holds<'a> {
    Nothing,
    /// They have none, and hide those of lower rank.
    Deleted,
    Everything,
    Some(&'a BooleanArray),
}

/// The rows of a union that exist after deletions: each input has the number of its table, whose inputs follow each
/// other, and hides only what is below it there.
pub(super) fn existing(union: &Union, kinds: &[(usize, Kind)]) -> Vec<Stretch> {
    let exists = |stretch: &&Stretch| {
        let mut hidden = None;
        union.members(stretch).rev().any(|member| match kinds[member.input as usize] {
            (table, _) if hidden == Some(table) => false,
            (table, Kind::Tombstone) => {
                hidden = Some(table);
                false
            }
            (_, kind) => kind == Kind::Rows,
        })
    };
    union.stretches.iter().filter(exists).copied().collect()
}

/// For existing rows, the cells of highest rank among the inputs that hold a column.
pub(crate) fn pick<'a>(union: &Union, rows: &[Stretch], holds: impl Fn(usize) -> Holds<'a>) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(rows.len());
    let mut members = Vec::new();
    for stretch in rows {
        members.clear();
        members.extend(union.members(stretch));
        pick_rows(&members, 0, stretch.len, &holds, &mut segments);
    }
    segments
}

/// Picks the cells of rows `from..to` of a stretch.
fn pick_rows<'a>(
    members: &[Member],
    mut from: u32,
    to: u32,
    holds: &impl Fn(usize) -> Holds<'a>,
    segments: &mut Vec<Segment>,
) {
    let Some((member, below)) = members.split_last() else {
        return Segment::missing(to - from).push_to(segments);
    };
    match holds(member.input as usize) {
        Holds::Nothing => pick_rows(below, from, to, holds, segments),
        Holds::Deleted => Segment::missing(to - from).push_to(segments),
        Holds::Everything => {
            Segment { source: member.input, row: member.row + from, len: to - from }.push_to(segments);
        }
        Holds::Some(presence) => {
            let present = |row: &u32| {
                let row = (member.row + row) as usize;
                presence.value(row) && presence.is_valid(row)
            };
            while from < to {
                let held = present(&from);
                let end = (from..to).find(|row| present(row) != held).unwrap_or(to);
                if held {
                    Segment { source: member.input, row: member.row + from, len: end - from }.push_to(segments);
                } else {
                    pick_rows(below, from, end, holds, segments);
                }
                from = end;
            }
        }
    }
}

/// For existing rows, where their keys are. All inputs of a row have it, so that one is chosen which makes few segments.
pub(crate) fn pick_keys(union: &Union, rows: &[Stretch]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::with_capacity(rows.len());
    for stretch in rows {
        let last = segments.last().copied();
        let continues =
            |member: &Member| last.is_some_and(|last| last.source == member.input && last.row + last.len == member.row);
        // The lowest rank is usually the largest run.
        let member = union.members(stretch).find(continues).or_else(|| union.members(stretch).next());
        if let Some(member) = member {
            Segment { source: member.input, row: member.row, len: stretch.len }.push_to(&mut segments);
        }
    }
    segments
}

/// The rows that a mask keeps.
pub(super) fn keep(rows: &[Stretch], mask: &BooleanArray) -> Vec<Stretch> {
    let mut kept = Vec::new();
    let mut slices = mask.values().set_slices().map(|(from, to)| (count(from), count(to)));
    let mut slice = slices.next();
    let mut begin = 0;
    for stretch in rows {
        let end = begin + stretch.len;
        while let Some((from, to)) = slice {
            if from >= end {
                break;
            }
            kept.push(stretch.part(from.max(begin) - begin, to.min(end) - begin));
            if to > end {
                break;
            }
            slice = slices.next();
        }
        begin = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn cells(segments: &[Segment]) -> Vec<Option<(usize, u32)>> {
        let rows = |segment: &Segment| {
            let place = segment.place();
            (0..segment.len).map(move |at| place.map(|(source, row)| (source, row + at))).collect::<Vec<_>>()
        };
        segments.iter().flat_map(rows).collect()
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![4 => Just(Kind::Rows), 1 => Just(Kind::Cells), 1 => Just(Kind::Tombstone)]
    }

    proptest! {
        #[test]
        fn the_newest_visible_cell_is_picked(
            inputs in prop::collection::vec((kind(), prop::collection::btree_set(0..40u32, 0..30), any::<Option<u64>>()), 1..6),
            others in 0..6_usize,
            kept in any::<u64>(),
        ) {
            // The last inputs belong to another table, whose column is the one that is picked.
            let table = |input: usize| usize::from(input >= others.min(inputs.len() - 1));
            let places: Vec<Vec<u32>> = inputs.iter().map(|(_, places, _)| places.iter().copied().collect()).collect();
            let kinds: Vec<(usize, Kind)> =
                inputs.iter().enumerate().map(|(input, (kind, ..))| (table(input), *kind)).collect();
            let presence: Vec<Option<BooleanArray>> = inputs
                .iter()
                .map(|(_, places, bits)| bits.map(|bits| (0..places.len()).map(|row| Some(bits >> row & 1 == 1)).collect()))
                .collect();
            let union = Union::of_places(&places, 40);
            let rows = existing(&union, &kinds);

            let mut expected = Vec::new();
            let mut expected_rows = BTreeSet::new();
            for place in 0..40 {
                let mut exists = [false; 2];
                let mut cell = None;
                for (input, places) in places.iter().enumerate() {
                    let Ok(row) = places.binary_search(&place) else { continue };
                    let (table, kind) = kinds[input];
                    let present = table == 1 && presence[input].as_ref().is_none_or(|bits| bits.value(row));
                    match kind {
                        Kind::Tombstone => exists[table] = false,
                        kind => exists[table] |= kind == Kind::Rows,
                    }
                    if kind == Kind::Tombstone && table == 1 {
                        cell = None;
                    } else if present {
                        cell = Some((input, count(row)));
                    }
                }
                if exists.contains(&true) {
                    expected.push(cell);
                    expected_rows.insert(place);
                }
            }
            let holds = |input: usize| match kinds[input] {
                (0, _) => Holds::Nothing,
                (_, Kind::Tombstone) => Holds::Deleted,
                _ => presence[input].as_ref().map_or(Holds::Everything, Holds::Some),
            };
            prop_assert_eq!(cells(&pick(&union, &rows, holds)), expected.clone());
            let found: BTreeSet<u32> = rows.iter().flat_map(|stretch| stretch.begin..stretch.begin + stretch.len).collect();
            prop_assert_eq!(&found, &expected_rows);
            let keys: Vec<u32> =
                cells(&pick_keys(&union, &rows)).into_iter().flatten().map(|(input, row)| places[input][row as usize]).collect();
            prop_assert_eq!(keys, expected_rows.iter().copied().collect::<Vec<_>>());

            let mask: BooleanArray = (0..expected.len()).map(|row| Some(kept >> row & 1 == 1)).collect();
            let expected: Vec<_> = expected.into_iter().zip(mask.iter()).filter(|(_, keep)| *keep == Some(true)).map(|(cell, _)| cell).collect();
            prop_assert_eq!(cells(&pick(&union, &keep(&rows, &mask), holds)), expected);
        }
    }
}
