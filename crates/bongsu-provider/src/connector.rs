//! Carrying out the requests of calls.
//!
//! In: a [`Call`] and a deadline. Out: its result, or a [`CallError`]. HTTP and mail leave from here,
//! with every other transport under the egress policy; tokens are kept until they expire. Programs of
//! this machine run only where that was allowed.

mod answers;
mod cluster;
mod fetch;
mod mails;
mod peers;

pub use fetch::Fetched;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bongsu_lang::sigv4::AwsCredentials;
use bongsu_model::{Secret, Timestamp};
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::aws::AwsSurroundings;
use crate::call::{
    Answer, Auth, Call, CallError, CallErrorKind, HttpCall, Outcome, Request, Step, Token,
};
use crate::egress::EgressPolicy;
use crate::http::{Clients, HttpRequest, HttpSettings, MAX_BODY_BYTES, ProxySettings};
use crate::manifest::{Incoming, Manifest, Operation, SnsMessage, Verdict};
use crate::process::ProcessSettings;
use crate::smtp::Mailer;
use crate::tls::{ClientTls, Pem};

/// Requests a call may make.
const REQUESTS: usize = 1100;

/// Tokens and certificates kept.
const KEPT: usize = 1024;

/// Carries out calls. Keep it: its connections and tokens live as long as it does.
pub struct Connector {
    clients: Clients,
    mailer: Mailer,
    aws: Option<AwsSurroundings>,
    egress: EgressPolicy,
    programs: ProcessSettings,
    tokens: Mutex<HashMap<String, Token>>,
    certificates: Mutex<HashMap<String, Arc<[u8]>>>,
}

/// The parameters of a call, with those that are to be random.
///
/// # Errors
/// When the system has no random numbers.
pub fn furnished<'p>(
    operation: &Operation,
    params: &'p Map<String, Value>,
) -> Result<Cow<'p, Map<String, Value>>, CallError> {
    let mut params = Cow::Borrowed(params);
    for (name, bytes) in operation.random() {
        if params.get(name).is_none_or(Value::is_null) {
            let mut made = vec![0; bytes];
            SystemRandom::new().fill(&mut made).map_err(|_| {
                CallError::new(CallErrorKind::Unavailable, "the system has no random numbers")
            })?;
            params.to_mut().insert(name.to_owned(), hex::encode(made).into());
        }
    }
    Ok(params)
}

impl Connector {
    /// A connector whose requests say this `User-Agent` and obey this policy.
    pub fn new(user_agent: &str, egress: EgressPolicy) -> Self {
        Self {
            clients: Clients::new(user_agent, egress.clone()),
            mailer: Mailer::new(egress.clone()),
            aws: None,
            egress,
            programs: ProcessSettings::default(),
            tokens: Mutex::default(),
            certificates: Mutex::default(),
        }
    }

    /// The same, that signs with AWS credentials of the surroundings where an instance has none.
    #[must_use]
    pub fn with_aws(mut self, surroundings: AwsSurroundings) -> Self {
        self.aws = Some(surroundings);
        self
    }

    /// The same, that may run programs of this machine within these limits.
    #[must_use]
    pub fn with_programs(mut self, programs: ProcessSettings) -> Self {
        self.programs = programs;
        self
    }

