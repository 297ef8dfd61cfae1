//! Resolving an expression against the columns of a table.

use std::sync::Arc;

use arrow_cast::can_cast_types;
use arrow_schema::{DataType, Fields, Schema};

use super::ast::{ArithmeticOp, ColumnPath, CompareOp, Expr, MAX_NODES};
use super::bound::{Bound, BoundExpr, Names};
use super::coerce::{Fit, fit, logical, reads_text};
use super::combine::{
    all_of, any_of, cast_to, compare, compare_exact, constant_unless_null, like, negated, starts_with,
};
use super::conversion::check_zones;
use super::literal::Literal;
use super::membership::ListSet;
use super::operands;
use super::suggest::nearest;
use super::text::check_pattern;
use super::type_name::describe;
use crate::bail;
use crate::error::{Code, Error, Result};

/// The columns that an expression may name.
pub trait ColumnTypes {
    /// The type of the column at a path, in any encoding.
    fn column_type(&self, path: &[String]) -> Option<DataType>;

    /// The type of a column of the scan's table of keys.
    fn aux_type(&self, name: &str) -> Option<DataType> {
        let _ = name;
        None
    }

    /// The columns, for the suggestion in an error message. Read only then, and only as far as needed.
    fn candidates(&self) -> Box<dyn Iterator<Item = ColumnPath> + '_> {
        Box::new(std::iter::empty())
    }
}

impl ColumnTypes for Schema {
    fn column_type(&self, path: &[String]) -> Option<DataType> {
        let (last, groups) = path.split_last()?;
        let mut fields = self.fields();
        for name in groups {
            match fields.find(name)?.1.data_type() {
                DataType::Struct(children) => fields = children,
                _ => return None,
            }
        }
        fields.find(last).map(|(_, field)| field.data_type().clone())
    }

    fn candidates(&self) -> Box<dyn Iterator<Item = ColumnPath> + '_> {
        leaves(self.fields(), Vec::new())
    }
}

fn leaves(fields: &Fields, parents: Vec<String>) -> Box<dyn Iterator<Item = ColumnPath> + '_> {
    Box::new(fields.iter().flat_map(move |field| {
        let mut path = parents.clone();
        path.push(field.name().clone());
        match field.data_type() {
            DataType::Struct(children) => leaves(children, path),
            _ => Box::new(std::iter::once(ColumnPath::from(path))),
        }
    }))
}

/// Resolves columns and types.
///
/// Fails with `unknown_column` (naming the nearest column), `type_mismatch` (naming both types), `limit_exceeded` on an
/// expression that is too large, and `unsupported_operation` on calls of functions.
pub fn bind(expr: &Expr, schema: &dyn ColumnTypes) -> Result<BoundExpr> {
    expr.check_limits()?;
    let mut binder = Binder { schema, columns: Names::default(), aux: Names::default(), budget: MAX_NODES };
    let root = binder.bind(expr)?;
    Ok(BoundExpr { root, columns: binder.columns.names, aux: binder.aux.names })
}

/// Resolves a filter, which must be a truth value. Fails like [`bind`].
pub fn bind_filter(expr: &Expr, schema: &dyn ColumnTypes) -> Result<BoundExpr> {
    let mut bound = bind(expr, schema)?;
    bound.root = truth(bound.root, expr)?;
    Ok(bound)
}

struct Binder<'a> {
    schema: &'a dyn ColumnTypes,
    columns: Names<ColumnPath>,
    aux: Names<String>,
    budget: usize,
}

/// The beginning of an expression's text, for messages.
fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Demands a truth value; an untyped null is one.
fn truth(node: Bound, expr: &Expr) -> Result<Bound> {
    match node.data_type() {
        DataType::Boolean => Ok(node),
        DataType::Null => Ok(Bound::boolean(Literal::Null)),
        other => bail!(
            Code::TypeMismatch,
            "'{}' is of type {} where a truth value (bool) is needed",
            shown(expr),
            describe(&other)
        ),
    }
}

