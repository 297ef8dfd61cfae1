//! Several runs in memory to one, with the same cells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;

use crate::error::Result;
use crate::key::{KeyRows, KeySchema};
use crate::scan::{Holds, Recipe, Segment, Stretch, compose, merge, pick, pick_keys};
use crate::table::records::ColumnPlace;

/// All rows of a run.
pub(super) struct RunRows {
    pub(super) tombstone: bool,
    /// Groups in which the rows exist.
    pub(super) groups: BTreeSet<u32>,
    pub(super) keys: KeyRows,
    /// Cells by column, in physical types.
    pub(super) columns: BTreeMap<ColumnPlace, Cells>,
}

/// The cells of one column.
#[derive(Clone)]
pub(super) struct Cells {
    pub(super) values: ArrayRef,
    /// Rows that have a cell; all of them when absent.
    pub(super) presence: Option<BooleanArray>,
}

/// What runs are merged into.
pub(super) struct Merged {
    /// Keys deleted by any of the runs: they hide cells below all of them.
    pub(super) tombstones: Option<KeyRows>,
    /// The cells that no deletion among the runs hides. A key is in one run only, with the others that exist in the
    /// same groups, so that no row comes to exist in a group that it was not written to.
    pub(super) runs: Vec<RunRows>,
}

/// Groups in which a row exists, as a number: equal sets have equal numbers, 0 is the empty set.
struct GroupSets {
    sets: Vec<BTreeSet<u32>>,
    numbers: HashMap<BTreeSet<u32>, u32>,
    /// The set that a set becomes with the groups of an input.
    unions: HashMap<(u32, usize), u32>,
}

impl GroupSets {
    fn new() -> Self {
        Self { sets: vec![BTreeSet::new()], numbers: HashMap::from([(BTreeSet::new(), 0)]), unions: HashMap::new() }
    }

    fn with(&mut self, set: u32, input: usize, groups: &BTreeSet<u32>) -> u32 {
        if let Some(known) = self.unions.get(&(set, input)) {
            return *known;
        }
        let union: BTreeSet<u32> = self.sets[set as usize].union(groups).copied().collect();
        let next = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(union.clone()).or_insert(next);
        if number == next {
            self.sets.push(union);
        }
        self.unions.insert((set, input), number);
        number
    }
}

/// Merges runs in ascending order of rank.
pub(super) fn merge_runs(schema: &KeySchema, inputs: &[RunRows]) -> Result<Merged> {
    let keys: Vec<KeyRows> = inputs.iter().map(|input| input.keys.clone()).collect();
    let union = merge(&keys);
    let mut deleted: Vec<Stretch> = Vec::new();
    let mut sets = GroupSets::new();
    // By number of a set of groups: the rows that exist in them, with the inputs that no deletion hides.
    let mut rows_of: Vec<Vec<Stretch>> = vec![Vec::new()];
    for stretch in &union.stretches {
        let (mut set, mut visible) = (0, stretch.members.0);
        let mut is_deleted = false;
        for (at, member) in (stretch.members.0..).zip(union.members(stretch)) {
            let input = &inputs[member.input as usize];
            if input.tombstone {
                // It ends the row that the inputs below made.
                (is_deleted, set, visible) = (true, 0, at + 1);
            } else {
                set = sets.with(set, member.input as usize, &input.groups);
            }
        }
        if is_deleted {
            deleted.push(*stretch);
        }
        rows_of.resize(sets.sets.len(), Vec::new());
        rows_of[set as usize].push(Stretch { members: (visible, stretch.members.1), ..*stretch });
    }
    let keys_of = |rows: &[Stretch]| -> Result<KeyRows> {
        let recipe = Recipe::new(pick_keys(&union, rows));
        let columns = schema.fields().iter().enumerate().map(|(part, field)| {
            let arrays: Vec<Option<&ArrayRef>> = keys.iter().map(|keys| Some(&keys.columns()[part])).collect();
            compose(&arrays, &recipe, field.data_type())
        });
        KeyRows::try_new(schema.clone(), &columns.collect::<Result<Vec<_>>>()?)
    };
    let tombstones = if deleted.is_empty() { None } else { Some(keys_of(&deleted)?) };
    let mut runs = Vec::new();
    // The empty set is that of rows which do not exist.
    for (groups, rows) in sets.sets.into_iter().zip(rows_of).skip(1) {
        if rows.is_empty() {
            continue;
        }
        let holds = |place: ColumnPlace| {
            pick(&union, &rows, move |input| match inputs[input].columns.get(&place) {
                None => Holds::Nothing,
                Some(Cells { presence: None, .. }) => Holds::Everything,
                Some(Cells { presence: Some(presence), .. }) => Holds::Some(presence),
            })
        };
        let columns = columns_of(inputs, &groups, holds)?;
        runs.push(RunRows { tombstone: false, keys: keys_of(&rows)?, groups, columns });
    }
    Ok(Merged { tombstones, runs })
}

