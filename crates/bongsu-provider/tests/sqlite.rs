//! Statements to SQLite files.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::sql::{Access, MAX_ROWS, SqlAnswer, SqlRequest, SqlSettings, run};
use bongsu_provider::{TransportError, TransportErrorKind};
use serde_json::{Value, json};
use tokio::time::Instant;

fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE hosts (name TEXT, load REAL, cores INTEGER, raw BLOB);
             INSERT INTO hosts VALUES ('a', 0.5, 4, x'00ff'), ('b', NULL, 8, NULL);",
        )
        .unwrap();
    (folder, path)
}

async fn ask(
    path: &Path,
    access: Access,
    statement: &str,
    parameters: &[Value],
    left: Duration,
) -> Result<SqlAnswer, TransportError> {
    let request =
        SqlRequest { statement: statement.to_owned(), parameters: parameters.to_vec(), access };
    let settings = SqlSettings::Sqlite(path.to_owned());
    run(&settings, &request, &EgressPolicy::guarded(), Instant::now() + left).await
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn rows_and_counts() {
    let (_folder, path) = database();
    let read = async |statement: &str, parameters: &[Value]| {
        ask(&path, Access::Read, statement, parameters, MINUTE).await.unwrap()
    };
    assert_eq!(
        read("SELECT * FROM hosts ORDER BY name", &[]).await,
        SqlAnswer::Rows {
            columns: ["name", "load", "cores", "raw"].map(str::to_owned).to_vec(),
            rows: vec![
                vec![json!("a"), json!(0.5), json!(4), json!("AP8=")],
                vec![json!("b"), json!(null), json!(8), json!(null)],
            ],
            truncated: false,
        }
    );
    let given = [json!("a' OR 1=1 --"), json!(2), json!(0.5), json!(null), json!(true), json!([1])];
    assert_eq!(
        read("SELECT ? AS x, ?, ?, ?, ?, ?", &given).await,
        SqlAnswer::Rows {
            columns: ["x", "?", "?", "?", "?", "?"].map(str::to_owned).to_vec(),
            rows: vec![vec![
                json!("a' OR 1=1 --"),
                json!(2),
                json!(0.5),
                json!(null),
                json!(1),
                json!("[1]")
            ]],
            truncated: false,
        }
    );
    let write = async |statement: &str| ask(&path, Access::Write, statement, &[], MINUTE).await;
    assert_eq!(write("UPDATE hosts SET cores = 1").await.unwrap(), SqlAnswer::Affected(2));
    assert_eq!(write("CREATE TABLE t (a)").await.unwrap(), SqlAnswer::Affected(0));
    let back = write("INSERT INTO t VALUES (7) RETURNING a").await.unwrap();
    let SqlAnswer::Rows { rows, .. } = back else { panic!("{back:?}") };
    assert_eq!(rows, [[json!(7)]]);

    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n";
    let SqlAnswer::Rows { rows, truncated, .. } = read(many, &[]).await else { panic!("rows") };
    assert_eq!((rows.len(), truncated), (MAX_ROWS, true));
}

#[tokio::test]
async fn a_statement_reaches_one_file_and_reading_is_reading() {
    let (folder, path) = database();
    let other = folder.path().join("other.db");
    let attach = format!("ATTACH '{}' AS o", other.display());
    let vacuum = format!("VACUUM INTO '{}'", other.display());
    for (access, statement, expected) in [
        (Access::Read, "DELETE FROM hosts", "readonly database"),
        (Access::Read, attach.as_str(), "too many attached databases"),
        (Access::Write, &attach, "too many attached databases"),
        (Access::Read, &vacuum, "too many attached databases"),
        (Access::Write, &vacuum, "too many attached databases"),
        (Access::Write, "SELECT load_extension('x')", "not authorized"),
        (Access::Read, "SELECT missing", "no such column: missing at offset 7"),
    ] {
        let error = ask(&path, access, statement, &[], MINUTE).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Refused, "{statement}: {error}");
        assert!(error.message.contains(expected), "{statement}: {error}");
    }
    assert!(!other.exists());
    for (statement, parameters, expected) in [
        ("SELECT 1; DELETE FROM hosts", vec![], "Multiple statements"),
        ("SELECT ?", vec![], "Wrong number of parameters"),
        ("SELECT 1", vec![json!(1)], "Wrong number of parameters"),
        (" \n", vec![], "the SQL statement is empty"),
    ] {
        let error = ask(&path, Access::Write, statement, &parameters, MINUTE).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Request, "{statement}: {error}");
        assert!(error.message.contains(expected), "{statement}: {error}");
    }
    let count = ask(&path, Access::Read, "SELECT count(*) FROM hosts", &[], MINUTE).await.unwrap();
    let SqlAnswer::Rows { rows, .. } = count else { panic!("{count:?}") };
    assert_eq!(rows, [[json!(2)]]);
}

#[tokio::test]
async fn paths_that_are_no_file() {
    let (folder, path) = database();
    let uri = format!("file:{}?mode=rwc", path.display());
    for (path, expected) in [
        (Path::new(""), "must be absolute"),
        (Path::new(":memory:"), "must be absolute"),
        (Path::new("test.db"), "must be absolute"),
        (Path::new(&uri), "must be absolute"),
        (folder.path(), "not a file"),
        (Path::new("/dev/zero"), "not a file"),
        (&folder.path().join("none.db"), "No such file"),
    ] {
        let error = ask(path, Access::Write, "SELECT 1", &[], MINUTE).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Request, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    assert!(!folder.path().join("none.db").exists());
    let text = folder.path().join("text");
    std::fs::write(&text, "no database".repeat(100)).unwrap();
    let error = ask(&text, Access::Read, "SELECT * FROM t", &[], MINUTE).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn an_endless_statement_ends_at_the_deadline() {
    let (_folder, path) = database();
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
    let left = Duration::from_millis(50);
    let error = ask(&path, Access::Read, endless, &[], left).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout, "{error}");
}
