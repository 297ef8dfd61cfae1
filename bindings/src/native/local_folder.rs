//! A folder of this machine, read many ranges at a time.
//!
//! `object_store` opens a file for each range and fills the memory with zeros before reading into it, which together
//! cost more than decoding narrow columns. Here a call opens the file once and reads each range into memory of its own,
//! so that nothing is copied and a batch keeps no more alive than it shows.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A folder of this machine.
#[derive(Debug)]
pub(super) struct LocalFolder {
    files: LocalFileSystem,
}

impl LocalFolder {
    pub(super) fn new(files: LocalFileSystem) -> Self {
        Self { files }
    }
}

impl fmt::Display for LocalFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

/// Ranges up to this length are read by one call into zeroed memory; to zero longer ones costs more than further calls.
#[cfg(unix)]
const ZEROED_BYTES_MAX: u64 = 16 << 10;

/// Reads a range; shorter than asked for where the file ends.
fn read(mut file: &File, range: &Range<u64>) -> std::io::Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    let capacity = usize::try_from(length).unwrap_or(0);
    #[cfg(unix)]
    if length <= ZEROED_BYTES_MAX {
        let mut bytes = vec![0; capacity];
        std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, range.start)?;
        return Ok(bytes.into());
    }
    let mut bytes = Vec::with_capacity(capacity);
    file.seek(SeekFrom::Start(range.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Runs work that waits for a disk. On a thread of tokio it would stop other tasks, so it goes to those for such work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let done = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await?,
        Err(_) => work(),
    };
    done.map_err(|source| Error::Generic { store: "folder", source: Box::new(source) })
}

#[async_trait]
impl ObjectStore for LocalFolder {
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let path = self.files.path_to_filesystem(location)?;
        let ranges = ranges.to_vec();
        blocking(move || {
            let file = File::open(path)?;
            ranges.iter().map(|range| read(&file, range)).collect()
        })
        .await
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.files.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use object_store::ObjectStoreExt;

    use super::*;

    #[test]
    fn ranges_of_a_file_are_read_in_the_order_asked() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFolder::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let path = Path::from("some/object");
        block_on(store.put(&path, "0123456789".into())).unwrap();
        let ranges = [7..9, 0..3, 2..2, 1..4];
        let expected: Vec<Bytes> = ["78", "012", "", "123"].map(Bytes::from).to_vec();
        assert_eq!(block_on(store.get_ranges(&path, &ranges)).unwrap(), expected);
        // On tokio too, where the work is done by another thread.
        let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(tokio.block_on(store.get_ranges(&path, &ranges)).unwrap(), expected);
        assert!(block_on(store.get_ranges(&Path::from("none"), &ranges)).is_err());
    }
}
