//! Slack: incoming webhooks, `chat.postMessage` with an app token, and `chat.update`.
//!
//! Loading the configuration turns an app token into the target and the `authorization` of
//! `http_config`, so there is nothing to do about it here.

use bongsu_config::alertmanager::{SlackAction, SlackConfig, SlackField};
use bongsu_model::go_quote;
use serde_json::Value;

use super::{Begun, data_of, http_of};
use crate::conversation::{Outcome, Response};
use crate::exchange::{Exchange, json_body, post_json, time_limit};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::{FailureReason, NotifyError};
use crate::truncate::truncate_runes;

const TITLE_RUNES: usize = 1024;
const UPDATE_URL: &str = "https://slack.com/api/chat.update";
/// Keys in the notification log, as Alertmanager's own log names them.
const TIMESTAMP: &str = "threadTs";
const CHANNEL: &str = "channelId";

pub(super) fn begin(config: &SlackConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let attachment = attachment(config, &mut render);
    let mut channel = render.required(&config.channel);
    let username = render.detail(&config.username);
    let icon_emoji = render.detail(&config.icon_emoji);
    let icon_url = render.detail(&config.icon_url);
    let text = render.text(&config.message_text);
    // Alertmanager sends what was rendered before the first mistake.
    if !input.compatible {
        render.finish()?;
    }

    let mut url = address(config, input)?;
    let mut timestamp = String::new();
    if config.update_message
        && let (Some(ts), Some(id)) = (input.previous.get(TIMESTAMP), input.previous.get(CHANNEL))
        && !ts.is_empty()
        && !id.is_empty()
    {
        UPDATE_URL.clone_into(&mut url);
        timestamp.clone_from(ts);
        channel.clone_from(id);
    }
    let body = JsonObject::new()
        .with_some("channel", channel.as_str())
        .with_some("ts", timestamp)
        .with_some("username", username)
        .with_some("icon_emoji", icon_emoji)
        .with_some("icon_url", icon_url)
        .with_some("link_names", config.link_names)
        .with_some("text", text)
        .with("attachments", vec![attachment]);

    let mut request =
        post_json(input, &http_of(&config.http_config), url, json_body(&body.build())?);
    request.timeout = time_limit(config.timeout, "slack");
    let mut context = String::from("channel ");
    let _ = go_quote(&channel, &mut context);
    let (previous, keep) = (input.previous.clone(), config.update_message);
    let mut exchange = Exchange::one(request, render.problems());
    exchange.answer_context = Some(context);
    exchange.accept = Box::new(move |response| {
        let mut outcome = accept(response, keep)?;
        if keep && outcome.data.is_empty() {
            outcome.data.clone_from(&previous);
        }
        Ok(outcome)
    });
    Ok(Box::new(exchange))
}

fn address(config: &SlackConfig, input: &NotifyInput<'_>) -> Result<String, NotifyError> {
    match &config.api_url {
        Some(url) => Ok(url.expose().to_owned()),
        None => input.file(&config.api_url_file).map_err(NotifyError::permanent),
    }
}

fn attachment(config: &SlackConfig, render: &mut Renderer<'_>) -> Value {
    let title = render.text(&config.title);
    let title = truncate_runes(&title, TITLE_RUNES).0.into_owned();
    let title_link = render.detail(&config.title_link);
    let pretext = render.text(&config.pretext);
    let text = render.text(&config.text);
    let fallback = render.text(&config.fallback);
    let callback_id = render.detail(&config.callback_id);
    let image_url = render.detail(&config.image_url);
    let thumb_url = render.detail(&config.thumb_url);
    let footer = render.detail(&config.footer);
    let color = render.detail(&config.color);
    let short = config.short_fields;
    let fields: Vec<Value> = config.fields.iter().map(|f| field(f, short, render)).collect();
    let actions: Vec<Value> = config.actions.iter().map(|a| action(a, render)).collect();
    let mrkdwn_in = if config.mrkdwn_in.is_empty() {
        vec!["fallback".to_owned(), "pretext".to_owned(), "text".to_owned()]
    } else {
        config.mrkdwn_in.clone()
    };
    JsonObject::new()
        .with_some("title", title)
        .with_some("title_link", title_link)
        .with_some("pretext", pretext)
        .with("text", text)
        .with("fallback", fallback)
        .with("callback_id", callback_id)
        .with_some("fields", fields)
        .with_some("actions", actions)
        .with_some("image_url", image_url)
        .with_some("thumb_url", thumb_url)
        .with("footer", footer)
        .with_some("color", color)
        .with_some("mrkdwn_in", mrkdwn_in)
        .build()
}

fn field(field: &SlackField, short: bool, render: &mut Renderer<'_>) -> Value {
    JsonObject::new()
        .with_some("title", render.detail(&field.title))
        .with_some("value", render.text(&field.value))
        .with("short", field.short.unwrap_or(short))
        .build()
}

fn action(action: &SlackAction, render: &mut Renderer<'_>) -> Value {
    let object = JsonObject::new()
        .with_some("type", render.detail(&action.r#type))
        .with_some("text", render.detail(&action.text))
        .with_some("url", render.detail(&action.url))
        .with_some("style", render.detail(&action.style))
        .with_some("name", render.detail(&action.name))
        .with_some("value", render.detail(&action.value));
    let Some(confirm) = &action.confirm else { return object.build() };
    let title = render.detail(&confirm.title);
    let confirm = JsonObject::new()
        .with_some("text", render.detail(&confirm.text))
        .with_some("title", title)
        .with_some("ok_text", render.detail(&confirm.ok_text))
        .with_some("dismiss_text", render.detail(&confirm.dismiss_text));
    object.with("confirm", confirm).build()
}

/// Slack reports errors with status 200, as JSON or as a word.
fn accept(response: &Response, keep: bool) -> Result<Outcome, NotifyError> {
    let text = response.text();
    let refused =
        |message: String| NotifyError::permanent(message).because(FailureReason::ClientError);
    if !response.content_type.starts_with("application/json") {
        if text == "ok" {
            return Ok(Outcome::default());
        }
        return Err(refused(format!("received an error response from Slack: {text}")));
    }
    let answer = super::parse_answer(&text)
        .map_err(|error| NotifyError { retry: true, ..refused(error) })?;
    if answer["ok"] != true {
        let error = answer["error"].as_str().unwrap_or("");
        return Err(refused(format!("error response from Slack: {error}")));
    }
    let mut outcome = Outcome::default();
    if let (true, Some(ts), Some(channel)) =
        (keep, answer["ts"].as_str(), answer["channel"].as_str())
        && !ts.is_empty()
        && !channel.is_empty()
    {
        outcome.data.insert(TIMESTAMP.to_owned(), ts.to_owned());
        outcome.data.insert(CHANNEL.to_owned(), channel.to_owned());
    }
    Ok(outcome)
}
