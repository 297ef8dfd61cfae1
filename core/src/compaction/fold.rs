//! Folding: small writes that commits carry become files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::Field;
use bytes::Bytes;
use futures::future::{BoxFuture, try_join_all};
use prost::Message;

use super::merge::{Cells, Merged, RunRows, merge_runs};
use super::output::{Output, memory_bytes, types_of};
use crate::error::{Code, Error, Result};
use crate::fragment::{Fragment, FragmentRef, Rows};
use crate::log::TxnId;
use crate::map::{Change, Commit, Summary};
use crate::runtime::RuntimeExt;
use crate::scan::{physical, presence_field, read_keys};
use crate::table::records::{
    ColumnPlace, FoldRecord, FoldedFragment, FoldedRun, InlineRecord, Rank, RunRecord, decode, required,
};
use crate::table::{self, Names, Rebase, SpanScope, State, Table};
use crate::transaction::inline;
use crate::tree::{Entry, Query};

/// An earlier fold is folded again while it has no more than this many bytes, or than twice the new ones.
const ALWAYS_ABSORBED_BYTES: u64 = 256 << 10;

/// Bytes that one fold rewrites at most: beyond, merging is the business of compaction.
const FOLD_BYTES_MAX: u64 = 4 << 20;

/// One in this many commits tries a fold that is overdue, so that racing writers do not all do the same work.
const OVERDUE_TRIES: u64 = 8;

impl Table {
    /// Folds small writes into files if the last commit made that due.
    ///
    /// Failing is harmless: a later committer finds the fold overdue.
    pub(crate) async fn fold_if_due(&self) -> Result<()> {
        let state = self.state();
        if !state.newest_changes(&table::inlines()) {
            return Ok(());
        }
        let pages = self.pages(self.store());
        let ranges = [Query::Range(table::inlines()), Query::Range(table::folds())];
        let mut answers = state.query(&pages, &ranges).await?.into_iter();
        let (inlines, folds) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
        if !self.is_fold_due(&state, &inlines)? {
            return Ok(());
        }
        let Some(mut fold) = self.fold(&state, &inlines, &folds).await? else { return Ok(()) };
        if self.log().faults().split_folds {
            let first = Fold { consumed: fold.consumed.clone(), changes: BTreeMap::new() };
            let id = TxnId::random(self.runtime().as_ref());
            self.commit_only(id, state.version, &first).await?;
            fold.consumed.clear();
        }
        let id = TxnId::random(self.runtime().as_ref());
        self.commit_only(id, state.version, &fold).await.map(|_| ())
    }

    /// Whether the newest commit crossed a limit, or one was crossed long ago and nobody has folded yet.
    fn is_fold_due(&self, state: &State, inlines: &[Entry]) -> Result<bool> {
        let (mut own, mut own_bytes, mut bytes) = (0, 0, 0);
        for entry in inlines {
            bytes += entry.value.len();
            if table::rank_of(&entry.key)?.version == state.version {
                own += 1;
                own_bytes += entry.value.len();
            }
        }
        let options = self.options();
        let crossed = |all: usize, own: usize, limit: usize| all >= limit && all - own < limit;
        if crossed(inlines.len(), own, options.fold_operations) || crossed(bytes, own_bytes, options.fold_bytes) {
            return Ok(true);
        }
        let overdue = inlines.len() >= options.fold_operations || bytes >= options.fold_bytes;
        Ok(overdue && self.runtime().random_u64().is_multiple_of(OVERDUE_TRIES))
    }

    /// Merges the small writes of a state and writes them as files.
    async fn fold(&self, state: &State, inlines: &[Entry], folds: &[Entry]) -> Result<Option<Fold>> {
        let mut fold = Fold::default();
        let stretches = stretches(inlines, folds)?;
        let last = stretches.len().saturating_sub(1);
        for (number, mut stretch) in stretches.into_iter().enumerate() {
            let is_open = number == last;
            fold.consumed.extend(stretch.barrier.take());
            if stretch.inlines.is_empty() {
                // Nothing was written since these were folded. Behind a barrier they are never folded again.
                if !is_open {
                    fold.consumed.extend(stretch.folds.into_iter().map(|(key, _)| key));
                }
                continue;
            }
            self.fold_stretch(state, stretch, is_open, &mut fold).await?;
        }
        Ok((!fold.consumed.is_empty()).then_some(fold))
    }

