//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bongsu_provider::TransportErrorKind;
use bongsu_provider::sql::{Access, MAX_ROWS, ServerSettings, SqlAnswer, SqlSettings};
use serde_json::json;

use crate::{Peer, certificate, done, free_port, is_root, ready, row, server, sql, sql_within};

/// A program of the server, which is not on the path and refuses to run as root.
fn program(name: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian's postgresql");
    let mut found: Vec<PathBuf> =
        versions.map(|entry| entry.unwrap().path().join("bin").join(name)).collect();
    found.retain(|path| path.is_file());
    found.sort();
    let path = found.pop().expect("Debian's postgresql");
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
    command
}

fn start(folder: &Path, port: u16) -> Peer {
    let data = folder.join("data");
    let password = folder.join("password");
    std::fs::write(&password, "s3cret").unwrap();
    if is_root() {
        done(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder));
    }
    done(
        program("initdb")
            .args(["-U", "bongsu", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"])
            .args(["--locale", "C.UTF-8"])
            .arg("--pwfile")
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .current_dir(folder),
    );
    let file = |name: &str| folder.join(name).display().to_string();
    Peer::start(
        program("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "ssl=on"])
            .args(["-c", &format!("ssl_cert_file={}", file("cert.pem"))])
            .args(["-c", &format!("ssl_key_file={}", file("key.pem"))])
            .current_dir(folder),
    )
}

#[tokio::test]
#[ignore = "needs postgresql: run cargo xtask peers"]
async fn postgresql_answers() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    let port = free_port();
    let _peer = start(folder.path(), port);
    let plain = SqlSettings::Postgres(server(port, "s3cret", "postgres"));
    ready(|| sql(&plain, Access::Read, "SELECT 1", &[])).await;

    let secure = ServerSettings { tls: Some(tls), ..server(port, "s3cret", "") };
    let secure = SqlSettings::Postgres(ServerSettings { database: "postgres".into(), ..secure });
    let question = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(row(sql(&secure, Access::Read, question, &[]).await.unwrap()), [json!(true)]);
    assert_eq!(row(sql(&plain, Access::Read, question, &[]).await.unwrap()), [json!(false)]);

    types(&plain).await;
    changes(&plain).await;
    limits(&plain).await;
    refusals(&plain, port).await;
}

async fn types(settings: &SqlSettings) {
    for (expression, expected) in [
        ("NULL::int", json!(null)),
        ("true", json!(true)),
        ("9223372036854775807::bigint", json!(9_223_372_036_854_775_807_i64)),
        ("1.5::float8", json!(1.5)),
        ("'NaN'::float8", json!("NaN")),
        ("avg(x) FROM (VALUES (1), (2)) AS v(x)", json!(1.5)),
        ("12345678901234567890.123456789::numeric", json!("12345678901234567890.123456789")),
        ("'2026-11-28 18:00:00.25+09'::timestamptz", json!("2026-11-28T09:00:00.25Z")),
        ("'2026-11-28 18:00:00'::timestamp", json!("2026-11-28T18:00:00")),
        ("'2026-11-28'::date", json!("2026-11-28")),
        ("'{\"a\": [1, null]}'::jsonb", json!({"a": [1, null]})),
        ("'\\x00ff'::bytea", json!("AP8=")),
        ("ARRAY[1, NULL, 3]", json!([1, null, 3])),
        ("ARRAY['a,b', 'c\"d', NULL, 'NULL']", json!(["a,b", "c\"d", null, "NULL"])),
        ("ARRAY[[1.5, 2], [3, 4]]::numeric[]", json!([[1.5, 2], [3, 4]])),
        (
            "'0f0e0d0c-0b0a-0908-0706-050403020100'::uuid",
            json!("0f0e0d0c-0b0a-0908-0706-050403020100"),
        ),
        ("'10.0.0.1/8'::inet", json!("10.0.0.1/8")),
        ("'1 day 2 hours'::interval", json!("1 day 02:00:00")),
        ("int4range(1, 5)", json!("[1,5)")),
        ("ROW(1, 'x')", json!("(1,x)")),
        ("'한글 🐟'", json!("한글 🐟")),
    ] {
        let answer = sql(settings, Access::Read, &format!("SELECT {expression}"), &[]).await;
        assert_eq!(row(answer.expect(expression)), [expected], "{expression}");
    }
    let given = [
        json!("x'; DROP TABLE hosts; --"),
        json!(7),
        json!(null),
        json!({"a": 1}),
        json!([1, 2]),
        json!(["a", "b\"c"]),
        json!("2026-11-28T09:00:00Z"),
    ];
    let statement = "SELECT $1::text, $2::int + 1, $3::int, $4::jsonb, $5::int[], $6::text[], \
                     $7::timestamptz";
    let answer = sql(settings, Access::Read, statement, &given).await.unwrap();
    assert_eq!(
        row(answer),
        [
            json!("x'; DROP TABLE hosts; --"),
            json!(8),
            json!(null),
            json!({"a": 1}),
            json!([1, 2]),
            json!(["a", "b\"c"]),
            json!("2026-11-28T09:00:00Z"),
        ]
    );
}

async fn changes(settings: &SqlSettings) {
    let write = async |text: &str| sql(settings, Access::Write, text, &[]).await.unwrap();
    assert_eq!(write("CREATE TABLE hosts (name text, cores int)").await, SqlAnswer::Affected(0));
    let insert = "INSERT INTO hosts VALUES ('a', 1), ('b', 2)";
    assert_eq!(write(insert).await, SqlAnswer::Affected(2));
    let back = write("UPDATE hosts SET cores = 9 WHERE name = 'a' RETURNING name, cores").await;
    assert_eq!(
        back,
        SqlAnswer::Rows {
            columns: vec!["name".to_owned(), "cores".to_owned()],
            rows: vec![vec![json!("a"), json!(9)]],
            truncated: false,
        }
    );
    let none = sql(settings, Access::Read, "SELECT name FROM hosts WHERE false", &[]).await;
    let columns = vec!["name".to_owned()];
    assert_eq!(none.unwrap(), SqlAnswer::Rows { columns, rows: vec![], truncated: false });

    // Rows beyond the limit are left out of the answer, not undone.
    let many = "INSERT INTO hosts SELECT 'c', n FROM generate_series(1, 20000) n RETURNING cores";
    let SqlAnswer::Rows { rows, truncated, .. } = write(many).await else { panic!("rows") };
    assert_eq!((rows.len(), truncated), (MAX_ROWS, true));
    let count = sql(settings, Access::Read, "SELECT count(*) FROM hosts", &[]).await.unwrap();
    assert_eq!(row(count), [json!(20_002)]);
}

async fn limits(settings: &SqlSettings) {
    let left = Duration::from_millis(500);
    let slow = sql_within(settings, Access::Read, "SELECT pg_sleep(1000)", &[], left).await;
    let error = slow.unwrap_err();
    // Whoever is first: the server was told the limit, too.
    let expected = [TransportErrorKind::Timeout, TransportErrorKind::Refused];
    assert!(expected.contains(&error.kind), "{error}");
    // The server has given up as well.
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'
                    AND state = 'active'";
    ready(async || {
        let answer = sql(settings, Access::Read, sleeping, &[]).await?;
        match row(answer)[0] == json!(0) {
            true => Ok(()),
            false => Err(error.clone()),
        }
    })
    .await;
    let large = "SELECT repeat('x', 1000000) FROM generate_series(1, 30)";
    let answer = sql(settings, Access::Read, large, &[]).await.unwrap();
    let SqlAnswer::Rows { rows, truncated, .. } = answer else { panic!("rows") };
    assert_eq!((rows.len(), truncated), (16, true));
    let huge = "SELECT repeat('x', 100000000)";
    let error = sql(settings, Access::Read, huge, &[]).await.unwrap_err();
    assert!(error.message.ends_with("the answer is too large"), "{error}");
}

async fn refusals(settings: &SqlSettings, port: u16) {
    for (statement, parameters, kind, expected) in [
        (
            "SELECT nothing",
            vec![],
            TransportErrorKind::Refused,
            "\"nothing\" does not exist [42703]",
        ),
        ("SELECT 1; SELECT 2", vec![], TransportErrorKind::Refused, "multiple commands"),
        ("DELETE FROM hosts", vec![], TransportErrorKind::Refused, "read-only transaction"),
        ("SELECT $1::int", vec![json!("x")], TransportErrorKind::Refused, "invalid input syntax"),
        ("SELECT $1::int", vec![], TransportErrorKind::Request, "has 1 parameters, 0 are given"),
        ("COPY hosts TO STDOUT", vec![], TransportErrorKind::Request, "COPY cannot be used"),
    ] {
        let error = sql(settings, Access::Read, statement, &parameters).await.unwrap_err();
        assert_eq!(error.kind, kind, "{statement}: {error}");
        assert!(error.message.contains(expected), "{statement}: {error}");
    }
    for (password, database, kind) in [
        ("wrong", "postgres", TransportErrorKind::Credentials),
        ("", "postgres", TransportErrorKind::Credentials),
        ("s3cret", "missing", TransportErrorKind::Refused),
    ] {
        let settings = SqlSettings::Postgres(server(port, password, database));
        let error = sql(&settings, Access::Read, "SELECT 1", &[]).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.message.contains("s3cret"), "{error}");
    }
}
