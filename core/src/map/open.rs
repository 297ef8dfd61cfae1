//! From the store to the newest version.

use std::sync::Arc;

use super::state::{Layer, State};
use super::{VersionedMap, decode};
use crate::error::{Error, Result};
use crate::log::{CheckpointRef, Log, LogRecord};

impl VersionedMap {
    /// Finds the newest version: one round for the hint unless a version is known, one that looks for what came after
    /// it. The version is 0 when there is no log.
    ///
    /// # Errors
    /// `NewerFormat`, `Corrupt`, the store's codes.
    pub(crate) async fn open(&self) -> Result<Arc<State>> {
        if self.begin().await? { self.catch_up().await } else { Ok(self.state()) }
    }

    /// Adopts what the hint knows, unless a version is known. Returns whether there may be newer ones.
    pub(crate) async fn begin(&self) -> Result<bool> {
        if self.state().version > 0 {
            return Ok(true);
        }
        let Some(hint) = self.log().read_hint().await? else { return Ok(true) };
        if let Some(root) = hint.checkpoint.as_ref().and_then(|checkpoint| checkpoint.tree.root.as_ref()) {
            self.pages().remember(root, &hint.root_page);
        }
        let start = hint.checkpoint.map_or_else(|| Ok(State::empty()), State::at_checkpoint)?;
        let tail = hint.tail.into_iter().map(LogRecord::Entry).collect();
        self.adopt(Arc::new(replay(start, tail)?));
        Ok(!hint.sealed && !self.log().faults().trust_hint)
    }

    /// Replays what was committed since the known version.
    pub(crate) async fn catch_up(&self) -> Result<Arc<State>> {
        let mut known = self.state();
        if known.version == 0 {
            known = Arc::new(search_start(self.log()).await?);
        }
        let records = self.log().tail(known.version).await?;
        self.catch_up_to(if records.is_empty() { known } else { Arc::new(replay(State::clone(&known), records)?) });
        Ok(self.state())
    }
}

/// Without a hint: the newest checkpoint that some entry near the head names, found by doubling.
async fn search_start(log: &Log) -> Result<State> {
    let (mut position, mut step) = (0_u64, 1_u64);
    let mut checkpoint: Option<CheckpointRef> = None;
    loop {
        match log.read(position + step).await? {
            Some(record) => {
                position += step;
                step *= 2;
                checkpoint = match record {
                    LogRecord::Entry(entry) => entry.checkpoint,
                    LogRecord::Stub(stub) => stub.checkpoint,
                };
                if let Some(checkpoint) = &checkpoint {
                    position = position.max(checkpoint.version);
                }
            }
            None if step > 1 => step = 1,
            None => return checkpoint.map_or_else(|| Ok(State::empty()), State::at_checkpoint),
        }
    }
}

/// The state after more records. A record that names a newer checkpoint lets the layers below it go.
pub(super) fn replay(mut state: State, records: Vec<LogRecord>) -> Result<State> {
    for record in records {
        if let LogRecord::Stub(stub) = &record
            && let Some(checkpoint) = stub.checkpoint.clone().filter(|found| found.version >= stub.version)
        {
            state = State::at_checkpoint(checkpoint)?;
            continue;
        }
        if record.version() <= state.version {
            continue;
        }
        let entry = record.into_entry()?;
        if let Some(newer) = &entry.checkpoint
            && state.checkpoint.as_ref().is_none_or(|known| known.version < newer.version)
            && newer.version <= state.version
        {
            state = state.on_checkpoint(newer.clone());
        }
        let commit = decode(entry.body.clone(), "commit").map_err(|error: Error| error.with_version(entry.version))?;
        state = state.with_layer(Arc::new(Layer::new(&entry, commit)));
    }
    Ok(state)
}
