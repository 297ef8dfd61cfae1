//! Plans and the batches they stream.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::channel::mpsc;
use futures::lock::Mutex;
use futures::{SinkExt, StreamExt};
use spiral_core::exchange::{Value, key_batch};
use spiral_core::runtime::{RuntimeExt, Task};
use spiral_core::scan;
use spiral_core::{Code, Error, Result};

use crate::options::Metrics;
use crate::snapshot::Snapshot;
use crate::table::{ColumnInfo, columns_of};
use crate::work::{Subject, Work};

pub use spiral_core::scan::Taken;

/// A planned scan, ready to stream any number of times, or to take rows by key. Clones are the same plan.
#[derive(Clone)]
pub struct Plan {
    subject: Subject,
    engine: scan::Plan,
    snapshots: Arc<[Snapshot]>,
}

impl Plan {
    pub(crate) fn new(subject: Subject, engine: scan::Plan, snapshots: Vec<Snapshot>) -> Self {
        Self { subject, engine, snapshots: snapshots.into() }
    }

    /// The versions that it reads, one of each table.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.engine.schema()
    }

    /// The key columns of the tables.
    pub fn key_schema(&self) -> SchemaRef {
        Arc::new(self.engine.key_schema().to_arrow())
    }

    /// The columns of the batches by their names.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        let keys = self.key_schema();
        columns_of(&self.schema(), |name| keys.fields().find(name).is_some())
    }

    /// Whether the scan certainly has no rows. May be false although there are none.
    pub fn is_empty(&self) -> bool {
        self.engine.is_empty()
    }

    /// The plan in words.
    pub fn explain(&self) -> String {
        self.engine.explain()
    }

    /// What planning and streaming cost so far.
    pub fn metrics(&self) -> Metrics {
        self.engine.metrics().into()
    }

    /// Streams the rows, from the beginning.
    pub fn batches(&self) -> Batches {
        Batches::start(&self.subject, &self.engine)
    }

    /// All rows at once.
    pub fn collect(&self) -> Work<Vec<RecordBatch>> {
        let plan = self.engine.clone();
        self.subject.start(async move { futures::TryStreamExt::try_collect(plan.stream()).await })
    }

    /// The rows of some keys, which may come in any order, repeatedly, or not exist. The plan's filter and ranges
    /// apply; its limit does not.
    ///
    /// # Errors
    /// `MissingKeyColumn`, `NullKey`, `TypeMismatch` for keys of another schema; the store's codes.
    pub fn take(&self, keys: RecordBatch) -> Work<Taken> {
        let plan = self.engine.clone();
        self.subject.start(async move { plan.take(&keys).await })
    }

    /// As [`Plan::take`], of keys as single values.
    ///
    /// # Errors
    /// As [`key_batch`], then those of [`Plan::take`].
    pub fn take_keys(&self, keys: &[Vec<Value>]) -> Work<Taken> {
        match key_batch(&self.key_schema(), keys) {
            Ok(keys) => self.take(keys),
            Err(error) => self.subject.start(async move { Err(error) }),
        }
    }
}

/// Batches of a scan, one after another. Reading goes on ahead of the reader, by the read-ahead of the plan and one
/// batch more; closing or dropping the last handle ends all its work. Clones are the same stream.
#[derive(Clone)]
pub struct Batches {
    subject: Subject,
    schema: SchemaRef,
    state: Arc<Mutex<State>>,
    reading: Arc<std::sync::Mutex<Option<Task<()>>>>,
}

struct State {
    batches: mpsc::Receiver<Result<RecordBatch>>,
    /// Whether the end or an error was handed out.
    ended: bool,
}

impl Batches {
    fn start(subject: &Subject, plan: &scan::Plan) -> Self {
        let (mut sender, batches) = mpsc::channel(0);
        let mut stream = plan.stream();
        let reading = subject.client().runtime().spawn_task(async move {
            while let Some(batch) = stream.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Self {
            subject: subject.clone(),
            schema: plan.schema(),
            state: Arc::new(Mutex::new(State { batches, ended: false })),
            reading: Arc::new(std::sync::Mutex::new(Some(reading))),
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next batch; `None` after the last one. Calls at once are answered one after another. Dropping the work
    /// loses no batch.
    ///
    /// # Errors
    /// `Cancelled` when the stream was closed while it was read; the store's codes, after which the stream has ended.
    pub fn next(&self) -> Work<Option<RecordBatch>> {
        let (state, reading) = (Arc::clone(&self.state), Arc::clone(&self.reading));
        self.subject.wait(async move {
            let mut state = state.lock().await;
            if state.ended {
                return Ok(None);
            }
            let next = state.batches.next().await;
            let closed = is_closed(&reading);
            match next {
                Some(Ok(batch)) if !closed => return Ok(Some(batch)),
                _ => state.ended = true,
            }
            match next {
                Some(Err(error)) => Err(error),
                _ if closed => Err(Error::new(Code::Cancelled, "the stream was closed while it was read")),
                _ => Ok(None),
            }
        })
    }

    /// Ends reading, now. What waits for a batch gets `Cancelled`, later calls get the end.
    pub fn close(&self) {
        drop(self.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }
}

fn is_closed(reading: &std::sync::Mutex<Option<Task<()>>>) -> bool {
    reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none()
}
