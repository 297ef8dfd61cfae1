//! The few things the engine asks of a store, for whoever brings one of their own.
//!
//! An [`ObjectStore`] lists, copies, reads on conditions and takes uploads in parts. The engine asks little of that, and
//! a database, a protocol or the private files of a page can do no more. They are a [`ByteStore`], of three methods, and
//! [`Objects`] makes up or refuses the rest, once for all of them.

use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// The end of the year 9999: what is called later than that was not measured by a clock.
const LATEST: Duration = Duration::from_millis(253_402_300_799_999);

/// Objects by name; [`Objects`] hands them to the engine. The store's `Display` names it in errors and shows no secret.
///
/// Errors tell by their kind what the engine does next: [`Error::NotFound`], [`Error::AlreadyExists`],
/// [`Error::PermissionDenied`], [`Error::NotSupported`]. Most others are taken to pass, and the request is repeated.
/// Futures and bodies are dropped when nobody waits for them any more.
///
/// ```
/// use std::collections::HashMap;
/// use std::fmt;
/// use std::ops::Range;
/// use std::sync::{Arc, Mutex};
///
/// use bytes::Bytes;
/// use object_store::{Error, PutPayload, Result, path::Path};
/// use spiral_core::runtime::CurrentThread;
/// use spiral_core::store::{ByteStore, Objects, ReadResult, Store};
///
/// #[derive(Default)]
/// struct Memory(Mutex<HashMap<String, Bytes>>);
///
/// impl fmt::Display for Memory {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("memory")
///     }
/// }
///
/// #[async_trait::async_trait]
/// impl ByteStore for Memory {
///     async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult> {
///         let object = self.0.lock().unwrap().get(path).cloned();
///         let missing = || Error::NotFound { path: path.to_owned(), source: "no such object".into() };
///         ReadResult::cut(object.ok_or_else(missing)?, range)
///     }
///
///     async fn write(&self, path: &str, payload: PutPayload, if_absent: bool) -> Result<()> {
///         let mut objects = self.0.lock().unwrap();
///         if if_absent && objects.contains_key(path) {
///             return Err(Error::AlreadyExists { path: path.to_owned(), source: "the object exists".into() });
///         }
///         objects.insert(path.to_owned(), payload.into());
///         Ok(())
///     }
///
///     async fn remove(&self, path: &str) -> Result<()> {
///         self.0.lock().unwrap().remove(path);
///         Ok(())
///     }
/// }
///
/// let executor = CurrentThread::new();
/// let store = Store::new(Arc::new(Objects::new(Memory::default())), Path::from("root"), executor.runtime());
/// executor.block_on(async {
///     store.put("greeting", "hello".into()).await?;
///     assert_eq!(store.get_range("greeting", 1..5).await?, "ello");
///     spiral_core::store::prove_put_if_absent(&store, "proof").await
/// })?;
/// # Ok::<_, spiral_core::Error>(())
/// ```
#[async_trait]
pub trait ByteStore: fmt::Display + Send + Sync + 'static {
    /// Reads an object, or a range of it. A store that knows no ranges answers with the whole object: what was not
    /// asked for is skipped.
    async fn read(&self, path: &str, range: Option<Range<u64>>) -> Result<ReadResult>;

    /// Writes an object as a whole. With `if_absent`, of all writers of a name exactly one may succeed, for ever; the
    /// others get [`Error::AlreadyExists`]. A store that cannot promise that answers [`Error::NotSupported`].
    ///
    /// By default the store is only read from.
    async fn write(&self, _path: &str, _payload: PutPayload, _if_absent: bool) -> Result<()> {
        Err(read_only(self))
    }

    /// Removes an object; one that does not exist is no error. By default the store is only read from.
    async fn remove(&self, _path: &str) -> Result<()> {
        Err(read_only(self))
    }
}

/// An object, or a range of it, as its bytes come in.
pub struct ReadResult {
    /// The bytes, in pieces of any size.
    pub body: BoxStream<'static, Result<Bytes>>,
    /// Which bytes of the object they are.
    pub range: Range<u64>,
    /// The size of the object, where the store tells.
    pub size: Option<u64>,
    /// When the object was written by the clock of the store, where it tells.
    pub modified: Option<SystemTime>,
}

impl ReadResult {
    /// A range of an object that is in memory; it ends where the object ends.
    ///
    /// # Errors
    ///
    /// [`Error::Generic`] when the range is empty or begins behind the object.
    pub fn cut(object: Bytes, range: Option<Range<u64>>) -> Result<Self> {
        let size = object.len() as u64;
        let range = match range {
            None => 0..size,
            Some(range) => GetRange::Bounded(range).as_range(size).map_err(generic)?,
        };
        let at = |offset| usize::try_from(offset).unwrap_or(object.len());
        let body = stream::iter([Ok(object.slice(at(range.start)..at(range.end)))]).boxed();
        Ok(Self { body, range, size: Some(size), modified: None })
    }
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "byte store", source: source.into() }
}

fn read_only(store: &(impl ByteStore + ?Sized)) -> Error {
    generic(io::Error::new(ErrorKind::ReadOnlyFilesystem, format!("{store} is only read from")))
}

fn refused(what: &str) -> Error {
    Error::NotSupported { source: what.into() }
}

/// The objects of a [`ByteStore`], as the engine takes them. Clones share the store.
///
/// An upload in parts is kept in memory until it is complete, as the store writes objects as a whole. What the engine
/// does without is [`Error::NotSupported`].
#[derive(Clone)]
pub struct Objects(Arc<dyn ByteStore>);

impl Objects {
    /// The objects of `store`.
    pub fn new(store: impl ByteStore) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({self})")
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let GetOptions {
            if_match, if_none_match, if_modified_since, if_unmodified_since, version, range, head, ..
        } = options;
        if if_match.or(if_none_match).or(version).is_some() || if_modified_since.or(if_unmodified_since).is_some() {
            return Err(refused("objects are not read conditionally"));
        }
        let range = match range {
            None => None,
            Some(GetRange::Bounded(range)) => Some(range),
            Some(_) => return Err(refused("only whole objects and ranges with two ends are read")),
        };
        let ReadResult { body, range, size, modified } = self.0.read(location.as_ref(), range).await?;
        if head && modified.is_none() {
            return Err(refused("the store does not tell when objects were written"));
        }
        let epoch = SystemTime::UNIX_EPOCH;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: modified.unwrap_or(epoch).clamp(epoch, epoch + LATEST).into(),
            size: size.unwrap_or(range.end),
            e_tag: None,
            version: None,
        };
        let payload = GetResultPayload::Stream(body);
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let if_absent = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(refused("objects are not replaced conditionally")),
        };
        self.0.write(location.as_ref(), payload, if_absent).await?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Parts { objects: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = Arc::clone(&self.0);
        let removed = locations.and_then(move |location| {
            let store = Arc::clone(&store);
            async move { store.remove(location.as_ref()).await.map(|()| location) }
        });
        removed.boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([Err(no_listing())]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(no_listing())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("objects are not copied"))
    }
}

fn no_listing() -> Error {
    refused("the objects of this store are not listed")
}

/// A large object, in the order of its parts.
#[derive(Debug)]
struct Parts {
    objects: Objects,
    location: Path,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        async { Ok(()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let whole: PutPayload = self.parts.iter().flatten().cloned().collect();
        self.objects.put_opts(&self.location, whole, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
