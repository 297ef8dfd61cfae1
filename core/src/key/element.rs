//! The elements of a FoundationDB tuple that occur in keys and column paths: writing and reading one.
//!
//! Same bytes as the crate `foundationdb-tuple` (a property test compares them), with two differences that a hot and
//! exposed path needs: writing into a `Vec` cannot fail, and reading never recurses, so hostile bytes cannot exhaust
//! the stack.
//!
//! Layout: <https://github.com/apple/foundationdb/blob/main/design/tuple.md>.

use std::borrow::Cow;

pub(crate) const BYTES: u8 = 0x01;
pub(crate) const TEXT: u8 = 0x02;
pub(crate) const NESTED: u8 = 0x05;
pub(crate) const TERMINATOR: u8 = 0x00;
/// Follows a zero byte that is part of a string. No element starts with it, so it also bounds a prefix's range.
pub(crate) const ESCAPE: u8 = 0xff;
const FLOAT: u8 = 0x20;
const DOUBLE: u8 = 0x21;
const ZERO: u8 = 0x14;
const MAX_SHORT_INT_BYTES: usize = 8;
const NEGATIVE_LONG: u8 = 0x0b;
const POSITIVE_LONG: u8 = 0x1d;

/// One element as read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Element<'a> {
    Int(i128),
    Float(f32),
    Double(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

#[inline]
pub(crate) fn write_u64(out: &mut Vec<u8>, value: u64) {
    let skip = value.leading_zeros() as usize / 8;
    out.push(0x1c - SKIPPED[skip]);
    out.extend_from_slice(&value.to_be_bytes()[skip..]);
}

#[inline]
pub(crate) fn write_i64(out: &mut Vec<u8>, value: i64) {
    if value >= 0 {
        return write_u64(out, value.unsigned_abs());
    }
    let skip = value.unsigned_abs().leading_zeros() as usize / 8;
    out.push(0x0c + SKIPPED[skip]);
    out.extend_from_slice(&value.wrapping_sub(1).to_be_bytes()[skip..]);
}

/// How many leading zero bytes an integer leaves out, as the offset of its type code.
const SKIPPED: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
/// Lengths of integers that need more than eight bytes.
const LONG_LENGTHS: [u8; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

pub(crate) fn write_i128(out: &mut Vec<u8>, value: i128) {
    if let Ok(value) = i64::try_from(value) {
        return write_i64(out, value);
    }
    if let Ok(value) = u64::try_from(value) {
        return write_u64(out, value);
    }
    let skip = value.unsigned_abs().leading_zeros() as usize / 8;
    let length = LONG_LENGTHS[16 - skip];
    if value > 0 {
        out.extend_from_slice(&[POSITIVE_LONG, length]);
        out.extend_from_slice(&value.to_be_bytes()[skip..]);
    } else if 16 - skip <= MAX_SHORT_INT_BYTES {
        out.push(ZERO - length);
        out.extend_from_slice(&value.wrapping_sub(1).to_be_bytes()[skip..]);
    } else {
        out.extend_from_slice(&[NEGATIVE_LONG, length ^ 0xff]);
        out.extend_from_slice(&value.wrapping_sub(1).to_be_bytes()[skip..]);
    }
}

#[inline]
pub(crate) fn write_f32(out: &mut Vec<u8>, value: f32) {
    out.push(FLOAT);
    out.extend_from_slice(&ordered_u32(value).to_be_bytes());
}

#[inline]
pub(crate) fn write_f64(out: &mut Vec<u8>, value: f64) {
    out.push(DOUBLE);
    out.extend_from_slice(&ordered_u64(value).to_be_bytes());
}

/// Bits whose unsigned order is the total order of floats.
#[inline]
pub(crate) fn ordered_u32(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits ^ (1 << 31) }
}

/// Bits whose unsigned order is the total order of doubles.
#[inline]
pub(crate) fn ordered_u64(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }
}

#[inline]
pub(crate) fn write_text(out: &mut Vec<u8>, value: &str) {
    out.push(TEXT);
    write_escaped(out, value.as_bytes());
    out.push(TERMINATOR);
}

#[inline]
pub(crate) fn write_bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.push(BYTES);
    write_escaped(out, value);
    out.push(TERMINATOR);
}

/// Writes the content of a string without its type code and terminator.
pub(crate) fn write_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some(zero) = rest.iter().position(|&byte| byte == 0) {
        out.extend_from_slice(&rest[..=zero]);
        out.push(ESCAPE);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
}

