//! The merged keys of some runs in a range: what of a scan of overlapping runs depends on no column.
//!
//! Files never change, so this is kept between scans: merging the keys of two million rows and finding the cells of
//! highest rank takes longer than decoding two columns of them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::compose::Recipe;
use super::merge::{Stretch, Union, count};
use super::overlap::{Chunk, Input};
use super::parts::{Extent, Parts};
use super::resolve::{Holds, Kind, Segment, existing, pick, pick_keys};
use crate::fragment::STRIPE_ROWS;
use crate::key::KeyRange;
use crate::store::{BlockKey, Weigh};

/// Rows of one batch at most. Batches are cut where the largest run begins a stripe, and others may have rows between.
const BATCH_ROWS_MAX: usize = 2 * STRIPE_ROWS;

/// What a merge depends on: the range, the runs and what they do to their keys, and whether neighbours share stripes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct MergeKey {
    pub(super) range: KeyRange,
    pub(super) runs: Vec<(BlockKey, (usize, Kind))>,
    pub(super) shares: (bool, bool),
}

/// Some overlapping runs, the union of their keys, and which of its rows exist.
pub(crate) struct Merged {
    pub(super) inputs: Vec<Input>,
    /// The table of each input, and what it does to its keys.
    pub(super) kinds: Vec<(usize, Kind)>,
    union: Union,
    /// With the number of rows of each.
    chunks: OnceLock<Vec<(Arc<[Stretch]>, usize)>>,
    whole: OnceLock<Whole>,
}

/// The cells of all rows in a column that every run holds.
pub(super) struct Whole {
    pub(super) parts: Arc<Parts>,
    pub(super) placed: Vec<Arc<Placed>>,
}

/// Where the cells of one batch are among the parts that are read.
pub(super) struct Placed {
    /// Shared by columns that the same runs hold.
    pub(super) recipes: Vec<Recipe>,
    /// Where the keys are among the inputs.
    pub(super) keys: Recipe,
    /// The parts that the recipes use, ascending.
    pub(super) used: Vec<usize>,
}

impl Merged {
    pub(super) fn new(inputs: Vec<Input>, union: Union, kinds: Vec<(usize, Kind)>) -> Self {
        Self { inputs, kinds, union, chunks: OnceLock::new(), whole: OnceLock::new() }
    }

    /// The rows that exist, cut into batches, with the number of rows of each.
    pub(super) fn chunks(&self) -> &[(Arc<[Stretch]>, usize)] {
        self.chunks.get_or_init(|| self.cut())
    }

    /// Whether an earlier scan has found out where all rows are.
    pub(super) fn is_laid_out(&self) -> bool {
        self.whole.get().is_some()
    }

    /// Whether these are all rows.
    pub(super) fn is_whole(&self, chunks: &[Chunk]) -> bool {
        let all = self.chunks();
        chunks.len() == all.len() && chunks.iter().zip(all).all(|(chunk, (all, _))| Arc::ptr_eq(&chunk.rows, all))
    }

    /// Whether a deletion hides cells of every column.
    pub(super) fn is_of_one_table(&self) -> bool {
        self.kinds.iter().all(|(table, _)| *table == self.kinds[0].0)
    }

    /// The cells of all rows in a column that every run holds, where all runs are of one table.
    pub(super) fn whole(&self, run_rows: &[Option<u64>]) -> &Whole {
        self.whole.get_or_init(|| {
            let chunks: Vec<&[Stretch]> = self.chunks().iter().map(|(rows, _)| &rows[..]).collect();
            let (parts, placed) = self.place(run_rows, &chunks, &[()], |(), input| match self.kinds[input].1 {
                Kind::Tombstone => Holds::Deleted,
                Kind::Rows | Kind::Cells => Holds::Everything,
            });
            Whole { parts, placed }
        })
    }

