//! From the blocks of `alertmanager.yml` to the settings of this crate.
//!
//! In: `http_config` and `tls_config` as loaded. Out: [`HttpSettings`] and [`ClientTls`].

use std::collections::BTreeMap;

use bongsu_config::alertmanager as am;
use bongsu_model::Secret;

use crate::error::{TransportError, TransportErrorKind};
use crate::http::{
    Authorization, Grant, HttpSettings, OAuth2, ProxySettings, SecretSource, SignatureAlgorithm,
};
use crate::tls::{ClientTls, Pem, TlsVersion};

/// The grant that is a signed assertion.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The settings an `http_config` block stands for.
///
/// # Errors
/// When a `*_ref` key is used: it names an entry of a secret manager, and there is none, as in
/// Alertmanager. Such a configuration loads; its requests fail.
pub fn http_settings(config: &am::HttpConfig) -> Result<HttpSettings, TransportError> {
    let mut headers = Vec::new();
    for (name, header) in config.http_headers.iter().flat_map(|headers| &headers.0) {
        let plain = header.values.iter().map(|v| SecretSource::Inline(Secret::new(v.as_str())));
        let secret = header.secrets.iter().map(|v| SecretSource::Inline(v.clone()));
        let files = header.files.iter().map(|path| SecretSource::File(path.into()));
        headers.extend(plain.chain(secret).chain(files).map(|value| (name.clone(), value)));
    }
    Ok(HttpSettings {
        authorization: authorization(config)?,
        tls: tls_settings(&config.tls_config)?,
        proxy: proxy(
            config.proxy_url.as_ref(),
            &config.no_proxy,
            config.proxy_from_environment,
            &config.proxy_connect_header,
        ),
        follow_redirects: config.follow_redirects,
        http2: config.enable_http2,
        http2_only: false,
        headers,
    })
}

/// The settings a `tls_config` block stands for.
///
/// # Errors
/// When a `*_ref` key is used, see [`http_settings`].
pub fn tls_settings(config: &am::TlsConfig) -> Result<ClientTls, TransportError> {
    refuse_references(&[
        ("ca_ref", &config.ca_ref),
        ("cert_ref", &config.cert_ref),
        ("key_ref", &config.key_ref),
    ])?;
    let version =
        |version: Option<am::TlsVersion>| version.and_then(|v| TlsVersion::parse(v.as_str()));
    Ok(ClientTls {
        ca: pem(&config.ca, &config.ca_file),
        cert: pem(&config.cert, &config.cert_file),
        key: pem(config.key.expose(), &config.key_file),
        server_name: Some(config.server_name.clone()).filter(|name| !name.is_empty()),
        insecure_skip_verify: config.insecure_skip_verify,
        min_version: version(config.min_version),
        max_version: version(config.max_version),
    })
}

fn pem(text: &str, file: &str) -> Option<Pem> {
    if !text.is_empty() {
        return Some(Pem::Inline(Secret::new(text)));
    }
    (!file.is_empty()).then(|| Pem::File(file.into()))
}

/// A secret written down or in a file; unset is an empty one.
fn source(text: &Secret, file: &str) -> SecretSource {
    if file.is_empty() {
        SecretSource::Inline(text.clone())
    } else {
        SecretSource::File(file.into())
    }
}

fn refuse_references(references: &[(&str, &str)]) -> Result<(), TransportError> {
    match references.iter().find(|(_, value)| !value.is_empty()) {
        None => Ok(()),
        Some((key, _)) => Err(TransportError::new(
            TransportErrorKind::Credentials,
            format!("{key} cannot be used: no secret manager is configured"),
        )),
    }
}

fn authorization(config: &am::HttpConfig) -> Result<Authorization, TransportError> {
    if let Some(basic) = &config.basic_auth {
        refuse_references(&[
            ("username_ref", &basic.username_ref),
            ("password_ref", &basic.password_ref),
        ])?;
        return Ok(Authorization::Basic {
            username: source(&Secret::new(basic.username.as_str()), &basic.username_file),
            password: Some(source(&basic.password, &basic.password_file)),
        });
    }
    if let Some(given) = &config.authorization {
        refuse_references(&[("credentials_ref", &given.credentials_ref)])?;
        return Ok(Authorization::Credentials {
            scheme: given.r#type.clone(),
            credentials: source(&given.credentials, &given.credentials_file),
        });
    }
    if let Some(oauth2) = &config.oauth2 {
        return Ok(Authorization::OAuth2(Box::new(oauth2_settings(oauth2)?)));
    }
    // Blocks built by hand may still hold the old form.
    if !config.bearer_token.is_empty() || !config.bearer_token_file.is_empty() {
        return Ok(Authorization::Credentials {
            scheme: "Bearer".to_owned(),
            credentials: source(&config.bearer_token, &config.bearer_token_file),
        });
    }
    Ok(Authorization::None)
}

fn oauth2_settings(config: &am::OAuth2) -> Result<OAuth2, TransportError> {
    refuse_references(&[
        ("client_secret_ref", &config.client_secret_ref),
        ("client_certificate_key_ref", &config.client_certificate_key_ref),
    ])?;
    let grant = if config.grant_type == JWT_BEARER {
        let claims: serde_json::Map<_, _> =
            config.claims.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        Grant::JwtBearer {
            key: source(&config.client_certificate_key, &config.client_certificate_key_file),
            key_id: config.client_certificate_key_id.clone(),
            algorithm: SignatureAlgorithm::parse(&config.signature_algorithm).unwrap_or_default(),
            issuer: config.iss.clone(),
            audience: config.audience.clone(),
            claims: serde_json::Value::from(claims).to_string(),
        }
    } else {
        let secret = source(&config.client_secret, &config.client_secret_file);
        Grant::ClientCredentials { secret }
    };
    Ok(OAuth2 {
        client_id: config.client_id.clone(),
        grant,
        scopes: config.scopes.clone(),
        token_url: config.token_url.clone(),
        endpoint_params: config.endpoint_params.clone().into_iter().collect(),
        tls: tls_settings(&config.tls_config)?,
        proxy: proxy(
            config.proxy_url.as_ref(),
            &config.no_proxy,
            config.proxy_from_environment,
            &config.proxy_connect_header,
        ),
    })
}

fn proxy(
    url: Option<&am::ProxyUrl>,
    no_proxy: &str,
    from_environment: bool,
    connect_headers: &BTreeMap<String, Vec<Secret>>,
) -> ProxySettings {
    let fields = connect_headers.iter();
    ProxySettings {
        url: url.map(|url| Secret::new(url.expose())),
        no_proxy: no_proxy.to_owned(),
        from_environment,
        connect_headers: fields
            .flat_map(|(name, values)| values.iter().map(|v| (name.clone(), v.clone())))
            .collect(),
    }
}
