//! Mails of calls.

use bongsu_lang::mime;
use bongsu_model::{Secret, Timestamp};
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::time::Instant;

use crate::call::{Answer, CallError, CallErrorKind, MailRequest};
use crate::manifest::operation::text_of;
use crate::smtp::{Mail, MailAuth, Mailer, Security};
use crate::tls::ClientTls;

/// Addresses a mail may go to.
const RECIPIENTS: usize = 200;

/// Hands in a mail.
pub(super) async fn send(
    mailer: &Mailer,
    request: &MailRequest,
    now: Timestamp,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let ids = uuid::Uuid::new_v4().simple().to_string();
    let mail = mail(mailer, request, now, &ids)?;
    mailer.send(&mail, deadline).await.map_err(|error| CallError {
        retry: error.retry,
        ..CallError::new(CallErrorKind::Transport(error.kind), error.to_string())
    })?;
    Ok(Answer::of(json!({})))
}

/// `id` stands in the boundary and the message's id.
fn mail(
    mailer: &Mailer,
    request: &MailRequest,
    now: Timestamp,
    id: &str,
) -> Result<Mail, CallError> {
    let wrong = |kind, what: String| CallError::new(kind, what);
    let setting =
        |name: &str| request.connect.get(name).map(text_of).filter(|text| !text.is_empty());
    let host = setting("host")
        .ok_or_else(|| wrong(CallErrorKind::Settings, "the mail server is not set".to_owned()))?;
    let (security, usual) = match setting("encryption").unwrap_or_default().to_lowercase().as_str()
    {
        "none" | "plain" => (Security::None, 25),
        "opportunistic" => (Security::Opportunistic, 25),
        "ssl" | "implicit" | "smtps" => (Security::Implicit, 465),
        "" | "tls" | "starttls" => (Security::StartTls, 587),
        other => {
            let what = format!("encryption {other:?} is none of none, opportunistic, tls, ssl");
            return Err(wrong(CallErrorKind::Settings, what));
        }
    };
    let port = match setting("port") {
        None => usual,
        Some(text) => crate::smtp::port_number(&text)
            .ok_or_else(|| wrong(CallErrorKind::Settings, format!("{text:?} is no port")))?,
    };
    let addresses = |what: &str, list: &[String]| {
        mime::addresses(&list.join(","))
            .map_err(|error| wrong(CallErrorKind::Params, format!("{what}: {error}")))
    };
    let sender = addresses("from", std::slice::from_ref(&request.from))?;
    let [from] = sender.as_slice() else {
        return Err(wrong(CallErrorKind::Params, "from: one address is wanted".to_owned()));
    };
    let mut to = Vec::new();
    for (what, list) in [("to", &request.to), ("cc", &request.cc), ("bcc", &request.bcc)] {
        if !list.is_empty() {
            to.extend(addresses(what, list)?);
        }
    }
    if to.len() > RECIPIENTS {
        let what = format!("more than {RECIPIENTS} recipients");
        return Err(wrong(CallErrorKind::Params, what));
    }
    let auth = setting("username").map(|username| MailAuth {
        username,
        password: setting("password").map(Secret::new),
        secret: None,
        identity: String::new(),
    });
    Ok(Mail {
        host,
        port,
        hello: String::new(),
        security,
        tls: mailer.tls(&ClientTls::default()),
        auth,
        from: from.clone(),
        to,
        data: data(request, from, now, id)?,
    })
}

/// Header and body.
fn data(request: &MailRequest, from: &str, now: Timestamp, id: &str) -> Result<Vec<u8>, CallError> {
    // A line end in a header would start another header.
    let line = |text: &str| text.replace(['\r', '\n', '\0'], " ");
    let sender = match request.from_name.is_empty() {
        true => line(&request.from),
        false => {
            let name = line(&request.from_name).replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{name}\" <{from}>")
        }
    };
    let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let date = now.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let mut headers = vec![("From".to_owned(), mime::address_header_value(&sender))];
    for (name, list) in [("To", &request.to), ("Cc", &request.cc)] {
        if !list.is_empty() {
            let value = mime::address_header_value(&line(&list.join(", ")));
            headers.push((name.to_owned(), value));
        }
    }
    headers.push(("Subject".to_owned(), mime::header_value(&line(&request.subject))));
    headers.push(("Date".to_owned(), date));
    headers.push(("Message-Id".to_owned(), format!("<{id}@{domain}>")));
    let mut parts = Vec::new();
    if let Some(text) = &request.text {
        parts.push(("text/plain", text.clone()));
    }
    if let Some(html) = &request.html {
        parts.push(("text/html", html.clone()));
    }
    if parts.is_empty() {
        parts.push(("text/plain", String::new()));
    }
    Ok(mime::message(&headers, &parts, id))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::egress::EgressPolicy;

    #[test]
    fn a_header_stays_one_line_and_names_are_quoted() {
        let request = MailRequest {
            connect: [("host", "mail.example"), ("encryption", "SSL")]
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .into(),
            from: "ops@example.org".to_owned(),
            from_name: "Kim, \"B\"".to_owned(),
            to: vec!["a@example.org, b@example.org".to_owned()],
            cc: Vec::new(),
            bcc: vec!["c@example.org".to_owned()],
            subject: "Disk\r\nBcc: x@example.org".to_owned(),
            text: Some("full".to_owned()),
            html: None,
        };
        let mailer = Mailer::new(EgressPolicy::open());
        let now = "2026-11-28T09:00:00Z".parse().unwrap();
        let mail = mail(&mailer, &request, now, "id").unwrap();
        assert_eq!((mail.port, mail.security), (465, Security::Implicit));
        assert_eq!(mail.to, ["a@example.org", "b@example.org", "c@example.org"]);
        insta::assert_snapshot!(String::from_utf8(mail.data).unwrap().replace('\r', ""));
    }
}
