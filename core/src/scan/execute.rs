//! Reading one morsel.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use futures::future::{BoxFuture, try_join_all};

use super::bind::{BoundScan, Origin};
use super::gather::{Fetched, Stage, Values, fetch, interleave, physical};
use super::keys::{concat_keys, read_keys, read_stripes};
use super::merge::merge;
use super::metrics::{Counters, add, add_time};
use super::morsel::Morsel;
use super::resolve::{Holds, Pick, Ranked, Resolution};
use super::source::{Body, Source, SourcesRef};
use crate::error::{Code, Error, Result};
use crate::expr::{ZoneColumn, ZoneStatistics, prune_zones};
use crate::fragment::{ColumnZones, Rows, physical_type};
use crate::key::{KeyRange, KeyRows, KeySchema};
use crate::runtime::{RuntimeExt, RuntimeRef};
use crate::types::{Column, assemble, from_storage};

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

type ContextRef = Arc<Context>;

/// Batches of one morsel, in key order.
pub(super) async fn run(context: ContextRef, morsel: Morsel) -> Result<Vec<RecordBatch>> {
    match morsel {
        Morsel::Single { source, rows } => single(context, source, rows).await,
        Morsel::Merge { range, sources } => merged(context, range, sources).await,
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
        let batches = fetched.into_iter().zip(wanted).map(|(fetched, rows)| {
            let context = Arc::clone(&context);
            context.work(move |context| {
                let values = context.decode(fetched)?;
                add(&context.counters.rows_read, rows.len() as u64);
                context.batch(&values, &Values::default(), rows.len())
            })
        });
        return try_join_all(batches).await;
    }
    let stripes = prune(&context, source, stripes).await?;
    let wanted: Vec<Rows> = stripes.iter().cloned().map(Rows::Range).collect();
    let fetched = context.fetch(source, &context.filter_stage, &wanted).await?;
    let filtered = fetched.into_iter().zip(stripes).map(|(fetched, rows)| {
        let context = Arc::clone(&context);
        context.work(move |context| {
            let values = context.decode(fetched)?;
            let len = Rows::Range(rows.clone()).len();
            add(&context.counters.rows_read, len as u64);
            let mask = context.decide(&values, len)?;
            Ok((rows.start, filter_values(&values, &mask)?, mask))
        })
    });
    let filtered = try_join_all(filtered).await?;
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
    let batches = kept.into_iter().zip(rest).map(|((_, values, mask), rest)| {
        let context = Arc::clone(&context);
        context.work(move |context| context.batch(&context.decode(rest)?, &values, mask.true_count()))
    });
    try_join_all(batches).await
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

/// Statistics of a run by name of column.
struct RunZones(HashMap<Vec<String>, ColumnZones>);

impl ZoneStatistics for RunZones {
    fn zones(&self, path: &[String]) -> Option<ZoneColumn> {
        let zones = self.0.get(path)?;
        Some(ZoneColumn {
            min: Some(Arc::clone(&zones.min)),
            max: Some(Arc::clone(&zones.max)),
            null_count: Some(zones.null_count.clone()),
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
                zones.insert(path.clone(), ColumnZones { min, max, null_count: found.null_count });
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

fn filter_values(values: &Values, mask: &BooleanArray) -> Result<Values> {
    let filter = |arrays: &HashMap<usize, ArrayRef>| -> Result<HashMap<usize, ArrayRef>> {
        arrays.iter().map(|(at, array)| Ok((*at, arrow_select::filter::filter(array, mask)?))).collect()
    };
    Ok(Values { keys: filter(&values.keys)?, values: filter(&values.values)?, presence: HashMap::new() })
}

/// The keys of one run in a morsel, and the row of the run that the first of them is.
pub(super) struct MemberKeys {
    pub(super) keys: KeyRows,
    pub(super) begin: u64,
}

async fn member_keys(context: &Context, source: &Source, range: &KeyRange) -> Result<MemberKeys> {
    let keys = match &source.body {
        Body::Memory { keys, .. } => {
            let rows = keys.rows_in(range)?;
            return Ok(MemberKeys { keys: keys.slice(rows.start, rows.len()), begin: rows.start as u64 });
        }
        Body::Files { keys, .. } => context.sources.open(keys).await?,
    };
    let firsts = keys.first_keys();
    let from = firsts.partition_point(|first| &first[..] <= range.begin().as_bytes()).saturating_sub(1);
    let to = range.end().map_or(firsts.len(), |end| firsts.partition_point(|first| &first[..] < end.as_bytes()));
    let (first_row, end_row) = if from < to {
        (keys.stripe(from).start, keys.stripe(to - 1).end)
    } else {
        return Ok(MemberKeys { keys: concat_keys(&context.schema, &[])?, begin: 0 });
    };
    // Ends of a run are shared with neighbouring morsels and cached; its middle is read once.
    let read = if to - from <= 2 {
        let stripes: Vec<usize> = (from..to).collect();
        concat_keys(&context.schema, &read_stripes(&keys, &context.schema, &context.sources.caches, &stripes).await?)?
    } else {
        read_keys(&keys, &context.schema, first_row..end_row).await?
    };
    let rows = read.rows_in(range)?;
    Ok(MemberKeys { keys: read.slice(rows.start, rows.len()), begin: first_row + rows.start as u64 })
}

/// Rows of overlapping runs.
async fn merged(context: ContextRef, range: KeyRange, sources: Vec<usize>) -> Result<Vec<RecordBatch>> {
    let members = sources.iter().map(|source| member_keys(&context, &context.sources.list[*source], &range));
    let members = try_join_all(members).await?;
    let begins: Vec<u64> = members.iter().map(|member| member.begin).collect();
    let keys: Vec<KeyRows> = members.into_iter().map(|member| member.keys).collect();
    let total: usize = keys.iter().map(KeyRows::len).sum();
    add(&context.counters.rows_merged, total as u64);
    let union = {
        let keys = keys.clone();
        context.work(move |context| {
            let start = context.runtime.monotonic();
            let union = merge(&keys);
            add_time(&context.counters.merge_nanos, context.runtime.monotonic().saturating_sub(start));
            Ok(union)
        })
    }
    .await?;
    let found = assemble_rows(&context, &sources, &begins, &keys, &union.places, union.rows, None).await?;
    Ok(found.into_iter().map(|found| found.batch).collect())
}

/// Rows of a union of runs that exist and match the filter.
pub(super) struct Assembled {
    pub(super) batch: RecordBatch,
    /// For each row of the batch, its row in the union.
    pub(super) rows: Vec<u32>,
}

/// Resolves, filters and gathers the rows of a union of runs; `None` when no row is left.
pub(super) async fn assemble_rows(
    context: &ContextRef,
    sources: &[usize],
    begins: &[u64],
    keys: &[KeyRows],
    places: &[Vec<u32>],
    rows: usize,
    located: Option<&[Vec<u64>]>,
) -> Result<Option<Assembled>> {
    let list = &context.sources.list;
    let ranked: Vec<Ranked<'_>> = sources
        .iter()
        .zip(places)
        .map(|(source, places)| Ranked { places, tombstone: list[*source].tombstone })
        .collect();
    let resolution = Resolution::new(&ranked, rows);
    let mut existing = resolution.existing(|input| !list[sources[input]].groups.is_empty());
    if existing.is_empty() {
        return Ok(None);
    }
    let assembly = Assembly { context, sources, begins, keys, resolution: &resolution, located };
    let mut filtered = Values::default();
    if context.bound.filter.is_some() {
        filtered = assembly.stage(&context.filter_stage, &existing).await?;
        add(&context.counters.rows_read, existing.len() as u64);
        let mask = context.decide(&filtered, existing.len())?;
        if mask.true_count() < existing.len() {
            filtered = filter_values(&filtered, &mask)?;
            let kept = mask.values().set_indices().map(|row| existing[row]).collect();
            existing = kept;
        }
        if existing.is_empty() {
            return Ok(None);
        }
    }
    let rest = assembly.stage(&context.rest_stage, &existing).await?;
    let batch = context.batch(&rest, &filtered, existing.len())?;
    Ok(Some(Assembled { batch, rows: existing }))
}

struct Assembly<'a> {
    context: &'a ContextRef,
    sources: &'a [usize],
    begins: &'a [u64],
    keys: &'a [KeyRows],
    resolution: &'a Resolution<'a>,
    /// Rows of the runs, where the keys were looked up instead of read in order.
    located: Option<&'a [Vec<u64>]>,
}

impl Assembly<'_> {
    fn source(&self, input: usize) -> &Source {
        &self.context.sources.list[self.sources[input]]
    }

    /// The row of a run that a row of its input is.
    fn row(&self, input: usize, row: usize) -> u64 {
        match self.located {
            Some(located) => located[input][row],
            None => self.begins[input] + row as u64,
        }
    }

    /// The columns of a stage for some rows of the union.
    async fn stage(&self, stage: &Stage, rows: &[u32]) -> Result<Values> {
        let mut gathered = Values::default();
        if stage.is_empty() {
            return Ok(gathered);
        }
        let presence = self.presence(stage).await?;
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); self.sources.len()];
        let mut picks: HashMap<Vec<u8>, Vec<Pick>> = HashMap::new();
        let mut pick_of: Vec<(usize, Vec<u8>)> = Vec::new();
        for value in &stage.values {
            // Columns that the same runs hold share their picks.
            let mut signature: Vec<u8> =
                (0..self.sources.len()).map(|input| u8::from(self.source(input).columns[*value].is_some())).collect();
            if presence.iter().any(|bits| bits.contains_key(value)) {
                signature.extend_from_slice(&value.to_le_bytes());
            }
            if !picks.contains_key(&signature) {
                let all = self.resolution.pick(|input| match self.source(input).columns[*value] {
                    None => Holds::Nothing,
                    Some(_) => presence[input].get(value).map_or(Holds::Everything, Holds::Some),
                });
                let chosen: Vec<Pick> = rows.iter().map(|row| all[*row as usize]).collect();
                for (input, row) in chosen.iter().filter_map(|pick| pick.get()) {
                    wanted[input].push(u32::try_from(row).unwrap_or(u32::MAX));
                }
                picks.insert(signature.clone(), chosen);
            }
            pick_of.push((*value, signature));
        }
        if !stage.keys.is_empty() {
            let all = self
                .resolution
                .pick(|input| if self.source(input).groups.is_empty() { Holds::Nothing } else { Holds::Everything });
            let chosen: Vec<Pick> = rows.iter().map(|row| all[*row as usize]).collect();
            for at in &stage.keys {
                let columns: Vec<ArrayRef> = self
                    .keys
                    .iter()
                    .map(|keys| crate::types::to_storage(&keys.columns()[*at]).map(|stored| physical(&stored)))
                    .collect::<Result<Result<Vec<_>>>>()??;
                let inputs: Vec<Option<&ArrayRef>> = columns.iter().map(Some).collect();
                let data_type = columns[0].data_type().clone();
                gathered.keys.insert(*at, interleave(&inputs, &chosen, &data_type)?);
            }
        }
        let values = self.fetch_wanted(stage, &mut wanted).await?;
        let work = self.context.work(move |context| {
            let start = context.runtime.monotonic();
            let picks: HashMap<Vec<u8>, Vec<Pick>> =
                picks.into_iter().map(|(signature, picks)| (signature, remap(&picks, &wanted))).collect();
            for (value, signature) in pick_of {
                let stored = &context.bound.values[value].stored;
                let inputs: Vec<Option<&ArrayRef>> = values.iter().map(|values| values.values.get(&value)).collect();
                let array = interleave(&inputs, &picks[&signature], &physical_type(stored.data_type()))?;
                gathered.values.insert(value, array);
            }
            context.took(&context.counters.merge_nanos, start);
            Ok(gathered)
        });
        work.await
    }

    /// Presence bits of the columns of a stage, for each input.
    async fn presence(&self, stage: &Stage) -> Result<Vec<HashMap<usize, BooleanArray>>> {
        try_join_all((0..self.sources.len()).map(|input| async move {
            let source = self.source(input);
            let values: Vec<usize> = stage
                .values
                .iter()
                .copied()
                .filter(|value| source.columns[*value].is_some_and(|cells| cells.presence.is_some()))
                .collect();
            if values.is_empty() {
                return Ok(HashMap::new());
            }
            let rows = (0..self.resolution.rows_of(input)).map(|row| self.row(input, row)).collect();
            let stage = Stage { keys: Vec::new(), values };
            let mut fetched = self.context.fetch(source, &stage, &[Rows::Indices(rows)]).await?;
            let Some(fetched) = fetched.pop() else { return Ok(HashMap::new()) };
            self.context.work(move |context| Ok(context.decode(fetched)?.presence)).await
        }))
        .await
    }

    /// Reads the wanted rows of each input. Afterwards `wanted` holds, per input, the rows that were read, ascending.
    async fn fetch_wanted(&self, stage: &Stage, wanted: &mut [Vec<u32>]) -> Result<Vec<Values>> {
        for rows in wanted.iter_mut() {
            if !rows.is_sorted() {
                rows.sort_unstable();
            }
            rows.dedup();
            // Where most rows of a stretch are wanted, reading all of it is cheaper than leaving some out.
            if let (Some(&first), Some(&last)) = (rows.first(), rows.last())
                && self.located.is_none()
                && (last - first) as usize <= rows.len() * 2
            {
                *rows = (first..=last).collect();
            }
        }
        let stage = Stage { keys: Vec::new(), values: stage.values.clone() };
        let fetched = try_join_all(wanted.iter().enumerate().map(|(input, rows)| {
            let stage = &stage;
            async move {
                if rows.is_empty() {
                    return Ok(None);
                }
                let rows: Vec<u64> = rows.iter().map(|row| self.row(input, *row as usize)).collect();
                let contiguous = rows.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                let rows =
                    if contiguous { Rows::Range(rows[0]..rows[0] + rows.len() as u64) } else { Rows::Indices(rows) };
                let mut fetched = self.context.fetch(self.source(input), stage, &[rows]).await?;
                Ok::<_, Error>(fetched.pop())
            }
        }))
        .await?;
        try_join_all(fetched.into_iter().map(|fetched| async move {
            match fetched {
                Some(fetched) => self.context.work(move |context| context.decode(fetched)).await,
                None => Ok(Values::default()),
            }
        }))
        .await
    }
}

/// Picks by row of an input to picks by position among the rows that were read.
fn remap(picks: &[Pick], read: &[Vec<u32>]) -> Vec<Pick> {
    let contiguous: Vec<Option<u32>> = read
        .iter()
        .map(|rows| {
            let (first, last) = (*rows.first()?, *rows.last()?);
            ((last - first) as usize + 1 == rows.len()).then_some(first)
        })
        .collect();
    picks
        .iter()
        .map(|pick| match pick.get() {
            None => *pick,
            Some((input, row)) => {
                let row = u32::try_from(row).unwrap_or(u32::MAX);
                let position = match contiguous[input] {
                    Some(first) => row - first,
                    None => u32::try_from(read[input].partition_point(|read| *read < row)).unwrap_or(u32::MAX),
                };
                pick.at(position)
            }
        })
        .collect()
}

impl Context {
    /// Fetches columns of one run, counting the time.
    async fn fetch(&self, source: &Source, stage: &Stage, rows: &[Rows]) -> Result<Vec<Fetched>> {
        let start = self.runtime.monotonic();
        let fetched = fetch(&self.sources, &self.schema, &self.bound.values, source, stage, rows).await;
        self.took(&self.counters.fetch_nanos, start);
        fetched
    }

    /// Decodes fetched blocks, counting the time.
    fn decode(&self, fetched: Fetched) -> Result<Values> {
        let start = self.runtime.monotonic();
        let values = fetched.decode();
        self.took(&self.counters.decode_nanos, start);
        values
    }

    fn took(&self, counter: &std::sync::atomic::AtomicU64, start: Duration) {
        add_time(counter, self.runtime.monotonic().saturating_sub(start));
    }

    /// Runs CPU-bound work through the runtime.
    fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Context) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let context = Arc::clone(self);
        let task = self.runtime.spawn_work(move || work(&context));
        Box::pin(async move { task.await? })
    }

    /// Decides the filter on physical values of its columns.
    fn decide(&self, values: &Values, rows: usize) -> Result<BooleanArray> {
        let start = self.runtime.monotonic();
        let Some(filter) = &self.bound.filter else {
            return Ok(BooleanArray::from(vec![true; rows]));
        };
        let columns = self
            .bound
            .filter_columns
            .iter()
            .map(|(path, origin)| Ok((path.as_slice(), self.written(*origin, values, rows)?)))
            .collect::<Result<HashMap<&[String], ArrayRef>>>()?;
        let supply = |path: &[String]| columns.get(path).cloned();
        let mask = filter.evaluate_filter(&supply, rows);
        self.took(&self.counters.filter_nanos, start);
        mask
    }

    /// A column in the type it was written with; null throughout where the run has none.
    fn written(&self, origin: Origin, values: &Values, rows: usize) -> Result<ArrayRef> {
        let (found, data_type) = match origin {
            Origin::Key(at) => (values.keys.get(&at), self.schema.fields()[at].data_type()),
            Origin::Value(at) => (values.values.get(&at), self.bound.values[at].field.data_type()),
        };
        match found {
            Some(array) => from_storage(array, data_type),
            None => Ok(new_null_array(data_type, rows)),
        }
    }

    /// Puts a batch of the result together from the columns of both stages.
    fn batch(&self, rest: &Values, filtered: &Values, rows: usize) -> Result<RecordBatch> {
        let columns = self
            .bound
            .outputs
            .iter()
            .map(|output| {
                let found = match output.origin {
                    Origin::Key(at) => rest.keys.get(&at).or_else(|| filtered.keys.get(&at)),
                    Origin::Value(at) => rest.values.get(&at).or_else(|| filtered.values.get(&at)),
                };
                let array = match found {
                    Some(array) => from_storage(array, output.field.data_type())?,
                    None if matches!(output.origin, Origin::Key(_)) => {
                        return Err(Error::new(Code::Internal, "a key column was not read"));
                    }
                    None => new_null_array(output.field.data_type(), rows),
                };
                Ok(Column { path: output.path.clone(), field: Arc::clone(&output.field), array })
            })
            .collect::<Result<Vec<_>>>()?;
        add(&self.counters.rows_returned, rows as u64);
        assemble(&columns, rows)
    }
}
