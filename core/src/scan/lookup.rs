//! Reading what the paths of a scan name: the columns and groups of each table, all tables at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_schema::DataType;
use futures::future::try_join_all;

use super::names::{Member, Members, Named};
use crate::error::{Code, Error, Result};
use crate::expr::{ColumnPath as ExprPath, ColumnTypes, bind, column};
use crate::table;
use crate::table::records::{ColumnRecord, GroupRecord, decode};
use crate::tree::{Entry, Query};
use crate::types::{ColumnPath, field_from_bytes};

/// Names that an error message looks through for a suggestion.
const SUGGESTIONS_MAX: usize = 10_000;

/// What to look up in one table.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// Columns, or groups with all columns below them.
    pub(super) subtrees: BTreeSet<ColumnPath>,
    /// Columns.
    pub(super) columns: BTreeSet<ColumnPath>,
    /// All groups.
    pub(super) groups: bool,
}

/// A column of one of the tables.
pub(super) struct FoundColumn {
    pub(super) table: usize,
    pub(super) record: ColumnRecord,
}

/// What was found.
pub(super) struct Found<'a> {
    pub(super) members: &'a Members,
    /// By the path that addresses it in the scan.
    pub(super) columns: BTreeMap<ColumnPath, FoundColumn>,
    /// The columns of each subtree that was looked up, in order, as paths below it and in the scan.
    subtrees: HashMap<(usize, ColumnPath), Vec<(ColumnPath, ColumnPath)>>,
    /// All groups of each table, where they were looked up.
    pub(super) groups: Vec<BTreeSet<u32>>,
    candidates: Vec<ExprPath>,
}

impl<'a> Found<'a> {
    /// Answers one lookup for each table.
    pub(super) async fn load(members: &'a Members, lookups: &[Lookup]) -> Result<Self> {
        let answers = members.iter().zip(lookups).map(|(member, lookup)| answer(member, lookup));
        let mut found = Self {
            members,
            columns: BTreeMap::new(),
            subtrees: HashMap::new(),
            groups: Vec::new(),
            candidates: Vec::new(),
        };
        let answers = try_join_all(answers).await?;
        for (table, ((member, lookup), entries)) in members.iter().zip(lookups).zip(answers).enumerate() {
            found.take_in(table, member, lookup, entries)?;
        }
        Ok(found)
    }

    fn take_in(&mut self, table: usize, member: &Member, lookup: &Lookup, answers: Vec<Vec<Entry>>) -> Result<()> {
        let mut answers = answers.into_iter().map(|entries| entries.into_iter());
        let mut next = || answers.next().into_iter().flatten();
        for path in &lookup.subtrees {
            let mut below = Vec::new();
            for entry in next().chain(next()) {
                let inner = table::path_of(&entry.key)?;
                let address = self.add(table, member, &inner, entry)?;
                below.push((inner.below(path).unwrap_or_default(), address));
            }
            self.subtrees.insert((table, path.clone()), below);
        }
        for path in &lookup.columns {
            for entry in next() {
                self.add(table, member, path, entry)?;
            }
        }
        let groups = next().map(|entry| Ok(decode::<GroupRecord>(entry.value, "group")?.id));
        self.groups.push(groups.collect::<Result<_>>()?);
        Ok(())
    }

    fn add(&mut self, table: usize, member: &Member, inner: &ColumnPath, entry: Entry) -> Result<ColumnPath> {
        let address = member.at.join(inner)?;
        let record = decode(entry.value, "column")?;
        self.columns.insert(address.clone(), FoundColumn { table, record });
        Ok(address)
    }

    /// The columns that a path of one table names: itself, or all below it. Each as the path below the given one and
    /// the path in the scan.
    pub(super) fn subtree(&self, table: usize, path: &ColumnPath) -> &[(ColumnPath, ColumnPath)] {
        self.subtrees.get(&(table, path.clone())).map_or(&[], Vec::as_slice)
    }

    /// Reads all names, for the suggestion in an error message, unless all of these are known.
    pub(super) async fn suggest(&mut self, paths: &BTreeSet<ColumnPath>) -> Result<()> {
        let known = |path: &ColumnPath| self.column_type(&names(path)).is_some();
        if paths.iter().all(known) {
            return Ok(());
        }
        let keys = self.members.keys().fields().iter().map(|field| vec![field.name().clone()].into());
        self.candidates = keys.collect();
        for columns in try_join_all(self.members.iter().map(all_columns)).await? {
            self.candidates.extend(columns);
        }
        Ok(())
    }

    /// The error about a path that names nothing.
    pub(super) async fn unknown(&mut self, path: &ColumnPath) -> Error {
        if let Err(error) = self.suggest(&BTreeSet::from([path.clone()])).await {
            return error;
        }
        match bind(&column(names(path)), self) {
            Err(error) => error,
            Ok(_) => Error::new(Code::UnknownColumn, format!("there is no column {path}")),
        }
    }
}

impl ColumnTypes for Found<'_> {
    fn column_type(&self, path: &[String]) -> Option<DataType> {
        let path = ColumnPath::try_new(path.iter().map(String::as_str)).ok()?;
        if let Some(Named::Key(at)) = self.members.resolve(&path) {
            return Some(self.members.keys().fields()[at].data_type().clone());
        }
        Some(field_from_bytes(&self.columns.get(&path)?.record.field).ok()?.data_type().clone())
    }

    fn candidates(&self) -> Box<dyn Iterator<Item = ExprPath> + '_> {
        Box::new(self.candidates.iter().cloned())
    }
}

/// For each subtree its column and the columns below it, for each column its entry, then the groups.
async fn answer(member: &Member, lookup: &Lookup) -> Result<Vec<Vec<Entry>>> {
    let mut queries = Vec::new();
    for path in &lookup.subtrees {
        queries.push(Query::Get(table::column(path)));
        queries.push(Query::Range(table::columns_below(path)));
    }
    queries.extend(lookup.columns.iter().map(|path| Query::Get(table::column(path))));
    if lookup.groups {
        queries.push(Query::Range(table::groups()));
    }
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    member.snapshot.state().query(&member.snapshot.pages(), &queries).await
}

/// The names of a table's columns as the scan addresses them, up to a limit.
async fn all_columns(member: &Member) -> Result<Vec<ExprPath>> {
    let snapshot = &member.snapshot;
    let entries = snapshot.state().range(&snapshot.pages(), table::columns_below(&ColumnPath::root())).await?;
    let paths = entries.iter().take(SUGGESTIONS_MAX);
    paths.map(|entry| Ok(names(&member.at.join(&table::path_of(&entry.key)?)?).into())).collect()
}

/// The names of a path as expressions hold them.
pub(super) fn names(path: &ColumnPath) -> Vec<String> {
    path.names().iter().map(ToString::to_string).collect()
}
