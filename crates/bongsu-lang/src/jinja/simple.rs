//! Expressions that need no interpreter: what most fields of a manifest are.
//!
//! In: an expression's text. Out: a tree, if the text is made of nothing but paths, texts in quotes,
//! `or`, parentheses, `x if y is defined else z`, and a few filters with texts as arguments; it gives
//! the same value the interpreter gives. Anything else is left to that.

use bongsu_model::{Json, JsonMap, SmolStr};

use super::seen::{Held, Seen, Sieve, Sight};
use super::{Error, filters, python};

/// How deep parentheses and conditions may stand in each other.
const DEPTH: usize = 16;

/// An expression.
#[derive(Debug)]
pub(super) enum Simple {
    Text(Json),
    Path(Box<[Box<str>]>),
    List(Box<[Simple]>),
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
    Sieve(Sieve),
    Present,
}

impl Simple {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text, depth: 0 };
        let parsed = parser.expression()?;
        parser.space();
        parser.rest.is_empty().then_some(parsed)
    }

    pub(super) fn look<'a>(&'a self, sight: &Sight<'a>) -> Result<Seen<'a>, Error> {
        Ok(match self {
            Self::Text(text) => Seen::of(text),
            Self::Path(path) => {
                let mut keys = path.iter();
                let mut seen = keys.next().map_or(Seen(Held::Undefined), |name| sight.seen(name));
                for key in keys {
                    seen = seen.get(key)?;
                }
                seen
            }
            Self::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| item.look(sight)).collect();
                Seen(Held::List(items?.into()))
            }
            Self::Or(all) => {
                let mut last = Seen(Held::Undefined);
                for one in all {
                    last = one.look(sight)?;
                    if last.is_true() {
                        break;
                    }
                }
                last
            }
            Self::Filter(of, filter) => filter.apply(of.look(sight)?)?,
            Self::Choice { then, what, defined, otherwise } => {
                let chosen = match what.look(sight)?.is_undefined() == *defined {
                    true => otherwise,
                    false => then,
                };
                chosen.look(sight)?
            }
        })
    }
}

impl Filter {
    fn apply<'a>(&'a self, to: Seen<'a>) -> Result<Seen<'a>, Error> {
        let own = |json: Json| Seen(Held::Own(json));
        Ok(match (self, &to.0) {
            (Self::Compact, _) => own(python::json_text(&to.to_json().into()).into()),
            (Self::Sha256, _) => own(filters::sha256(&to.to_value())?.into()),
            (Self::Sieve(sieve), Held::Json(Json::Map(map))) => Seen(Held::Part(map, sieve)),
            (Self::Sieve(sieve), _) => {
                let mut map = to.to_map();
                map.retain(|key, _| sieve.lets(key));
                own(map.into())
            }
            (Self::LowerKeys, Held::Json(Json::Map(map)))
                if !map.keys().any(|key| has_upper(key)) =>
            {
                to
            }
            (Self::LowerKeys, _) => {
                let mut lower = JsonMap::new();
                to.each_entry(|key, json| drop(lower.insert(lower_key(key), json.clone())));
                own(lower.into())
            }
            (Self::Present, _) => {
                let mut map = to.to_map();
                map.retain(|_, json| !json.is_null());
                own(map.into())
            }
        })
    }
}

fn has_upper(key: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_uppercase() || !byte.is_ascii();
    key.bytes().any(may) && key.chars().any(char::is_uppercase)
}

fn lower_key(key: &SmolStr) -> SmolStr {
    if has_upper(key) { key.to_lowercase().into() } else { key.clone() }
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
                name @ ("without" | "only") => {
                    Filter::Sieve(Sieve::new(name == "only", self.texts()?))
                }
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
        if self.sign('[') {
            let mut items = vec![self.expression()?];
            while self.sign(',') {
                items.push(self.expression()?);
            }
            return self.sign(']').then(|| Simple::List(items.into()));
        }
        if let Some(text) = self.text() {
            return Some(Simple::Text(text.into()));
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
    fn text(&mut self) -> Option<&'t str> {
        self.space();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        if text.contains('\\') {
            return None;
        }
        self.rest = rest;
        Some(text)
    }

    /// Texts in parentheses.
    fn texts(&mut self) -> Option<Vec<SmolStr>> {
        let mut texts = Vec::new();
        if !self.sign('(') {
            return None;
        }
        loop {
            texts.push(self.text()?.into());
            if self.sign(')') {
                return Some(texts);
            }
            if !self.sign(',') {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::Json;
    use minijinja::value::Value;

    use super::{Seen, Sight, Simple};
    use crate::jinja::{Data, ENVIRONMENT, Expression, Scope};

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
        "[a.b, 'x', missing]",
        "a.b if a.x is defined else [a]",
        "(a | without('b')) | without('B') | lower_keys",
    ];

    /// What both can do they do alike.
    #[test]
    fn the_interpreter_agrees() {
        let json = serde_json::json!({"zero": 0, "empty": "", "text": "t", "null": null,
            "b": {"c": [1, 2], "D": {"E": 1}}, "B": true});
        let mut scope = Scope::default();
        scope.set(&"a".into(), Data::of(&json));
        let text = serde_json::Value::from("t");
        scope.set(&"text".into(), Data::of(&text));
        let (json, text) = (Json::from(json), Json::from(text));
        let mut sight = Sight::default();
        sight.set("a", Seen::of(&json));
        sight.set("text", Seen::of(&text));
        for text in TEXTS {
            let simple = Simple::parse(text).unwrap_or_else(|| panic!("{text} is simple"));
            let whole = ENVIRONMENT.compile_expression_owned((*text).to_owned()).unwrap();
            let wanted = whole.eval(Value::from_dyn_object(Arc::clone(&scope.0))).unwrap();
            let got = simple.look(&sight).unwrap();
            let plain = serde_json::Value::from(got.to_json());
            assert_eq!(plain.to_string(), Data(wanted.clone()).to_json().to_string(), "{text}");
            assert_eq!(got.is_undefined(), wanted.is_undefined(), "{text}");
            assert_eq!(got.is_true(), wanted.is_true(), "{text}");
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
        // The interpreter sees what was seen before it was asked.
        let part = Simple::parse("a | only('b', 'zero')").unwrap();
        let mut sight = sight;
        sight.set("part", part.look(&sight).unwrap());
        let whole =
            Expression::parse("part | length ~ part.b.c[1] ~ (part.text is defined)").unwrap();
        assert_eq!(whole.look(&sight).unwrap().to_json().as_str(), Some("22False"));
        let slice = Expression::parse("text[:1]").unwrap();
        assert_eq!(slice.look(&sight).unwrap().to_json().as_str(), Some("t"));
        assert!(Simple::parse(&"(".repeat(100_000)).is_none());
    }
}
