//! Names of a scan to permanent ids: which columns it returns, which it filters by, in which groups its rows exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, SchemaRef};

use super::{Projection, Scan};
use crate::error::{Code, Error, Result};
use crate::expr::{BoundExpr, ColumnTypes, Expr, bind, bind_filter, column};
use crate::key::{Key, KeyRange, KeyRanges, KeySchema, key_from_values};
use crate::table::records::{ColumnRecord, GroupRecord, decode};
use crate::table::{self, Snapshot};
use crate::tree::{Entry, Query};
use crate::types::{ColumnPath, assemble_schema, field_from_bytes, output_type, storage_type};

/// Names that an error message looks through for a suggestion.
const SUGGESTIONS_MAX: usize = 10_000;

/// A value column of a scan.
#[derive(Debug, Clone)]
pub(super) struct ValueColumn {
    pub(super) id: u64,
    pub(super) group: u32,
    pub(super) ordinal: u32,
    /// The field as written.
    pub(super) field: FieldRef,
    /// The field as stored.
    pub(super) stored: Field,
}

/// Where a column of the result or of the filter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A position in the key schema.
    Key(usize),
    /// A position in [`BoundScan::values`].
    Value(usize),
}

/// A column of the result.
#[derive(Debug, Clone)]
pub(super) struct OutputColumn {
    pub(super) path: ColumnPath,
    pub(super) origin: Origin,
    /// The field as returned.
    pub(super) field: FieldRef,
}

/// A scan whose names are resolved.
pub(super) struct BoundScan {
    pub(super) outputs: Vec<OutputColumn>,
    pub(super) schema: SchemaRef,
    pub(super) values: Vec<ValueColumn>,
    /// Groups in which a row must exist, in any of them.
    pub(super) groups: BTreeSet<u32>,
    pub(super) filter: Option<BoundExpr>,
    /// Columns of the filter with the path it names them by.
    pub(super) filter_columns: Vec<(Vec<String>, Origin)>,
    pub(super) ranges: KeyRanges,
}

/// Columns found in the snapshot, by path.
struct Found<'a> {
    keys: &'a KeySchema,
    columns: BTreeMap<ColumnPath, ColumnRecord>,
    candidates: Vec<crate::expr::ColumnPath>,
}

impl ColumnTypes for Found<'_> {
    fn column_type(&self, path: &[String]) -> Option<DataType> {
        if let [name] = path
            && let Some(at) = self.keys.index_of(name)
        {
            return Some(self.keys.fields()[at].data_type().clone());
        }
        let path = ColumnPath::try_new(path.iter().map(String::as_str)).ok()?;
        Some(field_from_bytes(&self.columns.get(&path)?.field).ok()?.data_type().clone())
    }

    fn candidates(&self) -> Box<dyn Iterator<Item = crate::expr::ColumnPath> + '_> {
        Box::new(self.candidates.iter().cloned())
    }
}

