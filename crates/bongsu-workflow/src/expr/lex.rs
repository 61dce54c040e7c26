//! From text to tokens.
//!
//! In: a text and a place in it. Out: the next token. In conditions `{{ … }}` is one token.

use serde_json::Value;

use super::Mistake;

/// One token and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    End,
    Name(String),
    /// A name after a dot, with the dashes and digits names of steps have.
    Const(Value),
    /// Content of quotes after unescaping, and whether it holds braces.
    Text(String, bool),
    /// Content of `{{ }}` and where it starts.
    Tag(String, usize),
    Sign(&'static str),
}

const SIGNS: [&str; 33] = [
    "===", "!==", "**", "//", "==", "!=", "<=", ">=", "&&", "||", "??", "(", ")", "[", "]", "{",
    "}", ",", ":", ".", "|", "+", "-", "*", "/", "%", "<", ">", "!", "~", "?", "=", ";",
];

pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// Whether `{{ … }}` are values.
    pub(super) tags: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(super) fn next(&mut self) -> Result<Token, Mistake> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let at = self.at;
        let kind = self.kind()?;
        Ok(Token { at, end: self.at, kind })
    }

    fn kind(&mut self) -> Result<Kind, Mistake> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        if self.tags && rest.starts_with("{{") {
            return self.tag();
        }
        if first == '\'' || first == '"' {
            return self.quoted(first);
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = rest[..end].to_owned();
            self.at += end;
            return Ok(Kind::Name(name));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Kind::Sign(match *sign {
                    "===" => "==",
                    "!==" => "!=",
                    sign => sign,
                }))
            }
            None => Err(Mistake::new(self.at, format!("{first} means nothing here"))),
        }
    }

    /// A key after a dot: `get-pods`, `0`, `-1`. A dash belongs to it before a letter, and before a
    /// digit only where names with dashes are usual: `dashes`.
    pub(super) fn key(&mut self, dashes: bool) -> Option<String> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end =
            usize::from(rest.starts_with('-') && bytes.get(1).is_some_and(u8::is_ascii_digit));
        for (at, c) in rest.char_indices().skip(end) {
            let next = bytes.get(at + 1).copied().unwrap_or(b' ');
            let dash = c == '-'
                && at > 0
                && (next.is_ascii_alphabetic() || next == b'_' || dashes && next.is_ascii_digit());
            if !(c.is_alphanumeric() || c == '_' || dash) {
                break;
            }
            end = at + c.len_utf8();
        }
        if end == 0 {
            return None;
        }
        let key = rest[..end].to_owned();
        self.at += end;
        Some(key)
    }

    fn tag(&mut self) -> Result<Kind, Mistake> {
        let start = self.at;
        let rest = self.rest();
        let triple = rest.starts_with("{{{");
        let (open, close) = if triple { (3, "}}}") } else { (2, "}}") };
        let Some(length) = rest[open..].find(close) else {
            return Err(Mistake::new(start, "{{ is not closed by }}"));
        };
        let content = &rest[open..open + length];
        let content = content.strip_prefix('&').unwrap_or(content).to_owned();
        self.at += open + length + close.len();
        Ok(Kind::Tag(content, start + open))
    }

    fn quoted(&mut self, quote: char) -> Result<Kind, Mistake> {
        let start = self.at;
        let rest = self.rest();
        let (mut out, mut braces) = (String::new(), false);
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if self.tags && rest[at..].starts_with("{{") {
                // Quotes inside braces are the expression's.
                let Some(length) = rest[at..].find("}}") else {
                    return Err(Mistake::new(start + at, "{{ is not closed by }}"));
                };
                out.push_str(&rest[at..at + length + 2]);
                braces = true;
                let after = at + length + 2;
                while chars.clone().next().is_some_and(|(at, _)| at < after) {
                    chars.next();
                }
                continue;
            }
            match c {
                _ if c == quote => {
                    self.at += at + quote.len_utf8();
                    return Ok(Kind::Text(out, braces));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, c @ ('\'' | '"' | '\\'))) => out.push(c),
                    Some((_, c)) => {
                        out.push('\\');
                        out.push(c);
                    }
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err(Mistake::new(start, format!("{quote} is not closed")))
    }

    fn number(&mut self) -> Result<Kind, Mistake> {
        let rest = self.rest();
        let digits =
            |text: &str| text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
        let mut end = digits(rest);
        let mut float = false;
        if rest[end..].starts_with('.') && digits(&rest[end + 1..]) > 0 {
            float = true;
            end += 1 + digits(&rest[end + 1..]);
        }
        let exponent = &rest[end..];
        if exponent.starts_with(['e', 'E']) {
            let sign = usize::from(exponent[1..].starts_with(['+', '-']));
            let length = digits(&exponent[1 + sign..]);
            if length > 0 {
                float = true;
                end += 1 + sign + length;
            }
        }
        let text = rest[..end].replace('_', "");
        let value = if float { None } else { text.parse::<i64>().ok().map(Value::from) };
        let value = value.or_else(|| {
            let float = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64)?;
            Some(Value::Number(float))
        });
        let value = value.ok_or_else(|| Mistake::new(self.at, "the number is too large"))?;
        self.at += end;
        Ok(Kind::Const(value))
    }
}
