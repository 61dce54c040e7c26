//! What Prometheus' templates do with the answer of a query.

use std::sync::Arc;

use bongsu_model::Labels;

use super::text::text;
use crate::gotmpl::function::Call;
use crate::gotmpl::value::{Field, List, Object, Shape, Value};

type Outcome = Result<Value, String>;

const RESULT: &str = "template.queryResult";

/// A `map[string]string`: a missing key is the empty text.
#[derive(Clone, Debug, Default)]
pub struct StringMap(pub Labels);

impl Object for StringMap {
    fn type_name(&self) -> &'static str {
        "map[string]string"
    }
    fn shape(&self) -> Shape {
        Shape::Map
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn element_type(&self) -> &'static str {
        "string"
    }
    fn keys(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|(name, _)| Arc::from(name)).collect()
    }
    fn entry(&self, key: &str) -> Option<Value> {
        self.0.get(key).map(Value::from)
    }
    fn zero(&self) -> Value {
        Value::from("")
    }
}

/// One element of a query's answer.
#[derive(Clone, Debug)]
pub struct QuerySample {
    /// Its labels, `__name__` among them.
    pub labels: Labels,
    /// A float, or a native histogram in its printed form.
    pub value: Value,
}

impl Object for QuerySample {
    fn type_name(&self) -> &'static str {
        "*template.sample"
    }
    fn shape(&self) -> Shape {
        Shape::Pointer
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Labels" => Some(Value::object(StringMap(self.labels.clone()))),
            "Value" => Some(self.value.clone()),
            _ => None,
        }
    }
    fn fields(&self) -> Vec<Field> {
        let field = |name| Field { name, json: name, value: self.field(name).unwrap_or_default() };
        vec![field("Labels"), field("Value")]
    }
}

/// The answer of a query as templates see it.
pub fn query_result(samples: impl IntoIterator<Item = QuerySample>) -> Value {
    result(samples.into_iter().map(Value::object).collect())
}

fn result(samples: Vec<Value>) -> Value {
    Value::List(Arc::new(List::new(RESULT, samples)))
}

pub(super) fn query(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    match &call.context.host {
        Some(host) => host.answer("query", text(v, 0)),
        None => Err("no data source to ask".to_owned()),
    }
}

pub(super) fn first(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let first = samples(&v[0])?.first();
    first.cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
}

pub(super) fn label(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    label_of(&v[1], text(v, 0))
}

pub(super) fn value(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    field(&v[0], "Value")
}

/// The label `__value__`, where expressions hide a text.
pub(super) fn string_value(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    label_of(&v[0], "__value__")
}

pub(super) fn sort_by_label(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let name = text(v, 0);
    let mut keyed: Vec<(Value, Value)> = Vec::new();
    for sample in samples(&v[1])? {
        keyed.push((label_of(sample, name)?, sample.clone()));
    }
    keyed.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
    Ok(result(keyed.into_iter().map(|(_, sample)| sample).collect()))
}

/// `args`: its arguments as a map with the keys `arg0`, `arg1` …
pub(super) fn arguments(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::map(v.iter().enumerate().map(|(i, value)| (format!("arg{i}"), value.clone()))))
}

fn samples(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::List(list) if list.type_name() == RESULT => Ok(list.items()),
        other => Err(format!("wrong type for value; expected {RESULT}; got {}", other.type_name())),
    }
}

fn field(sample: &Value, name: &str) -> Outcome {
    match sample {
        Value::Object(object) if object.type_name() == "*template.sample" => {
            Ok(object.field(name).unwrap_or_default())
        }
        other => Err(format!(
            "wrong type for value; expected *template.sample; got {}",
            other.type_name()
        )),
    }
}

fn label_of(sample: &Value, name: &str) -> Outcome {
    match field(sample, "Labels")? {
        Value::Object(labels) => Ok(labels.entry(name).unwrap_or_else(|| Value::from(""))),
        _ => Ok(Value::from("")),
    }
}