pub(super) async fn bind_scan(scan: &Scan) -> Result<BoundScan> {
    let snapshot = &scan.snapshot;
    let keys = snapshot.table().key_schema();
    let mut filter_paths = BTreeSet::new();
    if let Some(filter) = &scan.filter {
        referenced(filter, &mut filter_paths);
    }
    let mut queries = Vec::new();
    let named: Vec<&ColumnPath> = match &scan.projection {
        Projection::Named(paths) => paths.iter().collect(),
        Projection::All => {
            queries.push(Query::Range(table::columns_below(&ColumnPath::root())));
            Vec::new()
        }
        Projection::Keys => {
            queries.push(Query::Range(table::groups()));
            Vec::new()
        }
    };
    for path in &named {
        queries.push(Query::Get(table::column(path)));
        queries.push(Query::Range(table::columns_below(path)));
    }
    queries.extend(filter_paths.iter().map(|path| Query::Get(table::column(path))));
    let mut answers = snapshot.state().query(&snapshot.pages(), &queries).await?.into_iter();

    let mut found = Found { keys, columns: BTreeMap::new(), candidates: Vec::new() };
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut groups = BTreeSet::new();
    match &scan.projection {
        Projection::All => {
            wanted.extend((0..keys.len()).map(Wanted::Key));
            for entry in answers.next().unwrap_or_default() {
                wanted.push(Wanted::Value(found.add(&entry)?));
            }
        }
        Projection::Keys => {
            wanted.extend((0..keys.len()).map(Wanted::Key));
            for entry in answers.next().unwrap_or_default() {
                groups.insert(decode::<GroupRecord>(entry.value, "group")?.id);
            }
        }
        Projection::Named(_) => {}
    }
    for path in named {
        let (column, below) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
        if let Some(key) = key_position(keys, path) {
            wanted.push(Wanted::Key(key));
        } else if let Some(entry) = column.first() {
            wanted.push(Wanted::Value(found.add(entry)?));
        } else if below.is_empty() {
            return Err(unknown_column(snapshot, &mut found, path).await);
        } else {
            for entry in &below {
                wanted.push(Wanted::Value(found.add(entry)?));
            }
        }
    }
    let mut complete = true;
    for path in &filter_paths {
        match answers.next().unwrap_or_default().first() {
            Some(entry) => drop(found.add(entry)?),
            None => complete &= key_position(keys, path).is_some(),
        }
    }
    if !complete {
        found.candidates = candidates(snapshot).await?;
    }
    let filter = scan.filter.as_ref().map(|filter| bind_filter(filter, &found)).transpose()?;
    assemble(scan, &found, wanted, groups, filter)
}

/// A column of the result, not yet numbered.
enum Wanted {
    Key(usize),
    Value(ColumnPath),
}

impl Found<'_> {
    fn add(&mut self, entry: &Entry) -> Result<ColumnPath> {
        let path = table::path_of(&entry.key)?;
        self.columns.insert(path.clone(), decode(entry.value.clone(), "column")?);
        Ok(path)
    }

    fn value(&self, path: &ColumnPath) -> Result<ValueColumn> {
        let record = self
            .columns
            .get(path)
            .ok_or_else(|| Error::new(Code::UnknownColumn, format!("there is no column {path}")))?;
        let field = Arc::new(field_from_bytes(&record.field)?);
        let stored = Field::new(path.leaf(), storage_type(field.data_type())?, true);
        Ok(ValueColumn { id: record.id, group: record.group, ordinal: record.ordinal, field, stored })
    }
}

fn assemble(
    scan: &Scan,
    found: &Found<'_>,
    wanted: Vec<Wanted>,
    mut groups: BTreeSet<u32>,
    filter: Option<BoundExpr>,
) -> Result<BoundScan> {
    let keys = found.keys;
    let mut values: Vec<ValueColumn> = Vec::new();
    let mut numbers: BTreeMap<ColumnPath, usize> = BTreeMap::new();
    let mut number = |path: &ColumnPath| -> Result<usize> {
        if let Some(number) = numbers.get(path) {
            return Ok(*number);
        }
        values.push(found.value(path)?);
        numbers.insert(path.clone(), values.len() - 1);
        Ok(values.len() - 1)
    };
    let mut outputs = Vec::with_capacity(wanted.len());
    let mut seen = BTreeSet::new();
    for wanted in wanted {
        let (path, origin) = match wanted {
            Wanted::Key(at) => (ColumnPath::root().child(keys.fields()[at].name())?, Origin::Key(at)),
            Wanted::Value(path) => {
                let origin = Origin::Value(number(&path)?);
                (path, origin)
            }
        };
        if seen.insert(path.clone()) {
            outputs.push((path, origin));
        }
    }
    let mut filter_columns = Vec::new();
    for path in filter.iter().flat_map(|filter| filter.columns()) {
        let names: Vec<String> = path.to_vec();
        let typed = ColumnPath::try_new(names.iter().map(String::as_str))?;
        let origin = match key_position(keys, &typed) {
            Some(at) => Origin::Key(at),
            None => Origin::Value(number(&typed)?),
        };
        filter_columns.push((names, origin));
    }
    groups.extend(values.iter().map(|value| value.group));
    if groups.is_empty() {
        groups.insert(0);
    }
    let outputs: Vec<OutputColumn> = outputs
        .into_iter()
        .map(|(path, origin)| {
            let written = match origin {
                Origin::Key(at) => &keys.fields()[at],
                Origin::Value(at) => &values[at].field,
            };
            let data_type = output_type(written.data_type(), scan.profile);
            OutputColumn { path, origin, field: Arc::new(written.as_ref().clone().with_data_type(data_type)) }
        })
        .collect();
    let fields: Vec<_> = outputs.iter().map(|output| (output.path.clone(), Arc::clone(&output.field))).collect();
    let schema = assemble_schema(&fields)?;
    let ranges = match &filter {
        Some(filter) => scan.ranges.intersection(&filter_ranges(filter, keys)?),
        None => scan.ranges.clone(),
    };
    Ok(BoundScan { outputs, schema, values, groups, filter, filter_columns, ranges })
}

