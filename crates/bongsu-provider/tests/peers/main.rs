//! Transports against real peers: Debian's PostgreSQL, MariaDB, Redis and OpenSSH.
//!
//! Ignored unless asked for (`cargo xtask peers` installs the programs and runs them). Each peer
//! runs on a free port of the loopback address with a folder of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

mod mariadb;
mod postgres;
mod redis;
mod ssh;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::TransportError;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::sql::{
    Access, ServerSettings, SqlAnswer, SqlRequest, SqlSettings, run as run_sql,
};
use bongsu_provider::tls::{ClientTls, ClientTlsSource, Pem};
use bongsu_testkit::tls::Authority;
use serde_json::Value;
use tokio::time::Instant;

/// How long a peer may take to start.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A peer that ends with its test.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a program to its successful end.
fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// A certificate for the loopback address as files `cert.pem` and `key.pem`, and settings that
/// trust it.
fn certificate(folder: &Path) -> Arc<ClientTlsSource> {
    let authority = Authority::new();
    let identity = authority.server(&["127.0.0.1"]);
    std::fs::write(folder.join("cert.pem"), identity.cert).unwrap();
    std::fs::write(folder.join("key.pem"), identity.key).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    done(Command::new("chmod").arg("600").arg(folder.join("key.pem")));
    let ca = Some(Pem::Inline(Secret::new(authority.pem())));
    Arc::new(ClientTlsSource::new(ClientTls { ca, ..ClientTls::default() }, &[]))
}

/// Tries until a peer answers.
async fn ready<T>(mut attempt: impl AsyncFnMut() -> Result<T, TransportError>) -> T {
    let until = Instant::now() + READY_WITHIN;
    loop {
        match attempt().await {
            Ok(answer) => return answer,
            Err(error) if Instant::now() > until => panic!("not ready: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn server(port: u16, password: &str, database: &str) -> ServerSettings {
    ServerSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: "bongsu".to_owned(),
        password: Some(Secret::new(password)),
        database: database.to_owned(),
        tls: None,
    }
}

async fn sql_within(
    settings: &SqlSettings,
    access: Access,
    statement: &str,
    parameters: &[Value],
    left: Duration,
) -> Result<SqlAnswer, TransportError> {
    let request =
        SqlRequest { statement: statement.to_owned(), parameters: parameters.to_vec(), access };
    run_sql(settings, &request, &EgressPolicy::open(), Instant::now() + left).await
}

async fn sql(
    settings: &SqlSettings,
    access: Access,
    statement: &str,
    parameters: &[Value],
) -> Result<SqlAnswer, TransportError> {
    sql_within(settings, access, statement, parameters, Duration::from_secs(60)).await
}

/// The one row of an answer.
fn row(answer: SqlAnswer) -> Vec<Value> {
    let SqlAnswer::Rows { mut rows, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}