    /// Chooses the cells of some columns, and what to read for them.
    pub(super) fn place<'a, C>(
        &self,
        run_rows: &[Option<u64>],
        chunks: &[&[Stretch]],
        columns: &[C],
        holds: impl Fn(&C, usize) -> Holds<'a>,
    ) -> (Arc<Parts>, Vec<Arc<Placed>>) {
        let mut wanted: Vec<Vec<Range<u32>>> = vec![Vec::new(); self.inputs.len()];
        let mut picked: Vec<Vec<Vec<Segment>>> = Vec::with_capacity(chunks.len());
        for rows in chunks {
            let pick_column = |column: &C| pick(&self.union, rows, |input| holds(column, input));
            let segments: Vec<Vec<Segment>> = columns.iter().map(pick_column).collect();
            for segment in segments.iter().flatten() {
                if let Some((input, row)) = segment.place() {
                    wanted[input].push(row..row + segment.len);
                }
            }
            picked.push(segments);
        }
        let parts = self.parts(run_rows, wanted);
        let placed = chunks.iter().zip(picked).map(|(rows, picked)| {
            let placed: Vec<Vec<Segment>> = picked.iter().map(|segments| parts.place(segments)).collect();
            let mut used: Vec<usize> = placed.iter().flatten().filter_map(|segment| Some(segment.place()?.0)).collect();
            used.sort_unstable();
            used.dedup();
            let keys = Recipe::new(pick_keys(&self.union, rows));
            Arc::new(Placed { recipes: placed.into_iter().map(Recipe::new).collect(), keys, used })
        });
        let placed = placed.collect();
        (Arc::new(parts), placed)
    }

    /// What to read for rows of the inputs. `run_rows` are the rows of each run, `None` for one in memory.
    pub(super) fn parts(&self, run_rows: &[Option<u64>], wanted: Vec<Vec<Range<u32>>>) -> Parts {
        let mut extents = Vec::with_capacity(self.inputs.len());
        for (Input { keys, begin, located, shares }, run_rows) in self.inputs.iter().zip(run_rows) {
            extents.push(Extent {
                len: count(keys.len()),
                begin: *begin,
                located: located.as_deref(),
                run_rows: *run_rows,
                shares: *shares,
            });
        }
        Parts::new(&extents, wanted)
    }

    /// Cuts the rows that exist into batches.
    fn cut(&self) -> Vec<(Arc<[Stretch]>, usize)> {
        let largest = (0..self.inputs.len())
            .filter(|input| self.kinds[*input].1 != Kind::Tombstone && self.inputs[*input].located.is_none())
            .max_by_key(|input| self.inputs[*input].keys.len());
        let stripe = |stretch: &Stretch| {
            let member = self.union.members(stretch).find(|member| Some(member.input as usize) == largest)?;
            let row = self.inputs[member.input as usize].begin + u64::from(member.row);
            Some((row / STRIPE_ROWS as u64, row % STRIPE_ROWS as u64))
        };
        let batch_rows_max = count(BATCH_ROWS_MAX);
        let mut chunks: Vec<(Arc<[Stretch]>, usize)> = Vec::new();
        let mut open: Vec<Stretch> = Vec::new();
        let (mut rows, mut stripe_now) = (0, None);
        for mut stretch in existing(&self.union, &self.kinds) {
            while stretch.len > 0 {
                let mut len = stretch.len.min(batch_rows_max - rows);
                if let Some((stripe, row)) = stripe(&stretch) {
                    if stripe_now.replace(stripe).is_some_and(|now| now != stripe) && rows > 0 {
                        chunks.push((std::mem::take(&mut open).into(), rows as usize));
                        rows = 0;
                        len = stretch.len.min(batch_rows_max);
                    }
                    len = len.min(count(STRIPE_ROWS) - u32::try_from(row).unwrap_or(0));
                }
                open.push(stretch.part(0, len));
                stretch = stretch.part(len, stretch.len);
                rows += len;
                if rows == batch_rows_max {
                    chunks.push((std::mem::take(&mut open).into(), rows as usize));
                    rows = 0;
                }
            }
        }
        if rows > 0 {
            chunks.push((open.into(), rows as usize));
        }
        chunks
    }
}

impl Weigh for Merged {
    fn weight_bytes(&self) -> usize {
        // What is found out later counts from the beginning: a stretch more in a batch, segments of cells and
        // keys, and those that are written over.
        let keys: usize = self.inputs.iter().map(|input| input.keys.weight_bytes()).sum();
        let stretches = self.union.stretches.len() * (size_of::<Stretch>() + 5 * size_of::<Segment>());
        keys + self.union.weight_bytes() + stretches
    }
}
