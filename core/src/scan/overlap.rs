//! Rows that several runs share: their keys merged, the cells of highest rank found, read and put together.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::compose::{Recipe, compose, compose_over};
use super::execute::{Context, ContextRef, Shared, filter_values, in_pieces};
use super::gather::{Fetched, Stage, Values, physical};
use super::keys::{concat_keys, read_keys, read_stripes};
use super::merge::{Stretch, Union, count, merge};
use super::merged::{MergeKey, Merged, Placed};
use super::metrics::{add, add_time};
use super::parts::{Part, Parts, Read};
use super::resolve::{Holds, Kind, Segment, keep};
use super::source::{Body, Source};
use crate::error::{Code, Error, Result};
use crate::fragment::{Decoded, Rows, physical_type};
use crate::key::{KeyRange, KeyRows};
use crate::runtime::RuntimeExt;

/// Stripes that are fetched together; while the next ones are, they are decoded.
const GROUP_STRIPES: usize = 16;

/// Groups of stripes that are fetched at once. Each of them sends several requests.
const GROUPS: usize = 4;

/// Some overlapping runs, read through one scan.
pub(super) struct Overlap {
    context: ContextRef,
    shared: Arc<Shared>,
    /// Numbers of the runs.
    sources: Vec<usize>,
    merged: Arc<Merged>,
}

/// The rows of one run in an overlap.
pub(super) struct Input {
    pub(super) keys: KeyRows,
    /// The row of the run that the first key is.
    pub(super) begin: u64,
    /// The rows of the run, where the keys were looked up instead of read in order.
    pub(super) located: Option<Vec<u64>>,
    /// Whether neighbouring pieces of the scan read the same run, before and after.
    pub(super) shares: (bool, bool),
}

/// Rows of an overlap that make one batch.
pub(super) struct Chunk {
    pub(super) rows: Arc<[Stretch]>,
    /// Number of rows.
    len: usize,
    /// The filter's columns, once it has been decided.
    filtered: Values,
}

/// A batch, and which rows of the union its rows are.
pub(super) struct Assembled {
    pub(super) batch: RecordBatch,
    pub(super) rows: Arc<[Stretch]>,
}

/// How the columns of one chunk are put together.
struct Layout {
    placed: Arc<Placed>,
    /// Value columns and their recipes.
    values: Vec<(usize, usize)>,
    with_keys: bool,
}

/// A chunk whose columns can be put together, from parts given by number.
type Ready = (Chunk, Layout, Vec<(usize, Loaded)>);

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
    /// Bytes that are to be decoded.
    fn bytes(&self) -> usize {
        match self {
            Loaded::Decoded(_) => 0,
            Loaded::Fetched(fetched) => fetched.bytes(),
        }
    }

    fn decode(self, context: &Context) -> Result<Arc<Values>> {
        match self {
            Loaded::Decoded(values) => Ok(values),
            Loaded::Fetched(fetched) => context.decode(fetched).map(Arc::new),
        }
    }

    /// Decodes as [`Self::decode`] does. Of what nobody else holds, some columns can be written over: those for which
    /// `writable` is true, given the number of rows.
    fn decode_writable(
        self,
        context: &Context,
        writable: impl Fn(usize, usize) -> bool,
    ) -> Result<(Arc<Values>, HashMap<usize, Decoded>)> {
        match self {
            Loaded::Decoded(values) => Ok((values, HashMap::new())),
            Loaded::Fetched(fetched) => {
                let rows = fetched.rows;
                let (values, writable) = context.decode_writable(fetched, |value| writable(value, rows))?;
                Ok((Arc::new(values), writable))
            }
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
        let recipes = &self.placed.recipes;
        let recipe_of: HashMap<usize, usize> = self.values.iter().copied().collect();
        let mut bases: HashMap<usize, Decoded> = HashMap::new();
        for (part, loaded) in parts {
            let writable =
                |value, rows| recipe_of.get(&value).is_some_and(|recipe: &usize| recipes[*recipe].is_over(part, rows));
            let (values, writable) = loaded.decode_writable(context, writable)?;
            sources[part] = Some(values);
            bases.extend(writable);
        }
        let start = context.runtime.monotonic();
        let mut composed = Values::default();
        for (value, recipe) in self.values {
            let column: Vec<Option<&ArrayRef>> =
                sources.iter().map(|source| source.as_ref()?.values.get(&value)).collect();
            let (recipe, data_type) = (&recipes[recipe], physical_type(context.bound.values[value].stored.data_type()));
            let array = match bases.remove(&value) {
                Some(decoded) => compose_over(decoded, &column, recipe, &data_type)?,
                None => compose(&column, recipe, &data_type)?,
            };
            composed.values.insert(value, array);
        }
        if self.with_keys {
            for (at, columns) in keys {
                let inputs: Vec<Option<&ArrayRef>> = columns.iter().map(Some).collect();
                composed.keys.insert(*at, compose(&inputs, &self.placed.keys, columns[0].data_type())?);
            }
        }
        context.took(&context.counters.merge_nanos, start);
        Ok(composed)
    }
}

