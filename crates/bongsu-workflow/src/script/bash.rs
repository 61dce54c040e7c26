//! Values in bash.
//!
//! In: parts of a script. Out: a script in which each value is a variable of the environment, quoted
//! for the place it stands at. The value itself is never in the script, so whatever this scanner
//! takes a place for, no value becomes syntax. What is left are places at which bash, or a program
//! it starts, evaluates words: those are refused (`rules`).

mod command;
mod documents;
mod rules;
mod words;

use super::{Held, Language, Part, Piece, Reader, Refused, Script, Unit, units};
use command::{Command, Word};
use documents::Document;
use rules::Rules;

/// Bytes of a variable: Linux takes 128 KiB with its name.
const MAX_VALUE: usize = 127 << 10;
/// Bytes of all variables.
const MAX_VALUES: usize = 1 << 20;
/// Expansions inside each other.
const MAX_DEPTH: usize = 40;

/// Encodes a script.
///
/// # Errors
/// The first place at which no value may stand, or a value that cannot be a variable.
pub fn encode(parts: &[Part]) -> Result<Script, Refused> {
    Ok(scanned(parts, Reader::Here(Language::Bash))?.script())
}

/// Encodes a command line for the shell of another machine: values are quoted words in it, plain
/// where they are plain, so that what is no shell understands them too.
///
/// # Errors
/// The first place at which no value may stand.
pub fn encode_line(parts: &[Part]) -> Result<Script, Refused> {
    Ok(scanned(parts, Reader::There)?.script())
}

fn scanned(parts: &[Part], reader: Reader) -> Result<Scan<'_>, Refused> {
    let mut scan = Scan {
        reader,
        parts,
        units: units(parts),
        at: 0,
        line: 1,
        depth: 0,
        out: String::new(),
        pieces: Vec::new(),
        variables: Vec::new(),
        values: 0,
        size: 0,
        documents: Vec::new(),
        rules: Rules::default(),
    };
    scan.list(End::Script)?;
    scan.rules.at_the_end(scan.values > 0)?;
    Ok(scan)
}

/// A text as one word of any shell that knows single quotes; quotes and backslashes of it stand
/// outside them, as not all shells agree on them inside.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if text.is_empty() {
        return "''".to_owned();
    }
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut open = false;
    for c in text.chars() {
        let quoted = !matches!(c, '\'' | '\\');
        if quoted != open {
            out.push('\'');
            open = quoted;
        }
        if !quoted {
            out.push('\\');
        }
        out.push(c);
    }
    if open {
        out.push('\'');
    }
    out
}

/// The place of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Bare,
    Double,
    Single,
    /// `$'…'`
    Escaped,
    /// Of a here-document.
    Document,
    /// Where bash computes.
    Number,
}

/// What ends a list of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Script,
    Parenthesis,
    Backtick,
    /// Of `name=( … )`: its words are no commands.
    Elements,
}

