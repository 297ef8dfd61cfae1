//! `spiral import`: files of any size into a table, in one transaction.

use arrow_array::RecordBatch;
use futures::{Stream, stream};
use indicatif::ProgressBar;
use serde_json::json;
use spiral_bindings::Client;
use spiral_bindings::core::table::Table;
use spiral_bindings::core::transaction::WriteOptions;
use spiral_bindings::core::{Code, Error, Result};

use crate::arguments::Import;
use crate::input::{self, Input};
use crate::output;

pub(crate) async fn run(client: &Client, import: Import, json: bool) -> Result<()> {
    let mut inputs = Vec::new();
    for file in &import.files {
        inputs.push(input::open(file, import.format)?);
    }
    let table = open_or_create(client, &import, &inputs[0]).await?;
    let bar = output::progress("importing");
    let mut transaction = table.transaction();
    for input in inputs {
        let mode = WriteOptions { push_down_nulls: import.push_down_nulls };
        transaction.write(batches(input, bar.clone()), mode).await?;
    }
    let commit = transaction.commit().await?;
    bar.finish_and_clear();
    let rows = bar.position();
    output::result(
        &format!("{rows} rows into {} as version {}", import.table, commit.version),
        &json!({ "table": import.table, "rows": rows, "version": commit.version, "timestamp": commit.timestamp }),
        json,
    )
}

async fn open_or_create(client: &Client, import: &Import, first: &Input) -> Result<Table> {
    let table = match client.table(&import.table).await {
        Err(error) if error.code() == Code::TableNotFound && !import.key.is_empty() => {
            let keys = input::key_columns(&first.schema, &import.key)?;
            client.create_table(&import.table, &keys, true).await
        }
        Err(error) if error.code() == Code::TableNotFound => Err(Error::new(
            Code::TableNotFound,
            format!("table {} does not exist: name its key columns with --key to create it", import.table),
        )),
        other => other,
    };
    Ok(table?.engine().clone())
}

/// Batches of a file as a stream that counts rows.
pub(crate) fn batches(input: Input, bar: ProgressBar) -> impl Stream<Item = Result<RecordBatch>> + Send {
    stream::iter(input.batches.map(move |batch| {
        let batch = batch
            .map_err(|error| Error::new(Code::InvalidArgument, format!("the input cannot be read further: {error}")))?;
        bar.inc(batch.num_rows() as u64);
        Ok(batch)
    }))
}
