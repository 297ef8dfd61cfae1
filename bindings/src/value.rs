//! Single values, for languages without an Arrow library: any Arrow array to values and back, bit for bit.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, IntervalMonthDayNanoBuilder, StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, ListArray, MapArray, NullArray, PrimitiveArray, StructArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{CastOptions, cast, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};
use spiral_core::expr::{parse_type, type_name};
use spiral_core::{Code, Error, Result};

/// Deepest nesting of lists and structs in one value.
const MAX_DEPTH: usize = 64;

/// One value of a cell. Which variant a column has follows from its type alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A null, or a gap.
    Null,
    /// `bool`.
    Bool(bool),
    /// Integers that fit: all but `uint64`.
    Int(i64),
    /// `uint64`.
    UInt(u64),
    /// Floats, all widths.
    Float(f64),
    /// Decimals, as exact text.
    Decimal(String),
    /// Strings, all layouts.
    Text(String),
    /// Binaries, all layouts.
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Time of day in the column's unit.
    Time(i64, TimeUnit),
    /// Since 1970-01-01T00:00:00, in UTC when the column has a zone, in the column's unit.
    Timestamp(i64, TimeUnit),
    /// A span of time in the column's unit.
    Duration(i64, TimeUnit),
    /// A calendar interval.
    Interval(Interval),
    /// Lists, all layouts.
    List(Vec<Value>),
    /// Structs, in the order of their fields.
    Struct(Vec<(Arc<str>, Value)>),
    /// Maps, in stored order.
    Map(Vec<(Value, Value)>),
}

/// A calendar interval; its parts do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Nanoseconds.
    pub nanoseconds: i64,
}

impl Value {
    /// What a value is, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Decimal(_) => "a decimal",
            Value::Text(_) => "text",
            Value::Binary(_) => "binary",
            Value::Date(_) => "a date",
            Value::Time(..) => "a time",
            Value::Timestamp(..) => "a timestamp",
            Value::Duration(..) => "a duration",
            Value::Interval(_) => "an interval",
            Value::List(_) => "a list",
            Value::Struct(_) => "a struct",
            Value::Map(_) => "a map",
        }
    }
}

/// The name of a type: that of expressions where they have one, else Arrow's.
pub fn type_text(data_type: &DataType) -> String {
    type_name(data_type).unwrap_or_else(|_| data_type.to_string())
}

/// Reads the name of a type, in either form of [`type_text`].
pub(crate) fn type_from_text(text: &str) -> Result<DataType> {
    parse_type(text).or_else(|error| text.parse().map_err(|_| error))
}

/// The values of an array.
///
/// # Errors
/// `UnsupportedType` for types that no column has, `LimitExceeded` for nesting without end.
pub fn values_from_array(array: &ArrayRef) -> Result<Vec<Value>> {
    values_at(array, 0)
}

