//! A plan: the runs and fragments a scan will read, ready to stream, any number of times.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::bind::{BoundScan, Origin, bind_scan};
use super::execute::{Context, Shared, run};
use super::gather::Stage;
use super::metrics::{Counters, PlanMetrics, add_time};
use super::morsel::morsels;
use super::names::{Member, Members};
use super::prefetch::up_to;
use super::source::{Body, Sources};
use super::{BatchStream, Scan};
use crate::error::Result;
use crate::key::KeySchema;
use crate::runtime::{RuntimeExt, RuntimeRef};
use crate::store::{Meter, MeterSnapshot};
use crate::table::Snapshot;

/// An executable scan. Clones are the same plan.
#[derive(Clone)]
pub struct Plan {
    context: Arc<Context>,
    meter: Meter,
    members: Members,
    limit: Option<u64>,
    ordered: bool,
    readahead: usize,
}

impl Plan {
    pub(super) async fn new(scan: &Scan) -> Result<Self> {
        let table = scan.members.first().snapshot.table();
        let runtime = Arc::clone(table.runtime());
        let start = runtime.monotonic();
        let meter = Meter::new();
        let bound = bind_scan(scan).await?;
        let sources = Sources::load(&scan.members, &meter, &bound).await?;
        let (filter_stage, rest_stage) = stages(&bound);
        let counters = Counters::default();
        counters.runs.store(sources.list.len() as u64, Ordering::Relaxed);
        let fragments = sources.list.iter().map(|source| match &source.body {
            Body::Files { fragments, .. } => fragments.len() as u64,
            Body::Memory { .. } => 0,
        });
        counters.fragments.store(fragments.sum(), Ordering::Relaxed);
        add_time(&counters.plan_nanos, runtime.monotonic().saturating_sub(start));
        let readahead = match table.options().batch_readahead {
            0 => runtime.parallelism() + 1,
            readahead => readahead,
        };
        let context = Context {
            bound,
            sources: Arc::new(sources),
            schema: table.key_schema().clone(),
            runtime,
            counters,
            filter_stage,
            rest_stage,
        };
        Ok(Self {
            context: Arc::new(context),
            meter,
            members: scan.members.clone(),
            limit: scan.limit,
            ordered: scan.ordered,
            readahead,
        })
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.context.bound.schema)
    }

    /// The key columns of the table.
    pub fn key_schema(&self) -> &KeySchema {
        &self.context.schema
    }

    /// The versions that it reads, one of each table.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.members.iter().map(|member| &member.snapshot)
    }

    pub(super) fn runtime(&self) -> &RuntimeRef {
        &self.context.runtime
    }

    /// Pieces of work that are begun before the first of them is done.
    pub(super) fn readahead(&self) -> usize {
        self.readahead.max(1)
    }

    /// Whether the scan certainly has no rows. May be false although there are none.
    pub fn is_empty(&self) -> bool {
        self.context.bound.ranges.is_empty() || self.context.sources.list.iter().all(|source| source.tombstone)
    }

    /// What planning and streaming cost so far.
    pub fn metrics(&self) -> PlanMetrics {
        self.context.counters.metrics(self.meter.snapshot() - MeterSnapshot::default())
    }

    /// Streams the rows. Memory is bounded by the read-ahead; dropping the stream stops all its work.
    pub fn stream(&self) -> BatchStream {
        if self.limit == Some(0) {
            return stream::empty().boxed();
        }
        let context = Arc::clone(&self.context);
        let sources = Arc::clone(&context.sources);
        let filtered = context.bound.filter.is_some();
        let morsels = morsels(sources, context.schema.clone(), &context.bound.ranges, self.limit);
        let shared = Shared::new();
        // Each morsel is a task, so that a store that blocks, as a folder does, blocks a worker and not the reader.
        let run_one = move |morsel| {
            let task = context.runtime.spawn_task(run(Arc::clone(&context), Arc::clone(&shared), morsel));
            async move { task.await? }
        };
        let readahead = self.readahead();
        let groups = match self.limit {
            Some(limit) => up_to(morsels.boxed(), limit, filtered, readahead, run_one).boxed(),
            None => {
                let running = morsels.map(move |morsel| match morsel {
                    Ok(morsel) => run_one(morsel).boxed(),
                    Err(error) => std::future::ready(Err(error)).boxed(),
                });
                if self.ordered {
                    running.buffered(readahead).boxed()
                } else {
                    running.buffer_unordered(readahead).boxed()
                }
            }
        };
        let batches = groups.map_ok(|batches| stream::iter(batches).map(Ok)).try_flatten();
        let batches = batches.try_filter(|batch| std::future::ready(batch.num_rows() > 0));
        match self.limit {
            Some(limit) => limited(batches.boxed(), limit),
            None => batches.boxed(),
        }
    }

    /// The plan in words.
    pub fn explain(&self) -> String {
        let bound = &self.context.bound;
        let mut text = String::new();
        let columns: Vec<String> = bound.outputs.iter().map(|output| output.path.to_string()).collect();
        // Writing to a string cannot fail.
        let versions: Vec<String> = self.members.iter().map(Member::to_string).collect();
        let _ = writeln!(text, "scan of {}", versions.join(", "));
        let _ = writeln!(text, "  columns: {}", columns.join(", "));
        if let Some(filter) = &bound.filter {
            let columns: Vec<String> = filter.columns().iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  filter on: {}", columns.join(", "));
        }
        if !bound.ranges.is_all() {
            let _ = writeln!(text, "  key ranges: {}", bound.ranges.as_slice().len());
        }
        let _ = writeln!(text, "  runs: {}", self.context.sources.list.len());
        for source in &self.context.sources.list {
            let (place, fragments) = match &source.body {
                Body::Files { fragments, .. } => ("files", fragments.len()),
                Body::Memory { .. } => ("inline", 0),
            };
            let kind = if source.tombstone { "deletes" } else { "rows" };
            let _ = writeln!(
                text,
                "    {}version {} {place}: {} {kind}, keys {} to {}, {fragments} fragments",
                self.members.label(source.table),
                source.rank.version,
                source.rows(),
                source.first,
                source.last
            );
        }
        text
    }
}

