//! Creating and opening a table.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use prost::Message;

use super::records::{Change, Commit, GroupRecord, Summary, TableMeta, decode};
use super::state::{Layer, State};
use super::{Caches, Inner, META, Pages, Table, TableOptions, group};
use crate::error::{Code, Error, Result};
use crate::format::Features;
use crate::key::KeySchema;
use crate::log::{Append, CheckpointRef, Hint, Log, LogEntry, LogRecord, TxnId, next_timestamp};
use crate::store::{Store, prove_put_if_absent};
use crate::types::{ColumnPath, field_from_bytes, field_to_bytes};

/// Folder of the objects that prove a store's conditional puts.
const PROBES: &str = "probes";

/// How a table is created.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Open the table if one exists already with the same key schema.
    pub exist_ok: bool,
    /// Skip the proof that the store honours put-if-absent, because it was given for this store before.
    pub store_is_proven: bool,
}

impl Table {
    /// Creates a table in the folder of `store`.
    ///
    /// # Errors
    /// `TableExists`; `UnsafeStore` when the store would lose commits of racing writers; the store's codes.
    pub async fn create(
        store: Store,
        key_schema: KeySchema,
        create: CreateOptions,
        options: TableOptions,
        caches: Caches,
    ) -> Result<Self> {
        let log = Log::new(store.clone());
        if log.read(1).await?.is_none() {
            if !create.store_is_proven {
                prove_put_if_absent(&store, PROBES).await?;
            }
            let entry = first_entry(&store, &key_schema).await?;
            if let Append::Committed = log.append(&entry).await? {
                let hint = Hint { tail: vec![entry], ..Hint::default() };
                log.write_hint(&hint).await;
                return Self::open(store, options, caches).await;
            }
        }
        if !create.exist_ok {
            return Err(Error::new(Code::TableExists, "a table exists here already: open it, or use another place"));
        }
        let table = Self::open(store, options, caches).await?;
        if table.key_schema() != &key_schema {
            return Err(Error::new(
                Code::TableExists,
                format!("a table with other key columns exists here already: {}", describe(table.key_schema())),
            ));
        }
        Ok(table)
    }

    /// Opens the table in the folder of `store` at its newest version.
    ///
    /// # Errors
    /// `TableNotFound`, `NewerFormat`, `Corrupt`, the store's codes.
    pub async fn open(store: Store, options: TableOptions, caches: Caches) -> Result<Self> {
        Self::open_log(Log::new(store.clone()), store, options, caches).await
    }

    pub(super) async fn open_log(log: Log, store: Store, options: TableOptions, caches: Caches) -> Result<Self> {
        let pages = Pages { store: store.clone(), cache: Arc::clone(&caches.pages) };
        let state = newest(&log, &pages).await?;
        let meta = state
            .get_many(&pages, vec![Bytes::from_static(META)])
            .await?
            .pop()
            .flatten()
            .ok_or_else(|| Error::new(Code::Corrupt, "the table has no metadata"))?;
        let key_schema = key_schema(&decode(meta, "table")?)?;
        Ok(Self {
            inner: Arc::new(Inner { store, log, caches, options, key_schema, state: Mutex::new(Arc::new(state)) }),
        })
    }

    /// Replays what was committed since the known version.
    pub(super) async fn catch_up(&self) -> Result<Arc<State>> {
        let known = self.state();
        let records = self.log().tail(known.version, false).await?;
        if !records.is_empty() {
            self.adopt(Arc::new(replay(State::clone(&known), records)?));
        }
        Ok(self.state())
    }
}

fn describe(schema: &KeySchema) -> String {
    let fields: Vec<_> =
        schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    fields.join(", ")
}

/// What time it is for the store; `None` where it does not tell.
pub(super) async fn store_time(store: &Store) -> Option<i64> {
    let runtime = store.runtime();
    store.write_time(&format!("{PROBES}/{:016x}", runtime.random_u64())).await
}

/// The entry that makes a table: its key schema and the root group.
async fn first_entry(store: &Store, key_schema: &KeySchema) -> Result<LogEntry> {
    let runtime = store.runtime();
    let meta = TableMeta {
        key_fields: key_schema.fields().iter().map(|field| Ok(field_to_bytes(field)?.into())).collect::<Result<_>>()?,
        next_column: 1,
        next_group: 1,
        table: format!("table_{:016x}", runtime.random_u64()),
        horizon: 0,
    };
    let change = |key: Bytes, value: Vec<u8>| Change { key, value: Some(value.into()), end: None };
    let root = GroupRecord { id: 0, next_ordinal: 0 };
    let mut changes = vec![
        change(Bytes::from_static(META), meta.encode_to_vec()),
        change(group(&ColumnPath::root()), root.encode_to_vec()),
    ];
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    let summary = Summary { operations: vec!["create".into()], ..Summary::default() };
    Ok(LogEntry {
        version: 1,
        txn: TxnId::random(runtime.as_ref()),
        timestamp: next_timestamp(0, runtime.now_micros(), store_time(store).await)?,
        checkpoint: None,
        features: Features::default(),
        body: Commit { changes, summary: Some(summary) }.encode_to_vec().into(),
    })
}

fn key_schema(meta: &TableMeta) -> Result<KeySchema> {
    let fields = meta.key_fields.iter().map(|bytes| field_from_bytes(bytes)).collect::<Result<Vec<_>>>()?;
    KeySchema::try_new(fields.into_iter().map(|field| (field.name().clone(), field.data_type().clone())))
}

/// The newest state, from the hint if there is one.
async fn newest(log: &Log, pages: &Pages) -> Result<State> {
    let (state, hinted, sealed) = match log.read_hint().await? {
        Some(hint) => {
            if let Some(root) = hint.checkpoint.as_ref().and_then(|checkpoint| checkpoint.tree.root.as_ref()) {
                pages.remember(root, &hint.root_page);
            }
            let start = hint.checkpoint.map_or_else(|| Ok(State::empty()), State::at_checkpoint)?;
            let records = hint.tail.into_iter().map(LogRecord::Entry).collect();
            (replay(start, records)?, true, hint.sealed)
        }
        None => (search_start(log).await?, false, false),
    };
    let records = if sealed || (hinted && log.faults().trust_hint) {
        Vec::new()
    } else {
        log.tail(state.version, hinted).await?
    };
    let state = replay(state, records)?;
    if state.version == 0 {
        return Err(Error::new(Code::TableNotFound, "no table exists here: check the address, or create one"));
    }
    Ok(state)
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
