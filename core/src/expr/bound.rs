//! Expressions whose columns and types are resolved.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow_schema::DataType;

use super::ast::{ArithmeticOp, ColumnPath, CompareOp};
use super::coerce::logical;
use super::literal::Literal;
use super::membership::ListSet;

/// A node of a bound expression. Both sides of a comparison have one type; literals are already of it.
///
/// The binder normalises: negation stands only before nodes that have no opposite, `between` is two comparisons, a
/// `like` that only tests a prefix is a `StartsWith`, and chains of `and` and `or` are flat.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Bound {
    /// A column of the table, by its place among [`BoundExpr::columns`].
    Column {
        /// The place.
        index: usize,
        /// The type without encoding.
        data_type: DataType,
    },
    /// A column of the table of keys, by its place among [`BoundExpr::aux_columns`].
    Aux {
        /// The place.
        index: usize,
        /// The type without encoding.
        data_type: DataType,
    },
    /// A constant.
    Literal {
        /// The value, null included.
        value: Literal,
        /// Its type, which a null does not carry itself.
        data_type: DataType,
    },
    /// A comparison.
    Compare {
        /// The operator.
        op: CompareOp,
        /// The left side, never a literal unless the right one is.
        left: Box<Bound>,
        /// The right side.
        right: Box<Bound>,
    },
    /// Membership in a list of constants.
    In {
        /// The value.
        input: Box<Bound>,
        /// The list.
        list: Arc<ListSet>,
    },
    /// Conjunction.
    And(Vec<Bound>),
    /// Disjunction.
    Or(Vec<Bound>),
    /// Exclusive or.
    Xor(Box<Bound>, Box<Bound>),
    /// Negation.
    Not(Box<Bound>),
    /// Whether the value is null.
    IsNull(Box<Bound>),
    /// Whether the value is not null.
    IsNotNull(Box<Bound>),
    /// Arithmetic.
    Arithmetic {
        /// The operator.
        op: ArithmeticOp,
        /// The left side.
        left: Box<Bound>,
        /// The right side.
        right: Box<Bound>,
        /// The type of the result.
        data_type: DataType,
    },
    /// The number with the opposite sign.
    Negate(Box<Bound>),
    /// A conversion; values that the type does not hold become null.
    Cast {
        /// The value.
        input: Box<Bound>,
        /// The type.
        data_type: DataType,
    },
    /// A point or span in time as an exact count of nanoseconds, `decimal128(38, 0)`: how units that differ compare.
    Nanos(Box<Bound>),
    /// Whether text begins with a prefix.
    StartsWith {
        /// The text.
        input: Box<Bound>,
        /// The prefix.
        prefix: String,
    },
    /// Whether text matches a pattern.
    Like {
        /// The text.
        input: Box<Bound>,
        /// The pattern.
        pattern: String,
        /// Whether letters match without regard to case.
        case_insensitive: bool,
    },
}

/// The type of [`Bound::Nanos`]: holds the seconds of any 64-bit timestamp in nanoseconds.
pub(super) const NANOS_TYPE: DataType = DataType::Decimal128(38, 0);

impl Bound {
    /// The type of the node's values, without encoding.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Column { data_type, .. } | Self::Aux { data_type, .. } | Self::Literal { data_type, .. } => {
                data_type.clone()
            }
            Self::Arithmetic { data_type, .. } => data_type.clone(),
            Self::Cast { data_type, .. } => logical(data_type),
            Self::Negate(input) => input.data_type(),
            Self::Nanos(_) => NANOS_TYPE,
            _ => DataType::Boolean,
        }
    }

    /// A constant truth value.
    pub(super) fn boolean(value: impl Into<Literal>) -> Self {
        Self::Literal { value: value.into(), data_type: DataType::Boolean }
    }

    pub(super) fn null(data_type: DataType) -> Self {
        Self::Literal { value: Literal::Null, data_type }
    }

    /// The nodes directly inside this one.
    pub fn children(&self) -> Vec<&Bound> {
        match self {
            Self::Column { .. } | Self::Aux { .. } | Self::Literal { .. } => Vec::new(),
            Self::Compare { left, right, .. } | Self::Arithmetic { left, right, .. } | Self::Xor(left, right) => {
                vec![left, right]
            }
            Self::And(args) | Self::Or(args) => args.iter().collect(),
            Self::Not(input) | Self::IsNull(input) | Self::IsNotNull(input) | Self::Negate(input) => vec![input],
            Self::In { input, .. } | Self::Cast { input, .. } | Self::Nanos(input) => vec![input],
            Self::StartsWith { input, .. } | Self::Like { input, .. } => vec![input],
        }
    }

    fn children_mut(&mut self) -> Vec<&mut Bound> {
        match self {
            Self::Column { .. } | Self::Aux { .. } | Self::Literal { .. } => Vec::new(),
            Self::Compare { left, right, .. } | Self::Arithmetic { left, right, .. } | Self::Xor(left, right) => {
                vec![left, right]
            }
            Self::And(args) | Self::Or(args) => args.iter_mut().collect(),
            Self::Not(input) | Self::IsNull(input) | Self::IsNotNull(input) | Self::Negate(input) => vec![input],
            Self::In { input, .. } | Self::Cast { input, .. } | Self::Nanos(input) => vec![input],
            Self::StartsWith { input, .. } | Self::Like { input, .. } => vec![input],
        }
    }

    /// Renumbers columns from the lists of one expression to those of another.
    fn renumber(&mut self, from: (&[ColumnPath], &[String]), to: &mut (Names<ColumnPath>, Names<String>)) {
        match self {
            Self::Column { index, .. } => *index = to.0.place(from.0, *index),
            Self::Aux { index, .. } => *index = to.1.place(from.1, *index),
            _ => self.children_mut().into_iter().for_each(|child| child.renumber(from, to)),
        }
    }
}

