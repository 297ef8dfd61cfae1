//! Roots of tables.

use std::sync::Arc;

use spiral_bindings::{self as facade, Asof, KeyColumn};

use crate::errors::{Cancel, Failure, run};
use crate::options::{ClientOptions, ScanRequest};
use crate::plan::{PlanHandle, SnapshotHandle};
use crate::table::TableHandle;

/// A table of a scan, or a version of one, under its name there.
#[derive(uniffi::Enum)]
pub enum ScanSource {
    /// The newest version, or what the scan's `asof` names.
    Newest {
        /// Its name in the scan.
        name: String,
        /// The table.
        table: Arc<TableHandle>,
    },
    /// A version.
    Version {
        /// Its name in the scan.
        name: String,
        /// The version.
        snapshot: Arc<SnapshotHandle>,
    },
}

impl From<ScanSource> for facade::ScanTable {
    fn from(source: ScanSource) -> Self {
        match source {
            ScanSource::Newest { name, table } => Self::new(name, &table.table),
            ScanSource::Version { name, snapshot } => Self::at(name, &snapshot.snapshot),
        }
    }
}

/// The engine's side of `Client`: use that.
#[derive(uniffi::Object)]
pub struct ClientHandle {
    client: facade::Client,
}

#[uniffi::export]
impl ClientHandle {
    /// Opens a root by its URL.
    #[uniffi::constructor]
    pub fn connect(url: String, options: ClientOptions) -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self { client: facade::Client::connect(&url, &options.try_into()?)? }))
    }

    /// The URL without its query.
    pub fn url(&self) -> String {
        self.client.url().to_owned()
    }

    /// Creates a table, or opens it when it may exist.
    pub async fn create_table(
        &self,
        name: String,
        keys: Vec<KeyColumn>,
        exist_ok: bool,
        cancel: Cancel,
    ) -> Result<Arc<TableHandle>, Failure> {
        run(cancel, async { self.client.create_table(&name, &keys, exist_ok).await.map(TableHandle::new) }).await
    }

    /// Opens a table.
    pub async fn table(&self, name: String, cancel: Cancel) -> Result<Arc<TableHandle>, Failure> {
        run(cancel, async { self.client.table(&name).await.map(TableHandle::new) }).await
    }

    /// Opens the table whose own folder is the root.
    pub async fn table_at_root(&self, cancel: Cancel) -> Result<Arc<TableHandle>, Failure> {
        run(cancel, async { self.client.table_at_root().await.map(TableHandle::new) }).await
    }

    /// Plans a scan over several tables.
    pub async fn scan(
        &self,
        tables: Vec<ScanSource>,
        options: ScanRequest,
        asof: Option<String>,
        cancel: Cancel,
    ) -> Result<Arc<PlanHandle>, Failure> {
        let tables = tables.into_iter().map(facade::ScanTable::from).collect();
        run(cancel, async {
            self.client.scan(tables, options.try_into()?, Asof::maybe(asof.as_deref())?).await.map(PlanHandle::new)
        })
        .await
    }

    /// The names of all tables.
    pub async fn tables(&self, cancel: Cancel) -> Result<Vec<String>, Failure> {
        run(cancel, async { self.client.tables().await }).await
    }

    /// Gives a table another name.
    pub async fn rename_table(&self, name: String, new_name: String, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.client.rename_table(&name, &new_name).await }).await
    }

    /// Takes a table's name away.
    pub async fn drop_table(&self, name: String, cancel: Cancel) -> Result<(), Failure> {
        run(cancel, async { self.client.drop_table(&name).await }).await
    }
}
