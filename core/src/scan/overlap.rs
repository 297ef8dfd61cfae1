//! Rows that several runs share: their keys merged, the cells of highest rank found, read and put together.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::compose::{Recipe, compose};
use super::execute::{Context, ContextRef, StripesRef, filter_values};
use super::gather::{Fetched, Stage, Values, physical};
use super::keys::{concat_keys, read_keys, read_stripes};
use super::merge::{Stretch, Union, count, merge};
use super::metrics::{add, add_time};
use super::parts::{Extent, Part, Parts, Read};
use super::resolve::{Holds, Kind, Segment, existing, keep, pick, pick_keys};
use super::source::{Body, Source};
use crate::error::{Code, Error, Result};
use crate::fragment::{Rows, STRIPE_ROWS, physical_type};
use crate::key::{KeyRange, KeyRows};

/// Rows of one batch at most. Batches are cut where the largest run begins a stripe, and others may have rows between.
const BATCH_ROWS_MAX: usize = 2 * STRIPE_ROWS;

/// Stripes that are fetched together; while the next ones are, they are decoded.
const GROUP_STRIPES: usize = 16;

/// Groups of stripes that are fetched at once. Each of them sends several requests.
const GROUPS: usize = 4;

/// Some overlapping runs and the union of their keys.
pub(super) struct Overlap {
    context: ContextRef,
    stripes: StripesRef,
    inputs: Vec<Input>,
    union: Union,
}

/// The rows of one run in an overlap.
pub(super) struct Input {
    /// Number of the run.
    pub(super) source: usize,
    pub(super) keys: KeyRows,
    /// The row of the run that the first key is.
    pub(super) begin: u64,
    /// The rows of the run, where the keys were looked up instead of read in order.
    pub(super) located: Option<Vec<u64>>,
    /// Whether neighbouring pieces of the scan read the same run, before and after.
    pub(super) shares: (bool, bool),
}

/// Rows of an overlap that make one batch.
#[derive(Default)]
struct Chunk {
    rows: Vec<Stretch>,
    /// The filter's columns, once it has been decided.
    filtered: Values,
}

impl Chunk {
    fn len(&self) -> usize {
        self.rows.iter().map(|stretch| stretch.len as usize).sum()
    }
}

/// A batch, and which rows of the union its rows are.
pub(super) struct Assembled {
    pub(super) batch: RecordBatch,
    pub(super) rows: Vec<Range<u32>>,
}

/// How the columns of one chunk are put together.
struct Layout {
    /// Shared by columns that the same runs hold.
    recipes: Vec<Recipe>,
    /// Value columns and their recipes.
    values: Vec<(usize, usize)>,
    keys: Option<Recipe>,
}

/// What was read for one part.
enum Loaded {
    Decoded(Arc<Values>),
    /// Blocks of a part that one chunk alone uses: they are decoded in the same piece of work.
    Fetched(Fetched),
}

/// A part that is being decoded.
struct Begun {
    part: usize,
    loaded: BoxFuture<'static, Result<Loaded>>,
}

impl Loaded {
    fn decode(self, context: &Context) -> Result<Arc<Values>> {
        match self {
            Loaded::Decoded(values) => Ok(values),
            Loaded::Fetched(fetched) => context.decode(fetched).map(Arc::new),
        }
    }
}

