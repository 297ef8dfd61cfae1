//! stub until the real one lands
use std::ops::Range;
use std::sync::Arc;
use bytes::{Bytes, BytesMut};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use crate::error::{Code, Error, Result};
use crate::runtime::RuntimeRef;

/// stub
#[derive(Clone)]
pub struct Store { inner: Arc<dyn ObjectStore>, runtime: RuntimeRef }
/// stub
pub struct Upload { store: Store, path: String, buffer: BytesMut }
fn err(e: object_store::Error) -> Error { Error::new(Code::StoreUnavailable, e.to_string()) }
impl Store {
    /// stub
    pub fn new(inner: Arc<dyn ObjectStore>, runtime: RuntimeRef) -> Self { Self { inner, runtime } }
    /// stub
    pub fn runtime(&self) -> &RuntimeRef { &self.runtime }
    /// stub
    pub async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> { self.inner.get_range(&Path::from(path), range).await.map_err(err) }
    /// stub
    pub async fn get_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> { self.inner.get_ranges(&Path::from(path), ranges).await.map_err(err) }
    /// stub
    pub fn upload(&self, path: &str) -> Result<Upload> { Ok(Upload { store: self.clone(), path: path.into(), buffer: BytesMut::new() }) }
}
impl Upload {
    /// stub
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> { self.buffer.extend_from_slice(&bytes); Ok(()) }
    /// stub
    pub async fn finish(self) -> Result<()> { self.store.inner.put(&Path::from(self.path.as_str()), self.buffer.freeze().into()).await.map_err(err)?; Ok(()) }
}
