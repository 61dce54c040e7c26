//! Lists, maps and route labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::text;
use crate::gotmpl::function::Call;
use crate::gotmpl::value::{Dict, Shape, TextKind, Value};

type Outcome = Result<Value, String>;

pub(super) fn list(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    bounded(Value::list(v.to_vec()))
}

pub(super) fn append(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let mut items = v[0].elements();
    items.extend_from_slice(&v[1..]);
    bounded(Value::list(items))
}

/// Refuses values so deep that walking them would need a deep stack.
fn bounded(value: Value) -> Outcome {
    const MOST: usize = 100;
    if value.depth() > MOST {
        return Err(format!("value is nested more than {MOST} levels deep"));
    }
    Ok(value)
}

/// `dict "key" value …`
pub(super) fn dict(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let (pairs, rest) = v.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let mut map = BTreeMap::new();
    for [key, value] in pairs {
        let Some(key) = key.as_str() else { return Err("dict keys must be strings".to_owned()) };
        map.insert(Arc::from(key), value.clone());
    }
    bounded(Value::Map(Arc::new(Dict::new(map))))
}

/// The route label of that name, empty if there is none. A label that is still a template of the
/// configuration is rendered with the same data; rendered ones are never evaluated again.
pub(super) fn route_label(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let name = text(v, 0);
    let labels = match call.root {
        Value::Object(data) => data.field("RouteLabels"),
        Value::Map(data) => data.entries().get("RouteLabels").cloned(),
        _ => None,
    };
    let value = match &labels {
        Some(Value::Object(labels)) if labels.shape() == Shape::Map => labels.entry(name),
        Some(Value::Map(labels)) => labels.entries().get(name).cloned(),
        _ => None,
    };
    match value {
        Some(Value::Text(TextKind::Template, source)) => (call.render)(&source).map(Value::from),
        Some(other) => Ok(Value::from(other.as_str().unwrap_or(""))),
        None => Ok(Value::from("")),
    }
}
