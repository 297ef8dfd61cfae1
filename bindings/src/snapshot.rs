//! Handles of versions.

use arrow_schema::SchemaRef;
use spiral_core::exchange::ColumnInfo;
use spiral_core::scan::ScanOptions;
use spiral_core::table;

use crate::plan::Plan;
use crate::table::Table;
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
        self.table.subject().start(async move { engine.schema().await })
    }

    /// All columns by their paths, key columns first.
    pub fn columns(&self) -> Work<Vec<ColumnInfo>> {
        let engine = self.engine.clone();
        self.table.subject().start(async move { ColumnInfo::of_snapshot(&engine).await })
    }

    /// Plans a scan.
    ///
    /// # Errors
    /// `UnknownColumn`, `TypeMismatch`, `InvalidExpression`; the store's codes.
    pub fn scan(&self, options: ScanOptions) -> Work<Plan> {
        let (engine, table) = (self.engine.clone(), self.table.clone());
        let planning = table.subject().start(async move { engine.scan().with_options(&options)?.plan().await });
        planning.map_ok(|plan| Plan::new(table.subject().clone(), plan, vec![table]))
    }
}
