//! The older grammar: ASCII names, values quoted or not, commas split outside quotes.

use bongsu_model::{MatchOp, Matcher};

/// Any number of matchers; one leading `{` and one trailing `}` are dropped, paired or not.
pub(super) fn list(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    split(text).into_iter().map(one).collect()
}

/// Pieces between commas outside quotes; a blank last piece is none.
fn split(text: &str) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut in_quotes, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            // A comma leaves `escaped` as it is, inside quotes and out.
            ',' if in_quotes => {}
            ',' => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            '"' if escaped => escaped = false,
            '"' => in_quotes = !in_quotes,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        pieces.push(last);
    }
    pieces
}

/// One matcher: name, operator, value; blanks around each are dropped.
pub(super) fn one(text: &str) -> Result<Matcher, String> {
    let Some((name, op, raw)) = take_apart(text) else {
        return Err(format!("bad matcher format: {text}"));
    };
    let value = unescape(raw)
        .ok_or_else(|| format!("matcher value contains unescaped double quote: {raw}"))?;
    Matcher::new(name, op, value).map_err(|e| e.to_string())
}

fn take_apart(text: &str) -> Option<(&str, MatchOp, &str)> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r');
    let text = text.trim_matches(blank);
    let end = text
        .find(|c: char| c != '_' && c != ':' && !c.is_ascii_alphanumeric())
        .filter(|end| *end > 0 && !text.starts_with(|c: char| c.is_ascii_digit()))?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(blank);
    let op = [MatchOp::Regex, MatchOp::Equal, MatchOp::NotEqual, MatchOp::NotRegex]
        .into_iter()
        .find(|op| rest.starts_with(op.as_str()))?;
    Some((name, op, rest[op.as_str().len()..].trim_start_matches(blank)))
}

/// Undoes `\"`, `\\`, `\n`; any other backslash stands for itself. `None` if a double quote is
/// neither escaped nor one of the two around the value.
fn unescape(raw: &str) -> Option<String> {
    let quoted = raw.strip_prefix('"');
    let mut wants_quote = quoted.is_some();
    let mut out = String::with_capacity(raw.len());
    let mut rest = quoted.unwrap_or(raw).chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            '"' if wants_quote && rest.as_str().is_empty() => wants_quote = false,
            '"' => return None,
            c => out.push(c),
        }
    }
    (!wants_quote).then_some(out)
}
