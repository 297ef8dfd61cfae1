//! Single values: those of JavaScript to those of the facade and back.

use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use js_sys::{Array, ArrayBuffer, BigInt, DataView, Date, Map, Number, Object, Uint8Array};
use spiral_bindings::{Error, Result, Value};
use wasm_bindgen::prelude::*;

use crate::errors::{invalid, set};

/// Deepest nesting that is followed: an object may contain itself.
const MAX_DEPTH: usize = 64;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Last millisecond that a `Date` can hold, before and after 1970.
const MAX_DATE_MILLIS: i64 = 8_640_000_000_000_000;

/// A value that a user gave. Texts were checked for lone surrogates before.
pub(crate) fn from_js(value: &JsValue) -> Result<Value> {
    nested(value, 0)
}

fn nested(value: &JsValue, depth: usize) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("values nest deeper than {MAX_DEPTH} levels")));
    }
    let all = |items: &Array| items.iter().map(|item| nested(&item, depth + 1)).collect::<Result<Vec<_>>>();
    if let Some(number) = value.as_f64() {
        return Ok(integer(number).map_or(Value::Float(number), Value::Int));
    }
    if let Some(text) = value.as_string() {
        return Ok(Value::Text(text));
    }
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    if let Some(boolean) = value.as_bool() {
        return Ok(Value::Bool(boolean));
    }
    if value.is_bigint() {
        return match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
            (Ok(signed), _) => Ok(Value::Int(signed)),
            (_, Ok(unsigned)) => Ok(Value::UInt(unsigned)),
            _ => Err(invalid("a BigInt has more than 64 bits")),
        };
    }
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        return Ok(Value::Binary(bytes.to_vec()));
    }
    if let Some(view) = value.dyn_ref::<DataView>() {
        let [begin, length] = [view.byte_offset(), view.byte_length()].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        return Ok(Value::Binary(Uint8Array::new_with_byte_offset_and_length(&view.buffer(), begin, length).to_vec()));
    }
    if value.is_instance_of::<ArrayBuffer>() {
        return Ok(Value::Binary(Uint8Array::new(value).to_vec()));
    }
    if let Some(date) = value.dyn_ref::<Date>() {
        let millis = integer(date.get_time()).ok_or_else(|| invalid("a Date is not a valid time"))?;
        return Ok(Value::Timestamp(millis, TimeUnit::Millisecond));
    }
    if Array::is_array(value) || ArrayBuffer::is_view(value) {
        return Ok(Value::List(all(&Array::from(value))?));
    }
    if value.is_instance_of::<Map>() {
        let entry = |entry: JsValue| {
            let pair = Array::from(&entry);
            Ok((nested(&pair.get(0), depth + 1)?, nested(&pair.get(1), depth + 1)?))
        };
        return Ok(Value::Map(Array::from(value).iter().map(entry).collect::<Result<_>>()?));
    }
    match value.dyn_ref::<Object>() {
        Some(object) if !value.is_function() => Object::entries(object)
            .iter()
            .filter(|entry| !Array::from(entry).get(1).is_undefined())
            .map(|entry| {
                let pair = Array::from(&entry);
                Ok((pair.get(0).as_string().unwrap_or_default().into(), nested(&pair.get(1), depth + 1)?))
            })
            .collect::<Result<Vec<(Arc<str>, Value)>>>()
            .map(Value::Struct),
        _ => Err(invalid("a value is neither data nor an object of data")),
    }
}

/// The integer that a number surely is. Negative zero is none.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn integer(number: f64) -> Option<i64> {
    let exact = Number::is_safe_integer(&number.into()) && !(number == 0.0 && number.is_sign_negative());
    exact.then_some(number as i64)
}

/// How 64-bit integers are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int64 {
    BigInt,
    /// As numbers; those that no number holds exactly are errors.
    Number,
}

impl Int64 {
    pub(crate) fn new(numbers: bool) -> Self {
        if numbers { Self::Number } else { Self::BigInt }
    }
}

