//! Reading: a [`Scan`] says what, a [`Plan`] how, a stream of record batches is the result.
//!
//! A key range that only one sorted run covers is read straight from its fragments. Where runs overlap, keys are merged
//! first and each cell is taken from the run of highest rank that has it; a filter is decided only on cells found that
//! way, since a newer run masks older ones even where its own values do not match.

mod bind;
mod compose;
mod execute;
mod gather;
mod keys;
mod merge;
mod merged;
mod metrics;
mod morsel;
mod overlap;
mod parts;
mod plan;
mod prefetch;
mod resolve;
mod source;
mod take;

use futures::stream::BoxStream;

pub(crate) use compose::{Recipe, compose};
pub(crate) use gather::physical;
pub(crate) use keys::read_keys;
pub(crate) use merge::{Stretch, merge};
pub(crate) use merged::{MergeKey, Merged};
pub use metrics::{PlanMetrics, StageTimes};
pub use plan::Plan;
pub(crate) use resolve::{Holds, Segment, pick, pick_keys};
pub(crate) use source::presence_field;
pub use take::Taken;

use crate::error::Result;
use crate::expr::Expr;
use crate::key::KeyRanges;
use crate::table::Snapshot;
use crate::types::{ColumnPath, OutputProfile};

/// Batches of a scan.
pub type BatchStream = BoxStream<'static, Result<arrow_array::RecordBatch>>;

/// What to read of a snapshot.
#[derive(Clone)]
pub struct Scan {
    snapshot: Snapshot,
    projection: Projection,
    filter: Option<Expr>,
    ranges: KeyRanges,
    limit: Option<u64>,
    profile: OutputProfile,
    ordered: bool,
}

/// The columns of the result.
#[derive(Debug, Clone)]
enum Projection {
    /// Key columns and all value columns.
    All,
    /// Key columns of rows that exist in any group.
    Keys,
    /// The named columns and the columns of the named groups, in this order.
    Named(Vec<ColumnPath>),
}

impl Snapshot {
    /// A scan of all columns; narrow it down with the methods of [`Scan`].
    pub fn scan(&self) -> Scan {
        Scan::new(self, Projection::All)
    }
}

impl Scan {
    fn new(snapshot: &Snapshot, projection: Projection) -> Self {
        Self {
            snapshot: snapshot.clone(),
            projection,
            filter: None,
            ranges: KeyRanges::all(),
            limit: None,
            profile: OutputProfile::Written,
            ordered: true,
        }
    }

    /// A scan of the keys that exist in any column group.
    pub fn keys(snapshot: &Snapshot) -> Self {
        Self::new(snapshot, Projection::Keys)
    }

    /// Reads only these columns and groups, in this order.
    pub fn select(mut self, paths: impl IntoIterator<Item = ColumnPath>) -> Self {
        self.projection = Projection::Named(paths.into_iter().collect());
        self
    }

    /// Keeps rows for which the filter is true. Several filters must all be.
    pub fn with_filter(mut self, filter: Expr) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(first) => first.and(filter),
            None => filter,
        });
        self
    }

    /// Keeps rows whose keys lie in these ranges.
    pub fn with_ranges(mut self, ranges: &KeyRanges) -> Self {
        self.ranges = self.ranges.intersection(ranges);
        self
    }

    /// Stops after this many rows, and reads no more than they need.
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Chooses the types of the result.
    pub fn with_profile(mut self, profile: OutputProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Lets batches come as they are ready instead of in key order.
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// Plans the scan: reads the metadata it needs.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `UnsupportedOperation`; the store's codes.
    pub async fn plan(&self) -> Result<Plan> {
        Plan::new(self).await
    }
}
