//! The functions the rewriting appends to pipelines.

use crate::gotmpl::gofmt;
use crate::gotmpl::limits::Limits;
use crate::gotmpl::value::{TextKind, Value};

use super::{attributes, css, js, strip, url};

type Body = fn(&[Value], &Limits) -> Result<Value, String>;

/// What stands for a value that would not be safe.
pub(super) const FAILSAFE: &str = "ZgotmplZ";

/// A value as text, with the kind of trusted text it is.
pub(super) struct Typed {
    pub(super) text: String,
    pub(super) kind: Option<TextKind>,
}

impl Typed {
    fn of(values: &[Value]) -> Self {
        match values {
            [Value::Str(text) | Value::Text(TextKind::Template, text)] => {
                Self { text: text.as_ref().to_owned(), kind: None }
            }
            [Value::Text(kind, text)] => Self { text: text.as_ref().to_owned(), kind: Some(*kind) },
            many => {
                let present: Vec<Value> =
                    many.iter().filter(|value| !value.is_nothing()).cloned().collect();
                let text = match present.as_slice() {
                    [one] => gofmt::printed(one),
                    several => gofmt::sprint(several),
                };
                Self { text, kind: None }
            }
        }
    }

    fn is_html(&self) -> bool {
        self.kind == Some(TextKind::Html)
    }
}

/// The escaping function of that internal name.
pub(in crate::gotmpl) fn escaper(name: &str) -> Option<Body> {
    Some(match name {
        "_html_template_htmlescaper" => |v, _| text(v, html_text),
        "_html_template_rcdataescaper" => |v, _| text(v, rcdata),
        "_html_template_attrescaper" => |v, _| text(v, attribute),
        "_html_template_nospaceescaper" => |v, _| text(v, unquoted),
        "_html_template_htmlnamefilter" => |v, _| text(v, attribute_name),
        "_html_template_commentescaper" => |_, _| Ok(Value::from("")),
        "_html_template_urlfilter" => |v, _| text(v, url::filter),
        "_html_template_urlescaper" => |v, _| text(v, url::escape),
        "_html_template_urlnormalizer" => |v, _| text(v, url::normalize),
        "_html_template_srcsetescaper" => |v, _| text(v, url::srcset),
        "_html_template_cssescaper" => |v, _| text(v, css::escape),
        "_html_template_cssvaluefilter" => |v, _| text(v, css::filter_value),
        "_html_template_jsvalescaper" => |v, _| Ok(Value::from(js::value(v))),
        "_html_template_jsstrescaper" => |v, _| text(v, js::string),
        "_html_template_jstmpllitescaper" => |v, _| text(v, js::template),
        "_html_template_jsregexpescaper" => |v, _| text(v, js::regexp),
        "_eval_args_" => |v, _| text(v, |value| value.text.clone()),
        _ => return None,
    })
}

fn text(values: &[Value], escape: fn(&Typed) -> String) -> Result<Value, String> {
    Ok(Value::from(escape(&Typed::of(values))))
}

fn html_text(value: &Typed) -> String {
    if value.is_html() { value.text.clone() } else { replace(&value.text, true, true, false) }
}

fn rcdata(value: &Typed) -> String {
    replace(&value.text, !value.is_html(), true, false)
}

fn attribute(value: &Typed) -> String {
    if value.is_html() {
        return replace(&strip::tags(&value.text), false, false, false);
    }
    replace(&value.text, true, false, false)
}

fn unquoted(value: &Typed) -> String {
    if value.text.is_empty() {
        return FAILSAFE.to_owned();
    }
    if value.is_html() {
        return replace(&strip::tags(&value.text), false, false, true);
    }
    replace(&value.text, true, false, true)
}

/// A name may be chosen by a value only if it is harmless.
fn attribute_name(value: &Typed) -> String {
    if value.kind == Some(TextKind::HtmlAttr) {
        return value.text.clone();
    }
    let name = value.text.to_lowercase();
    let harmless = !name.is_empty()
        && attributes::content(&name) == attributes::Content::Plain
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if harmless { name } else { FAILSAFE.to_owned() }
}

/// Character references for what has a meaning in HTML.
///
/// `ampersands`: also `&`, for text that is not HTML yet. `any_rune`: leave characters alone that
/// some browsers treat oddly. `spaces`: also what would end an unquoted value.
fn replace(text: &str, ampersands: bool, any_rune: bool, spaces: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0' if spaces => out.push_str("&#xfffd;"),
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if ampersands => out.push_str("&amp;"),
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '=' | '`' if spaces => {
                out.push_str(&format!("&#{};", c as u32));
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' if !any_rune => {
                out.push_str(&format!("&#x{:x};", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}
