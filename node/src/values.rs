//! Single values: those of JavaScript to those of the facade and back.

use arrow_schema::{DataType, FieldRef, TimeUnit};
use napi::bindgen_prelude::{
    Array, ArrayBuffer, BigInt, Env, FromNapiValue, JsObjectValue, Null, Object, Property, PropertyAttributes,
    ToNapiValue, Uint8Array,
};
use napi::{JsDate, JsValue, Unknown, ValueType};
use spiral_bindings::Value;

use crate::columns::Int64;
use crate::errors::invalid;

/// Deepest nesting that is followed: an object may contain itself.
const MAX_DEPTH: usize = 64;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Last millisecond that a `Date` can hold, before and after 1970.
const MAX_DATE_MILLIS: i64 = 8_640_000_000_000_000;

/// Keys: a list of lists of values.
pub(crate) fn keys(given: Array) -> napi::Result<Vec<Vec<Value>>> {
    (0..given.len()).filter_map(|at| given.get::<Array>(at).transpose()).map(|parts| key(parts?)).collect()
}

/// The parts of a key.
pub(crate) fn key(parts: Array) -> napi::Result<Vec<Value>> {
    items(&parts, 0)
}

/// A value that a user gave, as `lib/arguments.js` passes it on: texts without lone surrogates, objects as their `names`
/// and `values`, everything that is like a list as an array.
pub(crate) fn from_js(value: Unknown) -> napi::Result<Value> {
    nested(value, 0)
}

fn items(array: &Array, depth: usize) -> napi::Result<Vec<Value>> {
    (0..array.len()).filter_map(|at| array.get(at).transpose()).map(|item| nested(item?, depth)).collect()
}

fn nested(value: Unknown, depth: usize) -> napi::Result<Value> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("values nest deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value.get_type()? {
        ValueType::Null | ValueType::Undefined => Value::Null,
        ValueType::Boolean => Value::Bool(bool::from_unknown(value)?),
        ValueType::Number => {
            let number = f64::from_unknown(value)?;
            integer(number).map_or(Value::Float(number), Value::Int)
        }
        ValueType::String => Value::Text(String::from_unknown(value)?),
        ValueType::BigInt => {
            let integer = BigInt::from_unknown(value)?;
            match (integer.get_i64(), integer.get_u64()) {
                ((signed, true), _) => Value::Int(signed),
                (_, (_, unsigned, true)) => Value::UInt(unsigned),
                _ => return Err(invalid("a BigInt has more than 64 bits")),
            }
        }
        ValueType::Object if value.is_array()? => Value::List(items(&Array::from_unknown(value)?, depth + 1)?),
        ValueType::Object if value.is_date()? => {
            let millis = integer(JsDate::from_unknown(value)?.value_of()?);
            Value::Timestamp(millis.ok_or_else(|| invalid("a Date is not a valid time"))?, TimeUnit::Millisecond)
        }
        ValueType::Object if value.is_typedarray()? => Value::Binary(Uint8Array::from_unknown(value)?.to_vec()),
        ValueType::Object if value.is_arraybuffer()? => Value::Binary(ArrayBuffer::from_unknown(value)?.to_vec()),
        ValueType::Object => {
            let object = Object::from_unknown(value)?;
            let names: Vec<String> = object.get_named_property_unchecked("names")?;
            let values = items(&object.get_named_property_unchecked("values")?, depth + 1)?;
            Value::Struct(names.into_iter().map(Into::into).zip(values).collect())
        }
        _ => return Err(invalid("a value is neither data nor an object of data")),
    })
}