impl Layout {
    /// Puts the columns together from the parts of the chunk, given by number.
    fn compose(
        self,
        context: &Context,
        parts: Vec<(usize, Loaded)>,
        keys: &HashMap<usize, Vec<ArrayRef>>,
    ) -> Result<Values> {
        let mut sources: Vec<Option<Arc<Values>>> = vec![None; parts.last().map_or(0, |(part, _)| part + 1)];
        for (part, loaded) in parts {
            sources[part] = Some(loaded.decode(context)?);
        }
        let start = context.runtime.monotonic();
        let mut composed = Values::default();
        for (value, recipe) in self.values {
            let column: Vec<Option<&ArrayRef>> =
                sources.iter().map(|source| source.as_ref()?.values.get(&value)).collect();
            let data_type = physical_type(context.bound.values[value].stored.data_type());
            composed.values.insert(value, compose(&column, &self.recipes[recipe], &data_type)?);
        }
        if let Some(recipe) = self.keys {
            for (at, columns) in keys {
                let inputs: Vec<Option<&ArrayRef>> = columns.iter().map(Some).collect();
                composed.keys.insert(*at, compose(&inputs, &recipe, columns[0].data_type())?);
            }
        }
        context.took(&context.counters.merge_nanos, start);
        Ok(composed)
    }
}

/// Rows of overlapping runs in a key range.
pub(super) async fn merged(
    context: ContextRef,
    stripes: StripesRef,
    range: KeyRange,
    sources: Vec<usize>,
    shares: (bool, bool),
) -> Result<Vec<RecordBatch>> {
    let inputs = try_join_all(sources.iter().map(|source| read_input(&context, *source, &range, shares))).await?;
    let work = context.work({
        let context = Arc::clone(&context);
        move |_| {
            let start = context.runtime.monotonic();
            let keys: Vec<KeyRows> = inputs.iter().map(|input| input.keys.clone()).collect();
            let total: usize = keys.iter().map(KeyRows::len).sum();
            add(&context.counters.rows_merged, total as u64);
            let union = merge(&keys);
            add_time(&context.counters.merge_nanos, context.runtime.monotonic().saturating_sub(start));
            Ok(Arc::new(Overlap { context: Arc::clone(&context), stripes, inputs, union }))
        }
    });
    let assembled = work.await?.assemble().await?;
    Ok(assembled.into_iter().map(|assembled| assembled.batch).collect())
}

/// Reads the keys of one run in a range.
async fn read_input(context: &Context, source: usize, range: &KeyRange, shares: (bool, bool)) -> Result<Input> {
    let input = |keys, begin| Input { source, keys, begin, located: None, shares };
    let keys = match &context.sources.list[source].body {
        Body::Memory { keys, .. } => {
            let rows = keys.rows_in(range)?;
            return Ok(input(keys.slice(rows.start, rows.len()), rows.start as u64));
        }
        Body::Files { keys, .. } => context.sources.open(keys).await?,
    };
    let firsts = keys.first_keys();
    let from = firsts.partition_point(|first| &first[..] <= range.begin().as_bytes()).saturating_sub(1);
    let to = range.end().map_or(firsts.len(), |end| firsts.partition_point(|first| &first[..] < end.as_bytes()));
    let (first_row, end_row) = if from < to {
        (keys.stripe(from).start, keys.stripe(to - 1).end)
    } else {
        return Ok(input(concat_keys(&context.schema, &[])?, 0));
    };
    // Ends of a run are shared with neighbouring morsels and cached; its middle is read once.
    let read = if to - from <= 2 {
        let stripes: Vec<usize> = (from..to).collect();
        concat_keys(&context.schema, &read_stripes(&keys, &context.schema, &context.sources.caches, &stripes).await?)?
    } else {
        read_keys(&keys, &context.schema, first_row..end_row).await?
    };
    let rows = read.rows_in(range)?;
    Ok(input(read.slice(rows.start, rows.len()), first_row + rows.start as u64))
}

impl Overlap {
    /// Rows that were looked up by key. `places` are, for each input, the rows of the union that its rows are.
    pub(super) fn of_places(
        context: &ContextRef,
        stripes: StripesRef,
        inputs: Vec<Input>,
        places: &[Vec<u32>],
        rows: usize,
    ) -> Arc<Self> {
        let union = Union::of_places(places, rows);
        Arc::new(Self { context: Arc::clone(context), stripes, inputs, union })
    }

    fn source(&self, input: usize) -> &Source {
        &self.context.sources.list[self.inputs[input].source]
    }

