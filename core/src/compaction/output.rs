//! Merged runs to files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, new_empty_array};
use arrow_schema::Field;

use super::merge::{Cells, RunRows};
use crate::error::Result;
use crate::fragment::{FragmentRef, FragmentWriter, WriteOptions, value_bytes};
use crate::key::{KeyRows, KeySchema};
use crate::scan::presence_field;
use crate::store::Store;
use crate::table::Names;
use crate::table::records::{ColumnBinding, ColumnPlace, FoldedFragment, FoldedRun, FragmentRecord, Rank, RunRecord};
use crate::transaction::ingest::{InlineRows, stripes, write_keys};
use crate::transaction::inline;

/// Writes runs of one rewrite.
pub(super) struct Output<'a> {
    pub(super) store: &'a Store,
    pub(super) names: Names,
}

impl Output<'_> {
    /// Writes a run of rows or, without groups, of tombstones.
    pub(super) async fn run(&self, run: &RunRows, rank: Rank, folded_from: Option<Rank>) -> Result<FoldedRun> {
        let (store, names) = (self.store, &self.names);
        let keys = write_keys(store, names.key_space(), &run.keys).await?;
        let mut files: BTreeMap<(u32, u32), Vec<(&ColumnPlace, &Cells)>> = BTreeMap::new();
        for (place, cells) in &run.columns {
            files.entry((place.group, place.chunk)).or_default().push((place, cells));
        }
        let written = files.into_iter().map(|((group, chunk), columns)| {
            let key_space = keys.path.clone();
            async move {
                let (data, columns) = write_fragment(store, names.fragment(), run.keys.len(), &columns).await?;
                let record = FragmentRecord { data: Some(data), key_space, columns };
                Ok::<_, crate::Error>(FoldedFragment { group, chunk, record: Some(record) })
            }
        });
        let fragments = futures::future::try_join_all(written).await?;
        let record = RunRecord {
            first: run.keys.key(0).as_bytes().to_vec().into(),
            last: run.keys.key(run.keys.len() - 1).as_bytes().to_vec().into(),
            keys: Some(keys),
            rank: Some(rank),
            level: 0,
            folded_from,
        };
        Ok(FoldedRun { run: Some(record), groups: run.groups.iter().copied().collect(), fragments })
    }
}

/// Writes the cells of one chunk: values, then the presence bits of the columns that lack cells.
async fn write_fragment(
    store: &Store,
    path: String,
    rows: usize,
    columns: &[(&ColumnPlace, &Cells)],
) -> Result<(FragmentRef, Vec<ColumnBinding>)> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut bindings = Vec::new();
    for (position, (place, cells)) in (0_u32..).zip(columns) {
        fields.push(Arc::new(Field::new(position.to_string(), cells.values.data_type().clone(), true)));
        arrays.push(Arc::clone(&cells.values));
        bindings.push(ColumnBinding { column: place.column, position, presence: 0 });
    }
    for (binding, (_, cells)) in bindings.iter_mut().zip(columns) {
        if let Some(presence) = &cells.presence {
            fields.push(Arc::new(presence_field().with_name(format!("{} present", binding.position))));
            arrays.push(Arc::new(presence.clone()));
            // One more than its position: 0 says that every row has a cell.
            binding.presence = u32::try_from(arrays.len()).unwrap_or(u32::MAX);
        }
    }
    let mut writer = FragmentWriter::try_new(store, path, fields, WriteOptions::default())?;
    for stripe in stripes(rows) {
        let stripe: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(stripe.start, stripe.len())).collect();
        writer.write_stripe(&stripe, None).await?;
    }
    Ok((writer.finish().await?, bindings))
}

/// Bytes of the rows of a run in memory.
pub(super) fn memory_bytes(run: &RunRows) -> usize {
    let keys: usize = run.keys.columns().iter().map(value_bytes).sum();
    keys + run.columns.values().map(|cells| value_bytes(&cells.values)).sum::<usize>()
}

/// The columns of runs, and their types as rows that are none.
pub(super) fn types_of<'a>(
    schema: &KeySchema,
    runs: impl Iterator<Item = &'a RunRows>,
) -> Result<(Vec<ColumnPlace>, bytes::Bytes)> {
    let mut types: BTreeMap<ColumnPlace, ArrayRef> = BTreeMap::new();
    for (place, cells) in runs.flat_map(|run| &run.columns) {
        types.entry(*place).or_insert_with(|| new_empty_array(cells.values.data_type()));
    }
    let (places, values) = types.into_iter().unzip();
    let keys: Vec<ArrayRef> = schema.fields().iter().map(|field| new_empty_array(field.data_type())).collect();
    let keys = KeyRows::try_new(schema.clone(), &keys)?;
    Ok((places, inline::encode(&InlineRows { keys, values })?))
}
