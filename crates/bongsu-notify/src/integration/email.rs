//! E-mail: envelope and message; the SMTP exchange itself is the transport's.

use bongsu_config::alertmanager::EmailConfig;
use bongsu_lang::mime;
use bongsu_model::Secret;
use jiff::tz::TimeZone;

use super::{Begun, data_of};
use crate::conversation::{Conversation, Mail, MailAuth, Outcome, Response, Step};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::retry::NotifyError;

const SUBJECT: &str = "{{ template \"email.default.subject\" . }}";

const ADDRESS_HEADERS: &[&str] = &["From", "To", "Cc", "Reply-To", "Sender"];

struct Email {
    mail: Option<Mail>,
    problems: Vec<String>,
}

pub(super) fn begin(config: &EmailConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let of = |what: String| move |error| NotifyError::permanent(error).context(what);
    let from = render.attempt(&config.from).map_err(of("execute 'from' template".into()))?;
    let to = render.attempt(&config.to).map_err(of("execute 'to' template".into()))?;
    let sender = mime::addresses(&from).map_err(of("parse 'from' addresses".into()))?;
    let [sender] = sender.as_slice() else {
        let message = format!("must be exactly one 'from' address (got: {})", sender.len());
        return Err(NotifyError::permanent(message));
    };
    let recipients = mime::addresses(&to).map_err(of("parse 'to' addresses".into()))?;

    let mut headers = headers(config, input, &mut render)?;
    if !config.headers.contains_key("Message-Id") {
        headers.push(("Message-Id".to_owned(), input.ids.message_id.clone()));
    }
    if config.threading.enabled {
        let root = thread_root(config, input);
        headers.push(("References".to_owned(), root.clone()));
        headers.push(("In-Reply-To".to_owned(), root));
    }
    let date = input.now.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z");
    headers.push(("Date".to_owned(), date.to_string()));

    let mut parts = Vec::new();
    if !config.text.is_empty() {
        let text = render.attempt_text(&config.text).map_err(of("execute text template".into()))?;
        parts.push(("text/plain", text));
    }
    if !config.html.is_empty() {
        let html = render.html(&config.html);
        render.finish().map_err(|error| error.context("execute html template"))?;
        parts.push(("text/html", html));
    }
    let message = mime::message(&headers, &parts, &input.ids.boundary);
    let mail = envelope(config, input, sender.clone(), recipients, message)?;
    Ok(Box::new(Email { mail: Some(mail), problems: render.problems() }))
}

fn headers(
    config: &EmailConfig,
    input: &NotifyInput<'_>,
    render: &mut Renderer<'_>,
) -> Result<Vec<(String, String)>, NotifyError> {
    let mut templates: Vec<(&str, &str)> =
        config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let defaults = [("From", config.from.as_str()), ("To", &config.to), ("Subject", SUBJECT)];
    for (name, template) in defaults {
        if !config.headers.contains_key(name) {
            templates.push((name, template));
        }
    }
    let mut headers = Vec::new();
    for (name, template) in templates {
        let value = render.attempt_text(template).map_err(|error| {
            let mut quoted = String::new();
            let _ = bongsu_model::go_quote(name, &mut quoted);
            NotifyError::permanent(error).context(format_args!("execute {quoted} header template"))
        })?;
        // Alertmanager encodes whole values, also addresses.
        let of_addresses = !input.compatible && ADDRESS_HEADERS.contains(&name);
        let encode = if of_addresses { mime::address_header_value } else { mime::header_value };
        headers.push((name.to_owned(), encode(&value)));
    }
    Ok(headers)
}

/// The id of a message that does not exist; clients gather under it what refers to it.
fn thread_root(config: &EmailConfig, input: &NotifyInput<'_>) -> String {
    let hash = input.group_hash();
    let hash = hash.get(..16).unwrap_or(&hash);
    let day = if config.threading.thread_by_date == "none" {
        String::new()
    } else {
        input.now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
    };
    format!("<alert-{hash}-{day}@alertmanager>")
}

fn envelope(
    config: &EmailConfig,
    input: &NotifyInput<'_>,
    from: String,
    to: Vec<String>,
    data: Vec<u8>,
) -> Result<Mail, NotifyError> {
    let implicit_tls = config.force_implicit_tls.unwrap_or(config.smarthost.port == "465");
    Ok(Mail {
        host: config.smarthost.host.clone(),
        port: config.smarthost.port.clone(),
        hello: config.hello.clone(),
        require_tls: config.require_tls.unwrap_or(true),
        implicit_tls,
        tls: config.tls_config.clone().map(std::sync::Arc::new),
        auth: auth(config, input)?,
        from,
        to,
        data,
        idempotency_key: input.ids.idempotency_key.clone(),
    })
}

fn auth(config: &EmailConfig, input: &NotifyInput<'_>) -> Result<Option<MailAuth>, NotifyError> {
    if config.auth_username.is_empty() {
        return Ok(None);
    }
    // A file wins over a value in place.
    let secret = |value: &Secret, path: &str| {
        if path.is_empty() {
            return Ok(Some(value.clone()).filter(|secret| !secret.is_empty()));
        }
        let text = input.file(path).map_err(|error| {
            NotifyError::transient(error).context(format_args!("could not read {path}"))
        })?;
        Ok(Some(Secret::new(text)))
    };
    Ok(Some(MailAuth {
        username: config.auth_username.clone(),
        password: secret(&config.auth_password, &config.auth_password_file)?,
        secret: secret(&config.auth_secret, &config.auth_secret_file)?,
        identity: config.auth_identity.clone(),
    }))
}

impl Conversation for Email {
    fn start(&mut self) -> Step {
        match self.mail.take() {
            Some(mail) => Step::Mail(Box::new(mail)),
            None => Step::Failed(NotifyError::permanent("already sent")),
        }
    }

    fn on_response(&mut self, _: Response) -> Step {
        Step::Failed(NotifyError::permanent("an HTTP answer to a mail"))
    }

    fn on_mail_accepted(&mut self) -> Step {
        let problems = std::mem::take(&mut self.problems);
        Step::Done(Outcome { problems, ..Outcome::default() })
    }
}
