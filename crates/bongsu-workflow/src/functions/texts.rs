//! Texts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Call, Result};

/// What a path of a URL may hold.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

pub(super) fn uppercase(call: &Call<'_>) -> Result {
    Ok(call.text(0, "string").to_uppercase().into())
}

pub(super) fn lowercase(call: &Call<'_>) -> Result {
    Ok(call.text(0, "string").to_lowercase().into())
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect()
    })
}

pub(super) fn capitalize(call: &Call<'_>) -> Result {
    Ok(capital(&call.text(0, "string")).into())
}

pub(super) fn title(call: &Call<'_>) -> Result {
    let text = call.text(0, "string");
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        out.push_str(&capital(part));
    }
    Ok(out.into())
}

pub(super) fn strip(call: &Call<'_>) -> Result {
    Ok(call.text(0, "string").trim().into())
}

pub(super) fn split(call: &Call<'_>) -> Result {
    let text = call.text(0, "string");
    let by = call.text(1, "delimiter");
    Ok(if by.is_empty() {
        text.split_whitespace().map(Value::from).collect()
    } else {
        text.trim().split(by.as_str()).map(Value::from).collect()
    })
}

pub(super) fn replace(call: &Call<'_>) -> Result {
    let (text, old, new) = (call.text(0, "string"), call.text(1, "old"), call.text(2, "new"));
    Ok(if old.is_empty() { text } else { text.replace(&old, &new) }.into())
}

pub(super) fn remove_newlines(call: &Call<'_>) -> Result {
    Ok(call.text(0, "string").replace(['\r', '\n', '\t'], "").into())
}

pub(super) fn encode(call: &Call<'_>) -> Result {
    Ok(utf8_percent_encode(&call.text(0, "string"), KEPT).to_string().into())
}

pub(super) fn slice(call: &Call<'_>) -> Result {
    let text = call.text(0, "string");
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let at = |index: i64| {
        let index = if index < 0 { index + length } else { index };
        usize::try_from(index.clamp(0, length)).unwrap_or_default()
    };
    let start = at(call.whole(1, "start", 0)?);
    let end = match call.whole(2, "end", 0)? {
        0 => at(length),
        end => at(end),
    };
    Ok(text.chars().skip(start).take(end.saturating_sub(start)).collect::<String>().into())
}

/// JSON over several lines, four blanks a level.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => value.to_string(),
    }
}

pub(super) fn json_dumps(call: &Call<'_>) -> Result {
    let value = call.need(0, "data")?;
    // A text that is JSON already is written anew, as what it says.
    if let Value::String(text) = value
        && let Ok(parsed @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text)
    {
        return Ok(pretty(&parsed).into());
    }
    Ok(pretty(value).into())
}

pub(super) fn json_loads(call: &Call<'_>) -> Result {
    let value = call.need(0, "string")?;
    let Value::String(text) = value else { return Ok(value.clone()) };
    let parsed = serde_json::from_str(text).or_else(|_| {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                '\t' => escaped.push_str("\\t"),
                c if c.is_control() => {}
                c => escaped.push(c),
            }
        }
        serde_json::from_str(&escaped)
    });
    Ok(parsed.unwrap_or_else(|_| Value::Object(serde_json::Map::new())))
}