/// The columns that the filter reads, and those that are read once it is decided.
fn stages(bound: &BoundScan) -> (Stage, Stage) {
    let mut filter = Stage { number: 0, ..Stage::default() };
    for (_, origin) in &bound.filter_columns {
        push(&mut filter, *origin);
    }
    let mut rest = Stage { number: 1, ..Stage::default() };
    let computed = bound.computed.iter().flat_map(|formula| &formula.columns).map(|(_, origin)| *origin);
    for origin in bound.outputs.iter().map(|output| output.origin).chain(computed) {
        let in_filter = match origin {
            Origin::Key(at) => filter.keys.contains(&at),
            Origin::Value(at) => filter.values.contains(&at),
            Origin::Computed(_) => true,
        };
        if !in_filter {
            push(&mut rest, origin);
        }
    }
    (filter, rest)
}

fn push(stage: &mut Stage, origin: Origin) {
    match origin {
        Origin::Key(at) if !stage.keys.contains(&at) => stage.keys.push(at),
        Origin::Value(at) if !stage.values.contains(&at) => {
            stage.values.push(at);
            stage.presence.push(at);
        }
        _ => {}
    }
}

/// Cuts a stream after a number of rows, and stops reading there.
fn limited(batches: BatchStream, limit: u64) -> BatchStream {
    let left = Arc::new(AtomicU64::new(limit));
    let more = Arc::clone(&left);
    batches
        .map_ok(move |batch| -> RecordBatch {
            let rows = batch.num_rows().min(usize::try_from(left.load(Ordering::Relaxed)).unwrap_or(usize::MAX));
            left.fetch_sub(rows as u64, Ordering::Relaxed);
            batch.slice(0, rows)
        })
        .scan(false, move |ended, batch| {
            // The batch that reaches the limit is the last one asked for.
            let last = std::mem::replace(ended, more.load(Ordering::Relaxed) == 0);
            std::future::ready((!last).then_some(batch))
        })
        .boxed()
}
