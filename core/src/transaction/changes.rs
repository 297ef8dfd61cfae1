//! What a transaction changes in the table's map, given the version it lands on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use prost::Message;

use super::ingest::{InputColumn, same_kind, type_mismatch};
use super::pending::{Pending, PendingFragment, PendingRows, PendingRun};
use super::{delete, inline};
use crate::bail;
use crate::error::{Code, Error, Result};
use crate::map::{Change, Commit, Summary};
use crate::table::records::{
    ColumnBinding, ColumnPlace, ColumnRecord, FoldRecord, FragmentRecord, GroupRecord, InlineRecord, Rank, RunRecord,
    TableMeta, decode,
};
use crate::table::{self, CHUNK_COLUMNS, Rebase, SpanScope, State, Table};
use crate::tree::{Entry, Query};
use crate::types::{ColumnPath, field_from_bytes, field_to_bytes};

/// The operations of a transaction, to be proposed on one version after the other until one wins.
pub(crate) struct Proposal<'a> {
    pub(crate) began: u64,
    pub(crate) operations: &'a [Pending],
}

impl Rebase for Proposal<'_> {
    fn changes<'a>(&'a self, table: &'a Table, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let mut builder = Builder::new(table, self.operations, state).await?;
            for (ordinal, operation) in self.operations.iter().enumerate() {
                let rank = Rank {
                    version: state.version + 1,
                    ordinal: u32::try_from(ordinal)
                        .map_err(|_| Error::new(Code::LimitExceeded, "a transaction has too many operations"))?,
                };
                match operation {
                    Pending::Write { columns, rows } => builder.write(rank, columns, rows)?,
                    Pending::Delete { rows } => builder.delete(rank, rows)?,
                    Pending::DeleteWhere { filter } => {
                        let rows = delete::matching(table, state, self.began, filter).await?;
                        if rows.len() > 0 {
                            builder.delete(rank, &rows)?;
                        }
                    }
                }
            }
            builder.finish()
        })
    }
}

/// Collects the changes of one commit.
struct Builder {
    meta: TableMeta,
    meta_changed: bool,
    groups: HashMap<ColumnPath, GroupRecord>,
    columns: HashMap<ColumnPath, ColumnRecord>,
    changes: BTreeMap<Bytes, Change>,
    /// Whether there are small writes, folded or not, that later ones may be folded with.
    open: bool,
    summary: Summary,
}

impl Builder {
    /// Reads what the operations refer to, in one round per level of the tree.
    async fn new(table: &Table, operations: &[Pending], state: &State) -> Result<Self> {
        let mut paths: BTreeSet<&ColumnPath> = BTreeSet::new();
        let mut groups: BTreeSet<ColumnPath> = BTreeSet::from([ColumnPath::root()]);
        for operation in operations {
            if let Pending::Write { columns, .. } = operation {
                for column in columns.iter() {
                    paths.insert(&column.path);
                    let mut group = column.path.group();
                    while !group.is_root() && groups.insert(group.clone()) {
                        group = group.group();
                    }
                }
            }
        }
        // A name is a column or a group, never both: look each up as the other, too.
        let names: Vec<ColumnPath> = paths.iter().map(|path| (*path).clone()).chain(groups).collect();
        let keys = std::iter::once(Bytes::from_static(table::META))
            .chain(names.iter().map(table::column))
            .chain(names.iter().map(table::group))
            .map(Query::Get);
        let mut queries: Vec<Query> = vec![Query::Range(table::inlines()), Query::Range(table::folds())];
        queries.extend(keys);
        let mut answers = state.query(&table.pages(table.store()), &queries).await?.into_iter();
        let inlines = answers.next().unwrap_or_default();
        let open = is_open(&inlines, &answers.next().unwrap_or_default())?;
        let mut values = answers.map(|mut entries| entries.pop().map(|entry| entry.value));
        let meta = values.next().flatten().ok_or_else(|| Error::new(Code::Corrupt, "the table has no metadata"))?;
        let mut builder = Self {
            meta: decode(meta, "table")?,
            meta_changed: false,
            groups: HashMap::new(),
            columns: HashMap::new(),
            changes: BTreeMap::new(),
            open,
            summary: Summary::default(),
        };
        for path in &names {
            if let Some(value) = values.next().flatten() {
                builder.columns.insert(path.clone(), decode(value, "column")?);
            }
        }
        for path in names {
            if let Some(value) = values.next().flatten() {
                builder.groups.insert(path, decode(value, "group")?);
            }
        }
        Ok(builder)
    }

