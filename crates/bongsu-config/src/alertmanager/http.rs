//! `http_config` and `tls_config`: how an HTTP client connects and authenticates.
//!
//! Field names, defaults and messages: prometheus/common `config`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node, Value};
use bongsu_model::{Secret, go_quote};

use super::fields::ProxyUrl;
use crate::settings::{Reader, Setting, at_most_one, forbid, settings};

settings! {
    /// HTTP client settings of a receiver or of `global`. After loading, `bearer_token` has become
    /// `authorization` and file names are absolute where Alertmanager makes them so.
    pub struct HttpConfig("http_config", check = check_http) {
        /// User name and password.
        basic_auth: Option<BasicAuth>;
        /// `Authorization` header.
        authorization: Option<Authorization>;
        /// Client credentials flow.
        oauth2: Option<OAuth2>;
        /// Old form of `authorization`; empty after loading.
        bearer_token: Secret;
        /// Old form of `authorization`; empty after loading.
        bearer_token_file: String;
        /// TLS towards the server.
        tls_config: TlsConfig;
        /// Whether 3xx answers are followed.
        follow_redirects: bool = true, always;
        /// Whether HTTP/2 may be negotiated.
        enable_http2: bool = true, always;
        /// Proxy for every request.
        proxy_url: Option<ProxyUrl>;
        /// Comma-separated hosts, domains and networks that bypass the proxy.
        no_proxy: String;
        /// Take the proxy from `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
        proxy_from_environment: bool;
        /// Headers of the `CONNECT` request.
        proxy_connect_header: BTreeMap<String, Vec<Secret>>;
        /// Extra request headers.
        http_headers: Option<Headers>;
    }
}

settings! {
    /// Basic authentication.
    pub struct BasicAuth("basic_auth") {
        /// Name.
        username: String, always;
        /// File with the name, read at every request.
        username_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        username_ref: String;
        /// Password.
        password: Secret;
        /// File with the password, read at every request.
        password_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        password_ref: String;
    }
}

settings! {
    /// `Authorization: TYPE CREDENTIALS`.
    pub struct Authorization("authorization") {
        /// Scheme; `Bearer` unless given, after loading never empty.
        r#type: String;
        /// What follows the scheme.
        credentials: Secret;
        /// File with it, read at every request.
        credentials_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        credentials_ref: String;
    }
}

settings! {
    /// OAuth 2 client credentials, by secret or by signed assertion.
    pub struct OAuth2("oauth2") {
        /// Client.
        client_id: String, always;
        /// Its secret.
        client_secret: Secret;
        /// File with the secret.
        client_secret_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        client_secret_ref: String;
        /// Key id in the assertion's header.
        client_certificate_key_id: String;
        /// PEM private key that signs the assertion.
        client_certificate_key: Secret;
        /// File with the key.
        client_certificate_key_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        client_certificate_key_ref: String;
        /// `client_credentials` or `urn:ietf:params:oauth:grant-type:jwt-bearer`.
        grant_type: String;
        /// `RS256`, `RS384` or `RS512`.
        signature_algorithm: String;
        /// Issuer of the assertion; the client id if empty.
        iss: String;
        /// Audience of the assertion; the token URL if empty.
        audience: String;
        /// Further claims.
        claims: BTreeMap<String, Value>;
        /// Scopes asked for.
        scopes: Vec<String>;
        /// Where tokens are fetched.
        token_url: String, always;
        /// Further form parameters.
        endpoint_params: BTreeMap<String, String>;
        /// TLS towards the token URL.
        tls_config: TlsConfig;
        /// Proxy for the token URL.
        proxy_url: Option<ProxyUrl>;
        /// Hosts that bypass it.
        no_proxy: String;
        /// Take the proxy from the environment.
        proxy_from_environment: bool;
        /// Headers of the `CONNECT` request.
        proxy_connect_header: BTreeMap<String, Vec<Secret>>;
    }
}

