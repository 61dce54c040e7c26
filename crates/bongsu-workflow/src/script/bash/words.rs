//! What stands in a word: quotes, expansions, values.

use super::command::Word;
use super::{End, Place, Scan};
use crate::script::{Refused, Unit};

impl Scan<'_> {
    /// A value outside quotes.
    pub(super) fn plain_value(&mut self, at: usize, word: &mut Word) -> Result<(), Refused> {
        self.after_sign(false)?;
        let number = self.parts[at].is_number();
        if word.opens_subscript() && !number {
            let help = "bash would compute it; give an index with {{ … | int }}";
            return Err(self.refuse("a value is the index of an array", help));
        }
        self.value(at, Place::Bare)?;
        word.value(number, self.parts[at].begins_with_dash());
        Ok(())
    }

    /// After `\` and `$` a reference would be something else.
    pub(super) fn after_sign(&self, quoted: bool) -> Result<(), Refused> {
        let help = "leave the sign out, or put single quotes around it";
        let lone = self.out.ends_with('$') && self.at > 1;
        if !quoted && lone && self.units.get(self.at - 2) == Some(&Unit::Char('$')) {
            return Err(self.refuse("a value stands after $", help));
        }
        Ok(())
    }

    /// A sign outside quotes that does not end the word.
    pub(super) fn in_word(&mut self, c: char, word: &mut Word) -> Result<(), Refused> {
        match c {
            '\\' => {
                if let Some(escaped) = self.peek(1).filter(|c| *c != '\n') {
                    word.text.push(escaped);
                }
                self.backslash()
            }
            '\'' => self.single(word),
            '"' => self.double(word),
            '`' => self.backtick(word),
            '$' => self.dollar(word, false),
            c => {
                word.text.push(c);
                self.take(1);
                Ok(())
            }
        }
    }

    pub(super) fn backslash(&mut self) -> Result<(), Refused> {
        self.take(1);
        if matches!(self.units.get(self.at), Some(Unit::Value(_))) {
            let help = "leave the backslash out; the value is quoted as it is";
            return Err(self.refuse("a value stands after a backslash", help));
        }
        self.take(1);
        Ok(())
    }

    fn single(&mut self, word: &mut Word) -> Result<(), Refused> {
        self.take(1);
        word.quoted = true;
        while let Some(unit) = self.next() {
            match unit {
                Unit::Char(c) => {
                    self.out.push(c);
                    if c == '\'' {
                        return Ok(());
                    }
                    word.text.push(c);
                }
                Unit::Value(at) => {
                    let number = self.parts[at].is_number();
                    self.value(at, Place::Single)?;
                    word.value(number, self.parts[at].begins_with_dash());
                }
            }
        }
        Ok(())
    }

    /// `$'…'`
    fn escaped(&mut self, word: &mut Word) -> Result<(), Refused> {
        self.take(2);
        word.quoted = true;
        loop {
            match self.units.get(self.at).copied() {
                None => return Ok(()),
                Some(Unit::Char('\\')) => {
                    word.text.push('\\');
                    self.backslash()?;
                }
                Some(Unit::Char(c)) => {
                    self.take(1);
                    if c == '\'' {
                        return Ok(());
                    }
                    word.text.push(c);
                }
                Some(Unit::Value(at)) => {
                    self.next();
                    let number = self.parts[at].is_number();
                    self.value(at, Place::Escaped)?;
                    word.value(number, self.parts[at].begins_with_dash());
                }
            }
        }
    }

    fn double(&mut self, word: &mut Word) -> Result<(), Refused> {
        self.take(1);
        word.quoted = true;
        loop {
            match self.units.get(self.at).copied() {
                None => return Ok(()),
                Some(Unit::Char('"')) => {
                    self.take(1);
                    return Ok(());
                }
                Some(Unit::Char('\\')) => {
                    word.text.extend(self.peek(1));
                    self.backslash()?;
                }
                Some(Unit::Char('`')) => self.backtick(word)?,
                Some(Unit::Char('$')) => self.dollar(word, true)?,
                Some(Unit::Char(c)) => {
                    word.text.push(c);
                    self.take(1);
                }
                Some(Unit::Value(at)) => {
                    self.next();
                    self.after_sign(false)?;
                    let number = self.parts[at].is_number();
                    self.value(at, Place::Double)?;
                    word.value(number, self.parts[at].begins_with_dash());
                }
            }
        }
    }

    /// What begins with `$`.
    pub(super) fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), Refused> {
        match (self.peek(1), self.peek(2)) {
            (Some('('), Some('(')) => {
                self.take(3);
                word.dynamic();
                self.arithmetic("))")
            }
            (Some('('), _) => {
                self.take(2);
                self.substitution(word, End::Parenthesis)
            }
            (Some('['), _) => {
                self.take(2);
                word.dynamic();
                self.arithmetic("]")
            }
            (Some('{'), _) => self.parameter(word),
            (Some('\''), _) if !quoted => self.escaped(word),
            (Some('"'), _) if !quoted => {
                self.take(1);
                self.double(word)
            }
            (Some(c), _) if c.is_ascii_alphanumeric() || "_@*#?!".contains(c) => {
                self.take(1);
                let mut name = String::new();
                while let Some(c) = self.peek(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                {
                    name.push(c);
                    self.take(1);
                }
                if name.is_empty() {
                    name.push(c);
                    self.take(1);
                }
                word.uses(name);
                Ok(())
            }
            _ => {
                word.text.push('$');
                self.take(1);
                Ok(())
            }
        }
    }

    /// Commands inside a word, after what opens them.
    pub(super) fn substitution(&mut self, word: &mut Word, end: End) -> Result<(), Refused> {
        let before = self.values;
        word.dynamic();
        self.list(end)?;
        self.take(1);
        word.derived |= self.values > before;
        Ok(())
    }

    pub(super) fn backtick(&mut self, word: &mut Word) -> Result<(), Refused> {
        self.take(1);
        word.dynamic();
        loop {
            match self.units.get(self.at).copied() {
                None => return Ok(()),
                Some(Unit::Value(_)) => {
                    let help = "write $( … ) for ` … `";
                    return Err(self.refuse("a value stands between backticks", help));
                }
                Some(Unit::Char('`')) => {
                    self.take(1);
                    return Ok(());
                }
                Some(Unit::Char('\\')) => self.backslash()?,
                Some(Unit::Char(_)) => self.take(1),
            }
        }
    }

    /// After `((`, `$((` or `$[`, to its end: what bash computes it evaluates, names in it too.
    pub(super) fn arithmetic(&mut self, end: &str) -> Result<(), Refused> {
        let mut open = 0usize;
        let mut name = String::new();
        // `$1` is a name, `1` a number.
        let mut sign = false;
        loop {
            let unit = self.units.get(self.at).copied();
            if let Some(Unit::Char(c)) = unit
                && (c.is_ascii_alphanumeric() || c == '_')
            {
                name.push(c);
                self.take(1);
                continue;
            }
            let done = std::mem::take(&mut name);
            if sign || !done.starts_with(|c: char| c.is_ascii_digit()) {
                self.rules.computes(self.line, done);
            }
            sign = matches!(unit, Some(Unit::Char('$' | '{')));
            match unit {
                None => return Ok(()),
                Some(Unit::Value(at)) => {
                    self.next();
                    if !self.parts[at].is_number() {
                        let help = "bash would evaluate it; write {{ … | int }}";
                        return Err(self.refuse("a value stands where bash computes", help));
                    }
                    self.value(at, Place::Number)?;
                }
                Some(Unit::Char(')')) if open == 0 && end == "))" => {
                    self.take(2);
                    return Ok(());
                }
                Some(Unit::Char(']')) if open == 0 && end == "]" => {
                    self.take(1);
                    return Ok(());
                }
                Some(Unit::Char(c)) => {
                    match c {
                        '(' | '[' => open += 1,
                        ')' | ']' => open = open.saturating_sub(1),
                        _ => {}
                    }
                    self.take(1);
                }
            }
        }
    }

    /// `${…}`
    fn parameter(&mut self, word: &mut Word) -> Result<(), Refused> {
        self.deeper()?;
        self.take(2);
        let indirect = self.peek(0) == Some('!');
        self.take(usize::from(indirect || self.peek(0) == Some('#')));
        let mut name = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
            self.take(1);
        }
        if indirect {
            self.rules.computes(self.line, name.clone());
        }
        word.uses(name);
        // Indices and offsets are computed.
        let mut computed = self.peek(0) == Some('[')
            || (self.peek(0) == Some(':') && !matches!(self.peek(1), Some('-' | '=' | '?' | '+')));
        let mut inner = String::new();
        loop {
            let unit = self.units.get(self.at).copied();
            if let Some(Unit::Char(c)) = unit
                && computed
                && (c.is_ascii_alphanumeric() || c == '_')
            {
                inner.push(c);
                self.take(1);
                continue;
            }
            let done = std::mem::take(&mut inner);
            if !done.starts_with(|c: char| c.is_ascii_digit()) {
                self.rules.computes(self.line, done);
            }
            match unit {
                None => break,
                Some(Unit::Value(_)) => {
                    let help = "give the value a name first: name={{ … }}";
                    return Err(self.refuse("a value stands inside ${ }", help));
                }
                Some(Unit::Char('}')) => {
                    self.take(1);
                    break;
                }
                Some(Unit::Char(']')) => {
                    computed = false;
                    self.take(1);
                }
                Some(Unit::Char('\\')) => self.backslash()?,
                Some(Unit::Char('\'')) if !computed => self.take(1),
                Some(Unit::Char('"')) => self.double(word)?,
                Some(Unit::Char('`')) => self.backtick(word)?,
                Some(Unit::Char('$')) => self.dollar(word, true)?,
                Some(Unit::Char(_)) => self.take(1),
            }
        }
        self.depth -= 1;
        Ok(())
    }
}
