//! Taking rows by key: keys are located in the runs, then read by row.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, UInt32Array, UInt64Array};
use arrow_schema::SchemaRef;
use futures::future::{join, join_all, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};

use super::execute::Shared;
use super::keys::read_stripes;
use super::overlap::{Assembled, Input, Overlap};
use super::plan::Plan;
use super::source::{Body, Source};
use crate::bail;
use crate::error::{Code, Result};
use crate::key::{KeyRows, SortedCheck};
use crate::runtime::RuntimeExt;
use crate::transaction::ingest::same_kind;

/// Cells that are looked up together. Each may lie in a block of its own, so this bounds the memory of a take.
const CELLS_TOGETHER: usize = 4 << 10;

/// With more runs than this, indexes of values are read only for those that hold a key.
const INDEXES_AHEAD_MAX: usize = 16;

/// Rows found for some keys.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The rows, in the order of the keys asked for.
    pub rows: RecordBatch,
    /// For each row, the position of its key in the request. Keys without a row have none.
    pub positions: UInt64Array,
}

/// Rows of a run that were asked for, and which of the keys each of them is.
#[derive(Default)]
struct Located {
    rows: Vec<u64>,
    keys: Vec<u32>,
}

impl Plan {
    /// Reads the rows of the given keys, which may come in any order, repeatedly, or not exist. The plan's filter and
    /// ranges apply; its limit does not.
    ///
    /// # Errors
    /// `MissingKeyColumn`, `NullKey`, `TypeMismatch` for keys of another schema; the store's codes.
    pub async fn take(&self, keys: &RecordBatch) -> Result<Taken> {
        let asked = self.key_rows(keys)?;
        let (unique, place) = sorted_unique(&asked)?;
        let found = self.find(&unique).await?;
        // Runs outside of the plan's ranges were left out: what is found there may be stale.
        let context = self.context();
        let (ranges, schema) = (context.bound.ranges.clone(), self.schema());
        let work = context.work(move |_| {
            let inside = |key: usize| ranges.is_all() || ranges.contains(unique.key(key).as_bytes());
            in_order_asked(&found, &schema, unique.len(), &place, inside)
        });
        work.await
    }

    /// Finds sorted keys, a piece of them after another. Batches come with the place of their piece among the keys.
    async fn find(&self, keys: &KeyRows) -> Result<Vec<(usize, Assembled)>> {
        let columns = self.context().bound.values.len() + self.key_schema().len();
        let together = (CELLS_TOGETHER / columns).max(1);
        if keys.len() <= together {
            return self.find_piece(keys, 0).await;
        }
        let pieces = stream::iter((0..keys.len()).step_by(together)).map(|begin| {
            let (plan, piece) = (self.clone(), keys.slice(begin, together.min(keys.len() - begin)));
            // A task each, so that a store that blocks, as a folder does, holds up none of the others.
            let task = self.context().runtime.spawn_task(async move { plan.find_piece(&piece, begin).await });
            async move { task.await? }
        });
        pieces.buffered(self.readahead()).try_concat().await
    }

