//! The walk over a pattern: checks it by RE2's rules and writes it in the `regex` crate's syntax.

use super::{Error, class, escape};

/// Deepest nesting of groups. The walk itself does not recurse; the engine behind it does.
const MAX_DEPTH: usize = 250;
/// Largest repeat count, also as a product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// Rewrites `pattern`; the result means the same to `regex::Regex::new`.
pub(super) fn translate(pattern: &str) -> Result<String, Error> {
    let mut walk = Walk {
        whole: pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        level: Level::default(),
        outer: Vec::new(),
        names: Vec::new(),
        properties: class::Properties::default(),
    };
    let mut last_repeat = None;
    while let Some(next) = walk.rest.chars().next() {
        last_repeat = walk.step(next, last_repeat)?;
    }
    if !walk.outer.is_empty() {
        return Err(Error::new("missing closing )", pattern));
    }
    Ok(walk.out)
}

/// One open group, or the pattern itself.
#[derive(Default)]
struct Level {
    /// Where the group's text begins in the output.
    start: usize,
    /// What a repetition operator would apply to.
    atom: Option<Atom>,
    /// Largest product of nested repeat counts among the parts so far.
    weight: u32,
}

/// The last thing written: a character, class, assertion or group.
struct Atom {
    start: usize,
    end: usize,
    weight: u32,
    repeated: bool,
}

struct Walk<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    level: Level,
    outer: Vec<Level>,
    names: Vec<&'a str>,
    properties: class::Properties,
}

