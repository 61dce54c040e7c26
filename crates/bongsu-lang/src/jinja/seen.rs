//! Values of a document as expressions see them: borrowed as long as nothing new comes of them.
//!
//! In: JSON, and what filters leave of it. Out: the same values the interpreter would give, without
//! its copies; where it has to be asked it gets a copy, once.

use std::cell::OnceCell;
use std::sync::Arc;

use minijinja::value::Value;
use serde_json::{Map, Value as Json};

use super::convert::{of_json, to_json};
use super::{Data, Names};

/// A value.
#[derive(Clone, Debug)]
pub struct Seen<'a>(pub(super) Held<'a>);

#[derive(Clone, Debug)]
pub(super) enum Held<'a> {
    Undefined,
    Text(&'a str),
    Json(&'a Json),
    /// Part of a map.
    Part(&'a Map<String, Json>, &'a Sieve),
    List(Arc<[Seen<'a>]>),
    Own(Arc<Json>),
    /// The interpreter's.
    Value(Value),
}

/// Which keys of a map are left.
#[derive(Debug)]
pub(super) struct Sieve {
    /// These, or all but these.
    pub(super) only: bool,
    pub(super) keys: Box<[Box<str>]>,
}

impl Sieve {
    pub(super) fn lets(&self, key: &str) -> bool {
        self.keys.iter().any(|one| **one == *key) == self.only
    }
}

impl<'a> Seen<'a> {
    /// A document.
    pub fn of(json: &'a Json) -> Self {
        Self(Held::Json(json))
    }

    /// What is under a key; undefined if this is no map or has none.
    pub(super) fn get(&self, key: &str) -> Result<Self, minijinja::Error> {
        let found = match &self.0 {
            Held::Json(Json::Object(map)) => map.get(key).map(Held::Json),
            Held::Part(map, sieve) if sieve.lets(key) => map.get(key).map(Held::Json),
            Held::Own(json) => json.get(key).map(|json| Held::Own(Arc::new(json.clone()))),
            Held::Value(value) if value.is_undefined() || value.is_none() => None,
            Held::Value(value) => Some(Held::Value(value.get_attr(key)?)),
            _ => None,
        };
        Ok(Self(found.unwrap_or(Held::Undefined)))
    }

    /// The pairs of a map; none of anything else.
    pub fn each_entry(&self, mut take: impl FnMut(&str, &Json)) {
        let mut all = |map: &Map<String, Json>| map.iter().for_each(|(key, json)| take(key, json));
        match &self.0 {
            Held::Json(Json::Object(map)) => all(map),
            Held::Part(map, sieve) => {
                map.iter().filter(|(key, _)| sieve.lets(key)).for_each(|(k, json)| take(k, json));
            }
            Held::Own(json) => json.as_object().into_iter().for_each(all),
            Held::Value(value) => to_json(value).as_object().into_iter().for_each(all),
            _ => {}
        }
    }

    /// The elements of a list; `None` for anything else.
    pub fn elements(&self) -> Option<Vec<Self>> {
        let own = |json: &Json| Self(Held::Own(Arc::new(json.clone())));
        match &self.0 {
            Held::Json(Json::Array(items)) => Some(items.iter().map(Self::of).collect()),
            Held::List(items) => Some(items.to_vec()),
            Held::Own(json) => Some(json.as_array()?.iter().map(own).collect()),
            Held::Value(value) => {
                let items = Data(value.clone()).elements()?;
                Some(items.into_iter().map(|item| Self(Held::Value(item.0))).collect())
            }
            _ => None,
        }
    }

    pub(super) fn is_undefined(&self) -> bool {
        match &self.0 {
            Held::Undefined => true,
            Held::Value(value) => value.is_undefined(),
            _ => false,
        }
    }

    /// Undefined or null.
    pub fn is_nothing(&self) -> bool {
        match &self.0 {
            Held::Json(json) => json.is_null(),
            Held::Own(json) => json.is_null(),
            Held::Value(value) => value.is_undefined() || value.is_none(),
            Held::Undefined => true,
            _ => false,
        }
    }

    /// Not null, false, zero or empty.
    pub fn is_true(&self) -> bool {
        match &self.0 {
            Held::Undefined => false,
            Held::Text(text) => !text.is_empty(),
            Held::Json(json) => is_true(json),
            Held::Part(map, sieve) => map.keys().any(|key| sieve.lets(key)),
            Held::List(items) => !items.is_empty(),
            Held::Own(json) => is_true(json),
            Held::Value(value) => value.is_true(),
        }
    }

    /// As JSON; undefined is null.
    pub fn to_json(&self) -> Json {
        match &self.0 {
            Held::Undefined => Json::Null,
            Held::Text(text) => Json::from(*text),
            Held::Json(json) => (*json).clone(),
            Held::Part(..) => Json::Object(self.to_map()),
            Held::List(items) => items.iter().map(Self::to_json).collect(),
            Held::Own(json) => (**json).clone(),
            Held::Value(value) => to_json(value),
        }
    }

    /// The pairs of a map; empty for anything else.
    pub(super) fn to_map(&self) -> Map<String, Json> {
        let room = match &self.0 {
            Held::Json(Json::Object(map)) => map.len(),
            Held::Part(map, _) => map.len(),
            _ => 0,
        };
        let mut map = Map::with_capacity(room);
        self.each_entry(|key, json| drop(map.insert(key.to_owned(), json.clone())));
        map
    }

    pub(super) fn to_value(&self) -> Value {
        match &self.0 {
            Held::Undefined => Value::UNDEFINED,
            Held::Text(text) => Value::from(*text),
            Held::Json(json) => of_json(json),
            Held::Own(json) => of_json(json),
            Held::Value(value) => value.clone(),
            Held::Part(..) | Held::List(_) => of_json(&self.to_json()),
        }
    }
}

fn is_true(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

/// The names an expression may use, each with what is seen there.
#[derive(Debug, Default)]
pub struct Sight<'a>(Vec<Named<'a>>);

#[derive(Debug)]
struct Named<'a> {
    name: &'a str,
    seen: Seen<'a>,
    /// What the interpreter got, once it was asked.
    value: OnceCell<Value>,
}

impl<'a> Sight<'a> {
    /// Names a value; a later one of the same name hides it.
    pub fn set(&mut self, name: &'a str, seen: Seen<'a>) {
        self.0.push(Named { name, seen, value: OnceCell::new() });
    }

    /// Number of names, for [`Self::cut`].
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets the names set after there were `len`.
    pub fn cut(&mut self, len: usize) {
        self.0.truncate(len);
    }

    fn find(&self, name: &str) -> Option<&Named<'a>> {
        self.0.iter().rev().find(|named| named.name == name)
    }

    /// What a name stands for; undefined if it is not named.
    pub fn seen(&self, name: &str) -> Seen<'a> {
        self.find(name).map_or(Seen(Held::Undefined), |named| named.seen.clone())
    }

    /// What the interpreter needs for an expression with these names.
    pub(super) fn names(&self, wanted: &[Arc<str>]) -> Names {
        let known = wanted.iter().filter_map(|name| {
            let named = self.find(name)?;
            let value = named.value.get_or_init(|| named.seen.to_value());
            Some((Arc::clone(name), value.clone()))
        });
        Names(known.collect())
    }
}
