//! Reading: a [`Scan`] says what, a [`Plan`] how, a stream of record batches is the result.
//!
//! A key range that only one sorted run covers is read straight from its fragments. Where runs overlap, keys are merged
//! first and each cell is taken from the run of highest rank that has it; a filter is decided only on cells found that
//! way, since a newer run masks older ones even where its own values do not match.

mod bind;
mod compose;
mod execute;
mod gather;
mod key_ranges;
mod keys;
mod lookup;
mod merge;
mod merged;
mod metrics;
mod morsel;
mod names;
mod options;
mod overlap;
mod parts;
mod plan;
mod prefetch;
mod reader;
mod resolve;
mod source;
mod take;
mod version;

use std::sync::Arc;

use futures::stream::BoxStream;

pub(crate) use compose::{Recipe, compose};
pub(crate) use gather::physical;
pub(crate) use keys::read_keys;
pub(crate) use merge::{Stretch, merge};
pub(crate) use merged::{MergeKey, Merged};
pub use metrics::PlanMetrics;
pub use options::ScanOptions;
pub use plan::Plan;
pub use reader::Reader;
pub(crate) use resolve::{Holds, Segment, pick, pick_keys};
pub(crate) use source::presence_field;
pub use take::Taken;
pub use version::ScanSource;

use self::names::Members;
use crate::error::Result;
use crate::expr::{Expr, column};
use crate::key::{KeyRanges, KeySchema};
use crate::table::Snapshot;
use crate::types::{ColumnPath, OutputProfile};

/// Batches of a scan.
pub type BatchStream = BoxStream<'static, Result<arrow_array::RecordBatch>>;

/// What to read of a snapshot, or of several with one key schema.
///
/// Paths name the columns of a single table as the table does. In a scan of several tables, made by [`Scan::over`], they
/// begin with the name that their table has in the scan; key columns, which all tables share, need none. A row exists
/// if any column group that the scan refers to has its key, in whichever table; columns of a table that lacks the key
/// are null. What one table deletes, or writes later, changes nothing in another.
#[derive(Clone)]
pub struct Scan {
    members: Members,
    projection: Projection,
    keys_only: bool,
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
    /// What the expressions give, below these paths of the result, in this order.
    Listed(Vec<(ColumnPath, Expr)>),
}

impl Snapshot {
    /// A scan of all columns; narrow it down with the methods of [`Scan`].
    pub fn scan(&self) -> Scan {
        Scan::new(Members::one(self))
    }
}

impl Scan {
    fn new(members: Members) -> Self {
        Self {
            members,
            projection: Projection::All,
            keys_only: false,
            filter: None,
            ranges: KeyRanges::all(),
            limit: None,
            profile: OutputProfile::Written,
            ordered: true,
        }
    }

    /// A scan of all columns of several tables: the key columns, then a struct for each table under its name.
    ///
    /// # Errors
    /// `KeySchemaMismatch` when key columns differ in name, kind of type or order; `InvalidArgument` for no table, a name that
    /// occurs twice, or that of a key column; `InvalidName`.
    pub fn over(tables: impl IntoIterator<Item = (impl Into<Arc<str>>, Snapshot)>) -> Result<Self> {
        Ok(Self::new(Members::named(tables)?))
    }

    /// A scan of the keys that exist in any column group.
    pub fn keys(snapshot: &Snapshot) -> Self {
        snapshot.scan().keys_only()
    }

    /// Returns the keys alone, of the rows that exist in any column group the scan refers to: in any of all, unless
    /// columns are selected.
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// Reads only these columns, groups and tables, in this order.
    pub fn select(self, paths: impl IntoIterator<Item = ColumnPath>) -> Self {
        self.project(paths.into_iter().map(|path| {
            let whole = whole(&path);
            (path, whole)
        }))
    }

    /// Returns what the expressions give, each below a path of the result. A column stands there under its new name, a
    /// group or a table with all its columns; the empty path is the top of the result. A table, as the empty path of a
    /// scan of one, comes with the key columns, which are the first of the result and come once.
    pub fn project(mut self, columns: impl IntoIterator<Item = (ColumnPath, Expr)>) -> Self {
        self.projection = Projection::Listed(columns.into_iter().collect());
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

    /// The key columns of its tables.
    pub fn key_schema(&self) -> &KeySchema {
        self.members.keys()
    }

    /// Plans the scan: reads the metadata it needs.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `UnsupportedOperation`; the store's codes.
    pub async fn plan(&self) -> Result<Plan> {
        Plan::new(self).await
    }
}

/// What stands at a path: a column, or a group with all its columns.
fn whole(path: &ColumnPath) -> Expr {
    column(path.names().iter().map(ToString::to_string).collect::<Vec<_>>())
}
