//! Constants and type names in filter text.

use arrow_buffer::i256;
use arrow_schema::DataType;

use super::exact::{Exact, Rescaled};
use super::lexer::{Token, error_at};
use super::literal::Literal;
use super::literal_text::from_hex;
use super::parse::Parser;
use super::type_name::{is_parametric, parse_type};
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn literal(&mut self) -> Result<Literal> {
        if self.eat("-")? {
            let Token::Number(digits) = self.token else { return Err(self.error("expected a number")) };
            let literal = self.number(digits, true)?;
            self.advance()?;
            return Ok(literal);
        }
        match self.try_literal()? {
            Some(literal) => Ok(literal),
            None => Err(self.error("expected a constant")),
        }
    }

    pub(super) fn try_literal(&mut self) -> Result<Option<Literal>> {
        let literal = match &self.token {
            Token::Number(digits) => self.number(digits, false)?,
            Token::Text(text) => Literal::from(text.as_str()),
            Token::Hex(digits) => {
                Literal::Binary(from_hex(digits).ok_or_else(|| self.error("expected pairs of hexadecimal digits"))?)
            }
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Literal::Null,
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                _ => return self.typed_literal(),
            },
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(literal))
    }

    /// `timestamp '…'`, `int8 '5'`, `decimal(10, 2) '1.50'`: a type and quoted text.
    fn typed_literal(&mut self) -> Result<Option<Literal>> {
        let Token::Word(word) = self.token else { return Ok(None) };
        let typed = match self.peek_second() {
            Some(Token::Text(_) | Token::Brackets(_)) => true,
            Some(Token::Symbol("(")) => is_parametric(&word.to_ascii_lowercase()),
            _ => false,
        };
        if !typed {
            return Ok(None);
        }
        let at = self.at;
        let plain_timestamp =
            word.eq_ignore_ascii_case("timestamp") && matches!(self.peek_second(), Some(Token::Text(_)));
        let data_type = self.data_type()?;
        let text = self.quoted()?;
        let literal =
            if plain_timestamp { Literal::timestamp_from_text(&text) } else { Literal::from_text(&data_type, &text) };
        literal.map(Some).map_err(|error| error_at(self.text, at, error.message()))
    }

    /// A type name with its parameters, which the lexer does not know as one piece.
    pub(super) fn data_type(&mut self) -> Result<DataType> {
        let at = self.at;
        let Token::Word(word) = self.advance()? else {
            return Err(error_at(self.text, at, "expected a data type"));
        };
        let mut name = word.to_string();
        if let Token::Brackets(parameters) = self.token {
            name.push_str(parameters);
            self.advance()?;
        } else if is_parametric(&word.to_ascii_lowercase()) && self.eat("(")? {
            name.push('(');
            while !self.eat(")")? {
                match self.advance()? {
                    Token::Number(digits) => name.push_str(digits),
                    Token::Symbol(symbol @ ("," | "-")) => name.push_str(symbol),
                    _ => return Err(error_at(self.text, at, "expected a precision and a scale for the type")),
                }
            }
            name.push(')');
        }
        parse_type(&name).map_err(|error| error_at(self.text, at, error.message()))
    }

    /// An integer of the smallest of int64, uint64 and decimal that holds it; with a point or exponent, a float64.
    pub(super) fn number(&self, digits: &str, negative: bool) -> Result<Literal> {
        let text = format!("{}{digits}", if negative { "-" } else { "" });
        let invalid = || self.error("a number has too many digits");
        if text.contains(['.', 'e', 'E']) {
            let value = text.parse().ok().filter(|value: &f64| value.is_finite());
            return value.map(Literal::Float64).ok_or_else(invalid);
        }
        if let Ok(value) = text.parse() {
            return Ok(Literal::Int64(value));
        }
        if let Ok(value) = text.parse() {
            return Ok(Literal::UInt64(value));
        }
        match Exact::parse(&text).map(|exact| exact.rescale(0)) {
            Some(Rescaled::Exact(value)) => Ok(wide_integer(value, digits)),
            _ => Err(invalid()),
        }
    }
}

fn wide_integer(value: i256, digits: &str) -> Literal {
    let precision = u8::try_from(digits.trim_start_matches('0').len()).unwrap_or(76);
    match value.to_i128() {
        Some(value) if precision <= 38 => Literal::Decimal128(value, precision, 0),
        _ => Literal::Decimal256(value, precision, 0),
    }
}
