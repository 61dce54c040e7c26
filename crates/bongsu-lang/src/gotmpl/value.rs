//! The values templates compute with, and the trait that plugs other types in.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::function::Signature;
use super::json;
use super::limits::Context;
use super::time::{GoTime, Zone};

/// A value with as much of Go's static type as templates can notice.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// No value at all: data that was not given. Prints `<no value>`.
    #[default]
    Absent,
    /// A nil interface: a missing key of an untyped map.
    Nil,
    /// `bool`.
    Bool(bool),
    /// Any integer type.
    Int(i64, IntType),
    /// `float64`.
    Float(f64),
    /// `complex128`.
    Complex(f64, f64),
    /// `string`.
    Str(Arc<str>),
    /// A string type with a meaning of its own.
    Text(TextKind, Arc<str>),
    /// `time.Time`.
    Time(GoTime),
    /// `time.Duration`, nanoseconds.
    Duration(i64),
    /// `*time.Location`.
    Zone(Zone),
    /// A slice.
    List(Arc<List>),
    /// `map[string]interface {}`.
    Map(Arc<Dict>),
    /// Anything else.
    Object(Arc<dyn Object>),
}

/// Which integer type; `Month` and `Weekday` print as names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntType {
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `int32`, also runes
    Int32,
    /// `uint8`, bytes of strings
    Uint8,
    /// `time.Month`
    Month,
    /// `time.Weekday`
    Weekday,
}

/// String types that the HTML escaper trusts, and unrendered templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Safe HTML.
    Html,
    /// Safe attribute list.
    HtmlAttr,
    /// Safe URL.
    Url,
    /// Safe `srcset`.
    Srcset,
    /// Safe script expression.
    Js,
    /// Safe script string content.
    JsStr,
    /// Safe style text.
    Css,
    /// A plain string that is itself a template written in the configuration; `routeLabels`
    /// renders it. Text from alerts is never of this kind.
    Template,
}

/// A slice with the name of its Go type.
#[derive(Debug)]
pub struct List {
    type_name: &'static str,
    items: Vec<Value>,
    depth: usize,
}

impl List {
    /// `type_name` is Go's: `[]string`, `[]interface {}`, …
    pub fn new(type_name: &'static str, items: Vec<Value>) -> Self {
        let depth = deepest(items.iter());
        Self { type_name, items, depth }
    }

    /// Go's name of the type.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

/// A `map[string]interface {}`.
#[derive(Debug)]
pub struct Dict {
    entries: BTreeMap<Arc<str>, Value>,
    depth: usize,
}

impl Dict {
    /// A map of these entries.
    pub fn new(entries: BTreeMap<Arc<str>, Value>) -> Self {
        let depth = deepest(entries.values());
        Self { entries, depth }
    }

    /// The entries in key order.
    pub fn entries(&self) -> &BTreeMap<Arc<str>, Value> {
        &self.entries
    }
}

/// Levels of a container holding these values.
fn deepest<'a>(values: impl Iterator<Item = &'a Value>) -> usize {
    values.map(Value::depth).max().unwrap_or(0) + 1
}

/// What an [`Object`] looks like to `range`, `index`, `len` and printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A struct: [`Object::field`] and [`Object::fields`].
    Struct,
    /// A pointer to a struct; prints with `&`.
    Pointer,
    /// A slice: [`Object::len`] and [`Object::item`].
    List,
    /// A map with string keys: [`Object::len`], [`Object::keys`] and [`Object::entry`].
    Map,
}

/// One field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Go name.
    pub name: &'static str,
    /// Key in JSON.
    pub json: &'static str,
    /// Its value.
    pub value: Value,
}

