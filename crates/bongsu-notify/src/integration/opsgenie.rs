//! Opsgenie: create, optionally update, and close an alert by alias.

use std::collections::{BTreeMap, VecDeque};

use bongsu_config::alertmanager::{OpsgenieConfig, OpsgenieResponder};
use bongsu_model::AlertStatus;
use http::Method;
use serde_json::{Value, json};

use super::{Begun, data_of, http_of};
use crate::exchange::{Exchange, json_body, request};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::{NotifyError, StatusPolicy};
use crate::truncate::truncate_runes;
use crate::url_text::{append_path, with_query};

const MESSAGE_RUNES: usize = 130;

pub(super) fn begin(config: &OpsgenieConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let mut details: BTreeMap<String, String> =
        data.common_labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    for (name, template) in &config.details {
        details.insert(name.clone(), render.detail(template));
    }
    let alias = input.group_hash();
    let bodies = if data.status == AlertStatus::Resolved {
        let close = json!({"source": render.detail(&config.source)});
        vec![(Method::POST, Some("close"), close)]
    } else {
        create(config, &alias, &details, &mut render)
    };
    let key = input.secret(config.api_key.expose(), &config.api_key_file, "read key_file error")?;
    let key = render.required(&key);
    render.finish().map_err(|error| error.context("templating error"))?;

    let base = config.api_url.as_ref().map_or("", |url| url.as_str());
    let http = http_of(&config.http_config);
    let mut requests = VecDeque::new();
    for (method, action, body) in bodies {
        let url = match action {
            None => append_path(base, "v2/alerts"),
            Some(action) => with_query(
                &append_path(base, &format!("v2/alerts/{alias}/{action}")),
                &[("identifierType", "alias")],
            ),
        };
        let mut request = request(input, &http, method, url, json_body(&body)?);
        request.headers.push(("Content-Type", "application/json".to_owned()));
        request.headers.push(("Authorization", format!("GenieKey {key}")));
        requests.push_back(request);
    }
    let first = requests.pop_front().ok_or_else(|| NotifyError::permanent("nothing to send"))?;
    let mut exchange = Exchange::one(first, render.problems());
    exchange.requests.extend(requests);
    exchange.policy = StatusPolicy::RATE_LIMITED;
    Ok(Box::new(exchange))
}

/// The alert and, if updates are wanted, its message and description once more: creating an
/// alert that exists changes neither.
fn create(
    config: &OpsgenieConfig,
    alias: &str,
    details: &BTreeMap<String, String>,
    render: &mut Renderer<'_>,
) -> Vec<(Method, Option<&'static str>, Value)> {
    let message = render.text(&config.message);
    let message = truncate_runes(&message, MESSAGE_RUNES).0.into_owned();
    let responders = responders(&config.responders, render);
    let description = render.text(&config.description);
    let source = render.detail(&config.source);
    let tags = words(&render.detail(&config.tags));
    let note = render.detail(&config.note);
    let priority = render.detail(&config.priority);
    let entity = render.detail(&config.entity);
    let actions = words(&render.detail(&config.actions));
    let body = JsonObject::new()
        .with("alias", alias)
        .with("message", message.as_str())
        .with_some("description", description.as_str())
        .with("details", json!(details))
        .with("source", source)
        .with_some("responders", responders)
        .with_some("tags", tags)
        .with_some("note", note)
        .with_some("priority", priority)
        .with_some("entity", entity)
        .with_some("actions", actions);
    let mut bodies = vec![(Method::POST, None, body.build())];
    if config.update_alerts {
        let message = JsonObject::new().with_some("message", message).build();
        let description = JsonObject::new().with_some("description", description).build();
        bodies.push((Method::PUT, Some("message"), message));
        bodies.push((Method::PUT, Some("description"), description));
    }
    bodies
}

/// Responders that are not empty after rendering; `teams` stands for several by name.
fn responders(configured: &[OpsgenieResponder], render: &mut Renderer<'_>) -> Vec<Value> {
    let mut responders = Vec::new();
    for responder in configured {
        let id = render.required(&responder.id);
        let name = render.required(&responder.name);
        let username = render.required(&responder.username);
        let kind = render.required(&responder.r#type);
        if [&id, &name, &username, &kind].iter().all(|text| text.is_empty()) {
            continue;
        }
        if kind == "teams" {
            let teams = words(&name);
            responders.extend(teams.iter().map(|team| json!({"name": team, "type": "team"})));
            continue;
        }
        let responder = JsonObject::new()
            .with_some("id", id)
            .with_some("name", name)
            .with_some("username", username)
            .with("type", kind);
        responders.push(responder.build());
    }
    responders
}

/// The non-empty pieces between commas.
fn words(text: &str) -> Vec<String> {
    text.trim().split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
