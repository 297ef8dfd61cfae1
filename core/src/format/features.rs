//! Feature flags: what a build must know to read or to write a table.

use prost::Message;

use crate::bail;
use crate::error::{Code, Result};

/// Features that this build knows. None exist yet: they name what later versions add.
const KNOWN: &[&str] = &[];

/// Features that a table needs.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Features {
    /// Of readers.
    #[prost(string, repeated, tag = "1")]
    pub reader: Vec<String>,
    /// Of writers, in addition.
    #[prost(string, repeated, tag = "2")]
    pub writer: Vec<String>,
}

impl Features {
    /// Fails when this build cannot read what needs these features.
    ///
    /// # Errors
    /// `NewerFormat`.
    pub fn check_readable(&self) -> Result<()> {
        match unknown(&self.reader) {
            Some(feature) => bail!(Code::NewerFormat, "reading needs feature {feature:?}: upgrade"),
            None => Ok(()),
        }
    }

    /// Fails when this build must not write to what needs these features.
    ///
    /// # Errors
    /// `NewerFormat`.
    pub fn check_writable(&self) -> Result<()> {
        match unknown(&self.writer) {
            Some(feature) => bail!(Code::NewerFormat, "writing needs feature {feature:?}: upgrade, or only read"),
            None => Ok(()),
        }
    }
}

fn unknown(features: &[String]) -> Option<&String> {
    features.iter().find(|feature| !KNOWN.contains(&feature.as_str()))
}
