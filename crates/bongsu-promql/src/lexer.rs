//! Text to tokens.
//!
//! What a word means depends on where it stands: in braces every word is a label, in brackets only
//! lengths are read, elsewhere keywords count. A character that fits nowhere ends the tokens.

use std::fmt::Write;

use bongsu_model::go_quote;

use crate::ast::{Aggregation, BinaryOp, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    End,
    /// The lexer gave up; its error says why.
    Broken,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    /// `=` in braces.
    Assign,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    At,
    Number,
    Duration,
    Text,
    Identifier,
    /// An identifier with a colon: only metrics have those.
    MetricIdentifier,
    Op(BinaryOp),
    Aggregation(Aggregation),
    Keyword(Keyword),
    /// `start`, of `@ start()`.
    Start,
    /// `end`, of `@ end()`.
    EndOf,
    /// `step`, of `step()`.
    Step,
}

/// Words that change what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Offset,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

impl Token {
    /// Its text.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.span.start as usize..self.span.end as usize).unwrap_or_default()
    }

    /// How Prometheus names it in `unexpected …`.
    pub(crate) fn describe(self, text: &str) -> String {
        let word = self.text(text);
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", quoted(word)),
            Kind::MetricIdentifier => format!("metric identifier {}", quoted(word)),
            Kind::Number => format!("number {}", shortened(word)),
            Kind::Duration => format!("duration {}", shortened(word)),
            Kind::Text => format!("string {}", shortened(word)),
            Kind::Keyword(_) => format!("<{word}>"),
            Kind::Aggregation(_) => format!("<aggr:{word}>"),
            Kind::Op(_) | Kind::At | Kind::Match | Kind::NotMatch => format!("<op:{word}>"),
            _ => quoted(word),
        }
    }
}

/// `text` in double quotes with Go's escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = go_quote(text, &mut out);
    out
}

fn shortened(word: &str) -> String {
    if word.len() > 10 {
        let head: String = word.chars().take(10).collect();
        return format!("{}...", quoted(&head));
    }
    quoted(word)
}

/// The tokens of a text, the last of kind [`Kind::End`] or [`Kind::Broken`].
pub(crate) struct Tokens {
    pub(crate) list: Vec<Token>,
    /// Why the lexer gave up, if it did.
    pub(crate) error: Option<(String, Span)>,
}

/// Splits `text`, which is shorter than 4 GiB.
pub(crate) fn tokens(text: &str) -> Tokens {
    let mut lexer = Lexer {
        text,
        start: 0,
        at: 0,
        depth: 0,
        in_braces: false,
        in_brackets: false,
        seen_colon: false,
        list: Vec::with_capacity(text.len() / 4 + 2),
    };
    let error = loop {
        match lexer.next_token() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(message) => {
                let span = Span { start: lexer.start as u32, end: text.len() as u32 };
                lexer.list.push(Token { kind: Kind::Broken, span });
                break Some((message, span));
            }
        }
    };
    Tokens { list: lexer.list, error }
}