/// Reads the first element and returns it with the bytes after it; `None` if the bytes are no such element.
pub(crate) fn read(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&code, rest) = input.split_first()?;
    match code {
        BYTES => read_escaped(rest).map(|(value, rest)| (Element::Bytes(value), rest)),
        TEXT => read_text(rest).map(|(value, rest)| (Element::Text(value), rest)),
        FLOAT => {
            let (bytes, rest) = rest.split_first_chunk::<4>()?;
            let bits = u32::from_be_bytes(*bytes);
            let bits = if bits >> 31 == 0 { !bits } else { bits ^ (1 << 31) };
            Some((Element::Float(f32::from_bits(bits)), rest))
        }
        DOUBLE => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            let bits = u64::from_be_bytes(*bytes);
            let bits = if bits >> 63 == 0 { !bits } else { bits ^ (1 << 63) };
            Some((Element::Double(f64::from_bits(bits)), rest))
        }
        0x0c..ZERO => read_int(rest, usize::from(ZERO - code), true),
        ZERO..=0x1c => read_int(rest, usize::from(code - ZERO), false),
        NEGATIVE_LONG => {
            rest.split_first().and_then(|(&length, rest)| read_int(rest, usize::from(length ^ 0xff), true))
        }
        POSITIVE_LONG => rest.split_first().and_then(|(&length, rest)| read_int(rest, usize::from(length), false)),
        _ => None,
    }
    .filter(|(element, rest)| is_canonical(element, &input[..input.len() - rest.len()]))
}

/// Integers have one encoding only: without this, two byte strings would stand for one key.
fn is_canonical(element: &Element<'_>, encoded: &[u8]) -> bool {
    let Element::Int(value) = element else { return true };
    let mut canonical = Vec::with_capacity(18);
    write_i128(&mut canonical, *value);
    canonical == encoded
}

fn read_int(input: &[u8], length: usize, negative: bool) -> Option<(Element<'_>, &[u8])> {
    if length > 16 {
        return None;
    }
    let (bytes, rest) = input.split_at_checked(length)?;
    let mut padded = if negative { [0xff; 16] } else { [0; 16] };
    padded[16 - length..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(padded);
    let value = if negative { value.checked_add(1)? } else { value };
    Some((Element::Int(value), rest))
}

/// Reads a string's content up to and with its terminator.
pub(crate) fn read_text(input: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let (bytes, rest) = read_escaped(input)?;
    let text = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    Some((text, rest))
}

fn read_escaped(input: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut unescaped = Vec::new();
    let mut from = 0;
    loop {
        let zero = from + input[from..].iter().position(|&byte| byte == TERMINATOR)?;
        if input.get(zero + 1) != Some(&ESCAPE) {
            let tail = &input[from..zero];
            let value = if from == 0 {
                Cow::Borrowed(tail)
            } else {
                unescaped.extend_from_slice(tail);
                Cow::Owned(unescaped)
            };
            return Some((value, &input[zero + 1..]));
        }
        unescaped.extend_from_slice(&input[from..=zero]);
        from = zero + 2;
    }
}

#[cfg(test)]
mod tests {
    use foundationdb_tuple::TuplePack;
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    fn any_width_i128() -> impl Strategy<Value = i128> {
        (any::<i128>(), 0..128u32).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn elements_are_the_bytes_of_the_reference_crate(
            wide in any_width_i128(), text in ".{0,20}", bytes in prop::collection::vec(0..4u8, 0..20),
            single in any::<f32>(), double in any::<f64>(),
        ) {
            prop_assert_eq!(written(|out| write_i128(out, wide)), wide.pack_to_vec());
            prop_assert_eq!(written(|out| write_text(out, &text)), text.as_str().pack_to_vec());
            prop_assert_eq!(written(|out| write_bytes(out, &bytes)), bytes.as_slice().pack_to_vec());
            prop_assert_eq!(written(|out| write_f32(out, single)), single.pack_to_vec());
            prop_assert_eq!(written(|out| write_f64(out, double)), double.pack_to_vec());
        }

        #[test]
        fn narrow_integers_are_the_bytes_of_the_reference_crate(value in any::<i64>(), shift in 0..64u32) {
            for value in [value >> shift, i64::MIN >> shift, i64::MAX >> shift] {
                prop_assert_eq!(written(|out| write_i64(out, value)), value.pack_to_vec());
                prop_assert_eq!(written(|out| write_u64(out, value.unsigned_abs())), value.unsigned_abs().pack_to_vec());
            }
        }

        #[test]
        fn every_element_reads_back(wide in any_width_i128(), bytes in prop::collection::vec(0..4u8, 0..20), tail in any::<u8>()) {
            prop_assume!(tail != ESCAPE);
            for (element, mut encoded) in [
                (Element::Int(wide), written(|out| write_i128(out, wide))),
                (Element::Bytes(bytes.as_slice().into()), written(|out| write_bytes(out, &bytes))),
            ] {
                encoded.push(tail);
                prop_assert_eq!(read(&encoded), Some((element, &[tail][..])));
            }
        }

        #[test]
        fn reading_garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), code in 0..0x22u8) {
            let _ = read(&bytes);
            let _ = read(&[&[code], bytes.as_slice()].concat());
        }
    }

    #[test]
    fn an_integer_with_leading_zeros_is_refused() {
        assert_eq!(read(&[0x15, 5]).map(|(element, _)| element), Some(Element::Int(5)));
        assert_eq!(read(&[0x16, 0, 5]), None);
        assert_eq!(read(&[0x1d, 1, 5]), None);
    }
}
