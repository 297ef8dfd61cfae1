//! Raw Vortex: one file by the stock writer, scanned to Arrow. The limit for whatever is built on it.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use futures::{StreamExt, stream};
use vortex::VortexSessionDefault;
use vortex::array::expr::{Expression, and, col, gt_eq, lit, lt, root, select};
use vortex::array::stream::ArrayStreamAdapter;
use vortex::array::{ArrayRef, VortexSessionExecute};
use vortex::arrow::ArrowSessionExt;
use vortex::buffer::Buffer;
use vortex::file::{OpenOptionsSessionExt, VortexFile, WriteOptionsSessionExt};
use vortex::io::runtime::BlockingRuntime;
use vortex::io::runtime::current::{CurrentThreadRuntime, CurrentThreadWorkerPool};
use vortex::io::session::RuntimeSessionExt;
use vortex::layout::scan::scan_builder::ScanBuilder;
use vortex::scan::strict_sorted_buffer::StrictSortedBuffer;
use vortex::session::VortexSession;

use super::digest::Sink;
use super::spiral::{Filter, ScanJob};

pub(crate) struct Raw {
    runtime: CurrentThreadRuntime,
    /// The threads beside the calling one, which end with it.
    _workers: CurrentThreadWorkerPool,
    session: VortexSession,
    path: PathBuf,
    file: Option<VortexFile>,
}

impl Raw {
    pub(crate) fn new(path: &Path) -> Self {
        let runtime = CurrentThreadRuntime::new();
        let workers = runtime.new_pool();
        workers.set_workers_to_available_parallelism();
        let session = <VortexSession as VortexSessionDefault>::default().with_handle(runtime.handle());
        Self { runtime, _workers: workers, session, path: path.to_owned(), file: None }
    }

    /// Batches in the form that is written.
    pub(crate) fn arrays(&self, batches: &[RecordBatch]) -> Vec<ArrayRef> {
        let array =
            |batch: &RecordBatch| self.session.arrow().from_arrow_record_batch(batch.clone(), &batch.schema()).unwrap();
        batches.iter().map(array).collect()
    }

    /// Writes the file anew.
    pub(crate) fn write(&self, arrays: &[ArrayRef]) {
        self.runtime.block_on(async {
            let arrays = arrays.to_vec();
            let stream = ArrayStreamAdapter::new(arrays[0].dtype().clone(), stream::iter(arrays.into_iter().map(Ok)));
            let file = vortex::io::std_file::FileWrite::create(&self.path, self.runtime.handle()).await.unwrap();
            self.session.write_options().write(file, stream).await.unwrap();
        });
    }

    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    pub(crate) fn open(&mut self) {
        let options = self.session.open_options();
        self.file = Some(self.runtime.block_on(async { options.open_path(&self.path).await.unwrap() }));
    }

    fn file(&self) -> &VortexFile {
        self.file.as_ref().unwrap()
    }

    fn run(&self, scan: ScanBuilder<ArrayRef>, sink: Sink<'_>) {
        let session = self.session.clone();
        let batches = scan
            .map(move |array| session.arrow().execute_arrow(array, None, &mut session.create_execution_ctx()))
            .into_stream()
            .unwrap();
        self.runtime.block_on(batches.for_each(|batch| {
            sink(RecordBatch::from(batch.unwrap().as_struct()));
            std::future::ready(())
        }));
    }

    pub(crate) fn scan(&self, job: &ScanJob, sink: Sink<'_>) {
        let bound = |expression: Expression| expression.bind(self.file().dtype()).unwrap();
        let projection = job.columns.map_or_else(root, |columns| select(columns.to_vec(), root()));
        let scan = self.file().scan().unwrap().with_projection(bound(projection));
        let filter = match job.filter {
            Filter::None => return self.run(scan, sink),
            Filter::Keys(from, to) => and(gt_eq(col("id"), lit(from)), lt(col("id"), lit(to))),
            Filter::Below(below) => lt(col("x0"), lit(below)),
        };
        self.run(scan.with_filter(bound(filter)), sink);
    }

    /// Rows by their numbers: what is left of a take once the keys have been found.
    pub(crate) fn take(&self, places: &[u64], sink: Sink<'_>) {
        let places = StrictSortedBuffer::try_new(Buffer::copy_from(places)).unwrap();
        self.run(self.file().scan().unwrap().with_row_indices(places), sink);
    }
}
