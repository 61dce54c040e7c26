//! Template text between actions: followed, and cleaned on the way.

use std::sync::Arc;

use super::context::{Context, Delim, State};
use super::transition::{after_text, position};

/// Follows text; drops comments and escapes `<` that begins no tag.
pub(super) fn follow(context: &Context, text: &Arc<str>) -> Result<(Context, Arc<str>), String> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::new();
    let (mut written, mut at, mut edited) = (0, 0, false);
    let mut context = context.clone();
    while at < bytes.len() {
        let (next, length) = after_text(&context, &bytes[at..])?;
        let end = at + length;
        if matches!(context.state, State::Text | State::RcData) {
            let stop = match next.state == context.state {
                true => end,
                false => bytes[at..end].iter().rposition(|b| *b == b'<').map_or(end, |p| at + p),
            };
            for stray in (at..stop).filter(|i| bytes[*i] == b'<') {
                if starts_with(&bytes[stray..], b"<!doctype") {
                    continue;
                }
                out.extend_from_slice(&bytes[written..stray]);
                out.extend_from_slice(b"&lt;");
                (written, edited) = (stray + 1, true);
            }
        } else if context.state.is_comment() && context.delim == Delim::None {
            match context.state {
                State::JsBlockComment => {
                    // A comment with a line end counts as one.
                    let lines = bytes[written..end].iter().any(|b| matches!(b, b'\n' | b'\r'));
                    out.push(if lines { b'\n' } else { b' ' });
                }
                State::CssBlockComment => out.push(b' '),
                _ => {}
            }
            (written, edited) = (end, true);
        }
        if next.state != context.state && next.state.is_comment() && next.delim == Delim::None {
            let opening = match next.state {
                State::HtmlComment | State::JsHtmlOpenComment => 4,
                State::JsHtmlCloseComment => 3,
                _ => 2,
            };
            out.extend_from_slice(&bytes[written..end - opening]);
            (written, edited) = (end, true);
        }
        if context.state.is_script_literal() && has_script_tag(&bytes[at..end]) {
            out.extend_from_slice(&bytes[written..at]);
            escape_script_tags(&bytes[at..end], &mut out);
            (written, edited) = (end, true);
        }
        if length == 0 && next.state == context.state {
            return Err(format!("cannot make sense of {text:?}"));
        }
        (context, at) = (next, end);
    }
    if !edited {
        return Ok((context, Arc::clone(text)));
    }
    if !context.state.is_comment() || context.delim != Delim::None {
        out.extend_from_slice(&bytes[written..]);
    }
    Ok((context, Arc::from(String::from_utf8_lossy(&out).as_ref())))
}

fn starts_with(text: &[u8], lower: &[u8]) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

fn is_script_tag(text: &[u8]) -> bool {
    starts_with(text, b"<script") || starts_with(text, b"</script") || starts_with(text, b"<!--")
}

fn has_script_tag(text: &[u8]) -> bool {
    position(text, |b| b == b'<').is_some() && (0..text.len()).any(|at| is_script_tag(&text[at..]))
}

fn escape_script_tags(text: &[u8], out: &mut Vec<u8>) {
    for at in 0..text.len() {
        if text[at] == b'<' && is_script_tag(&text[at..]) {
            out.extend_from_slice(b"\\x3C");
        } else {
            out.push(text[at]);
        }
    }
}
