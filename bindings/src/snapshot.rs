//! Handles of versions.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use spiral_core::Result;
use spiral_core::exchange::RowTypes;
use spiral_core::table::{self, Asof};

use crate::options::ScanOptions;
use crate::plan::Plan;
use crate::scan::plan;
use crate::table::{ColumnInfo, Table, column_info};
use crate::work::Work;

/// A version of a table. It does not change, whatever is committed later.
#[derive(Clone)]
pub struct Snapshot {
    table: Table,
    engine: table::Snapshot,
}

impl Snapshot {
    pub(crate) fn new(table: Table, engine: table::Snapshot) -> Self {
        Self { table, engine }
    }

    /// The engine's handle, for Rust programs that need more than this facade.
    pub fn engine(&self) -> &table::Snapshot {
        &self.engine
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.engine.version()
    }

    /// When it was committed, in microseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.engine.timestamp()
    }

    /// The Arrow schema: key columns, then value columns, groups as nested structs.
    pub fn schema(&self) -> Work<SchemaRef> {
        let engine = self.engine.clone();
        self.table.start(async move { engine.schema().await })
    }

    /// The types that rows written to this version's table have.
    pub fn row_types(&self) -> Work<RowTypes> {
        self.schema().map_ok(|schema| RowTypes::new(&schema))
    }

    /// All columns by their paths, key columns first.
    pub fn columns(&self) -> Work<Vec<ColumnInfo>> {
        let engine = self.engine.clone();
        self.table.start(async move {
            let keys = engine.table().key_schema().fields().iter();
            let mut columns: Vec<_> =
                keys.map(|field| column_info(field.name().clone(), Arc::clone(field), true)).collect();
            let values = engine.columns().await?;
            columns.extend(values.into_iter().map(|(path, field)| column_info(path.to_string(), field, false)));
            Ok(columns)
        })
    }

    /// Plans a scan.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `InvalidExpression`; the store's codes.
    pub fn scan(&self, options: ScanOptions) -> Work<Plan> {
        let (engine, snapshot) = (self.engine.clone(), self.clone());
        let planning = self.table.start(async move { plan(engine.scan(), &options).await });
        planning.map_ok(|plan| Plan::new(snapshot.table.subject(), plan, vec![snapshot]))
    }
}

/// A version of a table; the newest one is looked for on the store.
pub(crate) async fn at(table: &table::Table, asof: Option<Asof>) -> Result<table::Snapshot> {
    match asof {
        None => table.refresh().await,
        Some(asof) => table.snapshot_asof(asof).await,
    }
}
