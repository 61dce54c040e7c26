//! Filters beside minijinja's own.
//!
//! | filter | gives |
//! |---|---|
//! | `sha256` | hex digest of the text |
//! | `fingerprint` | hex digest over a list of parts, as [`super::python_text`] writes them |
//! | `from_json` | the parsed text; nothing if it is not JSON |
//! | `time` | an instant in any usual form as `YYYY-MM-DDThh:mm:ss.mmmZ`; nothing if it is none |
//! | `seconds` | an instant as seconds since 1970 |
//! | `capture(regex, group=1)` | what a group matched first; nothing if it did not |
//! | `captures(regex)` | all first groups in a list |
//! | `matches(regex)` | whether it occurs |
//! | `substitute(regex, by)` | every occurrence replaced; `$1` is a group |
//! | `lower_keys` | the map with its keys in lower case |
//! | `without(key…)`, `only(key…)` | the map without, or with only, these keys |
//! | `with(map)` | the map, overwritten by another |
//! | `present` | the map without values that are nothing |
//! | `pairs(between, inside)` | `a:1,b:2` or `["a:1", "b:2"]` as a map; parts without `inside` are left out |
//! | `keyed(key, value)` | a list of maps as one map, from what each has under one key to what it has under another |
//! | `get(path)` | a value under a dotted path |
//! | `resolve(base)` | a URL reference made absolute |
//! | `python` | the text as Python writes a value |
//! | `compact` | JSON text with a blank after `,` and `:` |
//! | `nothing_if(value…)` | nothing if it equals one of these |
//! | `tojson` | JSON text without blanks |
//! | `urlencode` | the text for a path or query, `/` escaped too; of a map: its pairs as a query |
//! | `base64`, `unbase64` | the text in base64 and back; nothing if it is not base64 of text |
//! | `filesizeformat` | bytes as people read them: `1.5 kB`; `true` as argument: powers of 1024 |
//! | `base_url` | the start of URLs: `https://` where no scheme stands, no `/` at the end |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_model::{Json as Shared, JsonMap};
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::convert::{map, of_json, of_shared, to_json, to_shared};
use super::regexes::compiled;
use super::{python, when};

/// Bytes of a text a regular expression looks at, and of a text parsed as JSON.
const TEXT: usize = 1 << 20;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("sha256", sha256);
    environment.add_filter("fingerprint", fingerprint);
    environment.add_filter("from_json", from_json);
    environment.add_filter("time", time);
    environment.add_filter("seconds", seconds);
    environment.add_filter("capture", capture);
    environment.add_filter("captures", captures);
    environment.add_filter("matches", matches);
    environment.add_filter("substitute", substitute);
    environment.add_filter("lower_keys", lower_keys);
    environment.add_filter("without", without);
    environment.add_filter("only", only);
    environment.add_filter("with", with);
    environment.add_filter("present", present);
    environment.add_filter("pairs", pairs);
    environment.add_filter("keyed", keyed);
    environment.add_filter("get", get);
    environment.add_filter("resolve", resolve);
    environment.add_filter("python", |value: &Value| python::text(&to_json(value)));
    environment.add_filter("compact", |value: &Value| python::json_text(&to_json(value)));
    environment.add_filter("nothing_if", nothing_if);
    environment.add_filter("tojson", |value: &Value| to_json(value).to_string());
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("base64", |value: &Value| Ok::<_, Error>(STANDARD.encode(text(value)?)));
    environment.add_filter("unbase64", unbase64);
    environment.add_filter("base_url", base_url);
    environment.add_filter("filesizeformat", filesizeformat);
}

fn nothing() -> Value {
    Value::UNDEFINED
}

fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// Text as it stands; other values as they print.
fn text(value: &Value) -> Result<String, Error> {
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None if is_nothing(value) => String::new(),
        None => value.to_string(),
    };
    if text.len() > TEXT {
        return Err(Error::new(ErrorKind::InvalidOperation, "text is too long"));
    }
    Ok(text)
}

pub(super) fn sha256(value: &Value) -> Result<String, Error> {
    Ok(hex::encode(Sha256::digest(text(value)?)))
}

fn fingerprint(parts: &Value) -> Result<String, Error> {
    let mut digest = Sha256::new();
    for part in parts.try_iter()? {
        if !is_nothing(&part) {
            digest.update(super::fingerprint_part(&to_shared(&part)));
        }
    }
    Ok(hex::encode(digest.finalize()))
}

