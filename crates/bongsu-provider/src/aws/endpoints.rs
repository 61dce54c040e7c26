//! Temporary credentials from the place this runs in.

use std::net::IpAddr;
use std::path::PathBuf;

use bongsu_model::{Secret, Timestamp};
use http::Method;
use serde_json::Value;
use tokio::time::{Duration, Instant};
use url::{Host, Url, form_urlencoded};

use super::{AwsCredentials, AwsSurroundings, none};
use crate::error::TransportError;
use crate::http::HttpRequest;
use crate::secret_file::read_secret;

/// The metadata service answers at once or is not there.
const MACHINE_LIMIT: Duration = Duration::from_secs(2);

impl AwsSurroundings {
    /// A role for a signed token of the cluster's own identity provider.
    pub(super) async fn web_identity(
        &self,
        file: PathBuf,
        role: &str,
        deadline: Instant,
    ) -> Result<AwsCredentials, TransportError> {
        let token = read_secret(&file).await?;
        let session = self.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "bongsu".to_owned());
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", role)
            .append_pair("RoleSessionName", &session)
            .append_pair("WebIdentityToken", token.expose())
            .finish();
        let url = match (self.variable("AWS_ENDPOINT_URL_STS"), self.region("").await?) {
            (Some(url), _) => url,
            (None, Some(region)) => format!("https://sts.{region}.amazonaws.com/"),
            (None, None) => "https://sts.amazonaws.com/".to_owned(),
        };
        let request = HttpRequest::new(Method::POST, &url)?
            .header("content-type", "application/x-www-form-urlencoded")?
            .header("accept", "application/json")?
            .body(body);
        let answer = self.ask("AWS STS", request, deadline).await?;
        let path = "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";
        let given = answer.pointer(path).ok_or_else(|| none("AWS STS gave no credentials"))?;
        read("AWS STS", given, "SessionToken")
    }

    /// Where the container's credentials are, if it has an endpoint.
    pub(super) fn container_url(&self) -> Option<String> {
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        match relative {
            Some(path) => Some(format!("http://169.254.170.2{path}")),
            None => self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        }
    }

    pub(super) async fn container(
        &self,
        url: &str,
        deadline: Instant,
    ) -> Result<AwsCredentials, TransportError> {
        let mut request = HttpRequest::new(Method::GET, url)?;
        if !is_local(&request.url) {
            return Err(none(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, loopback or a container endpoint",
            ));
        }
        let token = match self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(read_secret(file.as_ref()).await?),
            None => self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        if let Some(token) = token {
            request = request.header("authorization", token.expose())?;
        }
        let what = "the container's credentials endpoint";
        read(what, &self.ask(what, request, deadline).await?, "Token")
    }

    /// The role of the machine: a session first, then the role's name, then its credentials.
    pub(super) async fn machine(
        &self,
        deadline: Instant,
    ) -> Result<AwsCredentials, TransportError> {
        let what = "the machine's metadata service";
        let deadline = deadline.min(Instant::now() + MACHINE_LIMIT);
        let base = self.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let base = base.unwrap_or_else(|| "http://169.254.169.254".to_owned());
        let base = base.trim_end_matches('/');
        let request = HttpRequest::new(Method::PUT, &format!("{base}/latest/api/token"))?
            .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")?;
        let session = self
            .text(what, request, deadline)
            .await
            .map_err(|error| error.during("no AWS credentials found"))?;
        let get = |path: &str| {
            HttpRequest::new(Method::GET, &format!("{base}/latest/meta-data/iam/{path}"))?
                .header("x-aws-ec2-metadata-token", session.trim())
        };
        let roles = self.text(what, get("security-credentials/")?, deadline).await?;
        let role = roles.lines().next().unwrap_or_default().trim();
        if role.is_empty() {
            return Err(none("the machine has no AWS role"));
        }
        let request = get(&format!("security-credentials/{role}"))?;
        read(what, &self.ask(what, request, deadline).await?, "Token")
    }

    async fn ask(
        &self,
        what: &str,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<Value, TransportError> {
        let text = self.text(what, request, deadline).await?;
        serde_json::from_str(&text).map_err(|_| none(&format!("{what} did not answer with JSON")))
    }

    async fn text(
        &self,
        what: &str,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<String, TransportError> {
        let answer = self.client.send(request, deadline).await;
        let answer = answer.map_err(|error| error.during(what))?;
        if answer.status != 200 {
            return Err(none(&format!("{what} answered with status {}", answer.status)));
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

/// Plain HTTP may carry credentials on the machine itself only, and from the fixed addresses of
/// container services.
fn is_local(url: &Url) -> bool {
    const CONTAINER: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
    let local = |address: IpAddr| {
        address.is_loopback()
            || CONTAINER
                .iter()
                .any(|known| known.parse().is_ok_and(|known: IpAddr| known == address))
    };
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Ipv4(address)) => local(address.into()),
            Some(Host::Ipv6(address)) => local(address.into()),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

fn read(what: &str, given: &Value, token: &str) -> Result<AwsCredentials, TransportError> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let (Some(access_key), Some(secret_key)) = (text("AccessKeyId"), text("SecretAccessKey"))
    else {
        return Err(none(&format!("{what} gave no credentials")));
    };
    let expires = match given.get("Expiration") {
        Some(Value::String(text)) => text.parse().ok(),
        // STS writes seconds when asked for JSON.
        Some(Value::Number(seconds)) => {
            seconds.as_f64().and_then(|seconds| Timestamp::from_second(seconds as i64).ok())
        }
        _ => None,
    };
    Ok(AwsCredentials {
        access_key: access_key.to_owned(),
        secret_key: Secret::new(secret_key),
        session_token: text(token).map(Secret::new),
        expires,
    })
}
