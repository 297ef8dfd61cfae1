//! `spiral tables`, `schema` and `txn`.

use serde_json::json;
use spiral_bindings::core::table::HistoryEntry;
use spiral_bindings::core::{Code, Error, Result};
use spiral_bindings::{Client, ColumnInfo};

use crate::arguments::Txn;
use crate::read::snapshot;
use crate::{open, output};

pub(crate) async fn tables(client: &Client, json: bool) -> Result<()> {
    let tables = client.catalog().tables().await?;
    if tables.is_empty() && !json {
        eprintln!("no tables in {}", client.url());
        return Ok(());
    }
    let text: Vec<_> = tables.iter().map(|table| format!("{:<40} {}", table.name.to_string(), table.id)).collect();
    let listed: Vec<_> = tables.iter().map(|table| json!({ "name": table.name.to_string(), "id": table.id })).collect();
    output::result(&text.join("\n"), &json!({ "tables": listed }), json)
}

pub(crate) async fn schema(client: &Client, table: &str, asof: Option<&str>, json: bool) -> Result<()> {
    let snapshot = snapshot(client, table, asof).await?;
    let columns = ColumnInfo::of_snapshot(&snapshot).await?;
    let line = |column: &ColumnInfo| {
        format!("{:<40} {}{}", column.path, column.type_name, if column.is_key { " key" } else { "" })
    };
    let text: Vec<String> = columns.iter().map(line).collect();
    output::result(&text.join("\n"), &json!({ "version": snapshot.version(), "columns": columns }), json)
}

pub(crate) async fn transactions(client: &Client, command: Txn, json: bool) -> Result<()> {
    let (table, limit, version) = match &command {
        Txn::List { table, limit } => (table, *limit, None),
        Txn::Show { table, version } => (table, usize::MAX, Some(*version)),
    };
    let opened = open::table(client, table).await?;
    let entries = match version {
        None => opened.history(limit).await?,
        Some(version) => vec![opened.commit_at(version).await?],
    };
    let text: Vec<String> = entries.iter().map(line).collect();
    let listed: Vec<_> = entries.iter().map(object).collect();
    output::result(&text.join("\n"), &json!({ "table": table, "commits": listed }), json)
}

fn time(micros: i64) -> Result<String> {
    chrono::DateTime::from_timestamp_micros(micros)
        .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
        .ok_or_else(|| Error::new(Code::Corrupt, format!("{micros} is no commit time")))
}

fn line(entry: &HistoryEntry) -> String {
    let summary = &entry.summary;
    format!(
        "{:>8}  {}  {:<20} +{} -{} rows, {}",
        entry.version,
        time(entry.timestamp).unwrap_or_default(),
        summary.operations.join(", "),
        summary.rows_written,
        summary.rows_deleted,
        output::size(summary.bytes)
    )
}

fn object(entry: &HistoryEntry) -> serde_json::Value {
    let summary = &entry.summary;
    json!({
        "version": entry.version,
        "timestamp": entry.timestamp,
        "time": time(entry.timestamp).unwrap_or_default(),
        "txn": entry.txn.to_string(),
        "operations": summary.operations,
        "rows_written": summary.rows_written,
        "rows_deleted": summary.rows_deleted,
        "bytes": summary.bytes,
    })
}
