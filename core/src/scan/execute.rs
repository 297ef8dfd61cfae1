//! Reading one morsel.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow_schema::Field;
use futures::future::{BoxFuture, try_join_all};

use super::bind::{BoundScan, Formula, Origin};
use super::gather::{Fetched, Stage, Values, fetch};
use super::metrics::{Counters, add, add_time};
use super::morsel::Morsel;
use super::overlap::merged;
use super::source::{Body, Source, SourcesRef};
use crate::bail;
use crate::error::{Code, Result};
use crate::expr::{ZoneColumn, ZoneStatistics, prune_zones};
use crate::fragment::{ColumnZones, Decoded, Rows};
use crate::key::{KeyRows, KeySchema};
use crate::runtime::{DEFAULT_CACHE_BYTES, RuntimeExt, RuntimeRef};
use crate::store::{BlockKey, ByteCache, CacheConfig};
use crate::types::{Column, assemble, from_storage};

/// Bytes of blocks that are decoded in one piece of work, about. They take a millisecond.
const PIECE_BYTES: usize = 512 << 10;

/// What all morsels of a plan share.
pub(super) struct Context {
    pub(super) bound: BoundScan,
    pub(super) sources: SourcesRef,
    pub(super) schema: KeySchema,
    pub(super) runtime: RuntimeRef,
    pub(super) counters: Counters,
    /// Columns the filter reads.
    pub(super) filter_stage: Stage,
    /// Columns of the result that the filter does not read.
    pub(super) rest_stage: Stage,
}

pub(super) type ContextRef = Arc<Context>;

/// Stripes that several morsels of one stream read. Each is decoded once, however small the part that a morsel takes of
/// it, and forgotten with the stream: one that merges a whole table would fill the caches of all scans.
pub(super) struct Shared {
    /// Decoded values, by stage, run and first row.
    pub(super) values: ByteCache<(u8, usize, u64), Arc<Values>>,
    pub(super) keys: ByteCache<BlockKey, KeyRows>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        let part = |of| CacheConfig { enabled: true, memory_capacity_bytes: DEFAULT_CACHE_BYTES / of };
        Arc::new(Self { values: ByteCache::new(part(16)), keys: ByteCache::new(part(32)) })
    }
}

/// Batches of one morsel, in key order.
pub(super) async fn run(context: ContextRef, shared: Arc<Shared>, morsel: Morsel) -> Result<Vec<RecordBatch>> {
    match morsel {
        Morsel::Single { source, rows } => single(context, source, rows).await,
        Morsel::Merge { range, sources, shares, .. } => merged(context, shared, range, sources, shares).await,
    }
}

/// Rows of one run: stripe by stripe, the filter's columns first, the others only for rows that it keeps.
async fn single(context: ContextRef, number: usize, rows: Range<u64>) -> Result<Vec<RecordBatch>> {
    let source = &context.sources.list[number];
    let stripes = stripes_of(&rows);
    add(&context.counters.stripes, stripes.len() as u64);
    if context.bound.filter.is_none() {
        let wanted: Vec<Rows> = stripes.into_iter().map(Rows::Range).collect();
        let fetched = context.fetch(source, &context.rest_stage, &wanted).await?;
        let batch = |context: &Context, values: Values, rows: Rows| {
            add(&context.counters.rows_read, rows.len() as u64);
            context.batch(&values, &Values::default(), rows.len())
        };
        return context.decode_each(fetched, wanted, batch).await;
    }
    let stripes = prune(&context, source, stripes).await?;
    let wanted: Vec<Rows> = stripes.iter().cloned().map(Rows::Range).collect();
    let fetched = context.fetch(source, &context.filter_stage, &wanted).await?;
    let decide = |context: &Context, values: Values, rows: Range<u64>| {
        let len = Rows::Range(rows.clone()).len();
        add(&context.counters.rows_read, len as u64);
        let mask = context.decide(&values, len)?;
        Ok((rows.start, filter_values(&values, &mask)?, mask))
    };
    let filtered = context.decode_each(fetched, stripes, decide).await?;
    let kept: Vec<_> = filtered.into_iter().filter(|(_, _, mask)| mask.true_count() > 0).collect();
    let wanted: Vec<Rows> = kept
        .iter()
        .map(|(begin, _, mask)| {
            if mask.true_count() == mask.len() {
                Rows::Range(*begin..begin + mask.len() as u64)
            } else {
                Rows::Mask(*begin, mask.clone())
            }
        })
        .collect();
    let rest = context.fetch(source, &context.rest_stage, &wanted).await?;
    let batch = |context: &Context, rest: Values, (_, values, mask): (u64, Values, BooleanArray)| {
        context.batch(&rest, &values, mask.true_count())
    };
    context.decode_each(rest, kept, batch).await
}

/// Puts neighbours together until they have enough bytes for one piece of work.
pub(super) fn in_pieces<T>(items: impl Iterator<Item = (usize, T)>) -> Vec<Vec<T>> {
    let mut pieces: Vec<Vec<T>> = Vec::new();
    let mut room = 0_usize;
    for (bytes, item) in items {
        match pieces.last_mut() {
            Some(piece) if room > 0 => piece.push(item),
            _ => {
                pieces.push(vec![item]);
                room = PIECE_BYTES;
            }
        }
        room = room.saturating_sub(bytes);
    }
    pieces
}

