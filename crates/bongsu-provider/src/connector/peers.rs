//! Requests of calls that are no HTTP and no mail: databases, Redis, other machines, programs here.
//!
//! In: a request as plain data. Out: the answer in the form manifests see.

use std::sync::Arc;

use bongsu_model::Secret;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use crate::call::{
    Answer, CallError, CallErrorKind, ProcessRequest, RedisRequest, Settings, SqlRequest,
    SshRequest,
};
use crate::command::CommandAnswer;
use crate::egress::EgressPolicy;
use crate::manifest::operation::text_of;
use crate::process::{self, ProcessSettings};
use crate::redis::{self, RedisSettings};
use crate::sql::{self, Access, ServerSettings, SqlAnswer, SqlSettings};
use crate::ssh::{self, KnownHost, SshSettings};
use crate::tls::{ClientTls, ClientTlsSource, Pem};

fn wrong(what: impl Into<String>) -> CallError {
    CallError::new(CallErrorKind::Settings, what)
}

/// A setting as text, if it is set.
fn setting(settings: &Settings, name: &str) -> Option<String> {
    settings.get(name).map(text_of).filter(|text| !text.is_empty())
}

fn secret(settings: &Settings, name: &str) -> Option<Secret> {
    setting(settings, name).map(Secret::new)
}

fn host(settings: &Settings) -> Result<String, CallError> {
    setting(settings, "host").ok_or_else(|| wrong("the host is not set"))
}

fn number<T: std::str::FromStr>(settings: &Settings, name: &str, usual: T) -> Result<T, CallError> {
    match setting(settings, name) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| wrong(format!("{name}: {text:?} is not one"))),
    }
}

/// TLS as `tls` says: `disable`, `require` (any certificate, as databases mean it), `verify`.
fn tls(settings: &Settings, usual: bool) -> Result<Option<Arc<ClientTlsSource>>, CallError> {
    let said = setting(settings, "tls").unwrap_or_default().to_lowercase();
    let (on, verified) = match said.as_str() {
        "" => (usual, true),
        "disable" | "false" | "no" | "off" | "none" => (false, true),
        "require" | "insecure" => (true, false),
        "true" | "yes" | "on" | "verify" | "verify-ca" | "verify-full" => (true, true),
        other => {
            return Err(wrong(format!("tls: {other:?} is none of disable, require, verify-full")));
        }
    };
    let ca = secret(settings, "tls_ca").map(Pem::Inline);
    let tls = ClientTls { ca, insecure_skip_verify: !verified, ..ClientTls::default() };
    Ok(on.then(|| Arc::new(ClientTlsSource::new(tls, &[]))))
}

pub(super) async fn sql(
    request: SqlRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let settings = &request.connect;
    let server = |port: u16| -> Result<ServerSettings, CallError> {
        Ok(ServerSettings {
            host: host(settings)?,
            port: number(settings, "port", port)?,
            username: setting(settings, "username").unwrap_or_default(),
            password: secret(settings, "password"),
            database: setting(settings, "database").unwrap_or_default(),
            tls: tls(settings, false)?,
        })
    };
    let place = match setting(settings, "dialect").unwrap_or_default().as_str() {
        "postgresql" | "postgres" => SqlSettings::Postgres(server(5432)?),
        "mysql" | "mariadb" => SqlSettings::Mysql(server(3306)?),
        "sqlite" => {
            let path = setting(settings, "path").ok_or_else(|| wrong("the path is not set"))?;
            SqlSettings::Sqlite(path.into())
        }
        other => return Err(wrong(format!("{other:?} is no kind of database"))),
    };
    let access = if request.read_only { Access::Read } else { Access::Write };
    let asked =
        sql::SqlRequest { statement: request.statement, parameters: request.parameters, access };
    Ok(Answer::of(match sql::run(&place, &asked, policy, deadline).await? {
        SqlAnswer::Rows { columns, rows, truncated } => {
            json!({"columns": columns, "rows": rows, "truncated": truncated})
        }
        SqlAnswer::Affected(affected) => json!({"affected": affected}),
    }))
}

pub(super) async fn redis(
    request: RedisRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let place = match setting(&request.connect, "url") {
        Some(url) => redis_url(&url, &request.connect)?,
        None => RedisSettings {
            host: host(&request.connect)?,
            port: number(&request.connect, "port", 6379)?,
            username: setting(&request.connect, "username"),
            password: secret(&request.connect, "password"),
            database: number(&request.connect, "database", 0)?,
            tls: tls(&request.connect, false)?,
        },
    };
    let command = redis::RedisRequest { command: request.command };
    Ok(Answer::of(redis::run(&place, &command, policy, deadline).await?))
}

