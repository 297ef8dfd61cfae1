//! Changing a tree: new pages for what changed, references to the old ones for the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use super::page::{Child, Entry, EntryValue, Page, PageRef, Tree};
use super::query::PageSource;
use crate::error::{Code, Error, Result};

/// Pages are filled up to about this size before compression: large enough to compress, small enough to read for one
/// entry.
const PAGE_BYTES: usize = 48 << 10;

/// A page below this size is merged with a neighbour.
const PAGE_BYTES_MIN: usize = PAGE_BYTES / 4;

/// Collects the pages of one update into one object.
pub struct PageSink {
    object: String,
    bytes: BytesMut,
}

impl PageSink {
    /// Pages will be stored in the object of this name.
    pub fn new(object: impl Into<String>) -> Self {
        Self { object: object.into(), bytes: BytesMut::new() }
    }

    fn write(&mut self, page: &Page) -> Result<PageRef> {
        let encoded = page.encode()?;
        let length = u32::try_from(encoded.len())
            .map_err(|_| Error::new(Code::LimitExceeded, "a checkpoint page exceeds 4 GiB"))?;
        let reference = PageRef {
            object: self.object.clone(),
            offset: self.bytes.len() as u64,
            length,
            checksum: xxh3_64(&encoded),
        };
        self.bytes.extend_from_slice(&encoded);
        Ok(reference)
    }

    /// The object's bytes.
    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}

type Changes = [(Bytes, Option<EntryValue>)];

/// The tree after `changes`: a pure function of both, whoever computes it.
pub async fn apply(
    tree: &Tree,
    pages: &dyn PageSource,
    changes: BTreeMap<Bytes, Option<EntryValue>>,
    sink: &mut PageSink,
) -> Result<Tree> {
    let changes: Vec<_> = changes.into_iter().collect();
    let mut update = Update { pages, sink };
    let mut children = match &tree.root {
        None => update.write_leaves(merge(&[], &changes))?,
        Some(root) => update.rewrite(root.clone(), &changes).await?,
    };
    let mut height = tree.height.max(1);
    while children.len() > 1 {
        children = update.write_inner(children)?;
        height += 1;
    }
    let Some(mut top) = children.pop() else { return Ok(Tree::default()) };
    // A root with a single child is only a detour.
    while height > 1 {
        match update.load(top.page()?).await?.as_ref() {
            Page::Inner(children) if children.len() == 1 => {
                top = children[0].clone();
                height -= 1;
            }
            _ => break,
        }
    }
    Ok(Tree { root: top.page, height, entries: top.entries })
}

struct Update<'a> {
    pages: &'a dyn PageSource,
    sink: &'a mut PageSink,
}

