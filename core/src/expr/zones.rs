//! Deciding from statistics which row blocks can hold a row that a filter keeps.
//!
//! Statistics of all zones are arrays, and one kernel call decides a comparison for thousands of zones. A bound may be
//! missing or wider than the values (a truncated string), never narrower; everything unknown keeps its zone.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, SortOptions};

use super::ast::CompareOp;
use super::bound::{Bound, BoundExpr};
use super::coerce::logical;
use super::common::scalar;
use super::compare::{Value, canonical, compare, plain};
use super::conversion;
use super::domain::next_text;
use super::literal::Literal;
use super::membership::ListSet;
use super::regions::literal_prefix;
use crate::bail;
use crate::error::{Code, Result};

/// The statistics of one column, an entry per zone. A null entry is unknown.
#[derive(Debug, Clone, Default)]
pub struct ZoneColumn {
    /// No value of the zone is smaller.
    pub min: Option<ArrayRef>,
    /// No value of the zone is greater, NaN aside if `may_have_nan`.
    pub max: Option<ArrayRef>,
    /// How many values are null.
    pub null_count: Option<UInt64Array>,
    /// Whether the statistics pass over NaN, so that some may be there although `max` is a number.
    pub may_have_nan: bool,
}

/// Statistics of many zones: row blocks of a file, or fragments of a manifest page.
pub trait ZoneStatistics {
    /// The statistics of a column, if there are any.
    fn zones(&self, path: &[String]) -> Option<ZoneColumn>;

    /// The rows of each zone, which tells the zones that are null throughout.
    fn row_counts(&self) -> Option<UInt64Array> {
        None
    }
}

/// Tells for each of `count` zones whether it may hold a row for which the filter is true.
///
/// Fails with `internal` on statistics of another length than `count`.
pub fn prune_zones(filter: &BoundExpr, zones: &dyn ZoneStatistics, count: usize) -> Result<BooleanArray> {
    Ok(BooleanArray::new(possibilities(filter, zones, count)?.yes, None))
}

/// What a truth value may be for some row of each zone.
#[derive(Debug, Clone)]
pub(super) struct Possible {
    pub(super) yes: BooleanBuffer,
    pub(super) no: BooleanBuffer,
    pub(super) null: BooleanBuffer,
}

/// Decides a filter for each zone.
pub(super) fn possibilities(filter: &BoundExpr, zones: &dyn ZoneStatistics, count: usize) -> Result<Possible> {
    let rows = zones.row_counts();
    let mut spans = Vec::with_capacity(filter.columns().len());
    for path in filter.columns() {
        let found = zones.zones(path).unwrap_or_default();
        let lengths = [
            found.min.as_ref().map(|array| array.len()),
            found.max.as_ref().map(|array| array.len()),
            found.null_count.as_ref().map(|array| array.len()),
            rows.as_ref().map(|array| array.len()),
        ];
        if lengths.into_iter().flatten().any(|length| length != count) {
            bail!(Code::Internal, "the statistics of column '{path}' are not of {count} zones");
        }
        spans.push(Span::new(found, rows.as_ref(), count)?);
    }
    Pruner { spans, count }.possible(filter.root())
}

/// The values that an expression may have in each zone.
#[derive(Debug, Clone)]
struct Span {
    min: Option<Value>,
    max: Option<Value>,
    /// Whether some value may be null.
    some_null: BooleanBuffer,
    /// Whether some value may be other than null.
    some_value: BooleanBuffer,
}

/// A comparison's result where an unknown operand leaves everything possible.
fn or_unknown(decided: &BooleanArray) -> BooleanBuffer {
    match decided.nulls() {
        None => decided.values().clone(),
        Some(nulls) => decided.values() | &!nulls.inner(),
    }
}

