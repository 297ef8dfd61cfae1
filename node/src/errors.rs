//! Errors as JSON, of which `lib/errors.js` makes instances of the classes that users see.

use napi::bindgen_prelude::Status;
use napi_derive::napi;
use spiral_bindings::{Code, Error};

/// What Node-API throws or rejects with.
pub(crate) fn thrown(error: &Error) -> napi::Error {
    let json = serde_json::json!({
        "code": error.code().as_str(),
        "kind": format!("{:?}", error.kind()),
        "message": error.message(),
        "table": error.table(),
        "path": error.path(),
        "version": error.version(),
        "retryable": error.is_retryable(),
    });
    napi::Error::new(Status::GenericFailure, json.to_string())
}

pub(crate) fn invalid(message: impl Into<String>) -> napi::Error {
    thrown(&Error::new(Code::InvalidArgument, message))
}

/// Every code and the name of its kind, in turns.
#[napi]
pub(crate) fn codes() -> Vec<String> {
    Code::ALL.iter().flat_map(|code| [code.as_str().to_owned(), format!("{:?}", code.kind())]).collect()
}
