//! Cutting a scan into morsels: pieces of the key order that are read independently and in order.

use std::ops::Range;
use std::sync::Arc;

use futures::future::try_join_all;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::keys::read_stripes;
use super::source::{Body, Source, SourcesRef};
use crate::error::Result;
use crate::fragment::{Fragment, STRIPE_ROWS};
use crate::key::{Key, KeyRange, KeyRanges, KeySchema};

/// Rows a morsel has about: enough that requests are large and merging is cheap, few enough that several fit in memory.
const MORSEL_ROWS: u64 = 8 * STRIPE_ROWS as u64;

/// A piece of the scan.
pub(super) enum Morsel {
    /// Rows that one run alone covers.
    Single { source: usize, rows: Range<u64> },
    /// A key range in which several runs have rows.
    Merge {
        range: KeyRange,
        sources: Vec<usize>,
        /// Whether morsels before, and after, this one read the same runs.
        shares: (bool, bool),
        /// Rows of all the runs, about.
        rows: u64,
    },
}

impl Morsel {
    /// Rows to be read, about.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Morsel::Single { rows, .. } => rows.end - rows.start,
            Morsel::Merge { rows, .. } => *rows,
        }
    }
}

/// Lays the morsels of a scan out in key order, as the reader gets to them.
pub(super) fn morsels(
    sources: SourcesRef,
    schema: KeySchema,
    ranges: &KeyRanges,
    limit: Option<u64>,
) -> impl Stream<Item = Result<Morsel>> + Send + 'static + use<> {
    // A short scan reads stripe by stripe.
    let stripe = STRIPE_ROWS as u64;
    let rows = limit.map_or(MORSEL_ROWS, |limit| limit.clamp(stripe, MORSEL_ROWS).next_multiple_of(stripe));
    let mut pieces = Vec::new();
    for cluster in clusters(&sources.list) {
        for range in ranges.as_slice() {
            let mut members: Vec<usize> =
                cluster.iter().copied().filter(|source| sources.list[*source].meets(range)).collect();
            // Merging relies on ascending ranks, which is the order of the list.
            members.sort_unstable();
            // Deletions alone make no rows.
            if members.iter().any(|source| !sources.list[*source].tombstone) {
                pieces.push((members, range.clone()));
            }
        }
    }
    stream::iter(pieces)
        .then(move |(members, range)| {
            let layout = Layout { sources: Arc::clone(&sources), schema: schema.clone(), rows };
            async move { Ok::<_, crate::error::Error>(stream::iter(layout.expand(&members, &range).await?).map(Ok)) }
        })
        .try_flatten()
}

/// Runs whose key spans overlap, directly or through others; in key order.
fn clusters(sources: &[Source]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by(|a, b| sources[*a].first.cmp(&sources[*b].first));
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    let mut end: Option<&Key> = None;
    for source in order {
        let (first, last) = (&sources[source].first, &sources[source].last);
        match clusters.last_mut() {
            Some(cluster) if end.is_some_and(|end| first <= end) => cluster.push(source),
            _ => clusters.push(vec![source]),
        }
        end = Some(end.map_or(last, |end| end.max(last)));
    }
    clusters
}

struct Layout {
    sources: SourcesRef,
    schema: KeySchema,
    rows: u64,
}

impl Layout {
    async fn expand(&self, members: &[usize], range: &KeyRange) -> Result<Vec<Morsel>> {
        if let [source] = members {
            return self.single(*source, range).await;
        }
        let opened = try_join_all(members.iter().map(|source| self.keys_of(*source))).await?;
        let members: Vec<(usize, Option<Fragment>)> = members.iter().copied().zip(opened).collect();
        let mut morsels = Vec::new();
        let pieces = self.cut(&members, range);
        let last = pieces.len().saturating_sub(1);
        for (at, (range, rows)) in pieces.into_iter().enumerate() {
            let active: Vec<usize> =
                members.iter().filter(|(source, _)| self.active(*source, &range)).map(|(source, _)| *source).collect();
            match active[..] {
                [] => {}
                [source] if !self.sources.list[source].tombstone => morsels.extend(self.single(source, &range).await?),
                _ => morsels.push(Morsel::Merge { range, sources: active, shares: (at > 0, at < last), rows }),
            }
        }
        Ok(morsels)
    }

    /// Whether a run has rows in a range, as far as that is known without reading keys.
    fn active(&self, source: usize, range: &KeyRange) -> bool {
        let source = &self.sources.list[source];
        match &source.body {
            Body::Files { .. } => source.meets(range),
            Body::Memory { keys, .. } => keys.rows_in(range).is_ok_and(|rows| !rows.is_empty()),
        }
    }

    async fn keys_of(&self, source: usize) -> Result<Option<Fragment>> {
        match &self.sources.list[source].body {
            Body::Files { keys, .. } => Ok(Some(self.sources.open(keys).await?)),
            Body::Memory { .. } => Ok(None),
        }
    }

    /// The morsels of a range that one run covers.
    async fn single(&self, source: usize, range: &KeyRange) -> Result<Vec<Morsel>> {
        let Body::Files { keys, .. } = &self.sources.list[source].body else {
            let rows = self.sources.list[source].rows();
            return Ok(vec![Morsel::Merge {
                range: range.clone(),
                sources: vec![source],
                shares: (false, false),
                rows,
            }]);
        };
        let run = &self.sources.list[source];
        let whole = range.contains(run.first.as_bytes()) && range.contains(run.last.as_bytes());
        let rows = if whole {
            0..keys.rows
        } else {
            let keys = self.sources.open(keys).await?;
            locate(&self.sources, &self.schema, &keys, range).await?
        };
        let step = self.rows;
        // Cut at multiples of the morsel size, so that no stripe is read twice.
        let first = rows.start / step;
        Ok((first..rows.end.div_ceil(step))
            .map(|at| (at * step).max(rows.start)..((at + 1) * step).min(rows.end))
            .filter(|rows| rows.start < rows.end)
            .map(|rows| Morsel::Single { source, rows })
            .collect())
    }

