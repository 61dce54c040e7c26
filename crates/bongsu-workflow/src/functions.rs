//! The functions `keep.…( )`.
//!
//! In: the name of one, its arguments as values. Out: a value. Calls stand in texts of the
//! configuration; a text in data that looks like a call is text. Arguments keep their types: numbers
//! are numbers, and may be negative.

mod lists;
mod maps;
mod texts;
mod times;

use bongsu_lang::jinja::Methods;
use serde_json::Value;

use crate::expr::Facts;
use crate::value::{integer, number};

pub(crate) use lists::length;
pub(crate) use texts::pretty;

type Result = std::result::Result<Value, String>;

/// A call with its arguments.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    pub(crate) positional: Vec<Value>,
    pub(crate) named: Vec<(&'c str, Value)>,
    pub(crate) facts: Facts,
}

impl Call<'_> {
    /// The argument at a position or under a name.
    fn get(&self, at: usize, name: &str) -> Option<&Value> {
        let named = self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        named.or_else(|| self.positional.get(at))
    }

    fn need(&self, at: usize, name: &str) -> std::result::Result<&Value, String> {
        self.get(at, name).ok_or_else(|| format!("the argument {name} is missing"))
    }

    /// As text; empty if absent.
    fn text(&self, at: usize, name: &str) -> String {
        self.get(at, name).map(crate::value::shown).unwrap_or_default()
    }

    fn whole(&self, at: usize, name: &str, otherwise: i64) -> std::result::Result<i64, String> {
        match self.get(at, name) {
            None | Some(Value::Null) => Ok(otherwise),
            Some(value) => integer(value).ok_or_else(|| format!("{name} is a whole number")),
        }
    }

    fn numbers(&self) -> std::result::Result<Vec<f64>, String> {
        let items = match self.positional.as_slice() {
            [Value::Array(items)] => items,
            items => items,
        };
        let wanted = || "numbers are wanted".to_owned();
        items.iter().map(|value| number(value).ok_or_else(wanted)).collect()
    }
}

/// A function.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    name: &'static str,
    run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "keep.{}", self.name)
    }
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let known = ALL.iter().find(|(known, _)| *known == name);
        known.map(|(name, run)| Self { name, run: *run })
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn call(&self, call: &Call<'_>) -> Result {
        (self.run)(call)
    }
}

/// The functions for texts with blocks: `{{ keep.len(x) }}`.
#[derive(Debug)]
pub(crate) struct Host(pub(crate) Facts);

impl Methods for Host {
    fn call(&self, name: &str, arguments: &[Value]) -> Result {
        let function =
            Function::named(name).ok_or_else(|| format!("there is no function keep.{name}"))?;
        function.call(&Call { positional: arguments.to_vec(), named: Vec::new(), facts: self.0 })
    }
}

type Run = fn(&Call<'_>) -> Result;

const ALL: &[(&str, Run)] = &[
    ("add", lists::add),
    ("sub", lists::sub),
    ("mul", lists::mul),
    ("div", lists::div),
    ("fdiv", lists::fdiv),
    ("mod", lists::modulo),
    ("exp", lists::exp),
    ("eq", lists::eq),
    ("all", lists::all),
    ("diff", lists::diff),
    ("len", lists::len),
    ("index", lists::index),
    ("first", lists::first),
    ("last", lists::last),
    ("join", lists::join),
    ("uppercase", texts::uppercase),
    ("lowercase", texts::lowercase),
    ("capitalize", texts::capitalize),
    ("title", texts::title),
    ("strip", texts::strip),
    ("split", texts::split),
    ("replace", texts::replace),
    ("remove_newlines", texts::remove_newlines),
    ("encode", texts::encode),
    ("slice", texts::slice),
    ("json_dumps", texts::json_dumps),
    ("json_loads", texts::json_loads),
    ("dictget", maps::dictget),
    ("dict_pop", maps::dict_pop),
    ("dict_pop_prefix", maps::dict_pop_prefix),
    ("dict_filter_by_prefix", maps::dict_filter_by_prefix),
    ("dict_set", maps::dict_set),
    ("dict_merge", maps::dict_merge),
    ("dict_to_key_value_list", maps::dict_to_key_value_list),
    ("utcnow", times::utcnow),
    ("utcnowtimestamp", times::utcnowtimestamp),
    ("utcnowiso", times::utcnowiso),
    ("to_utc", times::to_utc),
    ("to_timestamp", times::to_timestamp),
    ("from_timestamp", times::from_timestamp),
    ("datetime_compare", times::datetime_compare),
    ("timestamp_delta", times::timestamp_delta),
    ("substract_minutes", times::substract_minutes),
    ("add_time_to_date", times::add_time_to_date),
    ("is_business_hours", times::is_business_hours),
    ("get_firing_time", times::get_firing_time),
    ("is_first_time", times::is_first_time),
];
