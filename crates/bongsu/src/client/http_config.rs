//! `--http.config.file`: how to speak to a server behind TLS, a proxy or authentication.
//!
//! In: YAML in the form Prometheus uses for HTTP clients. Out: headers and a `reqwest` client.

use std::path::{Path, PathBuf};

use bongsu_lang::yaml::{self, Value};
use bongsu_model::Secret;
use bongsu_provider::tls::{ClientTls, ClientTlsSource, Pem, TlsVersion};

/// Settings of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpConfig {
    /// Value of the `Authorization` header.
    pub(crate) authorization: Option<Secret>,
    /// Further headers.
    pub(crate) headers: Vec<(String, String)>,
    tls: ClientTls,
    proxy: Option<String>,
    direct: bool,
    keep_redirects: bool,
}

impl HttpConfig {
    /// Bearer authentication with the token in a file.
    pub(crate) fn with_token_file(path: &Path) -> Result<Self, String> {
        let token = read(path)?;
        Ok(Self { authorization: Some(bearer("Bearer", token.trim())), ..Self::default() })
    }

    /// Reads the file; paths in it are relative to it.
    pub(crate) fn load(path: &str) -> Result<Self, String> {
        let text = read(Path::new(path))?;
        let value =
            yaml::parse_value(&text, &yaml::Limits::default()).map_err(|e| e.to_string())?;
        let directory = Path::new(path).parent().unwrap_or(Path::new(""));
        Self::from_yaml(&value, directory)
    }

    fn from_yaml(value: &Value, directory: &Path) -> Result<Self, String> {
        const KNOWN: &[&str] = &[
            "basic_auth",
            "authorization",
            "bearer_token",
            "bearer_token_file",
            "tls_config",
            "proxy_url",
            "proxy_from_environment",
            "follow_redirects",
            "enable_http2",
            "http_headers",
        ];
        let pairs = match value {
            Value::Null => &[][..],
            Value::Map(pairs) => pairs,
            _ => return Err("expected a map of HTTP client settings".into()),
        };
        for (key, _) in pairs {
            let key = key.as_str().unwrap_or_default();
            if !KNOWN.contains(&key) {
                return Err(format!("field {key} is not supported in an HTTP client file"));
            }
        }
        Ok(Self {
            authorization: authorization(value, directory)?,
            headers: headers(value),
            tls: tls(value, directory)?,
            proxy: text(value, "proxy_url"),
            direct: matches!(value.get("proxy_from_environment"), Some(Value::Bool(false))),
            keep_redirects: matches!(value.get("follow_redirects"), Some(Value::Bool(false))),
        })
    }

    /// A client with these settings. Without `https` no certificates are loaded, which keeps
    /// local commands quick.
    pub(super) fn client(&self, https: bool) -> Result<reqwest::Client, String> {
        let tls = if https { self.rustls()? } else { plain_tls()? };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|e| e.to_string())?);
        } else if self.direct {
            builder = builder.no_proxy();
        }
        if self.keep_redirects {
            builder = builder.redirect(reqwest::redirect::Policy::none());
        }
        builder.build().map_err(|e| e.to_string())
    }

    fn rustls(&self) -> Result<rustls::ClientConfig, String> {
        let source = ClientTlsSource::new(self.tls.clone(), &[b"h2", b"http/1.1"]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let config = runtime.block_on(source.current()).map_err(|e| e.to_string())?;
        Ok(rustls::ClientConfig::clone(&config))
    }
}

fn plain_tls() -> Result<rustls::ClientConfig, String> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

