//! Values in Python.
//!
//! In: parts of a script. Out: a script in which each value is a literal, or part of the literal it
//! stands in. Every character of a text is written as an escape: wherever it ends up, it is either
//! that character or a mistake of syntax, never a name.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Language, Part, Piece, Reader, Refused, Script, Unit, units};

/// Encodes a script.
///
/// # Errors
/// The first place at which no value may stand: raw texts, the fields of f-strings, after a
/// backslash, glued to a name, in a text that is a format.
pub fn encode(parts: &[Part]) -> Result<Script, Refused> {
    let mut scan = Scan {
        parts,
        units: units(parts),
        at: 0,
        line: 1,
        code: String::new(),
        pieces: Vec::new(),
    };
    scan.code()?;
    let mut pieces = scan.pieces;
    if !scan.code.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Code(scan.code));
    }
    Ok(Script { reader: Reader::Here(Language::Python), pieces, variables: Vec::new() })
}

/// The literal of a text.
pub(super) fn literal(text: String) -> String {
    let mut out = String::new();
    write(&Value::String(text), &mut out);
    out
}

/// A text as the inside of a literal.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        let code = u32::from(c);
        let _ = match code {
            0..=0xff => write!(out, "\\x{code:02x}"),
            0x100..=0xffff => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
}

/// Code as people read it: `\x61` is a letter. Not to be run.
pub(super) fn readable(code: &str) -> String {
    const PLAIN: &str = " _-./:@,=+()[]#%&*<>?!~^|;$";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match byte.filter(|c| c.is_ascii_alphanumeric() || PLAIN.contains(*c)) {
            Some(plain) => {
                out.push(plain);
                rest = &after[2..];
            }
            None => {
                out.push_str("\\x");
                rest = after;
            }
        }
    }
    out + rest
}

/// Whether a text is a number as Python and JSON write it.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let positive = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = positive.split_once('.').unwrap_or((positive, "0"));
    text.len() <= 24
        && digits(whole)
        && digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
}

/// A text in UTF-8 as the inside of a literal of bytes.
pub(super) fn escape_bytes(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        // In parentheses: `-1` and `1.real` would bind otherwise.
        Value::Number(number) => {
            let _ = write!(out, "({number})");
        }
        Value::String(text) => {
            out.push('"');
            escape(text, out);
            out.push('"');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (key, item) in map {
                out.push('"');
                escape(key, out);
                out.push_str("\": ");
                write(item, out);
                out.push_str(", ");
            }
            out.push('}');
        }
    }
}

struct Scan<'p> {
    parts: &'p [Part],
    units: Vec<Unit>,
    at: usize,
    line: usize,
    code: String,
    pieces: Vec<Piece>,
}

/// What stands before the quotes of a literal.
#[derive(Clone, Copy, Default)]
struct Prefix {
    raw: bool,
    bytes: bool,
    fields: bool,
    template: bool,
}

impl Prefix {
    fn of(word: &str) -> Self {
        let has = |letter| word.len() <= 2 && word.to_ascii_lowercase().contains(letter);
        let known = word.chars().all(|c| "rRbBfFuUtT".contains(c));
        if !known {
            return Self::default();
        }
        Self { raw: has('r'), bytes: has('b'), fields: has('f'), template: has('t') }
    }
}

