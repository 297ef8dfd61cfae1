//! Reading a tree: many queries at once, one round of requests per level.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::page::{Child, Entry, HEIGHT_MAX, Page, PageRef, Tree};
use crate::bail;
use crate::error::{Code, Error, Result};

/// Supplies pages, from a cache or the store.
pub trait PageSource: Send + Sync {
    /// Reads pages in one round, in the order asked for.
    fn pages<'a>(&'a self, pages: &'a [PageRef]) -> BoxFuture<'a, Result<Vec<Arc<Page>>>>;

    /// Reads one page.
    fn page<'a>(&'a self, page: &'a PageRef) -> BoxFuture<'a, Result<Arc<Page>>> {
        Box::pin(async move {
            let page = self.pages(std::slice::from_ref(page)).await?.pop();
            page.ok_or_else(|| Error::new(Code::Internal, "a page was asked for and not read"))
        })
    }
}

/// A question to a tree.
#[derive(Debug, Clone)]
pub enum Query {
    /// The entry of a key.
    Get(Bytes),
    /// Entries whose keys lie in a range.
    Range(Range<Bytes>),
    /// The entry with the largest key in `scope.start..=key`.
    Floor {
        /// The smallest key that may be the answer.
        from: Bytes,
        /// The largest.
        key: Bytes,
    },
    /// Entries of a scope whose intervals meet `from..to`.
    Overlap {
        /// Keys that are searched.
        scope: Range<Bytes>,
        /// First place asked for.
        from: Bytes,
        /// First place not asked for.
        to: Bytes,
    },
}

impl Query {
    /// Whether an entry answers the query, [`Query::Floor`] apart.
    pub fn matches(&self, key: &[u8], end: Option<&[u8]>) -> bool {
        match self {
            Query::Get(wanted) => wanted == key,
            Query::Range(range) => *range.start <= *key && *key < *range.end,
            Query::Floor { from, key: last } => **from <= *key && *key <= **last,
            Query::Overlap { scope, from, to } => {
                *scope.start <= *key && *key < *scope.end && *key < **to && **from <= *end.unwrap_or(key)
            }
        }
    }

    /// Whether a page with keys from `first` up to `next` and intervals up to `reach` may hold answers.
    fn may_match(&self, first: &[u8], next: Option<&[u8]>, reach: &[u8]) -> bool {
        let begins_before = |end: &[u8]| first < end;
        let ends_after = |begin: &[u8]| next.is_none_or(|next| begin < next);
        match self {
            Query::Get(key) => first <= &key[..] && ends_after(key),
            Query::Range(range) => begins_before(&range.end) && ends_after(&range.start),
            Query::Floor { key, .. } => first <= &key[..] && ends_after(key),
            Query::Overlap { scope, from, to } => {
                begins_before(&scope.end) && ends_after(&scope.start) && begins_before(to) && reach >= &from[..]
            }
        }
    }
}

impl Tree {
    /// Answers every query with its entries in ascending order of key, in as many rounds as the tree is high.
    pub async fn query(&self, pages: &dyn PageSource, queries: &[Query]) -> Result<Vec<Vec<Entry>>> {
        let mut answers = vec![Vec::new(); queries.len()];
        let Some(root) = &self.root else { return Ok(answers) };
        if self.height > HEIGHT_MAX {
            bail!(Code::Corrupt, "a checkpoint claims a height of {}", self.height);
        }
        let mut level = vec![root.clone()];
        let mut asked_of: Vec<Vec<usize>> = vec![(0..queries.len()).collect()];
        for _ in 0..self.height {
            let read = pages.pages(&level).await?;
            let (mut below, mut asked_below): (Vec<PageRef>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
            let mut place: HashMap<PageRef, usize> = HashMap::new();
            for (asked, page) in asked_of.iter().zip(read) {
                match page.as_ref() {
                    Page::Leaf(entries) => {
                        asked.iter().for_each(|at| collect(&queries[*at], entries, &mut answers[*at]))
                    }
                    Page::Inner(children) => {
                        for (child, asked) in descend(children, queries, asked) {
                            let page = child.page()?;
                            let at = *place.entry(page.clone()).or_insert_with(|| {
                                below.push(page.clone());
                                asked_below.push(Vec::new());
                                below.len() - 1
                            });
                            asked_below[at].extend(asked);
                        }
                    }
                }
            }
            (level, asked_of) = (below, asked_below);
        }
        if !level.is_empty() {
            bail!(Code::Corrupt, "a checkpoint is higher than it says");
        }
        Ok(answers)
    }
}

/// Children that may hold answers, with the queries that ask for them.
fn descend<'a>(
    children: &'a [Child],
    queries: &'a [Query],
    asked: &'a [usize],
) -> impl Iterator<Item = (&'a Child, Vec<usize>)> {
    children.iter().enumerate().filter_map(move |(at, child)| {
        let next = children.get(at + 1).map(|child| &child.first[..]);
        // Keys below the first child belong to it: a floor or range may begin before every key.
        let wanted: Vec<usize> =
            asked.iter().copied().filter(|query| queries[*query].may_match(&child.first, next, &child.reach)).collect();
        (!wanted.is_empty()).then_some((child, wanted))
    })
}

fn collect(query: &Query, entries: &[Entry], answer: &mut Vec<Entry>) {
    match query {
        Query::Get(key) => {
            if let Ok(at) = entries.binary_search_by(|entry| entry.key.cmp(key)) {
                answer.push(entries[at].clone());
            }
        }
        Query::Floor { key, .. } => {
            let after = entries.partition_point(|entry| entry.key <= *key);
            let found = after.checked_sub(1).map(|at| &entries[at]);
            answer.extend(found.filter(|entry| query.matches(&entry.key, None)).cloned());
        }
        Query::Range(_) | Query::Overlap { .. } => {
            answer.extend(entries.iter().filter(|entry| query.matches(&entry.key, entry.end.as_deref())).cloned());
        }
    }
}
