//! Reading filter text: `price > 10 and (name like 'a%' or tag in ('x', 'y')) and a.b is not null`.
//!
//! A Pratt parser over a one-token look-ahead. From loosest to tightest: `or`, `xor`, `and`, `not`, comparisons
//! (`= != < <= > >= is [not] null, [not] in, [not] between, [not] like`, which do not chain), `+ -`, `* / %`, sign.
//! Keywords ignore case, column names do not; a name in double quotes may hold anything.

use std::collections::BTreeMap;

use super::ast::{ArithmeticOp, ColumnPath, CompareOp, Expr, MAX_DEPTH, MAX_NODES};
use super::display::{Binding, is_keyword};
use super::lexer::{Lexer, Token, error_at};
use super::literal::Literal;
use crate::bail;
use crate::error::{Code, Error, Result};

/// Longest filter text that is read.
pub const MAX_TEXT_BYTES: usize = 8 << 20;

/// Reads an expression.
///
/// Fails with `invalid_expression`, naming the place, on malformed text and with `limit_exceeded` on text that is too
/// long or nested too deeply.
pub fn parse(text: &str) -> Result<Expr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expression(Binding::Or)?;
    parser.end()?;
    expr.check_limits()?;
    Ok(expr)
}

/// Reads a single constant: `5`, `-2.5`, `'text'`, `timestamp '2024-01-01'`.
pub fn parse_literal(text: &str) -> Result<Literal> {
    let mut parser = Parser::new(text)?;
    let literal = parser.literal()?;
    parser.end()?;
    Ok(literal)
}

