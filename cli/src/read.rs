//! `spiral scan`, `get` and `export`.

use std::fs::File;
use std::io::{IsTerminal, Write};

use arrow_array::RecordBatch;
use futures::StreamExt;
use serde_json::json;
use spiral_bindings::core::scan::Plan;
use spiral_bindings::core::table::Snapshot;
use spiral_bindings::core::{Code, Error, Result};
use spiral_bindings::{Asof, Client, ScanOptions};

use crate::arguments::{self, Form};
use crate::input::{self, key_batch};
use crate::{open, output};

/// The version of a table that a command reads.
pub(crate) async fn snapshot(client: &Client, table: &str, asof: Option<&str>) -> Result<Snapshot> {
    let opened = open::table(client, table).await?;
    opened.snapshot_at(Asof::maybe(asof)?).await.map_err(|error| error.with_table(table))
}

async fn planned(snapshot: &Snapshot, select: Vec<String>, filter: Option<String>, limit: Option<u64>) -> Result<Plan> {
    let select = Some(select).filter(|paths| !paths.is_empty());
    let options = ScanOptions { select, filter, limit, ..ScanOptions::default() };
    snapshot.scan().with_options(&options)?.plan().await
}

pub(crate) async fn scan(client: &Client, scan: arguments::Scan, json: bool) -> Result<()> {
    let snapshot = snapshot(client, &scan.table, scan.asof.as_deref()).await?;
    let form = if json { Form::Jsonl } else { scan.output };
    let shown = form == Form::Table && scan.limit.is_none();
    let limit = scan.limit.or(shown.then_some(output::TERMINAL_ROWS));
    let plan = planned(&snapshot, scan.select, scan.filter, limit).await?;
    if scan.explain {
        return output::result(plan.explain().trim_end(), &json!({ "plan": plan.explain() }), json);
    }
    let rows = output::rows(plan.stream(), form).await?;
    if shown && rows == output::TERMINAL_ROWS && std::io::stdout().is_terminal() {
        eprintln!("first {rows} rows; --limit shows more, --output csv or jsonl all");
    }
    if scan.metrics {
        output::metrics(&plan.metrics(), json);
    }
    Ok(())
}

pub(crate) async fn get(client: &Client, get: arguments::Get, json: bool) -> Result<()> {
    let snapshot = snapshot(client, &get.table, get.asof.as_deref()).await?;
    let plan = planned(&snapshot, get.select.clone(), None, None).await?;
    let mut missing = 0;
    let mut taken = Vec::new();
    for keys in key_batches(&plan, &get)? {
        let keys = keys?;
        let found = plan.take(&keys).await?;
        missing += keys.num_rows() - found.rows.num_rows();
        taken.push(Ok(found.rows));
    }
    let form = if json { Form::Jsonl } else { get.output };
    output::rows(futures::stream::iter(taken).boxed(), form).await?;
    if get.metrics {
        output::metrics(&plan.metrics(), json);
    }
    match &get.keys {
        _ if missing == 0 => Ok(()),
        None => Err(Error::new(Code::NameNotFound, format!("no row has the key {}", get.key.join(", ")))),
        Some(_) => Err(Error::new(Code::NameNotFound, format!("{missing} of the keys have no row"))),
    }
}

/// The keys of the command line as one batch, or those of a file.
fn key_batches(plan: &Plan, get: &arguments::Get) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>> {
    Ok(match &get.keys {
        None => Box::new(std::iter::once(key_batch(plan.key_schema(), &get.key))),
        Some(file) => Box::new(input::open(file, None)?.batches.map(|batch| Ok(batch?))),
    })
}

pub(crate) async fn export(client: &Client, export: arguments::Export, json: bool) -> Result<()> {
    let snapshot = snapshot(client, &export.table, export.asof.as_deref()).await?;
    let plan = planned(&snapshot, export.select, export.filter, None).await?;
    let bar = output::progress("exporting");
    let mut sink = Sink::create(&export.file, &plan.schema())?;
    let mut batches = plan.stream();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        bar.inc(batch.num_rows() as u64);
        sink.write(&batch)?;
    }
    sink.finish()?;
    bar.finish_and_clear();
    let rows = bar.position();
    output::result(
        &format!("{rows} rows of {} into {}", export.table, export.file.display()),
        &json!({ "table": export.table, "rows": rows, "file": export.file.display().to_string() }),
        json,
    )
}

/// A file that rows are written to.
enum Sink {
    Parquet(Box<parquet::arrow::ArrowWriter<File>>),
    Arrow(arrow_ipc::writer::FileWriter<std::io::BufWriter<File>>),
    Csv(arrow_csv::Writer<File>),
    Jsonl(arrow_json::LineDelimitedWriter<std::io::BufWriter<File>>),
}

impl Sink {
    fn create(path: &std::path::Path, schema: &arrow_schema::SchemaRef) -> Result<Self> {
        let file = || File::create(path).map_err(output::failed_to_write);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => {
                let properties = parquet::file::properties::WriterProperties::builder()
                    .set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default()))
                    .build();
                let writer = parquet::arrow::ArrowWriter::try_new(file()?, schema.clone(), Some(properties));
                Ok(Self::Parquet(Box::new(writer.map_err(unwritable)?)))
            }
            Some("arrow" | "ipc" | "feather") => {
                Ok(Self::Arrow(arrow_ipc::writer::FileWriter::try_new_buffered(file()?, schema)?))
            }
            Some("csv") => Ok(Self::Csv(arrow_csv::Writer::new(file()?))),
            Some("jsonl" | "ndjson") => {
                Ok(Self::Jsonl(arrow_json::LineDelimitedWriter::new(std::io::BufWriter::new(file()?))))
            }
            _ => Err(Error::new(Code::InvalidArgument, "name the file .parquet, .arrow, .csv or .jsonl")),
        }
    }

    fn write(&mut self, batch: &arrow_array::RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(unwritable),
            Self::Arrow(writer) => Ok(writer.write(batch)?),
            Self::Csv(writer) => Ok(writer.write(batch)?),
            Self::Jsonl(writer) => Ok(writer.write(batch)?),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(unwritable),
            Self::Arrow(mut writer) => Ok(writer.finish()?),
            Self::Csv(writer) => writer.into_inner().flush().map_err(output::failed_to_write),
            Self::Jsonl(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush().map_err(output::failed_to_write)
            }
        }
    }
}

fn unwritable(error: parquet::errors::ParquetError) -> Error {
    Error::new(Code::UnsupportedType, format!("the rows cannot be written as Parquet: {error}"))
}