settings! {
    /// TLS towards a server: texts or files, not both.
    pub struct TlsConfig("tls_config", check = check_tls) {
        /// PEM roots.
        ca: String;
        /// PEM client certificate.
        cert: String;
        /// PEM client key.
        key: Secret;
        /// File with roots.
        ca_file: String;
        /// File with the client certificate.
        cert_file: String;
        /// File with the client key.
        key_file: String;
        /// Secret manager entry; no manager exists, so requests fail.
        ca_ref: String;
        /// Secret manager entry; no manager exists, so requests fail.
        cert_ref: String;
        /// Secret manager entry; no manager exists, so requests fail.
        key_ref: String;
        /// Name to verify instead of the host.
        server_name: String;
        /// Do not verify the server's certificate.
        insecure_skip_verify: bool, always;
        /// Oldest version accepted.
        min_version: Option<TlsVersion>;
        /// Newest version accepted.
        max_version: Option<TlsVersion>;
    }
}

/// A TLS version by the name used in configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0
    Tls10,
    /// 1.1
    Tls11,
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

impl TlsVersion {
    const NAMES: [(&'static str, Self); 4] = [
        ("TLS10", Self::Tls10),
        ("TLS11", Self::Tls11),
        ("TLS12", Self::Tls12),
        ("TLS13", Self::Tls13),
    ];

    /// `TLS10` … `TLS13`.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

impl Setting for TlsVersion {
    fn zero() -> Self {
        Self::Tls12
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        let found = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, v)| *v);
        if found.is_none() {
            reader.refuse(node, format!("unknown TLS version: {text}"));
        }
        found
    }
    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

settings! {
    /// One header: all three lists are sent, in this order.
    pub struct Header("a header") {
        /// Plain values.
        values: Vec<String>;
        /// Masked values.
        secrets: Vec<Secret>;
        /// Files with values, read at every request.
        files: Vec<String>;
    }
}

/// Extra headers by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(pub BTreeMap<String, Header>);

impl Setting for Headers {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let before = reader.faults();
        let headers = Self(BTreeMap::read(node, reader)?);
        if reader.faults() == before
            && let Kind::Mapping(entries) = &node.kind
        {
            for entry in entries {
                let name = canonical_header(entry.key.text().unwrap_or_default());
                if RESERVED.contains(&&*name.to_ascii_lowercase()) {
                    let mut quoted = String::new();
                    let _ = go_quote(&name, &mut quoted);
                    reader.refuse(&entry.key, format!("setting header {quoted} is not allowed"));
                }
            }
        }
        Some(headers)
    }
    fn write(&self) -> Value {
        self.0.write()
    }
}

