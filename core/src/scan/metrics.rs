//! What a plan costs and did, for users who ask why a scan is slow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::store::MeterSnapshot;

/// What one plan and the streams made from it cost so far. Times are summed over parallel work; as JSON they are seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PlanMetrics {
    /// Read requests sent to the store, planning included.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Dependent rounds of requests: what a far client waits for.
    pub rounds: u64,
    /// Sorted runs that overlap the key ranges.
    pub runs: u64,
    /// Fragments that hold columns of the scan in the key ranges.
    pub fragments: u64,
    /// Row stripes considered.
    pub stripes: u64,
    /// Row stripes that statistics excluded.
    pub stripes_pruned: u64,
    /// Rows whose filter was decided, or that were read without one.
    pub rows_read: u64,
    /// Rows returned.
    pub rows_returned: u64,
    /// Rows of overlapping runs that were merged.
    pub rows_merged: u64,
    /// Time spent planning: reading metadata and choosing runs.
    #[serde(rename = "plan_seconds", serialize_with = "seconds")]
    pub plan_time: Duration,
    /// Time waiting for the store.
    #[serde(rename = "fetch_seconds", serialize_with = "seconds")]
    pub fetch_time: Duration,
    /// Time decoding.
    #[serde(rename = "decode_seconds", serialize_with = "seconds")]
    pub decode_time: Duration,
    /// Time merging.
    #[serde(rename = "merge_seconds", serialize_with = "seconds")]
    pub merge_time: Duration,
    /// Time deciding filters.
    #[serde(rename = "filter_seconds", serialize_with = "seconds")]
    pub filter_time: Duration,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// The counters behind [`PlanMetrics`], shared by parallel work.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: AtomicU64,)* }
    };
}

counters!(
    runs,
    fragments,
    stripes,
    stripes_pruned,
    rows_read,
    rows_returned,
    rows_merged,
    plan_nanos,
    fetch_nanos,
    decode_nanos,
    merge_nanos,
    filter_nanos
);

impl Counters {
    pub(super) fn metrics(&self, store: MeterSnapshot) -> PlanMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(get(counter));
        PlanMetrics {
            requests: store.gets,
            bytes: store.bytes_read,
            rounds: store.rounds,
            runs: get(&self.runs),
            fragments: get(&self.fragments),
            stripes: get(&self.stripes),
            stripes_pruned: get(&self.stripes_pruned),
            rows_read: get(&self.rows_read),
            rows_returned: get(&self.rows_returned),
            rows_merged: get(&self.rows_merged),
            plan_time: time(&self.plan_nanos),
            fetch_time: time(&self.fetch_nanos),
            decode_time: time(&self.decode_nanos),
            merge_time: time(&self.merge_nanos),
            filter_time: time(&self.filter_nanos),
        }
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// Adds a time to a counter of nanoseconds.
pub(super) fn add_time(counter: &AtomicU64, time: Duration) {
    add(counter, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}
