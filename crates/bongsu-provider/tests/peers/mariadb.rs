//! MariaDB.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bongsu_provider::TransportErrorKind;
use bongsu_provider::sql::{Access, MAX_ROWS, ServerSettings, SqlAnswer, SqlSettings};
use serde_json::json;

use crate::{Peer, certificate, done, free_port, is_root, ready, row, server, sql, sql_within};

fn start(folder: &Path, port: u16) -> Peer {
    let data = format!("--datadir={}", folder.join("data").display());
    let user = is_root().then_some("--user=root");
    done(
        Command::new("mariadb-install-db")
            .args(["--no-defaults", &data, "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db"])
            .args(user),
    );
    let setup = folder.join("setup.sql");
    let lines = "CREATE DATABASE shop;\n\
                 CREATE USER bongsu@'%' IDENTIFIED BY 's3cret';\n\
                 GRANT ALL ON shop.* TO bongsu@'%';\n\
                 CREATE USER secure@'%' IDENTIFIED BY 's3cret' REQUIRE SSL;\n";
    std::fs::write(&setup, lines).unwrap();
    let file = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    Peer::start(
        Command::new("/usr/sbin/mariadbd")
            .args(["--no-defaults", &data, "--bind-address=127.0.0.1"])
            .arg(format!("--port={port}"))
            .args([file("socket", "s"), file("init-file", "setup.sql"), file("log-error", "log")])
            .args([file("ssl-cert", "cert.pem"), file("ssl-key", "key.pem")])
            .args([file("ssl-ca", "ca.pem"), file("pid-file", "pid")])
            .args(user),
    )
}

#[tokio::test]
#[ignore = "needs mariadb-server: run cargo xtask peers"]
async fn mariadb_answers() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    let port = free_port();
    let _peer = start(folder.path(), port);
    let plain = SqlSettings::Mysql(server(port, "s3cret", "shop"));
    ready(|| sql(&plain, Access::Read, "SELECT 1", &[])).await;

    let question = "SHOW STATUS LIKE 'Ssl_version'";
    let secure = ServerSettings { username: "secure".into(), ..server(port, "s3cret", "") };
    let refused = SqlSettings::Mysql(secure.clone());
    let error = sql(&refused, Access::Read, question, &[]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials, "{error}");
    let secure = SqlSettings::Mysql(ServerSettings { tls: Some(tls), ..secure });
    let version = row(sql(&secure, Access::Read, question, &[]).await.unwrap());
    assert_eq!(version, [json!("Ssl_version"), json!("TLSv1.3")]);

    types(&plain).await;
    changes(&plain).await;
    limits(&plain).await;
    refusals(&plain, port).await;
}

async fn types(settings: &SqlSettings) {
    for (expression, expected) in [
        ("NULL", json!(null)),
        ("CAST(-7 AS SIGNED)", json!(-7)),
        ("CAST(18446744073709551615 AS UNSIGNED)", json!(u64::MAX)),
        ("1.5e0", json!(1.5)),
        ("CAST(12.50 AS DECIMAL(6,2))", json!(12.5)),
        ("12345678901234567890.123456789", json!("12345678901234567890.123456789")),
        ("CAST('2026-11-28 18:00:00.25' AS DATETIME(2))", json!("2026-11-28T18:00:00.25")),
        ("CAST('2026-11-28' AS DATE)", json!("2026-11-28")),
        ("CAST('-26:03:04' AS TIME)", json!("-26:03:04")),
        ("CAST('ab' AS BINARY)", json!("YWI=")),
        ("'한글 🐟'", json!("한글 🐟")),
        ("@@session.time_zone", json!("+00:00")),
    ] {
        let answer = sql(settings, Access::Read, &format!("SELECT {expression}"), &[]).await;
        assert_eq!(row(answer.expect(expression)), [expected], "{expression}");
    }
    let long = "é".repeat(70_000);
    let given = [
        json!("x'; DROP TABLE hosts; --"),
        json!(7),
        json!(u64::MAX),
        json!(0.5),
        json!(null),
        json!(true),
        json!([1]),
        json!(long),
    ];
    let statement = "SELECT ?, CAST(? AS SIGNED) + 1, ?, ?, ?, ?, ?, CHAR_LENGTH(?)";
    let answer = sql(settings, Access::Read, statement, &given).await.unwrap();
    assert_eq!(
        row(answer),
        [
            json!("x'; DROP TABLE hosts; --"),
            json!(8),
            json!(u64::MAX),
            json!(0.5),
            json!(null),
            json!(1),
            json!("[1]"),
            json!(70_000),
        ]
    );
}

