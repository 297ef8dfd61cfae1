//! Casts, with time zones that need no database and conversions between units that never overflow.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};

use super::bound::NANOS_TYPE;
use super::coerce::{logical, unit_nanos};
use super::compare::plain;
use super::datetime::NANOS_PER_DAY;
use crate::bail;
use crate::error::{Code, Result};

/// Names of UTC, which Arrow looks up in a database that this build leaves out.
const UTC: [&str; 6] = ["UTC", "utc", "Z", "GMT", "Etc/UTC", "Etc/GMT"];

/// The type with its zone as an offset, where the zone is UTC by name.
fn with_offset(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if UTC.contains(&&**zone) => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        other => other.clone(),
    }
}

/// Fails with `unsupported_operation` on a cast that needs the rules of a named zone.
pub(super) fn check_zones(from: &DataType, to: &DataType) -> Result<()> {
    if matches!((from, to), (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, Some(_)))) || from == to {
        return Ok(());
    }
    for data_type in [from, to] {
        if let DataType::Timestamp(_, Some(zone)) = with_offset(data_type)
            // The same casts work in every build, whether a zone database is linked or not.
            && !(zone.starts_with(['+', '-']) && zone.parse::<Tz>().is_ok())
        {
            bail!(
                Code::UnsupportedOperation,
                "a cast needs the rules of time zone '{zone}', which are not supported; use UTC or an offset like +02:00"
            );
        }
    }
    Ok(())
}

/// The array as another type; values that it cannot hold become null.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let mut array = plain(array)?;
    for step in [with_offset(array.data_type()), with_offset(to), to.clone()] {
        if *array.data_type() != step {
            array = cast_with_options(&array, &step, &options)?;
        }
    }
    Ok(array)
}

/// The 64-bit numbers behind dates, times, timestamps and durations.
pub(super) fn raw(array: &ArrayRef) -> Result<ArrayRef> {
    let array = plain(array)?;
    let array = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => arrow_cast::cast(&array, &DataType::Int32)?,
        _ => array,
    };
    Ok(arrow_cast::cast(&array, &DataType::Int64)?)
}

/// Points and spans in time as exact nanoseconds.
pub(super) fn nanos(array: &ArrayRef) -> Result<ArrayRef> {
    let factor = match logical(array.data_type()) {
        DataType::Date32 => NANOS_PER_DAY,
        DataType::Date64 => unit_nanos(TimeUnit::Millisecond),
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
            unit_nanos(unit)
        }
        other => bail!(Code::Internal, "nanoseconds were asked of type {other}"),
    };
    let ints = raw(array)?;
    // 2^63 seconds are 9.3 * 10^27 nanoseconds, far inside 128 bits.
    let nanos = ints.as_primitive::<Int64Type>().unary::<_, Decimal128Type>(|value| i128::from(value) * factor);
    Ok(Arc::new(nanos.with_data_type(NANOS_TYPE)))
}