/// The parts of a row range that lie in one stripe each.
fn stripes_of(rows: &Range<u64>) -> Vec<Range<u64>> {
    let step = crate::fragment::STRIPE_ROWS as u64;
    let mut parts = Vec::new();
    let mut begin = rows.start;
    while begin < rows.end {
        let end = (begin / step * step + step).min(rows.end);
        parts.push(begin..end);
        begin = end;
    }
    parts
}

/// Statistics of a run by name of column, and whether all its rows have a cell there.
struct RunZones(HashMap<Vec<String>, (ColumnZones, bool)>);

impl ZoneStatistics for RunZones {
    fn zones(&self, path: &[String]) -> Option<ZoneColumn> {
        let (zones, complete) = self.0.get(path)?;
        Some(ZoneColumn {
            min: Some(Arc::clone(&zones.min)),
            max: Some(Arc::clone(&zones.max)),
            // A row without a cell reads as null, whatever stands in its place.
            null_count: complete.then(|| zones.null_count.clone()),
            may_have_nan: false,
        })
    }
}

/// Leaves out stripes that the filter cannot match.
async fn prune(context: &Context, source: &Source, stripes: Vec<Range<u64>>) -> Result<Vec<Range<u64>>> {
    let (Some(filter), Body::Files { fragments, .. }) = (&context.bound.filter, &source.body) else {
        return Ok(stripes);
    };
    let mut by_fragment: HashMap<usize, Vec<(&Vec<String>, usize)>> = HashMap::new();
    for (path, origin) in &context.bound.filter_columns {
        if let Origin::Value(value) = origin
            && let Some(cells) = source.columns[*value]
        {
            by_fragment.entry(cells.fragment).or_default().push((path, *value));
        }
    }
    let mut zones = HashMap::new();
    let mut count = 0;
    for (fragment, columns) in by_fragment {
        let fragment = context.sources.open(&fragments[fragment]).await?;
        count = fragment.stripes();
        let wanted: Vec<_> = columns
            .iter()
            .filter_map(|(_, value)| {
                let cells = source.columns[*value]?;
                Some((cells.position, context.bound.values[*value].stored.data_type().clone()))
            })
            .collect();
        for ((path, value), found) in columns.into_iter().zip(fragment.zones(&wanted).await?) {
            if let Some(found) = found {
                let written = context.bound.values[value].field.data_type();
                let (Ok(min), Ok(max)) = (from_storage(&found.min, written), from_storage(&found.max, written)) else {
                    continue;
                };
                let complete = source.columns[value].is_some_and(|cells| cells.presence.is_none());
                zones.insert(path.clone(), (ColumnZones { min, max, null_count: found.null_count }, complete));
            }
        }
    }
    if zones.is_empty() {
        return Ok(stripes);
    }
    let keep = prune_zones(filter, &RunZones(zones), count)?;
    let step = crate::fragment::STRIPE_ROWS as u64;
    let before = stripes.len();
    let kept: Vec<_> = stripes
        .into_iter()
        .filter(|rows| usize::try_from(rows.start / step).is_ok_and(|stripe| keep.value(stripe)))
        .collect();
    add(&context.counters.stripes_pruned, (before - kept.len()) as u64);
    Ok(kept)
}

pub(super) fn filter_values(values: &Values, mask: &BooleanArray) -> Result<Values> {
    let filter = |arrays: &HashMap<usize, ArrayRef>| -> Result<HashMap<usize, ArrayRef>> {
        arrays.iter().map(|(at, array)| Ok((*at, arrow_select::filter::filter(array, mask)?))).collect()
    };
    Ok(Values { keys: filter(&values.keys)?, values: filter(&values.values)?, presence: HashMap::new() })
}

impl Context {
    /// Fetches columns of one run, counting the time.
    pub(super) async fn fetch(&self, source: &Source, stage: &Stage, rows: &[Rows]) -> Result<Vec<Fetched>> {
        let start = self.runtime.monotonic();
        let fetched = fetch(&self.sources, &self.schema, &self.bound.values, source, stage, rows).await;
        self.took(&self.counters.fetch_nanos, start);
        fetched
    }

    /// Decodes fetched blocks, counting the time.
    pub(super) fn decode(&self, fetched: Fetched) -> Result<Values> {
        let start = self.runtime.monotonic();
        let values = fetched.decode();
        self.took(&self.counters.decode_nanos, start);
        values
    }

    /// Decodes fetched blocks, some columns into cells that can be written over, counting the time.
    pub(super) fn decode_writable(
        &self,
        fetched: Fetched,
        writable: impl Fn(usize) -> bool,
    ) -> Result<(Values, HashMap<usize, Decoded>)> {
        let start = self.runtime.monotonic();
        let decoded = fetched.decode_writable(writable);
        self.took(&self.counters.decode_nanos, start);
        decoded
    }