impl Span {
    fn new(column: ZoneColumn, rows: Option<&UInt64Array>, count: usize) -> Result<Self> {
        let all = || BooleanBuffer::new_set(count);
        let (mut some_null, mut some_value) = (all(), all());
        if let Some(nulls) = &column.null_count {
            let zero = UInt64Array::new_scalar(0);
            some_null = or_unknown(&arrow_ord::cmp::neq(nulls, &zero)?);
            if let Some(rows) = rows {
                some_value = or_unknown(&arrow_ord::cmp::lt(nulls, rows)?);
            }
        }
        let bound = |array: Option<ArrayRef>| -> Result<Option<Value>> {
            array.map(|array| Ok(Value::rows(plain(&array)?))).transpose()
        };
        let min = bound(column.min)?.map(|min| min.with(known_min(min.array.clone())));
        let max = bound(column.max.filter(|_| !column.may_have_nan))?;
        Ok(Self { min, max, some_null, some_value })
    }

    fn unknown(count: usize) -> Self {
        let all = || BooleanBuffer::new_set(count);
        Self { min: None, max: None, some_null: all(), some_value: all() }
    }

    fn map(self, count: usize, convert: impl Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<Self> {
        let apply = |bound: Option<Value>| -> Result<Option<Value>> {
            bound.map(|bound| Ok(bound.with(convert(&bound.array)?))).transpose()
        };
        // What does not fit the new type becomes null.
        Ok(Self { min: apply(self.min)?, max: apply(self.max)?, some_null: BooleanBuffer::new_set(count), ..self })
    }
}

/// A NaN as minimum may come from an order in which negative NaN is first; it then says nothing.
fn known_min(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float16 => {
            Arc::new(array.as_primitive::<Float16Type>().unary_opt::<_, Float16Type>(|v| (!v.is_nan()).then_some(v)))
        }
        DataType::Float32 => {
            Arc::new(array.as_primitive::<Float32Type>().unary_opt::<_, Float32Type>(|v| (!v.is_nan()).then_some(v)))
        }
        DataType::Float64 => {
            Arc::new(array.as_primitive::<Float64Type>().unary_opt::<_, Float64Type>(|v| (!v.is_nan()).then_some(v)))
        }
        _ => array,
    }
}

struct Pruner {
    spans: Vec<Span>,
    count: usize,
}

impl Pruner {
    fn all(&self) -> BooleanBuffer {
        BooleanBuffer::new_set(self.count)
    }

    fn none(&self) -> BooleanBuffer {
        BooleanBuffer::new_unset(self.count)
    }

    fn anything(&self) -> Possible {
        Possible { yes: self.all(), no: self.all(), null: self.all() }
    }

    fn possible(&self, node: &Bound) -> Result<Possible> {
        Ok(match node {
            Bound::Literal { value, .. } => {
                let is = |found: bool| if found { self.all() } else { self.none() };
                Possible {
                    yes: is(*value == Literal::Boolean(true)),
                    no: is(*value == Literal::Boolean(false)),
                    null: is(value.is_null()),
                }
            }
            Bound::And(args) => {
                let (mut yes, mut no, mut null) = (self.all(), self.none(), self.none());
                for arg in args {
                    let next = self.possible(arg)?;
                    (yes, no, null) = (&yes & &next.yes, &no | &next.no, &null | &next.null);
                }
                Possible { yes, no, null }
            }
            Bound::Or(args) => {
                let (mut yes, mut no, mut null) = (self.none(), self.all(), self.none());
                for arg in args {
                    let next = self.possible(arg)?;
                    (yes, no, null) = (&yes | &next.yes, &no & &next.no, &null | &next.null);
                }
                Possible { yes, no, null }
            }
            Bound::Xor(left, right) => {
                let (left, right) = (self.possible(left)?, self.possible(right)?);
                Possible {
                    yes: &(&left.yes & &right.no) | &(&left.no & &right.yes),
                    no: &(&left.yes & &right.yes) | &(&left.no & &right.no),
                    null: &left.null | &right.null,
                }
            }
            Bound::Not(input) => {
                let inner = self.possible(input)?;
                Possible { yes: inner.no, no: inner.yes, null: inner.null }
            }
            Bound::IsNull(input) => self.nullness(input)?,
            Bound::IsNotNull(input) => {
                let inner = self.nullness(input)?;
                Possible { yes: inner.no, no: inner.yes, null: inner.null }
            }
            Bound::Compare { op, left, right } => self.comparison(*op, left, right)?,
            Bound::In { input, list } => self.membership(input, list)?,
            Bound::StartsWith { input, prefix } => self.prefix(input, prefix)?,
            Bound::Like { input, pattern, case_insensitive: false } => {
                let bounded = self.prefix(input, literal_prefix(pattern))?;
                let no = self.span(input)?.some_value;
                Possible { no, ..bounded }
            }
            Bound::Column { data_type: DataType::Boolean, .. } => {
                let value = Bound::boolean(true);
                self.comparison(CompareOp::Eq, node, &value)?
            }
            _ => self.anything(),
        })
    }

