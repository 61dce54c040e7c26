//! `alertmanager.yml`.
//!
//! In: the text of a configuration file. Out: [`Receiver`]s and their settings, with defaults
//! filled in and global values inherited, or every mistake with its place. Semantics, defaults and
//! messages are Alertmanager's.

pub mod codes;
mod fields;
mod http;
mod nearest;
mod receivers;
mod settings;
mod templates;
mod url_syntax;

pub use fields::{GoDuration, HostPort, HttpUrl, ProxyUrl, SecretUrl, TemplateUrl, TextDuration};
pub use http::{
    Authorization, BasicAuth, Header, Headers, HttpConfig, OAuth2, TlsConfig, TlsVersion,
    canonical_header,
};
pub use receivers::*;
