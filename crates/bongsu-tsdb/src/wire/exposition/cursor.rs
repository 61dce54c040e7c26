//! A place in a line.

use std::borrow::Cow;

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    /// From 1, in characters.
    pub(super) fn column(&self) -> usize {
        self.line[..self.at].chars().count() + 1
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over `c` if it is next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let is_next = self.rest().starts_with(c);
        if is_next {
            self.at += c.len_utf8();
        }
        is_next
    }

    /// Passes over spaces and tabs; whether there were any.
    pub(super) fn blank(&mut self) -> bool {
        let before = self.at;
        self.take(|c| matches!(c, b' ' | b'\t'));
        self.at > before
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Up to a space, a tab or the end.
    pub(super) fn word(&mut self) -> &'a str {
        // Bytes above ASCII are no spaces, so this ends between characters.
        self.take(|c| !matches!(c, b' ' | b'\t'))
    }

    /// The name of a metric in the old alphabet.
    pub(super) fn name(&mut self) -> Result<&'a str, String> {
        self.identifier("name of a metric", |c| c == b':')
    }

    /// The name of a label in the old alphabet.
    pub(super) fn label_name(&mut self) -> Result<&'a str, String> {
        self.identifier("name of a label", |_| false)
    }

    fn identifier(&mut self, what: &str, also: impl Fn(u8) -> bool) -> Result<&'a str, String> {
        let digit = self.rest().starts_with(|c: char| c.is_ascii_digit());
        let before = self.at;
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == b'_' || also(c));
        if name.is_empty() || digit {
            self.at = before;
            return Err(format!("the {what} is wanted; with other characters it stands in quotes"));
        }
        Ok(name)
    }

    /// A text in quotes.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        if !self.eat('"') {
            return Err("a text in double quotes is wanted".into());
        }
        let inner = self.rest();
        let mut escaped = false;
        let end = inner.bytes().position(|c| {
            let ends = c == b'"' && !escaped;
            escaped = c == b'\\' && !escaped;
            ends
        });
        let end = end.ok_or("the quotes are not closed")?;
        self.at += end + 1;
        Ok(unescaped(&inner[..end], false))
    }
}

/// `\\` and `\n`, and `\"` unless `keep_quotes`; other backslashes stay.
pub(super) fn unescaped(text: &str, keep_quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('\\') | None => out.push('\\'),
            Some('"') if !keep_quotes => out.push('"'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out.into()
}
