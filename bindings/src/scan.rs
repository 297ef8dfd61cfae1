//! Scans over several tables.

use spiral_core::scan::{Scan, ScanOptions, ScanSource};
use spiral_core::table::Asof;
use spiral_core::{Code, Error};

use crate::client::Client;
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::work::{Subject, Work};

/// A table of a scan, under the name that paths of its columns begin with.
#[derive(Clone)]
pub struct ScanTable {
    name: String,
    table: Table,
    source: ScanSource,
}

impl ScanTable {
    /// The version of a table that the scan's `asof` names, or the newest.
    pub fn new(name: impl Into<String>, table: &Table) -> Self {
        let source = ScanSource::Table(table.engine().clone());
        Self { name: name.into(), table: table.clone(), source }
    }

    /// A version.
    pub fn at(name: impl Into<String>, snapshot: &Snapshot) -> Self {
        let source = ScanSource::Snapshot(snapshot.engine().clone());
        Self { name: name.into(), table: snapshot.table().clone(), source }
    }
}

impl Client {
    /// Plans a scan over one or several tables of one key schema.
    ///
    /// The result has the key columns once, then a struct for each table under its name, unless options choose. Paths
    /// begin with the name of a table; those of key columns need not. A row exists if any column group that the scan
    /// refers to has its key, in whichever table; what a table lacks is null. `asof` a time holds for all tables. A version
    /// is counted by each table for itself: pass snapshots instead, unless there is one table.
    ///
    /// # Errors
    /// `KeySchemaMismatch`; `InvalidArgument` for no table, a name that occurs twice or is that of a key column, a table
    /// of another client, `asof` with a snapshot; `UnknownColumn`, `TypeMismatch`, `InvalidExpression`, `InvalidName`
    /// where two columns of the result have one name; those of [`Table::snapshot`].
    pub fn scan(&self, tables: Vec<ScanTable>, options: ScanOptions, asof: Option<Asof>) -> Work<Plan> {
        let foreign = tables.iter().any(|table| !table.table.client().is(self));
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        let subject = Subject::new(self, &names.join(", "));
        let (handles, sources): (Vec<_>, Vec<_>) =
            tables.into_iter().map(|ScanTable { name, table, source }| (table, (name, source))).unzip();
        // Work must not hold a client, as the facade's handles do.
        let planning = subject.start(async move {
            if foreign {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "the tables of a scan belong to the client that scans them",
                ));
            }
            Scan::of(sources, asof).await?.with_options(&options)?.plan().await
        });
        planning.map_ok(|plan| Plan::new(subject, plan, handles))
    }
}
