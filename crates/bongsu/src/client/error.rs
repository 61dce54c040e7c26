//! Why a request failed, in words for both command lines.

use std::error::Error;
use std::io;
use std::net::ToSocketAddrs;

use reqwest::{Method, Url};
use thiserror::Error as ThisError;

use crate::exit::Exit;

/// A failed request.
#[derive(Debug, ThisError)]
pub(crate) enum ClientError {
    /// The URL or the HTTP settings are wrong; nothing was sent.
    #[error("{0}")]
    Setup(String),
    /// No answer.
    #[error("{verb} \"{url}\": {reason}")]
    Unreachable {
        /// `Get`, `Post` …
        verb: String,
        /// Without credentials.
        url: String,
        /// What went wrong, in Go's words where they are known.
        reason: String,
    },
    /// An answer that is not success.
    #[error("{}", refused(method, path, *status, message))]
    Refused {
        /// `GET` …
        method: String,
        /// Below `/api/v2/` (or, for Bongsu's own API, `/api/`).
        path: String,
        /// HTTP status.
        status: u16,
        /// The server's reason.
        message: String,
    },
    /// Success, but the body is not what the API promises.
    #[error("unexpected answer from the server: {0}")]
    Answer(String),
}

impl ClientError {
    /// The exit code of a command that failed so.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Setup(_) => Exit::Usage,
            Self::Unreachable { .. } | Self::Answer(_) => Exit::Unreachable,
            Self::Refused { status, .. } => match status {
                401 | 403 => Exit::NotAllowed,
                409 => Exit::Conflict,
                429 | 502..=504 => Exit::Unreachable,
                _ => Exit::No,
            },
        }
    }
}

/// `[POST /silences][400] postSilencesBadRequest  reason`: the form of generated API clients,
/// which scripts around amtool match on.
fn refused(method: &str, path: &str, status: u16, message: &str) -> String {
    let (noun, shown) = match path.split_once('/') {
        Some((noun @ "silence", _)) => (noun, "silence/{silenceID}"),
        _ => (path, path),
    };
    let mut operation = method.to_ascii_lowercase();
    let mut upper = true;
    for c in noun.chars() {
        operation.push(if upper { c.to_ascii_uppercase() } else { c });
        upper = false;
    }
    let reason = reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Error")
        .replace([' ', '-'], "");
    format!("[{method} /{shown}][{status}] {operation}{reason}  {message}")
}

/// The reason inside a refusal: a bare JSON string, `{"message": …}`, or text.
pub(super) fn refusal(body: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => match value["message"].as_str().or(value["error"].as_str()) {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        },
        Err(_) => String::from_utf8_lossy(body).trim().chars().take(500).collect(),
    }
}

/// The URL without its credentials.
pub(super) fn shown_url(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// No answer came.
pub(super) fn unreachable(
    method: &Method,
    shown: &str,
    url: &Url,
    error: &reqwest::Error,
) -> ClientError {
    let name = method.as_str();
    let verb = format!("{}{}", &name[..1], name[1..].to_ascii_lowercase());
    ClientError::Unreachable { verb, url: shown.to_owned(), reason: reason(url, error) }
}

fn reason(url: &Url, error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "context deadline exceeded".into();
    }
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let Some(problem) = cause.downcast_ref::<io::Error>() else { return cause.to_string() };
    let text = match problem.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        _ => problem.to_string(),
    };
    if !error.is_connect() {
        return text;
    }
    let bare = host.trim_matches(['[', ']']);
    match (bare, port).to_socket_addrs().ok().and_then(|mut found| found.next()) {
        Some(address) => format!("dial tcp {address}: connect: {text}"),
        None => format!("dial tcp: lookup {host}: no such host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_like_generated_clients() {
        for (method, path, status, body, want) in [
            (
                "GET",
                "alerts",
                400,
                "\"bad matcher format: b\"",
                "[GET /alerts][400] getAlertsBadRequest  bad matcher format: b",
            ),
            (
                "DELETE",
                "silence/x",
                404,
                "",
                "[DELETE /silence/{silenceID}][404] deleteSilenceNotFound  ",
            ),
            (
                "POST",
                "silences",
                422,
                r#"{"code":602,"message":"comment in body is required"}"#,
                "[POST /silences][422] postSilencesUnprocessableEntity  comment in body is required",
            ),
        ] {
            let error = ClientError::Refused {
                method: method.into(),
                path: path.into(),
                status,
                message: refusal(body.as_bytes()),
            };
            assert_eq!(error.to_string(), want);
        }
    }
}