    async fn fold_stretch(&self, state: &State, stretch: Stretch, is_open: bool, fold: &mut Fold) -> Result<()> {
        let schema = self.key_schema();
        let mut bytes: u64 = stretch.inlines.iter().map(|(_, record)| record.rows.len() as u64).sum();
        let mut absorbed = Vec::new();
        let mut folds = stretch.folds.into_iter().rev().peekable();
        while let Some((_, earlier)) = folds.peek() {
            let similar = earlier.bytes <= ALWAYS_ABSORBED_BYTES.max(2 * bytes);
            if !similar || bytes + earlier.bytes > FOLD_BYTES_MAX {
                break;
            }
            bytes += earlier.bytes;
            absorbed.extend(folds.next());
        }
        if !is_open {
            fold.consumed.extend(folds.map(|(key, _)| key));
        }
        let mut inputs = Vec::new();
        for (_, earlier) in absorbed.iter().rev() {
            inputs.extend(self.read_fold(earlier).await?);
        }
        for (_, record) in &stretch.inlines {
            inputs.push(inline_rows(self, record)?);
        }
        let first =
            absorbed.last().map_or_else(|| table::rank_of(&stretch.inlines[0].0), |(_, earlier)| lowest(earlier))?;
        let highest = table::rank_of(&stretch.inlines[stretch.inlines.len() - 1].0)?;
        for (key, earlier) in absorbed {
            fold.remove_runs(&earlier)?;
            fold.consumed.push(key);
        }
        fold.consumed.extend(stretch.inlines.into_iter().map(|(key, _)| key));

        let merging = schema.clone();
        let merged = self.runtime().spawn_work(move || merge_runs(&merging, &inputs)).await??;
        let record = self.write_merged(state, merged, first, highest, fold).await?;
        if is_open && !record.is_barrier() {
            fold.put(table::fold(highest), &record, None);
        }
        Ok(())
    }

    /// Writes merged rows. Tombstones take the lowest rank: what they hid among the inputs is gone, and the rows that
    /// were written after them stay above them.
    async fn write_merged(
        &self,
        state: &State,
        merged: Merged,
        lowest: Rank,
        highest: Rank,
        fold: &mut Fold,
    ) -> Result<FoldRecord> {
        let names = Names { began: state.version, runtime: Arc::clone(self.runtime()) };
        let output = Output { store: self.store(), names };
        let folded_from = (lowest < highest).then_some(lowest);
        let bytes = merged.runs.iter().map(|run| memory_bytes(run) as u64).sum();
        let (columns, types) = types_of(self.key_schema(), merged.runs.iter())?;
        let mut runs = Vec::new();
        if let Some(keys) = merged.tombstones {
            let tombstones = RunRows { tombstone: true, groups: BTreeSet::new(), keys, columns: BTreeMap::new() };
            runs.push(output.run(&tombstones, lowest, None).await?);
        }
        for run in &merged.runs {
            runs.push(output.run(run, highest, folded_from).await?);
        }
        let record = FoldRecord { runs, bytes, columns, types };
        fold.add_runs(&record)?;
        Ok(record)
    }

    /// The rows of an earlier fold, tombstones first.
    async fn read_fold(&self, record: &FoldRecord) -> Result<Vec<RunRows>> {
        let types = inline::decode(&record.types, self.key_schema())?.values;
        let types: BTreeMap<u64, (ColumnPlace, Field)> = record
            .columns
            .iter()
            .zip(types)
            .map(|(place, values)| (place.column, (*place, Field::new("", values.data_type().clone(), true))))
            .collect();
        try_join_all(record.runs.iter().map(|run| self.read_run(run, &types))).await
    }

