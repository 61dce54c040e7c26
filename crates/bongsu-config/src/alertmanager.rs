//! `alertmanager.yml`.
//!
//! In: the text of a configuration file. Out: a [`Config`] with defaults filled in and global
//! values inherited, or every mistake with its place. Semantics, defaults, messages and the order
//! of messages are Alertmanager's.

pub mod codes;
mod config;
mod document;
mod fields;
mod global;
mod http;
mod inherit;
mod inhibit;
mod intervals;
mod lints;
mod load;
mod observe;
mod paths;
mod receivers;
mod references;
mod route;
mod templates;
mod url_syntax;

pub use config::{Config, effective_yaml};
pub use fields::{GoDuration, HostPort, HttpUrl, ProxyUrl, SecretUrl, TemplateUrl, TextDuration};
pub use global::GlobalConfig;
pub(crate) use http::check_http;
pub use http::{
    Authorization, BasicAuth, Header, Headers, HttpConfig, OAuth2, TlsConfig, TlsVersion,
    canonical_header,
};
pub use inhibit::InhibitRule;
pub use intervals::NamedIntervals;
pub use lints::check_template_text;
pub(crate) use lints::looks_copied;
pub use load::load;
pub use observe::{
    EventRecorderConfig, FileOutput, KafkaOutput, StdoutOutput, TracingClient, TracingConfig,
    WebhookOutput,
};
pub use receivers::*;
pub use route::{GroupBy, MatchPatterns, Route};

/// Go's `%q`.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let _ = bongsu_model::go_quote(text, &mut out);
    out
}
