//! From a piece of an expression to its place in the file.

use bongsu_model::Place;
use bongsu_promql::Span;

use crate::rule::Rule;

/// Where the piece begins. The expression may be folded, quoted or indented in the file: both texts
/// are followed side by side, spaces aside, and if they part, the place of the expression is taken.
pub(super) fn in_expression(rule: &Rule, span: Span) -> Option<Place> {
    let begin = rule.expr_place.as_ref()?;
    exact(rule, begin, span).or_else(|| Some(begin.clone()))
}

fn exact(rule: &Rule, begin: &Place, span: Span) -> Option<Place> {
    let text = begin.source.text.as_str();
    let mut line_start = 0;
    for _ in 1..begin.line {
        line_start += text.get(line_start..)?.find('\n')? + 1;
    }
    let column: usize =
        text.get(line_start..)?.chars().take(begin.column - 1).map(char::len_utf8).sum();
    let mut start = line_start + column;
    // An anchor or a tag may stand before the text.
    while text.get(start..)?.starts_with(['&', '!']) {
        let word = text[start..].find(' ')?;
        start += word + text[start + word..].find(|c| c != ' ')?;
    }
    let written = text.get(start..)?;
    let skipped = match written.chars().next()? {
        '|' | '>' => written.find('\n')?,
        quote @ ('"' | '\'') if !rule.expr.starts_with(quote) => 1,
        _ => 0,
    };
    let mut written = text.get(start + skipped..)?.char_indices().filter(|(_, c)| !space(*c));
    let mut at = None;
    for (here, c) in rule.expr.char_indices().filter(|(_, c)| !space(*c)) {
        let (there, same) = written.next()?;
        if same != c {
            return None;
        }
        if here >= span.start as usize {
            at = Some(start + skipped + there);
            break;
        }
    }
    let at = at?;
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    Some(Place {
        source: begin.source.clone(),
        line: text[..at].matches('\n').count() + 1,
        column: text[line_start..at].chars().count() + 1,
    })
}

fn space(c: char) -> bool {
    c.is_whitespace()
}