/// Rows of overlapping runs in a key range.
pub(super) async fn merged(
    context: ContextRef,
    shared: Arc<Shared>,
    range: KeyRange,
    sources: Vec<usize>,
    shares: (bool, bool),
) -> Result<Vec<RecordBatch>> {
    let load = {
        let (context, shared, sources) = (Arc::clone(&context), Arc::clone(&shared), sources.clone());
        let range = range.clone();
        move || async move { merge_runs(&context, &shared, &sources, &range, shares).await }
    };
    let merged = match merge_key(&context, range, &sources, shares)? {
        Some(key) => context.sources.caches.merges.get_or_load(&key, load).await?,
        None => load().await?,
    };
    let overlap = Arc::new(Overlap { context, shared, sources, merged });
    let assembled = overlap.assemble().await?;
    Ok(assembled.into_iter().map(|assembled| assembled.batch).collect())
}

/// What a merge depends on; `None` where a run is in memory, which has no name.
fn merge_key(context: &Context, range: KeyRange, sources: &[usize], shares: (bool, bool)) -> Result<Option<MergeKey>> {
    let mut runs = Vec::with_capacity(sources.len());
    for source in sources {
        let source = &context.sources.list[*source];
        let Body::Files { keys, .. } = &source.body else { return Ok(None) };
        runs.push((context.sources.block_key(keys)?, kind(source)));
    }
    Ok(Some(MergeKey { range, runs, shares }))
}

/// Reads and merges the keys of runs in a range.
async fn merge_runs(
    context: &ContextRef,
    shared: &Shared,
    sources: &[usize],
    range: &KeyRange,
    shares: (bool, bool),
) -> Result<Arc<Merged>> {
    let inputs = try_join_all(sources.iter().map(|source| read_input(context, shared, *source, range, shares))).await?;
    let kinds = sources.iter().map(|source| kind(&context.sources.list[*source])).collect();
    let work = context.work(move |context| {
        let start = context.runtime.monotonic();
        let keys: Vec<KeyRows> = inputs.iter().map(|input| input.keys.clone()).collect();
        let total: usize = keys.iter().map(KeyRows::len).sum();
        add(&context.counters.rows_merged, total as u64);
        let merged = Merged::new(inputs, merge(&keys), kinds);
        add_time(&context.counters.merge_nanos, context.runtime.monotonic().saturating_sub(start));
        Ok(Arc::new(merged))
    });
    work.await
}

/// The table of a run, and what it does to its keys in this scan.
fn kind(source: &Source) -> (usize, Kind) {
    let kind = match source {
        source if source.tombstone => Kind::Tombstone,
        source if source.groups.is_empty() => Kind::Cells,
        _ => Kind::Rows,
    };
    (source.table, kind)
}

