//! Errors as plain objects, of which `js/errors.js` makes instances of the classes that users see.

use js_sys::{Object, Reflect};
use spiral_bindings::{Code, Error, Result};
use wasm_bindgen::prelude::*;

/// Sets a member of an object of ours, which cannot fail.
pub(crate) fn set(object: &Object, name: &str, value: &JsValue) {
    let _set = Reflect::set(object, &name.into(), value);
}

pub(crate) fn to_js(error: &Error) -> JsValue {
    let object = Object::new();
    set(&object, "code", &error.code().as_str().into());
    set(&object, "kind", &format!("{:?}", error.kind()).into());
    set(&object, "message", &error.message().into());
    set(&object, "table", &error.table().into());
    set(&object, "path", &error.path().into());
    set(&object, "version", &error.version().into());
    set(&object, "retryable", &error.is_retryable().into());
    object.into()
}

pub(crate) fn thrown<T>(result: Result<T>) -> std::result::Result<T, JsValue> {
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

/// Every code, with the name of its kind.
#[wasm_bindgen]
pub fn codes() -> js_sys::Array {
    let pair = |code: &Code| js_sys::Array::of2(&code.as_str().into(), &format!("{:?}", code.kind()).into());
    Code::ALL.iter().map(pair).collect()
}