fn values_at(array: &ArrayRef, depth: usize) -> Result<Vec<Value>> {
    check_depth(depth)?;
    let depth = depth + 1;
    if let Some(plain) = plain_type(array.data_type()) {
        return values_at(&cast(array, &plain)?, depth);
    }
    let ints = |make: fn(i64) -> Value| -> Result<Vec<Value>> {
        let raw = cast(array, &DataType::Int64)?;
        Ok(raw.as_primitive::<Int64Type>().iter().map(|value| value.map_or(Value::Null, make)).collect())
    };
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|value| value.map_or(Value::Null, Value::Bool)).collect(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().iter().map(|value| value.map_or(Value::Null, Value::UInt)).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            wide.as_primitive::<Float64Type>().iter().map(|value| value.map_or(Value::Null, Value::Float)).collect()
        }
        data_type if data_type.is_integer() => ints(Value::Int)?,
        DataType::Date32 => ints(Value::Date)?,
        DataType::Date64 => ints(|millis| Value::Date(millis.div_euclid(86_400_000)))?,
        DataType::Time32(unit) | DataType::Time64(unit) => of_unit(ints(Value::Int)?, *unit, Value::Time),
        DataType::Timestamp(unit, _) => of_unit(ints(Value::Int)?, *unit, Value::Timestamp),
        DataType::Duration(unit) => of_unit(ints(Value::Int)?, *unit, Value::Duration),
        data_type if data_type.is_decimal() => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new())?;
            let text = |row| formatter.value(row).to_string();
            (0..array.len())
                .map(|row| if array.is_null(row) { Value::Null } else { Value::Decimal(text(row)) })
                .collect()
        }
        DataType::Interval(_) => {
            let whole = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let parts = whole.as_primitive::<IntervalMonthDayNanoType>().iter().map(|value| match value {
                None => Value::Null,
                Some(IntervalMonthDayNano { months, days, nanoseconds }) => {
                    Value::Interval(Interval { months, days, nanoseconds })
                }
            });
            parts.collect()
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            text.iter().map(|value| value.map_or(Value::Null, |value| Value::Text(value.to_owned()))).collect()
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            bytes.iter().map(|value| value.map_or(Value::Null, |value| Value::Binary(value.to_vec()))).collect()
        }
        DataType::List(_) => lists(array.as_list::<i32>().iter(), depth)?,
        DataType::FixedSizeList(..) => lists(array.as_fixed_size_list().iter(), depth)?,
        DataType::Struct(fields) => {
            let names: Vec<Arc<str>> = fields.iter().map(|field| field.name().as_str().into()).collect();
            let columns = array.as_struct().columns().iter().map(|column| values_at(column, depth));
            let mut columns = columns.collect::<Result<Vec<_>>>()?;
            (0..array.len())
                .map(|row| {
                    if array.is_null(row) {
                        return Value::Null;
                    }
                    let take = |column: &mut Vec<Value>| std::mem::replace(&mut column[row], Value::Null);
                    Value::Struct(names.iter().cloned().zip(columns.iter_mut().map(take)).collect())
                })
                .collect()
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entry = |entries: StructArray| -> Result<Value> {
                let keys = values_at(entries.column(0), depth)?;
                Ok(Value::Map(keys.into_iter().zip(values_at(entries.column(1), depth)?).collect()))
            };
            map.iter().map(|entries| entries.map_or(Ok(Value::Null), entry)).collect::<Result<_>>()?
        }
        other => return Err(Error::new(Code::UnsupportedType, format!("type {other} has no single values"))),
    })
}

fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::new(Code::LimitExceeded, format!("values nest deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}

fn of_unit(raw: Vec<Value>, unit: TimeUnit, make: fn(i64, TimeUnit) -> Value) -> Vec<Value> {
    let value = |value| match value {
        Value::Int(raw) => make(raw, unit),
        other => other,
    };
    raw.into_iter().map(value).collect()
}

fn lists(items: impl Iterator<Item = Option<ArrayRef>>, depth: usize) -> Result<Vec<Value>> {
    items.map(|item| item.map_or(Ok(Value::Null), |item| Ok(Value::List(values_at(&item, depth)?)))).collect()
}

/// The plainest type with the same values, for layouts that differ from it only in memory.
pub(crate) fn plain_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::LargeList(field) | DataType::ListView(field) | DataType::LargeListView(field) => {
            DataType::List(Arc::clone(field))
        }
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::RunEndEncoded(_, values) => values.data_type().clone(),
        _ => return None,
    })
}

/// An array of the given type. Text is read as dates, times, timestamps and decimals where such are wanted.
///
/// # Errors
/// `TypeMismatch` for a value that the type cannot hold exactly; the message names the column.
pub fn array_from_values<'a>(
    column: &str,
    data_type: &DataType,
    values: impl IntoIterator<Item = &'a Value>,
) -> Result<ArrayRef> {
    let values: Vec<&Value> = values.into_iter().collect();
    Builder { column }.array(data_type, &values, 0)
}

struct Builder<'a> {
    column: &'a str,
}

