//! Telegram Bot API: `sendMessage`.

use std::collections::BTreeMap;

use bongsu_config::alertmanager::TelegramConfig;

use super::{Begun, data_of, http_of};
use crate::conversation::{Conversation, HttpRequest, Outcome, Response, Step, TransportError};
use crate::exchange::{json_body, post_json, transport_failure};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::retry::{FailureReason, NotifyError};
use crate::truncate::truncate_runes;

const MESSAGE_RUNES: usize = 4096;
/// Cut HTML would not parse, so Alertmanager replaces an overlong message.
const TOO_LONG: &str = "Alertmanager notification could not be sent: message length exceeds Telegram limits.\n\t\t\tPlease check the template used for producing the message content.";

struct Telegram {
    request: Option<HttpRequest>,
    problems: Vec<String>,
}

pub(super) fn begin(config: &TelegramConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let text = if config.parse_mode == "HTML" {
        let text = render.html(&config.message);
        if text.chars().count() > MESSAGE_RUNES {
            // Entities count as one character at the service, so this fits.
            render.plain_html(MESSAGE_RUNES).unwrap_or_else(|| TOO_LONG.to_owned())
        } else {
            text
        }
    } else {
        let text = render.text(&config.message);
        truncate_runes(&text, MESSAGE_RUNES).0.into_owned()
    };
    render.finish()?;

    let unreadable = |path: &str, error: String| {
        NotifyError::transient(error).context(format_args!("could not read {path}"))
    };
    let mut token = config.bot_token.expose().to_owned();
    if !config.bot_token_file.is_empty() {
        let path = &config.bot_token_file;
        token = input.file(path).map_err(|error| unreadable(path, error))?;
    }
    let mut parameters = BTreeMap::from([
        ("chat_id", chat_id(config, input)?),
        ("text", text),
        ("disable_web_page_preview", "true".to_owned()),
    ]);
    if config.disable_notifications {
        parameters.insert("disable_notification", "true".to_owned());
    }
    if config.message_thread_id != 0 {
        parameters.insert("message_thread_id", config.message_thread_id.to_string());
    }
    if !config.parse_mode.is_empty() {
        parameters.insert("parse_mode", config.parse_mode.clone());
    }
    let base = config.api_url.as_ref().map_or("", |url| url.as_str());
    let url = format!("{base}/bot{token}/sendMessage");
    let request = post_json(input, &http_of(&config.http_config), url, json_body(&parameters)?);
    Ok(Box::new(Telegram { request: Some(request), problems: render.problems() }))
}

fn chat_id(config: &TelegramConfig, input: &NotifyInput<'_>) -> Result<String, NotifyError> {
    let path = &config.chat_id_file;
    if path.is_empty() {
        return Ok(config.chat_id.to_string());
    }
    let text = input.file(path).map_err(|error| {
        NotifyError::transient(error).context(format_args!("could not read {path}"))
    })?;
    match text.parse::<i64>() {
        Ok(id) => Ok(id.to_string()),
        Err(_) => {
            let mut quoted = String::new();
            let _ = bongsu_model::go_quote(&text, &mut quoted);
            let message = format!("strconv.ParseInt: parsing {quoted}: invalid syntax");
            let context = format!("could not parse chat_id from {path}");
            Err(NotifyError::transient(message).context(context))
        }
    }
}

impl Conversation for Telegram {
    fn start(&mut self) -> Step {
        match self.request.take() {
            Some(request) => Step::Request(Box::new(request)),
            None => Step::Failed(NotifyError::permanent("already sent")),
        }
    }

    /// Only `ok` in the body counts, whatever the HTTP status.
    fn on_response(&mut self, response: Response) -> Step {
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
            let error = super::go_json_error(&response.text());
            return Step::Failed(NotifyError::transient(error).context("telebot"));
        };
        if answer["ok"] == true {
            let problems = std::mem::take(&mut self.problems);
            return Step::Done(Outcome { problems, ..Outcome::default() });
        }
        let code = answer["error_code"].as_i64().unwrap_or(0);
        let description = answer["description"].as_str().unwrap_or("");
        let known = KNOWN_ERRORS.contains(&description);
        let short = description.split_once(": ").map(|(_, rest)| rest);
        let words = match short {
            Some(rest) if (known || code == 429) && !rest.contains(": ") => rest,
            _ => description,
        };
        let error = NotifyError::transient(format!("telegram: {words} ({code})"));
        let reason = u16::try_from(code).map_or(FailureReason::Other, FailureReason::of_status);
        Step::Failed(error.because(reason))
    }

    fn on_error(&mut self, error: &TransportError) -> Step {
        Step::Failed(transport_failure(error).context("telebot"))
    }
}

/// Descriptions of the Bot API that error texts shorten by their class.
const KNOWN_ERRORS: &[&str] = &[
    "Bad Request: chat not found",
    "Bad Request: chat_id is empty",
    "Bad Request: message must be non-empty",
    "Bad Request: text is empty",
    "Bad Request: message is too long",
    "Bad Request: have no rights to send a message",
    "Bad Request: need administrator rights in the channel chat",
    "Bad Request: group chat was upgraded to a supergroup chat",
    "Bad Request: reply message not found",
    "Forbidden: bot was blocked by the user",
    "Forbidden: bot was kicked from the group chat",
    "Forbidden: bot was kicked from the supergroup chat",
    "Forbidden: bot was kicked from the channel chat",
    "Forbidden: bot is not a member of the channel chat",
    "Forbidden: bot can't initiate conversation with a user",
    "Forbidden: user is deactivated",
];
