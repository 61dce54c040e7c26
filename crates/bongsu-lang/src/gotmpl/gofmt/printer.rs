//! One value under one verb.

use std::sync::Arc;

use super::pad::{Flags, to_char};
use crate::gotmpl::time::{self, duration_text};
use crate::gotmpl::value::{IntType, Object, Shape, Value};

/// Bytes after which compound values are cut; above every limit on results.
const MOST_PRINTED: usize = 12 << 20;

/// Collects output; `flags` belong to the directive being printed.
#[derive(Default)]
pub(super) struct Printer {
    pub(super) out: String,
    pub(super) flags: Flags,
    /// Printing an operand inside `%!x(…)`: its own methods are not called again.
    erroring: bool,
}

impl Printer {
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        if value.is_nothing() {
            match verb {
                'T' | 'v' => self.flags.pad("<nil>", &mut self.out),
                _ => self.bad_verb(value, verb),
            }
            return;
        }
        match verb {
            'T' => self.flags.text(value.type_name(), &mut self.out),
            'p' => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    /// `%!verb(type=value)`
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        if value.is_nothing() {
            self.out.push_str("<nil>");
        } else {
            self.out.push_str(value.type_name());
            self.out.push('=');
            self.value(value, 'v', 0);
        }
        self.out.push(')');
        self.erroring = false;
    }

    /// The result of a `String` method, used by the verbs that print text.
    fn stringer(&self, value: &Value, verb: char) -> Option<String> {
        if self.erroring || self.flags.sharp_v || !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return None;
        }
        match value {
            Value::Time(t) => Some(t.to_string()),
            Value::Duration(d) => Some(duration_text(*d)),
            Value::Zone(zone) => Some(zone.name().to_owned()),
            Value::Int(n, kind) => time::int_name(*n, *kind),
            Value::Object(object) => object.text(),
            _ => None,
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        // Lists that share their parts can print as far more than they hold.
        if self.out.len() > MOST_PRINTED {
            return;
        }
        if let Some(text) = self.stringer(value, verb) {
            return self.text(&text, value, verb);
        }
        match value {
            Value::Absent | Value::Nil => match verb {
                'v' if self.flags.sharp_v => self.out.push_str("interface {}(nil)"),
                'v' => self.out.push_str("<nil>"),
                _ if depth > 0 => self.out.push_str("<nil>"),
                _ => self.bad_verb(value, verb),
            },
            Value::Bool(b) => match verb {
                't' | 'v' => self.flags.pad(if *b { "true" } else { "false" }, &mut self.out),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(n, kind) => self.integer(*n, *kind, value, verb),
            Value::Duration(n) => self.integer(*n, IntType::Int64, value, verb),
            Value::Float(f) => {
                if !self.float(*f, verb) {
                    self.bad_verb(value, verb);
                }
            }
            Value::Complex(re, im) => self.complex(*re, *im, value, verb),
            Value::Str(text) | Value::Text(_, text) => self.text(text, value, verb),
            Value::Time(t) if self.flags.sharp_v => {
                self.out
                    .push_str(&t.format("time.Date(2006, time.January, 2, 15, 4, 5, 0, time.UTC)"));
            }
            Value::Time(t) => self.out.push_str(&t.to_string()),
            Value::Zone(zone) => self.out.push_str(zone.name()),
            Value::List(list) => {
                self.sequence(list.type_name(), list.items().iter().cloned(), verb, depth);
            }
            Value::Map(map) => {
                let entries = map.entries().iter().map(|(k, v)| (Arc::clone(k), v.clone()));
                self.map(value.type_name(), entries, verb, depth);
            }
            Value::Object(object) => self.object(object.as_ref(), verb, depth),
        }
    }

    fn integer(&mut self, number: i64, kind: IntType, value: &Value, verb: char) {
        let out = &mut self.out;
        match verb {
            'v' if self.flags.sharp_v && kind == IntType::Uint8 => {
                Flags { sharp: true, ..self.flags }.integer(number, 'x', out);
            }
            'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' => self.flags.integer(number, verb, out),
            'c' => self.flags.pad(&to_char(number).to_string(), out),
            'q' => self.flags.quoted_rune(number, out),
            'U' => self.flags.unicode(number, out),
            _ => self.bad_verb(value, verb),
        }
    }

    /// Whether the verb suits floats.
    fn float(&mut self, number: f64, verb: char) -> bool {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'e' | 'E' | 'f' | 'F' => (verb, Some(6)),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            _ => return false,
        };
        self.flags.float(number, verb, precision, &mut self.out);
        true
    }