/// The columns of some groups; `cells` says where those of a column are. A column without any is left out.
fn columns_of(
    inputs: &[RunRows],
    groups: &BTreeSet<u32>,
    cells: impl Fn(ColumnPlace) -> Vec<Segment>,
) -> Result<BTreeMap<ColumnPlace, Cells>> {
    let places: BTreeSet<ColumnPlace> = inputs
        .iter()
        .flat_map(|input| input.columns.keys().copied())
        .filter(|place| groups.contains(&place.group))
        .collect();
    let mut columns = BTreeMap::new();
    for place in places {
        let segments = cells(place);
        let present =
            segments.iter().flat_map(|segment| std::iter::repeat_n(segment.place().is_some(), segment.len as usize));
        let present = BooleanArray::from(present.collect::<BooleanBuffer>());
        if present.true_count() == 0 {
            continue;
        }
        let written: Vec<Option<&ArrayRef>> =
            inputs.iter().map(|input| Some(&input.columns.get(&place)?.values)).collect();
        let data_type = written.iter().flatten().next().map_or(DataType::Null, |array| array.data_type().clone());
        // Writers may have used different layouts of one type.
        let same = |array: &Option<&ArrayRef>| array.map(|array| arrow_cast::cast(array, &data_type)).transpose();
        let arrays = written.iter().map(same).collect::<std::result::Result<Vec<_>, _>>()?;
        let arrays: Vec<Option<&ArrayRef>> = arrays.iter().map(Option::as_ref).collect();
        let values = compose(&arrays, &Recipe::new(segments), &data_type)?;
        let presence = (present.true_count() < present.len()).then_some(present);
        columns.insert(place, Cells { values, presence });
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use proptest::prelude::*;

    use super::*;

    const GROUPS: u32 = 2;

    fn place(group: u32) -> ColumnPlace {
        ColumnPlace { group, chunk: 0, column: u64::from(group) + 10 }
    }

    fn schema() -> KeySchema {
        KeySchema::try_new([("k", DataType::Int64)]).unwrap()
    }

    /// A write or deletion of some keys, as drawn.
    #[derive(Debug, Clone)]
    struct Drawn {
        tombstone: bool,
        groups: BTreeSet<u32>,
        /// By key: a value, a null, or no cell.
        cells: BTreeMap<i64, Option<Option<i64>>>,
    }

    fn drawn() -> impl Strategy<Value = Drawn> {
        let cell = prop_oneof![3 => Just(None), 2 => Just(Some(None)), 6 => (0..1000_i64).prop_map(|v| Some(Some(v)))];
        let groups = prop::collection::btree_set(0..GROUPS, 1..=GROUPS as usize);
        (prop::bool::weighted(0.3), groups, prop::collection::btree_map(0..30_i64, cell, 1..12))
            .prop_map(|(tombstone, groups, cells)| Drawn { tombstone, groups, cells })
    }

    fn rows(drawn: &Drawn) -> RunRows {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(drawn.cells.keys().copied()));
        let values: ArrayRef = Arc::new(drawn.cells.values().map(|cell| cell.flatten()).collect::<Int64Array>());
        let presence: BooleanArray = drawn.cells.values().map(|cell| Some(cell.is_some())).collect();
        let cells = Cells { values, presence: (presence.true_count() < presence.len()).then_some(presence) };
        let columns = if drawn.tombstone {
            BTreeMap::new()
        } else {
            drawn.groups.iter().map(|group| (place(*group), cells.clone())).collect()
        };
        let groups = if drawn.tombstone { BTreeSet::new() } else { drawn.groups.clone() };
        RunRows { tombstone: drawn.tombstone, groups, keys: KeyRows::try_new(schema(), &[keys]).unwrap(), columns }
    }

    fn keys_of(rows: &KeyRows) -> Vec<i64> {
        rows.columns()[0].as_primitive::<Int64Type>().values().to_vec()
    }

    proptest! {
        #[test]
        fn a_merge_keeps_cells_existence_and_deletions(inputs in prop::collection::vec(drawn(), 1..6)) {
            // The plain model: what a reader of the inputs would find, key by key.
            let mut exists: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
            let mut cells: BTreeMap<(i64, u32), Option<i64>> = BTreeMap::new();
            let mut deleted: BTreeSet<i64> = BTreeSet::new();
            for input in &inputs {
                for (key, cell) in &input.cells {
                    if input.tombstone {
                        deleted.insert(*key);
                        exists.remove(key);
                        cells.retain(|(of, _), _| of != key);
                        continue;
                    }
                    exists.entry(*key).or_default().extend(&input.groups);
                    if let Some(value) = cell {
                        cells.extend(input.groups.iter().map(|group| ((*key, *group), *value)));
                    }
                }
            }
            let merged = merge_runs(&schema(), &inputs.iter().map(rows).collect::<Vec<_>>()).unwrap();
            let tombstones = merged.tombstones.map(|keys| keys_of(&keys)).unwrap_or_default();
            prop_assert_eq!(tombstones, deleted.into_iter().collect::<Vec<_>>());
            let mut found_exists: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
            let mut found_cells: BTreeMap<(i64, u32), Option<i64>> = BTreeMap::new();
            for run in &merged.runs {
                let keys = keys_of(&run.keys);
                prop_assert!(keys.is_sorted_by(|a, b| a < b));
                for key in &keys {
                    prop_assert!(found_exists.insert(*key, run.groups.clone()).is_none(), "key {} is in two runs", key);
                }
                for (place, column) in &run.columns {
                    let values = column.values.as_primitive::<Int64Type>();
                    for (row, key) in keys.iter().enumerate() {
                        if column.presence.as_ref().is_none_or(|bits| bits.value(row)) {
                            found_cells.insert((*key, place.group), values.is_valid(row).then(|| values.value(row)));
                        }
                    }
                }
            }
            prop_assert_eq!(found_exists, exists);
            prop_assert_eq!(found_cells, cells);
        }
    }
}