    async fn find_piece(&self, keys: &KeyRows, begin: usize) -> Result<Vec<(usize, Assembled)>> {
        let context = self.context();
        let list = &context.sources.list;
        let located = try_join_all(list.iter().map(|source| self.locate(source, keys))).await?;
        let (mut sources, mut inputs, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (source, Located { rows, keys: found }) in located.into_iter().enumerate() {
            if rows.is_empty() {
                continue;
            }
            let member = keys.take(&UInt32Array::from(found.clone()))?;
            sources.push(source);
            inputs.push(Input { keys: member, begin: 0, located: Some(rows), shares: (false, false) });
            places.push(found);
        }
        let overlap = Overlap::of_places(context, Shared::new(), sources, inputs, &places, keys.len());
        Ok(overlap.assemble().await?.into_iter().map(|assembled| (begin, assembled)).collect())
    }

    /// The keys of a request in the table's types.
    fn key_rows(&self, keys: &RecordBatch) -> Result<KeyRows> {
        let schema = self.key_schema();
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                let Some(column) = keys.column_by_name(field.name()) else {
                    bail!(Code::MissingKeyColumn, "the keys to take lack key column {}", field.name());
                };
                if column.data_type() == field.data_type() {
                    return Ok(Arc::clone(column));
                }
                let (from, to) = (column.data_type(), field.data_type());
                let lossless = same_kind(from, to) || (from.is_integer() && to.is_integer());
                match arrow_cast::cast(column, field.data_type()) {
                    Ok(cast) if lossless && cast.null_count() == column.null_count() => Ok(cast),
                    _ => bail!(
                        Code::TypeMismatch,
                        "key column {} has type {} and cannot be looked up by {}",
                        field.name(),
                        field.data_type(),
                        column.data_type()
                    ),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        KeyRows::try_new(schema.clone(), &columns)
    }

    /// Finds sorted keys in a run: in the index which stripes may hold them, in these stripes the rows.
    async fn locate(&self, source: &Source, keys: &KeyRows) -> Result<Located> {
        let mut located = Located::default();
        let mut search = |part: &KeyRows, begin: u64, wanted: std::ops::Range<usize>| {
            let mut from = 0;
            for key in wanted {
                from = part.lower_bound(from..part.len(), keys, key);
                if from < part.len() && part.compare(from, keys, key).is_eq() {
                    located.rows.push(begin + from as u64);
                    located.keys.push(u32::try_from(key).unwrap_or(u32::MAX));
                }
            }
        };
        let (reference, fragments) = match &source.body {
            Body::Memory { keys: held, .. } => {
                search(held, 0, 0..keys.len());
                return Ok(located);
            }
            Body::Files { keys, fragments } => (keys, fragments),
        };
        let begin = keys.lower_bound_bytes(source.first.as_bytes())?;
        let end = match keys.lower_bound_bytes(source.last.as_bytes())? {
            // A key beyond the last one is not in the run.
            end if end < keys.len() && keys.key(end).as_bytes() == source.last.as_bytes() => end + 1,
            end => end,
        };
        if begin >= end {
            return Ok(located);
        }
        let context = self.context();
        // Where few runs are left, the indexes of the values come with those of the keys: one round less to wait for.
        let few = context.sources.list.len() <= INDEXES_AHEAD_MAX;
        let ahead = join_all(fragments.iter().filter(|_| few).map(|fragment| context.sources.open(fragment)));
        let (fragment, ahead) = join(context.sources.open(reference), ahead).await;
        let fragment = fragment?;
        // Anything but a silent store, which is not asked twice, matters only if the run turns out to hold a key.
        if let Some(Err(error)) = ahead.into_iter().find(|ahead| matches!(ahead, Err(error) if error.is_retryable())) {
            return Err(error);
        }
        let mut parts: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
        let mut key = begin;
        for (stripe, next) in (0..fragment.stripes()).zip(1..) {
            let until = match fragment.first_keys().get(next) {
                Some(first) => keys.lower_bound_bytes(first)?.clamp(key, end),
                None => end,
            };
            if key < until {
                parts.push((stripe, key..until));
            }
            key = until;
        }
        let stripes: Vec<usize> = parts.iter().map(|(stripe, _)| *stripe).collect();
        let read = read_stripes(&fragment, &context.schema, &context.sources.caches.keys, &stripes).await?;
        for ((stripe, wanted), part) in parts.into_iter().zip(read) {
            search(&part, fragment.stripe(stripe).start, wanted);
        }
        Ok(located)
    }
}

/// Puts rows found in key order into the order of the request.
fn in_order_asked(
    found: &[(usize, Assembled)],
    schema: &SchemaRef,
    keys: usize,
    place: &[u32],
    inside: impl Fn(usize) -> bool,
) -> Result<Taken> {
    let mut row_of: Vec<Option<(usize, usize)>> = vec![None; keys];
    for (batch, (begin, assembled)) in found.iter().enumerate() {
        let keys = assembled.rows.iter().flat_map(|stretch| stretch.begin..stretch.begin + stretch.len);
        for (row, key) in keys.map(|key| begin + key as usize).enumerate() {
            row_of[key] = inside(key).then_some((batch, row));
        }
    }
    let mut rows = Vec::with_capacity(place.len());
    let mut positions = Vec::with_capacity(place.len());
    for (position, key) in (0_u64..).zip(place) {
        if let Some(row) = row_of[*key as usize] {
            rows.push(row);
            positions.push(position);
        }
    }
    let batches: Vec<&RecordBatch> = found.iter().map(|(_, assembled)| &assembled.batch).collect();
    let rows = match batches[..] {
        [] => RecordBatch::new_empty(Arc::clone(schema)),
        [batch] if rows.len() == batch.num_rows() && rows.iter().enumerate().all(|(at, (_, row))| at == *row) => {
            batch.clone()
        }
        _ => arrow_select::interleave::interleave_record_batch(&batches, &rows)?,
    };
    Ok(Taken { rows, positions: positions.into() })
}

/// Distinct keys in order, and for each key asked for its place among them.
fn sorted_unique(asked: &KeyRows) -> Result<(KeyRows, Vec<u32>)> {
    if asked.check_sorted() == SortedCheck::Sorted {
        return Ok((asked.clone(), (0..u32::try_from(asked.len()).unwrap_or(u32::MAX)).collect()));
    }
    let order = asked.sort_indices();
    let mut place = vec![0; asked.len()];
    let mut distinct: Vec<u32> = Vec::with_capacity(asked.len());
    for row in order.values() {
        let repeated = distinct.last().is_some_and(|last| asked.compare(*last as usize, asked, *row as usize).is_eq());
        if !repeated {
            distinct.push(*row);
        }
        place[*row as usize] = u32::try_from(distinct.len() - 1).unwrap_or(u32::MAX);
    }
    Ok((asked.take(&UInt32Array::from(distinct))?, place))
}