/// Reads the keys of one run in a range.
async fn read_input(
    context: &Context,
    shared: &Shared,
    source: usize,
    range: &KeyRange,
    shares: (bool, bool),
) -> Result<Input> {
    let input = |keys, begin| Input { keys, begin, located: None, shares };
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
        concat_keys(&context.schema, &read_stripes(&keys, &context.schema, &shared.keys, &stripes).await?)?
    } else {
        read_keys(&keys, &context.schema, first_row..end_row).await?
    };
    let rows = read.rows_in(range)?;
    Ok(input(read.slice(rows.start, rows.len()), first_row + rows.start as u64))
}

impl Overlap {
    /// Rows of some runs that were looked up by key. `places` are, for each, the rows of the union that its rows are.
    pub(super) fn of_places(
        context: &ContextRef,
        shared: Arc<Shared>,
        sources: Vec<usize>,
        inputs: Vec<Input>,
        places: &[Vec<u32>],
        rows: usize,
    ) -> Arc<Self> {
        let kinds = sources.iter().map(|source| kind(&context.sources.list[*source])).collect();
        let merged = Arc::new(Merged::new(inputs, Union::of_places(places, rows), kinds));
        Arc::new(Self { context: Arc::clone(context), shared, sources, merged })
    }

    fn source(&self, input: usize) -> &Source {
        &self.context.sources.list[self.sources[input]]
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
        let whole = |overlap: &Self| {
            let chunk = |(rows, len): &_| Chunk { rows: Arc::clone(rows), len: *len, filtered: Values::default() };
            Ok(overlap.merged.chunks().iter().map(chunk).collect::<Vec<_>>())
        };
        let mut chunks = if self.merged.is_laid_out() { whole(&self)? } else { self.work(whole).await? };
        if self.context.bound.filter.is_some() {
            let decide = |context: &Context, filtered: Values, chunk: Chunk| {
                let rows = chunk.len;
                add(&context.counters.rows_read, rows as u64);
                let mask = context.decide(&filtered, rows)?;
                if mask.true_count() == rows {
                    return Ok(Chunk { filtered, ..chunk });
                }
                let rows = keep(&chunk.rows, &mask).into();
                Ok(Chunk { rows, len: mask.true_count(), filtered: filter_values(&filtered, &mask)? })
            };
            chunks = self.stage(&self.context.filter_stage, chunks, decide).await?;
            chunks.retain(|chunk| !chunk.rows.is_empty());
        } else {
            let rows: usize = chunks.iter().map(|chunk| chunk.len).sum();
            add(&self.context.counters.rows_read, rows as u64);
        }
        let assemble = |context: &Context, rest: Values, chunk: Chunk| {
            let batch = context.batch(&rest, &chunk.filtered, chunk.len)?;
            Ok(Assembled { batch, rows: chunk.rows })
        };
        self.stage(&self.context.rest_stage, chunks, assemble).await
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
        let Planned { chunks, parts, keys } = if self.merged.is_laid_out() && self.merged.is_whole(&chunks) {
            self.lay_out(stage, chunks, &presence)?
        } else {
            let stage = stage.clone();
            self.work(move |overlap| overlap.lay_out(&stage, chunks, &presence)).await?
        };
        let stage = Stage { presence: Vec::new(), ..stage.clone() };
        let mut loaded = self.load(&stage, &chunks, &parts).await?;
        let sized = chunks.into_iter().map(|(chunk, layout)| {
            let used = layout.placed.used.iter();
            let mine: Vec<_> = used.filter_map(|part| Some((*part, hand_out(&mut loaded[*part])?))).collect();
            let fetched: usize = mine.iter().map(|(_, loaded)| loaded.bytes()).sum();
            // What is decoded already has yet to be copied.
            (fetched.max(chunk.len * layout.values.len()), (chunk, layout, mine))
        });
        let compose = move |context: &Context, piece: Vec<Ready>| {
            let finish = |(chunk, layout, mine): Ready| finish(context, layout.compose(context, mine, &keys)?, chunk);
            piece.into_iter().map(finish).collect::<Result<Vec<T>>>()
        };
        let mut pieces = in_pieces(sized);
        if pieces.len() == 1 {
            return compose(&self.context, pieces.swap_remove(0));
        }
        let work = pieces.into_iter().map(|piece| {
            let compose = compose.clone();
            self.context.work(move |context| compose(context, piece))
        });
        Ok(try_join_all(work.collect::<Vec<_>>()).await?.into_iter().flatten().collect())
    }

