//! What the server is and does: probes, who calls, conditions, the challenge of Netdata.

use std::sync::Arc;

use base64::Engine as _;
use bongsu_lang::cel::Program;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use super::body;
use crate::answer::{self, Answered, Problem};
use crate::service::{App, Call};

/// Key of the answer that proves to Netdata Cloud that a webhook is wanted. It is public: Keep's
/// users set no other.
const NETDATA: &[u8] = b"keep-netdata-webhook-integration";

/// `GET /healthcheck`.
pub(crate) async fn health(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.ready() {
        Ok(()) => answer::json(StatusCode::OK, &json!({"status": "ok"})),
        Err(_) => answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "failing"})),
    }
}

/// `GET /status`.
pub(crate) async fn status(app: Arc<App>, _call: Call) -> Answered {
    let counts = app.backend.counts();
    answer::json(
        StatusCode::OK,
        &json!({
            "status": if app.backend.ready().is_ok() { "OK" } else { "FAILING" },
            "version": app.options.build.version,
            "started_at": app.backend.status().started_at.to_string(),
            "alerts": counts.alerts,
            "groups": counts.groups,
        }),
    )
}

/// `GET /whoami`: there are no tenants, and every user may do everything.
pub(crate) async fn whoami(_app: Arc<App>, call: Call) -> Answered {
    let user = call.user().unwrap_or_else(|| "anonymous".to_owned());
    answer::json(StatusCode::OK, &json!({"tenant_id": "keep", "email": user, "role": "admin"}))
}

/// A condition to look at.
#[derive(Debug, Deserialize)]
struct Condition {
    cel: String,
}

/// `POST /cel/validate`.
pub(crate) async fn validate(_app: Arc<App>, call: Call) -> Answered {
    let asked: Condition = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let errors: Vec<_> = Program::parse(&asked.cel)
        .err()
        .map(|error| {
            json!({
                "message": error.message, "line": error.line, "column": error.column,
                "help": error.help,
            })
        })
        .into_iter()
        .collect();
    answer::json(StatusCode::OK, &json!({"valid": errors.is_empty(), "errors": errors}))
}

/// `GET /alerts/event/netdata`: parameter `token`.
pub(crate) async fn netdata(_app: Arc<App>, call: Call) -> Answered {
    let given = ["token", "crc_token"].iter().find_map(|name| call.query.last(name));
    let Some(token) = given else {
        return Problem::parameter("token", "missing");
    };
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(NETDATA) else {
        return answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    mac.update(token.as_bytes());
    let digest = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    answer::json(StatusCode::OK, &json!({"response_token": format!("sha256={digest}")}))
}
