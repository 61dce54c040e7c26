//! Microsoft Teams (connector cards and workflow cards) and Webex.

use bongsu_config::alertmanager::{MsTeamsConfig, MsTeamsV2Config, WebexConfig};
use bongsu_model::AlertStatus;
use serde_json::json;

use super::{Begun, data_of, http_of, webhook_url};
use crate::exchange::{Exchange, json_body, post_json};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::truncate::truncate_bytes;

const WEBEX_BYTES: usize = 7439;

pub(super) fn begin_v1(config: &MsTeamsConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let title = render.text(&config.title);
    let text = render.text(&config.text);
    let summary = render.text(&config.summary);
    render.finish()?;
    let color = match data.status {
        AlertStatus::Firing => "8C1A1A",
        AlertStatus::Resolved => "2DC72D",
    };
    let body = json!({
        "@context": "http://schema.org/extensions",
        "type": "MessageCard",
        "title": title,
        "summary": summary,
        "text": text,
        "themeColor": color,
    });
    let url = webhook_url(config.webhook_url.as_ref(), &config.webhook_url_file, input)?;
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&body)?);
    Ok(Box::new(Exchange::one(request, render.problems())))
}

pub(super) fn begin_v2(config: &MsTeamsV2Config, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let title = render.text(&config.title);
    let text = render.text(&config.text);
    render.finish()?;
    let color = match data.status {
        AlertStatus::Firing => "Attention",
        AlertStatus::Resolved => "Good",
    };
    let heading = json!({
        "type": "TextBlock",
        "text": title,
        "weight": "Bolder",
        "size": "Medium",
        "wrap": true,
        "style": "heading",
        "color": color,
    });
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [heading, {"type": "TextBlock", "text": text, "wrap": true}],
        "msteams": {"width": "full"},
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    });
    let body = json!({"type": "message", "attachments": [attachment]});
    let url = webhook_url(config.webhook_url.as_ref(), &config.webhook_url_file, input)?;
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&body)?);
    Ok(Box::new(Exchange::one(request, render.problems())))
}

pub(super) fn begin_webex(config: &WebexConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let message = render.text(&config.message);
    let room = render.required(&config.room_id);
    render.finish()?;
    let body = JsonObject::new()
        .with("markdown", truncate_bytes(&message, WEBEX_BYTES).0)
        .with_some("roomId", room);
    let url = config.api_url.as_ref().map_or("", |url| url.as_str()).to_owned();
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&body.build())?);
    Ok(Box::new(Exchange::one(request, render.problems())))
}
