//! The server side: `tls_server_config` of the web configuration file (the format Prometheus'
//! tools share).

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CipherSuite, NamedGroup, RootCertStore, ServerConfig};

use super::verify::{AcceptAnyClient, AllowedSans};
use super::{Pem, Rebuilt, TlsError, TlsVersion, certificates, crypto, private_key, versions};

/// Whether a client certificate is asked for and what is checked (`client_auth_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// `NoClientCert`: not asked for.
    #[default]
    None,
    /// `RequestClientCert`: asked for, neither needed nor checked.
    Request,
    /// `RequireAnyClientCert`: needed, whoever signed it.
    RequireAny,
    /// `VerifyClientCertIfGiven`: checked against the client CA when there is one.
    VerifyIfGiven,
    /// `RequireAndVerifyClientCert`: needed and checked against the client CA.
    RequireAndVerify,
}

impl ClientAuth {
    /// Reads the configuration spelling (empty is [`ClientAuth::None`]); `None` when unknown.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "NoClientCert" => Self::None,
            "RequestClientCert" => Self::Request,
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAny,
            "VerifyClientCertIfGiven" => Self::VerifyIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerify,
            _ => return None,
        })
    }
}

/// What a person may set about TLS of a listener.
///
/// ```
/// # async fn example() -> Result<(), bongsu_provider::tls::TlsError> {
/// use bongsu_provider::tls::{Pem, ServerTls, ServerTlsSource};
/// let settings = ServerTls::new(Pem::File("tls.crt".into()), Pem::File("tls.key".into()));
/// let source = ServerTlsSource::new(settings);
/// // for every accepted connection, so that renewed certificates are picked up:
/// let acceptor = tokio_rustls::TlsAcceptor::from(source.current().await?);
/// # let _ = acceptor; Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Certificate chain, leaf first.
    pub cert: Pem,
    /// Private key of the leaf.
    pub key: Pem,
    /// Authorities that sign client certificates; needed by the two verifying rules.
    pub client_ca: Option<Pem>,
    /// Client certificate rule.
    pub client_auth: ClientAuth,
    /// When not empty, a client certificate must carry one of these names.
    pub client_allowed_sans: Vec<String>,
    /// Lowest version; TLS 1.2 when unset.
    pub min_version: Option<TlsVersion>,
    /// Highest version; TLS 1.3 when unset.
    pub max_version: Option<TlsVersion>,
    /// TLS 1.2 suites by their IANA names; empty offers all. Suites without forward secrecy or
    /// with CBC are never offered, TLS 1.3 suites always.
    pub cipher_suites: Vec<String>,
    /// Key exchange groups (`X25519`, `CurveP256`, `CurveP384`, `CurveP521`) in order of
    /// preference; empty offers all. P-521 is not offered.
    pub curve_preferences: Vec<String>,
    /// Whether HTTP/2 is negotiated beside HTTP/1.1.
    pub http2: bool,
}

impl ServerTls {
    /// A certificate and key with the defaults of the format: no client certificates, HTTP/2 on.
    pub fn new(cert: Pem, key: Pem) -> Self {
        Self {
            cert,
            key,
            client_ca: None,
            client_auth: ClientAuth::None,
            client_allowed_sans: Vec::new(),
            min_version: None,
            max_version: None,
            cipher_suites: Vec::new(),
            curve_preferences: Vec::new(),
            http2: true,
        }
    }
}

/// [`ServerTls`] with its current `rustls` configuration.
pub struct ServerTlsSource {
    settings: ServerTls,
    built: Rebuilt<ServerConfig>,
}

impl ServerTlsSource {
    /// Settings, not yet read. Call [`ServerTlsSource::current`] once at start to find mistakes.
    pub fn new(settings: ServerTls) -> Self {
        Self { settings, built: Rebuilt::default() }
    }

    /// The configuration for the files as they are now. After a failure (a half-written file) the
    /// caller may go on with the configuration it has.
    pub async fn current(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let tls = &self.settings;
        let sources = [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()];
        self.built.get(&sources, |read| build(tls, read)).await
    }
}

fn build(tls: &ServerTls, read: &[Option<Vec<u8>>]) -> Result<ServerConfig, TlsError> {
    let pem = |index: usize| read[index].as_deref().unwrap_or_default();
    let provider = Arc::new(offered(tls)?);
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(tls.min_version, tls.max_version)?)?;
    let builder = match client_verifier(tls, pem(2))? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(pem(0), &tls.cert)?;
    let mut config = builder.with_single_cert(chain, private_key(pem(1), &tls.key)?)?;
    let protocols: &[&[u8]] = if tls.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn client_verifier(
    tls: &ServerTls,
    ca: &[u8],
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let verifier: Arc<dyn ClientCertVerifier> = match tls.client_auth {
        ClientAuth::None if tls.client_ca.is_some() => {
            return Err(TlsError::Setting(
                "a client CA is given but client certificates are not asked for".to_owned(),
            ));
        }
        ClientAuth::None => return Ok(None),
        ClientAuth::Request => Arc::new(AcceptAnyClient::new(crypto(), false)),
        ClientAuth::RequireAny => Arc::new(AcceptAnyClient::new(crypto(), true)),
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => {
            let Some(place) = &tls.client_ca else {
                return Err(TlsError::Setting(
                    "client certificates are to be verified but no client CA is given".to_owned(),
                ));
            };
            let mut roots = RootCertStore::empty();
            if roots.add_parsable_certificates(certificates(ca, place)?).0 == 0 {
                return Err(TlsError::NoCertificate(place.to_string()));
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto());
            let builder = match tls.client_auth {
                ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
                _ => builder,
            };
            builder.build().map_err(|error| TlsError::Setting(error.to_string()))?
        }
    };
    Ok(Some(if tls.client_allowed_sans.is_empty() {
        verifier
    } else {
        Arc::new(AllowedSans::new(verifier, tls.client_allowed_sans.clone()))
    }))
}

/// The algorithms left after `cipher_suites` and `curve_preferences`.
fn offered(tls: &ServerTls) -> Result<CryptoProvider, TlsError> {
    let mut provider = (*crypto()).clone();
    if !tls.cipher_suites.is_empty() {
        provider.cipher_suites.retain(|suite| {
            let name = suite.suite();
            suite.tls13().is_some() || tls.cipher_suites.iter().any(|wanted| is_suite(wanted, name))
        });
    }
    if !tls.curve_preferences.is_empty() {
        let mut groups = Vec::new();
        for name in &tls.curve_preferences {
            let wanted = match name.as_str() {
                "X25519" => NamedGroup::X25519,
                "CurveP256" => NamedGroup::secp256r1,
                "CurveP384" => NamedGroup::secp384r1,
                "CurveP521" => NamedGroup::secp521r1,
                "X25519MLKEM768" => NamedGroup::X25519MLKEM768,
                _ => return Err(TlsError::Setting(format!("unknown curve: {name}"))),
            };
            groups.extend(provider.kx_groups.iter().copied().find(|group| group.name() == wanted));
        }
        if groups.is_empty() {
            let names = tls.curve_preferences.join(", ");
            return Err(TlsError::Setting(format!("none of the curves {names} is offered")));
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}

fn is_suite(wanted: &str, suite: CipherSuite) -> bool {
    // Older configurations name the ChaCha20 suites without their hash.
    suite
        .as_str()
        .is_some_and(|name| name == wanted || name.strip_suffix("_SHA256") == Some(wanted))
}
