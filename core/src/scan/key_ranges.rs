//! The key ranges that a filter leaves.

use arrow_schema::DataType;

use crate::error::Result;
use crate::expr::BoundExpr;
use crate::key::{Key, KeyRange, KeyRanges, KeySchema, key_from_values};

/// The key ranges outside of which a filter is never true.
pub(super) fn filter_ranges(filter: &BoundExpr, keys: &KeySchema) -> Result<KeyRanges> {
    let schema: Vec<(crate::expr::ColumnPath, DataType)> =
        keys.fields().iter().map(|field| (vec![field.name().clone()].into(), field.data_type().clone())).collect();
    let bounds = crate::expr::key_bounds(filter, &schema);
    if bounds.is_unbounded() {
        return Ok(KeyRanges::all());
    }
    let key = |literals: &[crate::expr::Literal]| -> Result<Option<Key>> {
        if literals.is_empty() {
            return Ok(None);
        }
        let values = literals
            .iter()
            .zip(keys.fields())
            .map(|(literal, field)| Ok(arrow_cast::cast(&literal.to_array()?, field.data_type())?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Some(key_from_values(keys, &values)?))
    };
    bounds
        .intervals
        .iter()
        .map(|interval| {
            let (lower, upper) = (key(&interval.lower)?, key(&interval.upper)?);
            // A prefix bound takes in, or leaves out, every key that begins with it.
            let begin = lower.map(|key| {
                if interval.lower_inclusive { key } else { KeyRange::from_prefix(&key).end().cloned().unwrap_or(key) }
            });
            let end = upper.map(|key| {
                if interval.upper_inclusive { KeyRange::from_prefix(&key).end().cloned().unwrap_or(key) } else { key }
            });
            Ok(KeyRange::new(begin, end))
        })
        .collect()
}
