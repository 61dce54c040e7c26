//! Pushover: everything in the query.

use bongsu_config::alertmanager::PushoverConfig;
use bytes::Bytes;
use http::Method;

use super::{Begun, data_of, http_of};
use crate::exchange::{Exchange, request};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::truncate::truncate_runes;
use crate::url_text::encode_form;

const URL: &str = "https://api.pushover.net/1/messages.json";
const TITLE_RUNES: usize = 250;
const MESSAGE_RUNES: usize = 1024;
const URL_RUNES: usize = 512;
/// Empty messages are refused by the service.
const EMPTY_MESSAGE: &str = "(no details)";

pub(super) fn begin(config: &PushoverConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let token = input.secret(config.token.expose(), &config.token_file, "read token_file")?;
    let user =
        input.secret(config.user_key.expose(), &config.user_key_file, "read user_key_file")?;
    let token = render.required(&token);
    let user = render.required(&user);
    let title = render.text(&config.title);
    let message =
        if config.html { render.html(&config.message) } else { render.text(&config.message) };
    let message = truncate_runes(&message, MESSAGE_RUNES).0;
    let message = if message.trim().is_empty() { EMPTY_MESSAGE } else { message.trim() };
    let link = render.detail(&config.url);
    let url_title = render.detail(&config.url_title);
    let priority = render.required(&config.priority);
    let retry = config.retry.as_seconds().to_string();
    let expire = config.expire.as_seconds().to_string();
    let device = render.required(&config.device);
    let sound = render.detail(&config.sound);
    let ttl = config.ttl.as_seconds();
    render.finish()?;

    let title = truncate_runes(&title, TITLE_RUNES).0;
    let link = truncate_runes(&link, URL_RUNES).0;
    let ttl_text = ttl.to_string();
    let mut parameters = vec![
        ("token", token.as_str()),
        ("user", &user),
        ("title", &title),
        ("message", message),
        ("url", &link),
        ("url_title", &url_title),
        ("priority", &priority),
        ("retry", &retry),
        ("expire", &expire),
        ("device", &device),
        ("sound", &sound),
    ];
    if config.html {
        parameters.push(("html", "1"));
    }
    if config.monospace {
        parameters.push(("monospace", "1"));
    }
    if ttl > 0 {
        parameters.push(("ttl", &ttl_text));
    }
    let url = format!("{URL}?{}", encode_form(&parameters));
    let http = http_of(&config.http_config);
    let mut request = request(input, &http, Method::POST, url, Bytes::new());
    request.headers.push(("Content-Type", "text/plain".to_owned()));
    Ok(Box::new(Exchange::one(request, render.problems())))
}