pub(crate) fn unsafe_integer(integer: impl std::fmt::Display) -> Error {
    invalid(format!("{integer} is not exact as a number: read it with int64: \"bigint\""))
}

/// A 64-bit integer as a number.
#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
pub(crate) fn safe_number(integer: i128) -> Result<f64> {
    let exact = (-9_007_199_254_740_991..=9_007_199_254_740_991).contains(&integer);
    if exact { Ok(integer as f64) } else { Err(unsafe_integer(integer)) }
}

/// A value of the engine, of a column of the given type.
pub(crate) fn to_js(value: Value, data_type: &DataType, int64: Int64) -> Result<JsValue> {
    let number = |number: i64| safe_number(number.into()).map(JsValue::from);
    Ok(match value {
        Value::Null => JsValue::NULL,
        Value::Bool(boolean) => boolean.into(),
        Value::Int(integer) if int64 == Int64::Number || !is_int64(data_type) => number(integer)?,
        Value::Int(integer) => BigInt::from(integer).into(),
        Value::UInt(integer) if int64 == Int64::Number => safe_number(integer.into())?.into(),
        Value::UInt(integer) => BigInt::from(integer).into(),
        Value::Float(float) => float.into(),
        Value::Decimal(text) | Value::Text(text) => text.into(),
        Value::Binary(bytes) => Uint8Array::from(&*bytes).into(),
        Value::Date(days) => match days.checked_mul(MILLIS_PER_DAY).and_then(date) {
            Some(date) => date,
            None => BigInt::from(days).into(),
        },
        Value::Timestamp(time, TimeUnit::Second) => match time.checked_mul(1000).and_then(date) {
            Some(date) => date,
            None => BigInt::from(time).into(),
        },
        Value::Timestamp(time, TimeUnit::Millisecond) => date(time).unwrap_or_else(|| BigInt::from(time).into()),
        Value::Timestamp(time, _) | Value::Time(time, _) | Value::Duration(time, _) => BigInt::from(time).into(),
        Value::Interval(interval) => {
            let object = Object::new();
            set(&object, "months", &interval.months.into());
            set(&object, "days", &interval.days.into());
            set(&object, "nanoseconds", &BigInt::from(interval.nanoseconds).into());
            object.into()
        }
        Value::List(items) => {
            let items = items.into_iter().map(|item| to_js(item, item_type(data_type), int64));
            items.collect::<Result<Array>>()?.into()
        }
        Value::Struct(members) => {
            let types = member_types(data_type);
            let members = members.into_iter().enumerate().map(|(at, (name, value))| {
                let value = to_js(value, types.get(at).map_or(&DataType::Null, |field| field.data_type()), int64)?;
                Ok(Array::of2(&(&*name).into(), &value))
            });
            // Unlike assignments this makes members of any name.
            Object::from_entries(&members.collect::<Result<Array>>()?.into()).map_or(JsValue::NULL, JsValue::from)
        }
        Value::Map(entries) => {
            let types = member_types(item_type(data_type));
            let of = |at: usize| types.get(at).map_or(&DataType::Null, |field| field.data_type());
            let entries = entries
                .into_iter()
                .map(|(key, value)| Ok(Array::of2(&to_js(key, of(0), int64)?, &to_js(value, of(1), int64)?)));
            entries.collect::<Result<Array>>()?.into()
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
fn date(millis: i64) -> Option<JsValue> {
    let held = (-MAX_DATE_MILLIS..=MAX_DATE_MILLIS).contains(&millis);
    held.then(|| Date::new(&(millis as f64).into()).into())
}

fn is_int64(data_type: &DataType) -> bool {
    match data_type {
        DataType::Int64 => true,
        DataType::Dictionary(_, values) => is_int64(values),
        DataType::RunEndEncoded(_, values) => is_int64(values.data_type()),
        _ => false,
    }
}

fn item_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => item.data_type(),
        _ => &DataType::Null,
    }
}

fn member_types(data_type: &DataType) -> &[arrow_schema::FieldRef] {
    if let DataType::Struct(fields) = data_type { fields } else { &[] }
}