    fn span(&self, node: &Bound) -> Result<Span> {
        Ok(match node {
            Bound::Column { index, data_type } => match self.spans.get(*index) {
                Some(span) => {
                    let mut span = span.clone();
                    let same = |value: &Value| logical(value.array.data_type()) == *data_type && scalar(data_type);
                    span.min = span.min.filter(same);
                    span.max = span.max.filter(same);
                    span
                }
                None => Span::unknown(self.count),
            },
            Bound::Literal { value, .. } if !value.is_null() => {
                let bound = Some(Value::scalar(value.to_array()?));
                Span { min: bound.clone(), max: bound, some_null: self.none(), some_value: self.all() }
            }
            // Conversions that keep the order of values carry bounds along.
            Bound::Nanos(input) => {
                let span = self.span(input)?;
                let nulls = span.some_null.clone();
                Span { some_null: nulls, ..span.map(self.count, conversion::nanos)? }
            }
            Bound::Cast { input, data_type } if keeps_order(&input.data_type(), data_type) => {
                self.span(input)?.map(self.count, |array| conversion::cast(array, data_type))?
            }
            _ => Span::unknown(self.count),
        })
    }

    /// Whether a comparison of bounds may hold; unknown bounds may.
    fn may(&self, op: CompareOp, left: Option<&Value>, right: Option<&Value>) -> Result<BooleanBuffer> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(self.all()) };
        let decided = or_unknown(&compare(op, left, right)?);
        Ok(match (left.scalar && right.scalar, decided.iter().next()) {
            (true, Some(true)) => self.all(),
            (true, _) => self.none(),
            _ => decided,
        })
    }

    fn comparison(&self, op: CompareOp, left: &Bound, right: &Bound) -> Result<Possible> {
        let (left, right) = (self.span(left)?, self.span(right)?);
        let (yes, no) = self.compared(op, &left, &right)?;
        let values = &left.some_value & &right.some_value;
        Ok(Possible { yes: &yes & &values, no: &no & &values, null: &left.some_null | &right.some_null })
    }

    fn compared(&self, op: CompareOp, left: &Span, right: &Span) -> Result<(BooleanBuffer, BooleanBuffer)> {
        let (left_min, left_max) = (left.min.as_ref(), left.max.as_ref());
        let (right_min, right_max) = (right.min.as_ref(), right.max.as_ref());
        Ok(match op {
            CompareOp::Lt => (self.may(op, left_min, right_max)?, self.may(CompareOp::Gte, left_max, right_min)?),
            CompareOp::Lte => (self.may(op, left_min, right_max)?, self.may(CompareOp::Gt, left_max, right_min)?),
            CompareOp::Gt | CompareOp::Gte => self.compared(op.flip(), right, left)?,
            CompareOp::Eq => {
                let overlap =
                    &self.may(CompareOp::Lte, left_min, right_max)? & &self.may(CompareOp::Gte, left_max, right_min)?;
                // All values are equal only if both sides have one value, the same.
                let mut differ = self.may(CompareOp::Neq, left_min, left_max)?;
                differ = &differ | &self.may(CompareOp::Neq, right_min, right_max)?;
                differ = &differ | &self.may(CompareOp::Neq, left_min, right_min)?;
                (overlap, differ)
            }
            CompareOp::Neq => {
                let (yes, no) = self.compared(CompareOp::Eq, left, right)?;
                (no, yes)
            }
        })
    }

    fn nullness(&self, input: &Bound) -> Result<Possible> {
        let span = match input {
            Bound::Literal { value, .. } => {
                let is = |found: bool| if found { self.all() } else { self.none() };
                return Ok(Possible { yes: is(value.is_null()), no: is(!value.is_null()), null: self.none() });
            }
            other => self.span(other)?,
        };
        Ok(Possible { yes: span.some_null, no: span.some_value, null: self.none() })
    }

    fn prefix(&self, input: &Bound, prefix: &str) -> Result<Possible> {
        let span = self.span(input)?;
        let (min, max) = (span.min.as_ref(), span.max.as_ref());
        let first = Value::scalar(Literal::from(prefix).to_array()?);
        let mut yes = self.may(CompareOp::Gte, max, Some(&first))?;
        let mut no = self.may(CompareOp::Lt, min, Some(&first))?;
        // Where no text follows those with the prefix, all from the prefix on begin with it.
        if let Some(next) = next_text(prefix) {
            let next = Value::scalar(Literal::Utf8(next).to_array()?);
            yes = &yes & &self.may(CompareOp::Lt, min, Some(&next))?;
            no = &no | &self.may(CompareOp::Gte, max, Some(&next))?;
        }
        Ok(Possible { yes: &yes & &span.some_value, no: &no & &span.some_value, null: span.some_null })
    }

    fn membership(&self, input: &Bound, list: &ListSet) -> Result<Possible> {
        let span = self.span(input)?;
        let (Some(min), Some(max)) = (&span.min, &span.max) else {
            let no = if list.has_null() { self.none() } else { span.some_value.clone() };
            let null = if list.has_null() { self.all() } else { span.some_null };
            return Ok(Possible { yes: span.some_value, no, null });
        };
        if min.scalar || max.scalar {
            return Ok(self.anything());
        }
        let yes = overlaps(list, &min.array, &max.array)?;
        if list.has_null() {
            return Ok(Possible { yes: &yes & &span.some_value, no: self.none(), null: self.all() });
        }
        let listed = list.contains(&canonical(Arc::clone(&min.array)))?;
        let no = &self.may(CompareOp::Neq, Some(min), Some(max))? | &or_unknown(&boolean::not(&listed)?);
        Ok(Possible { yes: &yes & &span.some_value, no: &no & &span.some_value, null: span.some_null })
    }
}

