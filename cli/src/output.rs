//! Rows, errors and results on the terminal.

use std::io::{IsTerminal, Write};

use arrow_array::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use spiral_bindings::core::scan::{BatchStream, PlanMetrics};
use spiral_bindings::core::{Code, Error, Result};

use crate::arguments::Form;

/// Rows that a terminal shows at most unless a limit is given.
pub(crate) const TERMINAL_ROWS: u64 = 40;

/// Prints an error to standard error.
pub(crate) fn report(error: &Error, json: bool) {
    if json {
        eprintln!("{}", json!({ "error": error }));
    } else {
        eprintln!("error: {error}");
    }
}

/// A write to a pipe whose reader has gone.
pub(crate) fn failed_to_write(error: std::io::Error) -> Error {
    let closed = error.kind() == std::io::ErrorKind::BrokenPipe;
    let code = if closed { Code::Cancelled } else { Code::InvalidArgument };
    let message = if closed { CLOSED_PIPE.to_owned() } else { format!("the output cannot be written: {error}") };
    Error::new(code, message)
}

const CLOSED_PIPE: &str = "the reader of the output has gone";

/// Whether the command ends because nobody reads its output any more, which is no failure.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    error.message().contains(CLOSED_PIPE) || error.message().contains("Broken pipe")
}

/// Prints a result: a line for people, an object for programs.
pub(crate) fn result(text: &str, value: &serde_json::Value, json: bool) -> Result<()> {
    let mut out = std::io::stdout();
    if json { writeln!(out, "{value}") } else { writeln!(out, "{text}") }.map_err(failed_to_write)
}

/// Prints rows as they come. Returns how many.
pub(crate) async fn rows(batches: BatchStream, form: Form) -> Result<u64> {
    let out = std::io::stdout();
    let mut batches = batches;
    let mut count = 0;
    match form {
        Form::Table => {
            // A table needs the widths of all its rows; what a terminal shows is short.
            let all: Vec<RecordBatch> = batches.try_collect().await?;
            count = all.iter().map(|batch| batch.num_rows() as u64).sum();
            if count > 0 {
                let table = arrow_cast::pretty::pretty_format_batches(&all)?;
                writeln!(out.lock(), "{table}").map_err(failed_to_write)?;
            }
        }
        Form::Jsonl => {
            let mut writer = arrow_json::LineDelimitedWriter::new(std::io::BufWriter::new(out));
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                count += batch.num_rows() as u64;
                writer.write(&batch)?;
            }
            writer.finish()?;
            writer.into_inner().flush().map_err(failed_to_write)?;
        }
        Form::Csv => {
            let mut writer = arrow_csv::Writer::new(std::io::BufWriter::new(out));
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                count += batch.num_rows() as u64;
                writer.write(&batch)?;
            }
            writer.into_inner().flush().map_err(failed_to_write)?;
        }
        Form::Arrow => {
            let mut writer = None;
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                count += batch.num_rows() as u64;
                if writer.is_none() {
                    let out = std::io::BufWriter::new(std::io::stdout());
                    writer = Some(arrow_ipc::writer::StreamWriter::try_new(out, batch.schema_ref())?);
                }
                if let Some(writer) = &mut writer {
                    writer.write(&batch)?;
                }
            }
            if let Some(mut writer) = writer {
                writer.finish()?;
                writer.into_inner()?.flush().map_err(failed_to_write)?;
            }
        }
    }
    Ok(count)
}

/// Prints what a plan cost to standard error.
pub(crate) fn metrics(metrics: &PlanMetrics, json: bool) {
    if json {
        eprintln!("{}", json!({ "metrics": metrics }));
    } else {
        eprintln!(
            "{} rows of {} read, {} of {} stripes skipped; {} requests, {}",
            metrics.rows_returned,
            metrics.rows_read,
            metrics.stripes_pruned,
            metrics.stripes,
            metrics.requests,
            size(metrics.bytes)
        );
    }
}

/// Bytes for people, in powers of ten.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

/// A bar that counts rows, shown only on a terminal.
pub(crate) fn progress(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {spinner} {human_pos} rows, {per_sec}, {elapsed}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(what.to_owned())
}
