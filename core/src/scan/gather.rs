//! Values of runs: fetched together, decoded off the event loop.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_schema::Field;
use futures::future::try_join_all;

use super::bind::{Origin, ValueColumn};
use super::keys::key_fields;
use super::source::{Body, Cells, Source, Sources, presence_field};
use crate::bail;
use crate::error::{Code, Result};
use crate::fragment::{Decoded, FetchedColumns, Rows, physical_type};
use crate::key::KeySchema;
use crate::store::Weigh;

/// Columns of one step of a scan: of the filter, or of the rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    /// Tells the stages of one scan apart.
    pub(super) number: u8,
    /// Positions in the key schema.
    pub(super) keys: Vec<usize>,
    /// Positions among the scan's value columns.
    pub(super) values: Vec<usize>,
    /// Positions among the scan's value columns whose presence bits are read, where there are any.
    pub(super) presence: Vec<usize>,
}

/// Decoded columns of some rows of one run, in physical types. A column that the run does not have is absent.
#[derive(Default)]
pub(super) struct Values {
    pub(super) keys: HashMap<usize, ArrayRef>,
    pub(super) values: HashMap<usize, ArrayRef>,
    pub(super) presence: HashMap<usize, BooleanArray>,
}

impl Values {
    /// The column of a key or a value.
    pub(super) fn get(&self, origin: Origin) -> Option<&ArrayRef> {
        match origin {
            Origin::Key(at) => self.keys.get(&at),
            Origin::Value(at) => self.values.get(&at),
            Origin::Computed(_) => None,
        }
    }

    fn insert(&mut self, slot: Slot, array: ArrayRef) {
        match slot {
            Slot::Key(at) => drop(self.keys.insert(at, array)),
            Slot::Value(at) => drop(self.values.insert(at, array)),
            Slot::Presence(at) => drop(self.presence.insert(at, array.as_boolean().clone())),
        }
    }

    /// Makes the cells null that the run does not have.
    pub(super) fn mask_absent(mut self) -> Result<Self> {
        for (value, presence) in std::mem::take(&mut self.presence) {
            let absent = absent(&presence);
            if let Some(array) = self.values.get_mut(&value)
                && absent.true_count() > 0
            {
                *array = arrow_select::nullif::nullif(array, &absent)?;
            }
        }
        Ok(self)
    }
}

impl Weigh for Values {
    fn weight_bytes(&self) -> usize {
        let arrays = self.keys.values().chain(self.values.values());
        let presence = self.presence.values().map(Array::get_array_memory_size);
        arrays.map(Array::get_array_memory_size).chain(presence).sum()
    }
}

/// The rows without a cell. A presence bit that is null is no cell.
fn absent(presence: &BooleanArray) -> BooleanArray {
    let bits = presence.values();
    let present = presence.nulls().map_or_else(|| bits.clone(), |nulls| bits & nulls.inner());
    BooleanArray::new(!&present, None)
}

/// Fetched blocks of some rows of one run.
pub(super) struct Fetched {
    /// Number of rows.
    pub(super) rows: usize,
    parts: Vec<(Vec<Slot>, FetchedColumns)>,
    memory: Values,
}

/// What a fetched column is.
#[derive(Clone, Copy)]
enum Slot {
    Key(usize),
    Value(usize),
    Presence(usize),
}

impl Fetched {
    /// Bytes that are to be decoded.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|(_, fetched)| fetched.bytes()).sum()
    }

    /// Checks and decodes. CPU-bound.
    pub(super) fn decode(self) -> Result<Values> {
        let mut values = self.memory;
        for (slots, fetched) in self.parts {
            for (slot, array) in slots.into_iter().zip(fetched.decode()?) {
                values.insert(slot, array);
            }
        }
        Ok(values)
    }

    /// Decodes as [`Self::decode`] does, but those of the value columns that are `writable` into cells that can be
    /// written over, as far as there are such.
    pub(super) fn decode_writable(self, writable: impl Fn(usize) -> bool) -> Result<(Values, HashMap<usize, Decoded>)> {
        let mut values = self.memory;
        let mut writables = HashMap::new();
        for (slots, fetched) in self.parts {
            let writable = |at: usize| matches!(slots[at], Slot::Value(value) if writable(value));
            for (slot, cells) in slots.iter().zip(fetched.decode_writable(writable)?) {
                match (slot, cells) {
                    (slot, Decoded::Array(array)) => values.insert(*slot, array),
                    (Slot::Value(at), cells) => drop(writables.insert(*at, cells)),
                    (Slot::Key(_) | Slot::Presence(_), _) => bail!(Code::Internal, "only values are written over"),
                }
            }
        }
        Ok((values, writables))
    }
}