struct Scan<'p> {
    reader: Reader,
    parts: &'p [Part],
    units: Vec<Unit>,
    at: usize,
    line: usize,
    depth: usize,
    out: String,
    pieces: Vec<Piece>,
    variables: Vec<(String, Held)>,
    /// How many there were so far.
    values: usize,
    size: usize,
    documents: Vec<Document>,
    rules: Rules,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<Unit> {
        let unit = *self.units.get(self.at)?;
        self.at += 1;
        if unit == Unit::Char('\n') {
            self.line += 1;
        }
        Some(unit)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        match self.units.get(self.at + ahead)? {
            Unit::Char(c) => Some(*c),
            Unit::Value(_) => None,
        }
    }

    /// Takes as many characters as they are.
    fn take(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(Unit::Char(c)) = self.next() {
                self.out.push(c);
            }
        }
    }

    fn refuse(&self, message: &str, help: &str) -> Refused {
        rules::refused(self.line, message, help)
    }

    fn deeper(&mut self) -> Result<(), Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.refuse("expansions are nested too deep", "make it several steps"));
        }
        Ok(())
    }

    fn script(mut self) -> Script {
        self.pieces.push(Piece::Code(self.out));
        Script { reader: self.reader, pieces: self.pieces, variables: self.variables }
    }

    /// Puts a value where it stands.
    fn value(&mut self, at: usize, place: Place) -> Result<(), Refused> {
        self.values += 1;
        if self.reader == Reader::There {
            return self.value_in_line(at, place);
        }
        let name = self.variable(at)?;
        let text = match place {
            Place::Bare => format!("\"${{{name}}}\""),
            Place::Double | Place::Document | Place::Number => format!("${{{name}}}"),
            Place::Single => format!("'\"${{{name}}}\"'"),
            Place::Escaped => format!("'\"${{{name}}}\"$'"),
        };
        self.out.push_str(&text);
        Ok(())
    }

    fn value_in_line(&mut self, at: usize, place: Place) -> Result<(), Refused> {
        let (before, after) = match place {
            Place::Bare | Place::Number => ("", ""),
            Place::Double => ("\"", "\""),
            Place::Single => ("'", "'"),
            Place::Escaped => ("'", "$'"),
            Place::Document => {
                let help = "give it to the program by stdin";
                return Err(self.refuse("a value stands in a here-document", help));
            }
        };
        self.out.push_str(before);
        match &self.parts[at] {
            Part::Value { text, .. } if text.contains('\0') => {
                return Err(self.refuse("a value has a NUL in it", "take a part of it"));
            }
            Part::Value { text, .. } => self.out.push_str(&word(text)),
            Part::Reference(reference) => {
                self.pieces.push(Piece::Code(std::mem::take(&mut self.out)));
                self.pieces.push(Piece::Word(reference.clone()));
            }
            Part::Code(_) => {}
        }
        self.out.push_str(after);
        Ok(())
    }

    /// The variable of a value.
    fn variable(&mut self, at: usize) -> Result<String, Refused> {
        let name = format!("BONGSU_V{}", self.variables.len() + 1);
        let held = match &self.parts[at] {
            Part::Value { text, .. } => {
                self.size += text.len();
                let help = "write it to a file with a python step, or take a part of it";
                if text.len() > MAX_VALUE || self.size > MAX_VALUES {
                    return Err(self.refuse("a value is too long for a shell script", help));
                }
                if text.contains('\0') {
                    let help = "bash knows no such character; use a python step";
                    return Err(self.refuse("a value has a NUL in it", help));
                }
                Held::Text(text.clone())
            }
            Part::Reference(reference) => Held::Reference(reference.clone()),
            Part::Code(_) => Held::Text(String::new()),
        };
        self.variables.push((name.clone(), held));
        Ok(name)
    }

    /// Commands up to the end.
    fn list(&mut self, end: End) -> Result<(), Refused> {
        self.deeper()?;
        let mut command = Command::new(end == End::Elements);
        let mut word: Option<Word> = None;
        while let Some(unit) = self.units.get(self.at).copied() {
            let Unit::Char(c) = unit else {
                self.next();
                let Unit::Value(at) = unit else { continue };
                let line = self.line;
                let word = word.get_or_insert_with(|| Word::new(line));
                self.plain_value(at, word)?;
                continue;
            };
            let in_test = command.in_test();
            match c {
                ' ' | '\t' | '\r' => {
                    self.take(1);
                    self.end_word(&mut word, &mut command)?;
                }
                '#' if word.is_none() => self.comment(),
                '\n' => {
                    self.take(1);
                    self.end_word(&mut word, &mut command)?;
                    self.documents(&mut command)?;
                    if !in_test && end != End::Elements {
                        self.rules.command(&mut command, "\n")?;
                        command = Command::new(false);
                    }
                }
                '`' if end == End::Backtick => break,
                ')' if matches!(end, End::Parenthesis | End::Elements) && !in_test => break,
                ';' | '&' | '|' | '(' | ')' if in_test => {
                    self.take(1);
                    self.end_word(&mut word, &mut command)?;
                    command.push(Word::literal(self.line, c));
                }
                '<' | '>' if in_test && self.peek(1) != Some('(') => {
                    self.take(1);
                    self.end_word(&mut word, &mut command)?;
                    command.push(Word::literal(self.line, c));
                }
                '<' | '>' => {
                    let number = word.as_ref().is_some_and(Word::is_number);
                    if number {
                        word = None;
                    }
                    self.redirection(&mut word, &mut command)?;
                }
                '&' if self.peek(1) == Some('>') => self.take(1),
                ';' | '&' | '|' => {
                    self.end_word(&mut word, &mut command)?;
                    let double = self.peek(1) == Some(c) || (c == '|' && self.peek(1) == Some('&'));
                    let sign = match (c, self.peek(1)) {
                        ('|', Some('|')) => "||",
                        ('|', _) => "|",
                        _ => ";",
                    };
                    self.take(if double { 2 } else { 1 });
                    self.rules.command(&mut command, sign)?;
                    command = Command::new(false);
                }
                '(' => self.parenthesis(&mut word, &mut command)?,
                // Of a pattern in `case`.
                ')' => {
                    self.take(1);
                    self.end_word(&mut word, &mut command)?;
                    command = Command::new(false);
                }
                _ => {
                    let line = self.line;
                    let word = word.get_or_insert_with(|| Word::new(line));
                    self.in_word(c, word)?;
                }
            }
        }
        self.end_word(&mut word, &mut command)?;
        self.rules.command(&mut command, "\n")?;
        self.depth -= 1;
        Ok(())
    }

    fn end_word(&mut self, word: &mut Option<Word>, command: &mut Command) -> Result<(), Refused> {
        if let Some(word) = word.take() {
            command.push(word);
        }
        Ok(())
    }

    /// To the end of the line; values in remarks are left out.
    fn comment(&mut self) {
        while self.at < self.units.len() && self.peek(0) != Some('\n') {
            if let Some(Unit::Char(c)) = self.next() {
                self.out.push(c);
            }
        }
    }

    fn parenthesis(
        &mut self,
        word: &mut Option<Word>,
        command: &mut Command,
    ) -> Result<(), Refused> {
        let computes = word.is_none() && self.peek(1) == Some('(') && command.may_compute();
        if computes {
            self.take(2);
            return self.arithmetic("))");
        }
        self.take(1);
        let elements = word.as_ref().is_some_and(Word::is_assignment_head);
        let before = self.values;
        let function = word.is_some() && !elements;
        self.list(if elements { End::Elements } else { End::Parenthesis })?;
        self.take(1);
        if let Some(word) = word {
            word.derived |= self.values > before;
        }
        if function {
            self.rules.has_functions = true;
            self.end_word(word, command)?;
            self.rules.function(command)?;
            *command = Command::new(false);
        }
        Ok(())
    }

    /// `<`, `>` and what begins with them.
    fn redirection(
        &mut self,
        word: &mut Option<Word>,
        command: &mut Command,
    ) -> Result<(), Refused> {
        if self.peek(1) == Some('(') {
            self.take(2);
            let line = self.line;
            let word = word.get_or_insert_with(|| Word::new(line));
            return self.substitution(word, End::Parenthesis);
        }
        self.end_word(word, command)?;
        let here = self.peek(0) == Some('<') && self.peek(1) == Some('<');
        if here && self.peek(2) == Some('<') {
            self.take(3);
            command.expect_target(true);
            return Ok(());
        }
        if !here {
            self.take(1);
            while matches!(self.peek(0), Some('>' | '&' | '|')) {
                self.take(1);
            }
            command.expect_target(false);
            return Ok(());
        }
        self.take(2);
        let tabs = self.peek(0) == Some('-');
        self.take(usize::from(tabs));
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.take(1);
        }
        self.delimiter(tabs)
    }
}
