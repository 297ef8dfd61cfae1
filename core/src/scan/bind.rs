//! Names of a scan to permanent ids: which columns it returns, which it filters by, in which groups its rows exist.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, SchemaRef};

use super::key_ranges::filter_ranges;
use super::lookup::{Found, Lookup, names};
use super::names::{Members, Named};
use super::{Projection, Scan};
use crate::bail;
use crate::error::{Code, Result};
use crate::expr::{BoundExpr, Expr, bind, bind_filter};
use crate::key::KeyRanges;
use crate::types::{ColumnPath, OutputProfile, assemble_schema, field_from_bytes, output_type, storage_type};

/// A value column of a scan.
#[derive(Debug, Clone)]
pub(super) struct ValueColumn {
    /// Number of its table in the scan.
    pub(super) table: usize,
    pub(super) id: u64,
    pub(super) group: u32,
    pub(super) ordinal: u32,
    /// The field as written.
    pub(super) field: FieldRef,
    /// The field as stored.
    pub(super) stored: Field,
}

/// Where a column of the result or of an expression comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A position in the key schema.
    Key(usize),
    /// A position in [`BoundScan::values`].
    Value(usize),
    /// A position in [`BoundScan::computed`].
    Computed(usize),
}

/// A column of the result.
#[derive(Debug, Clone)]
pub(super) struct OutputColumn {
    pub(super) path: ColumnPath,
    pub(super) origin: Origin,
    /// The field as returned.
    pub(super) field: FieldRef,
}

/// An expression and where its columns come from, by the paths it names them by.
#[derive(Debug)]
pub(super) struct Formula {
    pub(super) expr: BoundExpr,
    pub(super) columns: Vec<(Vec<String>, Origin)>,
}

/// A scan whose names are resolved.
pub(super) struct BoundScan {
    pub(super) outputs: Vec<OutputColumn>,
    pub(super) schema: SchemaRef,
    pub(super) values: Vec<ValueColumn>,
    /// Expressions of the result.
    pub(super) computed: Vec<Formula>,
    /// For each table, the groups in which a row may exist: it does if any of them has it.
    pub(super) groups: Vec<BTreeSet<u32>>,
    pub(super) filter: Option<BoundExpr>,
    /// Columns of the filter with the path it names them by.
    pub(super) filter_columns: Vec<(Vec<String>, Origin)>,
    pub(super) ranges: KeyRanges,
}

pub(super) async fn bind_scan(scan: &Scan) -> Result<BoundScan> {
    let members = &scan.members;
    let items = items(scan);
    let mut columns = BTreeSet::new();
    scan.filter.iter().for_each(|filter| referenced(filter, &mut columns));
    for (_, expr) in &items {
        if !matches!(expr, Expr::Column(_)) {
            referenced(expr, &mut columns);
        }
    }
    let mut found = Found::load(members, &lookups(scan, &items, &columns)?).await?;
    if let Some(path) = unknown(&found, &items)? {
        return Err(found.unknown(&path).await);
    }
    found.suggest(&columns).await?;
    let mut binder = Binder::new(&found);
    if any_table(members, &items)? {
        binder.key_columns()?;
    }
    for (at, expr) in &items {
        binder.project(at, expr)?;
    }
    if scan.keys_only {
        binder.only_keys()?;
    }
    let filter = scan.filter.as_ref().map(|filter| bind_filter(filter, &found)).transpose()?;
    let filter = filter.map(|filter| binder.formula(filter)).transpose()?;
    binder.finish(scan, filter)
}

/// What to return, and under which path. Of keys alone, and of all columns, every table is asked.
fn items(scan: &Scan) -> Vec<(ColumnPath, Expr)> {
    match &scan.projection {
        Projection::All if scan.keys_only => Vec::new(),
        Projection::All => vec![(ColumnPath::root(), Expr::Column(Vec::new().into()))],
        Projection::Listed(items) => items.clone(),
    }
}

/// The path that an item names as a whole.
fn whole(expr: &Expr) -> Result<Option<ColumnPath>> {
    match expr {
        Expr::Column(path) => ColumnPath::try_new(path.iter().map(String::as_str)).map(Some),
        _ => Ok(None),
    }
}

