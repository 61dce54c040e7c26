//! What a person may set about an HTTP client, independent of the file format it came from.

use std::path::PathBuf;

use bongsu_model::Secret;

use crate::secret_file::{SecretFileError, read_secret};
use crate::tls::ClientTls;

/// A credential written down or kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// The credential itself.
    Inline(Secret),
    /// A file, read at every use; white space at its ends is dropped.
    File(PathBuf),
}

impl SecretSource {
    /// The credential as it is now.
    pub async fn get(&self) -> Result<Secret, SecretFileError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_secret(path).await,
        }
    }
}

/// All settings of one HTTP client. Equal settings can share a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpSettings {
    /// How requests prove who sends them.
    pub authorization: Authorization,
    /// TLS towards the peer.
    pub tls: ClientTls,
    /// Where requests go through.
    pub proxy: ProxySettings,
    /// Follow redirects (at most 10) instead of returning them.
    pub follow_redirects: bool,
    /// Negotiate HTTP/2 over TLS.
    pub http2: bool,
    /// Speak nothing but HTTP/2, without asking over plain TCP: what gRPC servers expect.
    pub http2_only: bool,
    /// Header fields added to every request.
    pub headers: Vec<(String, SecretSource)>,
}

impl Default for HttpSettings {
    /// No authorization, platform trust, no proxy; redirects and HTTP/2 on.
    fn default() -> Self {
        Self {
            authorization: Authorization::None,
            tls: ClientTls::default(),
            proxy: ProxySettings::default(),
            follow_redirects: true,
            http2: true,
            http2_only: false,
            headers: Vec::new(),
        }
    }
}

/// How requests prove who sends them. A request with its own `Authorization` field keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Authorization {
    /// Not at all.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// The user name.
        username: SecretSource,
        /// The password; empty when unset.
        password: Option<SecretSource>,
    },
    /// A fixed credential, for example a bearer token.
    Credentials {
        /// The scheme in front of it (`Bearer`).
        scheme: String,
        /// The credential.
        credentials: SecretSource,
    },
    /// A token fetched from a token endpoint.
    OAuth2(Box<OAuth2>),
}

/// A token endpoint and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OAuth2 {
    /// The client's identifier.
    pub client_id: String,
    /// What is exchanged for a token.
    pub grant: Grant,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// URL of the token endpoint.
    pub token_url: String,
    /// Further form fields (client credentials only).
    pub endpoint_params: Vec<(String, String)>,
    /// TLS towards the token endpoint.
    pub tls: ClientTls,
    /// Where token requests go through.
    pub proxy: ProxySettings,
}

/// The OAuth 2 grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Client credentials (RFC 6749, section 4.4).
    ClientCredentials {
        /// The client's secret.
        secret: SecretSource,
    },
    /// A signed assertion (RFC 7523, section 2.1).
    JwtBearer {
        /// RSA private key in PEM.
        key: SecretSource,
        /// Names the key in the assertion's header; empty leaves it out.
        key_id: String,
        /// How the assertion is signed.
        algorithm: SignatureAlgorithm,
        /// `iss`; the client id when empty.
        issuer: String,
        /// `aud`; the token URL when empty.
        audience: String,
        /// Further claims as the text of a JSON object; they win over the standard ones.
        claims: String,
    },
}

/// RSA PKCS#1 v1.5 signature with the hash of this many bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// SHA-256.
    #[default]
    Rs256,
    /// SHA-384.
    Rs384,
    /// SHA-512.
    Rs512,
}

impl SignatureAlgorithm {
    /// Reads the configuration spelling (empty is RS256); `None` when unknown.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            _ => return None,
        })
    }
}

/// Where requests go through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProxySettings {
    /// `http://`, `https://` or `socks5://` URL, with user and password if needed.
    pub url: Option<Secret>,
    /// Destinations reached directly: names, domains, addresses, networks, comma-separated.
    pub no_proxy: String,
    /// Take proxy and exceptions from `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` instead.
    pub from_environment: bool,
    /// Header fields sent with `CONNECT`.
    pub connect_headers: Vec<(String, Secret)>,
}
