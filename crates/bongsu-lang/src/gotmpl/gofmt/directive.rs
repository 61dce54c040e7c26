//! `Sprintf`: reads the format and hands each operand to the printer.

use super::pad::Flags;
use super::printer::Printer;
use crate::gotmpl::value::{IntType, Value};

/// Go refuses wider or more precise directives.
const MOST: i64 = 1_000_000;

/// `fmt.Sprintf`. Stops early, returning `None`, once the result exceeds `most` bytes.
pub(crate) fn sprintf(format: &str, arguments: &[Value], most: usize) -> Option<String> {
    let mut run = Run {
        format,
        arguments,
        at: 0,
        next: 0,
        reordered: false,
        good_index: true,
        after_index: false,
        printer: Printer::default(),
    };
    while run.at < format.len() {
        run.step();
        if run.printer.out.len() > most {
            return None;
        }
    }
    run.extra();
    (run.printer.out.len() <= most).then_some(run.printer.out)
}

struct Run<'a> {
    format: &'a str,
    arguments: &'a [Value],
    at: usize,
    /// Index of the next operand.
    next: usize,
    /// Explicit indexes were used: unused operands are then no mistake.
    reordered: bool,
    good_index: bool,
    after_index: bool,
    printer: Printer,
}

impl Run<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// Copies text up to the next directive and executes that.
    fn step(&mut self) {
        let rest = &self.format[self.at..];
        let plain = rest.find('%').unwrap_or(rest.len());
        self.printer.out.push_str(&rest[..plain]);
        self.at += plain;
        if plain == rest.len() {
            return;
        }
        self.at += 1;
        self.directive();
    }

    fn directive(&mut self) {
        self.printer.flags = Flags::default();
        self.good_index = true;
        self.after_index = false;
        self.read_flags();
        self.index();
        self.read_width();
        self.read_precision();
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.format[self.at..].chars().next() else {
            self.printer.out.push_str("%!(NOVERB)");
            return;
        };
        self.at += verb.len_utf8();
        self.execute(verb);
    }

    fn execute(&mut self, verb: char) {
        let out = &mut self.printer.out;
        if verb == '%' {
            out.push('%');
        } else if !self.good_index {
            out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(value) = self.arguments.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                // `#` and `+` mean something else for %v.
                let flags = &mut self.printer.flags;
                flags.sharp_v = std::mem::take(&mut flags.sharp);
                flags.plus_v = std::mem::take(&mut flags.plus);
            }
            self.printer.argument(value, verb);
        } else {
            out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }

    fn read_flags(&mut self) {
        let flags = &mut self.printer.flags;
        loop {
            match self.format.as_bytes().get(self.at) {
                Some(b'#') => flags.sharp = true,
                Some(b'0') => flags.zero = true,
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b' ') => flags.space = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// `[n]`: the operand to use next, counted from one.
    fn index(&mut self) {
        self.after_index = false;
        if self.byte() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at + 1..];
        let Some(length) = rest.find(']') else {
            self.good_index = false;
            self.at += 1;
            return;
        };
        self.at += length + 2;
        self.after_index = true;
        let digits = &rest[..length];
        let number =
            digits.parse::<usize>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        match number {
            Some(n) if (1..=self.arguments.len()).contains(&n) => self.next = n - 1,
            _ => self.good_index = false,
        }
    }

    fn read_width(&mut self) {
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.operand_number() {
                Some(width) => {
                    let flags = &mut self.printer.flags;
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                    flags.width = usize::try_from(width.abs()).ok();
                }
                None => self.printer.out.push_str("%!(BADWIDTH)"),
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.width = self.number();
        if self.after_index && self.printer.flags.width.is_some() {
            self.good_index = false;
        }
    }

    fn read_precision(&mut self) {
        if self.byte() != Some(b'.') {
            return;
        }
        self.at += 1;
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.operand_number() {
                Some(precision) => {
                    // A negative precision counts as none.
                    self.printer.flags.precision = usize::try_from(precision).ok();
                }
                None => self.printer.out.push_str("%!(BADPREC)"),
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.precision = Some(self.number().unwrap_or(0));
    }

    /// The operand of a `*`.
    fn operand_number(&mut self) -> Option<i64> {
        let value = self.arguments.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(n, IntType::Int | IntType::Int64 | IntType::Int32 | IntType::Uint8)
                if n.abs() <= MOST =>
            {
                Some(*n)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let rest = &self.format[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        self.at += length;
        rest[..length].parse::<i64>().ok().filter(|n| *n <= MOST).map(|n| n as usize)
    }

    /// `%!(EXTRA type=value, …)` for operands nobody asked for.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.arguments.len() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.out.push_str("%!(EXTRA ");
        for (i, value) in self.arguments[self.next..].iter().enumerate() {
            if i > 0 {
                self.printer.out.push_str(", ");
            }
            if value.is_nothing() {
                self.printer.out.push_str("<nil>");
            } else {
                self.printer.out.push_str(value.type_name());
                self.printer.out.push('=');
                self.printer.argument(value, 'v');
            }
        }
        self.printer.out.push(')');
    }
}
