//! Checkpoints: the state of a version written as pages, so that readers need not replay the log.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use super::state::State;
use super::{VersionedMap, past};
use crate::error::Result;
use crate::log::{CheckpointRef, Hint, LogEntry};
use crate::store::PutOutcome;
use crate::tree::{self, EntryValue, PageSink, PageSource};

/// A checkpoint is due after this many changed entries: a large commit is not replayed by every reader.
const CHANGES_MAX: usize = 2048;

impl VersionedMap {
    /// Writes a checkpoint of the newest known version if `commits` commits or many changes came after the last one, and
    /// the hint.
    ///
    /// Failing is harmless: the next committer finds the checkpoint still due.
    pub(crate) async fn checkpoint_if_due(&self, commits: usize) -> Result<()> {
        let state = self.state();
        let due = state.layers.len() >= commits.max(1) || state.changed() >= CHANGES_MAX;
        let root_page = if due { Some(self.checkpoint(&state).await?) } else { None };
        if self.log().claim_hint(state.version) || due {
            self.publish_hint(root_page).await;
        }
        Ok(())
    }

    /// Writes the tree of a state. Returns its root page where that is new.
    async fn checkpoint(&self, state: &State) -> Result<Bytes> {
        // The base is part of the name: on the same base every writer makes the same bytes, on another one others.
        let base = state.checkpoint.as_ref().map_or(0, |base| xxh3_64(&base.encode_to_vec()));
        let name = format!("checkpoint/{:020}-{base:016x}", state.version);
        let mut changes = state.flattened();
        if let Some(previous) = &state.checkpoint {
            // The chain by which the past is found, in the tree itself.
            let value = EntryValue { value: previous.encode_to_vec().into(), end: None };
            changes.insert(past::version(previous.version), Some(value.clone()));
            changes.insert(past::timestamp(previous.timestamp), Some(value));
        }
        let mut sink = PageSink::new(&name);
        let pages = self.pages();
        let tree = tree::apply(&state.tree(), &pages, changes, &mut sink).await?;
        let bytes = sink.finish();
        let root_page = match &tree.root {
            Some(root) if root.object == name => page_bytes(&bytes, root),
            _ => Bytes::new(),
        };
        if let PutOutcome::Unsettled(error) = self.store().put_if_absent(&name, bytes).await? {
            return Err(error);
        }
        if let Some(root) = &tree.root {
            pages.remember(root, &root_page);
        }
        let checkpoint = CheckpointRef {
            version: state.version,
            timestamp: state.timestamp,
            tree,
            features: state.features.clone(),
        };
        // Commits may have landed meanwhile, and with them a newer checkpoint.
        let current = self.state();
        if current.checkpoint.as_ref().is_none_or(|known| known.version < checkpoint.version) {
            self.adopt(Arc::new(current.on_checkpoint(checkpoint)));
        }
        Ok(root_page)
    }

    /// Writes the hint of the newest known version, whose root page may be at hand.
    pub(crate) async fn publish_hint(&self, root_page: Option<Bytes>) {
        let state = self.state();
        let tail: Vec<LogEntry> = state.layers.iter().map(|layer| layer.entry.clone()).collect();
        let root_page = match (root_page, state.tree().root) {
            (Some(page), _) => page,
            // The root page goes with every hint; the cache has it, in decoded form only.
            (None, Some(root)) => match self.pages().page(&root).await {
                Ok(page) => page.encode().unwrap_or_default(),
                Err(_) => Bytes::new(),
            },
            (None, None) => Bytes::new(),
        };
        let hint = Hint { checkpoint: state.checkpoint.clone(), root_page, tail, sealed: false };
        self.log().write_hint(&hint).await;
    }
}

/// The framed bytes of a page within its object.
fn page_bytes(object: &Bytes, page: &tree::PageRef) -> Bytes {
    let begin = usize::try_from(page.offset).unwrap_or(usize::MAX);
    match begin.checked_add(page.length as usize) {
        Some(end) if end <= object.len() => object.slice(begin..end),
        _ => Bytes::new(),
    }
}
