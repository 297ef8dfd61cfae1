//! Expressions as JSON: how they cross language boundaries and are stored.
//!
//! A node is an object with `op` and its operands by name; written by hand rather than derived, because the form is a
//! contract with readers in other languages and must not follow renames here.

use arrow_schema::DataType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::ast::{ArithmeticOp, CompareOp, Expr, MAX_DEPTH};
use super::literal::Literal;
use super::type_name::{parse_type, type_name};
use crate::bail;
use crate::error::{Code, Error, Result};

/// The version of the JSON form that this build writes, and the newest it reads.
pub const EXPR_VERSION: u32 = 1;
/// Longest JSON text that is read.
pub const MAX_JSON_BYTES: usize = 8 << 20;

/// An expression with the version of its form.
#[derive(Debug, Clone, PartialEq)]
pub struct ExprEnvelope {
    /// The version of the form.
    pub version: u32,
    /// The expression.
    pub expr: Expr,
}

impl ExprEnvelope {
    /// Wraps an expression in the current version.
    pub fn new(expr: Expr) -> Self {
        Self { version: EXPR_VERSION, expr }
    }

    /// Writes `{"version": …, "expr": …}`.
    ///
    /// Fails with `limit_exceeded` on an expression too large to be read back and with `unsupported_type` on a cast to
    /// a nested type.
    pub fn to_json(&self) -> Result<String> {
        self.expr.check_limits()?;
        let text = json!({"version": self.version, "expr": write(&self.expr)?}).to_string();
        if text.len() > MAX_JSON_BYTES {
            bail!(Code::LimitExceeded, "an expression takes more than {MAX_JSON_BYTES} bytes of JSON");
        }
        Ok(text)
    }

    /// Reads what [`to_json`](Self::to_json) writes, from untrusted text.
    ///
    /// Fails with `newer_format` on a newer version, `limit_exceeded` on text too long or too deep, and
    /// `invalid_expression` on anything else that is no expression.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > MAX_JSON_BYTES {
            bail!(Code::LimitExceeded, "the JSON of an expression exceeds {MAX_JSON_BYTES} bytes");
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let too_deep = error.is_syntax() && error.to_string().starts_with("recursion limit");
            let code = if too_deep { Code::LimitExceeded } else { Code::InvalidExpression };
            Error::new(code, format!("an expression is not valid JSON: {error}"))
        })?;
        let version = value.get("version").and_then(Value::as_u64);
        let version = version.and_then(|version| u32::try_from(version).ok()).filter(|version| *version > 0);
        let Some(version) = version else {
            bail!(Code::InvalidExpression, "the JSON of an expression lacks its version");
        };
        if version > EXPR_VERSION {
            bail!(
                Code::NewerFormat,
                "an expression has version {version} of its form, this build reads up to {EXPR_VERSION}; upgrade"
            );
        }
        let expr = read(field(&value, "expr")?, 1)?;
        expr.check_limits()?;
        Ok(Self { version, expr })
    }
}

