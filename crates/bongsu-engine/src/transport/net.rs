//! The real transport: HTTP and SMTP of `bongsu-provider`.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bongsu_config::alertmanager::HttpConfig;
use bongsu_config::monitoring::ClusterAccess;
use bongsu_model::{Diagnostic, Secret};
use bongsu_notify::{AwsCredentials, HttpRequest, Mail, Response, TransportError};
use bongsu_provider::aws::AwsSurroundings;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{self, Clients};
use bongsu_provider::kubernetes::{Cluster, ClusterPlace};
use bongsu_provider::smtp::{self, Mailer, Security, SmtpError};
use bongsu_provider::{TransportErrorKind, config, secret_file};
use tokio::time::Instant;
use url::Url;

use super::{Page, Transport};
use crate::api::Answer;

/// Sends over the network; connections are kept and shared by equal settings.
pub struct NetTransport {
    clients: Clients,
    /// Those of clusters, under our own name.
    clusters: Clients,
    mailer: Mailer,
    /// Known after the first receiver that needs it.
    aws: OnceLock<AwsSurroundings>,
}

impl NetTransport {
    /// A transport that names `version` in `User-Agent` and obeys `egress`.
    pub fn new(version: &str, egress: EgressPolicy) -> Self {
        let mailer = Mailer::new(egress.clone());
        Self {
            clusters: Clients::new(format!("bongsu/{version}"), egress.clone()),
            clients: Clients::new(format!("Alertmanager/{version}"), egress),
            mailer,
            aws: OnceLock::new(),
        }
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<Response, bongsu_provider::TransportError> {
        let client = self.clients.client(&config::http_settings(&request.http)?)?;
        let mut outgoing = http::HttpRequest::new(request.method, &request.url)?.body(request.body);
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value)?;
        }
        let answer = client.send(outgoing, deadline).await?;
        let content_type = answer.header("content-type").to_owned();
        Ok(Response { status: answer.status, content_type, body: answer.body })
    }

    async fn read_page(
        &self,
        url: &Url,
        settings: &HttpConfig,
        accept: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<http::HttpResponse, bongsu_provider::TransportError> {
        let client = self.clients.client(&config::http_settings(settings)?)?;
        let mut request = http::HttpRequest::new(::http::Method::GET, url.as_str())?;
        request = request.header("accept", accept)?;
        request.max_answer = most;
        client.send(request, deadline).await
    }

    async fn reach(&self, access: &ClusterAccess) -> Result<Cluster, String> {
        if !access.api_server.is_empty() {
            let base = Url::parse(&access.api_server).map_err(|error| error.to_string())?;
            let settings = config::http_settings(&access.http).map_err(|e| e.message)?;
            return Cluster::at(base, &settings, &self.clusters).map_err(|e| e.message);
        }
        let environment = |name: &str| std::env::var(name).ok();
        let place = match access.kubeconfig_file.as_str() {
            "" => ClusterPlace::of_surroundings(&environment),
            path => ClusterPlace::Kubeconfig { path: path.into(), context: None },
        };
        let connection = place.resolve(&environment, Path::new("/")).await;
        let connection = connection.map_err(|found| {
            found.iter().map(Diagnostic::on_one_line).collect::<Vec<_>>().join("; ")
        })?;
        Cluster::connect(connection, &self.clusters).map_err(|e| e.message)
    }

    fn surroundings(&self) -> Result<&AwsSurroundings, String> {
        if let Some(known) = self.aws.get() {
            return Ok(known);
        }
        let client = self.clients.client(&http::HttpSettings::default());
        let client = client.map_err(|error| error.to_string())?;
        Ok(self.aws.get_or_init(|| AwsSurroundings::of_process(client)))
    }

    fn prepared(&self, mail: Mail) -> Result<smtp::Mail, TransportError> {
        let Some(port) = smtp::port_number(&mail.port) else {
            let message = format!("unknown mail port {:?}", mail.port);
            return Err(TransportError { message, permanent: true });
        };
        let tls = mail.tls.as_deref().map(config::tls_settings).transpose().map_err(failed)?;
        Ok(smtp::Mail {
            host: mail.host,
            port,
            hello: mail.hello,
            security: match (mail.implicit_tls, mail.require_tls) {
                (true, _) => Security::Implicit,
                (false, true) => Security::StartTls,
                // As in Alertmanager, STARTTLS is not tried when it is not required.
                (false, false) => Security::None,
            },
            tls: self.mailer.tls(&tls.unwrap_or_default()),
            auth: mail.auth.map(|auth| smtp::MailAuth {
                username: auth.username,
                password: auth.password,
                secret: auth.secret,
                identity: auth.identity,
            }),
            from: mail.from,
            to: mail.to,
            data: mail.data,
        })
    }
}

impl Transport for NetTransport {
    fn request(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        Box::pin(async move { self.exchange(request, deadline).await.map_err(failed) })
    }

    fn page<'a>(
        &'a self,
        url: &'a Url,
        http: &'a HttpConfig,
        accept: &'a str,
        most: usize,
        deadline: Instant,
    ) -> Answer<'a, Result<Page, String>> {
        Box::pin(async move {
            let read = self.read_page(url, http, accept, most, deadline).await;
            let answer = read.map_err(|error| error.message)?;
            if answer.status != 200 {
                return Err(format!("server returned HTTP status {}", answer.status));
            }
            if answer.truncated {
                return Err(format!("the answer is longer than {most} bytes"));
            }
            let kind = answer.header("content-type").to_owned();
            Ok(Page { body: answer.body, kind })
        })
    }

    fn cluster<'a>(
        &'a self,
        access: &'a ClusterAccess,
    ) -> Answer<'a, Result<Arc<Cluster>, String>> {
        Box::pin(async move { self.reach(access).await.map(Arc::new) })
    }

    fn mail(&self, mail: Mail, deadline: Instant) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let outgoing = self.prepared(mail)?;
            self.mailer.send(&outgoing, deadline).await.map_err(|error| refused(&error))
        })
    }

    fn secret<'a>(&'a self, path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(async move {
            secret_file::read_secret(path.as_ref()).await.map_err(|error| error.to_string())
        })
    }

    fn aws<'a>(
        &'a self,
        profile: &'a str,
        deadline: Instant,
    ) -> Answer<'a, Result<AwsCredentials, String>> {
        Box::pin(async move {
            let found = self.surroundings()?.credentials(profile, deadline).await;
            let found = found.map_err(|error| error.to_string())?;
            Ok(AwsCredentials {
                access_key: found.access_key,
                secret_key: found.secret_key,
                session_token: found.session_token,
            })
        })
    }
}

fn refused(error: &SmtpError) -> TransportError {
    TransportError { message: error.to_string(), permanent: !error.retry }
}

fn failed(error: bongsu_provider::TransportError) -> TransportError {
    // Settings that cannot work now will not work in a second either.
    let permanent = matches!(error.kind, TransportErrorKind::Request);
    TransportError { message: error.message, permanent }
}
