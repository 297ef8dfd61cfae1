//! `spiral tables`, `schema` and `txn`.

use std::fmt::Write;

use serde_json::json;
use spiral_bindings::Client;
use spiral_bindings::core::table::HistoryEntry;
use spiral_bindings::core::{Code, Error, Result};

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
    let keys = snapshot.table().key_schema().clone();
    let columns = snapshot.columns().await?;
    let mut text = String::new();
    for field in keys.fields() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<40} {} key", field.name(), field.data_type());
    }
    for (path, field) in &columns {
        let _ = writeln!(text, "{:<40} {}", path.to_string(), field.data_type());
    }
    let column = |name: String, data_type: String, key: bool| json!({ "name": name, "type": data_type, "key": key });
    let listed: Vec<_> = keys
        .fields()
        .iter()
        .map(|field| column(field.name().clone(), field.data_type().to_string(), true))
        .chain(columns.iter().map(|(path, field)| column(path.to_string(), field.data_type().to_string(), false)))
        .collect();
    output::result(text.trim_end(), &json!({ "version": snapshot.version(), "columns": listed }), json)
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
