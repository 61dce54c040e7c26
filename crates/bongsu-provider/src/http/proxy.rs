//! Which proxy a request goes through, and how to get through it.
//!
//! The rules for exceptions are those of Go's `httpproxy` package, which Prometheus' tools use.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use super::settings::ProxySettings;
use crate::error::{TransportError, TransportErrorKind};
use crate::stream::Link;

/// Longest head of a proxy's answer, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// One proxy.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) kind: ProxyKind,
    pub(super) host: String,
    pub(super) port: u16,
    user: String,
    password: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Http,
    Https,
    Socks5,
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, TransportError> {
        let bad =
            |why: &str| TransportError::new(TransportErrorKind::Proxy, format!("proxy URL: {why}"));
        // A bare host:port, as often found in the environment, is an HTTP proxy.
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|error| bad(&error.to_string()))?;
        let (kind, default_port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            other => return Err(bad(&format!("unsupported scheme {other:?}"))),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("no host"))?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            kind,
            host: host.to_owned(),
            port: url.port().unwrap_or(default_port),
            user: plain(url.username()),
            password: plain(url.password().unwrap_or_default()),
        })
    }

    /// The `Proxy-Authorization` field, when the URL has a user.
    pub(super) fn authorization(&self) -> Option<String> {
        let user = format!("{}:{}", self.user, self.password);
        (user != ":").then(|| format!("Basic {}", STANDARD.encode(user)))
    }
}

/// The proxies of one client.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Option<Exceptions>,
    pub(super) connect_headers: Vec<(String, bongsu_model::Secret)>,
}

impl Proxies {
    pub(super) fn new(settings: &ProxySettings) -> Result<Self, TransportError> {
        let mut proxies =
            Self { connect_headers: settings.connect_headers.clone(), ..Self::default() };
        if settings.from_environment {
            let get = |upper: &str, lower: &str| {
                let value = std::env::var(upper).ok().filter(|value| !value.is_empty());
                value.or_else(|| std::env::var(lower).ok()).unwrap_or_default()
            };
            let parse = |text: &str| (!text.is_empty()).then(|| Proxy::parse(text)).transpose();
            proxies.http = parse(&get("HTTP_PROXY", "http_proxy"))?;
            proxies.https = parse(&get("HTTPS_PROXY", "https_proxy"))?;
            proxies.exceptions = Some(Exceptions::parse(&get("NO_PROXY", "no_proxy")));
        } else if let Some(url) = settings.url.as_ref().filter(|url| !url.is_empty()) {
            let proxy = Proxy::parse(url.expose())?;
            proxies.http = Some(proxy.clone());
            proxies.https = Some(proxy);
            // A proxy without exceptions is used for everything, loopback too.
            if !settings.no_proxy.is_empty() {
                proxies.exceptions = Some(Exceptions::parse(&settings.no_proxy));
            }
        }
        Ok(proxies)
    }

    /// The proxy for a destination; `host` as in a URL.
    pub(super) fn choose(&self, https: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if https { self.https.as_ref() } else { self.http.as_ref() }?;
        let direct = self.exceptions.as_ref().is_some_and(|rules| rules.cover(host, port));
        (!direct).then_some(proxy)
    }
}

/// A parsed `no_proxy`.
#[derive(Debug, Default)]
struct Exceptions {
    everything: bool,
    networks: Vec<IpNet>,
    addresses: Vec<(IpAddr, Option<u16>)>,
    domains: Vec<Domain>,
}

#[derive(Debug)]
struct Domain {
    /// With a leading dot.
    suffix: String,
    port: Option<u16>,
    /// Whether the domain itself is meant too, not only names below it.
    itself: bool,
}

impl Exceptions {
    fn parse(text: &str) -> Self {
        let mut rules = Self::default();
        for entry in text.split(',') {
            let entry = entry.trim().to_ascii_lowercase();
            if entry == "*" {
                rules.everything = true;
            } else if let Ok(network) = entry.parse() {
                rules.networks.push(network);
            } else if !entry.is_empty() {
                rules.add(&entry);
            }
        }
        rules
    }

