//! Our own API, and the places of Alertmanager's first one.
//!
//! In: requests with cursors. Out: pages of alerts, their history and the reasons of what happens
//! to them; errors as [`Problem`](crate::answer::Problem).

mod alerts;
pub(crate) mod change;
mod deliveries;
pub(crate) mod intake;
pub(crate) mod model;
pub(crate) mod presets;
pub(crate) mod providers;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod slos;
pub(crate) mod topology;
pub(crate) mod wide;
pub(crate) mod workflows;

pub(crate) use alerts::{explain, get, history, list};
pub(crate) use deliveries::deliveries;

use std::sync::Arc;

use http::{Response, StatusCode};

use crate::answer::{self, Answered};
use crate::body::Body;
use crate::service::{App, Call};

const GONE: &str = concat!(
    r#"{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 "#,
    r#"and is removed as of version 0.27.0 - please use the equivalent route in the v2 API"}"#,
);

/// What the eight routes of Alertmanager's first API answer.
pub(crate) async fn gone(_app: Arc<App>, _call: Call) -> Answered {
    let mut answer: Response<Body> = answer::typed("application/json", GONE);
    *answer.status_mut() = StatusCode::GONE;
    answer
}

/// The description of both APIs.
pub(crate) async fn openapi(_app: Arc<App>, _call: Call) -> Answered {
    answer::typed("application/json", crate::openapi::openapi_json())
}
