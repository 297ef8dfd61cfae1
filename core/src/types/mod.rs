//! From the Arrow types of a user to what a fragment stores, and back.
//!
//! A fragment knows fewer types than Arrow and has opinions on some values, such as dates beyond the year 9999. Here
//! every Arrow value gets a physical form that keeps it bit for bit, or a refusal before anything is written.

mod assemble;
mod encoded;
mod flatten;
mod lists;
mod path;
mod profile;
mod restore;
mod schema_ipc;
mod storage;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod storage_tests;

pub use assemble::{assemble, assemble_schema};
pub use flatten::{Column, flatten, flatten_schema};
pub use path::{ColumnPath, MAX_DEPTH, MAX_NAME_BYTES, group_bounds, subtree_bounds, tuple_path};
pub use profile::{OutputProfile, cast_output, output_type};
pub use restore::from_storage;
pub use schema_ipc::{MAX_FIELD_BYTES, field_from_bytes, field_to_bytes};
pub use storage::{storage_type, to_storage};
