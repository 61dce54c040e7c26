//! `http_config` and `tls_config` as the transports take them.
//!
//! In: settings of a configuration file. Out: [`HttpSettings`]; nothing is read or checked here.

use bongsu_config::alertmanager as config;
use bongsu_lang::yaml::Value;
use bongsu_model::Secret;
use bongsu_provider::http::{
    Authorization, Grant, HttpSettings, OAuth2, ProxySettings, SecretSource, SignatureAlgorithm,
};
use bongsu_provider::tls::{ClientTls, Pem, TlsVersion};

/// Client settings of one integration.
pub(super) fn http(config: &config::HttpConfig) -> HttpSettings {
    let headers = config.http_headers.iter().flat_map(|headers| &headers.0);
    let proxy = Proxy {
        url: config.proxy_url.as_ref(),
        no_proxy: &config.no_proxy,
        from_environment: config.proxy_from_environment,
        headers: &config.proxy_connect_header,
    };
    HttpSettings {
        authorization: authorization(config),
        tls: tls(&config.tls_config),
        proxy: proxy.settings(),
        follow_redirects: config.follow_redirects,
        http2: config.enable_http2,
        headers: headers
            .flat_map(|(name, header)| {
                let plain =
                    header.values.iter().map(|v| SecretSource::Inline(Secret::new(v.as_str())));
                let masked = header.secrets.iter().map(|v| SecretSource::Inline(v.clone()));
                let files = header.files.iter().map(|v| SecretSource::File(v.into()));
                plain.chain(masked).chain(files).map(move |value| (name.clone(), value))
            })
            .collect(),
    }
}

fn authorization(config: &config::HttpConfig) -> Authorization {
    if let Some(basic) = &config.basic_auth {
        let username = Secret::new(basic.username.as_str());
        return Authorization::Basic {
            username: source(&username, &basic.username_file),
            password: Some(source(&basic.password, &basic.password_file)),
        };
    }
    if let Some(fixed) = &config.authorization {
        return Authorization::Credentials {
            scheme: fixed.r#type.clone(),
            credentials: source(&fixed.credentials, &fixed.credentials_file),
        };
    }
    match &config.oauth2 {
        Some(flow) => Authorization::OAuth2(Box::new(oauth2(flow))),
        None => Authorization::None,
    }
}

fn oauth2(config: &config::OAuth2) -> OAuth2 {
    let grant = if config.grant_type.ends_with("jwt-bearer") {
        let claims: serde_json::Map<String, serde_json::Value> = config
            .claims
            .iter()
            .map(|(name, value)| (name.clone(), Value::to_json(value)))
            .collect();
        Grant::JwtBearer {
            key: source(&config.client_certificate_key, &config.client_certificate_key_file),
            key_id: config.client_certificate_key_id.clone(),
            algorithm: SignatureAlgorithm::parse(&config.signature_algorithm).unwrap_or_default(),
            issuer: config.iss.clone(),
            audience: config.audience.clone(),
            claims: serde_json::Value::Object(claims).to_string(),
        }
    } else {
        Grant::ClientCredentials {
            secret: source(&config.client_secret, &config.client_secret_file),
        }
    };
    let proxy = Proxy {
        url: config.proxy_url.as_ref(),
        no_proxy: &config.no_proxy,
        from_environment: config.proxy_from_environment,
        headers: &config.proxy_connect_header,
    };
    OAuth2 {
        client_id: config.client_id.clone(),
        grant,
        scopes: config.scopes.clone(),
        token_url: config.token_url.clone(),
        endpoint_params: config.endpoint_params.clone().into_iter().collect(),
        tls: tls(&config.tls_config),
        proxy: proxy.settings(),
    }
}

/// The four proxy keys, wherever they stand.
struct Proxy<'a> {
    url: Option<&'a config::ProxyUrl>,
    no_proxy: &'a str,
    from_environment: bool,
    headers: &'a std::collections::BTreeMap<String, Vec<Secret>>,
}

impl Proxy<'_> {
    fn settings(&self) -> ProxySettings {
        let values = |(name, values): (&String, &Vec<Secret>)| {
            values.iter().map(|value| (name.clone(), value.clone())).collect::<Vec<_>>()
        };
        ProxySettings {
            url: self.url.map(|url| url.0.clone()),
            no_proxy: self.no_proxy.to_owned(),
            from_environment: self.from_environment,
            connect_headers: self.headers.iter().flat_map(values).collect(),
        }
    }
}

/// TLS towards a server.
pub(super) fn tls(config: &config::TlsConfig) -> ClientTls {
    let version = |version: config::TlsVersion| match version {
        config::TlsVersion::Tls10 => TlsVersion::Tls10,
        config::TlsVersion::Tls11 => TlsVersion::Tls11,
        config::TlsVersion::Tls12 => TlsVersion::Tls12,
        config::TlsVersion::Tls13 => TlsVersion::Tls13,
    };
    ClientTls {
        ca: pem(&Secret::new(config.ca.as_str()), &config.ca_file),
        cert: pem(&Secret::new(config.cert.as_str()), &config.cert_file),
        key: pem(&config.key, &config.key_file),
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        insecure_skip_verify: config.insecure_skip_verify,
        min_version: config.min_version.map(version),
        max_version: config.max_version.map(version),
    }
}

fn pem(text: &Secret, file: &str) -> Option<Pem> {
    match (text.is_empty(), file.is_empty()) {
        (false, _) => Some(Pem::Inline(text.clone())),
        (true, false) => Some(Pem::File(file.into())),
        (true, true) => None,
    }
}

fn source(value: &Secret, file: &str) -> SecretSource {
    if value.is_empty() && !file.is_empty() {
        SecretSource::File(file.into())
    } else {
        SecretSource::Inline(value.clone())
    }
}
