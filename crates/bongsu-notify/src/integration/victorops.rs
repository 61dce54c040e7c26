//! Splunk On-Call (VictorOps) REST endpoint.

use std::collections::BTreeMap;

use bongsu_config::alertmanager::VictorOpsConfig;
use bongsu_model::AlertStatus;

use super::{Begun, data_of, http_of};
use crate::exchange::{Exchange, json_body, post_json};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::truncate::truncate_runes;
use crate::url_text::append_path;

const STATE_MESSAGE_RUNES: usize = 20_480;

pub(super) fn begin(config: &VictorOpsConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let key = input.secret(
        config.api_key.expose(),
        &config.api_key_file,
        "failed to read API key from file",
    )?;
    let routing_key = render.required(&config.routing_key);
    render.finish().map_err(|error| error.context("templating error"))?;

    let wanted = render.required(&config.message_type);
    let message_type = match (data.status, wanted.as_str()) {
        (AlertStatus::Resolved, _) => "RECOVERY",
        (AlertStatus::Firing, "INFO" | "WARNING") => &wanted,
        (AlertStatus::Firing, _) => "CRITICAL",
    };
    let state_message = render.text(&config.state_message);
    let state_message = truncate_runes(&state_message, STATE_MESSAGE_RUNES).0.into_owned();
    let mut message = BTreeMap::from([
        ("message_type", message_type.to_owned()),
        ("entity_id", input.group_hash()),
        ("entity_display_name", render.text(&config.entity_display_name)),
        ("state_message", state_message),
        ("monitoring_tool", render.detail(&config.monitoring_tool)),
    ]);
    for (name, template) in &config.custom_fields {
        message.insert(name, render.detail(template));
    }
    // Alertmanager counts this error, unlike the one above, as worth another attempt.
    render.finish().map_err(|error| {
        let error = error.context("templating error");
        crate::NotifyError { retry: true, ..error }
    })?;

    let base = config.api_url.as_ref().map_or("", |url| url.as_str());
    let url = append_path(base, &format!("{key}/{routing_key}"));
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&message)?);
    Ok(Box::new(Exchange::one(request, render.problems())))
}
