//! Printing expressions as filter text that parses back to the same tree.

use std::fmt::{self, Display, Formatter, Write};

use arrow_schema::TimeUnit;

use super::ast::{ArithmeticOp, Expr};
use super::literal::Literal;
use super::type_name::{describe, is_parametric};

/// How tightly an expression binds; a child that binds less than its place demands is put in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binding {
    Or,
    Xor,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Sign,
    Primary,
}

impl Binding {
    /// The level above, which an operand takes so that a chain keeps its shape.
    pub(super) fn tighter(self) -> Self {
        match self {
            Self::Or => Self::Xor,
            Self::Xor => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Sign,
            Self::Sign | Self::Primary => Self::Primary,
        }
    }
}

/// Words with a meaning of their own, which columns of that name must be quoted to escape.
const KEYWORDS: &[&str] = &[
    "and",
    "or",
    "xor",
    "not",
    "is",
    "null",
    "true",
    "false",
    "in",
    "between",
    "like",
    "ilike",
    "cast",
    "as",
    "aux",
    "starts_with",
];

/// Whether a lower-case word has a meaning of its own.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Writes names joined by dots, quoted where they are not plain words.
pub(super) fn write_path(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            f.write_char('.')?;
        }
        write_name(f, name)?;
    }
    Ok(())
}

fn write_name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // A function named like a type with parameters would read as that type.
    let word = name.to_ascii_lowercase();
    if plain && !is_keyword(&word) && !is_parametric(&word) {
        f.write_str(name)
    } else {
        write!(f, "\"{}\"", name.replace('"', "\"\""))
    }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(text) = self.value_text() else { return f.write_str("null") };
        match self {
            Self::Boolean(_) | Self::Int64(_) => f.write_str(&text),
            Self::Float64(value) if value.is_finite() => f.write_str(&text),
            Self::Utf8(_) => write_quoted(f, &text),
            Self::Binary(_) => write!(f, "x'{text}'"),
            Self::Date32(_) => write!(f, "date '{text}'"),
            Self::Timestamp(_, TimeUnit::Microsecond, None) => write!(f, "timestamp '{text}'"),
            Self::Timestamp(_, TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" && text.ends_with('Z') => {
                write!(f, "timestamp '{text}'")
            }
            other => write!(f, "{} '{text}'", describe(&other.data_type())),
        }
    }
}

impl Expr {
    fn binding(&self) -> Binding {
        match self {
            Self::Or(args) if !args.is_empty() => Binding::Or,
            Self::Xor(..) => Binding::Xor,
            Self::And(args) if !args.is_empty() => Binding::And,
            Self::Not(_) => Binding::Not,
            Self::Compare { .. }
            | Self::IsNull(_)
            | Self::IsNotNull(_)
            | Self::In { .. }
            | Self::Between { .. }
            | Self::Like { .. } => Binding::Compare,
            Self::Arithmetic { op: ArithmeticOp::Add | ArithmeticOp::Sub, .. } => Binding::Sum,
            Self::Arithmetic { .. } => Binding::Product,
            Self::Negate(_) => Binding::Sign,
            _ => Binding::Primary,
        }
    }

    fn write(&self, f: &mut Formatter<'_>, place: Binding) -> fmt::Result {
        if self.binding() < place { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

fn write_list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = Binding::Compare.tighter();
        match self {
            Self::Column(path) => write_path(f, path),
            Self::Aux { name, data_type } => {
                f.write_str("aux(")?;
                write_name(f, name)?;
                if let Some(data_type) = data_type {
                    write!(f, " as {}", describe(data_type))?;
                }
                f.write_char(')')
            }
            Self::Literal(literal) => literal.fmt(f),
            Self::Compare { op, left, right } => {
                left.write(f, operand)?;
                write!(f, " {} ", op.symbol())?;
                right.write(f, operand)
            }
            // No operand at all is what such a chain means: true for and, false for or.
            Self::And(args) if args.is_empty() => f.write_str("true"),
            Self::Or(args) if args.is_empty() => f.write_str("false"),
            Self::And(args) => write_list(f, args, " and ", |f, arg| arg.write(f, Binding::And.tighter())),
            Self::Or(args) => write_list(f, args, " or ", |f, arg| arg.write(f, Binding::Or.tighter())),
            Self::Xor(left, right) => {
                left.write(f, Binding::Xor)?;
                f.write_str(" xor ")?;
                right.write(f, Binding::Xor.tighter())
            }
            Self::Not(expr) => {
                f.write_str("not ")?;
                expr.write(f, Binding::Not)
            }
            Self::IsNull(expr) => {
                expr.write(f, operand)?;
                f.write_str(" is null")
            }
            Self::IsNotNull(expr) => {
                expr.write(f, operand)?;
                f.write_str(" is not null")
            }
            Self::Arithmetic { op, left, right } => {
                left.write(f, self.binding())?;
                write!(f, " {} ", op.symbol())?;
                right.write(f, self.binding().tighter())
            }
            Self::Negate(expr) => {
                // `-5` reads as the constant minus five.
                let bare = matches!(**expr, Self::Literal(_));
                if bare {
                    write!(f, "-({expr})")
                } else {
                    f.write_char('-').and_then(|()| expr.write(f, Binding::Primary))
                }
            }
            Self::Cast { expr, data_type } => write!(f, "cast({expr} as {})", describe(data_type)),
            Self::In { expr, list } => {
                expr.write(f, operand)?;
                f.write_str(" in (")?;
                write_list(f, list, ", ", |f, item| item.fmt(f))?;
                f.write_char(')')
            }
            Self::Between { expr, low, high } => {
                expr.write(f, operand)?;
                f.write_str(" between ")?;
                low.write(f, operand)?;
                f.write_str(" and ")?;
                high.write(f, operand)
            }
            Self::StartsWith { expr, prefix } => {
                write!(f, "starts_with({expr}, ")?;
                write_quoted(f, prefix)?;
                f.write_char(')')
            }
            Self::Like { expr, pattern, case_insensitive } => {
                expr.write(f, operand)?;
                f.write_str(if *case_insensitive { " ilike " } else { " like " })?;
                write_quoted(f, pattern)
            }
            Self::Call { name, args, options } => {
                let names: Vec<String> = name.split('.').map(str::to_string).collect();
                write_path(f, &names)?;
                f.write_char('(')?;
                write_list(f, args, ", ", |f, arg| arg.fmt(f))?;
                for (index, (name, value)) in options.iter().enumerate() {
                    f.write_str(if index > 0 || !args.is_empty() { ", " } else { "" })?;
                    write_name(f, name)?;
                    write!(f, " => {value}")?;
                }
                f.write_char(')')
            }
        }
    }
}
