//! Putting bound nodes together: comparisons in one type, negation pushed down, patterns simplified.

use arrow_schema::DataType;

use super::ast::CompareOp;
use super::bound::Bound;
use super::coerce::{Fit, fit};
use super::common::{self, Meeting};
use super::literal::Literal;

/// The conjunction of nodes, without nesting.
pub(super) fn all_of(nodes: Vec<Bound>) -> Bound {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Bound::And(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Bound::boolean(true),
        1 => flat.remove(0),
        _ => Bound::And(flat),
    }
}

/// The disjunction of nodes, without nesting.
pub(super) fn any_of(nodes: Vec<Bound>) -> Bound {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Bound::Or(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Bound::boolean(false),
        1 => flat.remove(0),
        _ => Bound::Or(flat),
    }
}

/// The negation of a truth value, pushed down to where pruning and key ranges can use it.
pub(super) fn negated(node: Bound) -> Bound {
    match node {
        Bound::And(args) => any_of(args.into_iter().map(negated).collect()),
        Bound::Or(args) => all_of(args.into_iter().map(negated).collect()),
        Bound::Not(inner) => *inner,
        Bound::Compare { op, left, right } => Bound::Compare { op: op.negate(), left, right },
        Bound::IsNull(input) => Bound::IsNotNull(input),
        Bound::IsNotNull(input) => Bound::IsNull(input),
        Bound::Literal { value: Literal::Boolean(value), .. } => Bound::boolean(!value),
        Bound::Literal { value: Literal::Null, .. } => Bound::boolean(Literal::Null),
        other => Bound::Not(Box::new(other)),
    }
}

/// A truth value that holds for every value and is null for null.
pub(super) fn constant_unless_null(input: Bound, value: bool) -> Bound {
    let null = Bound::boolean(Literal::Null);
    if value {
        Bound::Or(vec![Bound::IsNotNull(Box::new(input)), null])
    } else {
        Bound::And(vec![Bound::IsNull(Box::new(input)), null])
    }
}

/// Compares a value with a literal of its own type.
pub(super) fn compare_exact(op: CompareOp, input: Bound, value: Literal) -> Bound {
    let data_type = input.data_type();
    Bound::Compare { op, left: Box::new(input), right: Box::new(Bound::Literal { value, data_type }) }
}

/// Compares two values, or `None` if their types do not compare.
pub(super) fn compare(op: CompareOp, left: Bound, right: Bound) -> Option<Bound> {
    let (left_type, right_type) = (left.data_type(), right.data_type());
    if left_type == DataType::Null || right_type == DataType::Null {
        return Some(Bound::boolean(Literal::Null));
    }
    match (left, right) {
        (Bound::Literal { value: left, .. }, Bound::Literal { value: right, data_type }) => {
            let literal = |value| Bound::Literal { value, data_type: left_type.clone() };
            compare_literal(op, literal(left.clone()), &right)
                .or_else(|| compare_literal(op.flip(), Bound::Literal { value: right, data_type }, &left))
        }
        (left, Bound::Literal { value, .. }) => compare_literal(op, left, &value),
        (Bound::Literal { value, .. }, right) => compare_literal(op.flip(), right, &value),
        (left, right) => {
            let (left, right) = match common::comparison(&left_type, &right_type)? {
                Meeting::Direct => (left, right),
                Meeting::Nanos => (Bound::Nanos(Box::new(left)), Bound::Nanos(Box::new(right))),
                Meeting::Cast(data_type) => (cast_to(left, &data_type), cast_to(right, &data_type)),
            };
            Some(Bound::Compare { op, left: Box::new(left), right: Box::new(right) })
        }
    }
}

/// Compares a value with a literal in the value's own type, whatever the literal's.
fn compare_literal(op: CompareOp, input: Bound, literal: &Literal) -> Option<Bound> {
    if literal.is_null() {
        return Some(Bound::boolean(Literal::Null));
    }
    let input = without_widening(input);
    Some(match fit(literal, &input.data_type()) {
        Fit::Exact(value) => compare_exact(op, input, value),
        // No value equals the literal; greater than it is greater than the value below it.
        Fit::Floor(value) => match op {
            CompareOp::Eq => constant_unless_null(input, false),
            CompareOp::Neq => constant_unless_null(input, true),
            CompareOp::Lt | CompareOp::Lte => compare_exact(CompareOp::Lte, input, value),
            CompareOp::Gt | CompareOp::Gte => compare_exact(CompareOp::Gt, input, value),
        },
        Fit::Above => constant_unless_null(input, matches!(op, CompareOp::Neq | CompareOp::Lt | CompareOp::Lte)),
        Fit::Below => constant_unless_null(input, matches!(op, CompareOp::Neq | CompareOp::Gt | CompareOp::Gte)),
        Fit::Incompatible => return None,
    })
}

/// Drops a cast that loses nothing, so that the column is compared in its own type.
fn without_widening(input: Bound) -> Bound {
    match input {
        Bound::Cast { input, data_type } => {
            let from = input.data_type();
            let integers = from.is_integer() && data_type.is_integer();
            let floats = from.is_floating() && data_type.is_floating();
            let widens =
                from == data_type || common::comparison(&from, &data_type) == Some(Meeting::Cast(data_type.clone()));
            if (integers || floats) && widens { without_widening(*input) } else { Bound::Cast { input, data_type } }
        }
        other => other,
    }
}

/// The value as another type.
pub(super) fn cast_to(input: Bound, data_type: &DataType) -> Bound {
    if input.data_type() == *data_type {
        return input;
    }
    Bound::Cast { input: Box::new(input), data_type: data_type.clone() }
}

/// Whether text begins with a prefix.
pub(super) fn starts_with(input: Bound, prefix: &str) -> Bound {
    Bound::StartsWith { input: Box::new(input), prefix: prefix.to_string() }
}

/// Patterns that only test equality or a prefix become what statistics and key ranges understand.
pub(super) fn like(input: Bound, pattern: &str, case_insensitive: bool) -> Bound {
    if !case_insensitive {
        match pattern.find(['%', '_', '\\']) {
            None => return compare_exact(CompareOp::Eq, input, Literal::from(pattern)),
            Some(at) if &pattern[at..] == "%" => return starts_with(input, &pattern[..at]),
            Some(_) => {}
        }
    }
    Bound::Like { input: Box::new(input), pattern: pattern.to_string(), case_insensitive }
}