impl Builder<'_> {
    fn mismatch(&self, value: &Value, data_type: &DataType) -> Error {
        let (column, wanted) = (self.column, type_text(data_type));
        Error::new(Code::TypeMismatch, format!("column {column} has type {wanted} and cannot hold {}", value.kind()))
    }

    fn array(&self, data_type: &DataType, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        check_depth(depth)?;
        if values.iter().all(|value| matches!(value, Value::Null)) {
            return Ok(new_null_array(data_type, values.len()));
        }
        let wrong = |value: &Value| self.mismatch(value, data_type);
        Ok(match data_type {
            DataType::Boolean => {
                let mut builder = BooleanBuilder::with_capacity(values.len());
                for value in values {
                    match value {
                        Value::Null => builder.append_null(),
                        Value::Bool(value) => builder.append_value(*value),
                        other => return Err(wrong(other)),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Int8 => self.integers::<Int8Type>(values)?,
            DataType::Int16 => self.integers::<Int16Type>(values)?,
            DataType::Int32 => self.integers::<Int32Type>(values)?,
            DataType::Int64 => self.integers::<Int64Type>(values)?,
            DataType::UInt8 => self.integers::<UInt8Type>(values)?,
            DataType::UInt16 => self.integers::<UInt16Type>(values)?,
            DataType::UInt32 => self.integers::<UInt32Type>(values)?,
            DataType::UInt64 => self.integers::<UInt64Type>(values)?,
            DataType::Float64 => self.floats(data_type, values)?,
            DataType::Float16 | DataType::Float32 => {
                let wide = self.floats(data_type, values)?;
                match data_type {
                    DataType::Float16 => Arc::new(wide.as_primitive::<Float64Type>().unary::<_, Float16Type>(half_of)),
                    _ => Arc::new(wide.as_primitive::<Float64Type>().unary::<_, Float32Type>(single_of)),
                }
            }
            DataType::Utf8 => {
                let mut builder = StringBuilder::new();
                for value in values {
                    match value {
                        Value::Null => builder.append_null(),
                        Value::Text(text) => builder.append_value(text),
                        other => return Err(wrong(other)),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Binary => {
                let mut builder = BinaryBuilder::new();
                for value in values {
                    match value {
                        Value::Null => builder.append_null(),
                        Value::Binary(bytes) => builder.append_value(bytes),
                        other => return Err(wrong(other)),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::FixedSizeBinary(width) => {
                let mut builder = FixedSizeBinaryBuilder::new(*width);
                for value in values {
                    match value {
                        Value::Null => builder.append_null(),
                        Value::Binary(bytes) => builder.append_value(bytes).map_err(|_| wrong(value))?,
                        other => return Err(wrong(other)),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Interval(_) => {
                let mut builder = IntervalMonthDayNanoBuilder::new();
                for value in values {
                    match value {
                        Value::Null => builder.append_null(),
                        Value::Interval(Interval { months, days, nanoseconds }) => {
                            builder.append_value(IntervalMonthDayNano::new(*months, *days, *nanoseconds));
                        }
                        Value::Struct(parts) => {
                            let Interval { months, days, nanoseconds } = interval(parts).ok_or_else(|| wrong(value))?;
                            builder.append_value(IntervalMonthDayNano::new(months, days, nanoseconds));
                        }
                        other => return Err(wrong(other)),
                    }
                }
                self.cast(&(Arc::new(builder.finish()) as ArrayRef), data_type)?
            }
            data_type if data_type.is_temporal() => self.moments(data_type, values)?,
            data_type if data_type.is_decimal() => self.decimals(data_type, values)?,
            DataType::List(field) => {
                let (items, lengths, nulls) = self.items(values, data_type)?;
                let child = self.array(field.data_type(), &items, depth + 1)?;
                Arc::new(ListArray::try_new(Arc::clone(field), OffsetBuffer::from_lengths(lengths), child, nulls)?)
            }
            DataType::FixedSizeList(field, size) => self.fixed_lists(field, *size, values, depth)?,
            DataType::Struct(fields) => self.structs(fields, values, data_type, depth)?,
            DataType::Map(entries, sorted) => self.maps(entries, *sorted, values, depth)?,
            DataType::Dictionary(_, of) => self.cast(&self.array(of, values, depth + 1)?, data_type)?,
            DataType::Null => {
                return Err(wrong(values.iter().find(|value| !matches!(value, Value::Null)).unwrap_or(&&Value::Null)));
            }
            other => match plain_type(other) {
                Some(plain) => self.cast(&self.array(&plain, values, depth + 1)?, data_type)?,
                None => return Err(Error::new(Code::UnsupportedType, format!("type {other} has no single values"))),
            },
        })
    }

    fn cast(&self, array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, data_type, &strict).map_err(|error| {
            let (column, wanted) = (self.column, type_text(data_type));
            Error::new(Code::TypeMismatch, format!("column {column} has type {wanted} and cannot hold a value given"))
                .with_source(error)
        })
    }

    fn integers<T>(&self, values: &[&Value]) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + TryFrom<u64>,
    {
        let integer = |value: &&Value| match value {
            Value::Null => Ok(None),
            Value::Int(number) => {
                T::Native::try_from(*number).map(Some).map_err(|_| self.mismatch(value, &T::DATA_TYPE))
            }
            Value::UInt(number) => {
                T::Native::try_from(*number).map(Some).map_err(|_| self.mismatch(value, &T::DATA_TYPE))
            }
            // Languages with one kind of number pass whole floats.
            Value::Float(number) => match whole(*number).map(T::Native::try_from) {
                Some(Ok(number)) => Ok(Some(number)),
                _ => Err(self.mismatch(value, &T::DATA_TYPE)),
            },
            other => Err(self.mismatch(other, &T::DATA_TYPE)),
        };
        Ok(Arc::new(values.iter().map(integer).collect::<Result<PrimitiveArray<T>>>()?))
    }

    fn floats(&self, data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
        let float = |value: &&Value| match value {
            Value::Null => Ok(None),
            Value::Float(number) => Ok(Some(*number)),
            Value::Int(number) => exact_float(*number).map(Some).ok_or_else(|| self.mismatch(value, data_type)),
            other => Err(self.mismatch(other, data_type)),
        };
        Ok(Arc::new(values.iter().map(float).collect::<Result<PrimitiveArray<Float64Type>>>()?))
    }

    /// Dates, times, timestamps and durations: raw numbers in the column's unit, values of a unit, or text.
    fn moments(&self, data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
        let wrong = |value: &Value| self.mismatch(value, data_type);
        if values.iter().any(|value| matches!(value, Value::Text(_))) {
            let text = self.array(&DataType::Utf8, values, 0).map_err(|_| {
                Error::new(Code::TypeMismatch, format!("column {} mixes text with other values", self.column))
            })?;
            return self.cast(&text, data_type);
        }
        let unit = match data_type {
            DataType::Timestamp(unit, _)
            | DataType::Time32(unit)
            | DataType::Time64(unit)
            | DataType::Duration(unit) => Some(*unit),
            _ => None,
        };
        let raw = |value: &&Value| -> Result<Option<i64>> {
            let number = match (value, data_type, unit) {
                (Value::Null, _, _) => return Ok(None),
                (Value::Int(number), _, _) => Some(*number),
                (Value::Float(number), _, _) => whole(*number),
                (Value::Date(days), DataType::Date32, _) => Some(*days),
                (Value::Date(days), DataType::Date64, _) => days.checked_mul(86_400_000),
                // Languages whose dates are moments pass the midnight, in UTC, that a day begins with.
                (Value::Timestamp(number, from), DataType::Date32, _) => whole_days(*number, *from),
                (Value::Timestamp(number, from), DataType::Date64, _) => {
                    whole_days(*number, *from).and_then(|days| days.checked_mul(86_400_000))
                }
                (Value::Timestamp(number, from), DataType::Timestamp(..), Some(to))
                | (Value::Time(number, from), DataType::Time32(_) | DataType::Time64(_), Some(to))
                | (Value::Duration(number, from), DataType::Duration(_), Some(to)) => in_unit(*number, *from, to),
                _ => None,
            };
            number.map(Some).ok_or_else(|| wrong(value))
        };
        let raw: ArrayRef = Arc::new(values.iter().map(raw).collect::<Result<PrimitiveArray<Int64Type>>>()?);
        match data_type {
            DataType::Date32 | DataType::Time32(_) => self.cast(&self.cast(&raw, &DataType::Int32)?, data_type),
            _ => self.cast(&raw, data_type),
        }
    }

    fn decimals(&self, data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
        let mut builder = StringBuilder::new();
        for value in values {
            match value {
                Value::Null => builder.append_null(),
                Value::Decimal(text) | Value::Text(text) => builder.append_value(text),
                Value::Int(number) => builder.append_value(number.to_string()),
                Value::UInt(number) => builder.append_value(number.to_string()),
                // The shortest text that reads back as the same number.
                Value::Float(number) if number.is_finite() => builder.append_value(format!("{number}")),
                other => return Err(self.mismatch(other, data_type)),
            }
        }
        self.cast(&(Arc::new(builder.finish()) as ArrayRef), data_type)
    }

    /// The items of lists one after another, the length of each list, and which are null.
    fn items<'v>(
        &self,
        values: &[&'v Value],
        data_type: &DataType,
    ) -> Result<(Vec<&'v Value>, Vec<usize>, Option<NullBuffer>)> {
        let (mut items, mut lengths) = (Vec::new(), Vec::with_capacity(values.len()));
        for value in values {
            match value {
                Value::Null => lengths.push(0),
                Value::List(list) => {
                    items.extend(list);
                    lengths.push(list.len());
                }
                other => return Err(self.mismatch(other, data_type)),
            }
        }
        Ok((items, lengths, nulls(values)))
    }

    fn fixed_lists(&self, field: &FieldRef, size: i32, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        let data_type = DataType::FixedSizeList(Arc::clone(field), size);
        let width = usize::try_from(size).unwrap_or(0);
        let mut items = Vec::with_capacity(values.len() * width);
        for value in values {
            match value {
                Value::Null => items.extend(std::iter::repeat_n(&Value::Null, width)),
                Value::List(list) if list.len() == width => items.extend(list),
                other => return Err(self.mismatch(other, &data_type)),
            }
        }
        let child = self.array(field.data_type(), &items, depth + 1)?;
        Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(field), size, child, nulls(values))?))
    }

    fn structs(&self, fields: &Fields, values: &[&Value], data_type: &DataType, depth: usize) -> Result<ArrayRef> {
        let mut columns: Vec<Vec<&Value>> = vec![Vec::with_capacity(values.len()); fields.len()];
        for value in values {
            let members: &[(Arc<str>, Value)] = match value {
                Value::Null => &[],
                Value::Struct(members) => members,
                other => return Err(self.mismatch(other, data_type)),
            };
            for (name, _) in members {
                if fields.find(name).is_none() {
                    let message = format!("column {} has no field {name:?}", self.column);
                    return Err(Error::new(Code::TypeMismatch, message));
                }
            }
            for (field, column) in fields.iter().zip(&mut columns) {
                let member = members.iter().find(|(name, _)| **name == **field.name());
                column.push(member.map_or(&Value::Null, |(_, value)| value));
            }
        }
        let columns = fields
            .iter()
            .zip(columns)
            .map(|(field, column)| self.array(field.data_type(), &column, depth + 1))
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls(values), values.len())?))
    }

    fn maps(&self, entries: &FieldRef, sorted: bool, values: &[&Value], depth: usize) -> Result<ArrayRef> {
        let data_type = DataType::Map(Arc::clone(entries), sorted);
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(self.mismatch(&Value::Null, &data_type));
        };
        let (mut keys, mut items, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for value in values {
            match value {
                Value::Null => lengths.push(0),
                Value::Map(map) => {
                    keys.extend(map.iter().map(|(key, _)| key));
                    items.extend(map.iter().map(|(_, item)| item));
                    lengths.push(map.len());
                }
                // Languages without maps of any key pass lists of pairs.
                Value::List(pairs) => {
                    for pair in pairs {
                        let Value::List(pair) = pair else { return Err(self.mismatch(value, &data_type)) };
                        let [key, item] = pair.as_slice() else { return Err(self.mismatch(value, &data_type)) };
                        keys.push(key);
                        items.push(item);
                    }
                    lengths.push(pairs.len());
                }
                other => return Err(self.mismatch(other, &data_type)),
            }
        }
        let columns = vec![
            self.array(fields[0].data_type(), &keys, depth + 1)?,
            self.array(fields[1].data_type(), &items, depth + 1)?,
        ];
        let pairs = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls(values), sorted)?))
    }
}

fn nulls(values: &[&Value]) -> Option<NullBuffer> {
    let nulls: NullBuffer = values.iter().map(|value| !matches!(value, Value::Null)).collect();
    (nulls.null_count() > 0).then_some(nulls)
}

fn half_of(wide: f64) -> half::f16 {
    half::f16::from_f64(wide)
}

#[expect(clippy::cast_possible_truncation, reason = "a float32 column holds the nearest float32")]
fn single_of(wide: f64) -> f32 {
    wide as f32
}

/// The integer that a float is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    fits.then_some(number as i64)
}

