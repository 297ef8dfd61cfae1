//! Evaluating bound expressions on Arrow arrays, a batch at a time.

use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StructArray, UInt64Array, new_null_array};
use arrow_schema::{ArrowError, DataType};

use super::arithmetic;
use super::bound::{Bound, BoundExpr};
use super::coerce::logical;
use super::compare::{Value, compare, plain};
use super::conversion;
use super::literal::Literal;
use super::text::{self, by_value};
use super::type_name::describe;
use crate::bail;
use crate::error::{Code, Result};

/// Supplies the columns that an expression references, all of equal length.
///
/// A column may come in any encoding of the type it was bound with, or as a `null` array where no value exists.
pub trait Columns {
    /// The column of the table at a path.
    fn column(&self, path: &[String]) -> Option<ArrayRef>;

    /// The column of the table of keys by name.
    fn aux(&self, name: &str) -> Option<ArrayRef> {
        let _ = name;
        None
    }
}

impl<F: Fn(&[String]) -> Option<ArrayRef>> Columns for F {
    fn column(&self, path: &[String]) -> Option<ArrayRef> {
        self(path)
    }
}

/// Paths descend through structs, whose nulls become nulls of the column.
impl Columns for RecordBatch {
    fn column(&self, path: &[String]) -> Option<ArrayRef> {
        let (first, rest) = path.split_first()?;
        let mut column = Arc::clone(self.column_by_name(first)?);
        for name in rest {
            column = child(column.as_struct_opt()?, name)?;
        }
        Some(column)
    }
}

fn child(group: &StructArray, name: &str) -> Option<ArrayRef> {
    let column = group.column_by_name(name)?;
    match group.nulls() {
        None => Some(Arc::clone(column)),
        Some(nulls) => {
            let hidden = BooleanArray::new(!nulls.inner(), None);
            arrow_select::nullif::nullif(column, &hidden).ok()
        }
    }
}

impl BoundExpr {
    /// Computes the expression on `rows` rows.
    ///
    /// Fails with `internal` if a referenced column is not supplied, or not with its length and type. No value makes it
    /// fail: what has no result is null.
    pub fn evaluate(&self, columns: &dyn Columns, rows: usize) -> Result<ArrayRef> {
        let value = Evaluation::new(self, columns, rows)?.value(&self.root)?;
        spread(value, rows)
    }

    /// Computes a filter: true where the row is kept, without nulls.
    pub fn evaluate_filter(&self, columns: &dyn Columns, rows: usize) -> Result<BooleanArray> {
        let array = self.evaluate(columns, rows)?;
        let Some(decided) = array.as_boolean_opt() else {
            bail!(Code::Internal, "a filter of type {} was evaluated", describe(array.data_type()));
        };
        Ok(match decided.nulls() {
            None => decided.clone(),
            Some(nulls) => BooleanArray::new(decided.values() & nulls.inner(), None),
        })
    }
}

/// A constant on every row.
fn spread(value: Value, rows: usize) -> Result<ArrayRef> {
    if !value.scalar {
        return Ok(value.array);
    }
    if let Some(constant) = value.array.as_boolean_opt()
        && constant.is_valid(0)
    {
        return Ok(Arc::new(BooleanArray::from(vec![constant.value(0); rows])));
    }
    if value.array.is_null(0) {
        return Ok(new_null_array(value.array.data_type(), rows));
    }
    Ok(arrow_select::take::take(&value.array, &UInt64Array::from(vec![0; rows]), None)?)
}

/// The arrays of one batch.
struct Evaluation {
    columns: Vec<ArrayRef>,
    aux: Vec<ArrayRef>,
    rows: usize,
}

impl Evaluation {
    fn new(expr: &BoundExpr, source: &dyn Columns, rows: usize) -> Result<Self> {
        let checked = |found: Option<ArrayRef>, name: &dyn std::fmt::Display| match found {
            Some(array) if array.len() == rows => Ok(array),
            Some(array) => bail!(Code::Internal, "column '{name}' came with {} rows instead of {rows}", array.len()),
            None => bail!(Code::Internal, "column '{name}' was not read for an expression that needs it"),
        };
        let columns = expr.columns.iter().map(|path| checked(source.column(path), path)).collect::<Result<_>>()?;
        let aux = expr.aux.iter().map(|name| checked(source.aux(name), name)).collect::<Result<_>>()?;
        Ok(Self { columns, aux, rows })
    }