    /// Cuts a range at first keys of stripes, so that each piece has about as many rows as a morsel, of all runs
    /// together. Where one run has most of the rows its stripes are cut at, unless others have too many rows meanwhile.
    fn cut(&self, members: &[(usize, Option<Fragment>)], range: &KeyRange) -> Vec<(KeyRange, u64)> {
        let rows_of = |source: usize| self.sources.list[source].rows();
        let total: u64 = members.iter().map(|(source, _)| rows_of(*source)).sum();
        let driver = members.iter().map(|(source, _)| *source).find(|source| rows_of(*source) * 2 >= total);
        let mut marks = Vec::new();
        let mut in_memory = 0;
        for (source, fragment) in members {
            let Some(fragment) = fragment else {
                in_memory += rows_of(*source);
                continue;
            };
            let drives = driver.is_none_or(|driver| driver == *source);
            marks.extend(fragment.first_keys().iter().enumerate().map(|(stripe, key)| {
                let rows = fragment.stripe(stripe);
                Mark { key: &key[..], rows: rows.end - rows.start, drives }
            }));
        }
        cut_at(marks, range, self.rows, in_memory)
    }
}

/// The first key of a stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark<'a> {
    key: &'a [u8],
    /// Rows of the stripe.
    rows: u64,
    /// Whether the stripe belongs to the run with most of the rows, or there is no such run.
    drives: bool,
}

/// Cuts a range at marks after `rows` rows, or at whatever mark comes after twice as many. With each piece comes the
/// number of its rows, about: those of the stripes that begin in it, and `more`.
fn cut_at(mut marks: Vec<Mark<'_>>, range: &KeyRange, rows: u64, more: u64) -> Vec<(KeyRange, u64)> {
    marks.sort_unstable();
    let mut cuts = Vec::new();
    let mut begin = range.begin().clone();
    let mut passed = 0;
    for mark in marks {
        if !range.contains(mark.key) {
            continue;
        }
        let full = (mark.drives && passed >= rows) || passed >= 2 * rows;
        if full && mark.key > begin.as_bytes() {
            let key = Key::from(mark.key);
            cuts.push((KeyRange::new(Some(begin), Some(key.clone())), passed + more));
            begin = key;
            passed = 0;
        }
        passed += mark.rows;
    }
    cuts.push((KeyRange::new(Some(begin), range.end().cloned()), passed + more));
    cuts
}

/// The rows of a key space whose keys lie in a range.
pub(super) async fn locate(
    sources: &SourcesRef,
    schema: &KeySchema,
    keys: &Fragment,
    range: &KeyRange,
) -> Result<Range<u64>> {
    let begin = lower_bound(sources, schema, keys, range.begin().as_bytes()).await?;
    let end = match range.end() {
        Some(end) => lower_bound(sources, schema, keys, end.as_bytes()).await?,
        None => keys.rows(),
    };
    Ok(begin..end.max(begin))
}

/// The first row whose key is not below a bound.
async fn lower_bound(sources: &SourcesRef, schema: &KeySchema, keys: &Fragment, bound: &[u8]) -> Result<u64> {
    let after = keys.first_keys().partition_point(|first| &first[..] <= bound);
    let Some(stripe) = after.checked_sub(1) else { return Ok(0) };
    let begin = keys.stripe(stripe).start;
    if keys.first_keys()[stripe] == bound {
        return Ok(begin);
    }
    let rows = read_stripes(keys, schema, &sources.caches.keys, &[stripe]).await?;
    match rows.first() {
        Some(rows) => Ok(begin + rows.lower_bound_bytes(bound)? as u64),
        None => Ok(begin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks<'a>(keys: &'a [[u8; 2]], rows: u64, drives: bool) -> impl Iterator<Item = Mark<'a>> {
        keys.iter().map(move |key| Mark { key, rows, drives })
    }

    #[test]
    fn pieces_are_bounded_by_the_rows_of_all_runs() {
        // The driving run has two stripes, far apart; all of the other run lies between them.
        let driving = [[0, 0], [200, 0]];
        let other: Vec<[u8; 2]> = (0..100).map(|at| [100, at]).collect();
        let pieces =
            cut_at(marks(&driving, 80, true).chain(marks(&other, 10, false)).collect(), &KeyRange::all(), 100, 0);
        assert!(pieces.iter().all(|(_, rows)| *rows <= 220), "{pieces:?}");
        assert_eq!(pieces.iter().map(|(_, rows)| rows).sum::<u64>(), 2 * 80 + 100 * 10);
        assert!(pieces.windows(2).all(|pair| pair[0].0.end() == Some(pair[1].0.begin())));
    }

    #[test]
    fn the_driving_run_is_cut_at_its_stripes() {
        let driving: Vec<[u8; 2]> = (0..100).map(|at| [at, 0]).collect();
        let other: Vec<[u8; 2]> = (0..10).map(|at| [at * 10, 7]).collect();
        let pieces =
            cut_at(marks(&driving, 10, true).chain(marks(&other, 5, false)).collect(), &KeyRange::all(), 80, 3);
        assert!(pieces[1..].iter().all(|(range, _)| range.begin().as_bytes()[1] == 0), "{pieces:?}");
    }
}
