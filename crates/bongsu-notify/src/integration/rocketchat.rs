//! Rocket.Chat: `chat.postMessage`.

use bongsu_config::alertmanager::RocketchatConfig;
use bongsu_model::go_quote;
use serde_json::{Value, json};

use super::{Begun, data_of, http_of, parse_answer};
use crate::conversation::{Outcome, Response};
use crate::exchange::{Exchange, json_body, post_json};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::{FailureReason, NotifyError};
use crate::truncate::truncate_runes;
use crate::url_text::join_path;

const TITLE_RUNES: usize = 1024;

pub(super) fn begin(config: &RocketchatConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let attachment = attachment(config, &mut render);
    let channel = render.required(&config.channel);
    let emoji = render.detail(&config.emoji);
    let avatar = render.detail(&config.icon_url);
    render.finish()?;
    let body = JsonObject::new()
        .with_some("channel", channel.as_str())
        .with_some("emoji", emoji)
        .with_some("avatar", avatar)
        .with("attachments", vec![attachment]);

    // A file wins over a value in place.
    let secret = |value: &Option<bongsu_model::Secret>, file: &str| match value {
        Some(value) if file.is_empty() => Ok(value.expose().to_owned()),
        _ => input.secret("", file, &format!("could not read {file}")),
    };
    let token = secret(&config.token, &config.token_file)?;
    let token_id = secret(&config.token_id, &config.token_id_file)?;
    let base = config.api_url.as_ref().map_or("", |url| url.as_str());
    let url = join_path(base, "api/v1/chat.postMessage");
    let mut request =
        post_json(input, &http_of(&config.http_config), url, json_body(&body.build())?);
    request.headers.push(("X-Auth-Token", token));
    request.headers.push(("X-User-Id", token_id));
    let mut context = String::from("channel ");
    let _ = go_quote(&channel, &mut context);
    let mut exchange = Exchange::one(request, render.problems());
    exchange.answer_context = Some(context);
    exchange.accept = Box::new(accept);
    Ok(Box::new(exchange))
}

fn attachment(config: &RocketchatConfig, render: &mut Renderer<'_>) -> Value {
    let title = render.text(&config.title);
    let object = JsonObject::new()
        .with_some("title", truncate_runes(&title, TITLE_RUNES).0)
        .with_some("title_link", render.detail(&config.title_link))
        .with_some("text", render.text(&config.text))
        .with_some("image_url", render.detail(&config.image_url))
        .with_some("thumb_url", render.detail(&config.thumb_url))
        .with_some("color", render.detail(&config.color));
    let mut fields = Vec::new();
    for field in &config.fields {
        let title = render.detail(&field.title);
        let value = render.text(&field.value);
        let short = field.short.unwrap_or(config.short_fields);
        fields.push(json!({"short": short, "title": title, "value": value}));
    }
    let mut actions = Vec::new();
    for action in &config.actions {
        // Buttons are the only kind there is.
        let action = JsonObject::new()
            .with("type", "button")
            .with_some("text", render.detail(&action.text))
            .with_some("url", render.detail(&action.url))
            .with_some("msg", render.detail(&action.msg));
        actions.push(action.build());
    }
    object.with_some("fields", fields).with_some("actions", actions).build()
}

/// Errors may come with status 200.
fn accept(response: &Response) -> Result<Outcome, NotifyError> {
    let refused = |message| NotifyError::permanent(message).because(FailureReason::ClientError);
    let answer = parse_answer(&response.text())
        .map_err(|error| NotifyError { retry: true, ..refused(error) })?;
    if answer["success"] == true {
        return Ok(Outcome::default());
    }
    let error = answer["error"].as_str().unwrap_or("");
    Err(refused(format!("error response from Rocketchat: {error}")))
}
