//! Tokens of a template: text between actions, and the words inside them.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    Char,
    Identifier,
    Keyword,
    Bool,
    Nil,
    Dot,
    Field,
    Variable,
    Number,
    CharConstant,
    Quoted,
    Raw,
    End,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) text: &'a str,
}

/// A text that cannot be cut into tokens.
#[derive(Debug)]
pub(super) struct LexError {
    pub(super) at: usize,
    pub(super) message: String,
}

const KEYWORDS: &[&str] =
    &["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"];

const LEFT: &str = "{{";
const RIGHT: &str = "}}";

/// Cuts `text` into tokens; the last one is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, LexError> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), parens: 0 };
    lexer.outside()?;
    lexer.push(Kind::End, text.len(), text.len());
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    parens: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'a> Lexer<'a> {
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token { kind, at: start, text: &self.text[start..end] });
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { at, message: message.into() })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn outside(&mut self) -> Result<(), LexError> {
        loop {
            let start = self.at;
            let Some(found) = self.rest().find(LEFT) else {
                if start < self.text.len() {
                    self.push(Kind::Text, start, self.text.len());
                }
                return Ok(());
            };
            let delim = start + found;
            self.at = delim + LEFT.len();
            let trims = self.byte(0) == Some(b'-') && self.byte(1).is_some_and(is_space);
            let before = &self.text[start..delim];
            let kept = if trims {
                before.trim_end_matches([' ', '\t', '\r', '\n']).len()
            } else {
                before.len()
            };
            if kept > 0 {
                self.push(Kind::Text, start, start + kept);
            }
            let after_marker = if trims { 2 } else { 0 };
            if self.text[self.at + after_marker..].starts_with("/*") {
                self.comment(delim, after_marker)?;
            } else {
                self.push(Kind::LeftDelim, delim, self.at);
                self.at += after_marker;
                self.inside(delim)?;
            }
        }
    }

    fn comment(&mut self, delim: usize, skip: usize) -> Result<(), LexError> {
        let body = self.at + skip + 2;
        let Some(length) = self.text[body..].find("*/") else {
            return self.fail(delim, "unclosed comment");
        };
        self.at = body + length + 2;
        let Some(trims) = self.right_delim() else {
            return self.fail(delim, "comment ends before closing delimiter");
        };
        self.close(trims);
        Ok(())
    }

    /// Whether a closing delimiter starts here and, if so, whether it trims.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest().as_bytes();
        if rest.starts_with(RIGHT.as_bytes()) {
            return Some(false);
        }
        (rest.len() >= 4 && is_space(rest[0]) && rest[1] == b'-' && &rest[2..4] == RIGHT.as_bytes())
            .then_some(true)
    }

    fn close(&mut self, trims: bool) {
        self.at += if trims { 2 } else { 0 } + RIGHT.len();
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        }
    }

    fn inside(&mut self, delim: usize) -> Result<(), LexError> {
        self.parens = 0;
        loop {
            if let Some(trims) = self.right_delim() {
                if self.parens > 0 {
                    return self.fail(self.at, "unclosed left paren");
                }
                let start = self.at + if trims { 2 } else { 0 };
                self.push(Kind::RightDelim, start, start + RIGHT.len());
                self.close(trims);
                return Ok(());
            }
            let Some(c) = self.peek() else {
                return self.fail(delim, "unclosed action");
            };
            self.token(c)?;
        }
    }

    fn token(&mut self, c: char) -> Result<(), LexError> {
        let start = self.at;
        let single = |lexer: &mut Self, kind| {
            lexer.at += c.len_utf8();
            lexer.push(kind, start, lexer.at);
            Ok(())
        };
        match c {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => single(self, Kind::Assign),
            ':' if self.byte(1) == Some(b'=') => {
                self.at += 2;
                self.push(Kind::Declare, start, self.at);
                Ok(())
            }
            ':' => self.fail(start, "expected :="),
            '|' => single(self, Kind::Pipe),
            '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.text[start + 1..].find('`') {
                Some(length) => {
                    self.at = start + length + 2;
                    self.push(Kind::Raw, start, self.at);
                    Ok(())
                }
                None => self.fail(start, "unterminated raw quoted string"),
            },
            '$' => self.name(Kind::Variable),
            '.' if !self.byte(1).is_some_and(|b| b.is_ascii_digit()) => self.name(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => self.number(),
            '(' => {
                self.parens += 1;
                single(self, Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.fail(start, "unexpected right paren"),
            ')' => {
                self.parens -= 1;
                single(self, Kind::RightParen)
            }
            c if is_word(c) => self.word(),
            ' '..='~' => single(self, Kind::Char),
            c => self.fail(start, format!("unrecognized character in action: {}", named(c))),
        }
    }

    /// A run of white space, up to the trim marker of a closing delimiter.
    fn space(&mut self) -> Result<(), LexError> {
        let start = self.at;
        while self.byte(0).is_some_and(is_space) && self.right_delim().is_none() {
            self.at += 1;
        }
        if self.at > start {
            self.push(Kind::Space, start, self.at);
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), LexError> {
        let start = self.at;
        let mut characters = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = characters.next() {
            match c {
                '\\' if !matches!(characters.next(), Some((_, '\n')) | None) => {}
                '\\' | '\n' => break,
                c if c == quote => {
                    self.at = start + 1 + offset + 1;
                    self.push(kind, start, self.at);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.fail(start, unterminated)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            _ => self.rest().starts_with(RIGHT),
        }
    }

    fn scan_word(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    }

    fn expect_terminator(&self) -> Result<(), LexError> {
        match self.peek() {
            Some(c) if !self.at_terminator() => {
                self.fail(self.at, format!("bad character {}", named(c)))
            }
            _ => Ok(()),
        }
    }

    /// `$`, `$x`, `.`, `.X`.
    fn name(&mut self, kind: Kind) -> Result<(), LexError> {
        let start = self.at;
        self.at += 1;
        if self.at_terminator() {
            let kind = if kind == Kind::Field { Kind::Dot } else { kind };
            self.push(kind, start, self.at);
            return Ok(());
        }
        self.scan_word();
        self.expect_terminator()?;
        self.push(kind, start, self.at);
        Ok(())
    }

    fn word(&mut self) -> Result<(), LexError> {
        let start = self.at;
        self.scan_word();
        self.expect_terminator()?;
        let kind = match &self.text[start..self.at] {
            "true" | "false" => Kind::Bool,
            "nil" => Kind::Nil,
            word if KEYWORDS.contains(&word) => Kind::Keyword,
            _ => Kind::Identifier,
        };
        self.push(kind, start, self.at);
        Ok(())
    }

    /// A number in Go's notation; whether its value makes sense is the parser's business.
    fn number(&mut self) -> Result<(), LexError> {
        let start = self.at;
        let mut good = self.scan_number();
        if good && matches!(self.byte(0), Some(b'+' | b'-')) {
            // The imaginary part of a complex number.
            good = self.scan_number() && self.text[..self.at].ends_with('i');
        }
        if !good {
            let end = self.at + self.peek().map_or(0, char::len_utf8);
            let text = &self.text[start..end];
            return self.fail(start, format!("bad number syntax: {text:?}"));
        }
        self.push(Kind::Number, start, self.at);
        Ok(())
    }

    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let (mut digits, mut exponent): (&[u8], &[u8]) = (b"0123456789_", b"eE");
        if self.accept(b"0") {
            if self.accept(b"xX") {
                (digits, exponent) = (b"0123456789abcdefABCDEF_", b"pP");
            } else if self.accept(b"oO") {
                (digits, exponent) = (b"01234567_", b"");
            } else if self.accept(b"bB") {
                (digits, exponent) = (b"01_", b"");
            }
        }
        while self.accept(digits) {}
        if self.accept(b".") {
            while self.accept(digits) {}
        }
        if self.accept(exponent) {
            self.accept(b"+-");
            while self.accept(b"0123456789_") {}
        }
        self.accept(b"i");
        !self.peek().is_some_and(is_word)
    }

    fn accept(&mut self, set: &[u8]) -> bool {
        let found = self.byte(0).is_some_and(|b| set.contains(&b));
        self.at += usize::from(found);
        found
    }
}

/// `U+0040 '@'`
fn named(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}
