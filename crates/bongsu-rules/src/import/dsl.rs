//! Queries of Elasticsearch and OpenSearch as query strings.
//!
//! In: the JSON of a query. Out: the same in Lucene's syntax, with a range of time taken out of it,
//! or what cannot be said in it.

use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};

/// Queries inside each other.
const MAX_DEPTH: usize = 20;

/// What a query says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// Empty: everything.
    pub(super) text: String,
    /// How far back it looked.
    pub(super) window: Option<Duration>,
}

/// Reads a query. The message says what has no counterpart.
pub(super) fn query(node: &Node) -> Result<Query, String> {
    let mut window = None;
    let text = one(node, &mut window, 0)?;
    Ok(Query { text: unwrapped(&text).to_owned(), window })
}

/// All of these queries.
pub(super) fn all(nodes: &[std::sync::Arc<Node>]) -> Result<Query, String> {
    let mut window = None;
    let parts =
        nodes.iter().map(|node| one(node, &mut window, 0)).collect::<Result<Vec<_>, _>>()?;
    Ok(Query { text: join(parts, " AND "), window })
}

/// Parts that are not empty, in parentheses where they are several words.
pub(super) fn join(parts: Vec<String>, between: &str) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [only] => only.clone(),
        several => several.iter().map(|part| grouped(part)).collect::<Vec<_>>().join(between),
    }
}

/// Without parentheses around all of it.
pub(super) fn unwrapped(text: &str) -> &str {
    match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inner) if balanced(inner) => inner,
        _ => text,
    }
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    text.chars().all(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth >= 0
    })
}

/// In parentheses, if it has operators of its own.
pub(super) fn grouped(text: &str) -> String {
    let simple = !text.contains(' ') || text.starts_with('(') && text.ends_with(')');
    if simple { text.to_owned() } else { format!("({text})") }
}

/// A value in quotes, unless it is a plain word or number.
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if !value.is_empty() && value.chars().all(plain) && !["AND", "OR", "NOT"].contains(&value) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `a OR b` of a field.
pub(super) fn any_of(field: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("{field}:({})", values.join(" OR "))
}

fn one(node: &Node, window: &mut Option<Duration>, depth: usize) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err("the query is nested too deeply".to_owned());
    }
    let Kind::Mapping(entries) = &node.kind else {
        return Err("a query is a mapping".to_owned());
    };
    let mut parts = Vec::new();
    for entry in entries {
        let kind = entry.key.text().unwrap_or_default();
        let value = &entry.value;
        parts.push(match kind {
            "query" | "filter" | "constant_score" => one(value, window, depth + 1)?,
            "match_all" => String::new(),
            "boost" => continue,
            "query_string" | "simple_query_string" => {
                let text = value.get("query").and_then(|query| query.text());
                let text = text.ok_or("a query_string has no query")?.trim();
                if text == "*" { String::new() } else { grouped(text) }
            }
            "bool" => boolean(value, window, depth + 1)?,
            "exists" => {
                let field = value.get("field").and_then(|field| field.text());
                format!("_exists_:{}", field.ok_or("exists has no field")?)
            }
            "term" | "terms" | "match" | "match_phrase" | "wildcard" | "prefix" | "regexp"
            | "range" => leaf(kind, value, window)?,
            other => return Err(format!("{other} queries have no counterpart")),
        });
    }
    Ok(join(parts, " AND "))
}

fn boolean(node: &Node, window: &mut Option<Duration>, depth: usize) -> Result<String, String> {
    let Kind::Mapping(entries) = &node.kind else {
        return Err("bool is a mapping".to_owned());
    };
    let mut required = Vec::new();
    let mut optional = Vec::new();
    let mut needs_optional = None;
    for entry in entries {
        let items: Vec<&Node> = match &entry.value.kind {
            Kind::Sequence(items) => items.iter().map(|item| &**item).collect(),
            _ => vec![&entry.value],
        };
        match entry.key.text().unwrap_or_default() {
            "must" | "filter" => {
                for item in items {
                    required.push(one(item, window, depth)?);
                }
            }
            "must_not" => {
                for item in items {
                    let inner = one(item, window, depth)?;
                    required.push(format!("NOT {}", grouped(&inner)));
                }
            }
            "should" => {
                for item in items {
                    optional.push(one(item, window, depth)?);
                }
            }
            "minimum_should_match" => {
                needs_optional = Some(entry.value.text().unwrap_or_default().to_owned());
            }
            "adjust_pure_negative" | "boost" => {}
            other => return Err(format!("{other} in bool has no counterpart")),
        }
    }
    let wanted = match needs_optional.as_deref() {
        Some("0") => false,
        Some("1") => true,
        Some(_) => return Err("minimum_should_match above 1 has no counterpart".to_owned()),
        // Beside other clauses, `should` only ranks.
        None => required.is_empty(),
    };
    if wanted && !optional.is_empty() && optional.iter().all(|part| !part.is_empty()) {
        let any = join(optional, " OR ");
        required.push(if required.is_empty() { any } else { format!("({any})") });
    }
    Ok(join(required, " AND "))
}

