//! Errors and cancellation.

use std::sync::Arc;

use spiral_bindings::{self as facade, ErrorKind};

/// What a caller can do about an error.
#[uniffi::remote(Enum)]
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

/// Everything known about an error.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ErrorDetails {
    /// What can be done about it.
    pub kind: ErrorKind,
    /// Stable identity of the cause, such as `table_not_found`.
    pub code: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The table concerned, if known.
    pub table: Option<String>,
    /// The object concerned, relative to the table's root, if known.
    pub path: Option<String>,
    /// The table version concerned, if known.
    pub version: Option<i64>,
    /// Whether the same call may succeed later without any change.
    pub retryable: bool,
}

/// An error on its way to the layer that gives it the class of its kind.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum Failure {
    /// The only case: a kind each would give names that neither language wants.
    #[error("{}", details.message)]
    Failed {
        /// What is known.
        details: ErrorDetails,
    },
}

impl From<facade::Error> for Failure {
    fn from(error: facade::Error) -> Self {
        Failure::Failed {
            details: ErrorDetails {
                kind: error.kind(),
                code: error.code().as_str().to_owned(),
                message: error.message().to_owned(),
                table: error.table().map(str::to_owned),
                path: error.path().map(str::to_owned),
                version: error.version().map(signed),
                retryable: error.is_retryable(),
            },
        }
    }
}

/// Versions and counts in the integers that both languages use for everything.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Codes of all errors with their kinds, in the order of the documentation.
#[uniffi::export]
pub fn error_codes() -> Vec<ErrorDetails> {
    let details = |code: &facade::Code| {
        let Failure::Failed { details } = facade::Error::new(*code, code.as_str()).into();
        details
    };
    facade::Code::ALL.iter().map(details).collect()
}

/// Cancels the operations that were started with it, at once and for ever.
#[derive(Default, uniffi::Object)]
pub struct CancelHandle {
    token: facade::CancelToken,
}

#[uniffi::export]
impl CancelHandle {
    /// A handle that is not cancelled.
    #[uniffi::constructor]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels; again has no effect.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

pub(crate) type Cancel = Option<Arc<CancelHandle>>;

/// Runs an operation until its end or its cancellation. It is made when it is first polled, never for a handle that
/// is cancelled by then.
pub(crate) async fn run<T, F>(cancel: Cancel, operation: F) -> Result<T, Failure>
where
    F: Future<Output = facade::Result<T>> + Send,
    T: Send,
{
    match cancel {
        Some(handle) => Ok(handle.token.guard(operation).await?),
        None => Ok(operation.await?),
    }
}
