//! The scalar types of Alertmanager's configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{Node, Scalar, Value};
use bongsu_model::{Secret, go_quote};

use super::url_syntax;
use crate::settings::{MASK, Reader, Setting};

/// A duration in Prometheus' form (`1h30m`).
impl Setting for Duration {
    fn zero() -> Self {
        Self::ZERO
    }
    fn is_zero(&self) -> bool {
        Self::is_zero(self)
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        duration::parse(&text).map_err(|message| reader.refuse(node, message)).ok()
    }
    fn write(&self) -> Value {
        Value::from(duration::print(*self))
    }
}

/// A duration in Go's form (`1m30s`, `1.5h`); a bare integer counts nanoseconds. May be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// Whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    /// As a duration; `None` if zero or negative, which means "no limit" wherever it is used.
    pub fn positive(self) -> Option<Duration> {
        u64::try_from(self.0).ok().filter(|n| *n > 0).map(Duration::from_nanos)
    }
}

impl Setting for GoDuration {
    fn zero() -> Self {
        Self(0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let parsed = match node.scalar() {
            Some(Scalar::Int(n)) => Some(n),
            Some(Scalar::Float(f)) if f.abs() < 9.2e18 => Some(f as i64),
            Some(Scalar::Text(text)) => duration::parse_go(&text).ok(),
            _ => None,
        };
        if parsed.is_none() {
            reader.mistype(node, "a duration like \"1m30s\" (units h, m, s, ms, us, ns)");
        }
        parsed.map(Self)
    }
    fn write(&self) -> Value {
        Value::from(duration::print_go(self.0))
    }
}

/// Go's form only, as text: a bare number has no unit and is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextDuration(pub i64);

impl TextDuration {
    /// Whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    /// The duration in whole seconds, cut off.
    pub fn as_seconds(self) -> i64 {
        self.0 / 1_000_000_000
    }
}

impl Setting for TextDuration {
    fn zero() -> Self {
        Self(0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        duration::parse_go(&text).map_err(|message| reader.refuse(node, message)).ok().map(Self)
    }
    fn write(&self) -> Value {
        Value::from(duration::print_go(self.0))
    }
}

/// An `http` or `https` URL with a host, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// A URL known to be valid: the defaults.
    pub(super) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Checks `text` by the rules of configuration URLs; the error is Alertmanager's wording.
    pub fn parse(text: &str) -> Result<Self, String> {
        url_syntax::check_http(text)?;
        Ok(Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with `/` at the end of its path.
    pub(super) fn with_final_slash(&self) -> Self {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let (path, rest) = self.0.split_at(end);
        let slash = if path.ends_with('/') { "" } else { "/" };
        Self(format!("{path}{slash}{rest}"))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Setting for HttpUrl {
    fn zero() -> Self {
        Self(String::new())
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        Self::parse(&text).map_err(|message| reader.refuse(node, message)).ok()
    }
    fn write(&self) -> Value {
        Value::from(self.0.as_str())
    }
}

/// A URL that is itself a credential. `<secret>` is accepted, so that a printed configuration can
/// be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUrl(pub Secret);

impl SecretUrl {
    /// The URL, for the one place that sends to it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<&HttpUrl> for SecretUrl {
    fn from(url: &HttpUrl) -> Self {
        Self(Secret::new(url.as_str()))
    }
}

impl Setting for SecretUrl {
    fn zero() -> Self {
        Self(Secret::default())
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text != MASK
            && let Err(message) = url_syntax::check_secret_http(&text)
        {
            reader.refuse(node, message);
            return None;
        }
        Some(Self(Secret::new(text)))
    }
    fn write(&self) -> Value {
        Value::from(MASK)
    }
}

/// A credential URL that may be a template; then only the template's syntax is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateUrl(pub Secret);

impl TemplateUrl {
    /// The URL or template, for the one place that uses it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether it was not given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Setting for TemplateUrl {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.contains("{{") {
            if let Err(message) = super::templates::check_plain(&text) {
                reader.refuse(node, format!("invalid template syntax: {message}"));
                return None;
            }
        } else if !text.is_empty()
            && text != MASK
            && let Err(message) = url_syntax::check_secret_http(&text)
        {
            reader.refuse(node, format!("invalid URL: {message}"));
            return None;
        }
        Some(Self(Secret::new(text)))
    }
    fn write(&self) -> Value {
        if self.0.is_empty() { Value::Null } else { Value::from(MASK) }
    }
}

/// A proxy's URL: any scheme; a password in it is masked when printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrl(pub Secret);

impl ProxyUrl {
    /// The URL with its password, for the one place that connects to it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Setting for ProxyUrl {
    fn zero() -> Self {
        Self(Secret::default())
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        match url_syntax::check_secret(&text) {
            Ok(_) => Some(Self(Secret::new(text))),
            Err(message) => {
                reader.refuse(node, message);
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::from(url_syntax::without_password(self.0.expose()))
    }
}

/// `host:port`; the host may be empty, the port may be a service name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPort {
    /// Without brackets.
    pub host: String,
    /// Number or name.
    pub port: String,
}

impl HostPort {
    /// Whether it was not given.
    pub fn is_empty(&self) -> bool {
        self.host.is_empty() && self.port.is_empty()
    }

    /// Splits at the last colon; an IPv6 address needs brackets. The error is Go's wording.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = split_host_port(text).map_err(|why| format!("address {text}: {why}"))?;
        if port.is_empty() {
            let mut quoted = String::new();
            let _ = go_quote(text, &mut quoted);
            return Err(format!("address {quoted}: port cannot be empty"));
        }
        Ok(Self { host: host.to_owned(), port: port.to_owned() })
    }
}

fn split_host_port(text: &str) -> Result<(&str, &str), &'static str> {
    let missing_port = "missing port in address";
    let colon = text.rfind(':').ok_or(missing_port)?;
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let end = rest.find(']').ok_or("missing ']' in address")? + 1;
        match text.get(end + 1..) {
            Some("") | None => return Err(missing_port),
            Some(_) if end + 1 == colon => {}
            Some(rest) if rest.starts_with(':') => return Err("too many colons in address"),
            Some(_) => return Err(missing_port),
        }
        (&text[1..end], &text[colon + 1..])
    } else {
        if text[..colon].contains(':') {
            return Err("too many colons in address");
        }
        (&text[..colon], &text[colon + 1..])
    };
    let outside = if text.starts_with('[') { &text[host.len() + 2..] } else { text };
    if host.contains('[') || outside.contains('[') {
        return Err("unexpected '[' in address");
    }
    if outside.contains(']') {
        return Err("unexpected ']' in address");
    }
    Ok((host, port))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        if self.host.contains([':', '%']) {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Setting for HostPort {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.is_empty() {
            return Some(Self::default());
        }
        Self::parse(&text).map_err(|message| reader.refuse(node, message)).ok()
    }
    fn write(&self) -> Value {
        Value::from(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("localhost:25", Ok("localhost:25")),
            (":25", Ok(":25")),
            ("mail:smtp", Ok("mail:smtp")),
            ("[::1]:25", Ok("[::1]:25")),
            ("localhost", Err("address localhost: missing port in address")),
            ("localhost:", Err("address \"localhost:\": port cannot be empty")),
            ("a:b:c", Err("address a:b:c: too many colons in address")),
            ("::1", Err("address ::1: too many colons in address")),
            ("[::1]", Err("address [::1]: missing port in address")),
            ("[::1", Err("address [::1: missing ']' in address")),
        ] {
            let parsed = HostPort::parse(text).map(|a| a.to_string());
            assert_eq!(parsed.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn final_slashes() {
        for (text, expected) in [
            ("http://a", "http://a/"),
            ("http://a/", "http://a/"),
            ("http://a/b?c=d", "http://a/b/?c=d"),
        ] {
            assert_eq!(HttpUrl::known(text).with_final_slash().as_str(), expected);
        }
    }
}
