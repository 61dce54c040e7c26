//! Queries of indicators: PromQL in which `{{.window}}` stands for a range.

use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;

use super::codes;
use super::document::Reader;

/// A range to try a query with.
const SOME_WINDOW: &str = "5m";

/// A query with `{{.window}}` in it and no other template. `promql` false: in a dialect that is not
/// read here.
pub(super) fn windowed(
    reader: &mut Reader,
    node: &Node,
    key: &str,
    promql: bool,
) -> Option<String> {
    let text = reader.need_text(node, key)?;
    let value = node.get(key).map_or(node, |value| value);
    if !has_window(&text) {
        let finding = Diagnostic::error(codes::QUERY, "the query has no {{.window}}");
        reader
            .note(finding.help("write it for the range, as in rate(x[{{.window}}])"), value.place);
        return None;
    }
    checked(reader, value, &text, promql).then_some(text)
}

/// Whether a text is a query, with or without windows; a mistake is noted.
pub(super) fn checked(reader: &mut Reader, node: &Node, text: &str, promql: bool) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").map_or(rest.len(), |end| start + end + 2);
        let name = rest[start..end].trim_start_matches("{{").trim_end_matches("}}").trim();
        if name != ".window" {
            let message = format!("{} is no value of a query", &rest[start..end]);
            let finding = Diagnostic::error(codes::QUERY, message);
            reader.note(finding.help("queries have {{.window}} only"), node.place);
            return false;
        }
        rest = &rest[end..];
    }
    if !promql {
        return true;
    }
    let tried = with_window(text, SOME_WINDOW);
    let Err(mistakes) = bongsu_promql::parse(&tried) else { return true };
    for mistake in mistakes {
        reader.refuse(codes::QUERY, node.place, mistake.render(&tried));
    }
    false
}

pub(super) fn has_window(query: &str) -> bool {
    query.contains("{{")
}

/// Replaces `{{.window}}`, however it is spaced.
pub(super) fn with_window(query: &str, window: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}").map(|end| start + end + 2) else { break };
        out.push_str(&rest[..start]);
        out.push_str(window);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
