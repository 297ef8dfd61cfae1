//! Writes a million rows from an iterator and reads them back as a stream: neither side ever holds them all.
//!
//! `cargo run --example streams`

#![allow(clippy::print_stdout, reason = "it shows what it reads")]

use std::sync::Arc;

use spiral::arrow_array::{ArrayRef, Int64Array, RecordBatch};
use spiral::{Client, ClientOptions, Error, KeyColumn, ScanOptions, WriteOptions};

const BATCHES: i64 = 100;
const ROWS: i64 = 10_000;

fn batch(number: i64) -> Result<RecordBatch, Error> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(number * ROWS..(number + 1) * ROWS));
    let squares: ArrayRef =
        Arc::new(Int64Array::from_iter_values((number * ROWS..(number + 1) * ROWS).map(|id| id * id)));
    Ok(RecordBatch::try_from_iter([("id", ids), ("square", squares)])?)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect("memory:", &ClientOptions::default())?;
    client.block_on(async {
        let table = client.create_table("numbers", &[KeyColumn::new("id", "int64")], false).await?;
        table.write_iter((0..BATCHES).map(batch), WriteOptions::default()).await?;

        let plan = table.scan(ScanOptions::default(), None).await?;
        let batches = plan.batches();
        let mut rows = 0;
        while let Some(batch) = batches.next().await? {
            rows += batch.num_rows();
            if rows > 100_000 {
                // Ends all reading; dropping the stream does the same.
                batches.close();
                break;
            }
        }
        println!("stopped after {rows} rows, {} bytes read", plan.metrics().bytes);
        Ok::<_, Error>(())
    })?;
    Ok(())
}