    /// Decodes stripes of one run, masks cells that it lacks, and hands each stripe on with what belongs to it: in
    /// pieces of work that are worth sending to another thread, which narrow columns of one stripe are not.
    async fn decode_each<A, T, F>(self: &Arc<Self>, stripes: Vec<Fetched>, with: Vec<A>, finish: F) -> Result<Vec<T>>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(&Context, Values, A) -> Result<T> + Clone + Send + 'static,
    {
        let sized = stripes.into_iter().zip(with).map(|(fetched, with)| (fetched.bytes(), (fetched, with)));
        let mut pieces = in_pieces(sized);
        let decode = |context: &Context, piece: Vec<(Fetched, A)>, finish: F| {
            let finish = |(fetched, with)| finish(context, context.decode(fetched)?.mask_absent()?, with);
            piece.into_iter().map(finish).collect::<Result<Vec<T>>>()
        };
        if pieces.len() == 1 {
            // The blocks have just been read, by this thread, whose cache holds them.
            return decode(self, pieces.swap_remove(0), finish);
        }
        let work = pieces.into_iter().map(|piece| {
            let finish = finish.clone();
            self.work(move |context| decode(context, piece, finish))
        });
        Ok(try_join_all(work).await?.into_iter().flatten().collect())
    }

    pub(super) fn took(&self, counter: &std::sync::atomic::AtomicU64, start: Duration) {
        add_time(counter, self.runtime.monotonic().saturating_sub(start));
    }

    /// Runs CPU-bound work through the runtime.
    pub(super) fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Context) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let context = Arc::clone(self);
        let task = self.runtime.spawn_work(move || work(&context));
        Box::pin(async move { task.await? })
    }

    /// Decides the filter on physical values of its columns.
    pub(super) fn decide(&self, values: &Values, rows: usize) -> Result<BooleanArray> {
        let start = self.runtime.monotonic();
        let Some(filter) = &self.bound.filter else {
            return Ok(BooleanArray::from(vec![true; rows]));
        };
        let columns = self.supply(&self.bound.filter_columns, values, values, rows)?;
        let supply = |path: &[String]| columns.get(path).cloned();
        let mask = filter.evaluate_filter(&supply, rows);
        self.took(&self.counters.filter_nanos, start);
        mask
    }

    /// The columns of an expression in the types they were written with; null throughout where the run has none.
    fn supply<'a>(
        &self,
        columns: &'a [(Vec<String>, Origin)],
        rest: &Values,
        filtered: &Values,
        rows: usize,
    ) -> Result<HashMap<&'a [String], ArrayRef>> {
        let written = |origin: Origin| {
            let data_type = match origin {
                Origin::Key(at) => self.schema.fields()[at].data_type(),
                Origin::Value(at) => self.bound.values[at].field.data_type(),
                Origin::Computed(_) => bail!(Code::Internal, "an expression refers to another one"),
            };
            match rest.get(origin).or_else(|| filtered.get(origin)) {
                Some(array) => from_storage(array, data_type),
                None => Ok(new_null_array(data_type, rows)),
            }
        };
        columns.iter().map(|(path, origin)| Ok((path.as_slice(), written(*origin)?))).collect()
    }

    /// An expression of the result.
    fn compute(
        &self,
        formula: &Formula,
        rest: &Values,
        filtered: &Values,
        output: &Field,
        rows: usize,
    ) -> Result<ArrayRef> {
        let columns = self.supply(&formula.columns, rest, filtered, rows)?;
        let array = formula.expr.evaluate(&|path: &[String]| columns.get(path).cloned(), rows)?;
        if array.data_type() == output.data_type() {
            Ok(array)
        } else {
            Ok(arrow_cast::cast(&array, output.data_type())?)
        }
    }

    /// Puts a batch of the result together from the columns of both stages.
    pub(super) fn batch(&self, rest: &Values, filtered: &Values, rows: usize) -> Result<RecordBatch> {
        let columns = self
            .bound
            .outputs
            .iter()
            .map(|output| {
                let array = match (output.origin, rest.get(output.origin).or_else(|| filtered.get(output.origin))) {
                    (_, Some(array)) => from_storage(array, output.field.data_type())?,
                    (Origin::Key(_), None) => bail!(Code::Internal, "a key column was not read"),
                    (Origin::Value(_), None) => new_null_array(output.field.data_type(), rows),
                    (Origin::Computed(at), None) => {
                        self.compute(&self.bound.computed[at], rest, filtered, &output.field, rows)?
                    }
                };
                Ok(Column { path: output.path.clone(), field: Arc::clone(&output.field), array })
            })
            .collect::<Result<Vec<_>>>()?;
        add(&self.counters.rows_returned, rows as u64);
        assemble(&columns, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_neighbours_share_a_piece_of_work() {
        let pieces = |bytes: &[usize]| in_pieces(bytes.iter().map(|bytes| (*bytes, *bytes)));
        assert!(pieces(&[]).is_empty());
        assert_eq!(pieces(&[10, 20, 30]), [[10, 20, 30]]);
        let large = PIECE_BYTES + 1;
        assert_eq!(pieces(&[large, 10, large, large]), [vec![large], vec![10, large], vec![large]]);
    }
}
