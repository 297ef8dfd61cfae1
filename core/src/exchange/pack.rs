//! Columns as packed bytes: one crossing per column for hosts to which each call is dear.
//!
//! A column is the number of its rows and its cells; the cells are one byte that names their form, one that tells
//! whether nulls follow, as a byte per row that is 1 where the row is null, and then what the form says. Lists, structs
//! and maps contain the cells of their members. Numbers have this machine's byte order, counts are 32-bit. The reader is
//! `js/unpack.js`.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::names::plain_type;
use super::value::check_depth;
use crate::{Code, Error, Result};

const MILLIS_PER_DAY: i32 = 86_400_000;

/// What follows the nulls of cells.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Form {
    /// Nothing: all rows are null.
    Null,
    /// One byte per row.
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    /// Timestamps that are too fine for dates of the host, as 64-bit integers.
    Moment,
    /// Times of day and durations, as 64-bit integers.
    Span,
    /// Milliseconds per unit, then days or moments since 1970 in that unit, as 64-bit integers.
    Date,
    /// Where the text of each row begins, and the last one ends, in units of UTF-16, in which hosts index text; the number
    /// of bytes, and the bytes in UTF-8.
    Text,
    /// Where the bytes of each row begin, and the last ones end; the bytes.
    Binary,
    /// Months, days and nanoseconds of each row.
    Interval,
    /// Where the items of each row begin, and the last ones end; the cells of the items.
    List,
    /// The number of fields; of each the length of its name in bytes, its name, and its cells.
    Struct,
    /// As a list, with the cells of the keys and those of the values.
    Map,
}

/// The packed form of a column.
///
/// # Errors
/// `UnsupportedType` for types that no column has, `LimitExceeded` for nesting without end and for columns whose counts
/// are beyond 32 bits.
pub fn pack_column(column: &ArrayRef) -> Result<Vec<u8>> {
    let mut packer = Packer { bytes: Vec::new() };
    packer.count(column.len())?;
    packer.cells(column, 0)?;
    Ok(packer.bytes)
}

struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    fn cells(&mut self, array: &ArrayRef, depth: usize) -> Result<()> {
        check_depth(depth)?;
        let depth = depth + 1;
        if let Some(plain) = plain_type(array.data_type()) {
            return self.cells(&cast(array, &plain)?, depth);
        }
        match array.data_type() {
            DataType::Null => self.begin(Form::Null, array),
            DataType::Boolean => {
                self.begin(Form::Bool, array);
                self.bytes.extend(array.as_boolean().values().iter().map(u8::from));
            }
            DataType::Int8 => self.numbers::<Int8Type>(Form::Int8, array),
            DataType::Int16 => self.numbers::<Int16Type>(Form::Int16, array),
            DataType::Int32 => self.numbers::<Int32Type>(Form::Int32, array),
            DataType::Int64 => self.numbers::<Int64Type>(Form::Int64, array),
            DataType::UInt8 => self.numbers::<UInt8Type>(Form::UInt8, array),
            DataType::UInt16 => self.numbers::<UInt16Type>(Form::UInt16, array),
            DataType::UInt32 => self.numbers::<UInt32Type>(Form::UInt32, array),
            DataType::UInt64 => self.numbers::<UInt64Type>(Form::UInt64, array),
            DataType::Float16 => self.numbers::<Float32Type>(Form::Float32, &cast(array, &DataType::Float32)?),
            DataType::Float32 => self.numbers::<Float32Type>(Form::Float32, array),
            DataType::Float64 => self.numbers::<Float64Type>(Form::Float64, array),
            DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => self.raw(Form::Moment, array)?,
            DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => self.raw(Form::Span, array)?,
            DataType::Timestamp(TimeUnit::Second, _) => self.dates(1_000, array)?,
            DataType::Timestamp(TimeUnit::Millisecond, _) => self.dates(1, array)?,
            DataType::Date32 => self.dates(MILLIS_PER_DAY, array)?,
            DataType::Date64 => {
                let millis = array.as_primitive::<Date64Type>();
                let days = millis.unary::<_, Int64Type>(|millis| millis.div_euclid(MILLIS_PER_DAY.into()));
                self.dates(MILLIS_PER_DAY, &(std::sync::Arc::new(days) as ArrayRef))?;
            }
            data_type if data_type.is_decimal() => {
                let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new())?;
                let text = |row| if array.is_null(row) { String::new() } else { formatter.value(row).to_string() };
                self.text(array, (0..array.len()).map(text))?;
            }
            DataType::Utf8 => {
                let text = array.as_string::<i32>();
                self.text(array, text.iter().map(Option::unwrap_or_default))?;
            }
            DataType::Binary => {
                let binary = array.as_binary::<i32>();
                self.begin(Form::Binary, array);
                let (from, to) = self.offsets(binary.offsets())?;
                self.bytes.extend_from_slice(&binary.value_data()[from..to]);
            }
            DataType::Interval(_) => self.intervals(array)?,
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                self.begin(Form::List, array);
                let (from, to) = self.offsets(list.offsets())?;
                self.cells(&list.values().slice(from, to - from), depth)?;
            }
            DataType::FixedSizeList(..) => self.fixed_lists(array.as_fixed_size_list(), array, depth)?,
            DataType::Struct(_) => self.structs(array.as_struct(), array, depth)?,
            DataType::Map(..) => {
                let map = array.as_map();
                self.begin(Form::Map, array);
                let (from, to) = self.offsets(map.offsets())?;
                self.cells(&map.keys().slice(from, to - from), depth)?;
                self.cells(&map.values().slice(from, to - from), depth)?;
            }
            other => return Err(Error::new(Code::UnsupportedType, format!("type {other} has no single values"))),
        }
        Ok(())
    }

    fn count(&mut self, count: usize) -> Result<()> {
        let count = u32::try_from(count)
            .map_err(|_| Error::new(Code::LimitExceeded, "a column is too large to be handed out at once"))?;
        self.bytes.extend_from_slice(&count.to_ne_bytes());
        Ok(())
    }

    fn begin(&mut self, form: Form, array: &ArrayRef) {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        self.bytes.extend([form as u8, u8::from(nulls.is_some())]);
        self.bytes.extend(nulls.iter().flat_map(|nulls| nulls.iter()).map(|valid| u8::from(!valid)));
    }

    fn numbers<T: ArrowPrimitiveType>(&mut self, form: Form, array: &ArrayRef) {
        self.begin(form, array);
        self.bytes.extend_from_slice(array.as_primitive::<T>().values().inner().as_slice());
    }

    fn raw(&mut self, form: Form, array: &ArrayRef) -> Result<()> {
        self.numbers::<Int64Type>(form, &cast(array, &DataType::Int64)?);
        Ok(())
    }

    fn dates(&mut self, unit_millis: i32, array: &ArrayRef) -> Result<()> {
        self.begin(Form::Date, array);
        self.bytes.extend_from_slice(&unit_millis.to_ne_bytes());
        let raw = cast(array, &DataType::Int64)?;
        self.bytes.extend_from_slice(raw.as_primitive::<Int64Type>().values().inner().as_slice());
        Ok(())
    }

    fn text(&mut self, array: &ArrayRef, rows: impl Iterator<Item = impl AsRef<str>>) -> Result<()> {
        self.begin(Form::Text, array);
        let (mut bytes, mut units) = (Vec::new(), 0);
        self.count(0)?;
        for row in rows {
            let text = row.as_ref();
            bytes.extend_from_slice(text.as_bytes());
            units += if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
            self.count(units)?;
        }
        self.count(bytes.len())?;
        self.bytes.append(&mut bytes);
        Ok(())
    }

    /// Offsets from zero on; returns where the first row begins and the last one ends among the items of all.
    fn offsets(&mut self, offsets: &OffsetBuffer<i32>) -> Result<(usize, usize)> {
        let position = |offset: &i32| usize::try_from(*offset).unwrap_or(0);
        let first = position(&offsets[0]);
        for offset in offsets.iter() {
            self.count(position(offset) - first)?;
        }
        Ok((first, position(&offsets[offsets.len() - 1])))
    }

    fn intervals(&mut self, array: &ArrayRef) -> Result<()> {
        self.begin(Form::Interval, array);
        let whole = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
        for IntervalMonthDayNano { months, days, nanoseconds } in
            whole.as_primitive::<IntervalMonthDayNanoType>().values()
        {
            self.bytes.extend_from_slice(&months.to_ne_bytes());
            self.bytes.extend_from_slice(&days.to_ne_bytes());
            self.bytes.extend_from_slice(&nanoseconds.to_ne_bytes());
        }
        Ok(())
    }

    fn fixed_lists(&mut self, lists: &FixedSizeListArray, array: &ArrayRef, depth: usize) -> Result<()> {
        self.begin(Form::List, array);
        let width = usize::try_from(lists.value_length()).unwrap_or(0);
        for row in 0..=lists.len() {
            self.count(row * width)?;
        }
        self.cells(lists.values(), depth)
    }

    fn structs(&mut self, structs: &StructArray, array: &ArrayRef, depth: usize) -> Result<()> {
        self.begin(Form::Struct, array);
        self.count(structs.num_columns())?;
        for (field, column) in structs.fields().iter().zip(structs.columns()) {
            self.count(field.name().len())?;
            self.bytes.extend_from_slice(field.name().as_bytes());
            self.cells(column, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int16Array, StringArray};

    use super::*;
    use crate::exchange::{Value, array_from_values};

    fn counts(counts: &[u32]) -> Vec<u8> {
        counts.iter().flat_map(|count| count.to_ne_bytes()).collect()
    }

    #[test]
    fn text_is_counted_in_the_units_of_hosts_and_slices_begin_at_their_first_row() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("left out"), Some("aé"), None, Some("\u{1d11e}")]));
        let packed = pack_column(&text.slice(1, 3)).unwrap();
        let expected =
            [&counts(&[3])[..], &[Form::Text as u8, 1, 0, 1, 0], &counts(&[0, 2, 2, 4, 7]), "aé\u{1d11e}".as_bytes()];
        assert_eq!(packed, expected.concat());
    }

    #[test]
    fn lists_contain_the_cells_of_their_items_alone() {
        let list = |items: &[i64]| Value::List(items.iter().map(|item| Value::Int(*item)).collect());
        let lists = [list(&[7]), list(&[-1, 2]), Value::Null];
        let data_type = DataType::List(Arc::new(arrow_schema::Field::new_list_field(DataType::Int16, true)));
        let array = array_from_values("a", &data_type, &lists).unwrap();
        let items = Int16Array::from(vec![-1, 2]);
        let expected = [
            &counts(&[2])[..],
            &[Form::List as u8, 1, 0, 1],
            &counts(&[0, 2, 2]),
            &[Form::Int16 as u8, 0],
            items.values().inner().as_slice(),
        ];
        assert_eq!(pack_column(&array.slice(1, 2)).unwrap(), expected.concat());
    }
}
