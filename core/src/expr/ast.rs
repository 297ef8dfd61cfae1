//! The syntax tree of an expression, before it meets a schema.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use arrow_schema::DataType;

use super::literal::Literal;
use crate::bail;
use crate::error::{Code, Result};

/// Deepest nesting of an expression. Everything that walks one recurses, and JSON readers stop at 128 levels, of which
/// a level of an expression takes up to two.
pub const MAX_DEPTH: usize = 60;
/// Most nodes of an expression, the values of lists included.
pub const MAX_NODES: usize = 1 << 18;

/// The place of a column in the tree of columns: `["a", "b"]` is shown as `a.b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnPath(Vec<String>);

impl ColumnPath {
    /// Makes a path of names from the root to the column.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

impl Deref for ColumnPath {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for ColumnPath {
    fn from(names: Vec<String>) -> Self {
        Self(names)
    }
}

impl From<ColumnPath> for Vec<String> {
    fn from(path: ColumnPath) -> Self {
        path.0
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `!=`
    Neq,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

impl CompareOp {
    pub(super) const ALL: [Self; 6] = [Self::Eq, Self::Neq, Self::Lt, Self::Lte, Self::Gt, Self::Gte];

    /// The operator with its sides exchanged.
    pub fn flip(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Lte => Self::Gte,
            Self::Gt => Self::Lt,
            Self::Gte => Self::Lte,
            same => same,
        }
    }

    /// The operator that is true where this one is false; null stays null.
    pub fn negate(self) -> Self {
        match self {
            Self::Eq => Self::Neq,
            Self::Neq => Self::Eq,
            Self::Lt => Self::Gte,
            Self::Lte => Self::Gt,
            Self::Gt => Self::Lte,
            Self::Gte => Self::Lt,
        }
    }

    /// The operator in filter text.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Neq => "!=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }

    /// The name of the operator in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
        }
    }
}

/// How two numbers are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`, towards zero for integers.
    Div,
    /// `%`, with the sign of the dividend.
    Mod,
}

impl ArithmeticOp {
    pub(super) const ALL: [Self; 5] = [Self::Add, Self::Sub, Self::Mul, Self::Div, Self::Mod];

    /// The operator in filter text.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
        }
    }

    /// The name of the operator in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Mod => "mod",
        }
    }
}

/// An expression over the columns of a table. See the [module](super) for what it means.
///
/// `Display` prints text that [`parse`](super::parse()) reads back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A column of the table.
    Column(ColumnPath),
    /// A column of the table of keys that a scan was given, by name and, if declared, type.
    Aux {
        /// The column's name there.
        name: String,
        /// Its declared type.
        data_type: Option<DataType>,
    },
    /// A constant.
    Literal(Literal),
    /// A comparison; null if either side is null.
    Compare {
        /// The operator.
        op: CompareOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
    },
    /// True if all are true, false if any is false.
    And(Vec<Expr>),
    /// True if any is true, false if all are false.
    Or(Vec<Expr>),
    /// True if exactly one is true; null if either is null.
    Xor(Box<Expr>, Box<Expr>),
    /// Negation of a truth value.
    Not(Box<Expr>),
    /// Whether the value is null; never null itself.
    IsNull(Box<Expr>),
    /// Whether the value is not null; never null itself.
    IsNotNull(Box<Expr>),
    /// Arithmetic on numbers, and sums and differences of points and spans in time.
    Arithmetic {
        /// The operator.
        op: ArithmeticOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
    },
    /// The number with the opposite sign.
    Negate(Box<Expr>),
    /// The value as another type.
    Cast {
        /// The value.
        expr: Box<Expr>,
        /// The type.
        data_type: DataType,
    },
    /// Whether the value is one of a list; null if it is not and the list holds a null.
    In {
        /// The value.
        expr: Box<Expr>,
        /// The list.
        list: Vec<Literal>,
    },
    /// Whether the value lies between two others, both included.
    Between {
        /// The value.
        expr: Box<Expr>,
        /// The least value.
        low: Box<Expr>,
        /// The greatest value.
        high: Box<Expr>,
    },
    /// Whether text begins with a prefix.
    StartsWith {
        /// The text.
        expr: Box<Expr>,
        /// The prefix.
        prefix: String,
    },
    /// Whether text matches a pattern of `%` (any text), `_` (any character) and `\` (the next character as such).
    Like {
        /// The text.
        expr: Box<Expr>,
        /// The pattern.
        pattern: String,
        /// Whether letters match without regard to case.
        case_insensitive: bool,
    },
    /// A function that the engine runs asynchronously or that the host supplies.
    Call {
        /// The function's name, `http.get` for instance.
        name: String,
        /// Its arguments.
        args: Vec<Expr>,
        /// Its named constants.
        options: BTreeMap<String, Literal>,
    },
}

impl Expr {
    /// The expressions directly inside this one.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Column(_) | Self::Aux { .. } | Self::Literal(_) => Vec::new(),
            Self::Compare { left, right, .. } | Self::Arithmetic { left, right, .. } | Self::Xor(left, right) => {
                vec![left, right]
            }
            Self::And(args) | Self::Or(args) | Self::Call { args, .. } => args.iter().collect(),
            Self::Not(expr) | Self::IsNull(expr) | Self::IsNotNull(expr) | Self::Negate(expr) => vec![expr],
            Self::Cast { expr, .. }
            | Self::In { expr, .. }
            | Self::StartsWith { expr, .. }
            | Self::Like { expr, .. } => vec![expr],
            Self::Between { expr, low, high } => vec![expr, low, high],
        }
    }

    /// Fails with `limit_exceeded` on an expression deeper than [`MAX_DEPTH`] or of more than [`MAX_NODES`] nodes.
    pub fn check_limits(&self) -> Result<()> {
        self.count(1, &mut 0)
    }

    fn count(&self, depth: usize, nodes: &mut usize) -> Result<()> {
        *nodes += match self {
            Self::In { list, .. } => 1 + list.len(),
            Self::Call { options, .. } => 1 + options.len(),
            _ => 1,
        };
        if depth > MAX_DEPTH {
            bail!(Code::LimitExceeded, "an expression is nested deeper than {MAX_DEPTH} levels");
        }
        if *nodes > MAX_NODES {
            bail!(Code::LimitExceeded, "an expression has more than {MAX_NODES} nodes");
        }
        self.children().into_iter().try_for_each(|child| child.count(depth + 1, nodes))
    }
}

impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::display::write_path(f, &self.0)
    }
}
