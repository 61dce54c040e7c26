//! The client side: `tls_config` of receivers, mail and token endpoints.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConfig, RootCertStore};

use super::verify::{AcceptAnyServer, TrustListedLeaf};
use super::{Pem, Rebuilt, TlsError, TlsVersion, certificates, crypto, private_key, versions};

/// What a person may set about TLS towards a peer (`tls_config` in Alertmanager's reference).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// Certificates to trust instead of the platform's.
    pub ca: Option<Pem>,
    /// Client certificate chain; needs `key`.
    pub cert: Option<Pem>,
    /// Private key of the client certificate.
    pub key: Option<Pem>,
    /// The name to ask for and to verify, instead of the host connected to.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
    /// Lowest version; TLS 1.2 when unset.
    pub min_version: Option<TlsVersion>,
    /// Highest version; TLS 1.3 when unset.
    pub max_version: Option<TlsVersion>,
}

/// [`ClientTls`] with its current `rustls` configuration.
pub struct ClientTlsSource {
    settings: ClientTls,
    alpn: Vec<Vec<u8>>,
    built: Rebuilt<ClientConfig>,
}

impl ClientTlsSource {
    /// Settings with the protocols to negotiate (`h2`, `http/1.1`), preferred first.
    pub fn new(settings: ClientTls, alpn: &[&[u8]]) -> Self {
        let alpn = alpn.iter().map(|name| name.to_vec()).collect();
        Self { settings, alpn, built: Rebuilt::default() }
    }

    /// The settings given.
    pub fn settings(&self) -> &ClientTls {
        &self.settings
    }

    /// The configuration for the files as they are now. The same `Arc` comes back as long as
    /// nothing changed, which tells a connection pool whether its connections are still right.
    pub async fn current(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let tls = &self.settings;
        let sources = [tls.ca.as_ref(), tls.cert.as_ref(), tls.key.as_ref()];
        self.built.get(&sources, |read| self.build(read)).await
    }

    fn build(&self, read: &[Option<Vec<u8>>]) -> Result<ClientConfig, TlsError> {
        let tls = &self.settings;
        let builder = ClientConfig::builder_with_provider(crypto())
            .with_protocol_versions(&versions(tls.min_version, tls.max_version)?)?
            .dangerous()
            .with_custom_certificate_verifier(verifier(tls, read[0].as_deref())?);
        let mut config = match (&tls.cert, &tls.key, &read[1], &read[2]) {
            (Some(cert), Some(key), Some(cert_pem), Some(key_pem)) => builder
                .with_client_auth_cert(certificates(cert_pem, cert)?, private_key(key_pem, key)?)?,
            (None, None, _, _) => builder.with_no_client_auth(),
            _ => return Err(TlsError::Incomplete),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(config)
    }
}

fn verifier(tls: &ClientTls, ca: Option<&[u8]>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if tls.insecure_skip_verify {
        return Ok(Arc::new(AcceptAnyServer::new(crypto())));
    }
    let (Some(place), Some(pem)) = (&tls.ca, ca) else {
        let inner = WebPkiServerVerifier::builder_with_provider(platform_roots(), crypto());
        return Ok(inner.build().map_err(|error| TlsError::Setting(error.to_string()))?);
    };
    let listed = certificates(pem, place)?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(listed.iter().cloned()).0 == 0 {
        return Err(TlsError::NoCertificate(place.to_string()));
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto())
        .build()
        .map_err(|error| TlsError::Setting(error.to_string()))?;
    Ok(Arc::new(TrustListedLeaf::new(inner, listed)))
}

/// The platform's trust store, or the compiled-in Mozilla list when the platform has none.
fn platform_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "platform certificate skipped");
        }
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    };
    ROOTS.get_or_init(load).clone()
}
