//! Names of tables.

use std::fmt;
use std::str::FromStr;

use crate::bail;
use crate::error::{Code, Error, Result};

/// What a name that leaves out its project or dataset means.
pub const DEFAULT: &str = "default";

/// Characters of one part of a name at most.
const PART_MAX: usize = 128;

/// What a table is called: `project/dataset.table`, where project and dataset are `default` when left out, as in
/// `dataset.table` or `table`. Parts consist of letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    project: String,
    dataset: String,
    table: String,
}

impl TableName {
    /// The name of these parts.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn new(project: &str, dataset: &str, table: &str) -> Result<Self> {
        if ![project, dataset, table].into_iter().all(is_part) {
            bail!(Code::InvalidName, "{project:?}, {dataset:?} and {table:?} do not make a table name: {RULE}");
        }
        Ok(Self { project: project.to_owned(), dataset: dataset.to_owned(), table: table.to_owned() })
    }

    /// The name that a text gives to the table of this name: what it leaves out stays.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn renamed(&self, text: &str) -> Result<Self> {
        Self::parse(text, &self.project, &self.dataset)
    }

    fn parse(text: &str, project: &str, dataset: &str) -> Result<Self> {
        let (project, rest) = text.split_once('/').unwrap_or((project, text));
        let (dataset, table) = rest.split_once('.').unwrap_or((dataset, rest));
        Self::new(project, dataset, table)
            .map_err(|_| Error::new(Code::InvalidName, format!("{text:?} is not a table name: {RULE}")))
    }

    /// Its project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Its dataset.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// Its name within the dataset.
    pub fn table(&self) -> &str {
        &self.table
    }
}

const RULE: &str = "use letters, digits, - and _, as in table, dataset.table or project/dataset.table";

/// Whether a text may be one part of a name.
pub(super) fn is_part(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !text.is_empty() && text.len() <= PART_MAX && text.chars().all(plain)
}

impl FromStr for TableName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, DEFAULT, DEFAULT)
    }
}

/// The shortest text that says the dataset: the project is left out where it is the default.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.project != DEFAULT {
            write!(f, "{}/", self.project)?;
        }
        write!(f, "{}.{}", self.dataset, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_defaults_and_one_text() {
        let text = |text: &str| text.parse::<TableName>().unwrap().to_string();
        assert_eq!(text("t"), "default.t");
        assert_eq!(text("sales.t"), "sales.t");
        assert_eq!(text("demo/t"), "demo/default.t");
        assert_eq!(text("demo/sales.t"), "demo/sales.t");
        assert_eq!(text("default/sales.t"), "sales.t");
        for name in ["t", "sales.t", "demo/t", "demo/sales.t"] {
            assert_eq!(text(&text(name)), text(name));
        }
    }

    #[test]
    fn a_new_name_keeps_what_it_leaves_out() {
        let name: TableName = "demo/sales.t".parse().unwrap();
        let renamed = |text: &str| name.renamed(text).unwrap().to_string();
        assert_eq!(renamed("u"), "demo/sales.u");
        assert_eq!(renamed("default.u"), "demo/default.u");
        assert_eq!(renamed("default/u"), "sales.u");
        assert_eq!(name.renamed("a b").unwrap_err().code(), Code::InvalidName);
    }

    #[test]
    fn malformed_names_are_refused() {
        let long = "a".repeat(PART_MAX + 1);
        for name in ["", ".", "/", "a.", ".a", "/a", "a/", "a b", "../etc", "a/b/c", "a.b.c", "ä", "a\0b", &long] {
            assert_eq!(name.parse::<TableName>().unwrap_err().code(), Code::InvalidName, "{name:?}");
        }
    }
}
