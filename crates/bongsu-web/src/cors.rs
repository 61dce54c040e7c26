//! Cross-origin rules of Alertmanager's API: any origin may `GET`, `POST` and `HEAD`, without
//! credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::answer::{self, Answered};

const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
const HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

/// The answer to a preflight request, if this is one.
pub(crate) fn preflight(parts: &Parts) -> Option<Answered> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let wanted = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        headers.append(VARY, HeaderValue::from_static(name));
    }
    let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
    let known_headers = asked.and_then(|value| value.to_str().ok()).is_none_or(|list| {
        let mut names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.all(|name| HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)))
    });
    let known_method = METHODS.iter().any(|method| wanted == method);
    if parts.headers.contains_key(ORIGIN) && known_method && known_headers {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    }
    Some(answer)
}

/// Headers of every other answer.
pub(crate) fn dress(parts: &Parts, headers: &mut HeaderMap) {
    if parts.method == Method::OPTIONS && headers.contains_key(VARY) {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let allowed = METHODS.iter().any(|method| parts.method == *method);
    if allowed && parts.headers.contains_key(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}
