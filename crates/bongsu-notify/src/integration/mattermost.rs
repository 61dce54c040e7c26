//! Mattermost incoming webhooks.

use bongsu_config::alertmanager::{MattermostAttachment, MattermostConfig};
use bongsu_model::go_quote;
use serde_json::Value;

use super::{Begun, data_of, http_of};
use crate::exchange::{Exchange, json_body, post_json};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::NotifyError;
use crate::truncate::truncate_runes;

const TEXT_RUNES: usize = 16_383;

pub(super) fn begin(config: &MattermostConfig, input: &NotifyInput<'_>) -> Begun {
    let url = config.webhook_url.as_ref().map_or("", |url| url.expose());
    let url = match url {
        "" if !config.webhook_url_file.is_empty() => {
            input.file(&config.webhook_url_file).map_err(NotifyError::permanent)?
        }
        url => url.to_owned(),
    };
    if url.is_empty() {
        return Err(NotifyError::permanent("webhook url missing"));
    }
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let channel = render.required(&config.channel);
    let username = render.detail(&config.username);
    let icon_url = render.detail(&config.icon_url);
    let icon_emoji = render.detail(&config.icon_emoji);
    let kind = render.detail(&config.r#type);
    let priority = priority(config, &mut render);
    let card = config.props.as_ref().map_or("", |props| props.card.as_str());
    let card = render.text(card);
    // Without attachments of its own, a message is one attachment made of the flat settings.
    let (text, attachments) = if config.attachments.is_empty() {
        (String::new(), vec![attachment(&flat(config), &mut render)])
    } else {
        let text = render.text(&config.text);
        (text, config.attachments.iter().map(|att| attachment(att, &mut render)).collect())
    };
    render.finish()?;

    let body = JsonObject::new()
        .with_some("text", truncate_runes(&text, TEXT_RUNES).0)
        .with_some("channel", channel.as_str())
        .with_some("username", username)
        .with_some("icon_url", icon_url)
        .with_some("icon_emoji", icon_emoji)
        .with_some("attachments", attachments)
        .with_some("type", kind)
        .with_some("props", JsonObject::new().with_some("card", card))
        .with_some("priority", priority);
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&body.build())?);
    let mut context = String::from("channel ");
    let _ = go_quote(&channel, &mut context);
    let mut exchange = Exchange::one(request, render.problems());
    exchange.answer_context = Some(context);
    Ok(Box::new(exchange))
}

fn flat(config: &MattermostConfig) -> MattermostAttachment {
    MattermostAttachment {
        fallback: config.fallback.clone(),
        color: config.color.clone(),
        pretext: config.pretext.clone(),
        text: config.text.clone(),
        author_name: config.author_name.clone(),
        author_link: config.author_link.clone(),
        author_icon: config.author_icon.clone(),
        title: config.title.clone(),
        title_link: config.title_link.clone(),
        fields: config.fields.clone(),
        thumb_url: config.thumb_url.clone(),
        footer: config.footer.clone(),
        footer_icon: config.footer_icon.clone(),
        image_url: config.image_url.clone(),
    }
}

fn attachment(config: &MattermostAttachment, render: &mut Renderer<'_>) -> Value {
    let text = render.text(&config.text);
    let mut fields = Vec::new();
    for field in &config.fields {
        let mut object = JsonObject::new()
            .with_some("title", render.detail(&field.title))
            .with_some("value", render.text(&field.value));
        if let Some(short) = field.short {
            object = object.with("short", short);
        }
        fields.push(object.build());
    }
    JsonObject::new()
        .with_some("fallback", render.text(&config.fallback))
        .with_some("color", render.detail(&config.color))
        .with_some("pretext", render.text(&config.pretext))
        .with_some("text", truncate_runes(&text, TEXT_RUNES).0)
        .with_some("author_name", render.detail(&config.author_name))
        .with_some("author_link", render.detail(&config.author_link))
        .with_some("author_icon", render.detail(&config.author_icon))
        .with_some("title", render.text(&config.title))
        .with_some("title_link", render.detail(&config.title_link))
        .with_some("fields", fields)
        .with_some("thumb_url", render.detail(&config.thumb_url))
        .with_some("footer", render.detail(&config.footer))
        .with_some("footer_icon", render.detail(&config.footer_icon))
        .with_some("image_url", render.detail(&config.image_url))
        .build()
}

/// The priority, with the flags the service refuses for it switched off.
fn priority(config: &MattermostConfig, render: &mut Renderer<'_>) -> Value {
    let Some(priority) = config.priority.as_ref().filter(|p| !p.priority.is_empty()) else {
        return Value::Null;
    };
    let mut word = render.detail(&priority.priority).to_lowercase();
    if !matches!(word.as_str(), "urgent" | "important" | "standard") {
        "standard".clone_into(&mut word);
    }
    let ack = priority.requested_ack && word != "standard";
    let persistent = priority.persistent_notifications && word == "urgent";
    JsonObject::new()
        .with("priority", word)
        .with_some("requested_ack", ack)
        .with_some("persistent_notifications", persistent)
        .build()
}
