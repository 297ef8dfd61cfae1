//! Names of columns in the tree that struct columns form.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::bail;
use crate::error::{Code, Error, Result};
use crate::key::element;

/// Deepest nesting of a column or of a type.
pub const MAX_DEPTH: usize = 64;
/// Longest name of a column or group, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The names that lead to a column or a group. The empty path is the root group.
///
/// As text the names are joined by dots; a name with a dot, a quote or a space in it is put in double quotes, in
/// which a quote is doubled: `a."b.c"`. Paths sort by group, then by name, as [`tuple_path`] does.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct ColumnPath(Arc<[Arc<str>]>);

impl ColumnPath {
    /// The root group.
    pub fn root() -> Self {
        Self::default()
    }

    /// Creates a path from names.
    ///
    /// Fails with [`Code::InvalidName`] if a name is empty or longer than 255 bytes, or if there are more than 64.
    pub fn try_new(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Result<Self> {
        let names: Arc<[Arc<str>]> = names.into_iter().map(Into::into).collect();
        if names.len() > MAX_DEPTH {
            bail!(Code::InvalidName, "a column is nested {} levels deep, at most {MAX_DEPTH} are allowed", names.len());
        }
        names.iter().try_for_each(|name| check_name(name))?;
        Ok(Self(names))
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let mut names: Vec<String> = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = parse_name(rest).ok_or_else(|| {
                Error::new(Code::InvalidName, format!("{text:?} is no column path: a quoted name is not closed"))
            })?;
            names.push(name);
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None if after.is_empty() => return Self::try_new(names),
                None => bail!(Code::InvalidName, "{text:?} is no column path: a dot is missing before {after:?}"),
            }
            if names.len() > MAX_DEPTH {
                bail!(Code::InvalidName, "a column path has at most {MAX_DEPTH} names");
            }
        }
    }

    /// The path of a column or group inside this group.
    pub fn child(&self, name: &str) -> Result<Self> {
        Self::try_new(self.0.iter().cloned().chain([Arc::from(name)]))
    }

    /// The path inside this group that has the names of `inner`.
    pub fn join(&self, inner: &Self) -> Result<Self> {
        Self::try_new(self.0.iter().chain(inner.0.iter()).cloned())
    }

    /// What is left of the path inside a group; `None` unless it lies there.
    pub fn below(&self, group: &Self) -> Option<Self> {
        Some(Self(self.0.strip_prefix(&*group.0)?.into()))
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[Arc<str>] {
        &self.0
    }

    /// The number of names.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root group.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The group that holds this column or group. The root is its own group.
    pub fn group(&self) -> Self {
        Self(self.0.split_last().map_or_else(Arc::default, |(_, group)| group.into()))
    }

    /// The last name; empty for the root.
    pub fn leaf(&self) -> &str {
        self.0.last().map_or("", |name| name)
    }

    /// Whether this path is `group` or lies below it at any depth.
    pub fn is_within(&self, group: &Self) -> bool {
        self.0.starts_with(&group.0)
    }
}

impl Ord for ColumnPath {
    fn cmp(&self, other: &Self) -> Ordering {
        let split = |path: &Self| path.0.split_last().map_or((0, 0), |(_, group)| (1, group.len()));
        let ((leaf_a, len_a), (leaf_b, len_b)) = (split(self), split(other));
        let by_group = self.0[..len_a].cmp(&other.0[..len_b]);
        by_group.then_with(|| leaf_a.cmp(&leaf_b)).then_with(|| self.leaf().cmp(other.leaf()))
    }
}

impl PartialOrd for ColumnPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            if name.contains(needs_quotes) {
                write!(f, "\"{}\"", name.replace('"', "\"\""))?;
            } else {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnPath({self})")
    }
}

impl std::str::FromStr for ColumnPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn needs_quotes(letter: char) -> bool {
    matches!(letter, '.' | '"') || letter.is_whitespace() || letter.is_control()
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        bail!(Code::InvalidName, "a column has an empty name");
    }
    if name.len() > MAX_NAME_BYTES {
        bail!(Code::InvalidName, "a column name has {} bytes, at most {MAX_NAME_BYTES} are allowed", name.len());
    }
    Ok(())
}

