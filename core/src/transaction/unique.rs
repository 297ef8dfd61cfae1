//! One write operation holds each key once, also when its input was so large that it became several runs.

use std::cmp::Ordering;

use super::ingest::duplicate;
use super::pending::PendingRun;
use crate::error::Result;
use crate::fragment::Fragment;
use crate::key::{KeyRows, KeySchema};
use crate::scan::read_keys;
use crate::store::Store;

/// Fails when a key lies in two of the runs. Runs that overlap are read back and merged with one stripe of each in
/// memory; runs of sorted input do not overlap and cost nothing.
pub(super) async fn check(store: &Store, schema: &KeySchema, runs: &[PendingRun]) -> Result<()> {
    let mut sorted: Vec<&PendingRun> = runs.iter().collect();
    sorted.sort_by(|a, b| a.first.cmp(&b.first));
    let mut begin = 0;
    while begin < sorted.len() {
        let mut last = &sorted[begin].last;
        let mut end = begin + 1;
        while end < sorted.len() && sorted[end].first <= *last {
            last = last.max(&sorted[end].last);
            end += 1;
        }
        if end - begin > 1 {
            check_overlapping(store, schema, &sorted[begin..end]).await?;
        }
        begin = end;
    }
    Ok(())
}

/// A position in a run, with the stripe of keys it stands in.
struct Cursor {
    fragment: Fragment,
    stripe: usize,
    keys: KeyRows,
    row: usize,
}

impl Cursor {
    /// Loads the next stripe when this one is used up; false at the end of the run.
    async fn settle(&mut self, schema: &KeySchema) -> Result<bool> {
        if self.row < self.keys.len() {
            return Ok(true);
        }
        self.stripe += 1;
        if self.stripe >= self.fragment.stripes() {
            return Ok(false);
        }
        self.keys = read_keys(&self.fragment, schema, self.fragment.stripe(self.stripe)).await?;
        self.row = 0;
        Ok(true)
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.keys.compare(self.row, &other.keys, other.row)
    }
}

async fn check_overlapping(store: &Store, schema: &KeySchema, runs: &[&PendingRun]) -> Result<()> {
    let mut heap = Vec::with_capacity(runs.len());
    for run in runs {
        let fragment = Fragment::open(store, run.keys.clone()).await?;
        let keys = read_keys(&fragment, schema, fragment.stripe(0)).await?;
        heap.push(Cursor { fragment, stripe: 0, keys, row: 0 });
    }
    for root in (0..heap.len() / 2).rev() {
        sift_down(&mut heap, root);
    }
    while heap.len() > 1 {
        let next = if heap.len() > 2 && heap[2].compare(&heap[1]).is_lt() { 2 } else { 1 };
        let (top, rest) = heap.split_at_mut(1);
        let (top, next) = (&mut top[0], &rest[next - 1]);
        if top.compare(next).is_eq() {
            return Err(duplicate(&top.keys, top.row));
        }
        top.row = top.keys.lower_bound(top.row + 1..top.keys.len(), &next.keys, next.row);
        if !top.settle(schema).await? {
            heap.swap_remove(0);
        }
        sift_down(&mut heap, 0);
    }
    Ok(())
}

/// Restores the heap, smallest key first, below `root`.
fn sift_down(heap: &mut [Cursor], mut root: usize) {
    loop {
        let mut least = root;
        for child in [2 * root + 1, 2 * root + 2] {
            if child < heap.len() && heap[child].compare(&heap[least]).is_lt() {
                least = child;
            }
        }
        if least == root {
            return;
        }
        heap.swap(root, least);
        root = least;
    }
}
