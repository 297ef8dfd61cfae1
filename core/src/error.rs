//! Errors a caller can act on.
//!
//! Every failure carries a stable [`Code`]; a code belongs to one [`ErrorKind`], which says what the reader can do
//! about it. Without the two layers a caller would match on message text, and each language binding would invent
//! classes of its own. Messages say what happened, to which object, and what to do; they never hold credentials.

use std::error::Error as StdError;
use std::fmt;

use serde::{Serialize, Serializer};

/// Result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call was wrong: change the argument named in the message.
    InvalidArgument,
    /// The named object does not exist, or not any more.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Another writer committed first and the two changes contradict each other: read again and decide.
    Conflict,
    /// The store did not answer or refused for now: trying again later may succeed.
    Unavailable,
    /// The store refused access: check credentials or permissions.
    PermissionDenied,
    /// Stored bytes are not what was written: report it and restore the object.
    Corrupt,
    /// The table was written by a newer version, or the request is outside what this build can do.
    Unsupported,
    /// It is not known whether the commit took effect; it can be settled later by its transaction id.
    OutcomeUnknown,
    /// The caller cancelled.
    Cancelled,
    /// A limit that protects memory or the store was reached.
    LimitExceeded,
    /// A defect of this library: please report it.
    Internal,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $kind:ident;)*) => {
        /// Stable identity of a cause, the same text in every language. Codes are never renamed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in documentation order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// Every code's text with its kind, in documentation order.
            pub fn table() -> Vec<(&'static str, ErrorKind)> {
                Self::ALL.iter().map(|code| (code.as_str(), code.kind())).collect()
            }

            /// The stable text of the code, in snake case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The kind the code belongs to.
            pub const fn kind(self) -> ErrorKind {
                match self { $(Code::$name => ErrorKind::$kind,)* }
            }
        }
    };
}

