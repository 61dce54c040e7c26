//! WeChat Work: an access token, kept for two hours, then the message.

use std::sync::Arc;

use bongsu_config::alertmanager::{HttpConfig, WechatConfig};
use bongsu_model::Timestamp;
use bytes::Bytes;
use http::Method;
use jiff::SignedDuration;

use super::{Begun, data_of, first_json, go_json_stream_error, http_of};
use crate::conversation::{Conversation, HttpRequest, Outcome, Response, Session, Step};
use crate::exchange::{json_body, post_json, request};
use crate::input::NotifyInput;
use crate::json_object::JsonObject;
use crate::render::Renderer;
use crate::retry::{FailureReason, NotifyError};
use crate::url_text::{append_path, with_query};

const TOKEN: &str = "access_token";
const TOKEN_TIME: &str = "access_token_at";
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// The service's code for an access token that is no longer valid.
const TOKEN_EXPIRED: i64 = 42001;

struct Wechat {
    /// Token request; taken when sent.
    fetch: Option<HttpRequest>,
    /// Message, still without its token, or why there is none.
    send: Result<HttpRequest, NotifyError>,
    corp_id: String,
    now: Timestamp,
    token: Option<String>,
    session: Option<Session>,
    sent: bool,
    problems: Vec<String>,
}

pub(super) fn begin(config: &WechatConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let http = http_of(&config.http_config);
    let base = config.api_url.as_ref().map_or("", |url| url.as_str());
    let token = known_token(input);
    let fetch = match token {
        Some(_) => None,
        None => Some(token_request(config, input, &mut render, base, &http)?),
    };
    let body = message(config, &mut render);
    let finished = render.finish().map_err(|error| error.context("templating error"));
    let url = append_path(base, "message/send");
    let send = finished
        .and_then(|()| json_body(&body.build()))
        .map(|body| post_json(input, &http, url, body));
    Ok(Box::new(Wechat {
        fetch,
        send,
        corp_id: config.corp_id.clone(),
        now: input.now,
        token,
        session: None,
        sent: false,
        problems: render.problems(),
    }))
}

fn known_token(input: &NotifyInput<'_>) -> Option<String> {
    let at: Timestamp = input.session.get(TOKEN_TIME)?.parse().ok()?;
    let fresh = input.now.duration_since(at) <= TOKEN_LIFE;
    input.session.get(TOKEN).filter(|token| fresh && !token.is_empty()).cloned()
}

fn token_request(
    config: &WechatConfig,
    input: &NotifyInput<'_>,
    render: &mut Renderer<'_>,
    base: &str,
    http: &Arc<HttpConfig>,
) -> Result<HttpRequest, NotifyError> {
    let secret = input.secret(
        config.api_secret.expose(),
        &config.api_secret_file,
        "failed to read api_secret_file",
    )?;
    let secret = render.required(&secret);
    let corp_id = render.required(&config.corp_id);
    render.finish().map_err(|error| error.context("templating error"))?;
    let url = append_path(base, "gettoken");
    let url = with_query(&url, &[("corpid", &corp_id), ("corpsecret", &secret)]);
    Ok(request(input, http, Method::GET, url, Bytes::new()))
}

fn message(config: &WechatConfig, render: &mut Renderer<'_>) -> JsonObject {
    let to_user = render.required(&config.to_user);
    let to_party = render.required(&config.to_party);
    let to_tag = render.required(&config.to_tag);
    let agent_id = render.required(&config.agent_id);
    let content = render.text(&config.message);
    let markdown = config.message_type == "markdown";
    // Both forms are always present; the one not used is empty.
    let (text, markdown) = if markdown { ("", content.as_str()) } else { (content.as_str(), "") };
    JsonObject::new()
        .with("text", JsonObject::new().with("content", text))
        .with_some("touser", to_user)
        .with_some("toparty", to_party)
        .with_some("totag", to_tag)
        .with_some("agentid", agent_id)
        .with("safe", "0")
        .with_some("msgtype", config.message_type.as_str())
        .with("markdown", JsonObject::new().with("content", markdown))
}

impl Wechat {
    fn send(&mut self, token: &str) -> Step {
        self.sent = true;
        let mut request = match self.send.clone() {
            Ok(request) => request,
            Err(error) => return Step::Failed(error),
        };
        request.url = with_query(&request.url, &[(TOKEN, token)]);
        Step::Request(Box::new(request))
    }

    fn on_token(&mut self, response: &Response) -> Step {
        let Some(answer) = first_json(&response.body) else {
            let error = go_json_stream_error(&response.text());
            return Step::Failed(NotifyError::permanent(error));
        };
        let Some(token) = answer[TOKEN].as_str().filter(|token| !token.is_empty()) else {
            let message = format!("invalid APISecret for CorpID: {}", self.corp_id);
            return Step::Failed(NotifyError::permanent(message));
        };
        self.session = Some(Session::from([
            (TOKEN.to_owned(), token.to_owned()),
            (TOKEN_TIME.to_owned(), self.now.to_string()),
        ]));
        self.send(token)
    }

    fn on_sent(&mut self, response: &Response) -> Step {
        if response.status != 200 {
            let message = format!("unexpected status code {}", response.status);
            let reason = FailureReason::of_status(response.status);
            return Step::Failed(NotifyError::transient(message).because(reason));
        }
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
            let error = super::go_json_error(&response.text());
            return Step::Failed(NotifyError::transient(error));
        };
        let message = answer["errmsg"].as_str().unwrap_or("").to_owned();
        match answer["errcode"].as_i64().unwrap_or(0) {
            0 => {
                let problems = std::mem::take(&mut self.problems);
                Step::Done(Outcome { problems, ..Outcome::default() })
            }
            TOKEN_EXPIRED => {
                self.session = Some(Session::new());
                Step::Failed(NotifyError::transient(message))
            }
            _ => Step::Failed(NotifyError::permanent(message)),
        }
    }
}

impl Conversation for Wechat {
    fn start(&mut self) -> Step {
        match (self.fetch.take(), self.token.take()) {
            (Some(fetch), _) => Step::Request(Box::new(fetch)),
            (None, token) => self.send(&token.unwrap_or_default()),
        }
    }

    fn on_response(&mut self, response: Response) -> Step {
        if self.sent { self.on_sent(&response) } else { self.on_token(&response) }
    }

    fn session(&self) -> Option<Session> {
        self.session.clone()
    }
}
