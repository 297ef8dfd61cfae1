//! Several operations become visible at once; rows that a filter selects are replaced in the same commit.
//!
//! `cargo run --example transactions`

#![allow(clippy::print_stdout, reason = "it shows what it reads")]

use std::sync::Arc;

use spiral::arrow_array::{ArrayRef, Int64Array, RecordBatch};
use spiral::{Client, ClientOptions, Error, KeyColumn, ScanOptions, WriteOptions};

fn accounts(ids: Vec<i64>, balances: Vec<i64>) -> Result<RecordBatch, Error> {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids));
    let balances: ArrayRef = Arc::new(Int64Array::from(balances));
    Ok(RecordBatch::try_from_iter([("id", ids), ("balance", balances)])?)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect("memory:", &ClientOptions::default())?;
    client.block_on(async {
        let table = client.create_table("accounts", &[KeyColumn::new("id", "int64")], false).await?;
        table.write(vec![accounts(vec![1, 2, 3], vec![100, 0, -5])?], WriteOptions::default()).await?;

        let transaction = table.transaction();
        transaction.write(vec![accounts(vec![1, 2], vec![60, 40])?], WriteOptions::default()).await?;
        transaction.delete_where("balance < 0").await?;
        let before = table.scan(ScanOptions::default(), None).await?.collect().await?;
        let committed = transaction.commit().await?;
        let after = table.scan(ScanOptions::default(), None).await?.collect().await?;

        let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        println!("{} accounts until version {} made it {}", rows(&before), committed.version, rows(&after));
        for entry in table.history(10).await? {
            println!("version {}: {}", entry.version, entry.summary.operations.join(", "));
        }
        Ok::<_, Error>(())
    })?;
    Ok(())
}