/// An expression over resolved columns, ready to evaluate, prune with and push down.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundExpr {
    pub(super) root: Bound,
    pub(super) columns: Vec<ColumnPath>,
    pub(super) aux: Vec<String>,
}

impl BoundExpr {
    /// The type of the result. Arrays may come in another encoding of it (a view or a dictionary), except from a cast.
    pub fn data_type(&self) -> DataType {
        match &self.root {
            Bound::Cast { data_type, .. } => data_type.clone(),
            root => root.data_type(),
        }
    }

    /// The referenced columns of the table, each once.
    pub fn columns(&self) -> &[ColumnPath] {
        &self.columns
    }

    /// The expression with its columns under other paths, in the order of [`columns`](Self::columns). A path may come
    /// more than once.
    pub(crate) fn with_columns(mut self, columns: Vec<ColumnPath>) -> Self {
        debug_assert_eq!(columns.len(), self.columns.len());
        self.columns = columns;
        self
    }

    /// The referenced columns of the scan's table of keys, each once.
    pub fn aux_columns(&self) -> &[String] {
        &self.aux
    }

    /// The tree, for translation into another engine's expressions.
    pub fn root(&self) -> &Bound {
        &self.root
    }

    /// The path of a column or `None` for any other node.
    pub fn column_of(&self, node: &Bound) -> Option<&ColumnPath> {
        match node {
            Bound::Column { index, .. } => self.columns.get(*index),
            _ => None,
        }
    }

    /// The operands of the topmost `and`, each with the columns that it references. As filters they may be applied one
    /// after the other, in any order.
    pub fn conjuncts(&self) -> Vec<BoundExpr> {
        let parts = match &self.root {
            Bound::And(args) => args.as_slice(),
            other => std::slice::from_ref(other),
        };
        parts.iter().map(|part| self.part(part)).collect()
    }

    fn part(&self, root: &Bound) -> BoundExpr {
        let mut names = Default::default();
        let mut root = root.clone();
        root.renumber((&self.columns, &self.aux), &mut names);
        BoundExpr { root, columns: names.0.names, aux: names.1.names }
    }

    /// The conjunction of filters: the inverse of [`conjuncts`](Self::conjuncts). None at all are `true`.
    pub fn conjunction(parts: impl IntoIterator<Item = BoundExpr>) -> BoundExpr {
        let (mut args, mut names) = (Vec::new(), Default::default());
        for mut part in parts {
            part.root.renumber((&part.columns, &part.aux), &mut names);
            match part.root {
                Bound::And(inner) => args.extend(inner),
                other => args.push(other),
            }
        }
        let root = match args.len() {
            0 => Bound::boolean(true),
            1 => args.remove(0),
            _ => Bound::And(args),
        };
        BoundExpr { root, columns: names.0.names, aux: names.1.names }
    }
}

/// A list of distinct names under construction.
#[derive(Debug)]
pub(super) struct Names<T> {
    pub(super) names: Vec<T>,
    places: HashMap<T, usize>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { names: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    /// The place here of the name at `old` in `from`.
    fn place(&mut self, from: &[T], old: usize) -> usize {
        // Places come from the list they index; an unknown one stays and is reported by the evaluator.
        match from.get(old).cloned() {
            Some(name) => self.insert(name),
            None => old,
        }
    }

    /// The place of a name, which is added if it is new.
    pub(super) fn insert(&mut self, name: T) -> usize {
        let Self { names, places } = self;
        *places.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() - 1
        })
    }
}
