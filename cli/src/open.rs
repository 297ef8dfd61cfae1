//! Which table a command is about.

use spiral_bindings::Client;
use spiral_bindings::core::Result;
use spiral_bindings::core::table::Table;

/// Stands for the table whose own folder the root is: one that was copied, or is served, by itself.
const ROOT_ITSELF: &str = ".";

pub(crate) async fn table(client: &Client, name: &str) -> Result<Table> {
    let opened = if name == ROOT_ITSELF { client.table_at_root() } else { client.table(name) };
    Ok(opened.await?.engine().clone())
}