    async fn read_run(&self, run: &FoldedRun, types: &BTreeMap<u64, (ColumnPlace, Field)>) -> Result<RunRows> {
        let record = run.run.as_ref().ok_or_else(|| Error::new(Code::Corrupt, "a folded run has no record"))?;
        let open = |reference: &Option<FragmentRef>| {
            let reference = required(reference.clone(), "file");
            async move { Fragment::open(self.store(), reference?).await }
        };
        let keys = open(&record.keys).await?;
        let rows = 0..keys.rows();
        let keys = read_keys(&keys, self.key_schema(), rows.clone()).await?;
        let read = run.fragments.iter().filter_map(|fragment| fragment.record.as_ref()).map(|record| {
            let rows = rows.clone();
            async move {
                let fragment = open(&record.data).await?;
                let mut wanted = Vec::new();
                let mut places = Vec::new();
                for binding in &record.columns {
                    let (place, field) = types
                        .get(&binding.column)
                        .ok_or_else(|| Error::new(Code::Corrupt, "a fold does not name all of its columns"))?;
                    wanted.push((binding.position as usize, field.clone()));
                    let presence = binding.presence.checked_sub(1);
                    wanted.extend(presence.map(|presence| (presence as usize, presence_field())));
                    places.push((*place, presence.is_some()));
                }
                let fetched = fragment.fetch(&wanted, &Rows::Range(rows)).await?;
                let arrays = self.runtime().spawn_work(move || fetched.decode()).await??;
                Ok::<_, Error>(cells(places, arrays))
            }
        });
        let columns = try_join_all(read).await?.into_iter().flatten().collect();
        Ok(RunRows { tombstone: run.groups.is_empty(), groups: run.groups.iter().copied().collect(), keys, columns })
    }
}

/// Cells from values, each followed by its presence bits where it has some.
fn cells(places: Vec<(ColumnPlace, bool)>, arrays: Vec<ArrayRef>) -> Vec<(ColumnPlace, Cells)> {
    let mut arrays = arrays.into_iter();
    let mut columns = Vec::with_capacity(places.len());
    for (place, has_presence) in places {
        let Some(values) = arrays.next() else { break };
        let presence = if has_presence { arrays.next().map(|bits| bits.as_boolean().clone()) } else { None };
        columns.push((place, Cells { values, presence }));
    }
    columns
}

fn inline_rows(table: &Table, record: &InlineRecord) -> Result<RunRows> {
    let rows = inline::decode(&record.rows, table.key_schema())?;
    let columns = record
        .columns
        .iter()
        .zip(&rows.values)
        .map(|(place, values)| Ok((*place, Cells { values: physical(values)?, presence: None })))
        .collect::<Result<_>>()?;
    let groups = record.groups.iter().copied().collect();
    Ok(RunRows { tombstone: record.tombstone, groups, keys: rows.keys, columns })
}

/// The lowest rank that was folded into a fold.
fn lowest(fold: &FoldRecord) -> Result<Rank> {
    let rank = |run: &FoldedRun| run.run.as_ref().and_then(|run| run.folded_from.or(run.rank));
    fold.runs.iter().filter_map(rank).min().ok_or_else(|| Error::new(Code::Corrupt, "a folded run has no rank"))
}

/// Small writes between two barriers.
#[derive(Default)]
struct Stretch {
    /// The barrier below it.
    barrier: Option<Bytes>,
    /// Earlier folds, in order of rank; all below the small writes.
    folds: Vec<(Bytes, FoldRecord)>,
    inlines: Vec<(Bytes, InlineRecord)>,
}

