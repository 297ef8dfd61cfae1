//! What a failed request means: the code a caller sees, and whether asking again may help.

use std::error::Error as StdError;
use std::io::ErrorKind as IoKind;

use object_store::Error as ObjectError;

use super::redact::redact;
use crate::error::{Code, Error};

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the same request may succeed when repeated.
    pub(super) retryable: bool,
}

impl Failure {
    /// A failure that repeats itself.
    pub(super) fn lasting(code: Code, message: impl Into<String>) -> Self {
        Self { error: Error::new(code, message), retryable: false }
    }

    /// A failure that may pass.
    pub(super) fn passing(code: Code, message: impl Into<String>) -> Self {
        Self { error: Error::new(code, message), retryable: true }
    }

    /// The store did not answer in time.
    pub(super) fn timed_out() -> Self {
        Self::passing(Code::StoreUnavailable, "the store did not answer in time; check the network or try again later")
    }

    /// The caller's error about the object `path`.
    pub(super) fn at(self, path: &str) -> Error {
        self.error.with_path(path)
    }
}

/// Causes that only the text of a generic error tells. Stores agree on no type for them.
const FULL: &[&str] = &[
    "no space left",
    "storage full",
    "disk quota",
    "insufficient storage",
    "insufficientstorage",
    "quotaexceedederror",
    "status code: 507",
];
const OUT_OF_RANGE: &[&str] = &[
    "wanted range starting at",
    "requested range was invalid",
    "status code: 416",
    "range not satisfiable",
    "invalidrange",
];
const RANGE_UNSUPPORTED: &[&str] = &["non-partial response when range requested", "range request not supported"];

/// Client errors that waiting does not cure. 408 and 429 are the exceptions.
const REFUSED: &[&str] = &[
    "status code: 400",
    "status code: 405",
    "status code: 411",
    "status code: 413",
    "status code: 414",
    "status code: 431",
    "status code: 501",
];

/// Whether the store answered a range request with the whole object and the client refused that.
pub(super) fn is_range_unsupported(error: &ObjectError) -> bool {
    // Clients agree on no kind for it.
    matches!(error, ObjectError::Generic { .. } | ObjectError::NotSupported { .. })
        && contains_any(&error.to_string(), RANGE_UNSUPPORTED)
}

fn contains_any(text: &str, needles: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    needles.iter().any(|needle| text.contains(needle))
}

/// Maps an error of the byte store. Its text is kept without secrets; the error itself is not, since printing it as a
/// source would print them.
pub(super) fn classify(error: &ObjectError) -> Failure {
    let text = redact(&error.to_string());
    match error {
        ObjectError::NotFound { .. } => Failure::lasting(Code::ObjectNotFound, "the object does not exist"),
        ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => {
            Failure::lasting(Code::PermissionDenied, format!("the store refused access; check the credentials: {text}"))
        }
        ObjectError::AlreadyExists { .. } | ObjectError::Precondition { .. } | ObjectError::NotModified { .. } => {
            // Only a conditional put sees these, and it reads them as an outcome.
            Failure::lasting(Code::StoreUnavailable, format!("the store refused an unconditional request: {text}"))
        }
        ObjectError::NotSupported { .. } | ObjectError::NotImplemented { .. } => Failure::lasting(
            Code::UnsupportedOperation,
            format!("the store cannot do what the table needs; use another store: {text}"),
        ),
        ObjectError::InvalidPath { .. } => {
            Failure::lasting(Code::InvalidArgument, format!("the store cannot hold an object of this name: {text}"))
        }
        ObjectError::UnknownConfigurationKey { .. } => {
            Failure::lasting(Code::InvalidStoreUrl, format!("an option of the store is not known: {text}"))
        }
        other => classify_cause(other, &text),
    }
}

fn classify_cause(error: &ObjectError, text: &str) -> Failure {
    let io = io_kind(error);
    if matches!(io, Some(IoKind::StorageFull | IoKind::QuotaExceeded)) || contains_any(text, FULL) {
        return Failure::lasting(
            Code::StorageFull,
            format!("the store is full; free space or raise its quota: {text}"),
        );
    }
    if io == Some(IoKind::ReadOnlyFilesystem) {
        return Failure::lasting(Code::ReadOnly, format!("the store is read-only: {text}"));
    }
    if io == Some(IoKind::PermissionDenied) {
        return Failure::lasting(Code::PermissionDenied, format!("the file system refused access: {text}"));
    }
    if contains_any(text, OUT_OF_RANGE) {
        return Failure::lasting(Code::Truncated, "the object is shorter than its metadata says");
    }
    let message = format!("the store failed: {text}");
    Failure { error: Error::new(Code::StoreUnavailable, message), retryable: !contains_any(text, REFUSED) }
}

fn io_kind(error: &ObjectError) -> Option<IoKind> {
    let mut link: Option<&(dyn StdError + 'static)> = error.source();
    // Chains are a handful of links; the bound is against a source that returns itself.
    for _ in 0..16 {
        let source = link?;
        if let Some(io) = source.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        link = source.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Box<dyn StdError + Send + Sync>>) -> ObjectError {
        ObjectError::Generic { store: "test", source: source.into() }
    }

    #[test]
    fn causes_have_codes() {
        let cases = [
            (generic(std::io::Error::from(IoKind::StorageFull)), Code::StorageFull, false),
            (generic("write failed: No space left on device (os error 28)"), Code::StorageFull, false),
            (generic(std::io::Error::from(IoKind::ReadOnlyFilesystem)), Code::ReadOnly, false),
            (generic(std::io::Error::from(IoKind::PermissionDenied)), Code::PermissionDenied, false),
            (generic("Server returned non-2xx status code: 503 Service Unavailable: "), Code::StoreUnavailable, true),
            (generic("Server returned non-2xx status code: 429 Too Many Requests"), Code::StoreUnavailable, true),
            (generic("Server returned non-2xx status code: 400 Bad Request: "), Code::StoreUnavailable, false),
            (generic("Server returned non-2xx status code: 416 Range Not Satisfiable"), Code::Truncated, false),
            (generic("Requested range was invalid"), Code::Truncated, false),
            (ObjectError::NotFound { path: "a".into(), source: "x".into() }, Code::ObjectNotFound, false),
            (ObjectError::Unauthenticated { path: "a".into(), source: "x".into() }, Code::PermissionDenied, false),
        ];
        for (error, code, retryable) in cases {
            let failure = classify(&error);
            assert_eq!((failure.error.code(), failure.retryable), (code, retryable), "{error}");
        }
    }

    #[test]
    fn no_form_of_an_error_shows_a_token() {
        let error = generic("Error performing GET https://u:SECRET@h/p?sig=SECRET in 1s");
        let error = classify(&error).at("a");
        assert!(!format!("{error} {error:?} {error:#?}").contains("SECRET"));
        assert!(StdError::source(&error).is_none());
    }
}