    fn add(&mut self, entry: &str) {
        let split =
            entry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let whole = entry.trim_start_matches('[').trim_end_matches(']');
        let (host, port) = match (whole.parse::<IpAddr>(), split) {
            (Err(_), Some((host, port))) => (host, Some(port)),
            _ => (entry, None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            self.addresses.push((address, port));
            return;
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        if host.is_empty() {
            return;
        }
        let itself = !host.starts_with('.');
        let suffix = if itself { format!(".{host}") } else { host.to_owned() };
        self.domains.push(Domain { suffix, port, itself });
    }

    fn cover(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let fits = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        if self.everything || bare == "localhost" {
            return true;
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return address.is_loopback()
                || self.networks.iter().any(|network| network.contains(&address))
                || self.addresses.iter().any(|(known, port)| *known == address && fits(port));
        }
        self.domains.iter().any(|domain| {
            let named = bare.ends_with(&domain.suffix)
                || (domain.itself && domain.suffix.get(1..) == Some(bare));
            named && fits(&domain.port)
        })
    }
}

/// Asks an HTTP proxy for a tunnel to `authority` (`host:port`).
pub(super) async fn open_tunnel(
    stream: &mut Link,
    proxy: &Proxy,
    authority: &str,
    headers: &[(String, bongsu_model::Secret)],
) -> Result<(), TransportError> {
    let failed = |text: String| {
        let place = format!("proxy {}:{}", proxy.host, proxy.port);
        TransportError::new(TransportErrorKind::Proxy, format!("{place}: {text}"))
    };
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(value) = proxy.authorization() {
        head.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    for (name, value) in headers {
        let clean = ::http::HeaderName::try_from(name).is_ok()
            && ::http::HeaderValue::try_from(value.expose()).is_ok();
        if !clean {
            return Err(failed(format!("header {name:?} cannot be sent")));
        }
        head.push_str(&format!("{name}: {}\r\n", value.expose()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.map_err(|error| failed(error.to_string()))?;
    // Byte by byte, because what follows the head belongs to the tunnel.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == MAX_ANSWER {
            return Err(failed("the answer to CONNECT is too long".to_owned()));
        }
        answer.push(stream.read_u8().await.map_err(|error| failed(error.to_string()))?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    let (version, status) = line.split_once(' ').unwrap_or((line, ""));
    if version.starts_with("HTTP/1.") && status.starts_with('2') {
        Ok(())
    } else {
        Err(failed(format!("no tunnel to {authority}: {status}")))
    }
}

/// Asks a SOCKS 5 proxy for a connection; names are left for the proxy to resolve.
pub(super) async fn open_socks(
    stream: &mut Link,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    let place = format!("proxy {}:{}", proxy.host, proxy.port);
    socks_conversation(stream, proxy, host, port)
        .await
        .map_err(|text| TransportError::new(TransportErrorKind::Proxy, format!("{place}: {text}")))
}

async fn socks_conversation(
    stream: &mut Link,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let with_user = !proxy.user.is_empty();
    let greeting: &[u8] = if with_user { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(greeting).await.map_err(io)?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await.map_err(io)?;
    match chosen {
        [5, 0] => {}
        [5, 2] if with_user => {
            let mut request = vec![1];
            push_text(&mut request, &proxy.user)?;
            push_text(&mut request, &proxy.password)?;
            stream.write_all(&request).await.map_err(io)?;
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await.map_err(io)?;
            if answer[1] != 0 {
                return Err("user or password refused".to_owned());
            }
        }
        _ => return Err("no common way to authenticate".to_owned()),
    }
    let mut request = vec![5, 1, 0];
    match Host::parse(host).map_err(|error| error.to_string())? {
        Host::Ipv4(address) => {
            request.push(1);
            request.extend(address.octets());
        }
        Host::Ipv6(address) => {
            request.push(4);
            request.extend(address.octets());
        }
        Host::Domain(name) => {
            request.push(3);
            push_text(&mut request, &name)?;
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await.map_err(io)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(io)?;
    if answer[1] != 0 {
        return Err(format!("no connection to {host}:{port} (SOCKS reply {})", answer[1]));
    }
    let bound = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await.map_err(io)?),
    };
    let mut rest = vec![0; bound + 2];
    stream.read_exact(&mut rest).await.map(drop).map_err(io)
}

fn push_text(request: &mut Vec<u8>, text: &str) -> Result<(), String> {
    let length = u8::try_from(text.len()).map_err(|_| "name, user or password too long")?;
    request.push(length);
    request.extend(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions() {
        let rules = Exceptions::parse(
            "example.org, .below.net,*.star.net , 10.0.0.0/8,192.0.2.1:8080,port.org:443,[fd00::1]:9,fd00::2",
        );
        for (host, port, direct) in [
            ("example.org", 80, true),
            ("EXAMPLE.org.", 80, true),
            ("a.example.org", 80, true),
            ("notexample.org", 80, false),
            ("below.net", 80, false),
            ("a.below.net", 80, true),
            ("star.net", 80, false),
            ("a.b.star.net", 80, true),
            ("10.9.8.7", 1, true),
            ("11.9.8.7", 1, false),
            ("192.0.2.1", 8080, true),
            ("192.0.2.1", 80, false),
            ("port.org", 443, true),
            ("port.org", 80, false),
            ("[fd00::1]", 9, true),
            ("[fd00::1]", 8, false),
            ("[fd00::2]", 8, true),
            ("localhost", 80, true),
            ("127.9.9.9", 80, true),
            ("[::1]", 80, true),
            ("other", 80, false),
        ] {
            assert_eq!(rules.cover(host, port), direct, "{host}:{port}");
        }
        assert!(Exceptions::parse("a, *").cover("anything", 1));
    }

    #[test]
    fn a_proxy_without_exceptions_takes_loopback_too() {
        let url = Some(bongsu_model::Secret::new("http://u%40x:p@proxy.test:3128"));
        let all = Proxies::new(&ProxySettings { url: url.clone(), ..Default::default() }).unwrap();
        assert!(all.choose(true, "127.0.0.1", 443).is_some());
        let no_proxy = "a.test".to_owned();
        let some = Proxies::new(&ProxySettings { url, no_proxy, ..Default::default() }).unwrap();
        assert!(some.choose(false, "127.0.0.1", 80).is_none());
        assert!(some.choose(false, "a.test", 80).is_none());
        let proxy = some.choose(false, "b.test", 80).unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.test", 3128));
        assert_eq!(proxy.authorization().unwrap(), format!("Basic {}", STANDARD.encode("u@x:p")));
    }

    #[test]
    fn proxy_urls() {
        for (text, kind, port) in [
            ("http://p", ProxyKind::Http, 80),
            ("https://p", ProxyKind::Https, 443),
            ("socks5://p", ProxyKind::Socks5, 1080),
            ("p:3128", ProxyKind::Http, 3128),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.kind, proxy.port), (kind, port), "{text}");
            assert_eq!(proxy.authorization(), None, "{text}");
        }
        for text in ["ftp://p", "http://", "http://[::"] {
            assert_eq!(Proxy::parse(text).unwrap_err().kind, TransportErrorKind::Proxy, "{text}");
        }
    }
}
