//! Here-documents: their delimiters, and their bodies after the line that names them.

use super::command::{Command, Word};
use super::{Place, Scan};
use crate::script::{Refused, Unit};

/// A here-document whose body follows this line.
pub(super) struct Document {
    delimiter: String,
    quoted: bool,
    tabs: bool,
    /// Where its delimiter stands in the output.
    place: std::ops::Range<usize>,
}

impl Scan<'_> {
    pub(super) fn delimiter(&mut self, tabs: bool) -> Result<(), Refused> {
        let start = self.out.len();
        let (mut delimiter, mut quoted, mut quote) = (String::new(), false, None);
        loop {
            match self.units.get(self.at) {
                Some(Unit::Value(_)) => {
                    let help = "write a word that stays the same";
                    return Err(self.refuse("a value ends a here-document", help));
                }
                Some(Unit::Char(c)) => {
                    match (quote, *c) {
                        (Some(open), c) if c == open => quote = None,
                        (None, c @ ('"' | '\'')) => (quoted, quote) = (true, Some(c)),
                        (None, '\\') => quoted = true,
                        (None, c) if c.is_whitespace() || ";&|<>()".contains(c) => break,
                        (_, '\n') => break,
                        (_, c) => delimiter.push(c),
                    }
                    self.take(1);
                }
                None => break,
            }
        }
        let place = start..self.out.len();
        self.documents.push(Document { delimiter, quoted, tabs, place });
        Ok(())
    }

    /// The bodies of here-documents, after the line that named them.
    pub(super) fn documents(&mut self, command: &mut Command) -> Result<(), Refused> {
        let mut moved = 0isize;
        for document in std::mem::take(&mut self.documents) {
            let body = self.body(&document);
            let values = self.units[body.clone()].iter().any(|unit| matches!(unit, Unit::Value(_)));
            command.fed |= values;
            if document.quoted && values {
                // Its signs get backslashes instead, so that variables count.
                let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if document.delimiter.is_empty() || !document.delimiter.chars().all(sound) {
                    let help = "end the here-document with a word of letters";
                    return Err(self.refuse("a value stands in a here-document", help));
                }
                let shift = |at: usize| at.saturating_add_signed(moved);
                let place = shift(document.place.start)..shift(document.place.end);
                moved += document.delimiter.len() as isize - place.len() as isize;
                self.out.replace_range(place, &document.delimiter);
            }
            while self.at < body.end {
                self.in_document(document.quoted, values)?;
            }
            // Its last line.
            while self.at < self.units.len() && self.peek(0) != Some('\n') {
                self.take(1);
            }
            self.take(1);
        }
        Ok(())
    }

    /// Up to the line of its delimiter.
    fn body(&self, document: &Document) -> std::ops::Range<usize> {
        let mut start = self.at;
        while start < self.units.len() {
            let rest = &self.units[start..];
            let length = rest.iter().position(|unit| *unit == Unit::Char('\n'));
            let line = &rest[..length.unwrap_or(rest.len())];
            let text: Option<String> = line
                .iter()
                .map(|unit| match unit {
                    Unit::Char(c) => Some(*c),
                    Unit::Value(_) => None,
                })
                .collect();
            let is_end = text.is_some_and(|text| {
                let text = if document.tabs { text.trim_start_matches('\t') } else { &text };
                text == document.delimiter
            });
            if is_end {
                return self.at..start;
            }
            start += line.len() + 1;
        }
        self.at..self.units.len()
    }

    fn in_document(&mut self, quoted: bool, values: bool) -> Result<(), Refused> {
        match self.units.get(self.at).copied() {
            Some(Unit::Value(at)) => {
                self.next();
                self.after_sign(quoted)?;
                self.value(at, Place::Document)?;
            }
            Some(Unit::Char(c @ ('\\' | '$' | '`'))) if quoted && values => {
                self.out.push('\\');
                self.out.push(c);
                self.next();
            }
            Some(Unit::Char('\\')) if !quoted => self.backslash()?,
            Some(Unit::Char('$')) if !quoted => {
                let mut word = Word::new(self.line);
                self.dollar(&mut word, true)?;
            }
            Some(Unit::Char('`')) if !quoted => {
                let mut word = Word::new(self.line);
                self.backtick(&mut word)?;
            }
            _ => self.take(1),
        }
        Ok(())
    }
}