fn from_json(value: &Value) -> Result<Value, Error> {
    Ok(serde_json::from_str::<Json>(&text(value)?)
        .map_or_else(|_| nothing(), |json| of_json(&json)))
}

fn instant(value: &Value) -> Result<Option<jiff::Timestamp>, Error> {
    Ok(match f64::try_from(value.clone()) {
        Ok(number) if value.is_number() => when::since_1970(number),
        _ => when::parse(&text(value)?),
    })
}

fn time(value: &Value) -> Result<Value, Error> {
    Ok(instant(value)?.map_or_else(nothing, |at| Value::from(bongsu_model::time_text(at))))
}

fn seconds(value: &Value) -> Result<Value, Error> {
    Ok(instant(value)?.map_or_else(nothing, |at| Value::from(at.as_second())))
}

fn capture(value: &Value, pattern: &str, group: Option<usize>) -> Result<Value, Error> {
    let text = text(value)?;
    let found = compiled(pattern)?.captures(&text).and_then(|c| c.get(group.unwrap_or(1)));
    Ok(found.map_or_else(nothing, |m| Value::from(m.as_str())))
}

fn captures(value: &Value, pattern: &str) -> Result<Value, Error> {
    let text = text(value)?;
    Ok(compiled(pattern)?
        .captures_iter(&text)
        .filter_map(|c| c.get(1).or_else(|| c.get(0)).map(|m| Value::from(m.as_str())))
        .collect())
}

fn matches(value: &Value, pattern: &str) -> Result<bool, Error> {
    Ok(compiled(pattern)?.is_match(&text(value)?))
}

fn substitute(value: &Value, pattern: &str, by: &str) -> Result<String, Error> {
    Ok(compiled(pattern)?.replace_all(&text(value)?, by).into_owned())
}

/// The pairs of a map as they are; none of anything else.
fn entries(value: &Value) -> impl Iterator<Item = (Value, Value)> {
    let keys = if value.kind() == ValueKind::Map { value.try_iter().ok() } else { None };
    keys.into_iter().flatten().filter_map(|key| {
        let held = value.get_item(&key).ok()?;
        Some((key, held))
    })
}

fn lower_keys(value: &Value) -> Value {
    Value::from_pairs(entries(value).map(|(key, held)| match key.as_str() {
        Some(text) if text.chars().any(char::is_uppercase) => (text.to_lowercase().into(), held),
        _ => (key, held),
    }))
}

fn is_one_of(key: &Value, keys: &[Value]) -> bool {
    keys.iter().any(|one| one == key)
}

#[expect(clippy::needless_pass_by_value, reason = "the library hands the rest over so")]
fn without(value: &Value, keys: Rest<Value>) -> Value {
    Value::from_pairs(entries(value).filter(|(key, _)| !is_one_of(key, &keys)))
}

#[expect(clippy::needless_pass_by_value, reason = "the library hands the rest over so")]
fn only(value: &Value, keys: Rest<Value>) -> Value {
    Value::from_pairs(entries(value).filter(|(key, _)| is_one_of(key, &keys)))
}

fn with(value: &Value, other: &Value) -> Value {
    Value::from_pairs(entries(value).chain(entries(other)))
}

fn present(value: &Value) -> Value {
    Value::from_pairs(entries(value).filter(|(_, held)| !is_nothing(held)))
}

fn pairs(value: &Value, between: &str, inside: &str) -> Result<Value, Error> {
    let parts: Vec<String> = match value.as_str() {
        Some(text) => text.split(between).map(str::to_owned).collect(),
        None if is_nothing(value) => Vec::new(),
        None => value.try_iter()?.map(|part| text(&part)).collect::<Result<_, _>>()?,
    };
    Ok(Value::from_pairs(parts.iter().filter_map(|part| {
        let (key, value) = part.split_once(inside)?;
        Some((Value::from(key.trim()), Value::from(value.trim())))
    })))
}

fn keyed(value: &Value, key: &str, held: &str) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(nothing());
    }
    let mut all = JsonMap::new();
    for element in value.try_iter()? {
        let element = map(&element);
        if let (Some(Shared::Text(name)), Some(held)) = (element.get(key), element.get(held)) {
            all.insert(name.clone(), held.clone());
        }
    }
    Ok(of_shared(&all.into()))
}

