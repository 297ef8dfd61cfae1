//! Scans over several tables.

use futures::future::try_join_all;
use spiral_core::expr::{Expr, column, parse};
use spiral_core::scan::{self, Scan};
use spiral_core::table::{self, Asof};
use spiral_core::types::ColumnPath;
use spiral_core::{Code, Error, Result};

use crate::client::Client;
use crate::options::ScanOptions;
use crate::plan::Plan;
use crate::snapshot::{Snapshot, at};
use crate::table::Table;
use crate::work::{Subject, Work};

/// A table of a scan, under the name that paths of its columns begin with.
#[derive(Clone)]
pub struct ScanTable {
    name: String,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Table(Table),
    Snapshot(Snapshot),
}

impl ScanTable {
    /// The version of a table that the scan's `asof` names, or the newest.
    pub fn new(name: impl Into<String>, table: &Table) -> Self {
        Self { name: name.into(), source: Source::Table(table.clone()) }
    }

    /// A version.
    pub fn at(name: impl Into<String>, snapshot: &Snapshot) -> Self {
        Self { name: name.into(), source: Source::Snapshot(snapshot.clone()) }
    }

    fn table(&self) -> &Table {
        match &self.source {
            Source::Table(table) => table,
            Source::Snapshot(snapshot) => snapshot.table(),
        }
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
        let checked = self.check(&tables, asof);
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        let subject = Subject::new(self, &names.join(", "));
        let handles: Vec<Table> = tables.iter().map(|table| table.table().clone()).collect();
        // Work must not hold a client, as the facade's handles do.
        let sources: Vec<_> = tables.into_iter().map(|table| (table.name, Engine::of(&table.source))).collect();
        let planning = subject.start(async move {
            checked?;
            let found = sources.iter().map(async |(_, source)| source.snapshot(asof).await);
            let snapshots = try_join_all(found).await?;
            let names = sources.into_iter().map(|(name, _)| name);
            let plan = plan(Scan::over(names.zip(snapshots.iter().cloned()))?, &options).await?;
            Ok((plan, snapshots))
        });
        planning.map_ok(|(plan, snapshots)| {
            let snapshots = handles.into_iter().zip(snapshots).map(|(table, found)| Snapshot::new(table, found));
            Plan::new(subject, plan, snapshots.collect())
        })
    }

    fn check(&self, tables: &[ScanTable], asof: Option<Asof>) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(Code::InvalidArgument, message));
        if tables.iter().any(|table| !table.table().client().is(self)) {
            return invalid("the tables of a scan belong to the client that scans them");
        }
        if asof.is_some() && tables.iter().any(|table| matches!(table.source, Source::Snapshot(_))) {
            return invalid("a snapshot is one version: leave asof out, or scan the table");
        }
        if matches!(asof, Some(Asof::Version(_))) && tables.len() > 1 {
            return invalid("tables count their versions each for itself: scan snapshots, or name a time");
        }
        Ok(())
    }
}

/// The engine's side of a source.
enum Engine {
    Table(table::Table),
    Snapshot(table::Snapshot),
}

impl Engine {
    fn of(source: &Source) -> Self {
        match source {
            Source::Table(table) => Self::Table(table.engine().clone()),
            Source::Snapshot(snapshot) => Self::Snapshot(snapshot.engine().clone()),
        }
    }

    async fn snapshot(&self, asof: Option<Asof>) -> Result<table::Snapshot> {
        match self {
            Self::Table(table) => at(table, asof).await,
            Self::Snapshot(snapshot) => Ok(snapshot.clone()),
        }
    }
}

/// Plans a scan with the options of users.
pub(crate) async fn plan(mut scan: Scan, options: &ScanOptions) -> Result<scan::Plan> {
    if options.keys_only {
        scan = scan.keys_only();
    }
    if options.select.is_some() || !options.columns.is_empty() {
        scan = scan.project(projection(options)?);
    }
    if let Some(filter) = &options.filter {
        scan = scan.with_filter(parse(filter)?);
    }
    if let Some(limit) = options.limit {
        scan = scan.with_limit(limit);
    }
    if options.unordered {
        scan = scan.unordered();
    }
    let ranges = options.ranges(scan.key_schema())?;
    scan.with_ranges(&ranges).with_profile(options.strings.into()).plan().await
}

/// Selected paths keep their places in the result, other columns stand under their names.
fn projection(options: &ScanOptions) -> Result<Vec<(ColumnPath, Expr)>> {
    let selected = options.select.iter().flatten().map(|text| {
        let path = all_of(text).map_or_else(|| ColumnPath::parse(text), ColumnPath::parse)?;
        let whole = whole(&path);
        Ok((path, whole))
    });
    let columns = options.columns.iter().map(|(name, value)| {
        let value = match all_of(value) {
            Some(group) => whole(&ColumnPath::parse(group)?),
            None => parse(value)?,
        };
        Ok((ColumnPath::parse(name)?, value))
    });
    selected.chain(columns).collect()
}

/// The group of which `group.*` names all columns; `*` names everything.
fn all_of(text: &str) -> Option<&str> {
    if text == "*" { Some("") } else { text.strip_suffix(".*") }
}

fn whole(path: &ColumnPath) -> Expr {
    column(path.names().iter().map(ToString::to_string).collect::<Vec<_>>())
}
