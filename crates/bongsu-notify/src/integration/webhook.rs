//! Webhook: the notification's data, or a payload of the user's, as JSON.

use std::sync::Arc;

use bongsu_config::alertmanager::WebhookConfig;
use serde::Serialize;

use super::{Begun, PayloadError, http_of, payload};
use crate::data::{NotificationData, NotificationInput};
use crate::exchange::{Exchange, json_body, post_json, time_limit};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::retry::NotifyError;

/// The documented body, version 4 of the webhook protocol.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    #[serde(flatten)]
    pub(super) data: &'a NotificationData,
    pub(super) version: &'static str,
    #[serde(rename = "groupKey")]
    pub(super) group_key: &'a str,
    #[serde(rename = "truncatedAlerts")]
    pub(super) truncated_alerts: u64,
}

/// The data with at most `max_alerts` alerts (0: all), and how many were left out.
pub(super) fn limited(input: &NotifyInput<'_>, max_alerts: u64) -> (Arc<NotificationData>, u64) {
    let alerts = input.data.alerts;
    let kept = match usize::try_from(max_alerts) {
        Ok(limit) if limit > 0 => &alerts[..limit.min(alerts.len())],
        _ => alerts,
    };
    let left_out = u64::try_from(alerts.len() - kept.len()).unwrap_or(u64::MAX);
    (Arc::new(NotificationData::new(NotificationInput { alerts: kept, ..input.data })), left_out)
}

pub(super) fn begin(config: &WebhookConfig, input: &NotifyInput<'_>) -> Begun {
    let (data, truncated_alerts) = limited(input, config.max_alerts);
    let mut render = Renderer::new(input, &data);

    let body = match &config.payload {
        None => {
            let group_key = &input.group_key.0;
            json_body(&Message { data: &data, version: "4", group_key, truncated_alerts })?
        }
        Some(payload) => {
            let rendered = payload::render(payload, &mut render).map_err(|error| {
                let failed = NotifyError::permanent(error.to_string());
                match error {
                    PayloadError::Template(_) => failed.context("failed to render custom payload"),
                    PayloadError::Number(_) => failed,
                }
            })?;
            json_body(&rendered)?
        }
    };

    let template = input.secret(config.url.expose(), &config.url_file, "read url_file")?;
    let url = render.required(&template);
    render.finish().map_err(|error| error.context("failed to template webhook URL"))?;
    if url.is_empty() {
        return Err(NotifyError::permanent("webhook URL is empty after templating"));
    }

    let mut request = post_json(input, &http_of(&config.http_config), url, body);
    request.timeout = time_limit(config.timeout, "webhook");
    if !input.compatible && !request.idempotency_key.is_empty() {
        request.headers.push(("Idempotency-Key", request.idempotency_key.clone()));
    }
    Ok(Box::new(Exchange::one(request, render.problems())))
}
