//! One version of a map: a checkpoint's tree, and the commits after it as layers on top.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use bytes::Bytes;

use super::Commit;
use crate::error::Result;
use crate::format::Features;
use crate::log::{CheckpointRef, LogEntry};
use crate::tree::{Entry, EntryValue, PageSource, Query, Tree};

/// Changes of one commit, by key.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) version: u64,
    pub(crate) timestamp: i64,
    pub(crate) changes: BTreeMap<Bytes, Option<EntryValue>>,
    /// The entry itself, which the hint carries on.
    pub(crate) entry: LogEntry,
}

impl Layer {
    /// The layer of a committed log entry.
    pub(crate) fn new(entry: &LogEntry, commit: Commit) -> Self {
        let changes = commit
            .changes
            .into_iter()
            .map(|change| (change.key, change.value.map(|value| EntryValue { value, end: change.end })))
            .collect();
        Self { version: entry.version, timestamp: entry.timestamp, changes, entry: entry.clone() }
    }
}

/// The state of a map at one version. Cheap to clone; layers are shared.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) timestamp: i64,
    /// The newest checkpoint not after this version; `None` while there is none.
    pub(crate) checkpoint: Option<CheckpointRef>,
    /// Commits after the checkpoint, oldest first.
    pub(crate) layers: Vec<Arc<Layer>>,
    /// What reading and writing this version need.
    pub(crate) features: Features,
}

impl State {
    /// The state before the first commit.
    pub(crate) fn empty() -> Self {
        Self { version: 0, timestamp: 0, checkpoint: None, layers: Vec::new(), features: Features::default() }
    }

    /// The state a checkpoint holds.
    ///
    /// # Errors
    /// `NewerFormat` when this build cannot read it.
    pub(crate) fn at_checkpoint(checkpoint: CheckpointRef) -> Result<Self> {
        checkpoint.features.check_readable()?;
        Ok(Self {
            version: checkpoint.version,
            timestamp: checkpoint.timestamp,
            features: checkpoint.features.clone(),
            checkpoint: Some(checkpoint),
            layers: Vec::new(),
        })
    }

    /// The state after one more commit.
    pub(crate) fn with_layer(&self, layer: Arc<Layer>) -> Self {
        let mut layers = self.layers.clone();
        let (version, timestamp) = (layer.version, layer.timestamp);
        let features = layer.entry.features.clone();
        layers.push(layer);
        Self { version, timestamp, checkpoint: self.checkpoint.clone(), layers, features }
    }

    /// The same state on a newer checkpoint: layers it contains are dropped.
    pub(crate) fn on_checkpoint(&self, checkpoint: CheckpointRef) -> Self {
        let layers = self.layers.iter().filter(|layer| layer.version > checkpoint.version).cloned().collect();
        Self { checkpoint: Some(checkpoint), layers, ..self.clone() }
    }

    /// An earlier state that this one still holds, the checkpoint's or a layer's.
    pub(crate) fn until(&self, last: impl Fn(u64, i64) -> bool) -> Option<Self> {
        let kept = self.layers.iter().take_while(|layer| last(layer.version, layer.timestamp)).count();
        let (version, timestamp, features) = match kept.checked_sub(1).map(|last| &self.layers[last]) {
            Some(layer) => (layer.version, layer.timestamp, layer.entry.features.clone()),
            None => {
                let checkpoint = self.checkpoint.as_ref()?;
                if !last(checkpoint.version, checkpoint.timestamp) {
                    return None;
                }
                (checkpoint.version, checkpoint.timestamp, checkpoint.features.clone())
            }
        };
        let (checkpoint, layers) = (self.checkpoint.clone(), self.layers[..kept].to_vec());
        Some(Self { version, timestamp, checkpoint, layers, features })
    }

    /// The tree under the layers.
    pub(crate) fn tree(&self) -> Tree {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.tree.clone()).unwrap_or_default()
    }

    /// Whether the newest commit changed any entry of a range.
    pub(crate) fn newest_changes(&self, range: &Range<Bytes>) -> bool {
        self.layers.last().is_some_and(|layer| layer.changes.range(range.clone()).next().is_some())
    }

    /// Number of changed entries above the checkpoint.
    pub(crate) fn changed(&self) -> usize {
        self.layers.iter().map(|layer| layer.changes.len()).sum()
    }

    /// All changes above the checkpoint, the newest for each key.
    pub(crate) fn flattened(&self) -> BTreeMap<Bytes, Option<EntryValue>> {
        let mut all = BTreeMap::new();
        for layer in &self.layers {
            all.extend(layer.changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        all
    }

    /// Answers several queries at once, in as many rounds as the tree is high. Entries come in ascending order of key.
    pub(crate) async fn query(&self, pages: &dyn PageSource, queries: &[Query]) -> Result<Vec<Vec<Entry>>> {
        let mut answers = self.tree().query(pages, queries).await?;
        for (query, answer) in queries.iter().zip(&mut answers) {
            if self.layers.iter().any(|layer| layer.touches(query)) {
                let mut merged: BTreeMap<Bytes, Entry> =
                    std::mem::take(answer).into_iter().map(|entry| (entry.key.clone(), entry)).collect();
                for layer in &self.layers {
                    layer.apply(query, &mut merged);
                }
                if matches!(query, Query::Floor { .. }) {
                    merged = merged.pop_last().into_iter().collect();
                }
                *answer = merged.into_values().collect();
            }
        }
        Ok(answers)
    }

    /// The values of single keys.
    pub(crate) async fn get_many(&self, pages: &dyn PageSource, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let queries: Vec<_> = keys.into_iter().map(Query::Get).collect();
        let answers = self.query(pages, &queries).await?;
        Ok(answers.into_iter().map(|mut entries| entries.pop().map(|entry| entry.value)).collect())
    }

    /// The entries of a range of keys.
    pub(crate) async fn range(&self, pages: &dyn PageSource, range: Range<Bytes>) -> Result<Vec<Entry>> {
        Ok(self.query(pages, &[Query::Range(range)]).await?.pop().unwrap_or_default())
    }
}

impl Layer {
    fn touches(&self, query: &Query) -> bool {
        self.changes.range::<[u8], _>(bounds(query)).next().is_some()
    }

    /// Replays this layer's changes on the answer of the layers below.
    fn apply(&self, query: &Query, answer: &mut BTreeMap<Bytes, Entry>) {
        for (key, value) in self.changes.range::<[u8], _>(bounds(query)) {
            match value {
                Some(value) if query.matches(key, value.end.as_deref()) => {
                    let entry = Entry { key: key.clone(), value: value.value.clone(), end: value.end.clone() };
                    answer.insert(key.clone(), entry);
                }
                _ => {
                    answer.remove(key);
                }
            }
        }
    }
}

/// The keys a query may match.
fn bounds(query: &Query) -> (Bound<&[u8]>, Bound<&[u8]>) {
    match query {
        Query::Get(key) => (Bound::Included(key), Bound::Included(key)),
        Query::Range(range) => (Bound::Included(&range.start), Bound::Excluded(&range.end)),
        Query::Floor { from, key } => (Bound::Included(from), Bound::Included(key)),
        Query::Overlap { scope, .. } => (Bound::Included(&scope.start), Bound::Excluded(&scope.end)),
    }
}
