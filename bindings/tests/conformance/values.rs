//! Values as the list writes them.

use std::sync::Arc;

use arrow_schema::TimeUnit;
use serde_json::{Value as Json, json};
use spiral_bindings::{Interval, Value};

/// Reads a value; `{n}` in text stands for the number of the turn.
pub(crate) fn read(json: &Json, turn: Option<usize>) -> Value {
    let (form, of) = match json {
        Json::Null => return Value::Null,
        Json::Bool(value) => return Value::Bool(*value),
        Json::Object(members) if members.len() == 1 => members.iter().next().unwrap(),
        other => panic!("{other} is not a value"),
    };
    let moment = || -> (i64, TimeUnit) { (number(&of[0], turn), unit(of[1].as_str().unwrap())) };
    let many = || of.as_array().unwrap().iter().map(|item| read(item, turn));
    match form.as_str() {
        "int" => Value::Int(number(of, turn)),
        "uint" => Value::UInt(text(of, turn).parse().unwrap()),
        "float" => Value::Float(text(of, turn).parse().unwrap()),
        "decimal" => Value::Decimal(text(of, turn)),
        "text" => Value::Text(text(of, turn)),
        "bytes" => Value::Binary(bytes(&text(of, turn))),
        "date" => Value::Date(number(of, turn)),
        "time" => Value::Time(moment().0, moment().1),
        "timestamp" => Value::Timestamp(moment().0, moment().1),
        "duration" => Value::Duration(moment().0, moment().1),
        "interval" => Value::Interval(Interval {
            months: of[0].as_i64().unwrap().try_into().unwrap(),
            days: of[1].as_i64().unwrap().try_into().unwrap(),
            nanoseconds: number(&of[2], turn),
        }),
        "list" => Value::List(many().collect()),
        "struct" => Value::Struct(row(of, turn)),
        "map" => {
            let pairs = of.as_array().unwrap().iter();
            Value::Map(pairs.map(|pair| (read(&pair[0], turn), read(&pair[1], turn))).collect())
        }
        other => panic!("{other} is no form of a value"),
    }
}

/// Named values, of an object or of a list of pairs.
pub(crate) fn row(json: &Json, turn: Option<usize>) -> Vec<(Arc<str>, Value)> {
    match json {
        Json::Object(members) => {
            members.iter().map(|(name, value)| (name.as_str().into(), read(value, turn))).collect()
        }
        Json::Array(pairs) => {
            pairs.iter().map(|pair| (pair[0].as_str().unwrap().into(), read(&pair[1], turn))).collect()
        }
        other => panic!("{other} has no named values"),
    }
}

fn number(json: &Json, turn: Option<usize>) -> i64 {
    text(json, turn).parse().unwrap()
}

fn text(json: &Json, turn: Option<usize>) -> String {
    let text = match json {
        Json::String(text) => text.clone(),
        repeated => {
            let times = usize::try_from(repeated["times"].as_u64().unwrap()).unwrap();
            repeated["repeat"].as_str().unwrap().repeat(times)
        }
    };
    match turn {
        Some(turn) => text.replace("{n}", &turn.to_string()),
        None => text,
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn unit(name: &str) -> TimeUnit {
    match name {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        other => panic!("{other} is no unit"),
    }
}

/// Equality by bits, with one NaN.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => {
            one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Struct(one), Value::Struct(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((name, one), (twin, other))| name == twin && same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, one), (twin, other))| same(key, twin) && same(one, other))
        }
        (one, other) => one == other,
    }
}

/// Keys of a step.
pub(crate) fn keys(json: &Json, turn: Option<usize>) -> Vec<Vec<Value>> {
    json.as_array().unwrap().iter().map(|key| parts(key, turn)).collect()
}

/// The parts of one key.
pub(crate) fn parts(json: &Json, turn: Option<usize>) -> Vec<Value> {
    json.as_array().unwrap().iter().map(|part| read(part, turn)).collect()
}

/// A line of the report.
pub(crate) fn report(entry: &str, store: &str, outcome: &Result<(), String>) -> Json {
    match outcome {
        Ok(()) => json!({ "entry": entry, "store": store, "outcome": "green" }),
        Err(detail) => json!({ "entry": entry, "store": store, "outcome": "red", "detail": detail }),
    }
}
