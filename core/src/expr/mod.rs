//! Filters and projections as data: what a scan computes, in a form that travels, prunes and evaluates.
//!
//! An [`Expr`] is built by hand, parsed from text ([`parse`]) or read from JSON ([`ExprEnvelope`]); it knows no schema.
//! [`bind`] resolves its columns and types once and yields a [`BoundExpr`], from which everything else follows:
//! evaluation on Arrow arrays, the key ranges that can hold matching rows ([`key_bounds`]), and the decision from
//! statistics that a fragment or a row block holds none ([`prune`], [`prune_zones`]). All of them share one binding, so
//! that they cannot disagree about what a comparison means: a pruner that rounds a literal differently from the
//! evaluator loses rows.
//!
//! # Semantics
//!
//! * Logic is three-valued (Kleene); a filter keeps a row only when it is true, never when it is null.
//! * Floats compare in the order of keys: `-0.0 = 0.0`, `NaN = NaN`, and NaN is greater than every number.
//! * A literal compares by its exact value. One that the column's type cannot hold (`int8_column < 1000`,
//!   `int_column > 2.5`, `float32_column = 0.1`) is decided exactly, not rounded. A float literal that meets a decimal
//!   stands for its shortest decimal text.
//! * Integers meet floats, and decimals meet floats, as float64 when both sides are computed.
//! * A timestamp without a zone is taken as UTC, so it compares with one that has a zone. Text compares with
//!   dates, times and timestamps when it is a literal.
//! * Arithmetic keeps the type of its operands. Integer and decimal overflow and integer division by zero give null: one
//!   row must not end a scan of billions. Floats follow IEEE 754.
//! * A cast that cannot represent a value gives null.

mod arithmetic;
mod ast;
mod bind;
mod bound;
mod build;
mod coerce;
mod combine;
mod common;
mod compare;
mod conversion;
mod datetime;
mod display;
mod domain;
mod eval;
mod exact;
mod json;
mod lexer;
mod literal;
mod literal_array;
mod literal_text;
mod membership;
mod operands;
mod parse;
mod parse_literal;
mod prune;
mod ranges;
mod regions;
mod suggest;
mod text;
mod type_name;
mod zones;

#[cfg(test)]
mod tests;

pub use ast::{ArithmeticOp, ColumnPath, CompareOp, Expr, MAX_DEPTH, MAX_NODES};
pub use bind::{ColumnTypes, bind, bind_filter};
pub use bound::{Bound, BoundExpr};
pub use build::{aux, call, col, column, lit};
pub use eval::Columns;
pub use json::{EXPR_VERSION, ExprEnvelope, MAX_JSON_BYTES};
pub use literal::Literal;
pub use membership::ListSet;
pub use parse::{MAX_TEXT_BYTES, parse, parse_literal};
pub use prune::{Bounds, ColumnStatistics, Pruning, prune};
pub use ranges::{Interval, KeyBounds, MAX_INTERVALS, key_bounds};
pub use type_name::{parse_type, type_name};
pub use zones::{ZoneColumn, ZoneStatistics, prune_zones};
