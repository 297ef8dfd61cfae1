//! The runs a plan reads: where their keys are, and which of them holds which column.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};
use futures::future::try_join_all;

use super::bind::{BoundScan, ValueColumn};
use super::names::{Member, Members};
use crate::error::{Code, Error, Result};
use crate::fragment::{Fragment, FragmentRef};
use crate::key::{Key, KeyRange, KeyRanges, KeyRows};
use crate::store::{BlockKey, Meter, Store};
use crate::table::records::{FragmentRecord, InlineRecord, Rank, RunRecord, decode, required};
use crate::table::{self, CHUNK_COLUMNS, Caches, Snapshot, SpanScope};
use crate::transaction::inline;
use crate::tree::{Entry, Query};

/// A sorted run as a scan sees it.
pub(super) struct Source {
    /// Number of its table in the scan. Ranks of different tables have nothing to do with each other.
    pub(super) table: usize,
    pub(super) rank: Rank,
    pub(super) tombstone: bool,
    pub(super) first: Key,
    pub(super) last: Key,
    /// Groups of the scan in which its rows exist.
    pub(super) groups: BTreeSet<u32>,
    pub(super) body: Body,
    /// For each value column of the scan, where its cells are.
    pub(super) columns: Vec<Option<Cells>>,
}

/// Where the rows of a run are.
pub(super) enum Body {
    /// In files.
    Files { keys: File, fragments: Vec<File> },
    /// In memory.
    Memory { keys: KeyRows, values: Vec<ArrayRef> },
}

/// A file of one of the scan's tables.
pub(super) struct File {
    table: usize,
    reference: FragmentRef,
}

impl Deref for File {
    type Target = FragmentRef;

    fn deref(&self) -> &FragmentRef {
        &self.reference
    }
}

/// Where the cells of a column are within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cells {
    /// Position in the run's fragments; 0 for a run in memory.
    pub(super) fragment: usize,
    /// Position of the values.
    pub(super) position: usize,
    /// Position of the presence bits, where rows may lack a cell.
    pub(super) presence: Option<usize>,
}

impl Source {
    pub(super) fn rows(&self) -> u64 {
        match &self.body {
            Body::Files { keys, .. } => keys.rows,
            Body::Memory { keys, .. } => keys.len() as u64,
        }
    }

    /// Whether any of its keys may lie in a range.
    pub(super) fn meets(&self, range: &KeyRange) -> bool {
        range.intersects_span(self.first.as_bytes(), self.last.as_bytes())
    }
}

/// The sources of a plan and how to open them.
pub(super) struct Sources {
    /// The store of each table.
    stores: Vec<Store>,
    /// Blocks are cached by store and object: one cache serves all tables.
    pub(super) caches: Caches,
    /// Those of a table follow each other in ascending order of rank.
    pub(super) list: Vec<Source>,
}

impl Sources {
    /// Reads the metadata of all runs that overlap the key ranges: one round per level of the tree, for all tables.
    pub(super) async fn load(members: &Members, meter: &Meter, bound: &BoundScan) -> Result<Self> {
        let table = |member: &Member| member.snapshot.table().clone();
        let stores: Vec<Store> = members.iter().map(|member| table(member).store().metered_into(meter)).collect();
        let members_of = members.iter().zip(&stores).enumerate();
        let lists = members_of.filter(|(number, _)| !bound.groups[*number].is_empty());
        let lists = lists.map(|(number, (member, store))| load_table(number, &member.snapshot, store, bound));
        let list = try_join_all(lists).await?.into_iter().flatten().collect();
        Ok(Self { caches: table(members.first()).caches().clone(), stores, list })
    }

    /// What a file is called in caches.
    pub(super) fn block_key(&self, file: &File) -> Result<BlockKey> {
        self.stores[file.table].block_key(&file.reference.path, 0..file.reference.size)
    }

    /// Opens a fragment, through the cache of indexes.
    pub(super) async fn open(&self, file: &File) -> Result<Fragment> {
        let (store, reference) = (&self.stores[file.table], &file.reference);
        let end = reference.index_offset + u64::from(reference.index_length);
        let key = store.block_key(&reference.path, reference.index_offset..end)?;
        let (opener, reference) = (store.clone(), reference.clone());
        let fragment =
            self.caches.indexes.get_or_load(&key, || async move { Fragment::open(&opener, reference).await }).await?;
        Ok(fragment.with_store(store))
    }
}

/// The runs of one table, in ascending order of rank.
async fn load_table(table: usize, snapshot: &Snapshot, store: &Store, bound: &BoundScan) -> Result<Vec<Source>> {
    let hull = hull(&bound.ranges);
    let groups = &bound.groups[table];
    let values = bound.values.iter().filter(|value| value.table == table);
    let chunks: BTreeSet<(u32, u32)> = values.map(|value| (value.group, value.ordinal / CHUNK_COLUMNS)).collect();
    let mut queries = vec![Query::Range(table::inlines()), overlap(&SpanScope::tombstones(), &hull)];
    queries.extend(groups.iter().map(|group| overlap(&SpanScope::runs(*group), &hull)));
    queries.extend(chunks.iter().map(|(group, chunk)| overlap(&SpanScope::fragments(*group, *chunk), &hull)));
    let pages = snapshot.table().pages(store);
    let mut answers = snapshot.state().query(&pages, &queries).await?.into_iter();
    let inlines = answers.next().unwrap_or_default();
    let tombstones = answers.next().unwrap_or_default();
    let mut loader = Loader { table, bound, runs: BTreeMap::new() };
    for entry in tombstones {
        loader.run(entry, None)?;
    }
    for group in groups {
        for entry in answers.next().unwrap_or_default() {
            loader.run(entry, Some(*group))?;
        }
    }
    for entry in answers.flatten() {
        loader.fragment(entry)?;
    }
    let mut list: Vec<Source> = loader.runs.into_values().map(|run| run.source).collect();
    for entry in inlines {
        list.extend(memory_source(table, snapshot, bound, entry)?);
    }
    list.retain(|source| bound.ranges.intersects_span(source.first.as_bytes(), source.last.as_bytes()));
    list.sort_by_key(|source| source.rank);
    if snapshot.table().log().faults().filter_stale_cells && bound.filter.is_some() {
        list.pop();
    }
    Ok(list)
}

