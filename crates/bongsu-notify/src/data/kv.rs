//! The label sets of templates: `KV`, `Pairs` and lists of names.

use std::sync::Arc;

use bongsu_lang::gotmpl::{Context, Field, Object, Parameter, Shape, Signature, TextKind, Value};
use bongsu_model::Labels;
use serde::{Serialize, Serializer};

const NONE: Signature = Signature::fixed(&[]);

/// A set of names and values with the methods templates know.
#[derive(Clone, Debug, Default)]
pub struct Kv {
    /// `None` is Go's nil map, `null` in JSON.
    labels: Option<Labels>,
    /// The values are templates from the configuration.
    templates: bool,
}

impl Kv {
    /// A set of plain values.
    pub fn new(labels: Labels) -> Self {
        Self { labels: Some(labels), templates: false }
    }

    /// A set whose values are templates of the configuration, which `routeLabels` renders.
    pub fn templates(labels: Labels) -> Self {
        Self { labels: Some(labels), templates: true }
    }

    /// The pairs in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().flat_map(Labels::iter)
    }

    /// The value of `name`, or `""`.
    pub fn value(&self, name: &str) -> &str {
        self.labels.as_ref().map_or("", |labels| labels.value(name))
    }

    fn wrap(&self, text: &str) -> Value {
        if self.templates {
            Value::Text(TextKind::Template, Arc::from(text))
        } else {
            Value::from(text)
        }
    }

    /// `alertname` first, then by name.
    fn sorted_pairs(&self) -> Pairs {
        let (mut pairs, rest): (Vec<_>, Vec<_>) = self
            .iter()
            .map(|(n, v)| Arc::new(Pair::new(n, v)))
            .partition(|p| &*p.name == "alertname");
        pairs.extend(rest);
        Pairs(pairs)
    }
}

impl From<Labels> for Kv {
    fn from(labels: Labels) -> Self {
        Self::new(labels)
    }
}

impl Serialize for Kv {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.labels.serialize(serializer)
    }
}

impl Object for Kv {
    fn type_name(&self) -> &'static str {
        "template.KV"
    }
    fn shape(&self) -> Shape {
        Shape::Map
    }
    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "SortedPairs" | "Names" | "Values" | "String" => Some(NONE),
            "Remove" => Some(Signature::fixed(&[Parameter::Strings])),
            _ => None,
        }
    }
    fn call(&self, name: &str, arguments: &[Value], _: &Context) -> Result<Value, String> {
        Ok(match (name, arguments) {
            ("SortedPairs", _) => Value::object(self.sorted_pairs()),
            ("Names", _) => self.sorted_pairs().names(),
            ("Values", _) => self.sorted_pairs().values(),
            ("Remove", [names]) => {
                let names = names.elements();
                let kept = self.labels.as_ref().map(|labels| {
                    labels.project(|name| !names.iter().any(|n| n.as_str() == Some(name)))
                });
                let labels = Some(kept.unwrap_or_default());
                Value::object(Self { labels, templates: self.templates })
            }
            _ => Value::from(self.sorted_pairs().printed()),
        })
    }
    fn text(&self) -> Option<String> {
        Some(self.sorted_pairs().printed())
    }
    fn len(&self) -> usize {
        self.labels.as_ref().map_or(0, Labels::len)
    }
    fn element_type(&self) -> &'static str {
        "string"
    }
    fn keys(&self) -> Vec<Arc<str>> {
        self.iter().map(|(name, _)| Arc::from(name)).collect()
    }
    fn entry(&self, key: &str) -> Option<Value> {
        self.labels.as_ref()?.get(key).map(|value| self.wrap(value))
    }
    fn zero(&self) -> Value {
        Value::from("")
    }
    fn is_nil(&self) -> bool {
        self.labels.is_none()
    }
}

/// One name with its value.
#[derive(Debug)]
struct Pair {
    name: Arc<str>,
    value: Arc<str>,
}

impl Pair {
    fn new(name: &str, value: &str) -> Self {
        Self { name: Arc::from(name), value: Arc::from(value) }
    }
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "template.Pair"
    }
    fn shape(&self) -> Shape {
        Shape::Struct
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Name" => Some(Value::Str(Arc::clone(&self.name))),
            "Value" => Some(Value::Str(Arc::clone(&self.value))),
            _ => None,
        }
    }
    fn fields(&self) -> Vec<Field> {
        let field =
            |name, text: &Arc<str>| Field { name, json: name, value: Value::Str(Arc::clone(text)) };
        vec![field("Name", &self.name), field("Value", &self.value)]
    }
}

/// A list of pairs; prints as `a=1, b=2`.
#[derive(Debug)]
struct Pairs(Vec<Arc<Pair>>);

impl Pairs {
    fn names(&self) -> Value {
        Value::object(Texts(self.0.iter().map(|p| Arc::clone(&p.name)).collect()))
    }
    fn values(&self) -> Value {
        Value::object(Texts(self.0.iter().map(|p| Arc::clone(&p.value)).collect()))
    }
    fn printed(&self) -> String {
        let mut out = String::new();
        for pair in &self.0 {
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(&pair.name);
            out.push('=');
            out.push_str(&pair.value);
        }
        out
    }
}

impl Object for Pairs {
    fn type_name(&self) -> &'static str {
        "template.Pairs"
    }
    fn shape(&self) -> Shape {
        Shape::List
    }
    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Names" | "Values" | "String").then_some(NONE)
    }
    fn call(&self, name: &str, _: &[Value], _: &Context) -> Result<Value, String> {
        Ok(match name {
            "Names" => self.names(),
            "Values" => self.values(),
            _ => Value::from(self.printed()),
        })
    }
    fn text(&self) -> Option<String> {
        Some(self.printed())
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn item(&self, index: usize) -> Option<Value> {
        self.0.get(index).map(|pair| Value::Object(Arc::clone(pair) as _))
    }
    fn element_type(&self) -> &'static str {
        "template.Pair"
    }
}

/// A list of strings that can join itself.
#[derive(Debug)]
struct Texts(Vec<Arc<str>>);

impl Object for Texts {
    fn type_name(&self) -> &'static str {
        "template.Strings"
    }
    fn shape(&self) -> Shape {
        Shape::List
    }
    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Join").then_some(Signature::fixed(&[Parameter::Str]))
    }
    fn call(&self, _: &str, arguments: &[Value], _: &Context) -> Result<Value, String> {
        let separator = arguments.first().and_then(Value::as_str).unwrap_or("");
        Ok(Value::from(self.0.join(separator)))
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn item(&self, index: usize) -> Option<Value> {
        self.0.get(index).map(|text| Value::Str(Arc::clone(text)))
    }
    fn element_type(&self) -> &'static str {
        "string"
    }
}