/// The float that an integer is, if it is one.
#[expect(clippy::cast_precision_loss, reason = "the result is checked")]
fn exact_float(number: i64) -> Option<f64> {
    let float = number as f64;
    (whole(float) == Some(number)).then_some(float)
}

/// The interval whose parts the members of a struct are.
fn interval(parts: &[(Arc<str>, Value)]) -> Option<Interval> {
    let mut found = Interval { months: 0, days: 0, nanoseconds: 0 };
    for (name, part) in parts {
        let Value::Int(part) = part else { return None };
        match &**name {
            "months" => found.months = i32::try_from(*part).ok()?,
            "days" => found.days = i32::try_from(*part).ok()?,
            "nanoseconds" => found.nanoseconds = *part,
            _ => return None,
        }
    }
    Some(found)
}

/// The days since 1970 that a moment at midnight, in UTC, is.
fn whole_days(number: i64, unit: TimeUnit) -> Option<i64> {
    let seconds = in_unit(number, unit, TimeUnit::Second)?;
    (seconds % 86_400 == 0).then_some(seconds / 86_400)
}

/// A number of one unit of time in another one, if it is whole there.
fn in_unit(number: i64, from: TimeUnit, to: TimeUnit) -> Option<i64> {
    let per_second = |unit| match unit {
        TimeUnit::Second => 1_i128,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let scaled = i128::from(number) * per_second(to);
    if scaled % per_second(from) != 0 {
        return None;
    }
    i64::try_from(scaled / per_second(from)).ok()
}

/// The type of values that belong to no column yet.
///
/// # Errors
/// `TypeMismatch` when they have no type in common.
pub(crate) fn infer(column: &str, values: &[&Value]) -> Result<DataType> {
    let mut found = DataType::Null;
    for value in values {
        found = common(&found, &type_of(column, value)?).ok_or_else(|| {
            Error::new(
                Code::TypeMismatch,
                format!("the values of new column {column} have no type in common: name its type"),
            )
        })?;
    }
    Ok(found)
}

fn type_of(column: &str, value: &Value) -> Result<DataType> {
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    Ok(match value {
        Value::Null => DataType::Null,
        Value::Bool(_) => DataType::Boolean,
        Value::Int(_) => DataType::Int64,
        Value::UInt(_) => DataType::UInt64,
        Value::Float(_) => DataType::Float64,
        Value::Decimal(text) => {
            let digits = text.bytes().filter(u8::is_ascii_digit).count().clamp(1, 38);
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            DataType::Decimal128(u8::try_from(digits).unwrap_or(38), i8::try_from(scale).unwrap_or(38))
        }
        Value::Text(_) => DataType::Utf8,
        Value::Binary(_) => DataType::Binary,
        Value::Date(_) => DataType::Date32,
        Value::Time(_, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(*unit),
        Value::Time(_, unit) => DataType::Time64(*unit),
        Value::Timestamp(_, unit) => DataType::Timestamp(*unit, Some("UTC".into())),
        Value::Duration(_, unit) => DataType::Duration(*unit),
        Value::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        Value::List(items) => DataType::List(item(infer(column, &items.iter().collect::<Vec<_>>())?)),
        Value::Struct(members) => {
            let fields = members
                .iter()
                .map(|(name, value)| Ok(Field::new(name.as_ref(), type_of(column, value)?, true)))
                .collect::<Result<Vec<_>>>()?;
            DataType::Struct(fields.into())
        }
        Value::Map(_) => {
            return Err(Error::new(
                Code::UnsupportedType,
                format!("name the type of new column {column}: a map has none"),
            ));
        }
    })
}

/// The narrowest type that holds the values of both.
fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    Some(match (one, other) {
        (one, other) if one == other => one.clone(),
        (DataType::Null, other) => other.clone(),
        (one, DataType::Null) => one.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        (DataType::Int64, DataType::UInt64) | (DataType::UInt64, DataType::Int64) => DataType::Int64,
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            let scale = (*s1).max(*s2);
            let whole = (i16::from(*p1) - i16::from(*s1)).max(i16::from(*p2) - i16::from(*s2));
            DataType::Decimal128(u8::try_from(whole + i16::from(scale)).ok()?.min(38), scale)
        }
        (DataType::List(one), DataType::List(other)) => {
            let item = common(one.data_type(), other.data_type())?;
            DataType::List(Arc::new(Field::new_list_field(item, true)))
        }
        (DataType::Struct(one), DataType::Struct(other)) => {
            let mut fields: Vec<FieldRef> = Vec::new();
            for field in one {
                let data_type = match other.find(field.name()) {
                    Some((_, twin)) => common(field.data_type(), twin.data_type())?,
                    None => field.data_type().clone(),
                };
                fields.push(Arc::new(Field::new(field.name(), data_type, true)));
            }
            fields.extend(other.iter().filter(|field| one.find(field.name()).is_none()).cloned());
            DataType::Struct(fields.into())
        }
        _ => return None,
    })
}