/// Fetches the columns of a stage for several row sets of one run: one round of requests once indexes are known.
pub(super) async fn fetch(
    sources: &Sources,
    schema: &KeySchema,
    columns: &[ValueColumn],
    source: &Source,
    stage: &Stage,
    rows: &[Rows],
) -> Result<Vec<Fetched>> {
    let (keys, fragments) = match &source.body {
        Body::Files { keys, fragments } => (keys, fragments),
        Body::Memory { keys, values } => {
            return rows
                .iter()
                .map(|rows| {
                    let memory = memory_values(columns, source, stage, keys.columns(), values, rows)?;
                    Ok(Fetched { rows: rows.len(), parts: Vec::new(), memory })
                })
                .collect();
        }
    };
    let mut wanted = Vec::new();
    if !stage.keys.is_empty() {
        let fields = key_fields(schema)?;
        let slots = stage.keys.iter().map(|at| Slot::Key(*at)).collect();
        let selected: Vec<_> = stage.keys.iter().map(|at| fields[*at].clone()).collect();
        wanted.push((keys, slots, selected));
    }
    for (number, fragment) in fragments.iter().enumerate() {
        let (slots, selected) = fragment_columns(columns, source, stage, number);
        if !slots.is_empty() {
            wanted.push((fragment, slots, selected));
        }
    }
    let parts = try_join_all(wanted.into_iter().map(|(reference, slots, selected)| async move {
        let fragment = sources.open(reference).await?;
        Ok::<_, crate::error::Error>((slots, fragment.fetch_many(&selected, rows).await?))
    }))
    .await?;
    let mut fetched: Vec<Fetched> =
        rows.iter().map(|rows| Fetched { rows: rows.len(), parts: Vec::new(), memory: Values::default() }).collect();
    for (slots, sets) in parts {
        for (fetched, set) in fetched.iter_mut().zip(sets) {
            fetched.parts.push((Vec::clone(&slots), set));
        }
    }
    Ok(fetched)
}

fn fragment_columns(
    columns: &[ValueColumn],
    source: &Source,
    stage: &Stage,
    fragment: usize,
) -> (Vec<Slot>, Vec<(usize, Field)>) {
    let mut slots = Vec::new();
    let mut selected = Vec::new();
    let cells = |value: usize| source.columns[value].filter(|cells| cells.fragment == fragment);
    for value in &stage.values {
        let Some(cells) = cells(*value) else { continue };
        slots.push(Slot::Value(*value));
        selected.push((cells.position, columns[*value].stored.clone()));
    }
    for value in &stage.presence {
        let Some(presence) = cells(*value).and_then(|cells| cells.presence) else { continue };
        slots.push(Slot::Presence(*value));
        selected.push((presence, presence_field()));
    }
    (slots, selected)
}

fn memory_values(
    columns: &[ValueColumn],
    source: &Source,
    stage: &Stage,
    keys: &[ArrayRef],
    values: &[ArrayRef],
    rows: &Rows,
) -> Result<Values> {
    let mut read = Values::default();
    for at in &stage.keys {
        let stored = crate::types::to_storage(&keys[*at])?;
        read.keys.insert(*at, physical(&select(&stored, rows)?)?);
    }
    for value in &stage.values {
        if let Some(Cells { position, .. }) = source.columns[*value] {
            let array = physical(&select(&values[position], rows)?)?;
            debug_assert_eq!(array.data_type(), &physical_type(columns[*value].stored.data_type()));
            read.values.insert(*value, array);
        }
    }
    Ok(read)
}

/// An array in the type that blocks decode to.
pub(crate) fn physical(array: &ArrayRef) -> Result<ArrayRef> {
    let target = physical_type(array.data_type());
    if array.data_type() == &target { Ok(Arc::clone(array)) } else { Ok(arrow_cast::cast(array, &target)?) }
}

/// Rows of an array in memory.
fn select(array: &ArrayRef, rows: &Rows) -> Result<ArrayRef> {
    Ok(match rows {
        Rows::Range(range) => {
            let begin = usize::try_from(range.start).unwrap_or(usize::MAX);
            array.slice(begin, rows.len())
        }
        Rows::Mask(begin, mask) => {
            let begin = usize::try_from(*begin).unwrap_or(usize::MAX);
            arrow_select::filter::filter(&array.slice(begin, mask.len()), mask)?
        }
        Rows::Indices(indices) => {
            let indices = arrow_array::UInt64Array::from(indices.clone());
            arrow_select::take::take(array, &indices, None)?
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_array::types::Int64Type;

    use super::*;

    #[test]
    fn absent_cells_are_null() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4), Some(5)]));
        let text: ArrayRef =
            Arc::new(arrow_array::StringViewArray::from(vec!["a", "b", "c", "d", "a longer text than fits"]));
        let bits = BooleanArray::from(vec![Some(true), Some(false), Some(true), None, Some(true), Some(false)]);
        let mut values = Values::default();
        // Slices, as a part of a stripe is one.
        values.values.insert(3, array.slice(1, 4));
        values.presence.insert(3, bits.slice(1, 4));
        values.values.insert(4, text);
        values.presence.insert(4, bits.slice(0, 5));
        let masked = values.mask_absent().unwrap();
        assert!(masked.presence.is_empty());
        let found: Vec<_> = masked.values[&3].as_primitive::<Int64Type>().iter().collect();
        assert_eq!(found, [None, None, None, Some(5)]);
        let found: Vec<_> = masked.values[&4].as_string_view().iter().collect();
        assert_eq!(found, [Some("a"), None, Some("c"), None, Some("a longer text than fits")]);
    }
}
