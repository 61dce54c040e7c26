//! The web configuration file Prometheus' tools share: TLS, HTTP headers, users.
//!
//! In: YAML. Out: settings, or every mistake with its place. Source: the exporter toolkit's
//! format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_lang::yaml::{self, Entry, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Secret, Source};
use bongsu_provider::tls::{ClientAuth, Pem, ServerTls, TlsVersion};
use http::{HeaderName, HeaderValue};

/// What the file says.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// `None`: plain HTTP.
    pub tls: Option<ServerTls>,
    /// Headers added to every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// bcrypt hash by user; empty: nobody is asked.
    pub users: BTreeMap<String, String>,
}

const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];

/// Largest file.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file. Relative paths in it are relative to its directory.
pub fn read(path: &Path) -> Result<WebConfig, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let unreadable =
        |why: String| vec![Diagnostic::error("BS5101", format!("cannot read {name}: {why}"))];
    let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(unreadable(format!("larger than {MAX_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    parse(&text, &name, path.parent().unwrap_or(Path::new("")))
}

/// Reads the text of a file called `name` in `folder`.
pub fn parse(text: &str, name: &str, folder: &Path) -> Result<WebConfig, Vec<Diagnostic>> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let limits = Limits { bytes: 1 << 20, depth: 20, nodes: 20_000 };
    let root = match yaml::parse(text, &limits) {
        Ok(root) => root,
        Err(error) => {
            let place = Place { source, line: error.line, column: error.column };
            return Err(vec![Diagnostic::error("BS5102", error.message).at(Some(place))]);
        }
    };
    let mut reader = Reader { source, folder, mistakes: Vec::new() };
    let config = root.map(|root| reader.root(&root)).unwrap_or_default();
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|mistake| mistake.place.as_ref().map(|place| (place.line, place.column)));
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

struct Reader<'a> {
    source: Arc<Source>,
    folder: &'a Path,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn mistake(&mut self, node: &Node, code: &'static str, message: String, help: &str) {
        let place = Place {
            source: Arc::clone(&self.source),
            line: node.place.line,
            column: node.place.column,
        };
        self.mistakes.push(Diagnostic::error(code, message).at(Some(place)).help(help));
    }

    /// Pairs of a mapping with a text key; null is empty. A key given twice is a mistake.
    fn pairs<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n str, &'n Entry)> {
        let entries = match &node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            _ if node.is_null() => &[],
            _ => {
                let message = format!("{what} must be a mapping, not a {}", node.describe());
                self.mistake(node, "BS5103", message, "write key: value lines");
                &[]
            }
        };
        let mut pairs: Vec<(&str, &Entry)> = Vec::new();
        for entry in entries {
            let Some(key) = entry.key.text() else {
                let message = format!("a key of {what} must be text");
                self.mistake(&entry.key, "BS5103", message, "write a plain word");
                continue;
            };
            if pairs.iter().any(|(known, _)| *known == key) && !entry.merged {
                let message = format!("{key} is given twice");
                self.mistake(&entry.key, "BS5103", message, "keep one of them");
            }
            pairs.push((key, entry));
        }
        pairs
    }

    fn unknown(&mut self, entry: &Entry, key: &str, what: &str, known: &[&str]) {
        let help = format!("known are: {}", known.join(", "));
        self.mistake(&entry.key, "BS5104", format!("field {key} not found in {what}"), &help);
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            let message = format!("{what} must be text, not a {}", node.describe());
            self.mistake(node, "BS5103", message, "write one value");
        }
        text
    }

    fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Some(Scalar::Bool(flag)) = node.scalar() {
            return Some(flag);
        }
        let message = format!("{what} must be true or false");
        self.mistake(node, "BS5103", message, "write true or false");
        None
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match &node.kind {
            Kind::Sequence(items) => items.iter().filter_map(|i| self.text(i, what)).collect(),
            _ if node.is_null() => Vec::new(),
            _ => {
                let message = format!("{what} must be a list, not a {}", node.describe());
                self.mistake(node, "BS5103", message, "write a list");
                Vec::new()
            }
        }
    }

    fn root(&mut self, root: &Node) -> WebConfig {
        let mut config = WebConfig::default();
        let mut http2 = true;
        for (key, entry) in self.pairs(root, "the web configuration") {
            let value = &entry.value;
            match key {
                "tls_server_config" => config.tls = self.tls(value),
                "http_server_config" => (http2, config.headers) = self.http(value),
                "basic_auth_users" => config.users = self.users(value),
                _ => {
                    let known = ["tls_server_config", "http_server_config", "basic_auth_users"];
                    self.unknown(entry, key, "the web configuration", &known);
                }
            }
        }
        if let Some(tls) = &mut config.tls {
            tls.http2 = http2;
        }
        config
    }

    fn http(&mut self, node: &Node) -> (bool, Vec<(HeaderName, HeaderValue)>) {
        let (mut http2, mut headers) = (true, Vec::new());
        for (key, entry) in self.pairs(node, "http_server_config") {
            match key {
                "http2" => http2 = self.flag(&entry.value, "http2").unwrap_or(true),
                "headers" => headers = self.headers(&entry.value),
                _ => self.unknown(entry, key, "http_server_config", &["http2", "headers"]),
            }
        }
        (http2, headers)
    }

    fn headers(&mut self, node: &Node) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (key, entry) in self.pairs(node, "headers") {
            let Some(name) = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(key)) else {
                let message = format!("HTTP header {key} can not be configured");
                let help = format!("these can: {}", HEADERS.join(", "));
                self.mistake(&entry.key, "BS5105", message, &help);
                continue;
            };
            let Some(text) = self.text(&entry.value, name) else { continue };
            if text.is_empty() {
                continue;
            }
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(text));
            if let (Ok(name), Ok(value)) = parsed {
                headers.push((name, value));
            } else {
                let message = format!("the value of {name} cannot be sent in a header");
                self.mistake(&entry.value, "BS5105", message, "use printable characters");
            }
        }
        headers
    }

    fn users(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut users = BTreeMap::new();
        for (user, entry) in self.pairs(node, "basic_auth_users") {
            let Some(hash) = self.text(&entry.value, "a password hash") else { continue };
            if hash.parse::<bcrypt::HashParts>().is_err() {
                let message = format!("the password of user {user:?} is not a bcrypt hash");
                let help = "write the output of: htpasswd -nBC 10 USER";
                self.mistake(&entry.value, "BS5106", message, help);
            }
            users.insert(user.to_owned(), hash);
        }
        users
    }

    fn tls(&mut self, node: &Node) -> Option<ServerTls> {
        let mut fields = TlsFields::default();
        for (key, entry) in self.pairs(node, "tls_server_config") {
            self.tls_field(key, entry, &mut fields);
        }
        let given = (fields.cert, fields.key);
        let (cert, key) = match given {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) if fields.client_ca.is_none() && fields.client_auth.is_none() => {
                return None;
            }
            _ => {
                let message = "a certificate and its key must be given together".to_owned();
                self.mistake(node, "BS5107", message, "give cert_file and key_file");
                return None;
            }
        };
        let mut tls = ServerTls::new(cert, key);
        tls.client_ca = fields.client_ca;
        tls.client_auth = fields.client_auth.unwrap_or_default();
        tls.client_allowed_sans = fields.client_allowed_sans;
        (tls.min_version, tls.max_version) = (fields.min_version, fields.max_version);
        tls.cipher_suites = fields.cipher_suites;
        tls.curve_preferences = fields.curve_preferences;
        Some(tls)
    }

    fn tls_field(&mut self, key: &str, entry: &Entry, fields: &mut TlsFields) {
        let value = &entry.value;
        match key {
            "cert_file" => fields.cert = self.file(value, key),
            "key_file" => fields.key = self.file(value, key),
            "client_ca_file" => fields.client_ca = self.file(value, key),
            "cert" => fields.cert = self.inline(value, key),
            "key" => fields.key = self.inline(value, key),
            "client_ca" => fields.client_ca = self.inline(value, key),
            "client_auth_type" => {
                fields.client_auth = self.word(value, key, ClientAuth::parse);
            }
            "client_allowed_sans" => fields.client_allowed_sans = self.texts(value, key),
            "min_version" => fields.min_version = self.word(value, key, TlsVersion::parse),
            "max_version" => fields.max_version = self.word(value, key, TlsVersion::parse),
            "cipher_suites" => fields.cipher_suites = self.texts(value, key),
            "curve_preferences" => fields.curve_preferences = self.texts(value, key),
            // Clients choose among what is offered; the order has had no meaning since Go 1.17.
            "prefer_server_cipher_suites" => {
                self.flag(value, key);
            }
            _ => self.unknown(entry, key, "tls_server_config", &TLS_FIELDS),
        }
    }

    fn file(&mut self, node: &Node, what: &str) -> Option<Pem> {
        let text = self.text(node, what).filter(|text| !text.is_empty())?;
        let path = PathBuf::from(text);
        Some(Pem::File(if path.is_absolute() { path } else { self.folder.join(path) }))
    }

    fn inline(&mut self, node: &Node, what: &str) -> Option<Pem> {
        let text = self.text(node, what).filter(|text| !text.is_empty())?;
        Some(Pem::Inline(Secret::new(text)))
    }

    fn word<T>(&mut self, node: &Node, what: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(node, what)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            let message = format!("{text:?} is not a value of {what}");
            let help = match what {
                "client_auth_type" => {
                    "one of NoClientCert, RequestClientCert, RequireAnyClientCert, \
                     VerifyClientCertIfGiven, RequireAndVerifyClientCert"
                }
                _ => "one of TLS10, TLS11, TLS12, TLS13",
            };
            self.mistake(node, "BS5108", message, help);
        }
        parsed
    }
}