    fn value(&self, node: &Bound) -> Result<Value> {
        match node {
            Bound::Column { index, data_type } => self.supplied(self.columns.get(*index), data_type),
            Bound::Aux { index, data_type } => self.supplied(self.aux.get(*index), data_type),
            Bound::Literal { value: Literal::Null, data_type } => Ok(Value::scalar(new_null_array(data_type, 1))),
            Bound::Literal { value, .. } => Ok(Value::scalar(value.to_array()?)),
            Bound::Compare { op, left, right } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                decided(compare(*op, &left, &right)?, left.scalar && right.scalar)
            }
            Bound::In { input, list } => self.predicate(input, |array| by_value(array, |values| list.contains(values))),
            Bound::And(args) => self.chain(args, boolean::and_kleene, |so_far| !so_far.has_true() && no_null(so_far)),
            Bound::Or(args) => self.chain(args, boolean::or_kleene, |so_far| !so_far.has_false() && no_null(so_far)),
            Bound::Xor(left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                decided(compare(super::ast::CompareOp::Neq, &left, &right)?, left.scalar && right.scalar)
            }
            Bound::Not(input) => self.predicate(input, |array| Ok(boolean::not(as_boolean(array)?)?)),
            Bound::IsNull(input) => self.predicate(input, |array| Ok(boolean::is_null(array)?)),
            Bound::IsNotNull(input) => self.predicate(input, |array| Ok(boolean::is_not_null(array)?)),
            Bound::Arithmetic { op, left, right, data_type } => {
                arithmetic::combine(*op, &self.value(left)?, &self.value(right)?, data_type)
            }
            Bound::Negate(input) => arithmetic::negate(&self.value(input)?),
            Bound::Cast { input, data_type } => {
                let value = self.value(input)?;
                Ok(value.with(conversion::cast(&value.array, data_type)?))
            }
            Bound::Nanos(input) => {
                let value = self.value(input)?;
                Ok(value.with(conversion::nanos(&value.array)?))
            }
            Bound::StartsWith { input, prefix } => self.predicate(input, |array| text::starts_with(array, prefix)),
            Bound::Like { input, pattern, case_insensitive } => {
                self.predicate(input, |array| text::matches(array, pattern, *case_insensitive))
            }
        }
    }

    /// A column as it was read, if it is of the type that the expression was bound with.
    fn supplied(&self, array: Option<&ArrayRef>, data_type: &DataType) -> Result<Value> {
        let Some(array) = array else { bail!(Code::Internal, "an expression refers to a column it does not name") };
        let found = logical(array.data_type());
        if found == *data_type {
            // Logic has kernels for plain truth values only; other encodings are resolved where they are met.
            let plainly = found == DataType::Boolean;
            return Ok(Value::rows(if plainly { plain(array)? } else { Arc::clone(array) }));
        }
        match found {
            DataType::Null => Ok(Value::rows(new_null_array(data_type, self.rows))),
            other => bail!(
                Code::Internal,
                "a column of type {} was bound but {} was read",
                describe(data_type),
                describe(&other)
            ),
        }
    }

    fn predicate(&self, input: &Bound, apply: impl Fn(&ArrayRef) -> Result<BooleanArray>) -> Result<Value> {
        let value = self.value(input)?;
        decided(apply(&value.array)?, value.scalar)
    }

    /// Combines truth values from left to right until nothing can change any more.
    fn chain(
        &self,
        args: &[Bound],
        combine: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>,
        settled: fn(&BooleanArray) -> bool,
    ) -> Result<Value> {
        let mut result: Option<BooleanArray> = None;
        for arg in args {
            let next = spread(self.value(arg)?, self.rows)?;
            let next = as_boolean(&next)?;
            let combined = match result {
                None => next.clone(),
                Some(so_far) => combine(&so_far, next)?,
            };
            if settled(&combined) {
                return decided(combined, false);
            }
            result = Some(combined);
        }
        match result {
            Some(result) => decided(result, false),
            None => bail!(Code::Internal, "an empty chain of conditions was evaluated"),
        }
    }
}

fn no_null(array: &BooleanArray) -> bool {
    array.null_count() == 0
}

fn as_boolean(array: &ArrayRef) -> Result<&BooleanArray> {
    match array.as_boolean_opt() {
        Some(array) => Ok(array),
        None => bail!(Code::Internal, "a truth value came as {}", describe(array.data_type())),
    }
}

fn decided(array: BooleanArray, scalar: bool) -> Result<Value> {
    Ok(Value { array: Arc::new(array), scalar })
}
