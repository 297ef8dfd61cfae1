//! Errors as JSON, of which `errors.js` makes instances of the classes that users see.

use napi::bindgen_prelude::Status;
use napi_derive::napi;
use spiral_bindings::{Code, Error, to_json};

/// What Node-API throws or rejects with.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
pub(crate) fn thrown(error: Error) -> napi::Error {
    napi::Error::new(Status::GenericFailure, to_json(&error))
}

pub(crate) fn invalid(message: impl Into<String>) -> napi::Error {
    thrown(Error::new(Code::InvalidArgument, message))
}

/// Every code and the name of its kind.
#[napi]
pub(crate) fn codes() -> String {
    to_json(&Code::table())
}