/// An array without any type yet: all values are null.
pub(crate) fn untyped(len: usize) -> ArrayRef {
    Arc::new(NullArray::new(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(type_name: &str, value: Value) -> Result<Value> {
        let array = array_from_values("a", &type_from_text(type_name)?, [&value])?;
        Ok(values_from_array(&array)?.remove(0))
    }

    #[test]
    fn plain_forms_are_read_where_the_type_tells_what_they_mean() {
        let midnight = Value::Timestamp(-86_400_000, TimeUnit::Millisecond);
        assert_eq!(read_back("date32", midnight.clone()).unwrap(), Value::Date(-1));
        assert_eq!(read_back("date64", midnight).unwrap(), Value::Date(-1));
        let noon = Value::Timestamp(43_200, TimeUnit::Second);
        assert_eq!(read_back("date32", noon).unwrap_err().code(), Code::TypeMismatch);

        let parts = |name: &str| Value::Struct(vec![(name.into(), Value::Int(2))]);
        let whole = Value::Interval(Interval { months: 0, days: 2, nanoseconds: 0 });
        assert_eq!(read_back("Interval(MonthDayNano)", parts("days")).unwrap(), whole);
        assert!(read_back("Interval(MonthDayNano)", parts("weeks")).is_err());

        let entries =
            Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)]);
        let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false);
        let (key, item) = (Value::Text("k".to_owned()), Value::Int(1));
        let pairs = Value::List(vec![Value::List(vec![key.clone(), item.clone()])]);
        let read = values_from_array(&array_from_values("a", &map, [&pairs]).unwrap()).unwrap();
        assert_eq!(read, [Value::Map(vec![(key.clone(), item)])]);
        assert!(array_from_values("a", &map, [&Value::List(vec![Value::List(vec![key])])]).is_err());
    }
}