codes! {
    /// An argument has a value that no rule below describes better.
    InvalidArgument = "invalid_argument" => InvalidArgument;
    /// A key occurs twice in one write operation.
    DuplicateKey = "duplicate_key" => InvalidArgument;
    /// A key column holds a null.
    NullKey = "null_key" => InvalidArgument;
    /// A string or binary key column exceeds 1 KiB.
    KeyTooLong = "key_too_long" => InvalidArgument;
    /// The input lacks a key column.
    MissingKeyColumn = "missing_key_column" => InvalidArgument;
    /// The key schema is empty, repeats a name, or uses a type that cannot be a key.
    InvalidKeySchema = "invalid_key_schema" => InvalidArgument;
    /// Tables that are read together have different key columns.
    KeySchemaMismatch = "key_schema_mismatch" => InvalidArgument;
    /// A column is written or compared with a type other than its own.
    TypeMismatch = "type_mismatch" => InvalidArgument;
    /// A struct value is null and nulls are not pushed down to its leaves.
    NullStruct = "null_struct" => InvalidArgument;
    /// A name refers to no column.
    UnknownColumn = "unknown_column" => InvalidArgument;
    /// A column or table name is empty or malformed.
    InvalidName = "invalid_name" => InvalidArgument;
    /// Text could not be parsed as an expression.
    InvalidExpression = "invalid_expression" => InvalidArgument;
    /// `asof` lies before the table existed.
    AsofBeforeTable = "asof_before_table" => InvalidArgument;
    /// `asof` names a version that no writer has committed yet.
    AsofInFuture = "asof_in_future" => InvalidArgument;
    /// The clock of this machine is far ahead of the last commits.
    ClockAhead = "clock_ahead" => InvalidArgument;
    /// A URL or option does not describe a store.
    InvalidStoreUrl = "invalid_store_url" => InvalidArgument;
    /// No table lies at the given place or name.
    TableNotFound = "table_not_found" => NotFound;
    /// No project or dataset has the given name.
    NameNotFound = "name_not_found" => NotFound;
    /// An object that the table refers to is missing.
    ObjectNotFound = "object_not_found" => NotFound;
    /// The snapshot lies behind the table's horizon.
    SnapshotExpired = "snapshot_expired" => NotFound;
    /// The name is taken by another table, dataset or project.
    TableExists = "table_exists" => AlreadyExists;
    /// Another transaction changed the same thing in a way that contradicts this one.
    CommitConflict = "commit_conflict" => Conflict;
    /// Too many other writers won the race for the next version.
    CommitContention = "commit_contention" => Conflict;
    /// The transaction began before the horizon and may no longer commit.
    TransactionExpired = "transaction_expired" => Conflict;
    /// The store failed or did not answer in time.
    StoreUnavailable = "store_unavailable" => Unavailable;
    /// The local disk or the store's quota is full.
    StorageFull = "storage_full" => Unavailable;
    /// The store refused access.
    PermissionDenied = "permission_denied" => PermissionDenied;
    /// A checksum, magic number or structure does not hold.
    Corrupt = "corrupt" => Corrupt;
    /// An object is shorter than its metadata says.
    Truncated = "truncated" => Corrupt;
    /// The table needs a feature that this version does not know.
    NewerFormat = "newer_format" => Unsupported;
    /// A type that cannot be stored.
    UnsupportedType = "unsupported_type" => Unsupported;
    /// An expression or option that this version does not implement.
    UnsupportedOperation = "unsupported_operation" => Unsupported;
    /// The store does not honour put-if-absent and would lose commits.
    UnsafeStore = "unsafe_store" => Unsupported;
    /// The table or store is read-only.
    ReadOnly = "read_only" => Unsupported;
    /// The put of a commit was interrupted and its effect was not yet observed.
    CommitUnknown = "commit_unknown" => OutcomeUnknown;
    /// The operation was cancelled.
    Cancelled = "cancelled" => Cancelled;
    /// A size or count limit was reached.
    LimitExceeded = "limit_exceeded" => LimitExceeded;
    /// An invariant of this library does not hold.
    Internal = "internal" => Internal;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error with its code, its message and what it happened to.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    message: String,
    table: Option<String>,
    path: Option<String>,
    version: Option<u64>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error. The message is one sentence without a final full stop.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, message: message.into(), table: None, path: None, version: None, source: None }))
    }

    /// Names the table the operation was about.
    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.0.table.get_or_insert(table.into());
        self
    }

    /// Names the object the operation was about, relative to the table's root.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.0.path.get_or_insert(path.into());
        self
    }

    /// Names the table version the operation was about.
    pub fn with_version(mut self, version: u64) -> Self {
        self.0.version.get_or_insert(version);
        self
    }

    /// Keeps the underlying cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The kind, which says what to do.
    pub fn kind(&self) -> ErrorKind {
        self.0.code.kind()
    }

    /// What happened, without code and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The table concerned, if known.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The object concerned, if known.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The table version concerned, if known.
    pub fn version(&self) -> Option<u64> {
        self.0.version
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.code, Code::StoreUnavailable | Code::CommitContention)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        let mut context = Vec::new();
        if let Some(table) = &self.0.table {
            context.push(format!("table {table}"));
        }
        if let Some(path) = &self.0.path {
            context.push(format!("object {path}"));
        }
        if let Some(version) = self.0.version {
            context.push(format!("version {version}"));
        }
        if !context.is_empty() {
            write!(f, " ({})", context.join(", "))?;
        }
        write!(f, " [{}]", self.0.code)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

/// All that is known, but the cause.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Known<'a> {
            code: &'a str,
            kind: ErrorKind,
            message: &'a str,
            table: Option<&'a str>,
            path: Option<&'a str>,
            version: Option<u64>,
            retryable: bool,
        }
        let known = Known {
            code: self.code().as_str(),
            kind: self.kind(),
            message: self.message(),
            table: self.table(),
            path: self.path(),
            version: self.version(),
            retryable: self.is_retryable(),
        };
        known.serialize(serializer)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Arrow fails on data of the wrong shape, which the binder has excluded before: what is left is a defect of ours.
impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Error::new(Code::Internal, format!("an Arrow operation failed: {error}")).with_source(error)
    }
}

/// Returns early with an error of the given code: `bail!(Code::X, "format {}", args)`.
#[macro_export]
#[doc(hidden)]
macro_rules! bail {
    ($code:expr, $($arg:tt)+) => {
        return Err($crate::Error::new($code, format!($($arg)+)).into())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} occurs twice");
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code}");
        }
    }

    #[test]
    fn display_names_object_and_code() {
        let error = Error::new(Code::Corrupt, "checksum does not match").with_path("data/1").with_version(7);
        assert_eq!(error.to_string(), "checksum does not match (object data/1, version 7) [corrupt]");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
