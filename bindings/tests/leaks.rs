//! A process that opens, scans, cancels and closes again and again holds no more than at the start.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use spiral_bindings::{Client, ClientOptions, KeyColumn, ScanOptions, WriteOptions};

const ROWS: i64 = 5_000;
/// Runs before the first look: caches of the process are full by then.
const RUNS_BEFORE: usize = 50;
/// Runs between two looks.
const RUNS: usize = 150;
/// Times that what grew is looked at: a leak goes on growing, an allocator that has taken another piece does not.
const LOOKS: usize = 3;
/// Of what is held, between two looks.
const GROWTH_MAX: f64 = 0.02;

fn rows() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("name {row}"))));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
}

/// One life of a client: a whole scan, and one that is dropped after its first batch.
fn run(folder: &str) {
    let client = Client::connect(folder, &ClientOptions::default()).unwrap();
    let other = client.clone();
    let count = client.block_on(async move {
        let table = other.table("t").await?;
        let whole = table.scan(ScanOptions::default(), None).await?.collect().await?;
        drop(table.scan(ScanOptions::default(), None).await?.batches().next());
        Ok::<_, spiral_bindings::Error>(whole.iter().map(RecordBatch::num_rows).sum::<usize>())
    });
    assert_eq!(i64::try_from(count.unwrap()).unwrap(), ROWS);
}

/// What this process holds: KiB of memory, threads, files.
fn held() -> [f64; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    [number("RssAnon"), number("Threads"), f64::from(u32::try_from(files).unwrap())]
}

#[test]
fn nothing_grows_with_the_number_of_clients() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let client = Client::connect(folder, &ClientOptions::default()).unwrap();
    client
        .block_on(async {
            let table = client.create_table("t", &[KeyColumn::new("id", "int64")], false).await?;
            table.write(vec![rows()], WriteOptions::default()).await
        })
        .unwrap();
    drop(client);
    (0..RUNS_BEFORE).for_each(|_| run(folder));
    let mut before = held();
    let grew = |_| {
        (0..RUNS).for_each(|_| run(folder));
        let after = held();
        println!("after {RUNS} more runs: KiB, threads, files {before:?} to {after:?}");
        // One KiB, thread or file more is noise of the moment.
        let grew = before.iter().zip(after).any(|(before, after)| after > before * (1.0 + GROWTH_MAX) + 1.0);
        before = after;
        grew
    };
    assert!(!(0..LOOKS).all(grew), "what is held grows by 2 % every {RUNS} runs");
}
