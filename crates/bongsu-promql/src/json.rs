//! Trees as JSON, in the form of `/api/v1/parse_query`.

use bongsu_model::Matcher;
use serde_json::{Value, json};

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
    let kind = node_type(expr);
    match &expr.kind {
        ExprKind::Number { value, .. } => {
            let number = ExprKind::Number { value: *value, duration: false };
            json!({"type": kind, "val": Expr { kind: number, span: expr.span }.to_string()})
        }
        ExprKind::Text(text) => json!({"type": kind, "val": text}),
        ExprKind::Vector(selector) => selected(kind, selector, None),
        ExprKind::Matrix { selector, range } => selected(kind, selector, Some(range)),
        ExprKind::Subquery { expr, range, step, shift } => json!({
            "type": kind,
            "expr": tree(expr),
            "range": fixed(Some(range)),
            "offset": fixed(shift.offset.as_ref()),
            "step": fixed(step.as_ref()),
            "timestamp": timestamp(shift),
            "startOrEnd": start_or_end(shift),
        }),
        ExprKind::Call { function, args } => json!({
            "type": kind,
            "func": Signature::of(function).map(signature),
            "args": args.iter().map(tree).collect::<Vec<_>>(),
        }),
        ExprKind::Aggregate { op, expr, param, grouping } => json!({
            "type": kind,
            "op": op.name(),
            "expr": tree(expr),
            "param": param.as_deref().map(tree),
            "grouping": grouping.labels,
            "without": grouping.without,
        }),
        ExprKind::Binary { op, lhs, rhs, return_bool, matching } => json!({
            "type": kind,
            "op": op.name(),
            "lhs": tree(lhs),
            "rhs": tree(rhs),
            "matching": matching.as_ref().map(matched),
            "bool": return_bool,
        }),
        ExprKind::Unary { negative, expr } => {
            json!({"type": kind, "op": if *negative { "-" } else { "+" }, "expr": tree(expr)})
        }
        ExprKind::Paren(expr) => json!({"type": kind, "expr": tree(expr)}),
    }
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