    fn put(&mut self, key: Bytes, value: &impl Message, end: Option<Bytes>) {
        self.changes.insert(key.clone(), Change { key, value: Some(value.encode_to_vec().into()), end });
    }

    fn write(&mut self, rank: Rank, columns: &[InputColumn], rows: &PendingRows) -> Result<()> {
        self.summary.operations.push("write".into());
        self.summary.rows_written += rows.len();
        self.summary.bytes += rows.bytes();
        for column in columns {
            self.column(column)?;
        }
        match rows {
            PendingRows::Runs(runs) => {
                self.barrier(rank);
                runs.iter().try_for_each(|run| self.run(rank, run))
            }
            PendingRows::Inline(rows) => {
                let places = columns.iter().map(|column| place(&self.columns[&column.path])).collect();
                let mut groups: BTreeSet<u32> = columns.iter().map(|column| self.columns[&column.path].group).collect();
                if groups.is_empty() {
                    groups.insert(self.group(&ColumnPath::root())?.id);
                }
                let groups = groups.into_iter().collect();
                self.inline(rank, InlineRecord { tombstone: false, columns: places, groups, ..inline_record(rows)? });
                Ok(())
            }
        }
    }

    fn delete(&mut self, rank: Rank, rows: &PendingRows) -> Result<()> {
        self.summary.operations.push("delete".into());
        self.summary.rows_deleted += rows.len();
        self.summary.bytes += rows.bytes();
        match rows {
            PendingRows::Runs(runs) => {
                self.barrier(rank);
                for run in runs {
                    self.span(&SpanScope::tombstones(), run, &run_record(rank, run), &run.keys.path);
                }
            }
            PendingRows::Inline(rows) => {
                self.inline(rank, InlineRecord { tombstone: true, ..inline_record(rows)? });
            }
        }
        Ok(())
    }

    fn inline(&mut self, rank: Rank, record: InlineRecord) {
        self.put(table::inline(rank), &record, None);
        self.open = true;
    }

    /// Keeps small writes before these files apart from small writes after them, when they are folded.
    fn barrier(&mut self, rank: Rank) {
        if self.open {
            self.put(table::fold(rank), &FoldRecord::default(), None);
            self.open = false;
        }
    }

    /// The rows of a run in every group it writes, and the fragments with their values.
    fn run(&mut self, rank: Rank, run: &PendingRun) -> Result<()> {
        let mut groups = BTreeSet::new();
        for fragment in &run.fragments {
            let group = self.group(&fragment.group)?.id;
            groups.insert(group);
            for (chunk, columns) in self.chunks(fragment) {
                let record =
                    FragmentRecord { data: Some(fragment.data.clone()), key_space: run.keys.path.clone(), columns };
                self.span(&SpanScope::fragments(group, chunk), run, &record, &fragment.data.path);
            }
        }
        if groups.is_empty() {
            groups.insert(self.group(&ColumnPath::root())?.id);
        }
        let record = run_record(rank, run);
        for group in groups {
            self.span(&SpanScope::runs(group), run, &record, &run.keys.path);
        }
        Ok(())
    }

    /// Puts a record that covers the keys of a run.
    fn span(&mut self, scope: &SpanScope, run: &PendingRun, record: &impl Message, name: &str) {
        self.put(scope.key(run.first.as_bytes(), name), record, Some(scope.end(run.last.as_bytes())));
    }

