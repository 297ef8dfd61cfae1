//! Building expressions in Rust: `col("price").gt(10).and(col("name").starts_with("a"))`.

use std::collections::BTreeMap;

use arrow_schema::DataType;

use super::ast::{ArithmeticOp, ColumnPath, CompareOp, Expr};
use super::literal::Literal;

/// The column at a dotted path. A name that itself has a dot needs [`column()`].
pub fn col(path: &str) -> Expr {
    Expr::Column(ColumnPath::new(path.split('.')))
}

/// The column at a path given name by name.
pub fn column(path: impl Into<ColumnPath>) -> Expr {
    Expr::Column(path.into())
}

/// A constant.
pub fn lit(value: impl Into<Literal>) -> Expr {
    Expr::Literal(value.into())
}

/// A column of the scan's table of keys.
pub fn aux(name: impl Into<String>) -> Expr {
    Expr::Aux { name: name.into(), data_type: None }
}

/// A call of an asynchronous or host function.
pub fn call(name: impl Into<String>, args: Vec<Expr>, options: BTreeMap<String, Literal>) -> Expr {
    Expr::Call { name: name.into(), args, options }
}

impl<T: Into<Literal>> From<T> for Expr {
    fn from(value: T) -> Self {
        Self::Literal(value.into())
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident => $node:ident $op:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(self, other: impl Into<Expr>) -> Self {
            Self::$node { op: binary!(@$node $op), left: Box::new(self), right: Box::new(other.into()) }
        }
    )*};
    (@Compare $op:ident) => { CompareOp::$op };
    (@Arithmetic $op:ident) => { ArithmeticOp::$op };
}

#[expect(clippy::should_implement_trait, reason = "they build a tree, and take constants on the right as well")]
impl Expr {
    binary! {
        /// `self = other`
        eq => Compare Eq;
        /// `self != other`
        neq => Compare Neq;
        /// `self < other`
        lt => Compare Lt;
        /// `self <= other`
        lte => Compare Lte;
        /// `self > other`
        gt => Compare Gt;
        /// `self >= other`
        gte => Compare Gte;
        /// `self + other`
        add => Arithmetic Add;
        /// `self - other`
        sub => Arithmetic Sub;
        /// `self * other`
        mul => Arithmetic Mul;
        /// `self / other`
        div => Arithmetic Div;
        /// `self % other`
        modulo => Arithmetic Mod;
    }

    /// `self and other`. A chain grows one flat node, so its length is not limited by the depth of expressions.
    pub fn and(self, other: impl Into<Expr>) -> Self {
        match self {
            Self::And(mut args) => {
                args.push(other.into());
                Self::And(args)
            }
            first => Self::And(vec![first, other.into()]),
        }
    }

    /// `self or other`. A chain grows one flat node, so its length is not limited by the depth of expressions.
    pub fn or(self, other: impl Into<Expr>) -> Self {
        match self {
            Self::Or(mut args) => {
                args.push(other.into());
                Self::Or(args)
            }
            first => Self::Or(vec![first, other.into()]),
        }
    }

    /// `self xor other`
    pub fn xor(self, other: impl Into<Expr>) -> Self {
        Self::Xor(Box::new(self), Box::new(other.into()))
    }

    /// `not self`
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// `-self`
    pub fn negate(self) -> Self {
        Self::Negate(Box::new(self))
    }

    /// `self is null`
    pub fn is_null(self) -> Self {
        Self::IsNull(Box::new(self))
    }

    /// `self is not null`
    pub fn is_not_null(self) -> Self {
        Self::IsNotNull(Box::new(self))
    }

    /// `cast(self as data_type)`
    pub fn cast(self, data_type: DataType) -> Self {
        Self::Cast { expr: Box::new(self), data_type }
    }

    /// `self in (list)`
    pub fn is_in(self, list: impl IntoIterator<Item = impl Into<Literal>>) -> Self {
        Self::In { expr: Box::new(self), list: list.into_iter().map(Into::into).collect() }
    }

    /// `self between low and high`
    pub fn between(self, low: impl Into<Expr>, high: impl Into<Expr>) -> Self {
        Self::Between { expr: Box::new(self), low: Box::new(low.into()), high: Box::new(high.into()) }
    }

    /// `starts_with(self, prefix)`
    pub fn starts_with(self, prefix: impl Into<String>) -> Self {
        Self::StartsWith { expr: Box::new(self), prefix: prefix.into() }
    }

    /// `self like pattern`
    pub fn like(self, pattern: impl Into<String>) -> Self {
        Self::Like { expr: Box::new(self), pattern: pattern.into(), case_insensitive: false }
    }

    /// `self ilike pattern`
    pub fn ilike(self, pattern: impl Into<String>) -> Self {
        Self::Like { expr: Box::new(self), pattern: pattern.into(), case_insensitive: true }
    }
}
