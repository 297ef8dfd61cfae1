//! `spiral demo`: the main job on real data, with what each step cost.

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::TryStreamExt;
use futures::channel::oneshot;
use spiral_bindings::core::expr::parse;
use spiral_bindings::core::scan::PlanMetrics;
use spiral_bindings::core::table::{Asof, Snapshot, Table};
use spiral_bindings::core::transaction::WriteOptions;
use spiral_bindings::core::types::ColumnPath;
use spiral_bindings::core::{Code, Error, Result};
use spiral_bindings::{Client, ClientOptions};

use crate::import::batches;
use crate::input::{key_batch, key_columns, parquet};
use crate::output;

/// Every flight inside the United States that the large carriers reported for January 2001.
const FLIGHTS: &[u8] = include_bytes!("../demo/flights.parquet");

const TABLE: &str = "flights";
const KEY: [&str; 4] = ["origin", "departure", "destination", "sequence"];
const LATE: &str = "delay_minutes > 300 and origin_airport.state = 'CA'";

pub(crate) fn run(folder: Option<PathBuf>, interrupted: oneshot::Receiver<()>) -> Result<()> {
    let temporary = tempfile::tempdir()
        .map_err(|error| Error::new(Code::StorageFull, format!("no folder for the demo can be made: {error}")))?;
    let root = folder.unwrap_or_else(|| temporary.path().to_owned());
    let client = client(&root)?;
    crate::until_interrupted(&client, Box::pin(demo(&client, &root)), interrupted)
}

fn client(root: &Path) -> Result<Client> {
    Client::configured(Some(root.to_string_lossy().into_owned()), &ClientOptions::default())
}

async fn demo(client: &Client, root: &Path) -> Result<()> {
    let table = import(client, root).await?;
    let snapshot = table.snapshot();

    say(&format!("$ spiral scan flights --where \"{LATE}\" --select origin,departure,delay_minutes --limit 3"))?;
    let columns =
        ["origin", "departure", "delay_minutes"].map(ColumnPath::parse).into_iter().collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let plan = snapshot.scan().select(columns).with_filter(parse(LATE)?).plan().await?;
    let found: Vec<_> = plan.stream().try_collect().await?;
    let took = started.elapsed();
    let first: Vec<_> = found.first().map(|batch| batch.slice(0, batch.num_rows().min(3))).into_iter().collect();
    say(&arrow_cast::pretty::pretty_format_batches(&first)?.to_string())?;
    say(&format!("  {} in {} ms\n", cost(&plan.metrics()), took.as_millis()))?;

    one_key(root, &first).await?;

    let doomed = "origin = 'SFO'";
    let before = table.snapshot();
    let count_before = count(&before, doomed).await?;
    say(&format!("$ spiral delete flights --where \"{doomed}\""))?;
    let mut transaction = table.transaction();
    transaction.delete_where(parse(doomed)?);
    let commit = transaction.commit().await?;
    let after = table.snapshot();
    say(&format!(
        "  flights from SFO: {count_before} before, {} after (version {})",
        count(&after, doomed).await?,
        commit.version
    ))?;
    let past = table.snapshot_asof(Asof::Version(before.version())).await?;
    say(&format!("$ spiral scan flights --where \"{doomed}\" --asof {}", before.version()))?;
    say(&format!("  {} of them as of version {}\n", count(&past, doomed).await?, before.version()))?;

    say("Now with a Parquet file of your own:")?;
    say("  spiral import mine your.parquet --key id")?;
    say("  spiral scan mine --limit 10")?;
    say("  spiral get mine 42 --metrics")
}

async fn import(client: &Client, root: &Path) -> Result<Table> {
    let failed =
        |error: &dyn std::fmt::Display| Error::new(Code::Internal, format!("the demo data is damaged: {error}"));
    let input = parquet(bytes::Bytes::from_static(FLIGHTS), &failed)?;
    let keys = key_columns(&input.schema, &KEY.map(str::to_owned))?;
    say(&format!("$ spiral import flights flights.parquet --key {}", KEY.join(",")))?;
    let table = client.create_table(TABLE, &keys, true).await?.engine().clone();
    let started = Instant::now();
    let bar = output::progress("importing");
    table.write(batches(input, bar.clone()), WriteOptions::default()).await?;
    bar.finish_and_clear();
    say(&format!(
        "  {} rows in {:.1} s, {} on disk\n",
        bar.position(),
        started.elapsed().as_secs_f64(),
        output::size(folder_size(root))
    ))?;
    Ok(table)
}

/// One row by key with nothing in memory: what a far client would pay.
async fn one_key(root: &Path, found: &[arrow_array::RecordBatch]) -> Result<()> {
    let Some(row) = found.first() else { return Ok(()) };
    let cell = |name: &str| {
        let column = row.column_by_name(name);
        let text = column.and_then(|column| arrow_cast::display::array_value_to_string(column, 0).ok());
        text.ok_or_else(|| Error::new(Code::Internal, "the demo found no flight"))
    };
    let (origin, departure) = (cell("origin")?, cell("departure")?);
    let warm_client = client(root)?;
    let destinations = warm_client
        .table(TABLE)
        .await?
        .engine()
        .refresh()
        .await?
        .scan()
        .select([ColumnPath::parse("destination")?])
        .with_filter(parse(&format!("origin = '{origin}' and departure = '{departure}'"))?)
        .plan()
        .await?
        .stream()
        .try_collect::<Vec<_>>()
        .await?;
    let destination = destinations.first().map(|batch| arrow_cast::display::array_value_to_string(batch.column(0), 0));
    let Some(Ok(destination)) = destination else { return Ok(()) };
    let words = [origin, departure, destination, "0".to_owned()];
    let cold_client = client(root)?;
    let cold = cold_client.table(TABLE).await?.engine().clone();
    let plan = cold.refresh().await?.scan().plan().await?;
    let taken = plan.take(&key_batch(cold.key_schema(), &words)?).await?;
    let spent = cold.store().meter().snapshot();
    say(&format!("$ spiral get flights {} '{}' {} {}", words[0], words[1], words[2], words[3]))?;
    say(&format!(
        "  {} whole row, cold: {} requests, {} of {}\n",
        taken.rows.num_rows(),
        spent.requests(),
        output::size(spent.bytes_read),
        output::size(folder_size(root))
    ))
}

async fn count(snapshot: &Snapshot, filter: &str) -> Result<u64> {
    let plan =
        snapshot.scan().select([ColumnPath::parse("distance_miles")?]).with_filter(parse(filter)?).plan().await?;
    plan.stream().try_fold(0, |count, batch| async move { Ok(count + batch.num_rows() as u64) }).await
}

fn cost(metrics: &PlanMetrics) -> String {
    format!(
        "{} rows; {} of {} stripes skipped, {} requests, {}",
        metrics.rows_returned,
        metrics.stripes_pruned,
        metrics.stripes,
        metrics.requests,
        output::size(metrics.bytes)
    )
}

fn say(line: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}").map_err(output::failed_to_write)
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
