//! Keys that break things: extremes, NaNs of all kinds, both zeros, zero bytes, shared prefixes.

#![allow(clippy::cast_possible_truncation, reason = "seeds are cut to each type's width on purpose")]

use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::*;
use arrow_schema::{DataType, TimeUnit};
use half::f16;
use proptest::prelude::*;

use super::KeySchema;

pub(crate) fn key_types() -> impl Strategy<Value = Vec<DataType>> {
    use DataType::*;
    let zone: Option<Arc<str>> = Some("Europe/Berlin".into());
    let types = vec![
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Timestamp(TimeUnit::Second, None),
        Timestamp(TimeUnit::Millisecond, zone),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Nanosecond, None),
    ];
    prop::collection::vec(prop::sample::select(types), 1..4)
}

/// A schema and its columns, of one to `max_rows` rows.
pub(crate) fn key_columns(max_rows: usize) -> impl Strategy<Value = (KeySchema, Vec<ArrayRef>)> {
    (key_types(), 1..=max_rows).prop_flat_map(|(types, rows)| {
        let seeds = prop::collection::vec(prop::collection::vec(any::<u64>(), rows), types.len());
        seeds.prop_map(move |seeds| {
            let columns = types.iter().zip(&seeds).map(|(data_type, seeds)| column(data_type, seeds)).collect();
            let named = types.iter().enumerate().map(|(i, data_type)| (format!("k{i}"), data_type.clone()));
            (KeySchema::try_new(named).unwrap(), columns)
        })
    })
}

pub(crate) fn column(data_type: &DataType, seeds: &[u64]) -> ArrayRef {
    let seeds = seeds.iter().copied();
    match data_type {
        DataType::Int8 => Arc::new(Int8Array::from_iter_values(seeds.map(|s| int(s) as i8))),
        DataType::Int16 => Arc::new(Int16Array::from_iter_values(seeds.map(|s| int(s) as i16))),
        DataType::Int32 => Arc::new(Int32Array::from_iter_values(seeds.map(|s| int(s) as i32))),
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(seeds.map(int))),
        DataType::UInt8 => Arc::new(UInt8Array::from_iter_values(seeds.map(|s| int(s) as u8))),
        DataType::UInt16 => Arc::new(UInt16Array::from_iter_values(seeds.map(|s| int(s) as u16))),
        DataType::UInt32 => Arc::new(UInt32Array::from_iter_values(seeds.map(|s| int(s) as u32))),
        DataType::UInt64 => Arc::new(UInt64Array::from_iter_values(seeds.map(|s| int(s) as u64))),
        DataType::Float16 => {
            Arc::new(Float16Array::from_iter_values(seeds.map(|s| f16::from_bits((double(s).to_bits() >> 48) as u16))))
        }
        DataType::Float32 => {
            Arc::new(Float32Array::from_iter_values(seeds.map(|s| f32::from_bits((double(s).to_bits() >> 32) as u32))))
        }
        DataType::Float64 => Arc::new(Float64Array::from_iter_values(seeds.map(double))),
        DataType::Timestamp(unit, zone) => match unit {
            TimeUnit::Second => timestamps::<TimestampSecondType>(seeds, zone),
            TimeUnit::Millisecond => timestamps::<TimestampMillisecondType>(seeds, zone),
            TimeUnit::Microsecond => timestamps::<TimestampMicrosecondType>(seeds, zone),
            TimeUnit::Nanosecond => timestamps::<TimestampNanosecondType>(seeds, zone),
        },
        DataType::Utf8 => Arc::new(StringArray::from_iter_values(seeds.map(text))),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values(seeds.map(text))),
        DataType::Utf8View => Arc::new(StringViewArray::from_iter_values(seeds.map(text))),
        DataType::Binary => Arc::new(BinaryArray::from_iter_values(seeds.map(bytes))),
        DataType::LargeBinary => Arc::new(LargeBinaryArray::from_iter_values(seeds.map(bytes))),
        DataType::BinaryView => Arc::new(BinaryViewArray::from_iter_values(seeds.map(bytes))),
        other => panic!("no key type: {other}"),
    }
}

fn timestamps<T: ArrowTimestampType>(seeds: impl Iterator<Item = u64>, zone: &Option<Arc<str>>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(seeds.map(int)).with_timezone_opt(zone.clone()))
}

fn int(seed: u64) -> i64 {
    let rest = (seed >> 4) as i64;
    match seed % 8 {
        0 => 0,
        1 => [i64::MIN, i64::MAX, -1, 1, 255, 256, -255, -256][(seed >> 4) as usize % 8],
        2 => rest % 5,
        3 => rest % 2000,
        4 => i64::MIN + rest % 3,
        5 => 1 << (rest % 63),
        6 => -(1 << (rest % 63)),
        _ => (seed << 3) as i64,
    }
}

fn double(seed: u64) -> f64 {
    let sign = if seed & 16 == 0 { 1.0 } else { -1.0 };
    let rest = seed >> 5;
    match seed % 6 {
        0 => 0.0 * sign,
        1 => f64::from_bits(0x7ff0_0001_0000_0001 | (rest << 32)) * sign,
        2 => f64::INFINITY * sign,
        3 => f64::from_bits(rest % 3) * sign,
        4 => f64::MAX * sign,
        _ => f64::from_bits(seed << 3),
    }
}

fn text(seed: u64) -> String {
    let letters = ["\0", "a", "\u{1}", "b", "é", "\u{10ffff}", "a", "\0"];
    (0..seed % 20).map(|i| letters[(seed >> (3 * i + 4)) as usize % 8]).collect()
}

fn bytes(seed: u64) -> Vec<u8> {
    let letters = [0u8, 1, 0xff, 0, 0xfe, 2, 0, 0xff];
    (0..seed % 20).map(|i| letters[(seed >> (3 * i + 4)) as usize % 8]).collect()
}