/// What is left to read, with one token of look-ahead.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    pub(super) at: usize,
    depth: usize,
    nodes: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MAX_TEXT_BYTES {
            bail!(Code::LimitExceeded, "the text of an expression exceeds {MAX_TEXT_BYTES} bytes");
        }
        let mut lexer = Lexer::new(text);
        let (token, at) = lexer.next()?;
        Ok(Self { text, lexer, token, at, depth: 0, nodes: 0 })
    }

    pub(super) fn error(&self, message: &str) -> Error {
        error_at(self.text, self.at, message)
    }

    pub(super) fn advance(&mut self) -> Result<Token<'a>> {
        let (next, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, next))
    }

    pub(super) fn peek_second(&self) -> Option<Token<'a>> {
        self.lexer.clone().next().ok().map(|(token, _)| token)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> Result<bool> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word)? { Ok(()) } else { Err(self.error(&format!("expected '{word}'"))) }
    }

    pub(super) fn eat(&mut self, symbol: &str) -> Result<bool> {
        let found = matches!(self.token, Token::Symbol(found) if found == symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol)? { Ok(()) } else { Err(self.error(&format!("expected '{symbol}'"))) }
    }

    fn end(&self) -> Result<()> {
        if self.token == Token::End { Ok(()) } else { Err(self.error("expected an operator or the end")) }
    }

    pub(super) fn quoted(&mut self) -> Result<String> {
        let Token::Text(text) = &mut self.token else { return Err(self.error("expected text in single quotes")) };
        let text = std::mem::take(text);
        self.advance()?;
        Ok(text)
    }

    /// Parses operators that bind at least as tightly as `place`.
    fn expression(&mut self, place: Binding) -> Result<Expr> {
        self.depth += 1;
        self.check_depth(0)?;
        let mut left = self.prefix(place)?;
        let mut levels = 0;
        while let Some((binding, operator)) = self.operator() {
            if binding < place {
                break;
            }
            // Each operator of a chain like `a + b + c` puts the tree so far one level down.
            levels += 1;
            self.check_depth(levels)?;
            left = match operator {
                Operator::And => Expr::And(self.chain(left, "and", binding)?),
                Operator::Or => Expr::Or(self.chain(left, "or", binding)?),
                Operator::Xor => {
                    self.advance()?;
                    left.xor(self.expression(binding.tighter())?)
                }
                Operator::Arithmetic(op) => {
                    self.advance()?;
                    let right = Box::new(self.expression(binding.tighter())?);
                    Expr::Arithmetic { op, left: Box::new(left), right }
                }
                Operator::Compare(op) => {
                    self.advance()?;
                    let right = Box::new(self.expression(binding.tighter())?);
                    self.no_second_comparison(Expr::Compare { op, left: Box::new(left), right })?
                }
                Operator::Predicate => {
                    let predicate = self.predicate(left)?;
                    self.no_second_comparison(predicate)?
                }
            };
            self.count()?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// A level of the tree takes a call of `expression` and one more for its parentheses.
    fn check_depth(&self, levels: usize) -> Result<()> {
        if self.depth + levels > 2 * MAX_DEPTH + 2 {
            bail!(Code::LimitExceeded, "an expression is nested deeper than {MAX_DEPTH} levels");
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            bail!(Code::LimitExceeded, "an expression has more than {MAX_NODES} nodes");
        }
        Ok(())
    }

    /// `a < b < c` means something else to everyone who writes it.
    fn no_second_comparison(&self, comparison: Expr) -> Result<Expr> {
        match self.operator() {
            Some((Binding::Compare, _)) => Err(self.error("comparisons do not chain, use 'and' or parentheses")),
            _ => Ok(comparison),
        }
    }

    fn operator(&self) -> Option<(Binding, Operator)> {
        match &self.token {
            Token::Symbol(symbol) => match *symbol {
                "=" | "==" => Some((Binding::Compare, Operator::Compare(CompareOp::Eq))),
                "!=" | "<>" => Some((Binding::Compare, Operator::Compare(CompareOp::Neq))),
                symbol => {
                    let compare = CompareOp::ALL.into_iter().find(|op| op.symbol() == symbol);
                    let arithmetic = ArithmeticOp::ALL.into_iter().find(|op| op.symbol() == symbol);
                    match (compare, arithmetic) {
                        (Some(op), _) => Some((Binding::Compare, Operator::Compare(op))),
                        (_, Some(op @ (ArithmeticOp::Add | ArithmeticOp::Sub))) => {
                            Some((Binding::Sum, Operator::Arithmetic(op)))
                        }
                        (_, Some(op)) => Some((Binding::Product, Operator::Arithmetic(op))),
                        _ => None,
                    }
                }
            },
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "and" => Some((Binding::And, Operator::And)),
                "or" => Some((Binding::Or, Operator::Or)),
                "xor" => Some((Binding::Xor, Operator::Xor)),
                "is" | "in" | "between" | "like" | "ilike" | "not" => Some((Binding::Compare, Operator::Predicate)),
                _ => None,
            },
            _ => None,
        }
    }

    /// All operands of one `and` or `or`, as one node.
    fn chain(&mut self, first: Expr, word: &str, binding: Binding) -> Result<Vec<Expr>> {
        let mut args = vec![first];
        while self.eat_word(word)? {
            args.push(self.expression(binding.tighter())?);
            self.count()?;
        }
        Ok(args)
    }

    /// The comparisons that are words, after their left side.
    fn predicate(&mut self, left: Expr) -> Result<Expr> {
        if self.eat_word("is")? {
            let negated = self.eat_word("not")?;
            self.expect_word("null")?;
            return Ok(if negated { left.is_not_null() } else { left.is_null() });
        }
        let negated = self.eat_word("not")?;
        let predicate = if self.eat_word("in")? {
            let list = self.list()?;
            Expr::In { expr: Box::new(left), list }
        } else if self.eat_word("between")? {
            let low = self.expression(Binding::Sum)?;
            self.expect_word("and")?;
            left.between(low, self.expression(Binding::Sum)?)
        } else if self.eat_word("like")? {
            left.like(self.quoted()?)
        } else if self.eat_word("ilike")? {
            left.ilike(self.quoted()?)
        } else {
            return Err(self.error("expected 'in', 'between', 'like' or 'ilike'"));
        };
        Ok(if negated { predicate.not() } else { predicate })
    }

    fn list(&mut self) -> Result<Vec<Literal>> {
        self.expect("(")?;
        let mut list = Vec::new();
        while !self.eat(")")? {
            if !list.is_empty() {
                self.expect(",")?;
            }
            list.push(self.literal()?);
            self.count()?;
        }
        Ok(list)
    }

    fn prefix(&mut self, place: Binding) -> Result<Expr> {
        if self.is_word("not") {
            if place > Binding::Not {
                return Err(self.error("'not' needs parentheses here"));
            }
            self.advance()?;
            return Ok(self.expression(Binding::Not)?.not());
        }
        if self.eat("-")? {
            if let Token::Number(digits) = self.token {
                let literal = self.number(digits, true)?;
                self.advance()?;
                return Ok(Expr::Literal(literal));
            }
            return Ok(self.expression(Binding::Primary)?.negate());
        }
        if self.eat("+")? {
            return self.expression(Binding::Primary);
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expr> {
        if self.eat("(")? {
            let inner = self.expression(Binding::Or)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some(literal) = self.try_literal()? {
            return Ok(Expr::Literal(literal));
        }
        if matches!(self.peek_second(), Some(Token::Symbol("("))) {
            if self.eat_word("cast")? {
                return self.cast();
            }
            if self.eat_word("aux")? {
                return self.aux();
            }
            if self.eat_word("starts_with")? {
                return self.starts_with();
            }
        }
        let path = self.path()?;
        if self.eat("(")? { self.call(path.join(".")) } else { Ok(Expr::Column(ColumnPath::from(path))) }
    }

    fn name(&mut self) -> Result<String> {
        match &self.token {
            Token::Word(word) if is_keyword(&word.to_ascii_lowercase()) => {
                Err(self.error(&format!("'{word}' is a keyword, a column of that name needs double quotes,")))
            }
            Token::Word(_) | Token::Name(_) => match self.advance()? {
                Token::Word(word) => Ok(word.to_string()),
                Token::Name(name) => Ok(name),
                _ => Err(self.error("expected a name")),
            },
            _ => Err(self.error("expected a value")),
        }
    }

    fn path(&mut self) -> Result<Vec<String>> {
        let mut names = vec![self.name()?];
        while self.eat(".")? {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn cast(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let expr = self.expression(Binding::Or)?;
        self.expect_word("as")?;
        let data_type = self.data_type()?;
        self.expect(")")?;
        Ok(expr.cast(data_type))
    }

    fn aux(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let name = self.name()?;
        let data_type = if self.eat_word("as")? { Some(self.data_type()?) } else { None };
        self.expect(")")?;
        Ok(Expr::Aux { name, data_type })
    }

    fn starts_with(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let expr = self.expression(Binding::Or)?;
        self.expect(",")?;
        let prefix = self.quoted()?;
        self.expect(")")?;
        Ok(expr.starts_with(prefix))
    }

    /// A call after its opening parenthesis; `name => constant` sets an option.
    fn call(&mut self, name: String) -> Result<Expr> {
        let mut args = Vec::new();
        let mut options = BTreeMap::new();
        while !self.eat(")")? {
            if !(args.is_empty() && options.is_empty()) {
                self.expect(",")?;
            }
            if matches!(self.peek_second(), Some(Token::Symbol("=>"))) {
                let option = self.name()?;
                self.expect("=>")?;
                options.insert(option, self.literal()?);
            } else if options.is_empty() {
                args.push(self.expression(Binding::Or)?);
            } else {
                return Err(self.error("arguments come before options"));
            }
            self.count()?;
        }
        Ok(Expr::Call { name, args, options })
    }
}

enum Operator {
    And,
    Or,
    Xor,
    Arithmetic(ArithmeticOp),
    Compare(CompareOp),
    Predicate,
}
