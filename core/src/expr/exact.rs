//! Decimal numbers of any scale, exact: what integer and decimal literals are compared by before they take a type.

use arrow_buffer::i256;

/// Digits that a 256-bit integer always holds.
const MAX_DIGITS: usize = 76;
/// Largest exponent read from text; beyond it every finite type overflows or underflows anyway.
const MAX_EXPONENT: i32 = 10_000;

/// The number `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exact {
    pub(super) mantissa: i256,
    pub(super) scale: i32,
}

/// A number brought to a scale that may not hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rescaled {
    /// The unscaled value.
    Exact(i256),
    /// The number lies strictly between this unscaled value and the next.
    Floor(i256),
    /// The number exceeds 256 bits upwards.
    Above,
    /// The number exceeds 256 bits downwards.
    Below,
}

impl Exact {
    pub(super) fn integer(value: i128) -> Self {
        Self { mantissa: i256::from_i128(value), scale: 0 }
    }

    /// Reads `[-+]digits[.digits][e[-+]digits]` with up to 76 significant digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        if exponent.abs() > MAX_EXPONENT {
            return None;
        }
        let (negative, digits) = match number.as_bytes().first()? {
            b'-' => (true, &number[1..]),
            b'+' => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut mantissa = i256::ZERO;
        let mut significant = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
            significant += usize::from(significant > 0 || digit > 0);
            if significant > MAX_DIGITS {
                return None;
            }
            mantissa = mantissa.wrapping_mul(i256::from_i128(10)).wrapping_add(i256::from_i128(digit));
        }
        let scale = i32::try_from(fraction.len()).ok().filter(|scale| *scale <= MAX_EXPONENT)? - exponent;
        Some(Self { mantissa: if negative { mantissa.wrapping_neg() } else { mantissa }, scale })
    }

    /// The number at another scale, rounded down where it needs more digits.
    pub(super) fn rescale(&self, scale: i32) -> Rescaled {
        let digits = scale - self.scale;
        let power = i256::from_i128(10).checked_pow(digits.unsigned_abs());
        let negative = self.mantissa.is_negative();
        if digits >= 0 {
            return match power.and_then(|power| self.mantissa.checked_mul(power)) {
                Some(value) => Rescaled::Exact(value),
                None if self.mantissa == i256::ZERO => Rescaled::Exact(i256::ZERO),
                None if negative => Rescaled::Below,
                None => Rescaled::Above,
            };
        }
        let floor_of_fraction = if negative { i256::MINUS_ONE } else { i256::ZERO };
        let Some(power) = power else {
            // The divisor exceeds every mantissa: only the sign is left.
            return if self.mantissa == i256::ZERO {
                Rescaled::Exact(i256::ZERO)
            } else {
                Rescaled::Floor(floor_of_fraction)
            };
        };
        let quotient = self.mantissa.wrapping_div(power);
        if self.mantissa.wrapping_rem(power) == i256::ZERO {
            Rescaled::Exact(quotient)
        } else {
            Rescaled::Floor(quotient.wrapping_add(floor_of_fraction))
        }
    }
}

/// `mantissa / 10^scale` as text that [`Exact::parse`] reads back with the same scale.
pub(super) fn format(mantissa: i256, scale: i8) -> String {
    let digits = mantissa.to_string();
    if scale <= 0 {
        return if scale == 0 { digits } else { format!("{digits}e{}", i32::from(scale).abs()) };
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let places = usize::from(scale.unsigned_abs());
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::parse(text).unwrap()
    }

    #[test]
    fn rounding_goes_down_on_both_sides_of_zero() {
        let value = |number| i256::from_i128(number);
        assert_eq!(exact("2.5").rescale(0), Rescaled::Floor(value(2)));
        assert_eq!(exact("-2.5").rescale(0), Rescaled::Floor(value(-3)));
        assert_eq!(exact("-2.50").rescale(1), Rescaled::Exact(value(-25)));
        assert_eq!(exact("1e3").rescale(0), Rescaled::Exact(value(1000)));
        assert_eq!(exact("-1e-300").rescale(0), Rescaled::Floor(value(-1)));
        assert_eq!(exact("0e300").rescale(0), Rescaled::Exact(value(0)));
        assert_eq!(exact("1e300").rescale(0), Rescaled::Above);
        assert_eq!(exact("-1e300").rescale(0), Rescaled::Below);
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in ["", "-", ".", "1e", "e1", "1.2.3", "0x1", "١", "1e99999", "--1", "1 "] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
        assert_eq!(Exact::parse(&"9".repeat(77)), None);
    }

    #[test]
    fn formatted_decimals_read_back() {
        for (mantissa, scale, text) in
            [(5, 2, "0.05"), (-5, 2, "-0.05"), (12345, 2, "123.45"), (7, -3, "7e3"), (0, 0, "0")]
        {
            assert_eq!(format(i256::from_i128(mantissa), scale), text);
            assert_eq!(exact(text).rescale(i32::from(scale)), Rescaled::Exact(i256::from_i128(mantissa)));
        }
    }
}