/// A data type of the host. Only what applies to its [`Shape`] needs to be written.
pub trait Object: Debug + Send + Sync {
    /// Go's name of the type, as error messages show it (`template.Alert`).
    fn type_name(&self) -> &'static str;
    /// What it looks like.
    fn shape(&self) -> Shape;
    /// A struct's exported field.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// All fields in declaration order, for printing and JSON.
    fn fields(&self) -> Vec<Field> {
        Vec::new()
    }
    /// Parameters of a method, if there is one of that name.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }
    /// Calls a method announced by [`Object::method`]; arguments have been checked against it.
    ///
    /// # Errors
    /// The text of the error the method returns.
    fn call(&self, name: &str, _arguments: &[Value], _context: &Context) -> Result<Value, String> {
        Err(format!("no method {name}"))
    }
    /// The result of the type's `String` method, if it has one.
    fn text(&self) -> Option<String> {
        None
    }
    /// Number of elements or entries.
    fn len(&self) -> usize {
        0
    }
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Element of a list.
    fn item(&self, _index: usize) -> Option<Value> {
        None
    }
    /// Part of a list as the same type; a plain list is built if this gives nothing.
    fn slice(&self, _from: usize, _to: usize) -> Option<Value> {
        None
    }
    /// Go type of the elements of a list or map.
    fn element_type(&self) -> &'static str {
        "interface {}"
    }
    /// Keys of a map in order.
    fn keys(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
    /// Entry of a map.
    fn entry(&self, _key: &str) -> Option<Value> {
        None
    }
    /// What a missing key of the map gives: the zero value of the element type.
    fn zero(&self) -> Value {
        Value::Nil
    }
    /// Whether it is Go's nil (a nil map or slice is `null` in JSON).
    fn is_nil(&self) -> bool {
        false
    }
}

impl Value {
    /// A `[]string`.
    pub fn strings<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|s| Self::Str(s.into())).collect();
        Self::List(Arc::new(List::new("[]string", items)))
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List::new("[]interface {}", items)))
    }

    /// A `map[string]interface {}`.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self::Map(Arc::new(Dict::new(entries)))
    }

    /// Levels of lists and maps inside each other; host types count as one.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.depth,
            Self::Map(map) => map.depth,
            _ => 0,
        }
    }

    /// An `int`.
    pub fn int(number: i64) -> Self {
        Self::Int(number, IntType::Int)
    }

    /// A host type.
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Arc::new(object))
    }

    /// As Go decodes JSON into an `interface {}`: every number is a `float64`.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nil,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => Self::Float(n.as_f64().unwrap_or(0.0)),
            Json::String(s) => Self::from(s.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(entries) => {
                Self::map(entries.iter().map(|(k, v)| (k.as_str(), Self::from_json(v))))
            }
        }
    }

    /// As Go's `json.Marshal` sees the value; struct fields keep their order.
    ///
    /// # Errors
    /// Go's message for numbers and types that JSON cannot hold; a value of too many parts.
    pub fn to_json(&self) -> Result<serde_json::Value, String> {
        let mut left = json::MOST_PARTS;
        json::encode(self, &mut left)
    }

    /// Go's name of the type, as `%T` and error messages show it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Absent => "<nil>",
            Self::Nil => "interface {}",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.name(),
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Str(_) => "string",
            Self::Text(kind, _) => kind.name(),
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Zone(_) => "*time.Location",
            Self::List(list) => list.type_name,
            Self::Map(_) => "map[string]interface {}",
            Self::Object(object) => object.type_name(),
        }
    }

    /// What `if` asks: not zero, not empty. A struct is always true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Absent | Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n, _) | Self::Duration(n) => *n != 0,
            Self::Float(f) => *f != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Str(s) | Self::Text(_, s) => !s.is_empty(),
            Self::Time(_) | Self::Zone(_) => true,
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Object(object) => match object.shape() {
                Shape::Struct => true,
                Shape::Pointer => !object.is_nil(),
                Shape::List | Shape::Map => !object.is_empty(),
            },
        }
    }

    /// The text of a string of any kind.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) | Self::Text(_, s) => Some(s),
            _ => None,
        }
    }

    /// The elements of a slice of any type; empty for anything else.
    pub fn elements(&self) -> Vec<Self> {
        match self {
            Self::List(list) => list.items.clone(),
            Self::Object(object) if object.shape() == Shape::List => {
                (0..object.len()).filter_map(|i| object.item(i)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether there is nothing in it: no value or a nil interface.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Absent | Self::Nil)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(Arc::from(text))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl IntType {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Uint8 => "uint8",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }
}

impl TextKind {
    fn name(self) -> &'static str {
        match self {
            Self::Html => "template.HTML",
            Self::HtmlAttr => "template.HTMLAttr",
            Self::Url => "template.URL",
            Self::Srcset => "template.Srcset",
            Self::Js => "template.JS",
            Self::JsStr => "template.JSStr",
            Self::Css => "template.CSS",
            Self::Template => "string",
        }
    }
}