fn authorization(value: &Value, directory: &Path) -> Result<Option<Secret>, String> {
    let mut found = Vec::new();
    if let Some(basic) = value.get("basic_auth") {
        let user = secret(basic, "username", directory)?.unwrap_or_default();
        let password = secret(basic, "password", directory)?.unwrap_or_default();
        use base64::Engine;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        found.push(bearer("Basic", &pair));
    }
    if let Some(custom) = value.get("authorization") {
        let kind = text(custom, "type").unwrap_or_else(|| "Bearer".into());
        let credentials = secret(custom, "credentials", directory)?.unwrap_or_default();
        found.push(bearer(&kind, &credentials));
    }
    if let Some(token) = secret(value, "bearer_token", directory)? {
        found.push(bearer("Bearer", &token));
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err("at most one of basic_auth, authorization and bearer_token may be set".into()),
    }
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let Some(Value::Map(pairs)) = value.get("http_headers") else { return Vec::new() };
    let mut out = Vec::new();
    for (name, settings) in pairs {
        for list in ["values", "secrets"] {
            let Some(Value::List(values)) = settings.get(list) else { continue };
            let values = values.iter().filter_map(Value::as_str);
            out.extend(
                values.map(|v| (name.as_str().unwrap_or_default().to_owned(), v.to_owned())),
            );
        }
    }
    out
}

fn tls(value: &Value, directory: &Path) -> Result<ClientTls, String> {
    let Some(settings) = value.get("tls_config") else { return Ok(ClientTls::default()) };
    let pem = |name: &str| {
        let file = text(settings, &format!("{name}_file")).map(|p| Pem::File(join(directory, &p)));
        file.or_else(|| text(settings, name).map(|t| Pem::Inline(Secret::new(t))))
    };
    let version = |name: &str| match text(settings, name) {
        None => Ok(None),
        Some(word) => {
            let version = TlsVersion::parse(&word);
            version.map(Some).ok_or_else(|| format!("unknown TLS version: {word}"))
        }
    };
    Ok(ClientTls {
        ca: pem("ca"),
        cert: pem("cert"),
        key: pem("key"),
        server_name: text(settings, "server_name"),
        insecure_skip_verify: matches!(
            settings.get("insecure_skip_verify"),
            Some(Value::Bool(true))
        ),
        min_version: version("min_version")?,
        max_version: version("max_version")?,
    })
}

fn bearer(kind: &str, credentials: &str) -> Secret {
    Secret::new(format!("{kind} {credentials}"))
}

/// The value of `name`, or the content of the file named by `name_file`.
fn secret(value: &Value, name: &str, directory: &Path) -> Result<Option<String>, String> {
    if let Some(inline) = text(value, name) {
        return Ok(Some(inline));
    }
    match text(value, &format!("{name}_file")) {
        Some(path) => Ok(Some(read(&join(directory, &path))?.trim().to_owned())),
        None => Ok(None),
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

fn join(directory: &Path, path: &str) -> PathBuf {
    directory.join(path)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("open {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HttpConfig, String> {
        let value = yaml::parse_value(text, &yaml::Limits::default()).map_err(|e| e.to_string())?;
        HttpConfig::from_yaml(&value, Path::new("/etc/amtool"))
    }

    #[test]
    fn authentication_forms() {
        for (text, want) in [
            ("basic_auth: {username: u, password: p}", "Basic dTpw"),
            ("authorization: {credentials: abc}", "Bearer abc"),
            ("authorization: {type: Token, credentials: abc}", "Token abc"),
            ("bearer_token: t", "Bearer t"),
        ] {
            let config = parse(text).unwrap();
            assert_eq!(config.authorization.unwrap().expose(), want, "{text}");
        }
        assert!(parse("").unwrap().authorization.is_none());
        assert!(parse("bearer_token: a\nbasic_auth: {username: b}").is_err());
        assert_eq!(
            parse("nope: 1").unwrap_err(),
            "field nope is not supported in an HTTP client file"
        );
    }

    #[test]
    fn tls_paths_are_relative_to_the_file() {
        let config = parse("tls_config: {ca_file: ca.pem, insecure_skip_verify: true}").unwrap();
        assert!(config.tls.insecure_skip_verify);
        assert_eq!(config.tls.ca, Some(Pem::File("/etc/amtool/ca.pem".into())));
    }
}
