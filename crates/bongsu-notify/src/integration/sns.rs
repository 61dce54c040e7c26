//! Amazon SNS: `Publish` by the query protocol, after assuming a role if one is configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_config::alertmanager::{HttpConfig, SnsConfig};
use bongsu_lang::sigv4::{AwsCredentials, SigningScope, sign};
use bongsu_model::{Secret, Timestamp};
use http::Method;
use url::Url;

use super::{Begun, data_of, http_of};
use crate::conversation::{Conversation, HttpRequest, Outcome, Response, Step};
use crate::exchange::request;
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::retry::{FailureReason, NotifyError, StatusPolicy};
use crate::truncate::{head_bytes, head_runes};
use crate::url_text::encode_form;

const MESSAGE_BYTES: usize = 256 * 1024;
const SMS_RUNES: usize = 1600;
const SUBJECT_RUNES: usize = 100;
const FORM: &str = "application/x-www-form-urlencoded";

struct Sns {
    publish: Unsigned,
    /// Asks for temporary credentials first; taken when sent.
    assume: Option<Unsigned>,
    credentials: AwsCredentials,
    region: String,
    now: Timestamp,
    published: bool,
    problems: Vec<String>,
}

/// A request without its signature.
struct Unsigned {
    request: HttpRequest,
    service: &'static str,
}

pub(super) fn begin(config: &SnsConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let of = |what: &str, error: String| {
        NotifyError::transient(error)
            .because(FailureReason::ClientError)
            .context(format_args!("execute '{what}' template"))
    };
    let api_url = render.attempt(&config.api_url).map_err(|error| of("api_url", error))?;
    let region = config.sigv4.region.clone();
    if region.is_empty() {
        let message = "region not configured in sns.sigv4.region or in default credentials chain";
        return Err(NotifyError::transient(message));
    }
    let credentials = credentials(config, input)?;
    let parameters = parameters(config, input, &mut render, of)?;
    let url =
        if api_url.is_empty() { format!("https://sns.{region}.amazonaws.com/") } else { api_url };
    let http = http_of(&config.http_config);
    let publish = form_request(input, &http, &url, &parameters)?;
    let assume = match config.sigv4.role_arn.as_str() {
        "" => None,
        role => {
            Some(Unsigned { request: assume_role(config, input, &http, role)?, service: "sts" })
        }
    };
    Ok(Box::new(Sns {
        publish: Unsigned { request: publish, service: "sns" },
        assume,
        credentials,
        region,
        now: input.now,
        published: false,
        problems: render.problems(),
    }))
}

fn credentials(config: &SnsConfig, input: &NotifyInput<'_>) -> Result<AwsCredentials, NotifyError> {
    if !config.sigv4.access_key.is_empty() {
        return Ok(AwsCredentials {
            access_key: config.sigv4.access_key.clone(),
            secret_key: config.sigv4.secret_key.clone(),
            session_token: None,
        });
    }
    input.aws.cloned().ok_or_else(|| NotifyError::transient("no AWS credentials found"))
}

fn parameters(
    config: &SnsConfig,
    input: &NotifyInput<'_>,
    render: &mut Renderer<'_>,
    of: impl Fn(&str, String) -> NotifyError,
) -> Result<Vec<(String, String)>, NotifyError> {
    let mut attributes = BTreeMap::new();
    for (name, template) in &config.attributes {
        let name = render.attempt(name).map_err(|error| of("attributes", error))?;
        let value = render.attempt(template).map_err(|error| of("attributes", error))?;
        attributes.insert(name, value);
    }
    let mut parameters = vec![
        ("Action".to_owned(), "Publish".to_owned()),
        ("Version".to_owned(), "2010-03-31".to_owned()),
    ];
    let targets = [
        ("topic_arn", "TopicArn", &config.topic_arn),
        ("phone_number", "PhoneNumber", &config.phone_number),
        ("target_arn", "TargetArn", &config.target_arn),
    ];
    for (setting, name, template) in targets {
        if template.is_empty() {
            continue;
        }
        let value = render.attempt(template).map_err(|error| of(setting, error))?;
        if setting == "topic_arn" && value.ends_with(".fifo") {
            parameters.push(("MessageDeduplicationId".to_owned(), input.group_hash()));
            parameters.push(("MessageGroupId".to_owned(), input.group_hash()));
        }
        parameters.push((name.to_owned(), value));
    }
    let message = render.attempt_text(&config.message).map_err(|error| of("message", error))?;
    let (message, cut) = shortened(&message, !config.phone_number.is_empty());
    if cut {
        attributes.insert("truncated".to_owned(), "true".to_owned());
    }
    parameters.push(("Message".to_owned(), message.to_owned()));
    if !config.subject.is_empty() {
        let subject = render.attempt_text(&config.subject).map_err(|error| of("subject", error))?;
        let subject = head_runes(&subject, SUBJECT_RUNES).to_owned();
        parameters.push(("Subject".to_owned(), subject));
    }
    for (index, (name, value)) in attributes.into_iter().enumerate() {
        let entry = format!("MessageAttributes.entry.{}", index + 1);
        parameters.push((format!("{entry}.Name"), name));
        parameters.push((format!("{entry}.Value.DataType"), "String".to_owned()));
        parameters.push((format!("{entry}.Value.StringValue"), value));
    }
    Ok(parameters)
}

