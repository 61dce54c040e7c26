//! Where a cluster is described, and the connection that comes of it.

use std::path::{Path, PathBuf};

use bongsu_model::{Diagnostic, Secret, Source};
use url::Url;

use super::{Connection, kubeconfig};
use crate::http::{Authorization, SecretSource};
use crate::secret_file::read_secret;
use crate::tls::{ClientTls, Pem};

/// Where a pod finds what it needs to talk to its cluster.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

/// Where a cluster is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterPlace {
    /// The cluster of the pod this runs in.
    InCluster,
    /// A file of `kubectl`.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// One of its contexts; without it the current one.
        context: Option<String>,
    },
    /// The text of such a file, as a setting holds it. Files it names are not read.
    Inline {
        /// The text.
        text: Secret,
        /// One of its contexts; without it the current one.
        context: Option<String>,
    },
    /// Settings one by one.
    Direct(Direct),
}

/// Settings of a cluster one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// URL of the API server.
    pub server: String,
    /// Token of a service account.
    pub token: Option<SecretSource>,
    /// Certificates to trust.
    pub ca: Option<Pem>,
    /// Accept any certificate.
    pub insecure: bool,
    /// Namespace for objects without one; `default` when empty.
    pub namespace: String,
}

impl ClusterPlace {
    /// The place the surroundings name: `KUBECONFIG` (its first file), the pod this runs in, or
    /// `~/.kube/config`.
    pub fn of_surroundings(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let first = set("KUBECONFIG")
            .and_then(|paths| paths.split(':').find(|path| !path.is_empty()).map(PathBuf::from));
        match (first, set("KUBERNETES_SERVICE_HOST")) {
            (Some(path), _) => Self::Kubeconfig { path, context: None },
            (None, Some(_)) => Self::InCluster,
            (None, None) => {
                let home = PathBuf::from(set("HOME").unwrap_or_default());
                Self::Kubeconfig { path: home.join(".kube/config"), context: None }
            }
        }
    }

    /// The connection. `root` is `/`; in a test, a directory that stands for it.
    ///
    /// # Errors
    /// Every mistake in the description. Nothing in a diagnostic quotes a credential.
    pub async fn resolve(
        &self,
        environment: &(dyn Fn(&str) -> Option<String> + Sync),
        root: &Path,
    ) -> Result<Connection, Vec<Diagnostic>> {
        match self {
            Self::InCluster => in_cluster(environment, root).await.map_err(|error| vec![error]),
            Self::Kubeconfig { path, context } => {
                let text = read_secret(path).await.map_err(|error| {
                    vec![
                        Diagnostic::error(kubeconfig::UNREADABLE, error.to_string())
                            .help("set KUBECONFIG to the file, or give its path"),
                    ]
                })?;
                let source =
                    Source { name: path.display().to_string(), text: text.expose().to_owned() };
                let folder = path.parent().unwrap_or(Path::new(""));
                kubeconfig::read(&source, Some(folder), context.as_deref())
            }
            Self::Inline { text, context } => {
                let source =
                    Source { name: "kubeconfig".to_owned(), text: text.expose().to_owned() };
                kubeconfig::read(&source, None, context.as_deref())
            }
            Self::Direct(direct) => direct.connection().map_err(|error| vec![error]),
        }
    }
}

impl Direct {
    fn connection(&self) -> Result<Connection, Diagnostic> {
        let base = server(&self.server).ok_or_else(|| {
            Diagnostic::error(kubeconfig::REFUSED, "the server is no http or https URL")
        })?;
        let namespace = match self.namespace.as_str() {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        };
        let authorization = self.token.clone().map_or(Authorization::None, bearer);
        let tls = ClientTls {
            ca: self.ca.clone(),
            insecure_skip_verify: self.insecure,
            ..ClientTls::default()
        };
        Ok(Connection { base, namespace, authorization, tls })
    }
}

async fn in_cluster(
    environment: &(dyn Fn(&str) -> Option<String> + Sync),
    root: &Path,
) -> Result<Connection, Diagnostic> {
    let outside = |what: String| {
        Diagnostic::error(kubeconfig::OUTSIDE, what)
            .help("outside of a cluster a kubeconfig is wanted: set KUBECONFIG")
    };
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let host = variable("KUBERNETES_SERVICE_HOST")
        .ok_or_else(|| outside("KUBERNETES_SERVICE_HOST is not set: this is no pod".to_owned()))?;
    let port = variable("KUBERNETES_SERVICE_PORT_HTTPS")
        .or_else(|| variable("KUBERNETES_SERVICE_PORT"))
        .unwrap_or_else(|| "443".to_owned());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let base = server(&format!("https://{host}:{port}"))
        .ok_or_else(|| outside("KUBERNETES_SERVICE_HOST and its port are no address".to_owned()))?;
    let account = root.join(ACCOUNT);
    let (token, ca) = (account.join("token"), account.join("ca.crt"));
    for file in [&token, &ca] {
        read_secret(file).await.map_err(|error| {
            Diagnostic::error(kubeconfig::UNREADABLE, error.to_string())
                .help("let the pod mount its service account: automountServiceAccountToken")
        })?;
    }
    let namespace = read_secret(&account.join("namespace")).await;
    let namespace = namespace.ok().filter(|text| !text.is_empty());
    Ok(Connection {
        base,
        namespace: namespace.map_or_else(|| "default".to_owned(), |n| n.expose().to_owned()),
        authorization: bearer(SecretSource::File(token)),
        tls: ClientTls { ca: Some(Pem::File(ca)), ..ClientTls::default() },
    })
}

/// A URL of an API server.
pub(super) fn server(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Authorization with a token.
pub(super) fn bearer(credentials: SecretSource) -> Authorization {
    Authorization::Credentials { scheme: "Bearer".to_owned(), credentials }
}
