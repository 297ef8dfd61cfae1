//! Deciding a filter for one fragment from its statistics.

use arrow_array::{ArrayRef, UInt64Array};

use super::bound::BoundExpr;
use super::literal::Literal;
use super::zones::{ZoneColumn, ZoneStatistics, possibilities};
use crate::error::Result;

/// What is known of a column's values in a fragment.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// No value is smaller. It need not occur itself (a truncated text).
    pub min: Option<Literal>,
    /// No value is greater, NaN aside if `may_have_nan`. It need not occur itself.
    pub max: Option<Literal>,
    /// How many values are null.
    pub null_count: Option<u64>,
    /// How many values there are, nulls included.
    pub rows: u64,
    /// Whether the bounds pass over NaN, so that some may be there although `max` is a number.
    pub may_have_nan: bool,
}

/// Statistics of one fragment.
pub trait ColumnStatistics {
    /// The bounds of a column, if they are known.
    fn bounds(&self, path: &[String]) -> Option<Bounds>;
}

impl<F: Fn(&[String]) -> Option<Bounds>> ColumnStatistics for F {
    fn bounds(&self, path: &[String]) -> Option<Bounds> {
        self(path)
    }
}

/// What a filter does with the rows of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// It is false or null for every row: the fragment need not be read.
    AllFalse,
    /// It is true for every row: it need not be evaluated.
    AllTrue,
    /// Some rows may pass.
    Unknown,
}

/// Decides a filter for one fragment. For many at once, [`prune_zones`](super::prune_zones) is much cheaper.
pub fn prune(filter: &BoundExpr, statistics: &dyn ColumnStatistics) -> Result<Pruning> {
    let possible = possibilities(filter, &One(statistics), 1)?;
    let (yes, no, null) = (possible.yes.value(0), possible.no.value(0), possible.null.value(0));
    Ok(match (yes, no || null) {
        (false, _) => Pruning::AllFalse,
        (true, false) => Pruning::AllTrue,
        (true, true) => Pruning::Unknown,
    })
}

/// A fragment as the only zone.
struct One<'a>(&'a dyn ColumnStatistics);

impl ZoneStatistics for One<'_> {
    fn zones(&self, path: &[String]) -> Option<ZoneColumn> {
        let bounds = self.0.bounds(path)?;
        // A bound that its own type does not hold is as good as none.
        let array = |bound: &Option<Literal>| -> Option<ArrayRef> { bound.as_ref()?.to_array().ok() };
        // Zones know the rows of a block, not of a column: a column of nulls only is told by having no value at all.
        let null_count = bounds.null_count.map(|nulls| if nulls >= bounds.rows { u64::MAX } else { nulls });
        Some(ZoneColumn {
            min: array(&bounds.min),
            max: array(&bounds.max),
            null_count: null_count.map(|nulls| UInt64Array::from(vec![nulls])),
            may_have_nan: bounds.may_have_nan,
        })
    }

    fn row_counts(&self) -> Option<UInt64Array> {
        Some(UInt64Array::from(vec![u64::MAX]))
    }
}