    /// Runs CPU-bound work of this overlap through the runtime.
    fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let overlap = Arc::clone(self);
        self.context.work(move |_| work(&overlap))
    }

    /// Resolves, filters and puts together the rows of the union.
    pub(super) async fn assemble(self: Arc<Self>) -> Result<Vec<Assembled>> {
        let mut chunks = self.work(|overlap| Ok(overlap.chunks())).await?;
        if self.context.bound.filter.is_some() {
            let decide = |context: &Context, filtered: Values, chunk: Chunk| {
                let rows = chunk.len();
                add(&context.counters.rows_read, rows as u64);
                let mask = context.decide(&filtered, rows)?;
                if mask.true_count() == rows {
                    return Ok(Chunk { filtered, ..chunk });
                }
                Ok(Chunk { rows: keep(&chunk.rows, &mask), filtered: filter_values(&filtered, &mask)? })
            };
            chunks = self.stage(&self.context.filter_stage, chunks, decide).await?;
            chunks.retain(|chunk| !chunk.rows.is_empty());
        } else {
            let rows: usize = chunks.iter().map(Chunk::len).sum();
            add(&self.context.counters.rows_read, rows as u64);
        }
        let assemble = |context: &Context, rest: Values, chunk: Chunk| {
            let batch = context.batch(&rest, &chunk.filtered, chunk.len())?;
            let rows = chunk.rows.iter().map(|stretch| stretch.begin..stretch.begin + stretch.len).collect();
            Ok(Assembled { batch, rows })
        };
        self.stage(&self.context.rest_stage, chunks, assemble).await
    }

    /// The rows that exist, cut into batches.
    fn chunks(&self) -> Vec<Chunk> {
        let kind = |source: &Source| match source {
            source if source.tombstone => Kind::Tombstone,
            source if source.groups.is_empty() => Kind::Cells,
            _ => Kind::Rows,
        };
        let kinds: Vec<(usize, Kind)> =
            (0..self.inputs.len()).map(|input| (self.source(input).table, kind(self.source(input)))).collect();
        let largest = (0..self.inputs.len())
            .filter(|input| kinds[*input].1 != Kind::Tombstone && self.inputs[*input].located.is_none())
            .max_by_key(|input| self.inputs[*input].keys.len());
        let stripe = |stretch: &Stretch| {
            let member = self.union.members(stretch).find(|member| Some(member.input as usize) == largest)?;
            let row = self.inputs[member.input as usize].begin + u64::from(member.row);
            Some((row / STRIPE_ROWS as u64, row % STRIPE_ROWS as u64))
        };
        let batch_rows_max = count(BATCH_ROWS_MAX);
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut open = Chunk::default();
        let (mut rows, mut stripe_now) = (0, None);
        for mut stretch in existing(&self.union, &kinds) {
            while stretch.len > 0 {
                let mut len = stretch.len.min(batch_rows_max - rows);
                if let Some((stripe, row)) = stripe(&stretch) {
                    if stripe_now.replace(stripe).is_some_and(|now| now != stripe) && rows > 0 {
                        chunks.push(std::mem::take(&mut open));
                        rows = 0;
                        len = stretch.len.min(batch_rows_max);
                    }
                    len = len.min(count(STRIPE_ROWS) - u32::try_from(row).unwrap_or(0));
                }
                open.rows.push(stretch.part(0, len));
                stretch = stretch.part(len, stretch.len);
                rows += len;
                if rows == batch_rows_max {
                    chunks.push(std::mem::take(&mut open));
                    rows = 0;
                }
            }
        }
        if rows > 0 {
            chunks.push(open);
        }
        chunks
    }

    /// Reads the columns of a stage for some chunks, and hands each of them on with its columns.
    async fn stage<T, F>(self: &Arc<Self>, stage: &Stage, chunks: Vec<Chunk>, finish: F) -> Result<Vec<T>>
    where
        T: Send + 'static,
        F: Fn(&Context, Values, Chunk) -> Result<T> + Clone + Send + 'static,
    {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let presence = self.presence(stage).await?;
        let planned = self.work({
            let stage = stage.clone();
            move |overlap| overlap.lay_out(&stage, chunks, &presence)
        });
        let Planned { chunks, parts, keys } = planned.await?;
        let stage = Stage { presence: Vec::new(), ..stage.clone() };
        let mut loaded = self.load(&stage, &chunks, parts).await?;
        let finished = chunks.into_iter().map(|(chunk, layout, used)| {
            let mine = used.into_iter().filter_map(|part| Some((part, hand_out(&mut loaded[part])?))).collect();
            let (keys, finish) = (Arc::clone(&keys), finish.clone());
            self.context.work(move |context| finish(context, layout.compose(context, mine, &keys)?, chunk))
        });
        try_join_all(finished.collect::<Vec<_>>()).await
    }

    fn extents(&self) -> Vec<Extent<'_>> {
        self.inputs
            .iter()
            .map(|input| Extent {
                len: count(input.keys.len()),
                begin: input.begin,
                located: input.located.as_deref(),
                run_rows: match &self.context.sources.list[input.source].body {
                    Body::Files { keys, .. } => Some(keys.rows),
                    Body::Memory { .. } => None,
                },
                shares: input.shares,
            })
            .collect()
    }

    /// Chooses the cells of each chunk and what to read for them.
    fn lay_out(&self, stage: &Stage, chunks: Vec<Chunk>, presence: &[HashMap<usize, BooleanArray>]) -> Result<Planned> {
        let start = self.context.runtime.monotonic();
        // Columns that the same runs hold, in the same rows, share a recipe.
        let mut signatures: HashMap<(Vec<bool>, Option<usize>), usize> = HashMap::new();
        let mut columns: Vec<usize> = Vec::new();
        let mut values = Vec::with_capacity(stage.values.len());
        for value in &stage.values {
            let holds = (0..self.inputs.len()).map(|input| self.source(input).columns[*value].is_some()).collect();
            let own = presence.iter().any(|bits| bits.contains_key(value)).then_some(*value);
            let recipe = *signatures.entry((holds, own)).or_insert_with(|| {
                columns.push(*value);
                columns.len() - 1
            });
            values.push((*value, recipe));
        }
        let mut wanted: Vec<Vec<Range<u32>>> = vec![Vec::new(); self.inputs.len()];
        let mut picked: Vec<Vec<Vec<Segment>>> = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            let pick_column = |value: &usize| {
                let table = self.context.bound.values[*value].table;
                pick(&self.union, &chunk.rows, |input| match self.source(input) {
                    source if source.table == table && source.tombstone => Holds::Deleted,
                    source if source.columns[*value].is_none() => Holds::Nothing,
                    _ => presence[input].get(value).map_or(Holds::Everything, Holds::Some),
                })
            };
            let segments: Vec<Vec<Segment>> = columns.iter().map(pick_column).collect();
            for segment in segments.iter().flatten() {
                if let Some((input, row)) = segment.place() {
                    wanted[input].push(row..row + segment.len);
                }
            }
            picked.push(segments);
        }
        let parts = Parts::new(&self.extents(), wanted);
        let chunks = chunks
            .into_iter()
            .zip(picked)
            .map(|(chunk, picked)| {
                let placed: Vec<Vec<Segment>> = picked.iter().map(|segments| parts.place(segments)).collect();
                let mut used: Vec<usize> =
                    placed.iter().flatten().filter_map(|segment| Some(segment.place()?.0)).collect();
                used.sort_unstable();
                used.dedup();
                let keys = (!stage.keys.is_empty()).then(|| Recipe::new(pick_keys(&self.union, &chunk.rows)));
                let recipes = placed.into_iter().map(Recipe::new).collect();
                (chunk, Layout { recipes, values: values.clone(), keys }, used)
            })
            .collect();
        let mut keys = HashMap::new();
        for at in &stage.keys {
            let columns =
                self.inputs.iter().map(|input| physical(&crate::types::to_storage(&input.keys.columns()[*at])?));
            keys.insert(*at, columns.collect::<Result<Vec<_>>>()?);
        }
        self.context.took(&self.context.counters.merge_nanos, start);
        Ok(Planned { chunks, parts, keys: Arc::new(keys) })
    }

    /// Presence bits of the columns of a stage, for each input.
    async fn presence(self: &Arc<Self>, stage: &Stage) -> Result<Vec<HashMap<usize, BooleanArray>>> {
        let partial = |input: usize, value: usize| {
            self.source(input).columns[value].is_some_and(|cells| cells.presence.is_some())
        };
        let inputs = 0..self.inputs.len();
        let presence: Vec<usize> =
            stage.presence.iter().copied().filter(|value| inputs.clone().any(|input| partial(input, *value))).collect();
        if presence.is_empty() {
            return Ok(inputs.map(|_| HashMap::new()).collect());
        }
        let stage =
            Stage { keys: Vec::new(), values: Vec::new(), presence: presence.clone(), number: stage.number + 2 };
        let all = |input: usize| {
            if presence.iter().any(|value| partial(input, *value)) { self.inputs[input].keys.len() } else { 0 }
        };
        let wanted = inputs.clone().map(|input| std::iter::once(0..count(all(input))).collect()).collect();
        let parts = Parts::new(&self.extents(), wanted);
        let recipes: Vec<Recipe> = inputs
            .clone()
            .map(|input| match count(all(input)) {
                0 => Recipe::new(Vec::new()),
                rows => Recipe::new(parts.place(&[Segment::new(input, 0, rows)])),
            })
            .collect();
        let loaded = self.load(&stage, &[], parts).await?;
        self.work(move |overlap| {
            let decode = |part: Option<Loaded>| part.map(|part| part.decode(&overlap.context)).transpose();
            let loaded = loaded.into_iter().map(decode).collect::<Result<Vec<_>>>()?;
            recipes
                .iter()
                .enumerate()
                .map(|(input, recipe)| {
                    let source = overlap.source(input);
                    let held = presence
                        .iter()
                        .filter(|value| source.columns[**value].is_some_and(|cells| cells.presence.is_some()));
                    held.map(|value| {
                        let bits: Vec<Option<ArrayRef>> = loaded
                            .iter()
                            .map(|part| Some(Arc::new(part.as_ref()?.presence.get(value)?.clone()) as ArrayRef))
                            .collect();
                        let bits: Vec<Option<&ArrayRef>> = bits.iter().map(Option::as_ref).collect();
                        let data_type = arrow_schema::DataType::Boolean;
                        Ok((*value, compose(&bits, recipe, &data_type)?.as_boolean().clone()))
                    })
                    .collect()
                })
                .collect()
        })
        .await
    }

    /// Reads parts: stripes that neighbours read too through the stream's cache, the others at once and for this alone.
    async fn load(
        self: &Arc<Self>,
        stage: &Stage,
        chunks: &[(Chunk, Layout, Vec<usize>)],
        parts: Parts,
    ) -> Result<Vec<Option<Loaded>>> {
        let mut loaded: Vec<Option<Loaded>> = parts.list.iter().map(|_| None).collect();
        let alone = decoded_by_chunks(&parts.list, chunks);
        let mut shared = Vec::new();
        let mut own: Vec<Vec<(usize, Rows)>> = vec![Vec::new(); self.inputs.len()];
        for (at, Part { input, read, .. }) in parts.list.into_iter().enumerate() {
            match read {
                Read::Shared(rows) => shared.push(self.shared(stage, at, input, rows)),
                Read::Own(rows) => own[input].push((at, rows)),
            }
        }
        let groups =
            own.iter().enumerate().flat_map(|(input, own)| own.chunks(GROUP_STRIPES).map(move |own| (input, own)));
        let fetches = groups.map(|(input, own)| self.fetch_group(stage, input, own, &alone));
        let own = stream::iter(fetches.collect::<Vec<_>>()).buffer_unordered(GROUPS).try_collect::<Vec<_>>();
        let (own, shared) = futures::future::try_join(own, try_join_all(shared)).await?;
        for (at, values) in shared {
            loaded[at] = Some(Loaded::Decoded(values));
        }
        for begun in own.into_iter().flatten() {
            loaded[begun.part] = Some(begun.loaded.await?);
        }
        Ok(loaded)
    }

    /// Fetches some stripes of one input and begins to decode them, while others may still be fetched.
    async fn fetch_group(
        self: &Arc<Self>,
        stage: &Stage,
        input: usize,
        own: &[(usize, Rows)],
        alone: &[bool],
    ) -> Result<Vec<Begun>> {
        let rows: Vec<Rows> = own.iter().map(|(_, rows)| rows.clone()).collect();
        let fetched = self.context.fetch(self.source(input), stage, &rows).await?;
        let begun = own.iter().zip(fetched).map(|((at, _), fetched)| {
            let loaded = if alone[*at] {
                std::future::ready(Ok(Loaded::Fetched(fetched))).boxed()
            } else {
                self.context.work(move |context| Ok(Loaded::Decoded(Arc::new(context.decode(fetched)?))))
            };
            Begun { part: *at, loaded }
        });
        Ok(begun.collect())
    }

    /// A stripe from the stream's cache.
    fn shared(
        self: &Arc<Self>,
        stage: &Stage,
        part: usize,
        input: usize,
        rows: Range<u64>,
    ) -> impl Future<Output = Result<(usize, Arc<Values>)>> + use<> {
        let (overlap, stage) = (Arc::clone(self), stage.clone());
        let key = (stage.number, self.inputs[input].source, rows.start);
        async move {
            let context = Arc::clone(&overlap.context);
            let source = overlap.inputs[input].source;
            let load = move || async move {
                let fetched = context.fetch(&context.sources.list[source], &stage, &[Rows::Range(rows)]).await?.pop();
                let fetched = fetched.ok_or_else(|| Error::new(Code::Internal, "a fetch returned nothing"))?;
                context.work(move |context| Ok(Arc::new(context.decode(fetched)?))).await
            };
            Ok((part, overlap.stripes.get_or_load(&key, load).await?))
        }
    }
}

