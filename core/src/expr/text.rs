//! Predicates on text, and how a predicate of one value is spread over a dictionary.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_schema::{ArrowError, DataType};
use arrow_string::like;

use super::compare::{Value, canonical, plain};
use crate::bail;
use crate::error::{Code, Error, Result};

/// Longest pattern of a `like`: it is compiled for every batch.
const MAX_PATTERN_BYTES: usize = 1 << 14;

/// Fails on a pattern that is too long or too complex to match, before any data is read.
pub(super) fn check_pattern(pattern: &str, case_insensitive: bool) -> Result<()> {
    if pattern.len() > MAX_PATTERN_BYTES {
        bail!(Code::LimitExceeded, "a pattern of 'like' exceeds {MAX_PATTERN_BYTES} bytes");
    }
    let nothing: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    match match_pattern(&nothing, pattern, case_insensitive) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(Code::LimitExceeded, "a pattern of 'like' is too complex").with_source(error)),
    }
}

fn match_pattern(input: &ArrayRef, pattern: &str, case_insensitive: bool) -> Result<BooleanArray, ArrowError> {
    let pattern = Value::scalar(constant(pattern, input.data_type())?);
    if case_insensitive { like::ilike(input, &pattern) } else { like::like(input, &pattern) }
}

/// Matches text against a pattern.
pub(super) fn matches(input: &ArrayRef, pattern: &str, case_insensitive: bool) -> Result<BooleanArray> {
    by_value(input, |values| Ok(match_pattern(values, pattern, case_insensitive)?))
}

/// Whether each text begins with a prefix.
pub(super) fn starts_with(input: &ArrayRef, prefix: &str) -> Result<BooleanArray> {
    by_value(input, |values| {
        let prefix = Value::scalar(constant(prefix, values.data_type())?);
        Ok(like::starts_with(values, &prefix)?)
    })
}

/// One text in the layout of the column it meets.
fn constant(text: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    arrow_cast::cast(&StringArray::from(vec![text]), data_type)
}

/// Applies a predicate of single values. A dictionary with fewer values than rows is decided value by value.
pub(super) fn by_value(
    input: &ArrayRef,
    predicate: impl Fn(&ArrayRef) -> Result<BooleanArray>,
) -> Result<BooleanArray> {
    if let Some(dictionary) = input.as_any_dictionary_opt()
        && dictionary.values().len() < input.len()
    {
        let decided: ArrayRef = Arc::new(predicate(&canonical(plain(dictionary.values())?))?);
        return Ok(arrow_select::take::take(&decided, dictionary.keys(), None)?.as_boolean().clone());
    }
    predicate(&canonical(plain(input)?))
}