/// Headers the client or the signer sets itself.
const RESERVED: &[&str] = &[
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// `content-type` as `Content-Type`; a name with characters no header may have stays as it is.
pub fn canonical_header(name: &str) -> String {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut upper = true;
    name.chars()
        .map(|c| {
            let c = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            upper = c == '-';
            c
        })
        .collect()
}

fn check_tls(tls: &mut TlsConfig, _: &mut Reader) -> Result<(), String> {
    let set = |text: &String| !text.is_empty();
    let ca = [set(&tls.ca), set(&tls.ca_file), set(&tls.ca_ref)];
    let cert = [set(&tls.cert), set(&tls.cert_file), set(&tls.cert_ref)];
    let key = [!tls.key.is_empty(), set(&tls.key_file), set(&tls.key_ref)];
    at_most_one(&ca, "ca, ca_file & ca_ref")?;
    at_most_one(&cert, "cert, cert_file & cert_ref")?;
    at_most_one(&key, "key and key_file")?;
    let (has_cert, has_key) = (cert.contains(&true), key.contains(&true));
    forbid(
        has_cert && !has_key,
        "exactly one of key or key_file must be configured when a client certificate is configured",
    )?;
    forbid(
        has_key && !has_cert,
        "exactly one of cert or cert_file must be configured when a client key is configured",
    )
}

pub(crate) fn check_http(http: &mut HttpConfig, _: &mut Reader) -> Result<(), String> {
    let bearer = [!http.bearer_token.is_empty(), !http.bearer_token_file.is_empty()];
    let has_bearer = bearer.contains(&true);
    at_most_one(&bearer, "bearer_token & bearer_token_file")?;
    forbid(
        (http.basic_auth.is_some() || http.oauth2.is_some()) && has_bearer,
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
    )?;
    if let Some(basic) = &http.basic_auth {
        check_basic(basic)?;
    }
    let several = "at most one of basic_auth, oauth2 & authorization must be configured";
    if let Some(authorization) = &mut http.authorization {
        forbid(
            has_bearer,
            "authorization is not compatible with bearer_token & bearer_token_file",
        )?;
        check_authorization(authorization)?;
        forbid(http.basic_auth.is_some() || http.oauth2.is_some(), several)?;
    } else if has_bearer {
        http.authorization = Some(Authorization {
            r#type: "Bearer".to_owned(),
            credentials: std::mem::take(&mut http.bearer_token),
            credentials_file: std::mem::take(&mut http.bearer_token_file),
            ..Authorization::default()
        });
    }
    if let Some(oauth2) = &http.oauth2 {
        forbid(http.basic_auth.is_some(), several)?;
        check_oauth2(oauth2)?;
    }
    check_proxy(http)
}

fn check_basic(basic: &BasicAuth) -> Result<(), String> {
    let set = |text: &String| !text.is_empty();
    at_most_one(
        &[set(&basic.username), set(&basic.username_file), set(&basic.username_ref)],
        "basic_auth username, username_file & username_ref",
    )?;
    at_most_one(
        &[!basic.password.is_empty(), set(&basic.password_file), set(&basic.password_ref)],
        "basic_auth password, password_file & password_ref",
    )
}

fn check_authorization(authorization: &mut Authorization) -> Result<(), String> {
    let set = |text: &String| !text.is_empty();
    let given = [
        !authorization.credentials.is_empty(),
        set(&authorization.credentials_file),
        set(&authorization.credentials_ref),
    ];
    at_most_one(&given, "authorization credentials & credentials_file")?;
    let scheme = authorization.r#type.trim();
    authorization.r#type = if scheme.is_empty() { "Bearer" } else { scheme }.to_owned();
    forbid(
        authorization.r#type.eq_ignore_ascii_case("basic"),
        "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
    )
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn check_oauth2(oauth2: &OAuth2) -> Result<(), String> {
    let set = |text: &String| !text.is_empty();
    forbid(oauth2.client_id.is_empty(), "oauth2 client_id must be configured")?;
    forbid(oauth2.token_url.is_empty(), "oauth2 token_url must be configured")?;
    let secrets = [
        !oauth2.client_secret.is_empty(),
        set(&oauth2.client_secret_file),
        set(&oauth2.client_secret_ref),
    ];
    if oauth2.grant_type != JWT_BEARER {
        return forbid(
            secrets.iter().filter(|set| **set).count() > 1,
            "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=client_credentials",
        );
    }
    let keys = [
        !oauth2.client_certificate_key.is_empty(),
        set(&oauth2.client_certificate_key_file),
        set(&oauth2.client_certificate_key_ref),
    ];
    forbid(
        keys.iter().filter(|set| **set).count() > 1,
        "at most one of oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref must be configured using grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer",
    )?;
    forbid(
        !matches!(&*oauth2.signature_algorithm, "" | "RS256" | "RS384" | "RS512"),
        "valid signature algorithms are RS256, RS384 and RS512",
    )
}

fn check_proxy(http: &HttpConfig) -> Result<(), String> {
    let url = http.proxy_url.as_ref().is_some_and(|url| !url.0.is_empty());
    forbid(
        !http.proxy_connect_header.is_empty() && !http.proxy_from_environment && !url,
        "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
    )?;
    forbid(
        http.proxy_from_environment && url,
        "if proxy_from_environment is configured, proxy_url must not be configured",
    )?;
    forbid(
        http.proxy_from_environment && !http.no_proxy.is_empty(),
        "if proxy_from_environment is configured, no_proxy must not be configured",
    )?;
    forbid(
        http.proxy_url.is_none() && !http.no_proxy.is_empty(),
        "if no_proxy is configured, proxy_url must also be configured",
    )
}