/// Which parts are decoded by the chunk that alone uses them: those of chunks with no more than one of that kind, since
/// a piece of work is to be short.
fn decoded_by_chunks(parts: &[Part], chunks: &[(Chunk, Layout, Vec<usize>)]) -> Vec<bool> {
    let mut uses = vec![0_usize; parts.len()];
    chunks.iter().flat_map(|(_, _, used)| used).for_each(|part| uses[*part] += 1);
    let mut alone = vec![false; parts.len()];
    for (_, _, used) in chunks {
        let own = |part: &usize| uses[*part] == 1 && matches!(parts[*part].read, Read::Own(_));
        let mut candidates = used.iter().copied().filter(own);
        if let (Some(part), None) = (candidates.next(), candidates.next()) {
            alone[part] = true;
        }
    }
    alone
}

/// A part for one of the chunks that use it.
fn hand_out(part: &mut Option<Loaded>) -> Option<Loaded> {
    match part {
        Some(Loaded::Decoded(values)) => Some(Loaded::Decoded(Arc::clone(values))),
        _ => part.take(),
    }
}

/// Chunks with their layouts and the parts they use, what to read for them, and the key columns of the inputs.
struct Planned {
    chunks: Vec<(Chunk, Layout, Vec<usize>)>,
    parts: Parts,
    keys: Arc<HashMap<usize, Vec<ArrayRef>>>,
}
