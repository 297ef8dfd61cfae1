//! Which cell of several runs is the current one.

/// Marks a row without a cell.
const NONE: u32 = u32::MAX;

/// The place of a cell: the input, and the row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    input: u32,
    row: u32,
}

impl Pick {
    pub(crate) fn get(self) -> Option<(usize, usize)> {
        (self.input != NONE).then_some((self.input as usize, self.row as usize))
    }

    /// The same input at another row.
    pub(super) fn at(self, row: u32) -> Self {
        Self { row, ..self }
    }
}

/// One input of a merge, in ascending order of rank.
pub(crate) struct Ranked<'a> {
    /// The row of the union that each row of the input is.
    pub(crate) places: &'a [u32],
    /// Whether the input deletes its keys.
    pub(crate) tombstone: bool,
}

/// The rows of a union of runs after deletions.
pub(crate) struct Resolution<'a> {
    inputs: &'a [Ranked<'a>],
    /// For each row, the first input that no tombstone hides.
    visible_from: Vec<u32>,
}

impl<'a> Resolution<'a> {
    pub(crate) fn new(inputs: &'a [Ranked<'a>], rows: usize) -> Self {
        let mut visible_from = vec![0; rows];
        for (input, ranked) in (0_u32..).zip(inputs) {
            if ranked.tombstone {
                for place in ranked.places {
                    visible_from[*place as usize] = input + 1;
                }
            }
        }
        Self { inputs, visible_from }
    }

    /// Rows of an input.
    pub(super) fn rows_of(&self, input: usize) -> usize {
        self.inputs[input].places.len()
    }

    /// The rows that exist in any of the inputs chosen by `member`, ascending.
    pub(super) fn existing(&self, member: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut exists = vec![false; self.visible_from.len()];
        for (input, ranked) in self.inputs.iter().enumerate() {
            if ranked.tombstone || !member(input) {
                continue;
            }
            for place in ranked.places {
                exists[*place as usize] |= input >= self.visible_from[*place as usize] as usize;
            }
        }
        (0_u32..).zip(exists).filter(|(_, exists)| *exists).map(|(row, _)| row).collect()
    }

    /// For each row of the union, a place that has its key.
    pub(crate) fn pick_any(&self) -> Vec<Pick> {
        let mut picks = vec![Pick { input: NONE, row: 0 }; self.visible_from.len()];
        for (input, ranked) in (0_u32..).zip(self.inputs) {
            for (row, place) in (0_u32..).zip(ranked.places) {
                picks[*place as usize] = Pick { input, row };
            }
        }
        picks
    }

    /// For each row of the union, the cell of highest rank among the inputs that hold the column. `holds` answers with
    /// the rows of an input that have a cell: all of them, those of a bitmap, or none.
    pub(crate) fn pick(&self, holds: impl Fn(usize) -> Holds<'a>) -> Vec<Pick> {
        let mut picks = vec![Pick { input: NONE, row: 0 }; self.visible_from.len()];
        for (number, (input, ranked)) in (0_u32..).zip(self.inputs.iter().enumerate()) {
            if ranked.tombstone {
                continue;
            }
            let presence = match holds(input) {
                Holds::Nothing => continue,
                Holds::Everything => None,
                Holds::Some(presence) => Some(presence),
            };
            for (row, place) in (0_u32..).zip(ranked.places) {
                let place = *place as usize;
                if number >= self.visible_from[place] && presence.is_none_or(|bits| bits.value(row as usize)) {
                    picks[place] = Pick { input: number, row };
                }
            }
        }
        picks
    }
}

/// The rows of an input that have a cell in a column.
pub(crate) enum Holds<'a> {
    Nothing,
    Everything,
    Some(&'a arrow_array::BooleanArray),
}
