//! What vmalert's templates have beyond Prometheus'.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::humanize;
use super::text::text;
use crate::duration;
use crate::gotmpl::function::Call;
use crate::gotmpl::value::Value;

type Outcome = Result<Value, String>;

/// What Go leaves as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

pub(super) fn path_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(utf8_percent_encode(text(v, 0), SEGMENT).to_string()))
}

/// Line ends as `\n` and `\r`.
pub(super) fn line_end_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(text(v, 0).replace('\n', "\\n").replace('\r', "\\r")))
}

/// The inside of a JSON string.
pub(super) fn quotes_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(json_inside(text(v, 0))))
}

/// A JSON string.
pub(super) fn json_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(format!("\"{}\"", json_inside(text(v, 0)))))
}

/// What could end a script or an attribute is escaped, too.
fn json_inside(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '\'' | '\0'..='\x1f' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out
}

pub(super) fn html_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let mut out = String::new();
    for c in text(v, 0).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    Ok(Value::from(out))
}

/// A Prometheus duration as one.
pub(super) fn parse_duration_time(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let length = duration::parse(text(v, 0))?;
    i64::try_from(length.as_nanos()).map(Value::Duration).map_err(|_| "it is too long".to_owned())
}

/// `formatTime layout time`, the time also as seconds since 1970.
pub(super) fn format_time(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let time = match v.get(1) {
        Some(Value::Time(time)) => Value::Time(time.clone()),
        _ => humanize::time(call, v.get(1..).unwrap_or_default())?,
    };
    match time {
        Value::Time(time) => Ok(Value::from(time.format(text(v, 0)))),
        _ => Err("a time is needed".to_owned()),
    }
}
