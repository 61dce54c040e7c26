//! incident.io alert sources: the webhook body, kept under the size the service accepts.

use std::sync::Arc;

use bongsu_config::alertmanager::IncidentioConfig;
use serde_json::Value;

use super::webhook::{Message, limited};
use super::{Begun, http_of};
use crate::conversation::Response;
use crate::data::NotificationData;
use crate::exchange::{Exchange, json_body, post_json, time_limit};
use crate::input::NotifyInput;
use crate::retry::StatusPolicy;

const MAX_BODY_BYTES: usize = 512 * 1024;

pub(super) fn begin(config: &IncidentioConfig, input: &NotifyInput<'_>) -> Begun {
    let (data, truncated_alerts) = limited(input, config.max_alerts);
    let message =
        |data| Message { data, version: "1", group_key: &input.group_key.0, truncated_alerts };
    let mut body = json_body(&message(&data))?;
    if body.len() > MAX_BODY_BYTES {
        // One alert is enough to raise the incident; the count of left out alerts stays.
        let first: Vec<_> = data.alerts.iter().take(1).cloned().collect();
        let shorter = NotificationData { alerts: Arc::new(first), ..(*data).clone() };
        body = json_body(&message(&shorter))?;
    }

    let url = config.url.as_ref().map_or("", |url| url.as_str());
    let url = input.secret(url, &config.url_file, "read url_file")?;
    let token = input.secret(
        config.alert_source_token.expose(),
        &config.alert_source_token_file,
        "failed to read alert_source_token_file",
    )?;
    let mut request = post_json(input, &http_of(&config.http_config), url, body);
    request.timeout = time_limit(config.timeout, "incident.io");
    if !token.is_empty() {
        request.headers.push(("Authorization", format!("Bearer {token}")));
    }
    let exchange = Exchange::one(request, Vec::new());
    Ok(Box::new(Exchange { policy: StatusPolicy::RATE_LIMITED, details, ..exchange }))
}

/// `message`, `error` and `errors` of the answer.
fn details(response: &Response) -> String {
    let Some(answer) = super::first_json(&response.body) else { return String::new() };
    let text = |key: &str| answer[key].as_str().unwrap_or("").to_owned();
    let list = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let mut parts = vec![text("message"), text("error"), list.join(", ")];
    parts.retain(|part| !part.is_empty());
    parts.join(": ")
}