struct Lexer<'t> {
    text: &'t str,
    start: usize,
    at: usize,
    depth: u32,
    in_braces: bool,
    in_brackets: bool,
    seen_colon: bool,
    list: Vec<Token>,
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_word(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        match self.peek() {
            Some(c) if wanted(c) => {
                self.at += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn emit(&mut self, kind: Kind) {
        let span = Span { start: self.start as u32, end: self.at as u32 };
        self.list.push(Token { kind, span });
    }

    /// Reads one token; false at the end of the text.
    fn next_token(&mut self) -> Result<bool, String> {
        while self.accept(is_space) {}
        self.start = self.at;
        if self.accept(|c| c == '#') {
            while self.accept(|c| c != '\n' && c != '\r') {}
            return Ok(true);
        }
        let Some(c) = self.next() else {
            return self.end().map(|()| false);
        };
        if self.in_braces {
            self.in_braces(c)?;
        } else if self.in_brackets {
            self.in_brackets(c)?;
        } else {
            self.outside(c)?;
        }
        Ok(true)
    }

    fn end(&mut self) -> Result<(), String> {
        if self.in_braces {
            return Err("unexpected end of input inside braces".to_owned());
        }
        if self.in_brackets {
            return Err("unexpected end of input in duration expression".to_owned());
        }
        if self.depth > 0 {
            return Err("unclosed left parenthesis".to_owned());
        }
        self.emit(Kind::End);
        Ok(())
    }

    fn outside(&mut self, c: char) -> Result<(), String> {
        let kind = match c {
            '=' if self.accept(|c| c == '=') => Kind::Op(BinaryOp::Eq),
            '=' if self.peek() == Some('~') => {
                return Err("unexpected character after '=': '~'".to_owned());
            }
            '=' => Kind::Assign,
            '!' if self.accept(|c| c == '=') => Kind::Op(BinaryOp::Ne),
            '!' => return Err(format!("unexpected character after '!': {}", shown(self.peek()))),
            '<' if self.accept(|c| c == '=') => Kind::Op(BinaryOp::Le),
            '<' => Kind::Op(BinaryOp::Lt),
            '>' if self.accept(|c| c == '=') => Kind::Op(BinaryOp::Ge),
            '>' => Kind::Op(BinaryOp::Gt),
            '"' | '\'' | '`' => return self.text(c),
            '{' => {
                self.in_braces = true;
                Kind::LeftBrace
            }
            '[' => {
                self.in_brackets = true;
                self.seen_colon = false;
                Kind::LeftBracket
            }
            ']' => return Err("unexpected right bracket ']'".to_owned()),
            '@' => Kind::At,
            _ if is_alpha(c) || c == ':' => {
                while self.accept(|c| is_word(c) || c == ':') {}
                self.word_kind()
            }
            _ => match self.shared(c)? {
                Some(kind) => kind,
                None => return Err(format!("unexpected character: {}", shown(Some(c)))),
            },
        };
        self.emit(kind);
        Ok(())
    }

    /// Arithmetic, parentheses and numbers, which read the same inside brackets and outside.
    fn shared(&mut self, c: char) -> Result<Option<Kind>, String> {
        Ok(Some(match c {
            ',' => Kind::Comma,
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '^' => Kind::Op(BinaryOp::Pow),
            '(' => {
                self.depth += 1;
                Kind::LeftParen
            }
            ')' if self.depth == 0 => return Err("unexpected right parenthesis ')'".to_owned()),
            ')' => {
                self.depth -= 1;
                Kind::RightParen
            }
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => return Ok(None),
            '.' | '0'..='9' => {
                self.at = self.start;
                self.number_or_duration()?
            }
            _ => return Ok(None),
        }))
    }

    fn in_braces(&mut self, c: char) -> Result<(), String> {
        let kind = match c {
            ',' => Kind::Comma,
            '=' if self.accept(|c| c == '~') => Kind::Match,
            '=' => Kind::Assign,
            '!' if self.accept(|c| c == '~') => Kind::NotMatch,
            '!' if self.accept(|c| c == '=') => Kind::Op(BinaryOp::Ne),
            '!' => {
                let next = shown(self.peek());
                return Err(format!("unexpected character after '!' inside braces: {next}"));
            }
            '"' | '\'' | '`' => return self.text(c),
            '{' => return Err("unexpected left brace '{'".to_owned()),
            '}' => {
                self.in_braces = false;
                Kind::RightBrace
            }
            _ if is_alpha(c) => {
                while self.accept(is_word) {}
                Kind::Identifier
            }
            _ => return Err(format!("unexpected character inside braces: {}", shown(Some(c)))),
        };
        self.emit(kind);
        Ok(())
    }

    fn in_brackets(&mut self, c: char) -> Result<(), String> {
        let kind = match c {
            ']' => {
                self.in_brackets = false;
                Kind::RightBracket
            }
            '[' => return Err("unexpected left bracket '['".to_owned()),
            ':' if self.seen_colon => {
                return Err("unexpected repeated colon in duration expression".to_owned());
            }
            ':' => {
                self.seen_colon = true;
                Kind::Colon
            }
            _ if is_alpha(c) => {
                while self.accept(is_word) {}
                let kind = self.word_kind();
                let of_lengths = matches!(
                    kind,
                    Kind::Step | Kind::Aggregation(Aggregation::Min | Aggregation::Max)
                );
                if !of_lengths {
                    self.at = self.start + 1;
                    return Err(unexpected_in_length(c));
                }
                kind
            }
            _ => match self.shared(c)? {
                Some(kind) => kind,
                None => return Err(unexpected_in_length(c)),
            },
        };
        self.emit(kind);
        Ok(())
    }

    fn word_kind(&self) -> Kind {
        let word = &self.text[self.start..self.at];
        // The longest keyword has 12 characters.
        if word.len() <= 12 {
            let mut lower = [0_u8; 12];
            let lower = &mut lower[..word.len()];
            lower.copy_from_slice(word.as_bytes());
            lower.make_ascii_lowercase();
            if let Some(kind) = keyword(lower) {
                return kind;
            }
        }
        if word.contains(':') { Kind::MetricIdentifier } else { Kind::Identifier }
    }

    /// A number or a length; whether it is a valid one is for whoever reads it.
    fn number_or_duration(&mut self) -> Result<Kind, String> {
        if self.number() {
            return Ok(Kind::Number);
        }
        if self.duration() {
            return Ok(Kind::Duration);
        }
        let word = &self.text[self.start..self.at];
        Err(format!("bad number or duration syntax: {}", quoted(word)))
    }

    fn number(&mut self) -> bool {
        let hexadecimal = self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X'));
        if hexadecimal {
            self.accept(|c| c == '_');
        }
        let digit = |c: char| {
            if hexadecimal { c.is_ascii_hexdigit() } else { c.is_ascii_digit() }
        };
        self.accept(|c| c == '.');
        self.accept(digit);
        let (mut dot, mut exponent) = (false, false);
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.at += 1;
                    // One dot, and none of a hexadecimal number.
                    if dot || hexadecimal || self.accept(|c| matches!(c, '_' | '.')) {
                        return false;
                    }
                    dot = true;
                }
                'e' | 'E' => {
                    self.at += 1;
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.accept(|c| matches!(c, '+' | '-'));
                    if self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none()
                    {
                        return false;
                    }
                }
                '_' => {
                    self.at += 1;
                    if self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none()
                    {
                        return false;
                    }
                }
                c if digit(c) => while self.accept(digit) {},
                c => return !is_word(c),
            }
        }
        true
    }

    /// What is left of `1h30m` after [`Self::number`] stopped at the first unit.
    fn duration(&mut self) -> bool {
        let mut units = "smhdwy";
        loop {
            if !self.accept(|c| units.contains(c)) {
                return false;
            }
            self.accept(|c| c == 's');
            if !self.accept(|c| c.is_ascii_digit()) {
                // What does not belong is shown with the rest.
                return !self.accept(is_word);
            }
            while self.accept(|c| c.is_ascii_digit()) {}
            // Years stand first or not at all.
            units = "smhdw";
        }
    }

    /// A string whose opening quote has been read; escapes are read here only as far as needed to
    /// find its end and to refuse wrong ones.
    fn text(&mut self, quote: char) -> Result<(), String> {
        loop {
            match self.next() {
                None if quote == '`' => return Err("unterminated raw string".to_owned()),
                None => return Err("unterminated quoted string".to_owned()),
                Some('\n') if quote != '`' => return Err("unterminated quoted string".to_owned()),
                Some(c) if c == quote => break,
                Some('\\') if quote != '`' => self.escape(quote)?,
                Some(_) => {}
            }
        }
        self.emit(Kind::Text);
        Ok(())
    }

    fn escape(&mut self, quote: char) -> Result<(), String> {
        let (digits, base, first) = match self.next() {
            None => return Err("escape sequence not terminated".to_owned()),
            Some(c) if c == quote => return Ok(()),
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(c @ '0'..='7') => (2, 8, c.to_digit(8).unwrap_or_default()),
            Some('x') => (2, 16, 0),
            Some('u') => (4, 16, 0),
            Some('U') => (8, 16, 0),
            Some(c) => return Err(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value = first;
        for _ in 0..digits {
            let Some(c) = self.next() else {
                return Err("escape sequence not terminated".to_owned());
            };
            let Some(digit) = c.to_digit(base) else {
                let c = code_point(c);
                return Err(format!("illegal character {c} in escape sequence"));
            };
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        let fits = if digits == 2 { value <= 255 } else { char::from_u32(value).is_some() };
        if fits {
            Ok(())
        } else {
            Err("escape sequence is an invalid Unicode code point".to_owned())
        }
    }
}

fn unexpected_in_length(c: char) -> String {
    format!("unexpected character in duration expression: {}", shown(Some(c)))
}

fn shown(c: Option<char>) -> String {
    c.map_or_else(|| "end of input".to_owned(), |c| format!("{c:?}"))
}

/// `U+0041 'A'`.
fn code_point(c: char) -> String {
    let mut out = format!("U+{:04X}", u32::from(c));
    if !c.is_control() {
        let _ = write!(out, " '{c}'");
    }
    out
}

fn keyword(lower: &[u8]) -> Option<Kind> {
    Some(match lower {
        b"and" => Kind::Op(BinaryOp::And),
        b"or" => Kind::Op(BinaryOp::Or),
        b"unless" => Kind::Op(BinaryOp::Unless),
        b"atan2" => Kind::Op(BinaryOp::Atan2),
        b"offset" => Kind::Keyword(Keyword::Offset),
        b"by" => Kind::Keyword(Keyword::By),
        b"without" => Kind::Keyword(Keyword::Without),
        b"on" => Kind::Keyword(Keyword::On),
        b"ignoring" => Kind::Keyword(Keyword::Ignoring),
        b"group_left" => Kind::Keyword(Keyword::GroupLeft),
        b"group_right" => Kind::Keyword(Keyword::GroupRight),
        b"bool" => Kind::Keyword(Keyword::Bool),
        b"start" => Kind::Start,
        b"end" => Kind::EndOf,
        b"step" => Kind::Step,
        b"inf" | b"nan" => Kind::Number,
        _ => return Aggregation::by_name(lower).map(Kind::Aggregation),
    })
}
