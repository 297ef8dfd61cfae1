//! One key, or the prefix of one, as tuple bytes.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::element::{self, Element};

/// The tuple bytes of a key or of a key's first columns. Byte order is sort order. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    /// Prints the values, as in `("Goliath", 52431216)`; bytes that are no tuple are printed in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        let mut rest = self.as_bytes();
        while !rest.is_empty() {
            if rest.len() < self.0.len() {
                f.write_str(", ")?;
            }
            let Some((element, after)) = element::read(rest) else {
                write_hex(f, rest)?;
                break;
            };
            match element {
                Element::Int(value) => write!(f, "{value}")?,
                Element::Float(value) => write!(f, "{value:?}")?,
                Element::Double(value) => write!(f, "{value:?}")?,
                Element::Text(value) => write!(f, "{value:?}")?,
                Element::Bytes(value) => write!(f, "b\"{}\"", value.escape_ascii())?,
            }
            rest = after;
        }
        f.write_char(')')
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key{self}")
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use foundationdb_tuple::pack;

    use super::*;

    #[test]
    fn display_shows_the_values() {
        let key = Key::from(pack(&("a\"b", -7i64, 1.5f64, &[0u8, 200][..])));
        assert_eq!(key.to_string(), r#"("a\"b", -7, 1.5, b"\x00\xc8")"#);
        assert_eq!(Key::default().to_string(), "()");
    }

    #[test]
    fn display_of_garbage_is_hexadecimal() {
        let nested = vec![0x05; 100_000];
        assert!(Key::from(nested).to_string().starts_with("(0x0505"));
        assert_eq!(Key::from(vec![0x15, 1, 0xfe]).to_string(), "(1, 0xfe)");
    }
}