/// Demands text; an untyped null is `None`.
fn text(node: Bound, expr: &Expr, operation: &str) -> Result<Option<Bound>> {
    match node.data_type() {
        DataType::Utf8 => Ok(Some(node)),
        DataType::Null => Ok(None),
        other => bail!(
            Code::TypeMismatch,
            "{operation} needs text (utf8), but '{}' is of type {}",
            shown(expr),
            describe(&other)
        ),
    }
}

impl Binder<'_> {
    fn bind(&mut self, expr: &Expr) -> Result<Bound> {
        // `between` binds its operand twice, so nested ones could grow beyond the size of the expression.
        self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            Error::new(Code::LimitExceeded, format!("an expression expands to more than {MAX_NODES} nodes"))
        })?;
        match expr {
            Expr::Column(path) => self.column(path),
            Expr::Aux { name, data_type } => self.aux(name, data_type.as_ref()),
            Expr::Literal(value) => {
                value.to_array()?;
                Ok(Bound::Literal { value: value.clone(), data_type: value.data_type() })
            }
            Expr::Compare { op, left, right } => self.compare(*op, left, right),
            Expr::And(args) => self.chain(args, true),
            Expr::Or(args) => self.chain(args, false),
            Expr::Xor(left, right) => Ok(Bound::Xor(Box::new(self.truth(left)?), Box::new(self.truth(right)?))),
            Expr::Not(expr) => Ok(negated(self.truth(expr)?)),
            Expr::IsNull(expr) => Ok(Bound::IsNull(Box::new(self.bind(expr)?))),
            Expr::IsNotNull(expr) => Ok(Bound::IsNotNull(Box::new(self.bind(expr)?))),
            Expr::Arithmetic { op, left, right } => self.arithmetic(*op, left, right),
            Expr::Negate(expr) => self.negate(expr),
            Expr::Cast { expr, data_type } => self.cast(expr, data_type),
            Expr::In { expr, list } => self.membership(expr, list),
            Expr::Between { expr, low, high } => {
                let low = self.compare(CompareOp::Gte, expr, low)?;
                Ok(Bound::And(vec![low, self.compare(CompareOp::Lte, expr, high)?]))
            }
            Expr::StartsWith { expr, prefix } => {
                let node = text(self.bind(expr)?, expr, "starts_with")?;
                Ok(node.map_or(Bound::boolean(Literal::Null), |node| starts_with(node, prefix)))
            }
            Expr::Like { expr, pattern, case_insensitive } => {
                let node = text(self.bind(expr)?, expr, "like")?;
                check_pattern(pattern, *case_insensitive)?;
                Ok(node.map_or(Bound::boolean(Literal::Null), |node| like(node, pattern, *case_insensitive)))
            }
            Expr::Call { name, .. } => {
                bail!(Code::UnsupportedOperation, "this build cannot call the function '{name}' in an expression")
            }
        }
    }

    fn truth(&mut self, expr: &Expr) -> Result<Bound> {
        truth(self.bind(expr)?, expr)
    }

    fn column(&mut self, path: &ColumnPath) -> Result<Bound> {
        let Some(data_type) = self.schema.column_type(path) else {
            let hint = nearest(path, self.schema.candidates());
            let hint = hint.map(|path| format!("; did you mean '{path}'?")).unwrap_or_default();
            bail!(Code::UnknownColumn, "there is no column '{path}'{hint}");
        };
        Ok(Bound::Column { index: self.columns.insert(path.clone()), data_type: logical(&data_type) })
    }

    fn aux(&mut self, name: &str, declared: Option<&DataType>) -> Result<Bound> {
        let found = self.schema.aux_type(name).map(|data_type| logical(&data_type));
        let declared = declared.map(logical);
        if let (Some(found), Some(declared)) = (&found, &declared)
            && found != declared
        {
            bail!(
                Code::TypeMismatch,
                "column '{name}' of the key table is of type {} but declared as {}",
                describe(found),
                describe(declared)
            );
        }
        let Some(data_type) = found.or(declared) else {
            bail!(Code::UnknownColumn, "there is no column '{name}' in the key table");
        };
        Ok(Bound::Aux { index: self.aux.insert(name.to_string()), data_type })
    }

    fn chain(&mut self, args: &[Expr], all: bool) -> Result<Bound> {
        let mut nodes = Vec::with_capacity(args.len());
        for arg in args {
            nodes.push(self.truth(arg)?);
        }
        Ok(if all { all_of(nodes) } else { any_of(nodes) })
    }

    fn compare(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Result<Bound> {
        let (first, second) = (self.bind(left)?, self.bind(right)?);
        let (first_type, second_type) = (first.data_type(), second.data_type());
        let mismatch = || {
            let problem = if reads_text(&first_type) || reads_text(&second_type) {
                " or the text is no valid point in time"
            } else {
                ""
            };
            Error::new(
                Code::TypeMismatch,
                format!(
                    "'{}' of type {} cannot be compared with '{}' of type {}{problem}",
                    shown(left),
                    describe(&first_type),
                    shown(right),
                    describe(&second_type)
                ),
            )
        };
        compare(op, first, second).ok_or_else(mismatch)
    }

    fn membership(&mut self, expr: &Expr, list: &[Literal]) -> Result<Bound> {
        let input = self.bind(expr)?;
        let data_type = input.data_type();
        if data_type == DataType::Null {
            return Ok(Bound::boolean(Literal::Null));
        }
        let (mut values, mut has_null) = (Vec::with_capacity(list.len()), false);
        for literal in list {
            if literal.is_null() {
                has_null = true;
                continue;
            }
            match fit(literal, &data_type) {
                Fit::Exact(value) => values.push(value),
                // No value of the type equals it.
                Fit::Floor(_) | Fit::Above | Fit::Below => {}
                Fit::Incompatible => bail!(
                    Code::TypeMismatch,
                    "'{}' of type {} cannot be in a list with {literal} of type {}",
                    shown(expr),
                    describe(&data_type),
                    describe(&literal.data_type())
                ),
            }
        }
        let list = ListSet::new(values, has_null, &data_type)?;
        Ok(match (list.values(), has_null) {
            ([], true) => Bound::boolean(Literal::Null),
            ([], false) => constant_unless_null(input, false),
            ([only], false) => compare_exact(CompareOp::Eq, input, only.clone()),
            _ => Bound::In { input: Box::new(input), list: Arc::new(list) },
        })
    }

    fn negate(&mut self, expr: &Expr) -> Result<Bound> {
        let input = self.bind(expr)?;
        let wider = match input.data_type() {
            DataType::UInt8 => DataType::Int16,
            DataType::UInt16 => DataType::Int32,
            DataType::UInt32 | DataType::UInt64 => DataType::Int64,
            DataType::Duration(_) | DataType::Null => return Ok(Bound::Negate(Box::new(input))),
            number if number.is_numeric() => return Ok(Bound::Negate(Box::new(input))),
            other => bail!(Code::TypeMismatch, "'{}' of type {} has no sign to change", shown(expr), describe(&other)),
        };
        Ok(Bound::Negate(Box::new(cast_to(input, &wider))))
    }

    fn cast(&mut self, expr: &Expr, data_type: &DataType) -> Result<Bound> {
        let input = self.bind(expr)?;
        let from = input.data_type();
        if !can_cast_types(&from, data_type) || !can_cast_types(&from, &logical(data_type)) {
            bail!(
                Code::TypeMismatch,
                "'{}' of type {} cannot be cast to {}",
                shown(expr),
                describe(&from),
                describe(data_type)
            );
        }
        check_zones(&from, data_type)?;
        if matches!(&input, Bound::Literal { value: Literal::Null, .. }) && *data_type == logical(data_type) {
            return Ok(Bound::null(data_type.clone()));
        }
        Ok(Bound::Cast { input: Box::new(input), data_type: data_type.clone() })
    }

    fn arithmetic(&mut self, op: ArithmeticOp, left: &Expr, right: &Expr) -> Result<Bound> {
        let (first, second) = (self.bind(left)?, self.bind(right)?);
        let (first_type, second_type) = (first.data_type(), second.data_type());
        operands::arithmetic(op, first, second).ok_or_else(|| {
            Error::new(
                Code::TypeMismatch,
                format!(
                    "'{}' of type {} and '{}' of type {} have no '{}'",
                    shown(left),
                    describe(&first_type),
                    shown(right),
                    describe(&second_type),
                    op.symbol()
                ),
            )
        })
    }
}
