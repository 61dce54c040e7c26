//! HTML without its tags, for trusted HTML that lands in an attribute.

use super::context::{Context, Delim, Element, State};
use super::transition::{position, step};

/// The text outside tags and comments.
pub(super) fn tags(html: &str) -> String {
    let bytes = html.as_bytes();
    let mut out: Vec<u8> = Vec::new();
    let mut context = Context::default();
    let (mut at, mut all_text) = (0, true);
    while at < bytes.len() {
        if context.delim == Delim::None {
            let content = context.element != Element::None && !context.state.is_in_tag();
            let state = if content { State::RcData } else { context.state };
            let Ok((next, length)) = step(state, &context, &bytes[at..]) else { break };
            let end = at + length;
            if matches!(context.state, State::Text | State::RcData) {
                let changed = next.state != context.state;
                let tag = bytes[at..end].iter().rposition(|b| *b == b'<').filter(|_| changed);
                out.extend_from_slice(&bytes[at..tag.map_or(end, |t| at + t)]);
            } else {
                all_text = false;
            }
            if length == 0 && next == context {
                break;
            }
            (context, at) = (next, end);
            continue;
        }
        let ends: &[u8] = match context.delim {
            Delim::Double => b"\"",
            Delim::Single => b"'",
            _ => b" \t\n\x0c\r>",
        };
        let Some(found) = position(&bytes[at..], |b| ends.contains(&b)) else { break };
        at += found + usize::from(context.delim != Delim::SpaceOrTagEnd);
        context = Context::of(State::Tag, context.element);
    }
    if all_text {
        return html.to_owned();
    }
    String::from_utf8_lossy(&out).into_owned()
}