fn key_position(keys: &KeySchema, path: &ColumnPath) -> Option<usize> {
    (path.depth() == 1).then(|| keys.index_of(path.leaf())).flatten()
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

/// Names close to an unknown one are looked for among all columns, up to a limit.
async fn candidates(snapshot: &Snapshot) -> Result<Vec<crate::expr::ColumnPath>> {
    let keys = snapshot.table().key_schema().fields().iter().map(|field| vec![field.name().clone()]);
    let entries = snapshot.state().range(&snapshot.pages(), table::columns_below(&ColumnPath::root())).await?;
    let values = entries
        .iter()
        .take(SUGGESTIONS_MAX)
        .map(|entry| Ok(table::path_of(&entry.key)?.names().iter().map(ToString::to_string).collect()))
        .collect::<Result<Vec<Vec<String>>>>()?;
    Ok(keys.chain(values).map(Into::into).collect())
}

async fn unknown_column(snapshot: &Snapshot, found: &mut Found<'_>, path: &ColumnPath) -> Error {
    match candidates(snapshot).await {
        Ok(candidates) => found.candidates = candidates,
        Err(error) => return error,
    }
    let names: Vec<String> = path.names().iter().map(ToString::to_string).collect();
    match bind(&column(names), found) {
        Err(error) => error,
        Ok(_) => Error::new(Code::UnknownColumn, format!("there is no column {path}")),
    }
}

/// The key ranges outside of which a filter is never true.
fn filter_ranges(filter: &BoundExpr, keys: &KeySchema) -> Result<KeyRanges> {
    let schema: Vec<(crate::expr::ColumnPath, DataType)> =
        keys.fields().iter().map(|field| (vec![field.name().clone()].into(), field.data_type().clone())).collect();
    let bounds = crate::expr::key_bounds(filter, &schema);
    if bounds.is_unbounded() {
        return Ok(KeyRanges::all());
    }
    let key = |literals: &[crate::expr::Literal]| -> Result<Option<Key>> {
        if literals.is_empty() {
            return Ok(None);
        }
        let values = literals
            .iter()
            .zip(keys.fields())
            .map(|(literal, field)| Ok(arrow_cast::cast(&literal.to_array()?, field.data_type())?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Some(key_from_values(keys, &values)?))
    };
    bounds
        .intervals
        .iter()
        .map(|interval| {
            let (lower, upper) = (key(&interval.lower)?, key(&interval.upper)?);
            // A prefix bound takes in, or leaves out, every key that begins with it.
            let begin = lower.map(|key| {
                if interval.lower_inclusive { key } else { KeyRange::from_prefix(&key).end().cloned().unwrap_or(key) }
            });
            let end = upper.map(|key| {
                if interval.upper_inclusive { KeyRange::from_prefix(&key).end().cloned().unwrap_or(key) } else { key }
            });
            Ok(KeyRange::new(begin, end))
        })
        .collect()
}
