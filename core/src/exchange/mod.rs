//! Arrow data of users as plain values, rows, buffers and messages, and back, for hosts without an Arrow library.
//!
//! Every language asks for these, and none of them is about a language: a value that one binding reads differently from
//! another would be a table that changes with its reader. [`Value`] is one cell, bit for bit; [`Row`] is a list of named
//! values; [`ColumnBuffers`] is a column in one copy instead of one value per cell; [`pack_column`] and [`unpack_rows`]
//! are columns and rows as single byte strings; IPC messages carry batches whole.

mod buffers;
mod build;
mod columns;
mod feed;
mod infer;
mod ipc;
mod json;
mod keys;
mod moments;
mod names;
mod nested;
mod number;
mod pack;
mod read;
mod rows;
mod unpack;
mod value;

#[cfg(test)]
mod tests;

pub use buffers::{ColumnBuffers, Layout, column_buffers};
pub use build::array_from_values;
pub use columns::{ColumnInfo, KeyColumn};
pub use feed::{Feed, Piece, Pieces};
pub use ipc::{batches_from_ipc, batches_to_ipc};
pub use json::{from_json, to_json};
pub use keys::{KeyBounds, key_batch};
pub use names::{type_from_text, type_text};
pub use pack::pack_column;
pub use read::values_from_array;
pub use rows::{Row, RowTypes, batch_from_rows, rows_from_batch};
pub use unpack::{unpack_keys, unpack_rows};
pub use value::{Interval, Value};
