//! Discord webhooks: one embed.

use bongsu_config::alertmanager::DiscordConfig;
use bongsu_model::AlertStatus;
use serde_json::json;

use super::{Begun, data_of, http_of, webhook_url};
use crate::exchange::{Exchange, json_body, post_json};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::truncate::truncate_runes;

const TITLE_RUNES: usize = 256;
const DESCRIPTION_RUNES: usize = 4096;
const CONTENT_RUNES: usize = 2000;
const RED: u32 = 0x99_2D22;
const GREEN: u32 = 0x2E_CC71;

pub(super) fn begin(config: &DiscordConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let title = render.text(&config.title);
    let description = render.text(&config.message);
    let content = render.text(&config.content);
    render.finish()?;
    let color = match data.status {
        AlertStatus::Firing => RED,
        AlertStatus::Resolved => GREEN,
    };
    let embed = json!({
        "title": truncate_runes(&title, TITLE_RUNES).0,
        "description": truncate_runes(&description, DESCRIPTION_RUNES).0,
        "color": color,
    });
    let body = JsonObject::new()
        .with("content", truncate_runes(&content, CONTENT_RUNES).0)
        .with("embeds", vec![embed])
        .with_some("username", config.username.as_str())
        .with_some("avatar_url", config.avatar_url.as_str());
    let url = webhook_url(config.webhook_url.as_ref(), &config.webhook_url_file, input)?;
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&body.build())?);
    Ok(Box::new(Exchange::one(request, render.problems())))
}
