//! Expressions that need no interpreter: what most fields of a manifest are.
//!
//! In: an expression's text. Out: a tree, if the text is made of nothing but paths, texts in quotes,
//! `or`, parentheses, `x if y is defined else z`, and a few filters with texts as arguments; it gives
//! the same value the interpreter gives. Anything else is left to that.

use minijinja::value::Value;

use super::filters;
use super::{Error, Names};

/// How deep parentheses and conditions may stand in each other.
const DEPTH: usize = 16;

/// An expression.
#[derive(Debug)]
pub(super) enum Simple {
    Text(Value),
    Path(Box<[Box<str>]>),
    /// The first that is true, else the last.
    Or(Box<[Simple]>),
    Filter(Box<Simple>, Filter),
    /// `then if what is defined else otherwise`; `defined` is false for `is undefined`.
    Choice {
        then: Box<Simple>,
        what: Box<Simple>,
        defined: bool,
        otherwise: Box<Simple>,
    },
}

/// A filter and its arguments.
#[derive(Debug)]
pub(super) enum Filter {
    Compact,
    LowerKeys,
    Sha256,
    Without(Box<[Value]>),
    Only(Box<[Value]>),
    Present,
}

impl Simple {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text, depth: 0 };
        let parsed = parser.expression()?;
        parser.space();
        parser.rest.is_empty().then_some(parsed)
    }

    pub(super) fn eval(&self, names: &Names) -> Result<Value, Error> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Path(path) => {
                let mut keys = path.iter();
                let first = keys.next().and_then(|name| names.find(name));
                let mut value = first.cloned().unwrap_or(Value::UNDEFINED);
                for key in keys {
                    if value.is_undefined() || value.is_none() {
                        return Ok(Value::UNDEFINED);
                    }
                    value = value.get_attr(key)?;
                }
                value
            }
            Self::Or(all) => {
                let mut last = Value::UNDEFINED;
                for one in all {
                    last = one.eval(names)?;
                    if last.is_true() {
                        break;
                    }
                }
                last
            }
            Self::Filter(of, filter) => {
                let value = of.eval(names)?;
                match filter {
                    Filter::Compact => filters::compact(&value).into(),
                    Filter::LowerKeys => filters::lower_keys(&value),
                    Filter::Sha256 => filters::sha256(&value)?.into(),
                    Filter::Without(keys) => filters::without_keys(&value, keys),
                    Filter::Only(keys) => filters::only_keys(&value, keys),
                    Filter::Present => filters::present(&value),
                }
            }
            Self::Choice { then, what, defined, otherwise } => {
                let chosen =
                    if what.eval(names)?.is_undefined() == *defined { otherwise } else { then };
                chosen.eval(names)?
            }
        })
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Eats punctuation.
    fn sign(&mut self, sign: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The name that begins here.
    fn name(&mut self) -> Option<&'t str> {
        self.space();
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    /// Eats a word.
    fn word(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let found = self.name() == Some(wanted);
        if !found {
            self.rest = before;
        }
        found
    }

    fn expression(&mut self) -> Option<Simple> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let then = self.either()?;
        let parsed = if self.word("if") {
            let what = self.either()?;
            if !self.word("is") {
                return None;
            }
            let defined = match self.name()? {
                "defined" => true,
                "undefined" => false,
                _ => return None,
            };
            if !self.word("else") {
                return None;
            }
            let otherwise = Box::new(self.expression()?);
            let (then, what) = (Box::new(then), Box::new(what));
            Simple::Choice { then, what, defined, otherwise }
        } else {
            then
        };
        self.depth -= 1;
        Some(parsed)
    }

    fn either(&mut self) -> Option<Simple> {
        let first = self.filtered()?;
        let mut all = vec![first];
        while self.word("or") {
            all.push(self.filtered()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Simple::Or(all.into())) }
    }

    fn filtered(&mut self) -> Option<Simple> {
        let mut value = self.primary()?;
        while self.sign('|') {
            let filter = match self.name()? {
                "compact" => Filter::Compact,
                "lower_keys" => Filter::LowerKeys,
                "sha256" => Filter::Sha256,
                "present" => Filter::Present,
                "without" => Filter::Without(self.texts()?),
                "only" => Filter::Only(self.texts()?),
                _ => return None,
            };
            value = Simple::Filter(Box::new(value), filter);
        }
        Some(value)
    }

    fn primary(&mut self) -> Option<Simple> {
        if self.sign('(') {
            let inner = self.expression()?;
            return self.sign(')').then_some(inner);
        }
        if let Some(text) = self.text() {
            return Some(Simple::Text(text));
        }
        let mut path = vec![self.key()?];
        while let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            path.push(self.key()?);
        }
        // A call or an index is more than a path.
        let more = self.rest.trim_start().starts_with(['(', '[', '.']);
        (!more).then(|| Simple::Path(path.into()))
    }

    fn key(&mut self) -> Option<Box<str>> {
        const RESERVED: &[&str] = &[
            "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if",
            "else",
        ];
        self.name().filter(|name| !RESERVED.contains(name)).map(Into::into)
    }

    /// A text in quotes, without escapes.
    fn text(&mut self) -> Option<Value> {
        self.space();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        if text.contains('\\') {
            return None;
        }
        self.rest = rest;
        Some(Value::from(text))
    }

    /// Texts in parentheses.
    fn texts(&mut self) -> Option<Box<[Value]>> {
        let mut texts = Vec::new();
        if !self.sign('(') {
            return None;
        }
        loop {
            texts.push(self.text()?);
            if self.sign(')') {
                return Some(texts.into());
            }
            if !self.sign(',') {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Simple;
    use crate::jinja::{Data, ENVIRONMENT, Scope};
    use minijinja::value::Value;
    use std::sync::Arc;

    const TEXTS: &[&str] = &[
        "a",
        "a.b.c",
        "missing.b.c",
        "a.zero or a.empty or a.text",
        "a.zero or a.empty",
        "missing or 'other'",
        "a.text or (a | compact | sha256)",
        "(a.zero or a.b) | lower_keys",
        "a | without('text', 'B')",
        "a | only('text', \"b\") | present",
        "text | without('x')",
        "none_there | lower_keys",
        "a.b if a.x is undefined else a.text",
        "a.b if a.text is defined else a.text or 'x'",
        "(a.b if a.null is defined else a.text) | lower_keys",
        "a.null or a.text.length",
    ];

    /// What both can do they do alike.
    #[test]
    fn the_interpreter_agrees() {
        let json = serde_json::json!({"zero": 0, "empty": "", "text": "t", "null": null,
            "b": {"c": [1, 2], "D": {"E": 1}}, "B": true});
        let mut scope = Scope::default();
        scope.set(&"a".into(), Data::of(&json));
        scope.set(&"text".into(), Data::of(&"t".into()));
        for text in TEXTS {
            let simple = Simple::parse(text).unwrap_or_else(|| panic!("{text} is simple"));
            let whole = ENVIRONMENT.compile_expression_owned((*text).to_owned()).unwrap();
            let wanted = whole.eval(Value::from_dyn_object(Arc::clone(&scope.0))).unwrap();
            let got = simple.eval(&scope.0).unwrap();
            assert_eq!(Data(got.clone()).to_json(), Data(wanted.clone()).to_json(), "{text}");
            assert_eq!(got.is_undefined(), wanted.is_undefined(), "{text}");
        }
        for text in [
            "'it''s'",
            "a[0]",
            "a.b()",
            "a == 1",
            "not a",
            "a and b",
            "a | lower",
            "a or",
            "a if b else c",
            "1",
            "a.0",
            "a ~ b",
            "'a\\n'",
            "or",
            "(a",
            "a)",
            "",
        ] {
            assert!(Simple::parse(text).is_none(), "{text}");
        }
        assert!(Simple::parse(&"(".repeat(100_000)).is_none());
    }
}
