//! Carrying out the attempts of a case against its scripted answers.

use std::collections::BTreeMap;

use bongsu_config::alertmanager::Integration;
use bongsu_notify::{
    HttpRequest, Mail, NotifyError, NotifyInput, Response, Session, Step, conversation,
};
use serde_json::Value;

use super::{compare, smtp};

/// What one attempt did.
#[derive(Default)]
pub(super) struct Attempt {
    pub(super) requests: Vec<HttpRequest>,
    pub(super) mail: Option<Mail>,
    pub(super) error: Option<NotifyError>,
}

/// Each expected attempt is a conversation; what one leaves behind the next one gets.
pub(super) fn attempts(
    integration: &Integration,
    input: NotifyInput<'_>,
    case: &Value,
) -> Result<(), String> {
    let answers = case["responses"].as_array().map_or(&[][..], Vec::as_slice);
    let mut answers = answers.iter();
    let mut last = Response::default();
    let mut next = || {
        if let Some(answer) = answers.next() {
            last = response(answer);
        }
        last.clone()
    };
    let (mut previous, mut session) = (BTreeMap::new(), Session::new());
    let expected = case["expected"]["attempts"].as_array().ok_or("no attempts")?;
    for (index, expected) in expected.iter().enumerate() {
        let input = NotifyInput { previous: &previous, session: &session, ..input };
        let mut kept = (None, None);
        let attempt = run(integration, &input, &mut next, &mut kept);
        same(&attempt, expected).map_err(|why| format!("attempt {}: {why}", index + 1))?;
        previous = kept.0.unwrap_or(previous);
        session = kept.1.unwrap_or(session);
    }
    Ok(())
}

fn run(
    integration: &Integration,
    input: &NotifyInput<'_>,
    next: &mut impl FnMut() -> Response,
    kept: &mut (Option<BTreeMap<String, String>>, Option<Session>),
) -> Attempt {
    let mut attempt = Attempt::default();
    let mut conversation = match conversation(integration, input) {
        Ok(conversation) => conversation,
        Err(error) => return Attempt { error: Some(error), ..attempt },
    };
    let mut step = conversation.start();
    loop {
        step = match step {
            Step::Request(request) => {
                attempt.requests.push(*request);
                conversation.on_response(next())
            }
            Step::Mail(mail) => {
                attempt.mail = Some(*mail);
                conversation.on_mail_accepted()
            }
            Step::Done(outcome) => {
                kept.0 = Some(outcome.data);
                break;
            }
            Step::Failed(error) => {
                attempt.error = Some(error);
                break;
            }
        };
    }
    kept.1 = conversation.session();
    attempt
}

fn response(answer: &Value) -> Response {
    let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    Response {
        status: status.unwrap_or(200),
        content_type: answer["content_type"].as_str().unwrap_or("text/plain").to_owned(),
        body: answer["body"].as_str().unwrap_or("").to_owned().into(),
    }
}

fn same(attempt: &Attempt, expected: &Value) -> Result<(), String> {
    let error = attempt.error.as_ref();
    let message = error.map(|error| super::recorded(&error.message));
    if message.as_deref() != expected["error"].as_str() {
        return Err(format!("expected error {}, got {message:?}", expected["error"]));
    }
    // After a success the flag means nothing; Opsgenie's recording has it set even then.
    if let Some(error) = error
        && expected["retry"] != error.retry
    {
        return Err(format!("expected retry {}, got {}", expected["retry"], error.retry));
    }
    let requests = expected["requests"].as_array().ok_or("no requests")?;
    if requests.len() != attempt.requests.len() {
        let sent = attempt.requests.len();
        return Err(format!("expected {} requests, got {sent}", requests.len()));
    }
    for (index, (request, expected)) in attempt.requests.iter().zip(requests).enumerate() {
        compare::request(request, expected)
            .map_err(|why| format!("request {}: {why}", index + 1))?;
    }
    match (expected["smtp_dialogue"].as_array(), &attempt.mail) {
        (None, None) => Ok(()),
        // Alertmanager renders while it talks to the server; here nothing is sent then.
        (Some(_), None) if error.is_some() => Ok(()),
        (Some(lines), Some(mail)) => smtp::same(mail, lines),
        (expected, mail) => {
            Err(format!("mail expected: {}, made: {}", expected.is_some(), mail.is_some()))
        }
    }
}