/// The beginning of the message that SNS takes, and whether something is missing. There is no
/// marker: subscribers learn of the cut from an attribute.
fn shortened(message: &str, sms: bool) -> (&str, bool) {
    let kept =
        if sms { head_runes(message, SMS_RUNES) } else { head_bytes(message, MESSAGE_BYTES) };
    (kept, kept.len() < message.len())
}

fn assume_role(
    config: &SnsConfig,
    input: &NotifyInput<'_>,
    http: &Arc<HttpConfig>,
    role: &str,
) -> Result<HttpRequest, NotifyError> {
    let fips = if config.sigv4.use_fips_sts_endpoint { "-fips" } else { "" };
    let url = format!("https://sts{fips}.{}.amazonaws.com/", config.sigv4.region);
    let mut parameters = vec![
        ("Action".to_owned(), "AssumeRole".to_owned()),
        ("Version".to_owned(), "2011-06-15".to_owned()),
        ("RoleArn".to_owned(), role.to_owned()),
        ("RoleSessionName".to_owned(), format!("bongsu-{}", input.now.as_second())),
    ];
    if !config.sigv4.external_id.is_empty() {
        parameters.push(("ExternalId".to_owned(), config.sigv4.external_id.clone()));
    }
    form_request(input, http, &url, &parameters)
}

fn form_request(
    input: &NotifyInput<'_>,
    http: &Arc<HttpConfig>,
    url: &str,
    parameters: &[(String, String)],
) -> Result<HttpRequest, NotifyError> {
    let url = Url::parse(url)
        .map_err(|error| NotifyError::transient(format!("invalid SNS endpoint: {error}")))?;
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = encode_form(&parameters).into();
    let mut request = request(input, http, Method::POST, url.to_string(), body);
    request.headers.push(("Content-Type", FORM.to_owned()));
    Ok(request)
}

impl Sns {
    fn sign(&self, unsigned: &Unsigned) -> Step {
        let mut request = unsigned.request.clone();
        let Ok(url) = Url::parse(&request.url) else {
            return Step::Failed(NotifyError::permanent("invalid SNS endpoint"));
        };
        let scope = SigningScope { region: &self.region, service: unsigned.service, now: self.now };
        let headers = [("Content-Type", FORM)];
        let body = request.body.clone();
        request.headers.extend(sign("POST", &url, &headers, &body, &self.credentials, scope));
        Step::Request(Box::new(request))
    }
}

impl Conversation for Sns {
    fn start(&mut self) -> Step {
        if let Some(assume) = self.assume.take() {
            return self.sign(&assume);
        }
        self.published = true;
        self.sign(&self.publish)
    }

    fn on_response(&mut self, response: Response) -> Step {
        let text = response.text();
        let message = element(&text, "Message").unwrap_or_default();
        if let Err(error) = StatusPolicy::STANDARD.check(response.status, &message) {
            return Step::Failed(error);
        }
        if self.published {
            let problems = std::mem::take(&mut self.problems);
            return Step::Done(Outcome { problems, ..Outcome::default() });
        }
        let found = (
            element(&text, "AccessKeyId"),
            element(&text, "SecretAccessKey"),
            element(&text, "SessionToken"),
        );
        let (Some(access_key), Some(secret_key), Some(token)) = found else {
            return Step::Failed(NotifyError::transient("STS answered without credentials"));
        };
        self.credentials = AwsCredentials {
            access_key,
            secret_key: Secret::new(secret_key),
            session_token: Some(Secret::new(token)),
        };
        self.start()
    }
}

/// The text of the first XML element of that name; AWS answers have no attributes or CDATA there.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(text.replace("&apos;", "'").replace("&#39;", "'").replace("&amp;", "&"))
}
