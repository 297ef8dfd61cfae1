//! Words, numbers, quoted text and symbols of filter text, with their places.

use crate::error::{Code, Error, Result};

/// A piece of filter text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// An unquoted word.
    Word(&'a str),
    /// A name in double quotes.
    Name(String),
    /// Text in single quotes.
    Text(String),
    /// Hexadecimal digits of `x'…'`.
    Hex(String),
    /// An unsigned number as written.
    Number(&'a str),
    /// The parameters of a type with their brackets: `[us, UTC]`.
    Brackets(&'a str),
    /// An operator or punctuation.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Two-character symbols come before their first halves.
const SYMBOLS: &[&str] =
    &["!=", "<>", "<=", ">=", "==", "=>", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",", "."];

/// Splits filter text into tokens, one at a time.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// An error at a byte of the filter text; the message counts characters, as an editor does.
pub(super) fn error_at(text: &str, at: usize, message: &str) -> Error {
    let position = text.get(..at).unwrap_or(text).chars().count() + 1;
    Error::new(Code::InvalidExpression, format!("{message} at character {position}"))
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token and the byte where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize)> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        Ok((self.token()?, start))
    }

    fn token(&mut self) -> Result<Token<'a>> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return Ok(Token::Number(self.take(number_length(rest))));
        }
        match first {
            '\'' => return self.quoted('\'').map(Token::Text),
            '"' => return self.quoted('"').map(Token::Name),
            'x' | 'X' if rest[1..].starts_with('\'') => {
                self.at += 1;
                return self.quoted('\'').map(Token::Hex);
            }
            '[' => return self.bracketed(),
            _ => {}
        }
        if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            return Ok(Token::Word(self.take(length)));
        }
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(Token::Symbol(symbol))
            }
            None => Err(error_at(self.text, self.at, &format!("unexpected '{}'", first.escape_debug()))),
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    /// Text between quotes, in which a doubled quote stands for one.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        let mut content = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                return Err(error_at(self.text, start, "a quote is not closed"));
            };
            content.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.rest().starts_with(quote) {
                return Ok(content);
            }
            content.push(quote);
            self.at += 1;
        }
    }

    /// The parameters of a type; a quoted zone inside may hold brackets.
    fn bracketed(&mut self) -> Result<Token<'a>> {
        let rest = self.rest();
        let mut quoted = false;
        for (index, c) in rest.char_indices() {
            match c {
                '\'' => quoted = !quoted,
                ']' if !quoted => return Ok(Token::Brackets(self.take(index + 1))),
                _ => {}
            }
        }
        Err(error_at(self.text, self.at, "a bracket is not closed"))
    }
}

/// The length of `digits[.digits][e[+-]digits]`.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}
