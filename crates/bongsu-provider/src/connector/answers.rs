//! Answers as expressions see them.

use serde_json::{Map, Value};

use crate::call::Answer;
use crate::http::HttpResponse;

/// JSON where the body is JSON, else text; nothing if it is empty.
pub(super) fn of_http(answer: &HttpResponse) -> Answer {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match headers.get_mut(name.as_str()) {
            Some(Value::String(known)) => known.push_str(&format!(", {value}")),
            _ => drop(headers.insert(name.as_str().to_owned(), value.into_owned().into())),
        }
    }
    let body = match answer.body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&answer.body).into_owned().into()),
    };
    Answer { status: Some(answer.status), headers, body }
}
