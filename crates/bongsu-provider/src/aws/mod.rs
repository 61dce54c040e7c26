//! AWS credentials of the surroundings, for whoever has none of their own.
//!
//! In: environment variables, shared files, the endpoints of the place this runs in. Out:
//! [`AwsCredentials`] and the region. Places are asked in the order of AWS' own tools:
//!
//! 1. `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`
//!    (unless a profile is asked for)
//! 2. web identity: `AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN` (EKS service accounts)
//! 3. shared files: `AWS_SHARED_CREDENTIALS_FILE` (`~/.aws/credentials`) and `AWS_CONFIG_FILE`
//!    (`~/.aws/config`), section `AWS_PROFILE`
//! 4. the container's endpoint: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI`
//!    (ECS, EKS pod identity)
//! 5. the machine's metadata service (EC2, version 2), unless `AWS_EC2_METADATA_DISABLED=true`
//!
//! Not supported, and named in the error: `role_arn`, `credential_process` and single sign-on in
//! shared files. Signing is not done here.

mod endpoints;
mod shared_files;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Secret, Timestamp};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{TransportError, TransportErrorKind};
use crate::http::HttpClient;
use crate::secret_file::{SecretFileError, read_limited};
use shared_files::Profile;

/// Temporary credentials are replaced this long before they expire.
const EARLY: Duration = Duration::from_secs(300);

/// Keys to sign requests with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsCredentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
    /// When temporary credentials end.
    pub expires: Option<Timestamp>,
}

/// Reads one environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Finds credentials and keeps temporary ones until shortly before they expire.
pub struct AwsSurroundings {
    environment: Environment,
    client: Arc<HttpClient>,
    kept: Mutex<Option<AwsCredentials>>,
}

impl AwsSurroundings {
    /// The surroundings of this process. `client` speaks to the endpoints; a guarded egress policy
    /// must allow the link-local addresses of those that are used.
    pub fn of_process(client: Arc<HttpClient>) -> Self {
        Self::new(Arc::new(|name| std::env::var(name).ok()), client)
    }

    /// Surroundings with variables from elsewhere.
    pub fn new(environment: Environment, client: Arc<HttpClient>) -> Self {
        Self { environment, client, kept: Mutex::default() }
    }

    /// The credentials for now. `profile` names a section of the shared files; empty leaves the
    /// choice to the surroundings.
    ///
    /// # Errors
    /// When no place has any, or the one responsible cannot give them.
    pub async fn credentials(
        &self,
        profile: &str,
        deadline: Instant,
    ) -> Result<AwsCredentials, TransportError> {
        if profile.is_empty() {
            if let Some(found) = self.in_variables() {
                return Ok(found);
            }
            if let (Some(file), Some(role)) =
                (self.variable("AWS_WEB_IDENTITY_TOKEN_FILE"), self.variable("AWS_ROLE_ARN"))
            {
                return self.kept_or(self.web_identity(file.into(), &role, deadline)).await;
            }
        }
        if let Some(found) = self.profile(profile).await?.credentials()? {
            return Ok(found);
        }
        if !profile.is_empty() {
            return Err(none(&format!("profile {profile:?} has no AWS credentials")));
        }
        if let Some(url) = self.container_url() {
            return self.kept_or(self.container(&url, deadline)).await;
        }
        if self.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text == "true") {
            return Err(none("no AWS credentials found"));
        }
        self.kept_or(self.machine(deadline)).await
    }

    /// The region the surroundings name: `AWS_REGION`, `AWS_DEFAULT_REGION` or the shared files.
    ///
    /// # Errors
    /// When a shared file exists and cannot be read.
    pub async fn region(&self, profile: &str) -> Result<Option<String>, TransportError> {
        let named = self.variable("AWS_REGION").or_else(|| self.variable("AWS_DEFAULT_REGION"));
        match named {
            Some(region) => Ok(Some(region)),
            None => Ok(self.profile(profile).await?.region),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    fn in_variables(&self) -> Option<AwsCredentials> {
        Some(AwsCredentials {
            access_key: self.variable("AWS_ACCESS_KEY_ID")?,
            secret_key: Secret::new(self.variable("AWS_SECRET_ACCESS_KEY")?),
            session_token: self.variable("AWS_SESSION_TOKEN").map(Secret::new),
            expires: None,
        })
    }

    /// The section of both shared files; the credentials file wins.
    async fn profile(&self, name: &str) -> Result<Profile, TransportError> {
        let name = match name {
            "" => self.variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned()),
            name => name.to_owned(),
        };
        let mut profile = Profile::new(&name);
        for (variable, file, prefixed) in [
            ("AWS_CONFIG_FILE", "config", true),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false),
        ] {
            let home = || Some(PathBuf::from(self.variable("HOME")?).join(".aws").join(file));
            let Some(path) = self.variable(variable).map(PathBuf::from).or_else(home) else {
                continue;
            };
            match read_limited(&path).await {
                Ok(bytes) => profile.read(&String::from_utf8_lossy(&bytes), prefixed),
                Err(SecretFileError::Read { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(profile)
    }

    /// Temporary credentials: those kept as long as they last, then what `fetch` gives.
    async fn kept_or(
        &self,
        fetch: impl Future<Output = Result<AwsCredentials, TransportError>>,
    ) -> Result<AwsCredentials, TransportError> {
        let mut kept = self.kept.lock().await;
        if let Some(found) = &*kept
            && found.expires.is_some_and(|end| Timestamp::now() + EARLY < end)
        {
            return Ok(found.clone());
        }
        let fresh = fetch.await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

fn none(text: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Credentials, text)
}
