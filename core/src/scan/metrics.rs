//! What a plan costs and did, for users who ask why a scan is slow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::store::MeterSnapshot;

/// Time by stage, summed over parallel work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Reading metadata and choosing runs.
    pub plan: Duration,
    /// Waiting for the store.
    pub fetch: Duration,
    /// Decoding blocks.
    pub decode: Duration,
    /// Merging overlapping runs.
    pub merge: Duration,
    /// Deciding filters.
    pub filter: Duration,
}

/// Counts of one plan and the streams made from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanMetrics {
    /// Requests, bytes and rounds, planning included.
    pub store: MeterSnapshot,
    /// Runs that overlap the key ranges.
    pub runs: u64,
    /// Fragments that hold columns of the scan in the key ranges.
    pub fragments: u64,
    /// Row stripes that were considered.
    pub stripes: u64,
    /// Row stripes that statistics excluded.
    pub stripes_pruned: u64,
    /// Rows whose filter was decided or that were read without one.
    pub rows_read: u64,
    /// Rows of the result.
    pub rows_returned: u64,
    /// Rows of overlapping runs that were merged.
    pub rows_merged: u64,
    /// Time by stage.
    pub times: StageTimes,
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
            store,
            runs: get(&self.runs),
            fragments: get(&self.fragments),
            stripes: get(&self.stripes),
            stripes_pruned: get(&self.stripes_pruned),
            rows_read: get(&self.rows_read),
            rows_returned: get(&self.rows_returned),
            rows_merged: get(&self.rows_merged),
            times: StageTimes {
                plan: time(&self.plan_nanos),
                fetch: time(&self.fetch_nanos),
                decode: time(&self.decode_nanos),
                merge: time(&self.merge_nanos),
                filter: time(&self.filter_nanos),
            },
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