    /// Makes a call and gives its result.
    ///
    /// # Errors
    /// Why it did not work; the text holds no secret of the instance.
    pub async fn call(
        &self,
        operation: &Operation,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Value, CallError> {
        let params = furnished(operation, params)?;
        let mut call = operation.prepare(auth, &params, now)?;
        Ok(self.run(&mut call, now, deadline).await?.result)
    }

    /// Fetches alerts: their payloads, and what the next pull starts from.
    ///
    /// # Errors
    /// See [`Connector::call`].
    pub async fn pull(
        &self,
        operation: &Operation,
        auth: &Auth,
        cursor: Option<&Value>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Outcome, CallError> {
        let mut call = operation.prepare_from(auth, &Map::new(), now, cursor)?;
        self.run(&mut call, now, deadline).await
    }

    /// Carries out what a call asks for until it is done.
    ///
    /// # Errors
    /// See [`Connector::call`].
    pub async fn run(
        &self,
        call: &mut Call<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Outcome, CallError> {
        let key = call.token_key();
        let kept = key.as_ref().and_then(|key| self.tokens.lock().get(key).cloned());
        let kept = kept.filter(|token| token.is_good(now));
        let reused = kept.is_some();
        if let Some(token) = kept {
            call.use_token(token);
        }
        let outcome = self.steps(call, now, deadline).await;
        if let Some(key) = key {
            let mut tokens = self.tokens.lock();
            match (&outcome, call.token()) {
                // A token that is not taken any more is not offered again.
                (Err(error), _) if error.status == Some(401) => drop(tokens.remove(&key)),
                (_, Some(token)) if !reused => {
                    tokens.retain(|_, token| token.is_good(now));
                    if tokens.len() < KEPT {
                        tokens.insert(key, token.clone());
                    }
                }
                _ => {}
            }
        }
        outcome
    }

    async fn steps(
        &self,
        call: &mut Call<'_>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Outcome, CallError> {
        for _ in 0..REQUESTS {
            match call.step()? {
                Step::Done(outcome) => return Ok(outcome),
                Step::Send(request) => {
                    let answer = self.send(*request, now, deadline).await;
                    let answer = answer.map_err(|error| error.redacted(call.redactor()))?;
                    call.answer(answer)?;
                }
            }
        }
        Err(CallError::new(CallErrorKind::Refused, format!("more than {REQUESTS} requests")))
    }

    /// Carries out one request.
    async fn send(
        &self,
        request: Request,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        match request {
            Request::Http(http) => self.http(http, now, deadline).await,
            Request::Mail(mail) => mails::send(&self.mailer, &mail, now, deadline).await,
            Request::Sql(sql) => peers::sql(sql, &self.egress, deadline).await,
            Request::Redis(redis) => peers::redis(redis, &self.egress, deadline).await,
            Request::Ssh(ssh) => peers::ssh(ssh, &self.egress, deadline).await,
            Request::Process(program) => peers::process(program, &self.programs, deadline).await,
        }
    }

    async fn http(
        &self,
        mut call: HttpCall,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        let own = call.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = own.map_or(deadline, |own| own.min(deadline));
        if let Some(scope) = call.aws.take() {
            let credentials = self.aws_credentials(deadline).await?;
            crate::call::sign(&mut call, &scope, &credentials, now);
        }
        let mut settings = HttpSettings {
            tls: ClientTls {
                ca: call.tls_ca.as_ref().map(|pem| Pem::Inline(Secret::new(pem.as_str()))),
                insecure_skip_verify: !call.verify_tls,
                ..ClientTls::default()
            },
            proxy: ProxySettings { from_environment: true, ..ProxySettings::default() },
            ..HttpSettings::default()
        };
        if let Some(settings_of_cluster) = call.cluster.take() {
            let cluster = cluster::connection(&settings_of_cluster).await?;
            let below = cluster.base.path().trim_end_matches('/');
            let path = format!("{below}{}", call.url.path());
            let query = call.url.query().map(str::to_owned);
            call.url = cluster.base.clone();
            call.url.set_path(&path);
            call.url.set_query(query.as_deref());
            settings.authorization = cluster.authorization;
            settings.tls = cluster.tls;
            settings.follow_redirects = false;
        }
        let method = ::http::Method::from_bytes(call.method.as_bytes())
            .map_err(|_| CallError::new(CallErrorKind::Params, "the method is no word"))?;
        let mut request = HttpRequest::new(method, call.url.as_str())?.body(call.body.bytes());
        for (name, value) in &call.headers {
            request = request.header(name, value)?;
        }
        // Any of them may be the credential: a redirect to another host loses them.
        for (name, value) in request.headers.iter_mut() {
            value.set_sensitive(!matches!(name.as_str(), "content-type" | "accept"));
        }
        let answer = self.clients.client(&settings)?.send(request, deadline).await?;
        if answer.truncated && (200..300).contains(&answer.status) {
            let what = format!("the answer is larger than {MAX_BODY_BYTES} bytes");
            return Err(CallError::new(CallErrorKind::Refused, what));
        }
        Ok(answers::of_http(&answer))
    }

    async fn aws_credentials(&self, deadline: Instant) -> Result<AwsCredentials, CallError> {
        let Some(surroundings) = &self.aws else {
            let what = "access key and secret key are not set";
            return Err(CallError::new(CallErrorKind::Settings, what));
        };
        let found = surroundings.credentials("", deadline).await?;
        Ok(AwsCredentials {
            access_key: found.access_key,
            secret_key: found.secret_key,
            session_token: found.session_token,
        })
    }

    /// Checks who sent a request; a certificate of AWS SNS is fetched if it is not known.
    pub async fn verify(
        &self,
        manifest: &Manifest,
        auth: &Auth,
        incoming: &Incoming<'_>,
        deadline: Instant,
    ) -> Verdict {
        let message = match manifest.verify(auth, incoming) {
            Verdict::Sns(message) => message,
            verdict => return verdict,
        };
        let checked = match self.certificate(&message, deadline).await {
            Ok(pem) => message.verify(&pem),
            Err(error) => Err(error.message),
        };
        match checked {
            Ok(()) => Verdict::Verified,
            Err(why) => Verdict::Refused(why),
        }
    }

    /// Confirms a subscription of SNS by the address in a message that was verified.
    ///
    /// # Errors
    /// Where the address is not one of AWS SNS, or does not answer.
    pub async fn confirm_sns(&self, url: &str, deadline: Instant) -> Result<(), CallError> {
        let refused = |what: String| CallError::new(CallErrorKind::Refused, what);
        let parsed =
            url::Url::parse(url).map_err(|error| refused(format!("SubscribeURL: {error}")))?;
        if !crate::manifest::is_of_sns(&parsed) {
            return Err(refused("SubscribeURL is no address of AWS SNS".to_owned()));
        }
        let settings = HttpSettings { follow_redirects: false, ..HttpSettings::default() };
        let request = HttpRequest::new(::http::Method::GET, url)?;
        let answer = self.clients.client(&settings)?.send(request, deadline).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(refused(format!("SNS answered the confirmation with {status}"))),
        }
    }

    async fn certificate(
        &self,
        message: &SnsMessage,
        deadline: Instant,
    ) -> Result<Arc<[u8]>, CallError> {
        let url = message.certificate.as_str();
        if let Some(known) = self.certificates.lock().get(url) {
            return Ok(known.clone());
        }
        // Elsewhere than at AWS there is nothing to believe.
        let settings = HttpSettings { follow_redirects: false, ..HttpSettings::default() };
        let request = HttpRequest::new(::http::Method::GET, url)?;
        let answer = self.clients.client(&settings)?.send(request, deadline).await?;
        if answer.status != 200 || answer.truncated {
            let what = format!("the certificate of SNS: status {}", answer.status);
            return Err(CallError::new(CallErrorKind::Refused, what));
        }
        let pem: Arc<[u8]> = answer.body.to_vec().into();
        let mut kept = self.certificates.lock();
        if kept.len() < KEPT {
            kept.insert(url.to_owned(), pem.clone());
        }
        Ok(pem)
    }
}
