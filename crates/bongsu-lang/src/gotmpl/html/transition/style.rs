//! Inside style sheets.

use super::super::context::{Context, State};
use super::super::css::{decode, ends_with_keyword};
use super::{Outcome, in_url, shown, unfinished, white_space};

pub(super) fn in_style(context: &Context, text: &[u8]) -> (Context, usize) {
    let enter = |state, length| (Context { state, ..context.clone() }, length);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' if ends_with_keyword(text[..at].trim_ascii_end(), b"url") => {
                let start = at + 1 + white_space(&text[at + 1..]);
                return match text.get(start) {
                    Some(b'"') => enter(State::CssDoubleUrl, start + 1),
                    Some(b'\'') => enter(State::CssSingleUrl, start + 1),
                    _ => enter(State::CssUrl, start),
                };
            }
            b'/' if text.get(at + 1) == Some(&b'/') => {
                return enter(State::CssLineComment, at + 2);
            }
            b'/' if text.get(at + 1) == Some(&b'*') => {
                return enter(State::CssBlockComment, at + 2);
            }
            b'"' => return enter(State::CssDouble, at + 1),
            b'\'' => return enter(State::CssSingle, at + 1),
            _ => {}
        }
    }
    (context.clone(), text.len())
}

pub(super) fn in_style_string(context: &Context, text: &[u8]) -> Outcome {
    let ends: &[u8] = match context.state {
        State::CssDouble | State::CssDoubleUrl => b"\"",
        State::CssSingle | State::CssSingleUrl => b"'",
        _ => b"\t\n\x0c\r )",
    };
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' if at + 1 == text.len() => return unfinished("CSS", text),
            b'\\' => at += 1,
            byte if ends.contains(&byte) => {
                return Ok((Context { state: State::Css, ..context.clone() }, at + 1));
            }
            _ => {}
        }
        at += 1;
    }
    Ok((in_url(context, decode(&shown(text)).as_bytes()), text.len()))
}