impl Scan<'_> {
    fn next(&mut self) -> Option<Unit> {
        let unit = *self.units.get(self.at)?;
        self.at += 1;
        if let Unit::Char(c) = unit {
            self.line += usize::from(c == '\n');
        }
        Some(unit)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        match self.units.get(self.at + ahead)? {
            Unit::Char(c) => Some(*c),
            Unit::Value(_) => None,
        }
    }

    fn refuse(&self, message: &str, help: &str) -> Refused {
        Refused { line: self.line, message: message.to_owned(), help: Some(help.to_owned()) }
    }

    fn piece(&mut self, piece: Piece) {
        if !self.code.is_empty() {
            self.pieces.push(Piece::Code(std::mem::take(&mut self.code)));
        }
        self.pieces.push(piece);
    }

    /// Outside literals.
    fn code(&mut self) -> Result<(), Refused> {
        // The name or number that goes on here.
        let mut word = String::new();
        let mut after_value = false;
        while let Some(unit) = self.next() {
            match unit {
                Unit::Value(at) => {
                    let help = "write a space between; in a text, put the value inside its quotes";
                    if !word.is_empty() || after_value {
                        return Err(self.refuse("a value is glued to a name or a value", help));
                    }
                    if self.code.ends_with('\\') {
                        return Err(self.refuse("a value stands after a backslash", help));
                    }
                    match &self.parts[at] {
                        // `usage = {{ alert.usage }}` means a number, though labels are texts.
                        Part::Value { value: Value::String(text), .. } if is_number(text) => {
                            let _ = write!(self.code, "({text})");
                        }
                        Part::Value { value, .. } => write(value, &mut self.code),
                        Part::Reference(reference) => self.piece(Piece::Literal(reference.clone())),
                        Part::Code(_) => {}
                    }
                    after_value = true;
                }
                Unit::Char('#') => {
                    self.code.push('#');
                    self.comment();
                    word.clear();
                    after_value = false;
                }
                Unit::Char(quote @ ('"' | '\'')) => {
                    self.literal(quote, Prefix::of(&word))?;
                    word.clear();
                    after_value = false;
                }
                Unit::Char(c) => {
                    let goes_on = c.is_alphanumeric() || c == '_' || !c.is_ascii();
                    if goes_on && after_value {
                        let help = "write a space between";
                        return Err(self.refuse("a name is glued to a value", help));
                    }
                    if goes_on {
                        word.push(c);
                    } else {
                        word.clear();
                    }
                    after_value = false;
                    self.code.push(c);
                }
            }
        }
        Ok(())
    }

    /// To the end of the line; values in remarks are left out.
    fn comment(&mut self) {
        while self.peek(0) != Some('\n') {
            match self.next() {
                Some(Unit::Char(c)) => self.code.push(c),
                Some(Unit::Value(_)) => {}
                None => return,
            }
        }
    }

    /// After the first quote, to the last.
    fn literal(&mut self, quote: char, prefix: Prefix) -> Result<(), Refused> {
        self.code.push(quote);
        let long = self.peek(0) == Some(quote) && self.peek(1) == Some(quote);
        if long {
            for _ in 0..2 {
                self.next();
                self.code.push(quote);
            }
        }
        let start = self.line;
        let mut values = false;
        // Fields of an f-string around this place.
        let mut fields = 0usize;
        while let Some(unit) = self.next() {
            match unit {
                Unit::Value(at) => {
                    self.inside(at, prefix, fields)?;
                    values = true;
                }
                Unit::Char('\\') => {
                    self.code.push('\\');
                    match self.next() {
                        Some(Unit::Char(c)) => self.code.push(c),
                        Some(Unit::Value(_)) => {
                            let help = "remove the backslash, or double it";
                            return Err(self.refuse("a value stands after a backslash", help));
                        }
                        None => {}
                    }
                }
                Unit::Char(c) => {
                    self.code.push(c);
                    if c == quote {
                        let rest = (0..2).all(|ahead| self.peek(ahead) == Some(quote));
                        if long && rest {
                            for _ in 0..2 {
                                self.next();
                                self.code.push(quote);
                            }
                        }
                        if !long || rest {
                            return if values { self.not_a_format() } else { Ok(()) };
                        }
                    }
                    match c {
                        '{' if prefix.fields => fields += 1,
                        '}' if prefix.fields => fields = fields.saturating_sub(1),
                        // A literal that is not closed: Python says so itself.
                        '\n' if !long => return Ok(()),
                        _ => {}
                    }
                }
            }
        }
        if values {
            let help = "close the text before the script ends";
            let mut refused = self.refuse("a text is not closed", help);
            refused.line = start;
            return Err(refused);
        }
        Ok(())
    }

    fn inside(&mut self, at: usize, prefix: Prefix, fields: usize) -> Result<(), Refused> {
        if prefix.raw {
            let help = "write a text without r before it";
            return Err(self.refuse("a value stands in a raw text", help));
        }
        if prefix.template || fields > 0 {
            let help = "give the value a name first: name = {{ … }}";
            return Err(self.refuse("a value stands in a field of a text", help));
        }
        match &self.parts[at] {
            Part::Value { text, .. } if prefix.bytes => escape_bytes(text, &mut self.code),
            Part::Value { text, .. } => escape(text, &mut self.code),
            Part::Reference(reference) => {
                let reference = reference.clone();
                self.piece(match prefix.bytes {
                    true => Piece::Bytes(reference),
                    false => Piece::Inside(reference),
                });
            }
            Part::Code(_) => {}
        }
        Ok(())
    }

    /// What follows a text with values in it: signs of its values would mean something in a format.
    fn not_a_format(&self) -> Result<(), Refused> {
        let rest = &self.units[self.at..];
        let after: String = rest
            .iter()
            .map_while(|unit| match unit {
                Unit::Char(c) => Some(*c),
                Unit::Value(_) => None,
            })
            .filter(|c| !c.is_whitespace() && *c != ')')
            .take(".format".len())
            .collect();
        if after.starts_with('%') || after == ".format" {
            let help = "write the value behind the format, among its other values";
            return Err(self.refuse("a value stands in a format", help));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{literal, readable};

    #[test]
    fn people_read_letters() {
        let shown = readable(&format!("f({}, {:?})", literal("a \"b\"\n한".to_owned()), "x"));
        assert_eq!(shown, "f(\"a \\x22b\\x22\\x0a\\ud55c\", \"x\")");
        assert_eq!(readable("\\x4"), "\\x4");
        assert_eq!(readable("\\x"), "\\x");
    }
}