/// Whether an item names a whole table: those come with the key columns, which are the first of the result.
fn any_table(members: &Members, items: &[(ColumnPath, Expr)]) -> Result<bool> {
    for (_, expr) in items {
        let named = whole(expr)?.and_then(|path| members.resolve(&path));
        if matches!(named, Some(Named::Tables)) || matches!(named, Some(Named::Inside(_, inner)) if inner.is_root()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What to look up in each table.
fn lookups(scan: &Scan, items: &[(ColumnPath, Expr)], columns: &BTreeSet<ColumnPath>) -> Result<Vec<Lookup>> {
    let groups = scan.keys_only && items.is_empty();
    let mut lookups: Vec<_> = scan.members.iter().map(|_| Lookup { groups, ..Lookup::default() }).collect();
    for (_, expr) in items {
        match whole(expr)?.and_then(|path| scan.members.resolve(&path)) {
            Some(Named::Inside(table, path)) => {
                lookups[table].subtrees.insert(path);
            }
            Some(Named::Tables) => lookups.iter_mut().for_each(|lookup| {
                lookup.subtrees.insert(ColumnPath::root());
            }),
            Some(Named::Key(_)) | None => {}
        }
    }
    for path in columns {
        if let Some(Named::Inside(table, path)) = scan.members.resolve(path) {
            lookups[table].columns.insert(path);
        }
    }
    Ok(lookups)
}

/// The first item that names a column or a group which does not exist.
fn unknown(found: &Found<'_>, items: &[(ColumnPath, Expr)]) -> Result<Option<ColumnPath>> {
    for (_, expr) in items {
        let Some(path) = whole(expr)? else { continue };
        let exists = match found.members.resolve(&path) {
            // A table may have no columns yet.
            Some(Named::Inside(table, inner)) => inner.is_root() || !found.subtree(table, &inner).is_empty(),
            named => named.is_some(),
        };
        if !exists {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Numbers the columns that are read and collects what is returned.
struct Binder<'a> {
    found: &'a Found<'a>,
    values: Vec<ValueColumn>,
    /// By path in the scan.
    numbers: HashMap<ColumnPath, usize>,
    outputs: Vec<(ColumnPath, Origin)>,
    origins: BTreeMap<ColumnPath, Origin>,
    computed: Vec<Formula>,
    groups: Vec<BTreeSet<u32>>,
}

impl<'a> Binder<'a> {
    fn new(found: &'a Found<'a>) -> Self {
        Self {
            found,
            values: Vec::new(),
            numbers: HashMap::new(),
            outputs: Vec::new(),
            origins: BTreeMap::new(),
            computed: Vec::new(),
            groups: found.groups.clone(),
        }
    }

    fn members(&self) -> &'a Members {
        self.found.members
    }

    /// Adds what an expression gives below a path of the result.
    fn project(&mut self, at: &ColumnPath, expr: &Expr) -> Result<()> {
        let Some(path) = whole(expr)? else {
            let formula = self.formula(bind(expr, self.found)?)?;
            self.computed.push(formula);
            return self.output(at.clone(), Origin::Computed(self.computed.len() - 1));
        };
        match self.members().resolve(&path) {
            Some(Named::Key(key)) => self.output(at.clone(), Origin::Key(key)),
            Some(Named::Inside(table, inner)) => self.subtree(at, table, &inner),
            Some(Named::Tables) => self
                .members()
                .iter()
                .enumerate()
                .try_for_each(|(table, member)| self.subtree(&at.join(&member.at)?, table, &ColumnPath::root())),
            None => bail!(Code::UnknownColumn, "there is no column {path}"),
        }
    }

    /// Adds a column, a group or the value columns of a table.
    fn subtree(&mut self, at: &ColumnPath, table: usize, path: &ColumnPath) -> Result<()> {
        let columns = self.found.subtree(table, path);
        if columns.is_empty() {
            self.groups[table].insert(0);
        }
        for (below, address) in columns {
            let number = self.value(address)?;
            self.output(at.join(below)?, Origin::Value(number))?;
        }
        Ok(())
    }

    fn key_columns(&mut self) -> Result<()> {
        let mut fields = self.members().keys().fields().iter().enumerate();
        fields.try_for_each(|(key, field)| self.output(ColumnPath::root().child(field.name())?, Origin::Key(key)))
    }

    fn output(&mut self, path: ColumnPath, origin: Origin) -> Result<()> {
        match self.origins.insert(path.clone(), origin) {
            None => self.outputs.push((path, origin)),
            Some(before) if before == origin => {}
            Some(_) => bail!(Code::InvalidName, "two columns of the result are named {path}: give one another name"),
        }
        Ok(())
    }

    /// The number of a value column, which is read from now on.
    fn value(&mut self, address: &ColumnPath) -> Result<usize> {
        if let Some(number) = self.numbers.get(address) {
            return Ok(*number);
        }
        let Some(found) = self.found.columns.get(address) else {
            bail!(Code::UnknownColumn, "there is no column {address}");
        };
        let record = &found.record;
        let field = Arc::new(field_from_bytes(&record.field)?);
        let stored = Field::new(address.leaf(), storage_type(field.data_type())?, true);
        self.groups[found.table].insert(record.group);
        let (table, id, group, ordinal) = (found.table, record.id, record.group, record.ordinal);
        self.values.push(ValueColumn { table, id, group, ordinal, field, stored });
        self.numbers.insert(address.clone(), self.values.len() - 1);
        Ok(self.values.len() - 1)
    }

    /// Finds the columns of an expression. Key columns get their one name, whichever table they were named with.
    fn formula(&mut self, expr: BoundExpr) -> Result<Formula> {
        let fields = self.members().keys().fields();
        let mut columns = Vec::with_capacity(expr.columns().len());
        for path in expr.columns() {
            let path = ColumnPath::try_new(path.iter().map(String::as_str))?;
            columns.push(match self.members().resolve(&path) {
                Some(Named::Key(key)) => (vec![fields[key].name().clone()], Origin::Key(key)),
                _ => (names(&path), Origin::Value(self.value(&path)?)),
            });
        }
        let expr = expr.with_columns(columns.iter().map(|(path, _)| path.clone().into()).collect());
        Ok(Formula { expr, columns })
    }

    /// Returns the key columns instead, of rows of the same groups.
    fn only_keys(&mut self) -> Result<()> {
        self.values.clear();
        self.numbers.clear();
        self.computed.clear();
        self.outputs.clear();
        self.origins.clear();
        self.key_columns()
    }

    fn field(&self, origin: Origin, profile: OutputProfile) -> FieldRef {
        let written = match origin {
            Origin::Key(at) => Arc::clone(&self.members().keys().fields()[at]),
            Origin::Value(at) => Arc::clone(&self.values[at].field),
            Origin::Computed(at) => Arc::new(Field::new("", self.computed[at].expr.data_type(), true)),
        };
        let data_type: DataType = output_type(written.data_type(), profile);
        Arc::new(written.as_ref().clone().with_data_type(data_type))
    }

    fn finish(mut self, scan: &Scan, filter: Option<Formula>) -> Result<BoundScan> {
        if self.groups.iter().all(BTreeSet::is_empty) {
            // Rows without any column exist in the root group.
            self.groups.iter_mut().for_each(|groups| groups.extend([0]));
        }
        let outputs: Vec<OutputColumn> = self
            .outputs
            .iter()
            .map(|(path, origin)| OutputColumn {
                path: path.clone(),
                origin: *origin,
                field: self.field(*origin, scan.profile),
            })
            .collect();
        let fields: Vec<_> = outputs.iter().map(|output| (output.path.clone(), Arc::clone(&output.field))).collect();
        let schema = assemble_schema(&fields)?;
        let ranges = match &filter {
            Some(filter) => scan.ranges.intersection(&filter_ranges(&filter.expr, self.members().keys())?),
            None => scan.ranges.clone(),
        };
        let Self { values, computed, groups, .. } = self;
        let (filter, filter_columns) = filter.map_or((None, Vec::new()), |filter| (Some(filter.expr), filter.columns));
        Ok(BoundScan { outputs, schema, values, computed, groups, filter, filter_columns, ranges })
    }
}

/// Columns that an expression names.
fn referenced(expr: &Expr, paths: &mut BTreeSet<ColumnPath>) {
    if let Expr::Column(path) = expr
        && let Ok(path) = ColumnPath::try_new(path.iter().map(String::as_str))
    {
        paths.insert(path);
    }
    expr.children().into_iter().for_each(|child| referenced(child, paths));
}