impl Update<'_> {
    /// Writes what replaces a page after the changes to its range.
    fn rewrite<'a>(&'a mut self, page: PageRef, changes: &'a Changes) -> BoxFuture<'a, Result<Vec<Child>>> {
        Box::pin(async move {
            let page = self.load(&page).await?;
            let children = match page.as_ref() {
                Page::Leaf(entries) => return self.write_leaves(merge(entries, changes)),
                Page::Inner(children) => children,
            };
            let mut replaced = Vec::with_capacity(children.len());
            let mut begin = 0;
            for (at, child) in children.iter().enumerate() {
                let end = match children.get(at + 1) {
                    Some(next) => begin + changes[begin..].partition_point(|(key, _)| *key < next.first),
                    None => changes.len(),
                };
                if begin == end {
                    replaced.push(child.clone());
                } else {
                    replaced.extend(self.rewrite(child.page()?.clone(), &changes[begin..end]).await?);
                }
                begin = end;
            }
            let joined = self.join_small(replaced).await?;
            self.write_inner(joined)
        })
    }

    /// Merges pages that deletions left small with their neighbours.
    async fn join_small(&mut self, children: Vec<Child>) -> Result<Vec<Child>> {
        let mut joined: Vec<Child> = Vec::with_capacity(children.len());
        for child in children {
            let small = |child: &Child| (child.bytes as usize) < PAGE_BYTES_MIN;
            match joined.pop_if(|last| {
                (small(last) || small(&child)) && last.bytes as usize + child.bytes as usize <= PAGE_BYTES
            }) {
                None => joined.push(child),
                Some(last) => joined.extend(self.join(&last, &child).await?),
            }
        }
        Ok(joined)
    }

    async fn join(&mut self, left: &Child, right: &Child) -> Result<Vec<Child>> {
        let (left, right) = (self.load(left.page()?).await?, self.load(right.page()?).await?);
        match (left.as_ref(), right.as_ref()) {
            (Page::Leaf(left), Page::Leaf(right)) => self.write_leaves([&left[..], right].concat()),
            (Page::Inner(left), Page::Inner(right)) => self.write_inner([&left[..], right].concat()),
            _ => Err(Error::new(Code::Corrupt, "pages of a checkpoint are on different levels")),
        }
    }

    /// Reads a page, one of this update included.
    async fn load(&self, page: &PageRef) -> Result<Arc<Page>> {
        if page.object != self.sink.object {
            return self.pages.page(page).await;
        }
        let begin = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let bytes = Bytes::copy_from_slice(&self.sink.bytes[begin..begin + page.length as usize]);
        Ok(Arc::new(Page::decode(&bytes)?))
    }

    fn write_leaves(&mut self, entries: Vec<Entry>) -> Result<Vec<Child>> {
        let weight = |entry: &Entry| entry.encoded_len() + 3;
        split(entries, weight)
            .into_iter()
            .map(|entries| {
                let reach = entries.iter().map(Entry::reach).max().cloned().unwrap_or_default();
                let first = entries[0].key.clone();
                let bytes = weigh(&entries, weight);
                let count = entries.len() as u64;
                let page = Some(self.sink.write(&Page::Leaf(entries))?);
                Ok(Child { first, reach, page, entries: count, bytes })
            })
            .collect()
    }

    fn write_inner(&mut self, children: Vec<Child>) -> Result<Vec<Child>> {
        let weight = |child: &Child| child.encoded_len() + 3;
        split(children, weight)
            .into_iter()
            .map(|children| {
                let reach = children.iter().map(|child| &child.reach).max().cloned().unwrap_or_default();
                let first = children[0].first.clone();
                let bytes = weigh(&children, weight);
                let entries = children.iter().map(|child| child.entries).sum();
                let page = Some(self.sink.write(&Page::Inner(children))?);
                Ok(Child { first, reach, page, entries, bytes })
            })
            .collect()
    }
}

fn weigh<T>(items: &[T], weight: impl Fn(&T) -> usize) -> u32 {
    u32::try_from(items.iter().map(weight).sum::<usize>()).unwrap_or(u32::MAX)
}

/// Cuts items into pages of about equal weight, none above the page size unless a single item is.
fn split<T>(items: Vec<T>, weight: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let total: usize = items.iter().map(&weight).sum();
    let pages = total.div_ceil(PAGE_BYTES).max(1);
    let target = total.div_ceil(pages);
    let mut split = Vec::with_capacity(pages);
    let mut page = Vec::new();
    let mut filled = 0;
    for item in items {
        let bytes = weight(&item);
        // At least two items, so that inner pages of very long keys still make the tree narrower upwards.
        if page.len() >= 2 && filled + bytes / 2 > target {
            split.push(std::mem::take(&mut page));
            filled = 0;
        }
        filled += bytes;
        page.push(item);
    }
    if !page.is_empty() {
        split.push(page);
    }
    split
}

/// Entries after the changes.
fn merge(entries: &[Entry], changes: &Changes) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(entries.len() + changes.len());
    let mut old = entries.iter().peekable();
    for (key, value) in changes {
        while let Some(entry) = old.next_if(|entry| entry.key < *key) {
            merged.push(entry.clone());
        }
        old.next_if(|entry| entry.key == *key);
        if let Some(EntryValue { value, end }) = value {
            merged.push(Entry { key: key.clone(), value: value.clone(), end: end.clone() });
        }
    }
    merged.extend(old.cloned());
    merged
}