impl Serialize for ExprEnvelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.expr.check_limits().map_err(serde::ser::Error::custom)?;
        let expr = write(&self.expr).map_err(serde::ser::Error::custom)?;
        json!({"version": self.version, "expr": expr}).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExprEnvelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Value::deserialize(deserializer)?.to_string();
        Self::from_json(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        ExprEnvelope::new(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        ExprEnvelope::deserialize(deserializer).map(|envelope| envelope.expr)
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        write_literal(self).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        read_literal(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn write_literal(literal: &Literal) -> Result<Value> {
    let name = type_name(&literal.data_type())?;
    Ok(match literal.value_text() {
        None => json!({"type": name}),
        Some(text) => json!({"type": name, "value": text}),
    })
}

fn read_literal(value: &Value) -> Result<Literal> {
    match parse_type(text(value, "type")?)? {
        DataType::Null => Ok(Literal::Null),
        data_type => Literal::from_text(&data_type, text(value, "value")?),
    }
}

fn write_all(exprs: &[Expr]) -> Result<Vec<Value>> {
    exprs.iter().map(write).collect()
}

fn write(expr: &Expr) -> Result<Value> {
    let pair = |op: &str, left: &Expr, right: &Expr| -> Result<Value> {
        Ok(json!({"op": op, "left": write(left)?, "right": write(right)?}))
    };
    let single = |op: &str, expr: &Expr| -> Result<Value> { Ok(json!({"op": op, "expr": write(expr)?})) };
    Ok(match expr {
        Expr::Column(path) => json!({"op": "column", "path": path.to_vec()}),
        Expr::Aux { name, data_type: None } => json!({"op": "aux", "name": name}),
        Expr::Aux { name, data_type: Some(data_type) } => {
            json!({"op": "aux", "name": name, "type": type_name(data_type)?})
        }
        Expr::Literal(literal) => {
            let mut value = write_literal(literal)?;
            if let Value::Object(fields) = &mut value {
                fields.insert("op".to_string(), "literal".into());
            }
            value
        }
        Expr::Compare { op, left, right } => pair(op.name(), left, right)?,
        Expr::Arithmetic { op, left, right } => pair(op.name(), left, right)?,
        Expr::Xor(left, right) => pair("xor", left, right)?,
        Expr::And(args) => json!({"op": "and", "args": write_all(args)?}),
        Expr::Or(args) => json!({"op": "or", "args": write_all(args)?}),
        Expr::Not(expr) => single("not", expr)?,
        Expr::IsNull(expr) => single("is_null", expr)?,
        Expr::IsNotNull(expr) => single("is_not_null", expr)?,
        Expr::Negate(expr) => single("negate", expr)?,
        Expr::Cast { expr, data_type } => json!({"op": "cast", "expr": write(expr)?, "type": type_name(data_type)?}),
        Expr::In { expr, list } => {
            let list = list.iter().map(write_literal).collect::<Result<Vec<_>>>()?;
            json!({"op": "in", "expr": write(expr)?, "list": list})
        }
        Expr::Between { expr, low, high } => {
            json!({"op": "between", "expr": write(expr)?, "low": write(low)?, "high": write(high)?})
        }
        Expr::StartsWith { expr, prefix } => json!({"op": "starts_with", "expr": write(expr)?, "prefix": prefix}),
        Expr::Like { expr, pattern, case_insensitive } => {
            let op = if *case_insensitive { "ilike" } else { "like" };
            json!({"op": op, "expr": write(expr)?, "pattern": pattern})
        }
        Expr::Call { name, args, options } => {
            let options = options.iter().map(|(name, value)| Ok((name.clone(), write_literal(value)?)));
            let options = options.collect::<Result<Map<_, _>>>()?;
            json!({"op": "call", "name": name, "args": write_all(args)?, "options": options})
        }
    })
}

fn malformed(what: &str) -> Error {
    Error::new(Code::InvalidExpression, format!("the JSON of an expression lacks a valid '{what}'"))
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
    value.get(name).ok_or_else(|| malformed(name))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    field(value, name)?.as_str().ok_or_else(|| malformed(name))
}

fn items<'a>(value: &'a Value, name: &str) -> Result<&'a [Value]> {
    field(value, name)?.as_array().map(Vec::as_slice).ok_or_else(|| malformed(name))
}

fn read(value: &Value, depth: usize) -> Result<Expr> {
    if depth > MAX_DEPTH {
        bail!(Code::LimitExceeded, "an expression is nested deeper than {MAX_DEPTH} levels");
    }
    let child = |name: &str| read(field(value, name)?, depth + 1).map(Box::new);
    let args = || items(value, "args")?.iter().map(|arg| read(arg, depth + 1)).collect::<Result<Vec<_>>>();
    let string = |name: &str| text(value, name).map(str::to_string);
    let op = text(value, "op")?;
    if let Some(op) = CompareOp::ALL.into_iter().find(|known| known.name() == op) {
        return Ok(Expr::Compare { op, left: child("left")?, right: child("right")? });
    }
    if let Some(op) = ArithmeticOp::ALL.into_iter().find(|known| known.name() == op) {
        return Ok(Expr::Arithmetic { op, left: child("left")?, right: child("right")? });
    }
    Ok(match op {
        "column" => {
            let names = items(value, "path")?.iter().map(|name| name.as_str().map(str::to_string));
            let names: Option<Vec<String>> = names.collect();
            Expr::Column(names.filter(|names| !names.is_empty()).ok_or_else(|| malformed("path"))?.into())
        }
        "aux" => {
            let data_type = value.get("type").map(|_| parse_type(text(value, "type")?)).transpose()?;
            Expr::Aux { name: string("name")?, data_type }
        }
        "literal" => Expr::Literal(read_literal(value)?),
        "and" => Expr::And(args()?),
        "or" => Expr::Or(args()?),
        "xor" => Expr::Xor(child("left")?, child("right")?),
        "not" => Expr::Not(child("expr")?),
        "is_null" => Expr::IsNull(child("expr")?),
        "is_not_null" => Expr::IsNotNull(child("expr")?),
        "negate" => Expr::Negate(child("expr")?),
        "cast" => Expr::Cast { expr: child("expr")?, data_type: parse_type(text(value, "type")?)? },
        "in" => {
            let list = items(value, "list")?.iter().map(read_literal).collect::<Result<_>>()?;
            Expr::In { expr: child("expr")?, list }
        }
        "between" => Expr::Between { expr: child("expr")?, low: child("low")?, high: child("high")? },
        "starts_with" => Expr::StartsWith { expr: child("expr")?, prefix: string("prefix")? },
        "like" | "ilike" => {
            Expr::Like { expr: child("expr")?, pattern: string("pattern")?, case_insensitive: op == "ilike" }
        }
        "call" => {
            let options = field(value, "options")?.as_object().ok_or_else(|| malformed("options"))?;
            let options = options.iter().map(|(name, value)| Ok((name.clone(), read_literal(value)?)));
            Expr::Call { name: string("name")?, args: args()?, options: options.collect::<Result<_>>()? }
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            bail!(Code::InvalidExpression, "the JSON of an expression has an unknown operation '{shown}'")
        }
    })
}
