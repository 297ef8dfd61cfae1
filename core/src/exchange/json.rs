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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScanOptions;
    use crate::transaction::CommitInfo;

    #[test]
    fn answers_have_names_that_every_language_reads() {
        let error = Error::new(Code::CommitContention, "try again").with_table("t").with_version(7);
        let told = r#"{"code":"commit_contention","kind":"Conflict","message":"try again","table":"t","path":null,"version":7,"retryable":true}"#;
        assert_eq!(to_json(&error), told);
        let commit = CommitInfo { version: 1, timestamp: i64::MAX };
        assert_eq!(to_json(&commit), r#"{"version":1,"timestamp":"9223372036854775807"}"#);
    }

    #[test]
    fn options_that_are_none_are_named_without_their_values() {
        let read = |json: &str| ScanOptions::from_json(json).map_err(|error| error.message().to_owned());
        assert_eq!(read(" ").unwrap(), ScanOptions::default());
        assert_eq!(read(r#"{"where":"a = 1","limit":3}"#).unwrap().limit, Some(3));
        assert!(read(r#"{"wehre":"hunter2"}"#).unwrap_err().starts_with("invalid scan options: unknown field `wehre`"));
        assert_eq!(read(r#"{"limit":"hunter2"}"#).unwrap_err(), "invalid scan options: a value has the wrong type");
    }
}