    /// The columns of a fragment by the chunk of their group that they belong to.
    fn chunks(&self, fragment: &PendingFragment) -> BTreeMap<u32, Vec<ColumnBinding>> {
        let mut chunks: BTreeMap<u32, Vec<ColumnBinding>> = BTreeMap::new();
        for (position, path) in (0_u32..).zip(&fragment.columns) {
            let column = &self.columns[path];
            let binding = ColumnBinding { column: column.id, position, presence: 0 };
            chunks.entry(column.ordinal / CHUNK_COLUMNS).or_default().push(binding);
        }
        chunks
    }

    /// The record of a group, created if it is new.
    fn group(&mut self, path: &ColumnPath) -> Result<GroupRecord> {
        if let Some(group) = self.groups.get(path) {
            return Ok(*group);
        }
        let mut part = path.clone();
        while !part.is_root() {
            if self.columns.contains_key(&part) {
                bail!(Code::InvalidName, "{part} is a column and cannot also be the group of {path}");
            }
            part = part.group();
        }
        // Every group above exists too, so that its name cannot become a column.
        self.group(&path.group())?;
        let group = GroupRecord { id: self.meta.next_group, next_ordinal: 0 };
        self.meta.next_group += 1;
        self.meta_changed = true;
        self.groups.insert(path.clone(), group);
        self.put(table::group(path), &group, None);
        Ok(group)
    }

    /// The record of a column, created if it is new.
    fn column(&mut self, input: &InputColumn) -> Result<()> {
        if let Some(known) = self.columns.get(&input.path) {
            let field = field_from_bytes(&known.field)?;
            if !same_kind(field.data_type(), input.field.data_type()) {
                return Err(conflict(&type_mismatch(&input.path, field.data_type(), input.field.data_type())));
            }
            return Ok(());
        }
        if self.groups.contains_key(&input.path) {
            bail!(Code::InvalidName, "{} is a group of columns and cannot also be a column", input.path);
        }
        let path = input.path.group();
        let mut group = self.group(&path)?;
        let record = ColumnRecord {
            id: self.meta.next_column,
            group: group.id,
            ordinal: group.next_ordinal,
            field: field_to_bytes(&input.field)?.into(),
        };
        self.meta.next_column += 1;
        self.meta_changed = true;
        group.next_ordinal += 1;
        self.put(table::group(&path), &group, None);
        self.groups.insert(path, group);
        self.put(table::column(&input.path), &record, None);
        self.columns.insert(input.path.clone(), record);
        Ok(())
    }

    fn finish(mut self) -> Result<Commit> {
        if self.meta_changed {
            let meta = self.meta.clone();
            self.put(Bytes::from_static(table::META), &meta, None);
        }
        Ok(Commit { changes: self.changes.into_values().collect(), summary: Some(self.summary) })
    }
}

fn place(column: &ColumnRecord) -> ColumnPlace {
    ColumnPlace { group: column.group, chunk: column.ordinal / CHUNK_COLUMNS, column: column.id }
}

/// Whether the last of all small writes, folds and barriers is no barrier.
fn is_open(inlines: &[Entry], folds: &[Entry]) -> Result<bool> {
    let Some(fold) = folds.last() else { return Ok(!inlines.is_empty()) };
    if let Some(inline) = inlines.last()
        && table::rank_of(&inline.key)? > table::rank_of(&fold.key)?
    {
        return Ok(true);
    }
    Ok(!decode::<FoldRecord>(fold.value.clone(), "fold")?.is_barrier())
}

/// A type that was checked when the write began and differs now: another transaction created the column meanwhile.
fn conflict(error: &Error) -> Error {
    Error::new(Code::CommitConflict, format!("another writer created the column first: {}", error.message()))
}

fn run_record(rank: Rank, run: &PendingRun) -> RunRecord {
    RunRecord {
        keys: Some(run.keys.clone()),
        rank: Some(rank),
        first: Bytes::copy_from_slice(run.first.as_bytes()),
        last: Bytes::copy_from_slice(run.last.as_bytes()),
        level: 0,
        folded_from: None,
    }
}

fn inline_record(rows: &super::ingest::InlineRows) -> Result<InlineRecord> {
    Ok(InlineRecord { rows: inline::encode(rows)?, ..InlineRecord::default() })
}