    fn complex(&mut self, re: f64, im: f64, value: &Value, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.out.push('(');
        self.float(re, verb);
        self.flags.plus = true;
        self.float(im, verb);
        self.out.push_str("i)");
        self.flags.plus = plus;
    }

    fn text(&mut self, text: &str, value: &Value, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => {
                // `#` asks for Go syntax here, not for back quotes.
                Flags { sharp: false, ..self.flags }.quoted(text, &mut self.out);
            }
            'v' | 's' => self.flags.text(text, &mut self.out),
            'x' | 'X' => self.flags.hexadecimal(text, verb == 'X', &mut self.out),
            'q' => self.flags.quoted(text, &mut self.out),
            _ => self.bad_verb(value, verb),
        }
    }

    fn sequence(
        &mut self,
        type_name: &str,
        items: impl Iterator<Item = Value>,
        verb: char,
        depth: usize,
    ) {
        let go = self.flags.sharp_v;
        if go {
            self.out.push_str(type_name);
        }
        self.out.push(if go { '{' } else { '[' });
        for (i, item) in items.enumerate() {
            if i > 0 {
                self.out.push_str(if go { ", " } else { " " });
            }
            self.value(&item, verb, depth + 1);
        }
        self.out.push(if go { '}' } else { ']' });
    }

    fn map(
        &mut self,
        type_name: &str,
        entries: impl Iterator<Item = (Arc<str>, Value)>,
        verb: char,
        depth: usize,
    ) {
        let go = self.flags.sharp_v;
        self.out.push_str(if go { type_name } else { "map" });
        self.out.push(if go { '{' } else { '[' });
        for (i, (key, value)) in entries.enumerate() {
            if i > 0 {
                self.out.push_str(if go { ", " } else { " " });
            }
            self.value(&Value::Str(key), verb, depth + 1);
            self.out.push(':');
            self.value(&value, verb, depth + 1);
        }
        self.out.push(if go { '}' } else { ']' });
    }

    fn object(&mut self, object: &dyn Object, verb: char, depth: usize) {
        let go = self.flags.sharp_v;
        match object.shape() {
            Shape::List if go && object.is_nil() => {
                self.out.push_str(object.type_name());
                self.out.push_str("(nil)");
            }
            Shape::List => {
                let items = (0..object.len()).filter_map(|i| object.item(i));
                self.sequence(object.type_name(), items, verb, depth);
            }
            Shape::Map if go && object.is_nil() => {
                self.out.push_str(object.type_name());
                self.out.push_str("(nil)");
            }
            Shape::Map => {
                let entries = object.keys().into_iter().map(|key| {
                    let value = object.entry(&key).unwrap_or_default();
                    (key, value)
                });
                self.map(object.type_name(), entries, verb, depth);
            }
            shape => {
                if shape == Shape::Pointer {
                    self.out.push('&');
                }
                if go {
                    self.out.push_str(object.type_name().trim_start_matches('*'));
                }
                self.out.push('{');
                for (i, field) in object.fields().into_iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(if go { ", " } else { " " });
                    }
                    if go || self.flags.plus_v {
                        self.out.push_str(field.name);
                        self.out.push(':');
                    }
                    self.value(&field.value, verb, depth + 1);
                }
                self.out.push('}');
            }
        }
    }
}
