//! What users choose, and what they are told, as JSON: every host reads it natively.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Code, Error, Result};

/// Reads options from JSON; nothing means none. The message names what is wrong and quotes no value: values may be
/// credentials.
///
/// # Errors
/// `InvalidArgument` for what is no such JSON.
pub fn from_json<T: DeserializeOwned>(json: &str, what: &str) -> Result<T> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    serde_json::from_str(json).map_err(|error| {
        let text = error.to_string();
        // Only this kind of message consists of names alone.
        let detail = if text.starts_with("unknown field") || text.starts_with("missing field") {
            text
        } else {
            "a value has the wrong type".to_owned()
        };
        Error::new(Code::InvalidArgument, format!("invalid {what}: {detail}"))
    })
}

/// What is known, as JSON: an error, a commit, the cost of a plan, columns.
pub fn to_json(known: &impl Serialize) -> String {
    // Structs of texts and numbers always have a text.
    serde_json::to_string(known).unwrap_or_default()
}

/// A moment in microseconds since 1970 as text: its range is wider than that of JSON's numbers in most hosts.
pub(crate) fn moment<S: serde::Serializer>(micros: &i64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(micros)
}
