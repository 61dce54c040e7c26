//! Media types: what the generated server of Alertmanager takes and gives.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::answer::{self, Answered};

/// Refuses a body that is not announced as JSON (415) and a client that takes no JSON (406).
pub(crate) fn check(headers: &HeaderMap, has_body: bool) -> Result<(), Answered> {
    if has_body {
        content_type(headers)?;
    }
    accept(headers)
}

fn content_type(headers: &HeaderMap) -> Result<(), Answered> {
    let header = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let text = String::from_utf8_lossy(header);
    let media = if text.is_empty() {
        "application/octet-stream".to_owned()
    } else {
        media_type(&text).map_err(|why| {
            let message =
                format!("parsing Content-Type header from {} failed, because {why}", go(&text));
            answer::coded(400, &message)
        })?
    };
    if media == "application/json" {
        return Ok(());
    }
    let message =
        format!("unsupported media type {}, only [application/json] are allowed", go(&media));
    Err(answer::coded(415, &message))
}

fn go(text: &str) -> String {
    let mut out = String::new();
    let _ = bongsu_model::go_quote(text, &mut out);
    out
}

/// The type without parameters in lower case, or Go's message.
fn media_type(text: &str) -> Result<String, &'static str> {
    let base = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if base.is_empty() {
        return Err("mime: no media type");
    }
    let token = |text: &str| text.bytes().take_while(|b| is_token(*b)).count();
    let major = token(&base);
    let rest = &base[major..];
    if major == 0 {
        return Err("mime: expected token");
    }
    if !rest.is_empty() {
        let Some(minor) = rest.strip_prefix('/') else {
            return Err("mime: expected slash after first token");
        };
        match token(minor) {
            0 => return Err("mime: expected token after slash"),
            length if length < minor.len() => {
                return Err("mime: unexpected content after media subtype");
            }
            _ => {}
        }
    }
    for parameter in text.split(';').skip(1).map(str::trim).filter(|p| !p.is_empty()) {
        let valid = parameter.split_once('=').is_some_and(|(name, value)| {
            let name = name.trim();
            let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
            !name.is_empty()
                && name.bytes().all(is_token)
                && (quoted || !value.is_empty() && value.bytes().all(is_token))
        });
        if !valid {
            return Err("mime: invalid media parameter");
        }
    }
    Ok(base)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn accept(headers: &HeaderMap) -> Result<(), Answered> {
    let mut given = headers.get_all(ACCEPT).iter().peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let mut texts = Vec::new();
    for value in given {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if text.split(',').any(takes_json) {
            return Ok(());
        }
        texts.push(text);
    }
    let message = "unsupported media type requested, only [application/json] are available";
    if texts.iter().all(|text| text.trim().is_empty()) {
        return Ok(());
    }
    Err(answer::coded(406, message))
}

fn takes_json(range: &str) -> bool {
    let mut pieces = range.split(';').map(str::trim);
    let media = pieces.next().unwrap_or_default();
    let fits = ["application/json", "application/*", "*/*"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(media));
    let refused = |piece: &str| {
        piece.strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q == 0.0))
    };
    fits && !pieces.any(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for (text, read) in [
            ("application/json", Ok("application/json")),
            ("Application/JSON; charset=utf-8", Ok("application/json")),
            ("text", Ok("text")),
            (";", Err("mime: no media type")),
            ("a b", Err("mime: expected slash after first token")),
            ("a/", Err("mime: expected token after slash")),
            ("a/b c", Err("mime: unexpected content after media subtype")),
            ("a/b; c", Err("mime: invalid media parameter")),
        ] {
            assert_eq!(media_type(text), read.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn ranges() {
        assert!(takes_json("*/*;q=0.8") && takes_json("application/json"));
        assert!(!takes_json("text/html") && !takes_json("application/json; q=0"));
    }
}