const TLS_FIELDS: [&str; 13] = [
    "cert_file",
    "key_file",
    "client_ca_file",
    "cert",
    "key",
    "client_ca",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "curve_preferences",
    "prefer_server_cipher_suites",
];

#[derive(Default)]
struct TlsFields {
    cert: Option<Pem>,
    key: Option<Pem>,
    client_ca: Option<Pem>,
    client_auth: Option<ClientAuth>,
    client_allowed_sans: Vec<String>,
    min_version: Option<TlsVersion>,
    max_version: Option<TlsVersion>,
    cipher_suites: Vec<String>,
    curve_preferences: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete() {
        let text = "
tls_server_config:
  cert_file: server.crt
  key_file: /etc/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: true
http_server_config:
  http2: false
  headers:
    x-frame-options: deny
basic_auth_users:
  ann: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze
";
        let config = parse(text, "web.yml", Path::new("/conf")).unwrap();
        let tls = config.tls.unwrap();
        assert_eq!(tls.cert, Pem::File("/conf/server.crt".into()));
        assert_eq!(tls.key, Pem::File("/etc/server.key".into()));
        assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
        assert!(!tls.http2);
        assert_eq!(config.headers[0].0, "x-frame-options");
        assert_eq!(config.users.len(), 1);
        assert!(parse("", "web.yml", Path::new("")).unwrap().tls.is_none());
    }

    #[test]
    fn every_mistake_at_once() {
        let text = "
tls_server_config:
  cert_file: a
  min_version: TLS9
http_server_config: {headers: {X-Other: 1}, http2: maybe}
basic_auth_users: {ann: plain}
other: 1
";
        let mistakes = parse(text, "web.yml", Path::new("")).unwrap_err();
        insta::assert_snapshot!(bongsu_model::render_diagnostics(&mistakes));
    }
}
