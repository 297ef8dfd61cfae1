//! Versions, plans and their streams.

use std::sync::Arc;

use spiral_bindings::{self as facade, batches_from_ipc, batches_to_ipc};

use crate::batch::{BatchData, TakenData};
use crate::errors::{Cancel, Failure, run, signed};
use crate::options::{ColumnInfo, Metrics, ScanRequest, moment};
use crate::values::{Value, keys as key_values};

/// The engine's side of `Snapshot`: use that.
#[derive(uniffi::Object)]
pub struct SnapshotHandle {
    pub(crate) snapshot: facade::Snapshot,
}

impl SnapshotHandle {
    pub(crate) fn new(snapshot: facade::Snapshot) -> Arc<Self> {
        Arc::new(Self { snapshot })
    }
}

#[uniffi::export]
impl SnapshotHandle {
    /// The version.
    pub fn version(&self) -> i64 {
        signed(self.snapshot.version())
    }

    /// When it was committed.
    pub fn timestamp(&self) -> std::time::SystemTime {
        moment(self.snapshot.timestamp())
    }

    /// All columns by their paths.
    pub async fn columns(&self, cancel: Cancel) -> Result<Vec<ColumnInfo>, Failure> {
        run(cancel, async { Ok(self.snapshot.columns().await?.into_iter().map(ColumnInfo::from).collect()) }).await
    }

    /// Plans a scan.
    pub async fn scan(&self, options: ScanRequest, cancel: Cancel) -> Result<Arc<PlanHandle>, Failure> {
        run(cancel, async { self.snapshot.scan(options.try_into()?).await.map(PlanHandle::new) }).await
    }
}

/// The engine's side of `Plan`: use that.
#[derive(uniffi::Object)]
pub struct PlanHandle {
    plan: facade::Plan,
}

impl PlanHandle {
    pub(crate) fn new(plan: facade::Plan) -> Arc<Self> {
        Arc::new(Self { plan })
    }
}

#[uniffi::export]
impl PlanHandle {
    /// The columns of the batches.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        self.plan.columns().into_iter().map(ColumnInfo::from).collect()
    }

    /// Whether the scan certainly has no rows.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// The plan in words.
    pub fn explain(&self) -> String {
        self.plan.explain()
    }

    /// What planning and streaming cost so far.
    pub fn metrics(&self) -> Metrics {
        self.plan.metrics().into()
    }

    /// Streams the rows, from the beginning.
    pub fn batches(&self) -> Arc<BatchesHandle> {
        Arc::new(BatchesHandle { batches: self.plan.batches() })
    }

    /// The rows of some keys.
    pub async fn take(&self, keys: Vec<Vec<Value>>, cancel: Cancel) -> Result<TakenData, Failure> {
        run(cancel, async { TakenData::of(&self.plan.take_keys(&key_values(keys)).await?) }).await
    }

    /// The rows of the keys of an Arrow IPC stream, as another one.
    pub async fn take_ipc(&self, keys: Vec<u8>, cancel: Cancel) -> Result<Vec<u8>, Failure> {
        run(cancel, async {
            let mut found = Vec::new();
            for keys in batches_from_ipc(&keys)? {
                found.push(self.plan.take(keys).await?.rows);
            }
            batches_to_ipc(&self.plan.schema(), &found)
        })
        .await
    }
}

/// The engine's side of a stream of batches.
#[derive(uniffi::Object)]
pub struct BatchesHandle {
    batches: facade::Batches,
}

#[uniffi::export]
impl BatchesHandle {
    /// The next batch.
    pub async fn next(&self, cancel: Cancel) -> Result<Option<BatchData>, Failure> {
        run(cancel, async { self.batches.next().await?.as_ref().map(BatchData::of).transpose() }).await
    }

    /// The next batch as an Arrow IPC stream.
    pub async fn next_ipc(&self, cancel: Cancel) -> Result<Option<Vec<u8>>, Failure> {
        run(cancel, async {
            let next = self.batches.next().await?;
            next.map(|batch| batches_to_ipc(&self.batches.schema(), &[batch])).transpose()
        })
        .await
    }

    /// Ends reading, now.
    pub fn stop(&self) {
        self.batches.close();
    }
}