fn get(value: &Value, path: &str) -> Result<Value, Error> {
    let mut value = value.clone();
    for key in path.split('.') {
        if is_nothing(&value) {
            return Ok(nothing());
        }
        value = value.get_attr(key)?;
    }
    Ok(value)
}

fn resolve(value: &Value, base: &Value) -> Result<Value, Error> {
    let reference = text(value)?;
    if reference.is_empty() {
        return Ok(nothing());
    }
    let resolved = match url::Url::parse(&text(base)?) {
        Ok(base) => base.join(&reference).map(Into::into).unwrap_or(reference),
        Err(_) => reference,
    };
    Ok(Value::from(resolved))
}

#[expect(clippy::needless_pass_by_value, reason = "the library hands the rest over so")]
fn nothing_if(value: &Value, others: Rest<Value>) -> Value {
    if others.iter().any(|other| other == value) { nothing() } else { value.clone() }
}

/// What stands for itself in a path or query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn urlencode(value: &Value) -> Result<String, Error> {
    let escaped = |value: &Value| Ok(utf8_percent_encode(&text(value)?, UNRESERVED).to_string());
    if value.kind() != ValueKind::Map {
        return escaped(value);
    }
    let pairs = entries(value).filter(|(_, held)| !is_nothing(held));
    let pairs = pairs.map(|(key, held)| Ok(format!("{}={}", escaped(&key)?, escaped(&held)?)));
    Ok(pairs.collect::<Result<Vec<String>, Error>>()?.join("&"))
}

fn unbase64(value: &Value) -> Result<Value, Error> {
    let bytes = STANDARD.decode(text(value)?.trim()).ok();
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(decoded.map_or_else(nothing, Value::from))
}

fn base_url(value: &Value) -> Result<Value, Error> {
    let text = text(value)?;
    let text = text.trim().trim_end_matches('/');
    Ok(match text {
        "" => nothing(),
        _ if text.contains("://") => Value::from(text),
        _ => Value::from(format!("https://{text}")),
    })
}

fn filesizeformat(value: &Value, binary: Option<bool>) -> Result<String, Error> {
    let bytes = match f64::try_from(value.clone()) {
        Ok(number) => number,
        Err(_) => text(value)?
            .trim()
            .parse::<f64>()
            .map_err(|_| Error::new(ErrorKind::InvalidOperation, "a number of bytes is wanted"))?,
    };
    let (base, units) = if binary == Some(true) {
        (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    if bytes.abs() < base {
        return Ok(if bytes == 1.0 { "1 Byte".to_owned() } else { format!("{bytes} Bytes") });
    }
    let (mut size, mut unit) = (bytes / base, units[0]);
    for larger in &units[1..] {
        if size.abs() < base {
            break;
        }
        (size, unit) = (size / base, larger);
    }
    Ok(format!("{size:.1} {unit}"))
}

#[cfg(test)]
mod tests {
    use crate::jinja::{Expression, Scope};

    #[test]
    fn texts_for_requests() {
        for (expression, expected) in [
            ("'a/b c' | urlencode", "a%2Fb%20c"),
            ("{'q': 'a b', 'n': none, 'k': 1} | urlencode", "q=a%20b&k=1"),
            ("{'a': [1, none, 'x']} | tojson", r#"{"a":[1,null,"x"]}"#),
            ("'user:pass' | base64", "dXNlcjpwYXNz"),
            ("'dXNlcjpwYXNz' | base64 | unbase64 | unbase64", "user:pass"),
            ("('§' | unbase64) is undefined", "true"),
            ("'a.test/api//' | base_url", "https://a.test/api"),
            ("'http://a.test/' | base_url", "http://a.test"),
            ("('' | base_url) is undefined", "true"),
        ] {
            let value = Expression::parse(expression).unwrap().eval(&Scope::default()).unwrap();
            assert_eq!(value.to_text(), expected, "{expression}");
        }
    }

    #[test]
    fn names_with_their_keys() {
        let expression = "auth.a.b or params['c'] if now else body | map(attribute='x') | list";
        let names = Expression::parse(expression).unwrap().names();
        assert!(names.contains("auth.a.b") && names.contains("now") && names.contains("body"));
    }
}
