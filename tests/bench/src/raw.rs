//! Raw Vortex: one file by the stock writer, scanned to Arrow. The limit for whatever is built on it.

use std::path::Path;
use std::time::Instant;

use arrow_array::{Array, RecordBatch};
use futures::{StreamExt, stream};
use vortex::VortexSessionDefault;
use vortex::array::expr::{Expression, col, lit, lt, root, select};
use vortex::array::stream::ArrayStreamAdapter;
use vortex::array::{ArrayRef, VortexSessionExecute};
use vortex::arrow::ArrowSessionExt;
use vortex::file::{OpenOptionsSessionExt, VortexFile, WriteOptionsSessionExt};
use vortex::io::runtime::BlockingRuntime;
use vortex::io::runtime::current::CurrentThreadRuntime;
use vortex::io::session::RuntimeSessionExt;
use vortex::session::VortexSession;

pub(crate) struct Raw {
    runtime: CurrentThreadRuntime,
    session: VortexSession,
    file: VortexFile,
    runs: usize,
    pub(crate) write_ms: f64,
}

impl Raw {
    pub(crate) fn write(path: &Path, batches: &[RecordBatch], runs: usize) -> Self {
        let runtime = CurrentThreadRuntime::new();
        runtime.new_pool().set_workers_to_available_parallelism();
        let session = <VortexSession as VortexSessionDefault>::default().with_handle(runtime.handle());
        let dtype = session.arrow().from_arrow_schema(&batches[0].schema()).unwrap();
        let arrays: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| session.arrow().from_arrow_record_batch(batch.clone(), &batch.schema()).unwrap())
            .collect();
        let start = Instant::now();
        runtime.block_on(async {
            let stream = ArrayStreamAdapter::new(dtype, stream::iter(arrays.into_iter().map(Ok)));
            let file = vortex::io::std_file::FileWrite::create(path, runtime.handle()).await.unwrap();
            session.write_options().write(file, stream).await.unwrap();
        });
        let write_ms = start.elapsed().as_secs_f64() * 1e3;
        let file = runtime.block_on(async { session.open_options().open_path(path).await.unwrap() });
        Self { runtime, session, file, runs, write_ms }
    }

    fn run(&self, projection: Expression, filter: Option<Expression>) -> usize {
        self.runtime.block_on(async {
            let mut scan = self.file.scan().unwrap();
            scan = scan.with_projection(projection.bind(self.file.dtype()).unwrap());
            if let Some(filter) = filter {
                scan = scan.with_filter(filter.bind(self.file.dtype()).unwrap());
            }
            let session = self.session.clone();
            let batches = scan
                .map(move |array| {
                    let arrow = session.arrow().execute_arrow(array, None, &mut session.create_execution_ctx())?;
                    Ok(arrow.len())
                })
                .into_stream()
                .unwrap();
            batches.map(|rows| rows.unwrap()).fold(0, |sum, rows| async move { sum + rows }).await
        })
    }

    pub(crate) fn scan(&self, columns: Option<&[&str]>) -> (f64, usize) {
        super::median(self.runs, || {
            let projection = match columns {
                None => root(),
                Some(columns) => select(columns.to_vec(), root()),
            };
            self.run(projection, None)
        })
    }

    pub(crate) fn filter(&self, column: &str, below: f64) -> (f64, usize) {
        super::median(self.runs, || self.run(root(), Some(lt(col(column), lit(below)))))
    }
}
