//! How a piece of template text moves through the document.
//!
//! Every step takes the context and the bytes ahead and gives the context after some of them and
//! how many those are. It follows HTML as browsers read it, not as validators do.

use super::attributes::{Content, content, is_script_type};
use super::context::{Attribute, Context, Delim, Element, Slash, State, UrlPart};
use super::css::{decode, ends_with_keyword};
use super::js::slash_after;

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

fn in_script(context: &Context, text: &[u8]) -> Outcome {
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

fn in_template_literal(context: &Context, text: &[u8]) -> Outcome {
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

fn in_script_literal(context: &Context, text: &[u8]) -> Outcome {
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

fn unfinished(language: &str, text: &[u8]) -> Outcome {
    Err(format!("unfinished escape sequence in {language} string: {:?}", shown(text)))
}

fn in_style(context: &Context, text: &[u8]) -> (Context, usize) {
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

fn in_style_string(context: &Context, text: &[u8]) -> Outcome {
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

/// Decodes the character references that matter for finding boundaries.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A reference at the start of `text` and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: &[(&str, char)] = &[
        ("&quot;", '"'),
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&apos;", '\''),
        ("&nbsp;", '\u{a0}'),
        ("&sol;", '/'),
        ("&quest;", '?'),
        ("&num;", '#'),
        ("&colon;", ':'),
        ("&lpar;", '('),
        ("&rpar;", ')'),
        ("&grave;", '`'),
        ("&Tab;", '\t'),
        ("&NewLine;", '\n'),
    ];
    if let Some((name, c)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*c, name.len()));
    }
    let body = text.strip_prefix("&#")?;
    let (radix, digits) = match body.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, body),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    let semicolon = usize::from(digits[length..].starts_with(';'));
    let used = text.len() - digits.len() + length + semicolon;
    Some((char::from_u32(code).unwrap_or('\u{fffd}'), used))
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
