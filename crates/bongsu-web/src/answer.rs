//! The shapes of answers: the two of Alertmanager's API, ours, and plain text.

use std::fmt::Display;

use bongsu_engine::api::StoreError;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Body;
use crate::decode::Refusal;

pub(crate) type Answered = Response<Body>;

/// Whose manners a path follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/api/v2`: as Alertmanager's generated server.
    V2,
    /// `/api/v1` and Keep's: ours.
    V1,
    /// Everything else: plain text.
    Plain,
}

/// Where Keep's clients look.
const KEEP: [&str; 9] = [
    "/alerts",
    "/providers",
    "/preset",
    "/topology",
    "/workflows",
    "/cel",
    "/healthcheck",
    "/status",
    "/whoami",
];

impl Family {
    /// By the path below the prefix.
    pub(crate) fn of(path: &str) -> Self {
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        if below("/api/v2") || path == "/api/v2" {
            Self::V2
        } else if below("/api/v1") || KEEP.iter().any(|root| below(root) || path == *root) {
            Self::V1
        } else {
            Self::Plain
        }
    }
}

/// An answer with a status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Answered {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

fn with_type(status: StatusCode, kind: &'static str, body: Body) -> Answered {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Answered {
    with_type(status, "text/plain; charset=utf-8", Body::whole(text.into()))
}

/// Anything else with its media type.
pub(crate) fn typed(kind: &'static str, content: impl Into<bytes::Bytes>) -> Answered {
    with_type(StatusCode::OK, kind, Body::whole(content))
}

/// A JSON value followed by a newline.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answered {
    let mut out = Vec::with_capacity(256);
    write_json(value, &mut out);
    out.push(b'\n');
    with_type(status, "application/json", Body::whole(out))
}

/// A JSON list, written while it is sent.
pub(crate) fn json_list<T: Send + 'static>(
    items: Vec<T>,
    write: impl Fn(&T, &mut Vec<u8>) + Send + 'static,
) -> Answered {
    with_type(StatusCode::OK, "application/json", Body::json_list(items, write))
}

/// Appends a value. Writing to memory fails for no type used here.
pub(crate) fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    if let Err(error) = serde_json::to_writer(out, value) {
        tracing::error!(%error, "an answer could not be written as JSON");
    }
}

/// Sets a header from text that is known to be valid.
pub(crate) fn set(answer: &mut Answered, name: HeaderName, value: impl Display) {
    if let Ok(value) = HeaderValue::try_from(value.to_string()) {
        answer.headers_mut().insert(name, value);
    }
}

/// Alertmanager's handler error: the message as a bare JSON string.
pub(crate) fn bare(status: StatusCode, message: impl Display) -> Answered {
    json(status, &message.to_string())
}

#[derive(Serialize)]
struct Coded<'a> {
    code: u16,
    message: &'a str,
}

/// Alertmanager's validation error: `{code, message}`; codes from 600 answer as 422.
pub(crate) fn coded(code: u16, message: &str) -> Answered {
    let status = match code {
        600.. => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    json(status, &Coded { code, message })
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        coded(refusal.code, &refusal.message)
    }
}

/// An error of our API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Stable name of the kind of error.
    pub(crate) code: &'static str,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: &'static str,
    /// Where to read more.
    pub(crate) link: String,
    /// What it concerns, by kind of error.
    #[schema(value_type = Object)]
    pub(crate) details: serde_json::Value,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, help: &'static str) -> Self {
        let (message, link) = (message.into(), format!("https://bongsu.dev/docs/errors#{code}"));
        Self { code, message, help, link, details: serde_json::Value::Null }
    }

    /// A parameter that cannot be used.
    pub(crate) fn parameter(name: &str, message: impl Display) -> Answered {
        let message = format!("parameter {name}: {message}");
        let mut problem = Self::new("invalid_parameter", message, "correct the parameter");
        problem.details = serde_json::json!({ "parameter": name });
        problem.answer(StatusCode::BAD_REQUEST)
    }

    pub(crate) fn answer(&self, status: StatusCode) -> Answered {
        json(status, self)
    }
}

/// An error in the manner of the family.
pub(crate) fn error(
    family: Family,
    status: StatusCode,
    code: &'static str,
    message: &str,
) -> Answered {
    match family {
        Family::V2 => coded(status.as_u16(), message),
        Family::V1 => Problem::new(code, message, help(status)).answer(status),
        Family::Plain => text(status, format!("{message}\n")),
    }
}

fn help(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "see api/v1/openapi.json for what exists",
        StatusCode::METHOD_NOT_ALLOWED => "use a method named in the Allow header",
        StatusCode::UNAUTHORIZED => "send valid credentials",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            "try again after the time in Retry-After"
        }
        StatusCode::PAYLOAD_TOO_LARGE => "send less in one request",
        StatusCode::INSUFFICIENT_STORAGE => "free space on the disk of the data directory",
        _ => "see the server's log",
    }
}

/// 404 for a path without a route.
pub(crate) fn not_found(family: Family, path: &str) -> Answered {
    let message = format!("path {path} was not found");
    match family {
        Family::Plain => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        _ => error(family, StatusCode::NOT_FOUND, "not_found", &message),
    }
}

/// 405 naming the methods that would do.
pub(crate) fn not_allowed(family: Family, method: &Method, allowed: &[&str]) -> Answered {
    let allowed = allowed.join(",");
    let message = match family {
        Family::Plain => "Method Not Allowed".to_owned(),
        _ => format!("method {method} is not allowed, but [{allowed}] are"),
    };
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = error(family, status, "method_not_allowed", &message);
    set(&mut answer, ALLOW, allowed);
    answer
}

/// 429 with the time to wait, at least a second.
pub(crate) fn too_many(family: Family, message: &str, wait: std::time::Duration) -> Answered {
    let mut answer = error(family, StatusCode::TOO_MANY_REQUESTS, "overloaded", message);
    set(&mut answer, RETRY_AFTER, wait.as_secs_f64().ceil().max(1.0));
    answer
}

/// 507 on a full disk, else 503.
pub(crate) fn store(family: Family, problem: &StoreError, message: &str) -> Answered {
    let status = if problem.full {
        StatusCode::INSUFFICIENT_STORAGE
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut answer = error(family, status, "store", message);
    set(&mut answer, RETRY_AFTER, 5);
    answer
}
