//! One file per integration: its settings and a notification become a conversation.

mod discord;
mod email;
mod incidentio;
mod jira;
mod mattermost;
mod opsgenie;
mod pagerduty;
mod payload;
mod pushover;
mod rocketchat;
mod secret_files;
mod slack;
mod sns;
mod teams;
mod telegram;
mod victorops;
mod webhook;
mod wechat;

use std::sync::Arc;

use bongsu_config::alertmanager::{HttpConfig, Integration, SecretUrl};
use bongsu_model::go_quote;
use serde_json::Value;

use crate::conversation::Conversation;
use crate::data::NotificationData;
use crate::input::NotifyInput;
use crate::retry::NotifyError;

pub use payload::{PayloadError, render_payload};
pub use secret_files::secret_files;

/// What every integration's `begin` gives.
type Begun = Result<Box<dyn Conversation + Send>, NotifyError>;

/// Prepares one attempt to notify: renders everything and gives the exchange to carry out.
///
/// # Errors
/// If the message cannot be made: a template fails, a secret file is missing, a key is empty.
pub fn conversation(integration: &Integration, input: &NotifyInput<'_>) -> Begun {
    match integration {
        Integration::Webhook(config) => webhook::begin(config, input),
        Integration::Email(config) => email::begin(config, input),
        Integration::Pagerduty(config) => pagerduty::begin(config, input),
        Integration::Opsgenie(config) => opsgenie::begin(config, input),
        Integration::Wechat(config) => wechat::begin(config, input),
        Integration::Slack(config) => slack::begin(config, input),
        Integration::VictorOps(config) => victorops::begin(config, input),
        Integration::Pushover(config) => pushover::begin(config, input),
        Integration::Sns(config) => sns::begin(config, input),
        Integration::Telegram(config) => telegram::begin(config, input),
        Integration::Discord(config) => discord::begin(config, input),
        Integration::Webex(config) => teams::begin_webex(config, input),
        Integration::MsTeams(config) => teams::begin_v1(config, input),
        Integration::MsTeamsV2(config) => teams::begin_v2(config, input),
        Integration::Incidentio(config) => incidentio::begin(config, input),
        Integration::Rocketchat(config) => rocketchat::begin(config, input),
        Integration::Jira(config) => jira::begin(config, input),
        Integration::Mattermost(config) => mattermost::begin(config, input),
    }
}

fn data_of(input: &NotifyInput<'_>) -> Arc<NotificationData> {
    Arc::new(NotificationData::new(input.data))
}

fn http_of(config: &Option<HttpConfig>) -> Arc<HttpConfig> {
    Arc::new(config.clone().unwrap_or_default())
}

/// The target given by `webhook_url` or `webhook_url_file`.
fn webhook_url(
    url: Option<&SecretUrl>,
    file: &str,
    input: &NotifyInput<'_>,
) -> Result<String, NotifyError> {
    input.secret(url.map_or("", SecretUrl::expose), file, "read webhook_url_file")
}

/// The first JSON value of a body; what follows it is ignored, as Go's decoder does.
fn first_json(body: &[u8]) -> Option<Value> {
    serde_json::Deserializer::from_slice(body).into_iter::<Value>().next()?.ok()
}

/// A JSON answer, or the words for one that is not JSON.
fn parse_answer(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|_| {
        let mut message = String::from("could not unmarshal JSON response ");
        let _ = go_quote(text, &mut message);
        format!("{message}: {}", go_json_error(text))
    })
}

/// How Go words the first mistake in a text that is not one JSON value.
fn go_json_error(text: &str) -> String {
    const CUT_OFF: &str = "unexpected end of JSON input";
    let Err(error) = serde_json::from_str::<Value>(text) else { return String::new() };
    let value = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let Some(first) = value.chars().next() else { return CUT_OFF.to_owned() };
    if let Some(literal) = ["true", "false", "null"].iter().find(|word| word.starts_with(first)) {
        for (expected, found) in literal.chars().zip(value.chars().map(Some).chain([None])) {
            match found {
                None => return CUT_OFF.to_owned(),
                Some(found) if found != expected => {
                    return format!(
                        "invalid character '{found}' in literal {literal} (expecting '{expected}')"
                    );
                }
                Some(_) => {}
            }
        }
    }
    if error.is_eof() {
        return CUT_OFF.to_owned();
    }
    // The place is in bytes, from 1, and points at the character that does not fit.
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let offset = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let found = text.get(offset.min(text.len())..).and_then(|rest| rest.chars().next());
    let found = found.unwrap_or(first);
    if error.to_string().starts_with("trailing characters") {
        format!("invalid character '{found}' after top-level value")
    } else {
        format!("invalid character '{found}' looking for beginning of value")
    }
}

/// The same for a stream, which may end anywhere.
fn go_json_stream_error(text: &str) -> String {
    if text.trim().is_empty() {
        return "EOF".to_owned();
    }
    go_json_error(text).replace("unexpected end of JSON input", "unexpected EOF")
}

#[cfg(test)]
mod tests {
    use super::{go_json_error, go_json_stream_error};

    #[test]
    fn says_what_is_wrong_with_an_answer() {
        for (text, expected) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("nul", "unexpected end of JSON input"),
            ("not json", "invalid character 'o' in literal null (expecting 'u')"),
            ("<html>", "invalid character '<' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
        ] {
            assert_eq!(go_json_error(text), expected, "{text}");
        }
        assert_eq!(go_json_stream_error(""), "EOF");
        assert_eq!(go_json_stream_error("{"), "unexpected EOF");
    }
}
