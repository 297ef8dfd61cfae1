//! The benchmark table: an integer key with gaps, a timestamp, a low-cardinality string, three floats, two integers and
//! a text of 40 to 200 characters.

use std::sync::Arc;

use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringViewArray};

const BATCH: usize = 65_536;

/// A mixed number, the same on every run.
fn mix(n: usize, salt: u64) -> u64 {
    let mut z = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn unit(n: usize, salt: u64) -> f64 {
    (mix(n, salt) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The key of a row: about every third integer.
pub(crate) fn key(row: usize) -> i64 {
    (row * 3 + (mix(row, 1) % 3) as usize) as i64
}

/// Bounds of 1 % of the keys, in the middle.
pub(crate) fn range(rows: usize) -> (i64, i64) {
    let last = key(rows);
    (last / 2, last / 2 + last / 100)
}

const WORDS: [&str; 24] = [
    "river", "stone", "amber", "quiet", "north", "paper", "light", "copper", "garden", "window", "silver", "forest",
    "harbor", "engine", "planet", "meadow", "signal", "thread", "winter", "bridge", "candle", "desert", "island",
    "velvet",
];

fn text(row: usize, salt: u64) -> String {
    let length = 40 + (mix(row, salt) % 161) as usize;
    let mut text = String::with_capacity(length + 8);
    let mut at = 0;
    while text.len() < length {
        text.push_str(WORDS[(mix(row * 31 + at, salt + 1) % WORDS.len() as u64) as usize]);
        text.push(' ');
        at += 1;
    }
    text.truncate(length);
    text
}

fn batch(rows: &[usize], salt: u64) -> RecordBatch {
    let each = || rows.iter().copied();
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(each().map(key)));
    let time: ArrayRef = Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from_iter_values(
        each().map(|row| 1_700_000_000_000_000 + row as i64 * 1_000_003 + (mix(row, salt + 2) % 1000) as i64),
    ));
    let tag: ArrayRef =
        Arc::new(StringViewArray::from_iter_values(each().map(|row| WORDS[(mix(row, salt + 3) % 12) as usize])));
    let floats = |number: u64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(each().map(|row| unit(row, salt + 10 + number))))
    };
    let ints = |number: u64, end: u64| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(each().map(|row| (mix(row, salt + 20 + number) % end) as i32)))
    };
    let text: ArrayRef = Arc::new(StringViewArray::from_iter_values(each().map(|row| text(row, salt + 30))));
    RecordBatch::try_from_iter([
        ("id", id),
        ("time", time),
        ("tag", tag),
        ("x0", floats(0)),
        ("x1", floats(1)),
        ("x2", floats(2)),
        ("n0", ints(0, 1000)),
        ("n1", ints(1, 1_000_000)),
        ("text", text),
    ])
    .unwrap()
}

pub(crate) fn batches(rows: usize) -> Vec<RecordBatch> {
    let all: Vec<usize> = (0..rows).collect();
    all.chunks(BATCH).map(|rows| batch(rows, 100)).collect()
}

/// New values for 1 % of the rows, at random.
pub(crate) fn upsert(rows: usize, round: u64) -> RecordBatch {
    let chosen: Vec<usize> = (0..rows).filter(|row| mix(*row, 500 + round).is_multiple_of(100)).collect();
    batch(&chosen, 1000 + round)
}

/// Different rows at random.
fn chosen(rows: usize, count: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..count * 2).map(|n| (mix(n, 900) % rows as u64) as usize).collect();
    let mut seen = std::collections::HashSet::new();
    chosen.retain(|row| seen.insert(*row));
    chosen.truncate(count);
    chosen
}

/// Random keys in no order, all of which exist.
pub(crate) fn keys(rows: usize, count: usize) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(chosen(rows, count).into_iter().map(key)));
    RecordBatch::try_from_iter([("id", id)]).unwrap()
}

/// The row numbers of these keys, ascending.
pub(crate) fn places(rows: usize, count: usize) -> Vec<u64> {
    let mut places: Vec<u64> = chosen(rows, count).into_iter().map(|row| row as u64).collect();
    places.sort_unstable();
    places
}

/// One more column for every row.
pub(crate) fn added(batches: &[RecordBatch]) -> impl Iterator<Item = RecordBatch> {
    batches.iter().map(|batch| {
        let id = Arc::clone(&batch["id"]);
        let double: ArrayRef = {
            use arrow_array::cast::AsArray;
            Arc::new(id.as_primitive::<Int64Type>().iter().map(|id| id.map(|id| id * 2)).collect::<Int64Array>())
        };
        RecordBatch::try_from_iter([("id", id), ("double", double)]).unwrap()
    })
}
