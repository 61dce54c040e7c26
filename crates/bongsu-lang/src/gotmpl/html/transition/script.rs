//! Inside scripts.

use super::super::context::{Context, Slash, State};
use super::super::js::slash_after;
use super::{Outcome, position, shown, unfinished};

pub(super) fn in_script(context: &Context, text: &[u8]) -> Outcome {
    let mut context = context.clone();
    let Some(at) = position(text, |b| b"\"`'/{}<-#".contains(&b)) else {
        context.slash = slash_after(text, context.slash);
        return Ok((context, text.len()));
    };
    context.slash = slash_after(&text[..at], context.slash);
    let rest = &text[at..];
    let mut length = 1;
    let mut enter = |state, more: usize| {
        context.state = state;
        length += more;
    };
    match rest[0] {
        b'"' => enter(State::JsDouble, 0),
        b'\'' => enter(State::JsSingle, 0),
        b'`' => enter(State::JsTemplate, 0),
        b'/' if rest.starts_with(b"//") => enter(State::JsLineComment, 1),
        b'/' if rest.starts_with(b"/*") => enter(State::JsBlockComment, 1),
        b'/' => match context.slash {
            Slash::Regexp => context.state = State::JsRegexp,
            Slash::Division => context.slash = Slash::Regexp,
            Slash::Unknown => {
                return Err(format!("'/' could start a division or regexp: {:?}", shown(rest)));
            }
        },
        b'<' if rest.starts_with(b"<!--") => enter(State::JsHtmlOpenComment, 3),
        b'-' if rest.starts_with(b"-->") => enter(State::JsHtmlCloseComment, 2),
        b'#' if rest.starts_with(b"#!") => enter(State::JsLineComment, 1),
        b'{' => {
            if let Some(depth) = context.braces.last_mut() {
                *depth += 1;
            }
        }
        b'}' => match context.braces.last_mut() {
            Some(0) => {
                context.braces.pop();
                context.state = State::JsTemplate;
            }
            Some(depth) => *depth -= 1,
            None => {}
        },
        _ => {}
    }
    if matches!(rest[0], b'"' | b'\'' | b'`') {
        context.slash = Slash::Regexp;
    }
    Ok((context, at + length))
}

pub(super) fn in_template_literal(context: &Context, text: &[u8]) -> Outcome {
    let mut context = context.clone();
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' if at + 1 == text.len() => return unfinished("JS", text),
            b'\\' => at += 1,
            b'$' if text.get(at + 1) == Some(&b'{') => {
                context.braces.push(0);
                context.state = State::Js;
                return Ok((context, at + 2));
            }
            b'`' => {
                context.state = State::Js;
                return Ok((context, at + 1));
            }
            _ => {}
        }
        at += 1;
    }
    Ok((context, text.len()))
}

pub(super) fn in_script_literal(context: &Context, text: &[u8]) -> Outcome {
    let regexp = context.state == State::JsRegexp;
    let end = match context.state {
        State::JsSingle => b'\'',
        State::JsRegexp => b'/',
        _ => b'"',
    };
    let (mut at, mut in_set) = (0, false);
    while at < text.len() {
        match text[at] {
            b'\\' if at + 1 == text.len() => return unfinished("JS", text),
            b'\\' => at += 1,
            b'[' if regexp => in_set = true,
            b']' if regexp => in_set = false,
            // The end tag of a script does not end a regular expression; it is escaped later.
            b'/' if regexp
                && at > 0
                && text[at - 1..].len() >= 8
                && text[at - 1..at + 7].eq_ignore_ascii_case(b"</script") =>
            {
                at += 1;
            }
            byte if byte == end && !in_set => {
                let state = State::Js;
                let context = Context { state, slash: Slash::Division, ..context.clone() };
                return Ok((context, at + 1));
            }
            _ => {}
        }
        at += 1;
    }
    if in_set {
        return Err(format!("unfinished JS regexp charset: {:?}", shown(text)));
    }
    Ok((context.clone(), text.len()))
}