/// Takes one name off the front: the name and what follows it.
fn parse_name(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let quote = rest.find('"')?;
        name.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

/// The path of a column as bytes whose order is the order of paths: the FoundationDB tuple `((group names…), name)`.
///
/// The group is one nested element, so that its columns are neighbours, sorted by name, and the groups below it
/// follow. A flat tuple of names would put the group `a` between the root's columns `A` and `b`.
pub fn tuple_path(path: &ColumnPath) -> Vec<u8> {
    let mut out = own_prefix(&path.group());
    element::write_text(&mut out, path.leaf());
    out
}

/// The half-open range of [`tuple_path`] bytes of a group's own columns.
pub fn group_bounds(group: &ColumnPath) -> (Vec<u8>, Vec<u8>) {
    bounds(own_prefix(group))
}

/// The half-open range of [`tuple_path`] bytes of a group's own columns and of all columns in the groups below it.
pub fn subtree_bounds(group: &ColumnPath) -> (Vec<u8>, Vec<u8>) {
    bounds(open_prefix(group))
}

/// The start of the group's tuple, to which names of inner groups may still be added.
fn open_prefix(group: &ColumnPath) -> Vec<u8> {
    let mut out = vec![element::NESTED];
    group.names().iter().for_each(|name| element::write_text(&mut out, name));
    out
}

fn own_prefix(group: &ColumnPath) -> Vec<u8> {
    let mut out = open_prefix(group);
    out.push(element::TERMINATOR);
    out
}

/// No element starts with the escape byte, hence everything that extends a prefix by elements lies before it.
fn bounds(prefix: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut end = prefix.clone();
    end.push(element::ESCAPE);
    (prefix, end)
}

impl ColumnPath {
    /// The path that [`tuple_path`] encoded. Any other bytes are [`Code::Corrupt`].
    pub fn from_tuple(bytes: &[u8]) -> Result<Self> {
        read_path(bytes).ok_or_else(|| Error::new(Code::Corrupt, "the bytes are no encoded column path"))
    }
}

fn read_path(bytes: &[u8]) -> Option<ColumnPath> {
    let mut names = Vec::new();
    let mut rest = bytes.strip_prefix(&[element::NESTED])?;
    while let Some(inner) = rest.strip_prefix(&[element::TEXT]) {
        let (name, after) = element::read_text(inner)?;
        names.push(name);
        rest = after;
        if names.len() > MAX_DEPTH {
            return None;
        }
    }
    rest = rest.strip_prefix(&[element::TERMINATOR])?;
    let (leaf, after) = element::read_text(rest.strip_prefix(&[element::TEXT])?)?;
    names.push(leaf);
    ColumnPath::try_new(names).ok().filter(|_| after.is_empty())
}

#[cfg(test)]
mod tests {
    use foundationdb_tuple::{pack, unpack};
    use proptest::prelude::*;

    use super::*;

    fn path() -> impl Strategy<Value = ColumnPath> {
        prop::collection::vec("[ab.\" \u{0}\u{1}é]{1,3}", 1..4).prop_map(|names| ColumnPath::try_new(names).unwrap())
    }

    proptest! {
        #[test]
        fn text_reads_back(path in path()) {
            prop_assert_eq!(ColumnPath::parse(&path.to_string()).unwrap(), path);
        }

        #[test]
        fn bytes_read_back_and_are_a_tuple(path in path()) {
            let bytes = tuple_path(&path);
            prop_assert_eq!(&ColumnPath::from_tuple(&bytes).unwrap(), &path);
            let group: Vec<String> = path.group().names().iter().map(|name| name.to_string()).collect();
            prop_assert_eq!(&bytes, &pack(&(group.clone(), path.leaf())));
            let (read, leaf): (Vec<String>, String) = unpack(&bytes).unwrap();
            prop_assert_eq!((read, leaf.as_str()), (group, path.leaf()));
        }

        #[test]
        fn bytes_order_is_path_order(a in path(), b in path()) {
            prop_assert_eq!(tuple_path(&a).cmp(&tuple_path(&b)), a.cmp(&b));
        }

        #[test]
        fn bounds_hold_exactly_the_group(a in path(), b in path()) {
            for group in [b.group(), b, ColumnPath::root()] {
                let within = |(begin, end): (Vec<u8>, Vec<u8>)| begin <= tuple_path(&a) && tuple_path(&a) < end;
                prop_assert_eq!(within(group_bounds(&group)), a.group() == group);
                prop_assert_eq!(within(subtree_bounds(&group)), a.group().is_within(&group));
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(0..6u8, 0..30), text in "[a.\"]{0,12}") {
            let _ = ColumnPath::parse(&text);
            if let Err(error) = ColumnPath::from_tuple(&bytes) {
                prop_assert_eq!(error.code(), Code::Corrupt);
            }
        }
    }

    #[test]
    fn a_groups_columns_are_neighbours() {
        let mut paths: Vec<_> = ["z", "a.b", "A", "a.a.x", "b"].map(|text| ColumnPath::parse(text).unwrap()).into();
        paths.sort();
        assert_eq!(paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["A", "b", "z", "a.b", "a.a.x"]);
    }

    #[test]
    fn bad_paths_are_refused() {
        for text in [".", "a.", ".a", "a..b", "\"a", "\"a\"b", "\"\""] {
            assert_eq!(ColumnPath::parse(text).unwrap_err().code(), Code::InvalidName, "{text}");
        }
        assert!(ColumnPath::try_new(["x".repeat(256)]).is_err());
        assert!(ColumnPath::try_new(vec!["x"; 65]).is_err());
        assert!(ColumnPath::parse(&"x.".repeat(100_000)).is_err());
    }

    #[test]
    fn quoting_is_used_only_where_needed() {
        let path = ColumnPath::try_new(["a", "b.c", "d\"e"]).unwrap();
        assert_eq!(path.to_string(), r#"a."b.c"."d""e""#);
        assert_eq!((path.group().to_string(), path.leaf()), (r#"a."b.c""#.into(), "d\"e"));
    }
}