/// `redis://user:password@host:port/database`; `rediss` is with TLS.
fn redis_url(text: &str, settings: &Settings) -> Result<RedisSettings, CallError> {
    let bad = |what: &str| wrong(format!("url: {what}"));
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    let secure = match url.scheme() {
        "redis" => false,
        "rediss" => true,
        _ => return Err(bad("it begins with neither redis:// nor rediss://")),
    };
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = url.path().trim_matches('/');
    let database = if path.is_empty() { Some(0) } else { path.parse().ok() };
    Ok(RedisSettings {
        host: url.host_str().ok_or_else(|| bad("it has no host"))?.to_owned(),
        port: url.port().unwrap_or(6379),
        username: Some(decoded(url.username())).filter(|user| !user.is_empty()),
        password: url.password().map(|text| Secret::new(decoded(text))),
        database: database.ok_or_else(|| bad("the database is no number"))?,
        tls: tls(settings, secure)?,
    })
}

pub(super) async fn ssh(
    request: SshRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let settings = &request.connect;
    let known_host = match setting(settings, "known_host") {
        None => KnownHost::Unknown,
        Some(text) if text == "accept_any" => KnownHost::AcceptAny,
        Some(text) => KnownHost::Pinned(text),
    };
    let place = SshSettings {
        host: host(settings)?,
        port: number(settings, "port", 22)?,
        username: setting(settings, "username").ok_or_else(|| wrong("the user is not set"))?,
        password: secret(settings, "password"),
        key: secret(settings, "key"),
        passphrase: secret(settings, "passphrase"),
        known_host,
    };
    let stdin = request.stdin.unwrap_or_default().into_bytes();
    let command = ssh::SshRequest { command: request.command, stdin };
    Ok(output(&ssh::run(&place, &command, policy, deadline).await?))
}

pub(super) async fn process(
    request: ProcessRequest,
    settings: &ProcessSettings,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let deadline = request.timeout.map_or(deadline, |most| deadline.min(Instant::now() + most));
    let environment = request.environment.into_iter();
    let program = process::ProcessRequest {
        program: request.program,
        arguments: request.arguments,
        environment: environment.map(|(name, value)| (name, Secret::new(value))).collect(),
        stdin: request.stdin.unwrap_or_default().into_bytes(),
    };
    Ok(output(&process::run(settings, &program, deadline).await?))
}

fn output(answer: &CommandAnswer) -> Answer {
    let mut body = json!({
        "stdout": answer.stdout,
        "stderr": answer.stderr,
        "return_code": answer.return_code,
        "success": answer.return_code == 0,
    });
    if answer.stdout_truncated || answer.stderr_truncated {
        body["truncated"] = Value::Bool(true);
    }
    Answer::of(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    #[test]
    fn redis_urls() {
        let read = |text: &str| {
            redis_url(text, &settings(&[])).map(|s| {
                let password = s.password.map(|p| p.expose().to_owned());
                (s.host, s.port, s.username, password, s.database, s.tls.is_some())
            })
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("redis://kim:a%40b@cache:7000/3").unwrap(),
            ("cache".to_owned(), 7000, text("kim"), text("a@b"), 3, false)
        );
        assert_eq!(
            read("rediss://cache").unwrap(),
            ("cache".to_owned(), 6379, None, None, 0, true)
        );
        for bad in ["http://cache", "redis://cache/x", "cache"] {
            assert_eq!(read(bad).unwrap_err().kind, CallErrorKind::Settings, "{bad}");
        }
    }

    #[test]
    fn words_for_tls() {
        for (word, on, unverified) in [
            ("", false, false),
            ("disable", false, false),
            ("require", true, true),
            ("verify-full", true, false),
            ("True", true, false),
        ] {
            let source = tls(&settings(&[("tls", word)]), false).unwrap();
            assert_eq!(source.is_some(), on, "{word}");
            let skips = source.is_some_and(|s| s.settings().insecure_skip_verify);
            assert_eq!(skips, unverified, "{word}");
        }
        assert!(tls(&settings(&[("tls", "maybe")]), false).is_err());
    }
}