/// A query of one field.
fn leaf(kind: &str, node: &Node, window: &mut Option<Duration>) -> Result<String, String> {
    let Kind::Mapping(entries) = &node.kind else {
        return Err(format!("{kind} is a mapping of fields"));
    };
    let Some(entry) = entries.iter().find(|entry| entry.key.text() != Some("boost")) else {
        return Err(format!("{kind} has no field"));
    };
    let field = entry.key.text().unwrap_or_default();
    let inner = &entry.value;
    if kind == "range" {
        return range(field, inner, window);
    }
    if kind == "terms" {
        let Kind::Sequence(items) = &inner.kind else {
            return Err("terms is a list of values".to_owned());
        };
        let values: Vec<String> =
            items.iter().filter_map(|item| item.text()).map(str::to_owned).collect();
        return Ok(any_of(field, &values));
    }
    let value = ["value", "query", kind].into_iter().find_map(|key| inner.get(key));
    let value = value.unwrap_or(inner).text();
    let value = value.ok_or_else(|| format!("{kind} of {field} has no value"))?;
    Ok(match kind {
        "wildcard" => format!("{field}:{}", value.replace(' ', "\\ ")),
        "prefix" => format!("{field}:{}*", value.replace(' ', "\\ ")),
        "regexp" => format!("{field}:/{}/", value.replace('/', "\\/")),
        "match" if value.contains(' ') => format!("{field}:({value})"),
        _ => format!("{field}:{}", quoted(value)),
    })
}

fn range(field: &str, node: &Node, window: &mut Option<Duration>) -> Result<String, String> {
    let bound = |keys: [&'static str; 2]| {
        keys.into_iter().find_map(|key| Some((key, node.get(key)?.text()?.to_owned())))
    };
    // What dashboards save has `from`, `to` and whether they are included.
    let low = bound(["gte", "gt"]).or_else(|| bound(["from", "from"]));
    let high = bound(["lte", "lt"]).or_else(|| bound(["to", "to"]));
    if let Some(length) = low.as_ref().and_then(|(_, text)| back(text)) {
        *window = Some(length);
        return Ok(String::new());
    }
    let limit = |bound: Option<&(&str, String)>| bound.map_or("*".to_owned(), |(_, v)| quoted(v));
    let open = if low.as_ref().is_some_and(|(key, _)| *key == "gt") { '{' } else { '[' };
    let close = if high.as_ref().is_some_and(|(key, _)| *key == "lt") { '}' } else { ']' };
    if low.is_none() && high.is_none() {
        return Err(format!("the range of {field} has no bounds"));
    }
    Ok(format!("{field}:{open}{} TO {}{close}", limit(low.as_ref()), limit(high.as_ref())))
}

/// `now-5m`, `{{period_end}}||-1h`: how far back.
fn back(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix("now").or_else(|| text.split_once("||").map(|(_, rest)| rest))?;
    let rest = rest.trim().strip_prefix('-')?;
    let rest = rest.split('/').next().unwrap_or(rest);
    bongsu_lang::duration::parse(&rest.to_lowercase()).ok().filter(|length| !length.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_lang::yaml::{Limits, parse};

    fn read(text: &str) -> String {
        let node = parse(text, &Limits::default()).unwrap().unwrap();
        match query(&node) {
            Ok(Query { text, window: None }) => text,
            Ok(Query { text, window: Some(window) }) => format!("{text} over {window:?}"),
            Err(message) => format!("no: {message}"),
        }
    }

    #[test]
    fn in_lucenes_syntax() {
        for (query, text) in [
            (r#"{"match_all": {}}"#, ""),
            (
                r#"{"query": {"query_string": {"query": "level:ERROR OR a:b"}}}"#,
                "level:ERROR OR a:b",
            ),
            (r#"{"term": {"status": 500}}"#, "status:500"),
            (r#"{"term": {"a.keyword": {"value": "x y\""}}}"#, r#"a.keyword:"x y\"""#),
            (r#"{"terms": {"a": ["x", "y-z"]}}"#, r#"a:(x OR "y-z")"#),
            (r#"{"range": {"t": {"gt": 3, "lte": 9}}}"#, "t:{3 TO 9]"),
            (r#"{"exists": {"field": "e"}}"#, "_exists_:e"),
            (
                r#"{"bool": {"filter": [{"range": {"@timestamp": {"gte": "{{period_end}}||-1h", "lte": "{{period_end}}"}}}, {"term": {"a": "b"}}], "must_not": {"term": {"c": "d"}}}}"#,
                "a:b AND (NOT c:d) over 3600s",
            ),
            (
                r#"{"bool": {"should": [{"term": {"a": 1}}, {"match": {"b": "x y"}}], "minimum_should_match": 1, "must": [{"prefix": {"c": "d"}}]}}"#,
                "c:d* AND (a:1 OR (b:(x y)))",
            ),
            (r#"{"geo_distance": {}}"#, "no: geo_distance queries have no counterpart"),
            (
                r#"{"bool": {"should": [], "minimum_should_match": "75%"}}"#,
                "no: minimum_should_match above 1 has no counterpart",
            ),
        ] {
            assert_eq!(read(query), text, "{query}");
        }
    }
}
