//! Creating and opening a table.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::records::{GroupRecord, TableMeta, decode};
use super::{Caches, Inner, META, Table, TableOptions, group};
use crate::error::{Code, Error, Result};
use crate::key::KeySchema;
use crate::log::{Log, TxnId};
use crate::map::{Change, Commit, PROBES, Rebase, State, VersionedMap};
use crate::runtime::Runtime;
use crate::store::{Store, prove_put_if_absent};
use crate::types::{ColumnPath, field_from_bytes, field_to_bytes};

/// How a table is created.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Open the table if one exists already with the same key schema.
    pub exist_ok: bool,
    /// Skip the proof that the store honours put-if-absent, because it was given for this store before.
    pub store_is_proven: bool,
    /// The table's permanent id; a new one by default.
    pub id: Option<String>,
}

/// A new id for a table: six base-36 characters. Ids may collide; whoever needs them to differ puts a table's first
/// entry under its id only if it is absent.
pub(crate) fn new_id(runtime: &dyn Runtime) -> String {
    let mut rest = runtime.random_u64();
    let mut id = String::from("table_");
    for _ in 0..6 {
        id.push(char::from_digit(u32::try_from(rest % 36).unwrap_or(0), 36).unwrap_or('0'));
        rest /= 36;
    }
    id
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
        match Self::create_new(&store, &key_schema, &create, &options, &caches).await {
            Err(error) if error.code() == Code::TableExists && create.exist_ok => {}
            created => return created,
        }
        let table = Self::open(store, options, caches).await?;
        table.check_key_schema(&key_schema)?;
        Ok(table)
    }

    async fn create_new(
        store: &Store,
        key_schema: &KeySchema,
        create: &CreateOptions,
        options: &TableOptions,
        caches: &Caches,
    ) -> Result<Self> {
        let log = Log::new(store.clone());
        if !create.store_is_proven {
            if log.read(1).await?.is_some() {
                return Err(exists());
            }
            prove_put_if_absent(store, PROBES).await?;
        }
        let map = VersionedMap::new(log, store.clone(), Arc::clone(&caches.pages));
        let id = create.id.clone().unwrap_or_else(|| new_id(store.runtime().as_ref()));
        let first = FirstCommit::new(id, key_schema)?;
        map.commit(TxnId::random(store.runtime().as_ref()), &first).await?;
        map.publish_hint(None).await;
        Self::on(map, options.clone(), caches.clone()).await
    }

    /// Opens the table in the folder of `store` at its newest version.
    ///
    /// # Errors
    /// `TableNotFound`, `NewerFormat`, `Corrupt`, the store's codes.
    pub async fn open(store: Store, options: TableOptions, caches: Caches) -> Result<Self> {
        Self::open_log(Log::new(store.clone()), store, options, caches).await
    }

    /// Opens the table in the folder of `store` at the version that its hint knows, or at the newest where there is no
    /// hint. That saves the round that looks for newer versions, which [`Table::refresh`] makes anyway when they matter.
    ///
    /// # Errors
    /// Those of [`Table::open`].
    pub async fn open_at_hint(store: Store, options: TableOptions, caches: Caches) -> Result<Self> {
        let map = VersionedMap::new(Log::new(store.clone()), store, Arc::clone(&caches.pages));
        map.begin().await?;
        if map.state().version == 0 {
            map.catch_up().await?;
        }
        Self::existing(map, options, caches).await
    }

    pub(super) async fn open_log(log: Log, store: Store, options: TableOptions, caches: Caches) -> Result<Self> {
        let map = VersionedMap::new(log, store, Arc::clone(&caches.pages));
        map.open().await?;
        Self::existing(map, options, caches).await
    }

    async fn existing(map: VersionedMap, options: TableOptions, caches: Caches) -> Result<Self> {
        if map.state().version == 0 {
            return Err(Error::new(Code::TableNotFound, "no table exists here: check the address, or create one"));
        }
        Self::on(map, options, caches).await
    }

    /// The table that a map holds.
    async fn on(map: VersionedMap, options: TableOptions, caches: Caches) -> Result<Self> {
        let meta = map.state().get_many(&map.pages(), vec![Bytes::from_static(META)]).await?.pop().flatten();
        let meta = meta.ok_or_else(|| Error::new(Code::Corrupt, "the table has no metadata"))?;
        let meta: TableMeta = decode(meta, "table")?;
        let key_schema = key_schema(&meta)?;
        Ok(Self { inner: Arc::new(Inner { map, caches, options, id: meta.table, key_schema }) })
    }

    /// Fails unless these are the key columns.
    ///
    /// # Errors
    /// `TableExists`.
    pub(crate) fn check_key_schema(&self, key_schema: &KeySchema) -> Result<()> {
        if self.key_schema() == key_schema {
            return Ok(());
        }
        Err(Error::new(
            Code::TableExists,
            format!("a table with other key columns exists here already: {}", describe(self.key_schema())),
        ))
    }
}

fn describe(schema: &KeySchema) -> String {
    let fields: Vec<_> =
        schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    fields.join(", ")
}

fn exists() -> Error {
    Error::new(Code::TableExists, "a table exists here already: open it, or use another place")
}

/// The commit that makes a table: its key schema and the root group, on an empty map.
struct FirstCommit(TableMeta);

impl FirstCommit {
    fn new(id: String, key_schema: &KeySchema) -> Result<Self> {
        let key_fields = key_schema.fields().iter().map(|field| Ok(field_to_bytes(field)?.into()));
        let key_fields = key_fields.collect::<Result<_>>()?;
        Ok(Self(TableMeta { key_fields, next_column: 1, next_group: 1, table: id, horizon: 0 }))
    }
}

impl Rebase for FirstCommit {
    fn changes<'a>(&'a self, state: &'a Arc<State>) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            if state.version > 0 {
                return Err(exists());
            }
            let root = GroupRecord { id: 0, next_ordinal: 0 };
            let meta = Change::put(Bytes::from_static(META), &self.0);
            Ok(Commit::new(vec![meta, Change::put(group(&ColumnPath::root()), &root)], "create"))
        })
    }
}

fn key_schema(meta: &TableMeta) -> Result<KeySchema> {
    let fields = meta.key_fields.iter().map(|bytes| field_from_bytes(bytes)).collect::<Result<Vec<_>>>()?;
    KeySchema::try_new(fields.into_iter().map(|field| (field.name().clone(), field.data_type().clone())))
}
