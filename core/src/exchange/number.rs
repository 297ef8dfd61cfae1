//! Integers that are floats, and floats that are integers.

/// The integer that a float is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
pub(super) fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    fits.then_some(number as i64)
}

/// The float that an integer is, if it is one.
#[expect(clippy::cast_precision_loss, reason = "the result is checked")]
pub(super) fn exact_float(number: i64) -> Option<f64> {
    let float = number as f64;
    (whole(float) == Some(number)).then_some(float)
}
