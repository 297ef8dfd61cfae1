//! Deletion: sorted runs of keys without values, which hide all cells of lower rank.

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::{Stream, StreamExt};

use super::ingest::{Ingest, IngestOptions};
use super::pending::PendingRows;
use crate::bail;
use crate::error::{Code, Result};
use crate::expr::Expr;
use crate::fragment::WriteOptions;
use crate::scan::Scan;
use crate::table::{Names, State, Table};

/// The keys of a stream as tombstones. A key may come several times.
pub(super) async fn keys<S>(table: &Table, names: Names, keys: S) -> Result<PendingRows>
where
    S: Stream<Item = Result<RecordBatch>> + Send,
{
    let options = IngestOptions {
        run_bytes: table.options().partition_max_bytes,
        push_down_nulls: false,
        repeated_keys: true,
        layout: WriteOptions::default(),
    };
    let schema = table.key_schema().clone();
    let mut ingest = Ingest::new(table.store(), names, schema.clone(), options);
    let mut keys = std::pin::pin!(keys);
    while let Some(batch) = keys.next().await {
        let batch = batch?;
        let positions = schema
            .fields()
            .iter()
            .map(|field| match batch.schema_ref().index_of(field.name()) {
                Ok(position) => Ok(position),
                Err(_) => bail!(Code::MissingKeyColumn, "the keys to delete lack key column {}", field.name()),
            })
            .collect::<Result<Vec<_>>>()?;
        ingest.push(&batch.project(&positions)?).await?;
    }
    let ingested = ingest.finish(table.options().inline_max_bytes).await?;
    Ok(match ingested.inline {
        Some(rows) => PendingRows::Inline(rows),
        None => PendingRows::Runs(ingested.runs),
    })
}

/// The keys of the rows of a version that a filter selects, as tombstones.
pub(super) async fn matching(table: &Table, state: &Arc<State>, began: u64, filter: &Expr) -> Result<PendingRows> {
    let snapshot = table.snapshot_of(Arc::clone(state));
    let plan = Scan::keys(&snapshot).with_filter(filter.clone()).plan().await?;
    let names = Names { began, runtime: Arc::clone(table.runtime()) };
    keys(table, names, plan.stream()).await
}
