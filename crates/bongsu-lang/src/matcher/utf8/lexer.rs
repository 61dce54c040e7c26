//! Tokens of the UTF-8 matcher grammar with their rune columns.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    OpenBrace,
    CloseBrace,
    Comma,
    Equal,
    NotEqual,
    Regex,
    NotRegex,
    Quoted,
    Unquoted,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As written, with quotes.
    pub(super) text: &'a str,
    /// First column and the one behind the last, in characters from 0.
    pub(super) columns: (usize, usize),
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    End,
    Text(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("end of input"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Reads one token ahead at most.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    column: usize,
    /// Text and column behind the peeked token.
    ahead: Option<(&'a str, usize)>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, column: 0, ahead: None }
    }

    /// Columns consumed so far.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Takes what the last `peek` showed.
    pub(super) fn skip_peeked(&mut self) {
        if let Some((rest, column)) = self.ahead.take() {
            (self.rest, self.column) = (rest, column);
        }
    }

    /// The next token, `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<Token<'a>>, Failure> {
        let blank = self.rest.find(|c: char| !c.is_whitespace()).unwrap_or(self.rest.len());
        let from = self.column + self.rest[..blank].chars().count();
        let text = &self.rest[blank..];
        let Some(first) = text.chars().next() else { return Ok(None) };
        let (kind, length) = match first {
            '{' => (Kind::OpenBrace, 1),
            '}' => (Kind::CloseBrace, 1),
            ',' => (Kind::Comma, 1),
            '=' if text.starts_with("=~") => (Kind::Regex, 2),
            '=' => (Kind::Equal, 1),
            '!' if text.starts_with("!=") => (Kind::NotEqual, 2),
            '!' if text.starts_with("!~") => (Kind::NotRegex, 2),
            '!' => return Err(failure(from, "!", "expected one of '=~'")),
            '"' => match quoted_length(text) {
                Some(length) => (Kind::Quoted, length),
                None => return Err(failure(from, text, "missing end \"")),
            },
            c if is_reserved(c) => {
                return Err(failure(from, &text[..c.len_utf8()], "invalid input"));
            }
            _ => (Kind::Unquoted, text.find(is_reserved).unwrap_or(text.len())),
        };
        let (text, rest) = text.split_at(length);
        let to = from + text.chars().count();
        self.ahead = Some((rest, to));
        Ok(Some(Token { kind, text, columns: (from, to) }))
    }
}

fn failure(from: usize, text: &str, what: &str) -> Failure {
    Failure::Text(format!("{from}:{}: {text}: {what}", from + text.chars().count()))
}

/// Bytes up to and including the closing quote.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_reserved(c: char) -> bool {
    c.is_whitespace() || matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`')
}
