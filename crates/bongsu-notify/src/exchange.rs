//! The usual conversation: send one or more requests, each must be answered with a 2xx.

use std::collections::VecDeque;
use std::sync::Arc;

use bongsu_config::alertmanager::{GoDuration, HttpConfig};
use bongsu_lang::go_json;
use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::conversation::{
    Conversation, HttpRequest, Outcome, Response, Step, TimeLimit, TransportError,
};
use crate::input::NotifyInput;
use crate::retry::{NotifyError, StatusPolicy};

/// Looks at a 2xx answer; some receivers report errors there.
pub(crate) type Accept = Box<dyn FnMut(&Response) -> Result<Outcome, NotifyError> + Send>;

/// Requests sent one after the other.
pub(crate) struct Exchange {
    pub(crate) requests: VecDeque<HttpRequest>,
    pub(crate) policy: StatusPolicy,
    /// What of the body ends the error message of other statuses.
    pub(crate) details: fn(&Response) -> String,
    pub(crate) accept: Accept,
    /// Put before every error that comes from an answer.
    pub(crate) answer_context: Option<String>,
    /// Put before transport errors.
    pub(crate) transport_context: Option<&'static str>,
    /// Template errors that were papered over.
    pub(crate) problems: Vec<String>,
}

impl Exchange {
    /// One request, 5xx tried again, the whole body in error messages.
    pub(crate) fn one(request: HttpRequest, problems: Vec<String>) -> Self {
        Self {
            requests: VecDeque::from([request]),
            policy: StatusPolicy::STANDARD,
            details: |response| response.text().into_owned(),
            accept: Box::new(|_| Ok(Outcome::default())),
            answer_context: None,
            transport_context: None,
            problems,
        }
    }

    fn next(&mut self, outcome: Outcome) -> Step {
        match self.requests.pop_front() {
            Some(request) => Step::Request(Box::new(request)),
            None => {
                let problems = std::mem::take(&mut self.problems);
                Step::Done(Outcome { problems, ..outcome })
            }
        }
    }
}

impl Conversation for Exchange {
    fn start(&mut self) -> Step {
        self.next(Outcome::default())
    }

    fn on_response(&mut self, response: Response) -> Step {
        let details = (self.details)(&response);
        let judged = self.policy.check(response.status, &details);
        match judged.and_then(|()| (self.accept)(&response)) {
            Ok(outcome) => self.next(outcome),
            Err(error) => Step::Failed(match &self.answer_context {
                Some(context) => error.context(context),
                None => error,
            }),
        }
    }

    fn on_error(&mut self, error: &TransportError) -> Step {
        let failure = transport_failure(error);
        Step::Failed(match self.transport_context {
            Some(context) => failure.context(context),
            None => failure,
        })
    }
}

/// A transport error is tried again unless it says that this is pointless.
pub(crate) fn transport_failure(error: &TransportError) -> NotifyError {
    NotifyError { retry: !error.permanent, ..NotifyError::transient(&error.message) }
}

/// A request with the headers every notification has.
pub(crate) fn request(
    input: &NotifyInput<'_>,
    http: &Arc<HttpConfig>,
    method: Method,
    url: String,
    body: Bytes,
) -> HttpRequest {
    HttpRequest {
        method,
        url,
        headers: vec![("User-Agent", format!("Alertmanager/{}", input.version))],
        body,
        http: Arc::clone(http),
        timeout: None,
        idempotency_key: input.ids.idempotency_key.clone(),
    }
}

/// `POST` of a JSON document.
pub(crate) fn post_json(
    input: &NotifyInput<'_>,
    http: &Arc<HttpConfig>,
    url: String,
    body: Bytes,
) -> HttpRequest {
    let mut request = request(input, http, Method::POST, url, body);
    request.headers.push(("Content-Type", "application/json".to_owned()));
    request
}

/// A JSON body in Go's form, with a final newline.
pub(crate) fn json_body<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, NotifyError> {
    let line =
        go_json::to_line(value).map_err(|error| NotifyError::permanent(error.to_string()))?;
    Ok(line.into())
}

/// The limit of a `timeout` setting, named after the integration.
pub(crate) fn time_limit(timeout: GoDuration, integration: &str) -> Option<TimeLimit> {
    let after = timeout.positive()?;
    let printed = bongsu_lang::duration::print_go(timeout.0);
    Some(TimeLimit {
        after,
        message: format!("configured {integration} timeout reached ({printed})"),
    })
}