impl<'a> Walk<'a> {
    /// Handles the construct at the front. Returns where it began if it was a repetition operator.
    fn step(&mut self, next: char, last_repeat: Option<&'a str>) -> Result<Option<&'a str>, Error> {
        match next {
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => {
                self.finish_part();
                self.skip(1);
                self.out.push('|');
            }
            '^' | '$' | '.' => {
                self.skip(1);
                self.atom(next.encode_utf8(&mut [0; 4]));
            }
            '[' => {
                let start = self.out.len();
                self.rest = class::bracketed(self.rest, &mut self.properties, &mut self.out)?;
                self.atom_since(start);
            }
            '*' | '+' | '?' => {
                let before = self.rest;
                self.skip(1);
                self.repeat(before, next.encode_utf8(&mut [0; 4]), None, last_repeat)?;
                return Ok(Some(before));
            }
            '{' => {
                let before = self.rest;
                if let Some(counts) = Counts::parse(before) {
                    self.rest = counts.rest;
                    let text = &before[..before.len() - counts.rest.len()];
                    if !counts.valid() {
                        return Err(Error::new("invalid repeat count", text));
                    }
                    self.repeat(before, text, Some(&counts), last_repeat)?;
                    return Ok(Some(before));
                }
                self.skip(1);
                self.literal(u32::from('{'));
            }
            '\\' => self.backslash()?,
            c => {
                self.skip(c.len_utf8());
                self.literal(u32::from(c));
            }
        }
        Ok(None)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn backslash(&mut self) -> Result<(), Error> {
        let text = self.rest;
        let assertion = match text.as_bytes().get(1) {
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            Some(b'C') => return Err(Error::new("invalid escape sequence", r"\C")),
            Some(b'Q') => {
                let (quoted, rest) = text[2..].split_once(r"\E").unwrap_or((&text[2..], ""));
                self.rest = rest;
                quoted.chars().for_each(|c| self.literal(u32::from(c)));
                return Ok(());
            }
            _ => "",
        };
        if !assertion.is_empty() {
            self.skip(2);
            self.atom(assertion);
            return Ok(());
        }
        let start = self.out.len();
        if let Some(rest) = class::unicode(text, &mut self.properties, &mut self.out)? {
            self.rest = rest;
            self.atom_since(start);
        } else if let Some(rest) = class::perl(text, &mut self.out) {
            self.rest = rest;
            self.atom_since(start);
        } else {
            let (value, rest) = escape::parse(text)?;
            self.rest = rest;
            self.literal(value);
        }
        Ok(())
    }

    fn literal(&mut self, value: u32) {
        let start = self.out.len();
        match char::from_u32(value) {
            Some(c) if c.is_alphanumeric() || c == '_' => self.out.push(c),
            // Hexadecimal escapes never meet a meta character, comment or white space rule.
            Some(_) => self.out.push_str(&format!("\\x{{{value:X}}}")),
            // A surrogate occurs in no text.
            None => self.out.push_str(r"[^\x{0}-\x{10FFFF}]"),
        }
        self.atom_since(start);
    }

    fn atom(&mut self, text: &str) {
        let start = self.out.len();
        self.out.push_str(text);
        self.atom_since(start);
    }

    fn atom_since(&mut self, start: usize) {
        self.set_atom(Atom { start, end: self.out.len(), weight: 1, repeated: false });
    }

    fn set_atom(&mut self, atom: Atom) {
        self.finish_part();
        self.level.atom = Some(atom);
    }

    fn finish_part(&mut self) {
        if let Some(atom) = self.level.atom.take() {
            self.level.weight = self.level.weight.max(atom.weight);
        }
    }

    /// Applies an operator to the last atom. Flags like `(?i)` may stand between the two, so the
    /// operator is inserted behind the atom rather than appended.
    fn repeat(
        &mut self,
        before: &'a str,
        operator: &str,
        counts: Option<&Counts<'_>>,
        last_repeat: Option<&'a str>,
    ) -> Result<(), Error> {
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.skip(1);
        }
        let consumed = |from: &'a str| &from[..from.len() - self.rest.len()];
        if let Some(first) = last_repeat {
            return Err(Error::new("invalid nested repetition operator", consumed(first)));
        }
        let Some(atom) = &mut self.level.atom else {
            return Err(Error::new("missing argument to repetition operator", consumed(before)));
        };
        if let Some(counts) = counts {
            atom.weight = counts.weigh(atom.weight);
            if atom.weight > MAX_REPEAT {
                return Err(Error::new("invalid repeat count", consumed(before)));
            }
        }
        if atom.repeated {
            self.out.insert(atom.end, ')');
            self.out.insert_str(atom.start, "(?:");
            atom.end += 4;
        }
        atom.repeated = true;
        self.out.insert_str(atom.end, operator);
        atom.end += operator.len();
        if lazy {
            self.out.insert(atom.end, '?');
            atom.end += 1;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        if self.rest.starts_with("(?") {
            return self.flags_or_name();
        }
        self.skip(1);
        self.push_level("(")
    }

    fn push_level(&mut self, opening: &str) -> Result<(), Error> {
        if self.outer.len() >= MAX_DEPTH {
            return Err(Error::new("expression nests too deeply", self.whole));
        }
        let level = Level { start: self.out.len(), ..Level::default() };
        self.outer.push(std::mem::replace(&mut self.level, level));
        self.out.push_str(opening);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.finish_part();
        let Some(outer) = self.outer.pop() else {
            return Err(Error::new("unexpected )", self.whole));
        };
        self.skip(1);
        self.out.push(')');
        let inner = std::mem::replace(&mut self.level, outer);
        let weight = inner.weight.max(1);
        self.set_atom(Atom { start: inner.start, end: self.out.len(), weight, repeated: false });
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?i)`, `(?i-s:`.
    fn flags_or_name(&mut self) -> Result<(), Error> {
        let text = self.rest;
        let name_at = match text.as_bytes() {
            [_, _, b'P', b'<', _, ..] => 4,
            [_, _, b'<', _, ..] => 3,
            _ => return self.flags(),
        };
        let refuse = |piece| Err(Error::new("invalid named capture", piece));
        let Some(end) = text.find('>') else { return refuse(text) };
        let name = text.get(name_at..end).unwrap_or("");
        if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            return refuse(&text[..=end]);
        }
        self.skip(end + 1);
        // Go allows a repeated name and one that begins with a digit; `regex` allows neither, so
        // such a group keeps its number and loses its name.
        if self.names.contains(&name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return self.push_level("(");
        }
        self.names.push(name);
        self.push_level(&format!("(?P<{name}>"))
    }

    fn flags(&mut self) -> Result<(), Error> {
        const FLAGS: [char; 4] = ['i', 'm', 's', 'U'];
        let mut settings: [Option<bool>; 4] = [None; 4];
        let (mut on, mut saw_flag) = (true, false);
        let mut rest = self.rest[2..].chars();
        while let Some(c) = rest.next() {
            if let Some(i) = FLAGS.iter().position(|flag| *flag == c) {
                settings[i] = Some(on);
                saw_flag = true;
            } else if c == '-' && on {
                on = false;
                saw_flag = false;
            } else if matches!(c, ':' | ')') && (on || saw_flag) {
                let wanted = |state: bool| {
                    let flags = FLAGS.into_iter().zip(settings);
                    flags.filter(move |(_, s)| *s == Some(state)).map(|(flag, _)| flag)
                };
                let mut text: String = wanted(true).collect();
                if wanted(false).next().is_some() {
                    text.push('-');
                    text.extend(wanted(false));
                }
                self.rest = rest.as_str();
                if c == ':' {
                    return self.push_level(&format!("(?{text}:"));
                }
                if !text.is_empty() {
                    self.out.push_str(&format!("(?{text})"));
                }
                return Ok(());
            } else {
                break;
            }
        }
        let read = &self.rest[..self.rest.len() - rest.as_str().len()];
        Err(Error::new("invalid or unsupported Perl syntax", read))
    }
}

/// `{2}`, `{2,}` or `{2,5}`.
struct Counts<'a> {
    low: Option<u32>,
    high: High,
    rest: &'a str,
}

enum High {
    /// No second number: as the first.
    Same,
    /// `{2,}`
    Open,
    /// A number; `None` if it is beyond all measure.
    Up(Option<u32>),
}

impl<'a> Counts<'a> {
    /// `None` if the brace is an ordinary character.
    fn parse(text: &'a str) -> Option<Self> {
        let (low, rest) = number(text.strip_prefix('{')?)?;
        let (high, rest) = match rest.strip_prefix(',') {
            None => (High::Same, rest),
            Some(rest) if rest.starts_with('}') => (High::Open, rest),
            Some(rest) => {
                let (high, rest) = number(rest)?;
                (High::Up(high), rest)
            }
        };
        Some(Self { low, high, rest: rest.strip_prefix('}')? })
    }

    fn valid(&self) -> bool {
        let Some(low) = self.low else { return false };
        low <= MAX_REPEAT
            && match self.high {
                High::Same | High::Open => true,
                High::Up(Some(high)) => high <= MAX_REPEAT && low <= high,
                High::Up(None) => false,
            }
    }

    /// The product of nested counts once this one is applied to something that weighs `inner`.
    fn weigh(&self, inner: u32) -> u32 {
        let low = self.low.unwrap_or(0);
        match self.high {
            High::Same | High::Up(None) if low == 0 => 1,
            High::Same | High::Up(None) => low.saturating_mul(inner),
            High::Open => low.max(1).saturating_mul(inner),
            High::Up(Some(0)) => 1,
            High::Up(Some(high)) => high.saturating_mul(inner),
        }
    }
}

/// Decimal digits without leading zeros. The value is `None` if it is a hundred million or more.
fn number(text: &str) -> Option<(Option<u32>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 1 && text.starts_with('0') {
        return None;
    }
    let value = if digits > 8 { None } else { text[..digits].parse().ok() };
    Some((value, &text[digits..]))
}
