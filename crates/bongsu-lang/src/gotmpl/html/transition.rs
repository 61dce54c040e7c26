//! How a piece of template text moves through the document.
//!
//! Every step takes the context and the bytes ahead and gives the context after some of them and
//! how many those are. It follows HTML as browsers read it, not as validators do.

mod reference;
mod script;
mod style;

use super::attributes::{Content, content, is_script_type};
use super::context::{Attribute, Context, Delim, Element, State, UrlPart};
use reference::unescape;
use script::{in_script, in_script_literal, in_template_literal};
use style::{in_style, in_style_string};

/// A place that cannot be understood.
pub(super) type Outcome = Result<(Context, usize), String>;

/// Moves over some of `text`.
pub(super) fn after_text(context: &Context, text: &[u8]) -> Outcome {
    if context.delim == Delim::None {
        let (closed, length) = special_end(context, text);
        if length == 0 {
            return Ok((closed, 0));
        }
        return step(context.state, context, &text[..length]);
    }
    let ends: &[u8] = match context.delim {
        Delim::Double => b"\"",
        Delim::Single => b"'",
        _ => b" \t\n\x0c\r>",
    };
    let end = position(text, |b| ends.contains(&b));
    let value = &text[..end.unwrap_or(text.len())];
    if context.delim == Delim::SpaceOrTagEnd
        && let Some(at) = position(value, |b| b"\"'<=`".contains(&b))
    {
        return Err(format!("{:?} in unquoted attr: {:?}", value[at] as char, shown(value)));
    }
    let Some(end) = end else { return inside_value(context, text) };
    let other_script = context.state == State::Attribute
        && context.element == Element::Script
        && context.attribute == Attribute::ScriptType
        && !is_script_type(&shown(value));
    let element = if other_script { Element::None } else { context.element };
    let quote = usize::from(context.delim != Delim::SpaceOrTagEnd);
    Ok((Context::of(State::Tag, element), end + quote))
}

/// The value goes on after this text: follow what it says once decoded.
fn inside_value(context: &Context, text: &[u8]) -> Outcome {
    let decoded = unescape(&shown(text));
    let mut rest = decoded.as_bytes();
    let mut context = context.clone();
    while !rest.is_empty() {
        let (next, length) = step(context.state, &context, rest)?;
        if length == 0 && next.state == context.state {
            break;
        }
        context = next;
        rest = &rest[length.min(rest.len())..];
    }
    Ok((context, text.len()))
}

/// One transition in the given state.
pub(super) fn step(state: State, context: &Context, text: &[u8]) -> Outcome {
    let stay = || Ok((context.clone(), text.len()));
    match state {
        State::Text => Ok(in_text(context, text)),
        State::Tag => in_tag(context, text),
        State::AttributeName => {
            let end = attribute_name(text, 0)?;
            let state = if end == text.len() { context.state } else { State::AfterName };
            Ok((Context { state, ..context.clone() }, end))
        }
        State::AfterName => Ok(after_name(context, text)),
        State::BeforeValue => Ok(before_value(context, text)),
        State::HtmlComment => Ok(match find(text, b"-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context.clone(), text.len()),
        }),
        State::RcData => Ok(special_end(context, text)),
        State::Attribute | State::Srcset | State::Dead => stay(),
        State::Url => Ok((in_url(context, text), text.len())),
        State::Js => in_script(context, text),
        State::JsDouble | State::JsSingle | State::JsRegexp => in_script_literal(context, text),
        State::JsTemplate => in_template_literal(context, text),
        State::JsBlockComment | State::CssBlockComment => {
            let after = if state == State::JsBlockComment { State::Js } else { State::Css };
            Ok(match find(text, b"*/") {
                Some(at) => (Context { state: after, ..context.clone() }, at + 2),
                None => (context.clone(), text.len()),
            })
        }
        State::JsLineComment | State::JsHtmlOpenComment | State::JsHtmlCloseComment => {
            let end = [&b"\n"[..], b"\r", "\u{2028}".as_bytes(), "\u{2029}".as_bytes()]
                .iter()
                .filter_map(|mark| find(text, mark))
                .min();
            Ok(line_comment(context, text, end, State::Js))
        }
        State::CssLineComment => {
            let end = position(text, |b| b"\n\x0c\r".contains(&b));
            Ok(line_comment(context, text, end, State::Css))
        }
        State::Css => Ok(in_style(context, text)),
        State::CssDouble
        | State::CssSingle
        | State::CssDoubleUrl
        | State::CssSingleUrl
        | State::CssUrl => in_style_string(context, text),
        State::MetaContent => Ok(match find(&text.to_ascii_lowercase(), b"url=") {
            Some(at) => (Context { state: State::MetaContentUrl, ..context.clone() }, at + 4),
            None => (context.clone(), text.len()),
        }),
        State::MetaContentUrl => Ok(match position(text, |b| b == b';') {
            Some(at) => (Context { state: State::MetaContent, ..context.clone() }, at + 1),
            None => (context.clone(), text.len()),
        }),
    }
}

fn line_comment(
    context: &Context,
    text: &[u8],
    end: Option<usize>,
    after: State,
) -> (Context, usize) {
    match end {
        // The line end itself belongs to what follows.
        Some(at) => (Context { state: after, ..context.clone() }, at),
        None => (context.clone(), text.len()),
    }
}