fn stretches(inlines: &[Entry], folds: &[Entry]) -> Result<Vec<Stretch>> {
    let mut stretches = vec![Stretch::default()];
    let mut inlines = inlines.iter().peekable();
    let mut take_inlines = |stretch: &mut Stretch, below: Option<Rank>| -> Result<()> {
        while let Some(entry) = inlines.peek() {
            if below.is_some_and(|below| table::rank_of(&entry.key).is_ok_and(|rank| rank > below)) {
                break;
            }
            stretch.inlines.push((entry.key.clone(), decode(entry.value.clone(), "inline rows")?));
            inlines.next();
        }
        Ok(())
    };
    for entry in folds {
        let record: FoldRecord = decode(entry.value.clone(), "fold")?;
        let last = stretches.len() - 1;
        if record.is_barrier() {
            take_inlines(&mut stretches[last], Some(table::rank_of(&entry.key)?))?;
            stretches.push(Stretch { barrier: Some(entry.key.clone()), ..Stretch::default() });
        } else {
            stretches[last].folds.push((entry.key.clone(), record));
        }
    }
    let last = stretches.len() - 1;
    take_inlines(&mut stretches[last], None)?;
    Ok(stretches)
}

/// A fold whose files are written: it commits only where everything that it replaces is still there.
#[derive(Default)]
struct Fold {
    /// Entries of small writes, folds and barriers that it consumes. An entry never changes under its key.
    consumed: Vec<Bytes>,
    changes: BTreeMap<Bytes, Change>,
}

impl Fold {
    fn put(&mut self, key: Bytes, value: &impl Message, end: Option<Bytes>) {
        self.changes.insert(key.clone(), Change { key, value: Some(value.encode_to_vec().into()), end });
    }

    fn add_runs(&mut self, record: &FoldRecord) -> Result<()> {
        for run in &record.runs {
            for (scope, name, value) in entries(run)? {
                let (first, last) = span(run)?;
                self.changes.insert(
                    scope.key(first, &name),
                    Change { key: scope.key(first, &name), value: Some(value), end: Some(scope.end(last)) },
                );
            }
        }
        Ok(())
    }

    fn remove_runs(&mut self, record: &FoldRecord) -> Result<()> {
        for run in &record.runs {
            for (scope, name, _) in entries(run)? {
                let key = scope.key(span(run)?.0, &name);
                self.changes.insert(key.clone(), Change { key, value: None, end: None });
            }
        }
        Ok(())
    }
}

fn record_of(run: &FoldedRun) -> Result<&RunRecord> {
    run.run.as_ref().ok_or_else(|| Error::new(Code::Corrupt, "a folded run has no record"))
}

fn span(run: &FoldedRun) -> Result<(&[u8], &[u8])> {
    let record = record_of(run)?;
    Ok((&record.first, &record.last))
}

/// The entries by which the map knows a run: where each lies, the object that names it, and its value.
fn entries(run: &FoldedRun) -> Result<Vec<(SpanScope, String, Bytes)>> {
    let record = record_of(run)?;
    let keys = required(record.keys.clone(), "key space")?.path;
    let value = Bytes::from(record.encode_to_vec());
    let mut entries = Vec::new();
    if run.groups.is_empty() {
        entries.push((SpanScope::tombstones(), keys.clone(), value.clone()));
    }
    for group in &run.groups {
        entries.push((SpanScope::runs(*group), keys.clone(), value.clone()));
    }
    for FoldedFragment { group, chunk, record } in &run.fragments {
        let record = required(record.clone(), "fragment")?;
        let path = required(record.data.clone(), "file")?.path;
        entries.push((SpanScope::fragments(*group, *chunk), path, Bytes::from(record.encode_to_vec())));
    }
    Ok(entries)
}

impl Rebase for Fold {
    fn changes<'a>(&'a self, table: &'a Table, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let pages = table.pages(table.store());
            let present = state.get_many(&pages, self.consumed.clone()).await?;
            if present.iter().any(Option::is_none) {
                return Err(Error::new(Code::CommitConflict, "another writer folded the same rows first"));
            }
            let mut changes = self.changes.clone();
            for key in &self.consumed {
                changes.insert(key.clone(), Change { key: key.clone(), value: None, end: None });
            }
            let summary = Summary { operations: vec!["fold".into()], ..Summary::default() };
            Ok(Commit { changes: changes.into_values().collect(), summary: Some(summary) })
        })
    }
}
