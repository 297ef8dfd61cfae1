//! Plans and the batches they stream.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::TryStreamExt;
use spiral_core::exchange::{ColumnInfo, Value, key_batch};
use spiral_core::scan::{self, PlanMetrics, Reader, Taken};

use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::work::{Subject, Work};

/// A planned scan, ready to stream any number of times, or to take rows by key. Clones are the same plan.
#[derive(Clone)]
pub struct Plan {
    subject: Subject,
    engine: scan::Plan,
    tables: Arc<[Table]>,
}

impl Plan {
    pub(crate) fn new(subject: Subject, engine: scan::Plan, tables: Vec<Table>) -> Self {
        Self { subject, engine, tables: tables.into() }
    }

    /// The versions that it reads, one of each table.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let pairs = self.tables.iter().zip(self.engine.snapshots());
        pairs.map(|(table, version)| Snapshot::new(table.clone(), version.clone())).collect()
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
        ColumnInfo::of_schema(&self.schema(), self.engine.key_schema())
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
    pub fn metrics(&self) -> PlanMetrics {
        self.engine.metrics()
    }

    /// Streams the rows, from the beginning.
    pub fn batches(&self) -> Batches {
        Batches { subject: self.subject.clone(), reader: self.engine.read() }
    }

    /// All rows at once.
    pub fn collect(&self) -> Work<Vec<RecordBatch>> {
        let plan = self.engine.clone();
        self.subject.start(async move { plan.stream().try_collect().await })
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
        let (plan, keys) = (self.engine.clone(), key_batch(&self.key_schema(), keys));
        self.subject.start(async move { plan.take(&keys?).await })
    }
}

/// Batches of a scan, one after another. Reading goes on ahead of the reader, by the read-ahead of the plan and one
/// batch more; closing or dropping the last handle ends all its work. Clones are the same stream.
#[derive(Clone)]
pub struct Batches {
    subject: Subject,
    reader: Reader,
}

impl Batches {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }

    /// The next batch; `None` after the last one. Calls at once are answered one after another. Dropping the work
    /// loses no batch.
    ///
    /// # Errors
    /// `Cancelled` when the stream was closed while it was read; the store's codes, after which the stream has ended.
    pub fn next(&self) -> Work<Option<RecordBatch>> {
        let reader = self.reader.clone();
        self.subject.wait(async move { reader.next().await })
    }

    /// Ends reading, now. What waits for a batch gets `Cancelled`, later calls get the end.
    pub fn close(&self) {
        self.reader.close();
    }
}
