//! Values of a document as expressions see them: borrowed as long as nothing new comes of them.
//!
//! In: a document, and what filters leave of it. Out: the same values the interpreter would give,
//! without its copies; where it has to be asked it gets a copy, once.

use std::cell::OnceCell;
use std::sync::Arc;

use bongsu_model::{Json, JsonMap, SmolStr};
use minijinja::value::Value;

use super::convert::{of_shared, to_shared};
use super::{Data, Names};

/// A value.
#[derive(Clone, Debug)]
pub struct Seen<'a>(pub(super) Held<'a>);

#[derive(Clone, Debug)]
pub(super) enum Held<'a> {
    Undefined,
    Json(&'a Json),
    /// Part of a map.
    Part(&'a Arc<JsonMap>, &'a Sieve),
    List(Arc<[Seen<'a>]>),
    Own(Json),
    /// The interpreter's.
    Value(Value),
}

/// Which keys of a map are left.
#[derive(Debug)]
pub(super) struct Sieve {
    /// These, or all but these.
    only: bool,
    keys: Box<[SmolStr]>,
    /// A bit for each length of a key, the last one for all from there on.
    lengths: u64,
}

impl Sieve {
    /// Lets only these keys pass, or all but these.
    pub(super) fn new(only: bool, keys: Vec<SmolStr>) -> Self {
        let lengths = keys.iter().fold(0, |lengths, key| lengths | Self::length(key));
        Self { only, keys: keys.into(), lengths }
    }

    fn length(key: &str) -> u64 {
        1 << key.len().min(63)
    }

    pub(super) fn lets(&self, key: &str) -> bool {
        let listed = self.lengths & Self::length(key) != 0 && self.keys.iter().any(|k| *k == *key);
        listed == self.only
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
            Held::Json(json) => json.get(key).map(Held::Json),
            Held::Part(map, sieve) if sieve.lets(key) => map.get(key).map(Held::Json),
            Held::Own(json) => json.get(key).cloned().map(Held::Own),
            Held::Value(value) if value.is_undefined() || value.is_none() => None,
            Held::Value(value) => Some(Held::Value(value.get_attr(key)?)),
            _ => None,
        };
        Ok(Self(found.unwrap_or(Held::Undefined)))
    }

    /// The pairs of a map; none of anything else.
    pub fn each_entry(&self, mut take: impl FnMut(&SmolStr, &Json)) {
        let mut all = |map: &JsonMap| map.iter().for_each(|(key, json)| take(key, json));
        match &self.0 {
            Held::Json(Json::Map(map)) | Held::Own(Json::Map(map)) => all(map),
            Held::Part(map, sieve) => {
                map.iter().filter(|(key, _)| sieve.lets(key)).for_each(|(k, json)| take(k, json));
            }
            Held::Value(value) => to_shared(value).as_map().into_iter().for_each(all),
            _ => {}
        }
    }

    /// The elements of a list; `None` for anything else.
    pub fn elements(&self) -> Option<Vec<Self>> {
        match &self.0 {
            Held::Json(json) => Some(json.as_list()?.iter().map(Self::of).collect()),
            Held::List(items) => Some(items.to_vec()),
            Held::Own(json) => {
                Some(json.as_list()?.iter().map(|json| Self(Held::Own(json.clone()))).collect())
            }
            Held::Value(value) => {
                let items = Data(value.clone()).elements()?;
                Some(items.into_iter().map(|item| Self(Held::Value(item.0))).collect())
            }
            Held::Undefined | Held::Part(..) => None,
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
            Held::Part(..) | Held::List(_) => false,
        }
    }

    /// Not null, false, zero or empty.
    pub fn is_true(&self) -> bool {
        match &self.0 {
            Held::Undefined => false,
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
            Held::Json(json) => (*json).clone(),
            Held::Part(map, sieve) if map.keys().all(|key| sieve.lets(key)) => {
                Json::Map(Arc::clone(map))
            }
            Held::Part(..) => self.to_map().into(),
            Held::List(items) => items.iter().map(Self::to_json).collect(),
            Held::Own(json) => json.clone(),
            Held::Value(value) => to_shared(value),
        }
    }

    /// The pairs of a map; empty for anything else.
    pub(super) fn to_map(&self) -> JsonMap {
        match &self.0 {
            Held::Json(Json::Map(map)) | Held::Own(Json::Map(map)) => JsonMap::clone(map),
            Held::Part(map, sieve) => map.filtered(|key, _| sieve.lets(key)),
            Held::Value(value) => to_shared(value).as_map().cloned().unwrap_or_default(),
            _ => JsonMap::new(),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match &self.0 {
            Held::Undefined => Value::UNDEFINED,
            Held::Json(json) => of_shared(json),
            Held::Own(json) => of_shared(json),
            Held::Value(value) => value.clone(),
            Held::Part(..) | Held::List(_) => of_shared(&self.to_json()),
        }
    }
}

fn is_true(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::Text(text) => !text.is_empty(),
        Json::List(items) => !items.is_empty(),
        Json::Map(map) => !map.is_empty(),
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
