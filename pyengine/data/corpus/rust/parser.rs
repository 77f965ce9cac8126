//! A parser for a small subset of JSON: numbers, strings, arrays.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

#[derive(Debug)]
pub struct ParseError {
    message: &'static str,
    found: Option<char>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(c) => write!(f, "{}, found {:?}", self.message, c),
            None => write!(f, "{} at the end", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

pub struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Self {
        Parser { chars: text.chars().peekable() }
    }

    fn fail<T>(&mut self, message: &'static str) -> Result<T, ParseError> {
        Err(ParseError { message, found: self.chars.peek().copied() })
    }

    fn skip_space(&mut self) {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
    }

    pub fn value(&mut self) -> Result<Value, ParseError> {
        self.skip_space();
        match self.chars.peek() {
            Some('[') => self.list(),
            Some('"') => self.text().map(Value::Text),
            Some(c) if c.is_ascii_digit() || *c == '-' => self.number(),
            Some('n') => {
                for expected in "null".chars() {
                    if self.chars.next() != Some(expected) {
                        return self.fail("expected null");
                    }
                }
                Ok(Value::Null)
            }
            _ => self.fail("expected a value"),
        }
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let mut digits = String::new();
        while let Some(c) = self.chars.next_if(|c| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e')) {
            digits.push(c);
        }
        digits.parse().map(Value::Number).or_else(|_| self.fail("bad number"))
    }

    fn text(&mut self) -> Result<String, ParseError> {
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some('"') => return Ok(text),
                Some(c) => text.push(c),
                None => return self.fail("unfinished string"),
            }
        }
    }

    fn list(&mut self) -> Result<Value, ParseError> {
        self.chars.next();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.chars.next_if_eq(&']').is_some() {
                return Ok(Value::List(items));
            }
            items.push(self.value()?);
            self.skip_space();
            if self.chars.next_if_eq(&',').is_none() && self.chars.peek() != Some(&']') {
                return self.fail("expected , or ]");
            }
        }
    }
}
