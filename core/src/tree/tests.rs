use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::BoxFuture;
use proptest::prelude::*;

use super::*;
use crate::error::Result;

/// Objects in memory, counting the pages read.
#[derive(Default)]
struct Objects {
    objects: Mutex<HashMap<String, Bytes>>,
    read: Mutex<usize>,
}

impl PageSource for Objects {
    fn pages<'a>(&'a self, pages: &'a [PageRef]) -> BoxFuture<'a, Result<Vec<Arc<Page>>>> {
        *self.read.lock().unwrap() += pages.len();
        let read = |page: &PageRef| {
            let object = self.objects.lock().unwrap()[&page.object].clone();
            let begin = usize::try_from(page.offset).unwrap();
            Ok(Arc::new(Page::decode(&object.slice(begin..begin + page.length as usize))?))
        };
        let read = pages.iter().map(read).collect();
        Box::pin(async move { read })
    }
}

type Model = BTreeMap<Bytes, EntryValue>;

fn update(objects: &Objects, tree: &Tree, changes: BTreeMap<Bytes, Option<EntryValue>>) -> (Tree, usize) {
    let name = format!("checkpoint/{}", objects.objects.lock().unwrap().len());
    let mut sink = PageSink::new(name.clone());
    let updated = block_on(apply(tree, objects, changes, &mut sink)).unwrap();
    let bytes = sink.finish();
    let len = bytes.len();
    objects.objects.lock().unwrap().insert(name, bytes);
    (updated, len)
}

fn key(number: u32) -> Bytes {
    Bytes::from(format!("{number:06}"))
}

fn value(number: u32, length: usize) -> Bytes {
    // Incompressible enough that pages split by size.
    let mixed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0_u64..).take(length).map(|at| (mixed.wrapping_mul(at + 1) ^ at).to_le_bytes()[5]).collect()
}

fn check(objects: &Objects, tree: &Tree, model: &Model, probes: &[(u32, u32)]) {
    let whole = Bytes::new()..Bytes::from_static(&[0xFF]);
    let mut queries = vec![Query::Range(whole.clone())];
    for (from, to) in probes {
        let (from, to) = (key(*from), key(*to));
        queries.push(Query::Get(from.clone()));
        queries.push(Query::Floor { from: Bytes::from_static(b"000100"), key: from.clone() });
        queries.push(Query::Range(from.clone()..to.clone()));
        queries.push(Query::Overlap { scope: whole.clone(), from, to });
    }
    let answers = block_on(tree.query(objects, &queries)).unwrap();
    for (query, answer) in queries.iter().zip(answers) {
        let matching = model.iter().filter(|(key, value)| query.matches(key, value.end.as_deref()));
        let mut expected: Vec<_> = matching.map(|(key, _)| key.clone()).collect();
        if matches!(query, Query::Floor { .. }) {
            expected = expected.pop().into_iter().collect();
        }
        assert_eq!(answer.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(), expected, "{query:?}");
        assert!(answer.iter().all(|entry| model[&entry.key].value == entry.value));
    }
    assert_eq!(tree.entries, model.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_a_map(
        batches in prop::collection::vec(prop::collection::vec((0..3000u32, 0..8u32, 0..900usize), 1..400), 1..7),
        probes in prop::collection::vec((0..3000u32, 0..3000u32), 1..8),
    ) {
        let objects = Objects::default();
        let (mut tree, mut model) = (Tree::default(), Model::new());
        let mut versions = Vec::new();
        for batch in batches {
            let mut changes = BTreeMap::new();
            for (number, kind, length) in batch {
                let end = (kind == 1).then(|| key(number + 500));
                let set = (kind < 6).then(|| EntryValue { value: value(number, length), end });
                changes.insert(key(number), set);
            }
            for (key, set) in &changes {
                match set {
                    Some(set) => { model.insert(key.clone(), set.clone()); }
                    None => { model.remove(key); }
                }
            }
            tree = update(&objects, &tree, changes).0;
            versions.push((tree.clone(), model.clone()));
        }
        // Older roots stay readable after later updates.
        for (tree, model) in &versions {
            check(&objects, tree, model, &probes);
        }
    }
}

#[test]
fn a_small_change_rewrites_a_path_not_the_tree() {
    let objects = Objects::default();
    let all = (0..60_000).map(|at| (key(at), Some(EntryValue { value: value(at, 120), end: None }))).collect();
    let (tree, size) = update(&objects, &Tree::default(), all);
    assert_eq!(tree.height, 2);
    assert!(size > 5 << 20);
    *objects.read.lock().unwrap() = 0;
    let one = BTreeMap::from([(key(31_000), Some(EntryValue { value: value(1, 9), end: None }))]);
    let (updated, size) = update(&objects, &tree, one);
    assert!(size < 120 << 10, "{size} bytes were written for one change");
    assert!(*objects.read.lock().unwrap() <= 3);
    *objects.read.lock().unwrap() = 0;
    let found = block_on(updated.query(&objects, &[Query::Get(key(31_000)), Query::Get(key(5))])).unwrap();
    assert_eq!((found[0][0].value.len(), found[1][0].value.len()), (9, 120));
    assert_eq!(*objects.read.lock().unwrap(), 3);
}

#[test]
fn removing_everything_leaves_the_empty_tree() {
    let objects = Objects::default();
    let all: BTreeMap<_, _> =
        (0..5000).map(|at| (key(at), Some(EntryValue { value: value(at, 100), end: None }))).collect();
    let none = all.keys().map(|key| (key.clone(), None)).collect();
    let (tree, _) = update(&objects, &Tree::default(), all);
    assert_eq!(update(&objects, &tree, none).0, Tree::default());
}

proptest! {
    #[test]
    fn garbage_pages_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed = crate::format::encode(crate::format::Kind::Page, &bytes).unwrap();
        let _ = Page::decode(&framed);
        prop_assert!(Page::decode(&Bytes::from(bytes)).is_err());
    }
}
