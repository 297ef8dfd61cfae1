//! Rows and keys from packed bytes: one crossing per request for hosts to which each call is dear.
//!
//! A value is one byte that names its form and what the form says; counts are 32-bit, and all numbers have their lowest
//! byte first. A text is the number of its bytes and these, a name the number that it has in the message, followed by
//! its text where it comes up first. Rows are their number, then for each the number of its cells, and of each cell its
//! name and value; keys are their number, then for each the number of its parts and these. The writer is `js/pack.js`.

use std::sync::Arc;

use arrow_schema::TimeUnit;

use super::rows::Row;
use super::value::{Value, check_depth};
use crate::{Code, Error, Result};

/// The rows of a message.
///
/// # Errors
/// `InvalidArgument` for bytes that are no rows, `LimitExceeded` for nesting without end.
pub fn unpack_rows(bytes: &[u8]) -> Result<Vec<Row>> {
    Unpacker::new(bytes).whole(|message| message.list(|message| message.list(|message| message.member(0))))
}

/// The keys of a message, each as its parts.
///
/// # Errors
/// As [`unpack_rows`].
pub fn unpack_keys(bytes: &[u8]) -> Result<Vec<Vec<Value>>> {
    Unpacker::new(bytes).whole(|message| message.list(|message| message.list(|message| message.value(0))))
}

struct Unpacker<'a> {
    /// What was not read yet.
    rest: &'a [u8],
    names: Vec<Arc<str>>,
}

impl<'a> Unpacker<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, names: Vec::new() }
    }

    /// Reads all there is.
    fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let found = read(&mut self)?;
        if self.rest.is_empty() { Ok(found) } else { Err(broken()) }
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        check_depth(depth)?;
        let depth = depth + 1;
        Ok(match self.array()? {
            [0] => Value::Null,
            [1] => Value::Bool(false),
            [2] => Value::Bool(true),
            [3] => Value::Int(i64::from_le_bytes(self.array()?)),
            [4] => Value::UInt(u64::from_le_bytes(self.array()?)),
            [5] => Value::Float(f64::from_le_bytes(self.array()?)),
            [6] => Value::Text(self.text()?.to_owned()),
            [7] => Value::Binary(self.bytes()?.to_vec()),
            [8] => Value::Timestamp(i64::from_le_bytes(self.array()?), TimeUnit::Millisecond),
            [9] => Value::List(self.list(|message| message.value(depth))?),
            [10] => Value::Struct(self.list(|message| message.member(depth))?),
            [11] => Value::Map(self.list(|message| Ok((message.value(depth)?, message.value(depth)?)))?),
            _ => return Err(broken()),
        })
    }

    fn member(&mut self, depth: usize) -> Result<(Arc<str>, Value)> {
        Ok((self.name()?, self.value(depth)?))
    }

    fn name(&mut self) -> Result<Arc<str>> {
        let at = self.count()?;
        if at == self.names.len() {
            let name = self.text()?.into();
            self.names.push(name);
        }
        self.names.get(at).cloned().ok_or_else(broken)
    }

    /// A count and so many of something, each of which takes a byte at least.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.count()?;
        if count > self.rest.len() {
            return Err(broken());
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| broken())
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(broken)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn count(&mut self) -> Result<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| broken())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(broken)?;
        self.rest = rest;
        Ok(*array)
    }
}

fn broken() -> Error {
    Error::new(Code::InvalidArgument, "the bytes are no packed values")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(count: u32) -> [u8; 4] {
        count.to_le_bytes()
    }

    /// Two rows, `{a: "é", b: [true, {a: -2}]}` and `{b: null}`.
    fn message() -> Vec<u8> {
        let name = |at: u32, text: &str| [&count(at)[..], &count(1), text.as_bytes()].concat();
        let first =
            [&count(2)[..], &name(0, "a"), &[6], &count(2), "é".as_bytes(), &name(1, "b"), &[9], &count(2), &[2]];
        let inner = [&[10][..], &count(1), &count(0), &[3], &(-2_i64).to_le_bytes()];
        let second = [&count(1)[..], &count(1), &[0]];
        [count(2).to_vec(), first.concat(), inner.concat(), second.concat()].concat()
    }

    #[test]
    fn rows_are_read_with_names_that_come_up_again() {
        let inner = Value::Struct(vec![("a".into(), Value::Int(-2))]);
        let list = Value::List(vec![Value::Bool(true), inner]);
        let first = vec![("a".into(), Value::Text("é".to_owned())), ("b".into(), list)];
        assert_eq!(unpack_rows(&message()).unwrap(), [first, vec![("b".into(), Value::Null)]]);
    }

    #[test]
    fn bytes_that_are_no_message_are_an_error() {
        let whole = message();
        for length in 0..whole.len() {
            assert_eq!(unpack_rows(&whole[..length]).unwrap_err().code(), Code::InvalidArgument, "of {length} bytes");
        }
        assert!(unpack_rows(&[whole, vec![0]].concat()).is_err());
        assert!(unpack_keys(&[0xff; 64]).is_err());
        let endless = [&count(1)[..], &count(1), &[[9, 1, 0, 0, 0]; 100].concat()].concat();
        assert_eq!(unpack_keys(&endless).unwrap_err().code(), Code::LimitExceeded);
    }
}
