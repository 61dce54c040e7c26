//! Trees as JSON, in the form of `/api/v1/parse_query`.

use bongsu_model::Matcher;
use serde_json::{Map, Value, json};

use crate::ast::{At, Cardinality, Expr, ExprKind, Length, Matching, Selector, Shift};
use crate::signature::{Signature, ValueType};

/// The name of a node's type: `binaryExpr`, `vectorSelector` …
pub fn node_type(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Number { .. } => "numberLiteral",
        ExprKind::Text(_) => "stringLiteral",
        ExprKind::Vector(_) => "vectorSelector",
        ExprKind::Matrix { .. } => "matrixSelector",
        ExprKind::Subquery { .. } => "subquery",
        ExprKind::Call { .. } => "call",
        ExprKind::Aggregate { .. } => "aggregation",
        ExprKind::Binary { .. } => "binaryExpr",
        ExprKind::Unary { .. } => "unaryExpr",
        ExprKind::Paren(_) => "parenExpr",
    }
}

/// `expr` as JSON. Lengths that need the step of a query are 0, as Prometheus gives them.
pub fn tree(expr: &Expr) -> Value {
    // Each kind is a function of its own: what this one keeps on the stack is kept at every level.
    match &expr.kind {
        ExprKind::Number { value, .. } => number(*value, expr),
        ExprKind::Text(text) => json!({"type": node_type(expr), "val": text}),
        ExprKind::Vector(selector) => selected(node_type(expr), selector, None),
        ExprKind::Matrix { selector, range } => selected(node_type(expr), selector, Some(range)),
        ExprKind::Subquery { expr: inner, range, step, shift } => {
            let mut node = node(expr, [("expr", Some(inner))]);
            node.insert("range".to_owned(), fixed(Some(range)).into());
            node.insert("offset".to_owned(), fixed(shift.offset.as_ref()).into());
            node.insert("step".to_owned(), fixed(step.as_ref()).into());
            node.insert("timestamp".to_owned(), timestamp(shift).into());
            node.insert("startOrEnd".to_owned(), start_or_end(shift).into());
            Value::Object(node)
        }
        ExprKind::Call { function, args } => call(function, args, expr),
        ExprKind::Aggregate { op, expr: inner, param, grouping } => {
            let children = [("expr", Some(&**inner)), ("param", param.as_deref())];
            let mut node = node(expr, children);
            node.insert("op".to_owned(), op.name().into());
            node.insert("grouping".to_owned(), grouping.labels.clone().into());
            node.insert("without".to_owned(), grouping.without.into());
            Value::Object(node)
        }
        ExprKind::Binary { op, lhs, rhs, return_bool, matching } => {
            let mut node = node(expr, [("lhs", Some(lhs)), ("rhs", Some(rhs))]);
            node.insert("op".to_owned(), op.name().into());
            node.insert("matching".to_owned(), matching.as_ref().map(matched).into());
            node.insert("bool".to_owned(), (*return_bool).into());
            Value::Object(node)
        }
        ExprKind::Unary { negative, expr: inner } => {
            let mut node = node(expr, [("expr", Some(inner))]);
            node.insert("op".to_owned(), if *negative { "-" } else { "+" }.into());
            Value::Object(node)
        }
        ExprKind::Paren(inner) => Value::Object(node(expr, [("expr", Some(inner))])),
    }
}

/// An object with the type and these children.
fn node<const N: usize>(expr: &Expr, children: [(&str, Option<&Expr>); N]) -> Map<String, Value> {
    let mut node = Map::new();
    node.insert("type".to_owned(), node_type(expr).into());
    for (name, child) in children {
        node.insert(name.to_owned(), child.map(tree).into());
    }
    node
}

fn number(value: f64, expr: &Expr) -> Value {
    let kind = ExprKind::Number { value, duration: false };
    json!({"type": node_type(expr), "val": Expr { kind, span: expr.span }.to_string()})
}

fn call(function: &str, args: &[Expr], expr: &Expr) -> Value {
    let mut node = node(expr, []);
    node.insert("func".to_owned(), Signature::of(function).map(signature).into());
    node.insert("args".to_owned(), args.iter().map(tree).collect());
    Value::Object(node)
}

fn selected(kind: &str, selector: &Selector, range: Option<&Length>) -> Value {
    let mut node = json!({"type": kind, "name": selector.name.as_deref().unwrap_or_default()});
    if let Some(range) = range {
        node["range"] = json!(fixed(Some(range)));
    }
    node["offset"] = json!(fixed(selector.shift.offset.as_ref()));
    node["matchers"] = selector.matchers.iter().map(matcher).collect();
    node["timestamp"] = json!(timestamp(&selector.shift));
    node["startOrEnd"] = json!(start_or_end(&selector.shift));
    node
}

fn matcher(matcher: &Matcher) -> Value {
    json!({
        "name": matcher.name(),
        "value": matcher.value(),
        "type": matcher.op().as_str(),
    })
}

fn matched(matching: &Matching) -> Value {
    let card = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": card,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
    })
}

fn signature(signature: &Signature) -> Value {
    json!({
        "name": signature.name,
        "argTypes": signature.args.iter().map(|arg| arg.name()).collect::<Vec<_>>(),
        "variadic": signature.variadic,
        "returnType": ValueType::name(signature.result),
    })
}

fn fixed(length: Option<&Length>) -> i64 {
    match length {
        Some(Length::Fixed(milliseconds)) => *milliseconds,
        _ => 0,
    }
}

fn timestamp(shift: &Shift) -> Option<i64> {
    match shift.at {
        Some(At::Time(time)) => Some(time),
        _ => None,
    }
}

fn start_or_end(shift: &Shift) -> Option<&'static str> {
    match shift.at {
        Some(At::Start) => Some("start"),
        Some(At::End) => Some("end"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::tree;
    use crate::parse;

    #[test]
    fn has_the_form_of_parse_query() {
        let expr = parse("topk(1, rate(a{b!='c'}[5m] offset 1m)) > on () -d @ end()").unwrap();
        let a = json!({
            "type": "matrixSelector", "name": "a", "range": 300_000, "offset": 60_000,
            "matchers": [
                {"name": "b", "value": "c", "type": "!="},
                {"name": "__name__", "value": "a", "type": "="},
            ],
            "timestamp": null, "startOrEnd": null,
        });
        let rate = json!({
            "type": "call",
            "func": {
                "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector",
            },
            "args": [a],
        });
        let d = json!({
            "type": "vectorSelector", "name": "d", "offset": 0,
            "matchers": [{"name": "__name__", "value": "d", "type": "="}],
            "timestamp": null, "startOrEnd": "end",
        });
        let want = json!({
            "type": "binaryExpr", "op": ">",
            "lhs": {
                "type": "aggregation", "op": "topk", "expr": rate,
                "param": {"type": "numberLiteral", "val": "1"}, "grouping": [], "without": false,
            },
            "rhs": {"type": "unaryExpr", "op": "-", "expr": d},
            "matching": {"card": "one-to-one", "labels": [], "on": true, "include": []},
            "bool": false,
        });
        assert_eq!(tree(&expr), want);
    }
}