fn in_text(context: &Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(found) = position(&text[from..], |b| b == b'<') {
        let at = from + found;
        if at + 1 == text.len() {
            break;
        }
        if text[at..].starts_with(b"<!--") {
            return (Context::of(State::HtmlComment, Element::None), at + 4);
        }
        let closing = text[at + 1] == b'/';
        let name = at + 1 + usize::from(closing);
        if name >= text.len() {
            break;
        }
        let end = tag_name(text, name);
        if end > name {
            let element = if closing { Element::None } else { Element::named(&text[name..end]) };
            return (Context::of(State::Tag, element), end);
        }
        from = end;
    }
    (context.clone(), text.len())
}

/// End of the tag name that begins at `start`; `start` itself if there is none.
fn tag_name(text: &[u8], start: usize) -> usize {
    if !text.get(start).is_some_and(u8::is_ascii_alphabetic) {
        return start;
    }
    let mut end = start + 1;
    while let Some(byte) = text.get(end) {
        let joint =
            matches!(byte, b':' | b'-') && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
        if joint {
            end += 2;
        } else if byte.is_ascii_alphanumeric() {
            end += 1;
        } else {
            break;
        }
    }
    end
}

fn attribute_name(text: &[u8], start: usize) -> Result<usize, String> {
    for (at, byte) in text.iter().enumerate().skip(start) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'=' | b'>' => return Ok(at),
            b'\'' | b'"' | b'<' => {
                return Err(format!("{:?} in attribute name: {:?}", *byte as char, shown(text)));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn white_space(text: &[u8]) -> usize {
    position(text, |b| !matches!(b, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')).unwrap_or(text.len())
}

fn in_tag(context: &Context, text: &[u8]) -> Outcome {
    let start = white_space(text);
    if start == text.len() {
        return Ok((context.clone(), text.len()));
    }
    if text[start] == b'>' {
        return Ok((Context::of(context.element.content(), context.element), start + 1));
    }
    let end = attribute_name(text, start)?;
    if end == start {
        let rest = shown(&text[start..]);
        return Err(format!("expected space, attr name, or end of tag, but got {rest:?}"));
    }
    let name = shown(&text[start..end]).to_ascii_lowercase();
    let attribute = match (context.element, name.as_str()) {
        (Element::Script, "type") => Attribute::ScriptType,
        (Element::Meta, "content") => Attribute::MetaContent,
        _ => match content(&name) {
            Content::Url => Attribute::Url,
            Content::Css => Attribute::Style,
            Content::Js => Attribute::Script,
            Content::Srcset => Attribute::Srcset,
            _ => Attribute::Plain,
        },
    };
    let state = if end == text.len() { State::AttributeName } else { State::AfterName };
    Ok((Context { attribute, ..Context::of(state, context.element) }, end))
}

fn after_name(context: &Context, text: &[u8]) -> (Context, usize) {
    let at = white_space(text);
    match text.get(at) {
        None => (context.clone(), text.len()),
        Some(b'=') => (Context { state: State::BeforeValue, ..context.clone() }, at + 1),
        // The attribute has no value.
        Some(_) => (Context { state: State::Tag, ..context.clone() }, at),
    }
}

fn before_value(context: &Context, text: &[u8]) -> (Context, usize) {
    let at = white_space(text);
    let (delim, quote) = match text.get(at) {
        None => return (context.clone(), text.len()),
        Some(b'\'') => (Delim::Single, 1),
        Some(b'"') => (Delim::Double, 1),
        Some(_) => (Delim::SpaceOrTagEnd, 0),
    };
    (Context { state: context.attribute.value(), delim, ..context.clone() }, at + quote)
}

/// Looks for the end tag of `script`, `style`, `title` and `textarea` content.
fn special_end(context: &Context, text: &[u8]) -> (Context, usize) {
    let ignored = context.element == Element::Script
        && (context.state.is_script_literal() || context.state.is_comment());
    if context.element == Element::None || ignored {
        return (context.clone(), text.len());
    }
    match end_tag(text, context.element.end_tag()) {
        Some(at) => (Context::default(), at),
        None => (context.clone(), text.len()),
    }
}

fn end_tag(text: &[u8], name: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = find(&text[from..], b"</") {
        let at = from + found;
        let after = &text[at + 2..];
        let named = after.len() >= name.len() && after[..name.len()].eq_ignore_ascii_case(name);
        if named && after.get(name.len()).is_some_and(|b| b"> \t\n\x0c/".contains(b)) {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

fn in_url(context: &Context, text: &[u8]) -> Context {
    let mut context = context.clone();
    if text.iter().any(|b| matches!(b, b'#' | b'?')) {
        context.url_part = UrlPart::QueryOrFragment;
    } else if white_space(text) != text.len() && context.url_part == UrlPart::None {
        context.url_part = UrlPart::PreQuery;
    }
    context
}

fn unfinished(language: &str, text: &[u8]) -> Outcome {
    Err(format!("unfinished escape sequence in {language} string: {:?}", shown(text)))
}

pub(super) fn position(text: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    text.iter().position(|b| wanted(*b))
}

pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
