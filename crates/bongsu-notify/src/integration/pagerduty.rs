//! PagerDuty: Events API v2 (`routing_key`) and v1 (`service_key`).

use bongsu_config::alertmanager::PagerdutyConfig;
use bongsu_model::AlertStatus;
use serde_json::{Map, Value, json};

use super::{Begun, PayloadError, data_of, first_json, http_of, payload};
use crate::conversation::Response;
use crate::exchange::{Exchange, json_body, post_json, time_limit};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::{NotifyError, StatusPolicy};
use crate::truncate::truncate_runes;

const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
const SUMMARY_RUNES: usize = 1024;
const MAX_EVENT_BYTES: usize = 512_000;
const TOO_LARGE: &str =
    "Custom details have been removed because the original event exceeds the maximum size of 512KB";

pub(super) fn begin(config: &PagerdutyConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let resolved = data.status == AlertStatus::Resolved;
    let event = if resolved { "resolve" } else { "trigger" };
    let mut details = Map::new();
    for (name, value) in &config.details {
        let value = payload::render(value, &mut render).map_err(|error| {
            let context = match error {
                PayloadError::Template(_) => "failed to render details",
                PayloadError::Number(_) => "failed to encode PagerDuty message",
            };
            NotifyError::permanent(error.to_string()).context(context)
        })?;
        details.insert(name.clone(), value);
    }

    let v1 = !config.service_key.is_empty() || !config.service_key_file.is_empty();
    let (url, context, policy, message) = if v1 {
        let policy = StatusPolicy { retry: &[403] };
        let message = v1_message(config, input, &mut render, event)?;
        (V1_URL, "failed to post message to PagerDuty v1", policy, message)
    } else {
        let url = config.url.as_ref().map_or("", |url| url.as_str());
        let message = v2_message(config, input, &mut render, event)?;
        (url, "failed to post message to PagerDuty", StatusPolicy::RATE_LIMITED, message)
    };
    let mut body = json_body(&message(&Value::Object(details)))?;
    if body.len() > MAX_EVENT_BYTES {
        body = json_body(&message(&json!({"error": TOO_LARGE})))?;
    }

    let mut request = post_json(input, &http_of(&config.http_config), url.to_owned(), body);
    request.timeout = time_limit(config.timeout, "pagerduty");
    let exchange = Exchange::one(request, render.problems());
    Ok(Box::new(Exchange {
        policy,
        details: error_details,
        transport_context: Some(context),
        ..exchange
    }))
}

/// The event with given details.
type Message = Box<dyn Fn(&Value) -> Value>;

fn v1_message(
    config: &PagerdutyConfig,
    input: &NotifyInput<'_>,
    render: &mut Renderer<'_>,
    event: &'static str,
) -> Result<Message, NotifyError> {
    let description = render.text(&config.description);
    let description = truncate_runes(&description, SUMMARY_RUNES).0.into_owned();
    let key = input.secret(
        config.service_key.expose(),
        &config.service_key_file,
        "failed to read service key from file",
    )?;
    let key = render.required(&key);
    let (client, client_url) = if event == "trigger" {
        (render.detail(&config.client), render.detail(&config.client_url))
    } else {
        (String::new(), String::new())
    };
    render.finish().map_err(|error| error.context("failed to template PagerDuty v1 message"))?;
    if key.is_empty() {
        return Err(NotifyError::permanent("service key cannot be empty"));
    }
    let incident = input.group_hash();
    Ok(Box::new(move |details| {
        JsonObject::new()
            .with("service_key", key.as_str())
            .with("incident_key", incident.as_str())
            .with("event_type", event)
            .with_some("description", description.as_str())
            .with("event_action", "")
            .with("payload", Value::Null)
            .with_some("client", client.as_str())
            .with_some("client_url", client_url.as_str())
            .with_some("details", details.clone())
            .build()
    }))
}

fn v2_message(
    config: &PagerdutyConfig,
    input: &NotifyInput<'_>,
    render: &mut Renderer<'_>,
    event: &'static str,
) -> Result<Message, NotifyError> {
    let summary = render.text(&config.description);
    let summary = truncate_runes(&summary, SUMMARY_RUNES).0.into_owned();
    let key = input.secret(
        config.routing_key.expose(),
        &config.routing_key_file,
        "failed to read routing key from file",
    )?;
    let client = render.detail(&config.client);
    let client_url = render.detail(&config.client_url);
    let key = render.required(&key);
    let source = render.detail(&config.source);
    let severity = if config.severity.is_empty() { "error" } else { &config.severity };
    let severity = render.required(severity);
    let class = render.detail(&config.class);
    let component = render.detail(&config.component);
    let group = render.detail(&config.group);
    let (images, links) = attachments(config, render);
    render.finish().map_err(|error| error.context("failed to template PagerDuty v2 message"))?;
    if key.is_empty() {
        return Err(NotifyError::permanent("routing key cannot be empty"));
    }
    let dedup = input.group_hash();
    Ok(Box::new(move |details| {
        let payload = JsonObject::new()
            .with("summary", summary.as_str())
            .with("source", source.as_str())
            .with("severity", severity.as_str())
            .with_some("class", class.as_str())
            .with_some("component", component.as_str())
            .with_some("group", group.as_str())
            .with_some("custom_details", details.clone());
        JsonObject::new()
            .with("routing_key", key.as_str())
            .with("dedup_key", dedup.as_str())
            .with("event_action", event)
            .with("payload", payload)
            .with_some("client", client.as_str())
            .with_some("client_url", client_url.as_str())
            .with_some("images", images.clone())
            .with_some("links", links.clone())
            .build()
    }))
}

/// Images with a source and links with a target.
fn attachments(config: &PagerdutyConfig, render: &mut Renderer<'_>) -> (Vec<Value>, Vec<Value>) {
    let mut images = Vec::new();
    for image in &config.images {
        let src = render.detail(&image.src);
        let alt = render.detail(&image.alt);
        let href = render.detail(&image.href);
        if !src.is_empty() {
            images.push(json!({"src": src, "alt": alt, "href": href}));
        }
    }
    let mut links = Vec::new();
    for link in &config.links {
        let href = render.detail(&link.href);
        let text = render.detail(&link.text);
        if !href.is_empty() {
            links.push(json!({"href": href, "text": text}));
        }
    }
    (images, links)
}

/// Only status 400 explains itself, as JSON.
fn error_details(response: &Response) -> String {
    if response.status != 400 {
        return String::new();
    }
    let Some(answer) = first_json(&response.body) else { return String::new() };
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
    format!("{}: {}", answer["message"].as_str().unwrap_or(""), errors.join(","))
}
