//! Creates a table in a folder, writes it, reads it by filter and by key, changes it, and reads what it was before.
//!
//! `cargo run --example quickstart`

#![allow(clippy::print_stdout, reason = "it shows what it reads")]

use std::sync::Arc;

use spiral::arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use spiral::{Asof, Client, ClientOptions, Error, KeyColumn, ScanOptions, WriteOptions};

fn orders(ids: &[i64], places: &[&str], prices: &[f64]) -> Result<RecordBatch, Error> {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let places: ArrayRef = Arc::new(StringArray::from(places.to_vec()));
    let prices: ArrayRef = Arc::new(Float64Array::from(prices.to_vec()));
    Ok(RecordBatch::try_from_iter([("id", ids), ("place", places), ("price", prices)])?)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    // Or "s3://bucket/folder", "gs://…", "az://…", "memory:", or "https://…" to read.
    let client = Client::connect(&folder.path().to_string_lossy(), &ClientOptions::default())?;
    client.block_on(async {
        let table = client.create_table("shop.orders", &[KeyColumn::new("id", "int64")], true).await?;
        let written = table
            .write(vec![orders(&[3, 1, 2], &["Oslo", "Bergen", "Oslo"], &[9.5, 20.0, 3.0])?], WriteOptions::default())
            .await?;

        // Another batch of these keys replaces the cells that it has, and no others.
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![2]));
        let prices: ArrayRef = Arc::new(Float64Array::from(vec![30.0]));
        let change = RecordBatch::try_from_iter([("id", ids), ("price", prices)])?;
        table.write(vec![change], WriteOptions::default()).await?;

        let dear = ScanOptions { filter: Some("price > 5 and place = 'Oslo'".into()), ..ScanOptions::default() };
        let plan = table.scan(dear.clone(), None).await?;
        let now: usize = plan.collect().await?.iter().map(RecordBatch::num_rows).sum();
        let then = table.scan(dear, Some(Asof::Version(written.version))).await?;
        let then: usize = then.collect().await?.iter().map(RecordBatch::num_rows).sum();
        println!("dear orders in Oslo: {then} as of version {}, {now} now", written.version);

        let keys: ArrayRef = Arc::new(Int64Array::from(vec![2, 7]));
        let found =
            table.scan(ScanOptions::default(), None).await?.take(RecordBatch::try_from_iter([("id", keys)])?).await?;
        println!("{} of 2 keys exist", found.rows.num_rows());
        Ok::<_, Error>(())
    })?;
    Ok(())
}
