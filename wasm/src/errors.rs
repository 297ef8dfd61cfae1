//! Errors as JSON, of which `errors.js` makes instances of the classes that users see.

use js_sys::Reflect;
use spiral_bindings::{Code, Error, Result, to_json};
use wasm_bindgen::prelude::*;

pub(crate) type Thrown<T> = std::result::Result<T, JsValue>;

pub(crate) fn to_js(error: &Error) -> JsValue {
    to_json(error).into()
}

pub(crate) fn thrown<T>(result: Result<T>) -> Thrown<T> {
    result.map_err(|error| to_js(&error))
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, message)
}

/// The text of what JavaScript threw.
pub(crate) fn text_of(thrown: &JsValue) -> String {
    let message = Reflect::get(thrown, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "an exception without a message".to_owned())
}

#[wasm_bindgen(raw_module = "./host.js")]
extern "C" {
    /// Fails all that is under way.
    fn died(message: &str);
}

/// Without it a defect would leave every promise of this instance unsettled.
#[wasm_bindgen(start)]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| died(&panic.to_string())));
}

/// Every code and the name of its kind, as JSON.
#[wasm_bindgen]
pub fn codes() -> String {
    to_json(&Code::table())
}
