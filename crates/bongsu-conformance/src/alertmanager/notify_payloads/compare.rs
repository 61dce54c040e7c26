//! Comparing a request with a recorded one.

use std::collections::BTreeMap;

use base64::Engine;
use bongsu_notify::HttpRequest;
use serde_json::Value;

/// Headers a recording would show.
const OF_INTEREST: &[&str] =
    &["Authorization", "Content-Type", "Accept-Language", "X-Auth-Token", "X-User-Id"];

pub(super) fn request(request: &HttpRequest, expected: &Value) -> Result<(), String> {
    differ("method", request.method.as_str(), expected["method"].as_str().unwrap_or(""))?;
    let (path, query) = split(&request.url)?;
    differ("path", path, expected["path"].as_str().unwrap_or(""))?;
    differ("query", query, expected["query"].as_str().unwrap_or(""))?;
    headers(request, &expected["headers"])?;
    let actual = super::recorded(&String::from_utf8_lossy(&request.body));
    body(&actual, expected["body"].as_str().unwrap_or(""))
}

fn split(url: &str) -> Result<(&str, &str), String> {
    let (_, rest) = url.split_once("://").ok_or_else(|| format!("not a URL: {url}"))?;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    Ok(path.split_once('?').unwrap_or((path, "")))
}

fn headers(request: &HttpRequest, expected: &Value) -> Result<(), String> {
    let empty = serde_json::Map::new();
    let expected = expected.as_object().unwrap_or(&empty);
    let actual = |name: &str| {
        let own = request.header(name).map(str::to_owned);
        if name == "Authorization" {
            own.or_else(|| configured_authorization(request))
        } else {
            own
        }
    };
    for (name, value) in expected {
        let value = value.as_str().unwrap_or("");
        differ(name, &actual(name).unwrap_or_default(), value)?;
    }
    for name in OF_INTEREST {
        let Some(value) = actual(name) else { continue };
        // Signatures differ with the time and are not recorded.
        if !expected.contains_key(*name) && !value.starts_with("AWS4-") {
            return Err(format!("unexpected header {name}: {value}"));
        }
    }
    Ok(())
}

/// What the transport adds from `http_config`.
fn configured_authorization(request: &HttpRequest) -> Option<String> {
    if let Some(authorization) = &request.http.authorization {
        let scheme = &authorization.r#type;
        return Some(format!("{scheme} {}", authorization.credentials.expose()));
    }
    let basic = request.http.basic_auth.as_ref()?;
    let pair = format!("{}:{}", basic.username, basic.password.expose());
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn body(actual: &str, expected: &str) -> Result<(), String> {
    if actual == expected {
        return Ok(());
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (parse(actual), parse(expected)) {
        (Some(actual), Some(expected)) => {
            difference("body", &actual, &expected).map_or(Ok(()), Err)
        }
        _ if form(expected).is_some_and(|expected| form(actual) == Some(expected)) => Ok(()),
        _ => Err(format!("body: expected {expected:?}, got {actual:?}")),
    }
}

/// The first place where two documents differ.
fn difference(place: &str, actual: &Value, expected: &Value) -> Option<String> {
    match (actual, expected) {
        _ if actual == expected => None,
        (Value::Object(a), Value::Object(e)) => {
            let missing = Value::String("(absent)".to_owned());
            e.keys().chain(a.keys()).find_map(|key| {
                let (a, e) = (a.get(key).unwrap_or(&missing), e.get(key).unwrap_or(&missing));
                difference(&format!("{place}.{key}"), a, e)
            })
        }
        (Value::Array(a), Value::Array(e)) if a.len() == e.len() => (a.iter().zip(e).enumerate())
            .find_map(|(index, (a, e))| difference(&format!("{place}[{index}]"), a, e)),
        _ => Some(format!("{place}: expected {expected}, got {actual}")),
    }
}

/// The parameters of an AWS query body; the numbering of message attributes is arbitrary.
fn form(body: &str) -> Option<BTreeMap<String, String>> {
    if !body.contains("Action=") {
        return None;
    }
    let mut pairs: BTreeMap<&str, &str> =
        body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let mut all = BTreeMap::new();
    for number in 1.. {
        let entry = format!("MessageAttributes.entry.{number}");
        let Some(name) = pairs.remove(&*format!("{entry}.Name")) else { break };
        for part in ["DataType", "StringValue"] {
            let value = pairs.remove(&*format!("{entry}.Value.{part}")).unwrap_or("");
            all.insert(format!("attribute {name} {part}"), value.to_owned());
        }
    }
    all.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Some(all)
}

fn differ(what: &str, actual: &str, expected: &str) -> Result<(), String> {
    if actual == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {actual:?}"))
    }
}
