//! TLS settings into `rustls` configurations, for both sides of a connection.
//!
//! In: PEM given inline or as files, versions, verification rules. Out: shared `rustls`
//! configurations. Files are read again at every use and the configuration is rebuilt only when
//! their bytes differ, so a renewed certificate needs no reload.

mod client;
mod server;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bongsu_model::Secret;
use parking_lot::Mutex;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use client::{ClientTls, ClientTlsSource};
pub use server::{ClientAuth, ServerTls, ServerTlsSource};

use crate::secret_file::{SecretFileError, read_limited};

/// PEM text: certificates or a private key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pem {
    /// The text itself, as written in the configuration.
    Inline(Secret),
    /// A file, read at every use.
    File(PathBuf),
}

impl Pem {
    async fn read(&self) -> Result<Vec<u8>, TlsError> {
        match self {
            Self::Inline(text) => Ok(text.expose().as_bytes().to_vec()),
            Self::File(path) => Ok(read_limited(path).await?),
        }
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// How error texts name the place a PEM came from.
impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("the inline PEM"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A protocol version as configurations name it (`TLS10` … `TLS13`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0. As a minimum it is raised to 1.2; as a maximum it is refused.
    Tls10,
    /// TLS 1.1. As a minimum it is raised to 1.2; as a maximum it is refused.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// Reads the configuration spelling; `None` when it is not one of the four.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "TLS10" => Self::Tls10,
            "TLS11" => Self::Tls11,
            "TLS12" => Self::Tls12,
            "TLS13" => Self::Tls13,
            _ => return None,
        })
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls10 => "TLS10",
            Self::Tls11 => "TLS11",
            Self::Tls12 => "TLS12",
            Self::Tls13 => "TLS13",
        })
    }
}

/// Why TLS settings cannot be used. Texts never contain key material.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key file cannot be read.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// No certificate could be read from the PEM.
    #[error("no usable certificate in {0}")]
    NoCertificate(String),
    /// No private key could be read from the PEM.
    #[error("no usable private key in {0}")]
    NoKey(String),
    /// A certificate without key or a key without certificate.
    #[error("a certificate and its key must be given together")]
    Incomplete,
    /// The version range leaves nothing that is offered (1.2 and 1.3).
    #[error("no protocol version is left: only TLS12 and TLS13 are offered (min {min}, max {max})")]
    Versions {
        /// The configured or default minimum.
        min: TlsVersion,
        /// The configured or default maximum.
        max: TlsVersion,
    },
    /// A cipher suite, curve or client certificate rule that is not known.
    #[error("{0}")]
    Setting(String),
    /// The parts do not fit together, for example a key that is not the certificate's.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
}

/// The cryptography used for every connection.
pub(crate) fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

/// The versions offered for a configured range, newest first.
fn versions(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let min = min.unwrap_or(TlsVersion::Tls12);
    let max = max.unwrap_or(TlsVersion::Tls13);
    let offered: Vec<_> = [
        (TlsVersion::Tls13, &rustls::version::TLS13),
        (TlsVersion::Tls12, &rustls::version::TLS12),
    ]
    .into_iter()
    .filter(|(version, _)| (min..=max).contains(version))
    .map(|(_, supported)| supported)
    .collect();
    if offered.is_empty() { Err(TlsError::Versions { min, max }) } else { Ok(offered) }
}

fn certificates(pem: &[u8], place: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::NoCertificate(place.to_string())),
    }
}

fn private_key(pem: &[u8], place: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NoKey(place.to_string()))
}

/// A value built from PEM bytes, built again only when the bytes differ.
struct Rebuilt<T> {
    last: Mutex<Option<(Read, Arc<T>)>>,
}

/// The bytes of each source, in order; `None` for one that is not set.
type Read = Vec<Option<Vec<u8>>>;

impl<T> Default for Rebuilt<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T> Rebuilt<T> {
    /// The value for these sources. Without file sources the first value is kept for good.
    async fn get(
        &self,
        sources: &[Option<&Pem>],
        build: impl FnOnce(&Read) -> Result<T, TlsError>,
    ) -> Result<Arc<T>, TlsError> {
        if !sources.iter().flatten().any(|pem| pem.is_file())
            && let Some((_, value)) = &*self.last.lock()
        {
            return Ok(value.clone());
        }
        let mut read = Read::with_capacity(sources.len());
        for source in sources {
            read.push(match source {
                Some(pem) => Some(pem.read().await?),
                None => None,
            });
        }
        let mut last = self.last.lock();
        if let Some((bytes, value)) = &*last
            && *bytes == read
        {
            return Ok(value.clone());
        }
        let value = Arc::new(build(&read)?);
        *last = Some((read, value.clone()));
        Ok(value)
    }
}
