//! Promises of [`Objects`], on a store that is a map.

use std::collections::HashMap;
use std::sync::Mutex;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, UpdateVersion};

use super::*;
use crate::key::KeySchema;
use crate::runtime::{CurrentThread, RuntimeRef};
use crate::store::{Store, StorePolicy, prove_put_if_absent};
use crate::table::{Caches, CreateOptions, Table, TableOptions};
use crate::{Code, Result as EngineResult};

/// Clones share the objects.
#[derive(Clone, Default)]
struct Memory {
    objects: Arc<Mutex<HashMap<String, Bytes>>>,
    modified: Option<SystemTime>,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the map")
    }
}

#[async_trait]
impl ByteStore for Memory {
    async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult> {
        let object = self.objects.lock().unwrap().get(path).cloned();
        let missing = || Error::NotFound { path: path.to_owned(), source: "no such object".into() };
        Ok(ReadResult { modified: self.modified, ..ReadResult::cut(object.ok_or_else(missing)?, range)? })
    }

    async fn write(&self, path: &str, payload: PutPayload, if_absent: bool) -> Result<()> {
        let mut objects = self.objects.lock().unwrap();
        if if_absent && objects.contains_key(path) {
            return Err(Error::AlreadyExists { path: path.to_owned(), source: "the object exists".into() });
        }
        objects.insert(path.to_owned(), payload.into());
        Ok(())
    }

    async fn remove(&self, path: &str) -> Result<()> {
        self.objects.lock().unwrap().remove(path);
        Ok(())
    }
}

/// What is only read: no more than the one method that has no default.
struct Published(Memory);

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the published map")
    }
}

#[async_trait]
impl ByteStore for Published {
    async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult> {
        self.0.read(path, range).await
    }
}

/// Uploads of more than ten bytes come in parts.
fn store(bytes: impl ByteStore, runtime: RuntimeRef) -> Store {
    let policy = StorePolicy { part_bytes: 10, ..StorePolicy::default() };
    Store::with_policy(Arc::new(Objects::new(bytes)), Path::from("t"), runtime, policy)
}

async fn open(store: Store) -> Table {
    Table::open(store, TableOptions::default(), Caches::default()).await.unwrap()
}

fn batch(ids: Range<i64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

async fn rows(table: &Table) -> usize {
    let plan = table.snapshot().scan().plan().await.unwrap();
    let batches: Vec<RecordBatch> = plan.stream().try_collect().await.unwrap();
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[test]
fn a_table_lives_on_three_methods_and_is_read_by_one() {
    let executor = CurrentThread::new();
    let memory = Memory::default();
    executor.block_on(async {
        let keys = KeySchema::try_new([("id", DataType::Int64)]).unwrap();
        let folder = store(memory.clone(), executor.runtime());
        prove_put_if_absent(&folder, "proof").await.unwrap();
        assert!(memory.objects.lock().unwrap().is_empty(), "what the proof wrote is removed");
        let created = Table::create(folder, keys, CreateOptions::default(), TableOptions::default(), Caches::default());
        let table = created.await.unwrap();
        table.write_batch(batch(0..100_000)).await.unwrap();
        assert_eq!(rows(&open(store(memory.clone(), executor.runtime())).await).await, 100_000);

        let published = open(store(Published(memory), executor.runtime())).await;
        assert_eq!(rows(&published).await, 100_000);
        // Few rows are part of the commit, many are uploaded before it.
        for ids in [0..1, 0..100_000] {
            let error = published.write_batch(batch(ids)).await.unwrap_err();
            assert_eq!(error.code(), Code::ReadOnly, "{error}");
            assert!(error.message().contains("the published map is only read from"), "{error}");
        }
    });
}

#[test]
fn an_object_in_parts_is_written_whole_or_not_at_all() {
    let executor = CurrentThread::new();
    let memory = Memory::default();
    let folder = store(memory.clone(), executor.runtime());
    executor.block_on(async {
        let begin = async || -> EngineResult<_> {
            let mut upload = folder.upload("x")?;
            for piece in ["the first, ", "the second, ", "the last"] {
                upload.write(piece.into()).await?;
            }
            Ok(upload)
        };
        begin().await.unwrap().abort().await;
        drop(begin().await.unwrap());
        assert!(memory.objects.lock().unwrap().is_empty());
        assert_eq!(begin().await.unwrap().finish().await.unwrap(), 31);
        assert_eq!(folder.get("x").await.unwrap(), "the first, the second, the last");
    });
}

#[test]
fn ranges_end_where_the_object_does() {
    let executor = CurrentThread::new();
    let objects = Objects::new(Memory::default());
    executor.block_on(async {
        let path = Path::from("x");
        objects.put(&path, "0123456789".into()).await.unwrap();
        assert_eq!(objects.get_range(&path, 2..5).await.unwrap(), "234");
        assert_eq!(objects.get_range(&path, 8..20).await.unwrap(), "89");
        assert!(objects.get_range(&path, 10..20).await.is_err());
        let folder = Store::new(Arc::new(objects), Path::default(), executor.runtime());
        for range in [8..20, 10..20] {
            assert_eq!(folder.get_range("x", range).await.unwrap_err().code(), Code::Truncated);
        }
    });
}

#[test]
fn times_are_told_where_the_store_knows_them() {
    let executor = CurrentThread::new();
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let time = |modified| {
        let folder = store(Memory { modified, ..Memory::default() }, executor.runtime());
        executor.block_on(async { folder.write_time("probe").await })
    };
    assert_eq!(time(None), None);
    assert_eq!(time(at(1_700_000_000)), Some(1_700_000_000_000_000));
    // What no clock tells is no reason to panic.
    assert_eq!(time(at(1 << 50)), Some(253_402_300_799_999_000));
}

#[test]
fn what_the_store_lacks_is_refused_by_name() {
    let executor = CurrentThread::new();
    let objects = Objects::new(Memory { modified: None, ..Memory::default() });
    let path = Path::from("x");
    let get = |options| objects.get_opts(&path, options);
    executor.block_on(async {
        objects.put(&path, "bytes".into()).await.unwrap();
        let replace = PutMode::Update(UpdateVersion { e_tag: Some("1".into()), version: None });
        let refused = [
            ("not listed", objects.list(None).next().await.unwrap().err()),
            ("not listed", objects.list_with_delimiter(None).await.err()),
            ("not copied", objects.copy(&path, &Path::from("y")).await.err()),
            ("not replaced", objects.put_opts(&path, "new".into(), replace.into()).await.err()),
            ("conditionally", get(GetOptions { if_none_match: Some("1".into()), ..GetOptions::default() }).await.err()),
            ("conditionally", get(GetOptions { version: Some("1".into()), ..GetOptions::default() }).await.err()),
            ("two ends", get(GetOptions::new().with_range(Some(GetRange::Suffix(1)))).await.err()),
            ("two ends", get(GetOptions::new().with_range(Some(GetRange::Offset(1)))).await.err()),
            ("when objects were written", objects.head(&path).await.err()),
        ];
        for (what, error) in refused {
            let error = error.unwrap();
            assert!(matches!(error, Error::NotSupported { .. }) && error.to_string().contains(what), "{what}: {error}");
        }
        assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), "bytes");
    });
}
