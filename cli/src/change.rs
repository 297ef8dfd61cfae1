//! `spiral delete`, `rename` and `drop`.

use futures::stream;
use serde_json::json;
use spiral_bindings::Client;
use spiral_bindings::core::Result;
use spiral_bindings::core::expr::parse;

use crate::arguments::Delete;
use crate::input::key_batch;
use crate::{open, output};

pub(crate) async fn delete(client: &Client, delete: Delete, json: bool) -> Result<()> {
    let table = open::table(client, &delete.table).await?;
    let mut transaction = table.transaction();
    match &delete.filter {
        Some(filter) => transaction.delete_where(parse(filter)?),
        None => {
            let keys = key_batch(table.key_schema(), &delete.key)?;
            transaction.delete(stream::iter([Ok(keys)])).await?;
        }
    }
    let commit = transaction.commit().await?;
    let deleted = table.history(1).await?.first().map_or(0, |entry| entry.summary.rows_deleted);
    output::result(
        &format!("{deleted} rows of {} deleted in version {}", delete.table, commit.version),
        &json!({ "table": delete.table, "rows": deleted, "version": commit.version }),
        json,
    )
}

pub(crate) async fn rename(client: &Client, table: &str, new_name: &str, json: bool) -> Result<()> {
    client.rename_table(table, new_name).await?;
    output::result(&format!("{table} is {new_name} now"), &json!({ "table": table, "new_name": new_name }), json)
}

pub(crate) async fn drop(client: &Client, table: &str, json: bool) -> Result<()> {
    client.drop_table(table).await?;
    output::result(&format!("{table} is dropped"), &json!({ "table": table }), json)
}
