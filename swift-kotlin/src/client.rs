//! Roots of tables.

use std::sync::Arc;

use spiral_bindings as facade;

use crate::errors::{Cancel, Failure, run};
use crate::options::{ClientOptions, KeyColumn};
use crate::table::TableHandle;

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
        let keys: Vec<_> = keys.into_iter().map(facade::KeyColumn::from).collect();
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