async fn changes(settings: &SqlSettings) {
    let write = async |text: &str| sql(settings, Access::Write, text, &[]).await.unwrap();
    let table = "CREATE TABLE hosts (name VARCHAR(20), cores INT, raw BLOB, seen TIMESTAMP NULL)";
    assert_eq!(write(table).await, SqlAnswer::Affected(0));
    let insert = "INSERT INTO hosts VALUES ('a', 1, x'00ff', '2026-11-28 09:00:00'), \
                  ('b', NULL, NULL, NULL)";
    assert_eq!(write(insert).await, SqlAnswer::Affected(2));
    let all = sql(settings, Access::Read, "SELECT * FROM hosts ORDER BY name", &[]).await.unwrap();
    assert_eq!(
        all,
        SqlAnswer::Rows {
            columns: ["name", "cores", "raw", "seen"].map(str::to_owned).to_vec(),
            rows: vec![
                vec![json!("a"), json!(1), json!("AP8="), json!("2026-11-28T09:00:00Z")],
                vec![json!("b"), json!(null), json!(null), json!(null)],
            ],
            truncated: false,
        }
    );
    write("CREATE PROCEDURE names() SELECT name FROM hosts ORDER BY name").await;
    let SqlAnswer::Rows { rows, .. } = write("CALL names()").await else { panic!("rows") };
    assert_eq!(rows, [[json!("a")], [json!("b")]]);
    let many = "SELECT seq FROM seq_1_to_20000";
    let SqlAnswer::Rows { rows, truncated, .. } = write(many).await else { panic!("rows") };
    assert_eq!((rows.len(), truncated), (MAX_ROWS, true));
    // A row of the largest packets is put together.
    let large = "SELECT LENGTH(REPEAT('x', 9000000)), REPEAT('x', 9000000), REPEAT('y', 9000000)";
    let SqlAnswer::Rows { rows, truncated, .. } = write(large).await else { panic!("rows") };
    assert_eq!((rows.len(), truncated), (0, true));
}

async fn limits(settings: &SqlSettings) {
    let left = Duration::from_millis(500);
    let slow = sql_within(settings, Access::Read, "SELECT SLEEP(1000)", &[], left).await;
    // The server stops the sleep, which then says 1.
    match slow {
        Ok(answer) => assert_eq!(row(answer), [json!(1)]),
        Err(error) => {
            let expected = [TransportErrorKind::Timeout, TransportErrorKind::Refused];
            assert!(expected.contains(&error.kind), "{error}");
        }
    }
}

async fn refusals(settings: &SqlSettings, port: u16) {
    for (statement, parameters, kind, expected) in [
        ("SELECT nothing", vec![], TransportErrorKind::Refused, "Unknown column 'nothing'"),
        ("SELECT 1; SELECT 2", vec![], TransportErrorKind::Refused, "error in your SQL syntax"),
        ("DELETE FROM hosts", vec![], TransportErrorKind::Refused, "READ ONLY transaction"),
        ("SELECT ?", vec![], TransportErrorKind::Request, "has 1 parameters, 0 are given"),
    ] {
        let error = sql(settings, Access::Read, statement, &parameters).await.unwrap_err();
        assert_eq!(error.kind, kind, "{statement}: {error}");
        assert!(error.message.contains(expected), "{statement}: {error}");
    }
    for (password, database, kind) in [
        ("wrong", "shop", TransportErrorKind::Credentials),
        ("", "shop", TransportErrorKind::Credentials),
        ("s3cret", "mysql", TransportErrorKind::Credentials),
    ] {
        let settings = SqlSettings::Mysql(server(port, password, database));
        let error = sql(&settings, Access::Read, "SELECT 1", &[]).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
}