/// Whether some value of a sorted list lies between the bounds of each zone.
fn overlaps(list: &ListSet, min: &ArrayRef, max: &ArrayRef) -> Result<BooleanBuffer> {
    let values = list.array();
    let bound = |array: &ArrayRef| -> Result<ArrayRef> {
        Ok(canonical(if array.data_type() == values.data_type() {
            Arc::clone(array)
        } else {
            arrow_cast::cast(array, values.data_type())?
        }))
    };
    let (min, max) = (bound(min)?, bound(max)?);
    let to_min = make_comparator(values, &min, SortOptions::default())?;
    let to_max = make_comparator(values, &max, SortOptions::default())?;
    Ok(BooleanBuffer::collect_bool(min.len(), |zone| {
        let (mut first, mut end) = (0, values.len());
        while min.is_valid(zone) && first < end {
            let middle = usize::midpoint(first, end);
            if to_min(middle, zone) == Ordering::Less {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        first < values.len() && (max.is_null(zone) || to_max(first, zone) != Ordering::Greater)
    }))
}

/// Whether a cast maps greater values to values that are not smaller.
fn keeps_order(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(_, from), DataType::Timestamp(_, to)) => from.is_some() == to.is_some(),
        _ => from.is_numeric() && to.is_numeric(),
    }
}