/// The smallest range that holds all ranges.
fn hull(ranges: &KeyRanges) -> KeyRange {
    let slice = ranges.as_slice();
    match (slice.first(), slice.last()) {
        (Some(first), Some(last)) => KeyRange::new(Some(first.begin().clone()), last.end().cloned()),
        _ => KeyRange::new(Some(Key::from(vec![])), Some(Key::from(vec![]))),
    }
}

fn overlap(scope: &SpanScope, range: &KeyRange) -> Query {
    let bounds = scope.bounds();
    let to = range.end().map_or_else(
        || bounds.end.clone(),
        // An entry that begins at a key has its name after it: take in all of them, runs are narrowed later.
        |end| scope.at(&[end.as_bytes(), &[0xFF]].concat()),
    );
    Query::Overlap { from: scope.at(range.begin().as_bytes()), to, scope: bounds }
}

struct Loader<'a> {
    table: usize,
    bound: &'a BoundScan,
    /// By name of the key space; tombstones and rows never share one.
    runs: BTreeMap<String, LoadedRun>,
}

struct LoadedRun {
    source: Source,
    fragments: HashMap<String, usize>,
}

impl Loader<'_> {
    fn run(&mut self, entry: Entry, group: Option<u32>) -> Result<()> {
        let record: RunRecord = decode(entry.value, "run")?;
        let keys = required(record.keys, "key space")?;
        let run = self.runs.entry(keys.path.clone()).or_insert_with(|| LoadedRun {
            source: Source {
                table: self.table,
                rank: record.rank.unwrap_or_default(),
                tombstone: group.is_none(),
                first: Key::from(record.first.to_vec()),
                last: Key::from(record.last.to_vec()),
                groups: BTreeSet::new(),
                body: Body::Files { keys: File { table: self.table, reference: keys }, fragments: Vec::new() },
                columns: vec![None; self.bound.values.len()],
            },
            fragments: HashMap::new(),
        });
        run.source.groups.extend(group);
        Ok(())
    }

    fn fragment(&mut self, entry: Entry) -> Result<()> {
        let record: FragmentRecord = decode(entry.value, "fragment")?;
        let data = required(record.data, "file")?;
        let Some(run) = self.runs.get_mut(&record.key_space) else { return Ok(()) };
        let Body::Files { keys, fragments } = &mut run.source.body else { return Ok(()) };
        if data.rows != keys.rows {
            return Err(Error::new(Code::Corrupt, "a fragment is not aligned to its key space").with_path(data.path));
        }
        for binding in &record.columns {
            let is_bound = |value: &ValueColumn| value.table == self.table && value.id == binding.column;
            let Some(value) = self.bound.values.iter().position(is_bound) else { continue };
            let fragment = *run.fragments.entry(data.path.clone()).or_insert_with(|| {
                fragments.push(File { table: self.table, reference: data.clone() });
                fragments.len() - 1
            });
            run.source.columns[value] = Some(Cells {
                fragment,
                position: binding.position as usize,
                presence: binding.presence.checked_sub(1).map(|position| position as usize),
            });
        }
        Ok(())
    }
}

/// Inline rows as a run; `None` when none of the scan's groups has them.
fn memory_source(table: usize, snapshot: &Snapshot, bound: &BoundScan, entry: Entry) -> Result<Option<Source>> {
    let rank = table::rank_of(&entry.key)?;
    let record: InlineRecord = decode(entry.value, "inline rows")?;
    let wanted = &bound.groups[table];
    let groups: BTreeSet<u32> = record.groups.iter().copied().filter(|group| wanted.contains(group)).collect();
    if groups.is_empty() && !record.tombstone {
        return Ok(None);
    }
    let rows = inline::decode(&record.rows, snapshot.table().key_schema())?;
    if rows.keys.is_empty() {
        return Ok(None);
    }
    let position = |value: &ValueColumn| {
        record
            .columns
            .iter()
            .position(|place| value.table == table && place.column == value.id)
            .filter(|position| *position < rows.values.len())
    };
    let columns = bound
        .values
        .iter()
        .map(|value| position(value).map(|position| Cells { fragment: 0, position, presence: None }))
        .collect();
    Ok(Some(Source {
        table,
        rank,
        tombstone: record.tombstone,
        first: rows.keys.key(0),
        last: rows.keys.key(rows.keys.len() - 1),
        groups,
        columns,
        body: Body::Memory { keys: rows.keys, values: rows.values },
    }))
}

/// The physical field of presence bits.
pub(crate) fn presence_field() -> Field {
    Field::new("presence", DataType::Boolean, true)
}

/// What one plan shares between its morsels.
pub(super) type SourcesRef = Arc<Sources>;
