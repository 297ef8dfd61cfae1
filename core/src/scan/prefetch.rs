//! How far a stream reads ahead of a limit.

use std::future::Future;

use arrow_array::RecordBatch;
use futures::stream::{self, BoxStream, FuturesOrdered};
use futures::{Stream, StreamExt};

use super::morsel::Morsel;
use crate::error::Result;

/// Morsels under way and what is known of how many rows they give.
struct Ahead<F: Future> {
    morsels: BoxStream<'static, Result<Morsel>>,
    running: FuturesOrdered<F>,
    /// Rows of the morsels under way, before the filter.
    running_rows: u64,
    /// Rows of the morsels that are done, before the filter, and how many of them it left.
    read: u64,
    found: u64,
    limit: u64,
    filtered: bool,
}

impl<F: Future> Ahead<F> {
    /// Whether what is under way will probably be enough.
    fn enough(&self) -> bool {
        let left = self.limit.saturating_sub(self.found);
        // Until the filter has been seen at work it may keep all rows.
        let rate = if self.filtered && self.read > 0 { (self.found + 1) as f64 / self.read as f64 } else { 1.0 };
        left == 0 || self.running_rows as f64 * rate.min(1.0) >= left as f64
    }

    /// Cuts a morsel off where the limit would be reached even if nothing else came before it.
    fn clipped(&self, morsel: Morsel) -> Morsel {
        match morsel {
            Morsel::Single { source, rows } if !self.filtered => {
                let left = self.limit.saturating_sub(self.found);
                Morsel::Single { source, rows: rows.start..rows.end.min(rows.start.saturating_add(left)) }
            }
            morsel => morsel,
        }
    }
}

/// Runs morsels in order, `readahead` of them at once, but no more than `limit` rows will probably need.
pub(super) fn up_to<R, F>(
    morsels: BoxStream<'static, Result<Morsel>>,
    limit: u64,
    filtered: bool,
    readahead: usize,
    run: R,
) -> impl Stream<Item = Result<Vec<RecordBatch>>> + Send
where
    R: Fn(Morsel) -> F + Send + 'static,
    F: Future<Output = Result<Vec<RecordBatch>>> + Send + 'static,
{
    let counted = move |morsel: Morsel| {
        let rows = morsel.rows();
        let batches = run(morsel);
        async move { (rows, batches.await) }
    };
    let ahead = Ahead { morsels, running: FuturesOrdered::new(), running_rows: 0, read: 0, found: 0, limit, filtered };
    stream::unfold((ahead, counted, false), move |(mut ahead, counted, mut ended)| async move {
        while !ended && ahead.running.len() < readahead && (ahead.running.is_empty() || !ahead.enough()) {
            match ahead.morsels.next().await {
                Some(Ok(morsel)) => {
                    let morsel = ahead.clipped(morsel);
                    ahead.running_rows += morsel.rows();
                    ahead.running.push_back(counted(morsel));
                }
                Some(Err(error)) => return Some((Err(error), (ahead, counted, true))),
                None => ended = true,
            }
        }
        let (rows, batches) = ahead.running.next().await?;
        ahead.running_rows -= rows;
        ahead.read += rows;
        let found = |batches: &Vec<RecordBatch>| batches.iter().map(|batch| batch.num_rows() as u64).sum();
        ahead.found += batches.as_ref().map_or(0, found);
        // Whoever asks for more than the limit is not served.
        Some((batches, (ahead, counted, ended)))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use arrow_array::{ArrayRef, Int64Array};
    use futures::TryStreamExt;

    use super::*;

    /// Rows that are started for a limit, when one of `keep` rows of 1000 passes the filter.
    fn started(limit: u64, keep: Option<usize>) -> u64 {
        let started = Arc::new(AtomicU64::new(0));
        let morsels =
            stream::iter((0..20).map(|at| Ok(Morsel::Single { source: 0, rows: at * 1000..at * 1000 + 1000 }))).boxed();
        let count = Arc::clone(&started);
        let run = move |morsel: Morsel| {
            count.fetch_add(morsel.rows(), Ordering::Relaxed);
            let rows = keep.unwrap_or_else(|| usize::try_from(morsel.rows()).unwrap());
            async move {
                let column: ArrayRef = Arc::new(Int64Array::from(vec![0; rows]));
                Ok(vec![RecordBatch::try_from_iter([("a", column)]).unwrap()])
            }
        };
        let batches = up_to(morsels, limit, keep.is_some(), 4, run);
        let mut found = 0;
        futures::executor::block_on(async {
            let mut batches = std::pin::pin!(batches);
            while found < limit
                && let Some(batches) = batches.try_next().await.unwrap()
            {
                found += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
            }
        });
        assert!(found >= limit);
        started.load(Ordering::Relaxed)
    }

    #[test]
    fn a_limit_reads_no_further_than_it_needs() {
        assert_eq!(started(10, None), 10);
        assert_eq!(started(1000, None), 1000);
        assert_eq!(started(2500, None), 3000);
    }

    #[test]
    fn a_rare_match_is_looked_for_in_parallel() {
        let rows = started(5, Some(1));
        assert!((5000..=9000).contains(&rows), "{rows} rows were started");
    }
}