/// The integer that a number surely is. Negative zero is none.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn integer(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0;
    (exact && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

/// A 64-bit integer as a number.
#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
pub(crate) fn safe_number(integer: i128) -> napi::Result<f64> {
    if (-9_007_199_254_740_991..=9_007_199_254_740_991).contains(&integer) {
        return Ok(integer as f64);
    }
    Err(invalid(format!("{integer} is not exact as a number: read it with int64: \"bigint\"")))
}

/// A value of the engine, of a column of the given type.
pub(crate) fn to_js<'env>(
    env: &'env Env,
    value: Value,
    data_type: &DataType,
    int64: Int64,
) -> napi::Result<Unknown<'env>> {
    match value {
        Value::Null => Null.into_unknown(env),
        Value::Bool(boolean) => boolean.into_unknown(env),
        Value::Int(integer) if int64 == Int64::Number || !is_int64(data_type) => {
            safe_number(integer.into())?.into_unknown(env)
        }
        Value::UInt(integer) if int64 == Int64::Number => safe_number(integer.into())?.into_unknown(env),
        Value::UInt(integer) => BigInt::from(integer).into_unknown(env),
        Value::Float(float) => float.into_unknown(env),
        Value::Decimal(text) | Value::Text(text) => text.into_unknown(env),
        Value::Binary(bytes) => Uint8Array::new(bytes).into_unknown(env),
        Value::Date(days) => date(env, days, days.checked_mul(MILLIS_PER_DAY)),
        Value::Timestamp(time, TimeUnit::Second) => date(env, time, time.checked_mul(1000)),
        Value::Timestamp(time, TimeUnit::Millisecond) => date(env, time, Some(time)),
        Value::Int(number) | Value::Timestamp(number, _) | Value::Time(number, _) | Value::Duration(number, _) => {
            BigInt::from(number).into_unknown(env)
        }
        Value::Interval(interval) => {
            let mut object = Object::new(env)?;
            object.set("months", interval.months)?;
            object.set("days", interval.days)?;
            object.set("nanoseconds", BigInt::from(interval.nanoseconds))?;
            object.into_unknown(env)
        }
        Value::List(list) => {
            let item = item_type(data_type);
            array(env, list.into_iter().map(|value| to_js(env, value, item, int64)))
        }
        Value::Struct(members) => {
            let mut object = Object::new(env)?;
            let types = member_types(data_type);
            for (at, (name, value)) in members.into_iter().enumerate() {
                let value = to_js(env, value, types.get(at).map_or(&DataType::Null, |field| field.data_type()), int64)?;
                set(env, &mut object, &name, value)?;
            }
            object.into_unknown(env)
        }
        Value::Map(entries) => {
            let types = member_types(item_type(data_type));
            let of = |at: usize| types.get(at).map_or(&DataType::Null, |field| field.data_type());
            array(
                env,
                entries.into_iter().map(|(key, value)| {
                    let pair = [to_js(env, key, of(0), int64), to_js(env, value, of(1), int64)];
                    array(env, pair.into_iter())
                }),
            )
        }
    }
}

/// An array of values.
pub(crate) fn array<'env>(
    env: &'env Env,
    values: impl ExactSizeIterator<Item = napi::Result<Unknown<'env>>>,
) -> napi::Result<Unknown<'env>> {
    let mut array = env.create_array(u32::try_from(values.len()).unwrap_or(u32::MAX))?;
    for (at, value) in (0..).zip(values) {
        array.set(at, value?)?;
    }
    array.into_unknown(env)
}

/// Sets a member of any name: setting `__proto__` would set the prototype, and names of C end at a zero.
fn set(env: &Env, object: &mut Object, name: &str, value: Unknown) -> napi::Result<()> {
    if name != "__proto__" && !name.contains('\0') {
        return object.set(name, value);
    }
    let own = PropertyAttributes::Writable | PropertyAttributes::Enumerable | PropertyAttributes::Configurable;
    let property = Property::new().with_name(env, name)?.with_value(&value).with_property_attributes(own);
    object.define_properties(&[property])
}

/// A `Date`, or where none reaches, the number itself.
#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
fn date(env: &Env, number: i64, millis: Option<i64>) -> napi::Result<Unknown<'_>> {
    match millis.filter(|millis| (-MAX_DATE_MILLIS..=MAX_DATE_MILLIS).contains(millis)) {
        Some(millis) => env.create_date(millis as f64)?.into_unknown(env),
        None => BigInt::from(number).into_unknown(env),
    }
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

fn member_types(data_type: &DataType) -> &[FieldRef] {
    if let DataType::Struct(fields) = data_type { fields } else { &[] }
}