    fn run_rows(&self) -> Vec<Option<u64>> {
        let rows = |input| match &self.source(input).body {
            Body::Files { keys, .. } => Some(keys.rows),
            Body::Memory { .. } => None,
        };
        (0..self.sources.len()).map(rows).collect()
    }

    /// Chooses the cells of each chunk and what to read for them.
    fn lay_out(&self, stage: &Stage, chunks: Vec<Chunk>, presence: &[HashMap<usize, BooleanArray>]) -> Result<Planned> {
        let start = self.context.runtime.monotonic();
        // Columns that the same runs hold, in the same rows, share a recipe.
        let mut signatures: HashMap<(Vec<bool>, Option<usize>), usize> = HashMap::new();
        let mut columns: Vec<usize> = Vec::new();
        let mut values = Vec::with_capacity(stage.values.len());
        for value in &stage.values {
            let holds = (0..self.sources.len()).map(|input| self.source(input).columns[*value].is_some()).collect();
            let own = presence.iter().any(|bits| bits.contains_key(value)).then_some(*value);
            let recipe = *signatures.entry((holds, own)).or_insert_with(|| {
                columns.push(*value);
                columns.len() - 1
            });
            values.push((*value, recipe));
        }
        let everything = |(holds, own): &(Vec<bool>, Option<usize>)| {
            own.is_none()
                && holds.iter().zip(&self.merged.kinds).all(|(holds, (_, kind))| *holds || *kind == Kind::Tombstone)
        };
        let (parts, placed) =
            if self.merged.is_of_one_table() && signatures.keys().all(everything) && self.merged.is_whole(&chunks) {
                let whole = self.merged.whole(&self.run_rows());
                (Arc::clone(&whole.parts), whole.placed.clone())
            } else {
                let rows: Vec<&[Stretch]> = chunks.iter().map(|chunk| &chunk.rows[..]).collect();
                self.merged.place(&self.run_rows(), &rows, &columns, |column, input| {
                    let table = self.context.bound.values[*column].table;
                    match self.source(input) {
                        source if source.table == table && source.tombstone => Holds::Deleted,
                        source if source.columns[*column].is_none() => Holds::Nothing,
                        _ => presence[input].get(column).map_or(Holds::Everything, Holds::Some),
                    }
                })
            };
        let with_keys = !stage.keys.is_empty();
        let layout = |placed| Layout { placed, values: values.clone(), with_keys };
        let chunks = chunks.into_iter().zip(placed).map(|(chunk, placed)| (chunk, layout(placed))).collect();
        let mut keys = HashMap::new();
        for at in &stage.keys {
            let inputs = self.merged.inputs.iter();
            let columns = inputs.map(|input| physical(&crate::types::to_storage(&input.keys.columns()[*at])?));
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
        let inputs = 0..self.sources.len();
        let presence: Vec<usize> =
            stage.presence.iter().copied().filter(|value| inputs.clone().any(|input| partial(input, *value))).collect();
        if presence.is_empty() {
            return Ok(inputs.map(|_| HashMap::new()).collect());
        }
        let stage =
            Stage { keys: Vec::new(), values: Vec::new(), presence: presence.clone(), number: stage.number + 2 };
        let all = |input: usize| {
            if presence.iter().any(|value| partial(input, *value)) { self.merged.inputs[input].keys.len() } else { 0 }
        };
        let wanted = inputs.clone().map(|input| std::iter::once(0..count(all(input))).collect()).collect();
        let parts = self.merged.parts(&self.run_rows(), wanted);
        let recipes: Vec<Recipe> = inputs
            .clone()
            .map(|input| match count(all(input)) {
                0 => Recipe::new(Vec::new()),
                rows => Recipe::new(parts.place(&[Segment::new(input, 0, rows)])),
            })
            .collect();
        let loaded = self.load(&stage, &[], &parts).await?;
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
        chunks: &[(Chunk, Layout)],
        parts: &Parts,
    ) -> Result<Vec<Option<Loaded>>> {
        let mut loaded: Vec<Option<Loaded>> = parts.list.iter().map(|_| None).collect();
        let alone = decoded_by_chunks(&parts.list, chunks);
        let mut shared = Vec::new();
        let mut own: Vec<Vec<(usize, Rows)>> = vec![Vec::new(); self.sources.len()];
        for (at, Part { input, read, .. }) in parts.list.iter().enumerate() {
            match read {
                Read::Shared(rows) => shared.push(self.shared(stage, at, *input, rows.clone())),
                Read::Own(rows) => own[*input].push((at, rows.clone())),
            }
        }
        let groups =
            own.iter().enumerate().flat_map(|(input, own)| own.chunks(GROUP_STRIPES).map(move |own| (input, own)));
        let groups: Vec<_> = groups.collect();
        // Of several groups each is a task, so that a store that blocks, as a folder does, does not stop the others.
        let several = groups.len() > 1;
        let fetches = groups.into_iter().map(|(input, own)| {
            let own = own.iter().map(|(part, rows)| (*part, rows.clone(), alone[*part])).collect();
            let fetch = Arc::clone(self).fetch_group(stage.clone(), input, own);
            let runtime = Arc::clone(&self.context.runtime);
            async move { if several { runtime.spawn_task(fetch).await? } else { fetch.await } }
        });
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

    /// Fetches some stripes of one input and begins to decode them, while others may still be fetched. With the rows of
    /// each part comes whether one chunk alone uses it.
    async fn fetch_group(
        self: Arc<Self>,
        stage: Stage,
        input: usize,
        parts: Vec<(usize, Rows, bool)>,
    ) -> Result<Vec<Begun>> {
        let rows: Vec<Rows> = parts.iter().map(|(_, rows, _)| rows.clone()).collect();
        let fetched = self.context.fetch(self.source(input), &stage, &rows).await?;
        let begun = parts.into_iter().zip(fetched).map(|((part, _, alone), fetched)| {
            let loaded = if alone {
                std::future::ready(Ok(Loaded::Fetched(fetched))).boxed()
            } else {
                self.context.work(move |context| Ok(Loaded::Decoded(Arc::new(context.decode(fetched)?))))
            };
            Begun { part, loaded }
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
        let key = (stage.number, self.sources[input], rows.start);
        async move {
            let context = Arc::clone(&overlap.context);
            let source = overlap.sources[input];
            let load = move || async move {
                let fetched = context.fetch(&context.sources.list[source], &stage, &[Rows::Range(rows)]).await?.pop();
                let fetched = fetched.ok_or_else(|| Error::new(Code::Internal, "a fetch returned nothing"))?;
                context.work(move |context| Ok(Arc::new(context.decode(fetched)?))).await
            };
            Ok((part, overlap.shared.values.get_or_load(&key, load).await?))
        }
    }
}

/// Which parts are decoded by the chunk that alone uses them: one of each chunk, since a piece of work is to be short, and
/// the one with most rows, over which the others may be written.
fn decoded_by_chunks(parts: &[Part], chunks: &[(Chunk, Layout)]) -> Vec<bool> {
    let mut uses = vec![0_usize; parts.len()];
    chunks.iter().flat_map(|(_, layout)| &layout.placed.used).for_each(|part| uses[*part] += 1);
    let mut alone = vec![false; parts.len()];
    for (_, layout) in chunks {
        let own = |part: &usize| match &parts[*part].read {
            Read::Own(rows) if uses[*part] == 1 => Some((rows.len(), *part)),
            _ => None,
        };
        if let Some((_, part)) = layout.placed.used.iter().filter_map(own).max() {
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

/// Chunks with their layouts, what to read for them, and the key columns of the inputs.
struct Planned {
    chunks: Vec<(Chunk, Layout)>,
    parts: Arc<Parts>,
    keys: Arc<HashMap<usize, Vec<ArrayRef>>>,
}
