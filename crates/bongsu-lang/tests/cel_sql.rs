//! SQL selects exactly the rows for which the evaluator says true.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::RefCell;

use bongsu_lang::cel::{Column, ColumnKind, Columns, Parameter, Program};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value as Sqlite;
use serde_json::{Map, Value, json};

/// Everything in the JSON column.
struct OnlyJson;

impl Columns for OnlyJson {
    fn json(&self) -> Option<&str> {
        Some("alert.event")
    }

    fn column(&self, _path: &[&str]) -> Option<Column> {
        None
    }
}

/// Some fields in columns of their own, parameters from the third on.
struct WithColumns;

impl Columns for WithColumns {
    fn json(&self) -> Option<&str> {
        Some("alert.event")
    }

    fn column(&self, path: &[&str]) -> Option<Column> {
        let (sql, kind) = match path {
            ["name"] => ("alert.name", ColumnKind::Text),
            ["severity"] => ("alert.severity", ColumnKind::Severity),
            ["count"] => ("alert.count", ColumnKind::Number),
            ["dismissed"] => ("alert.dismissed", ColumnKind::Bool),
            ["lastReceived"] => ("alert.received_ms", ColumnKind::Milliseconds),
            _ => return None,
        };
        Some(Column { sql, kind })
    }

    fn first_parameter(&self) -> usize {
        3
    }
}

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database
        .execute_batch(
            "CREATE TABLE alert (event TEXT, name TEXT, severity INTEGER, count REAL, \
             dismissed INTEGER, received_ms INTEGER)",
        )
        .unwrap();
    database
}

fn rank(severity: &Value) -> Option<i64> {
    let names = ["low", "info", "warning", "high", "critical"];
    Some(match severity {
        Value::Null => return None,
        Value::String(name) => {
            names.iter().position(|n| *n == name.to_lowercase()).map_or(0, |at| at as i64 + 1)
        }
        other => (1..=5).find(|n| other.as_f64() == Some(*n as f64)).unwrap_or(0),
    })
}

fn fill(database: &Connection, alerts: &[Value]) {
    database.execute("DELETE FROM alert", []).unwrap();
    let mut insert =
        database.prepare_cached("INSERT INTO alert VALUES (?, ?, ?, ?, ?, ?)").unwrap();
    for alert in alerts {
        let received = alert["lastReceived"]
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond);
        insert
            .execute(rusqlite::params![
                alert.to_string(),
                alert["name"].as_str(),
                rank(&alert["severity"]),
                alert["count"].as_f64(),
                alert["dismissed"].as_bool(),
                received,
            ])
            .unwrap();
    }
}

/// What the SQL selects, or `None` if the expression is not translated.
fn selected(
    database: &Connection,
    program: &Program,
    columns: &impl Columns,
) -> Option<Vec<usize>> {
    let sql = program.to_sql(columns).ok()?;
    let text = format!("SELECT rowid FROM alert WHERE {} ORDER BY rowid", sql.text);
    let mut statement =
        database.prepare(&text).unwrap_or_else(|error| panic!("{}: {error}", program.text()));
    for (at, parameter) in sql.parameters.iter().enumerate() {
        let value = match parameter {
            Parameter::Int(n) => Sqlite::Integer(*n),
            Parameter::Real(n) => Sqlite::Real(*n),
            Parameter::Text(text) => Sqlite::Text(text.clone()),
            Parameter::Blob(bytes) => Sqlite::Blob(bytes.clone()),
        };
        statement.raw_bind_parameter(at + columns.first_parameter(), value).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        found.push(row.get::<_, i64>(0).unwrap() as usize - 1);
    }
    Some(found)
}

fn evaluated(program: &Program, alerts: &[Value]) -> Vec<usize> {
    (0..alerts.len()).filter(|at| program.matches(&alerts[*at]).matched()).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "", "0", "3", "-3", "3.0", "3.5", "07", "-", "3.", ".5", "1e3", "a", "A", "ab", "a%", "a_b",
            "%", "_", "high", "HIGH", "critical", "low", "nope", "true", "False", "é", "prometheus",
            "CPU high", "it's \"so\"", "123456789012345678", "1234567890123456789", "a\u{0}b",
            "\u{0}", "3\u{0}", "2026-01-10", "null",
        ]).prop_map(str::to_owned),
        1 => "[ab%_é]{0,4}",
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-4_i64..8).prop_map(Value::from),
        prop::sample::select(vec![
            json!(3.0),
            json!(3.5),
            json!(-0.5),
            json!(0.0),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992.0),
            json!(u64::MAX),
            json!(123_456_789_012_345_678_i64),
        ]),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => number(),
        4 => text().prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(
            prop_oneof![4 => scalar(), 1 => prop::collection::vec(scalar(), 0..2).prop_map(Value::from)],
            0..4
        ).prop_map(Value::from),
        1 => fields(scalar().boxed()).prop_map(Value::from),
    ]
}

fn fields(value: BoxedStrategy<Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((prop::sample::select(KEYS), value), 0..4)
        .prop_map(|entries| entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

const KEYS: &[&str] = &["a", "b", "pod", "x.y", "é"];

fn alert() -> impl Strategy<Value = Value> {
    let optional = |key: &'static str, value: BoxedStrategy<Value>| {
        prop::option::of(value).prop_map(move |value| (key, value))
    };
    (
        // Those that have a column in one of the two mappings keep to its kind.
        optional("name", prop_oneof![Just(Value::Null), text().prop_map(Value::from)].boxed()),
        optional("severity", scalar().boxed()),
        optional("count", prop_oneof![Just(Value::Null), number_of_column()].boxed()),
        optional(
            "dismissed",
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)].boxed(),
        ),
        optional(
            "lastReceived",
            prop_oneof![Just(Value::Null), date().prop_map(Value::from)].boxed(),
        ),
        optional("source", anything().boxed()),
        optional(
            "labels",
            prop_oneof![4 => fields(anything().boxed()).prop_map(Value::from), 1 => anything()]
                .boxed(),
        ),
        optional("x", anything().boxed()),
    )
        .prop_map(|fields| {
            let (a, b, c, d, e, f, g, h) = fields;
            let given = [a, b, c, d, e, f, g, h];
            let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Value::Object(given.collect())
        })
}

fn number_of_column() -> impl Strategy<Value = Value> {
    prop_oneof![(-4_i64..8).prop_map(Value::from), Just(json!(3.5)), Just(json!(0.0))]
}

fn date() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "2026-01-10T08:00:00.000Z",
        "2026-01-10T08:00:00.001Z",
        "2026-01-10T10:00:00+02:00",
        "2026-01-09T23:59:59.999Z",
        "1969-12-31T23:59:59.999Z",
    ])
    .prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "name",
        "severity",
        "count",
        "dismissed",
        "lastReceived",
        "source",
        "labels",
        "x",
        "alert.name",
        "labels.a",
        "labels.b",
        "labels[\"x.y\"]",
        "labels[\"é\"]",
        "labels.pod.a",
        "missing",
        "missing.too",
    ])
    .prop_map(str::to_owned)
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => scalar().prop_map(|value| match value {
            // Beyond the integers of the language.
            Value::Number(n) if n.as_i64().is_none() && n.is_u64() => "3".to_owned(),
            value => quoted(&value),
        }),
        1 => (date(), prop::bool::ANY).prop_map(|(date, call)| {
            if call { format!("timestamp({date:?})") } else { format!("{date:?}") }
        }),
        1 => Just("timestamp(\"2026-01-10T08:00:00.0005Z\")".to_owned()),
        1 => Just("1 + 2".to_owned()),
    ]
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\u{0}', "\\000");
            format!("\"{escaped}\"")
        }
        Value::Number(n) if n.is_f64() => format!("{:?}", n.as_f64().unwrap()),
        value => value.to_string(),
    }
}

fn expression() -> impl Strategy<Value = String> {
    let sign = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let part = || prop::sample::select(vec!["contains", "startsWith", "endsWith"]);
    let leaf = prop_oneof![
        6 => (path(), sign(), literal()).prop_map(|(p, s, l)| format!("{p} {s} ({l})")),
        1 => (path(), sign(), literal()).prop_map(|(p, s, l)| format!("({l}) {s} {p}")),
        2 => (path(), prop::collection::vec(literal(), 0..3))
            .prop_map(|(p, l)| format!("{p} in [{}]", l.join(", "))),
        2 => (literal(), path()).prop_map(|(l, p)| format!("({l}) in {p}")),
        3 => (path(), part(), literal()).prop_map(|(p, f, l)| format!("{p}.{f}({l})")),
        1 => path().prop_map(|p| if p.contains('[') { p } else { format!("has({p})") }),
        2 => path(),
        1 => literal(),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

thread_local! {
    static DATABASE: RefCell<Connection> = RefCell::new(database());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn selects_what_matches(
        text in expression(),
        alerts in prop::collection::vec(alert(), 1..6),
    ) {
        let program = Program::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let expected = evaluated(&program, &alerts);
        DATABASE.with_borrow(|database| {
            fill(database, &alerts);
            if let Some(found) = selected(database, &program, &OnlyJson) {
                prop_assert_eq!(&found, &expected, "{} in JSON {:?}", text, program.to_sql(&OnlyJson));
            }
            if let Some(found) = selected(database, &program, &WithColumns) {
                prop_assert_eq!(&found, &expected, "{} in columns {:?}", text, program.to_sql(&WithColumns));
            }
            Ok(())
        })?;
    }
}

#[test]
fn translates_the_subset() {
    let alerts = [
        json!({
            "name": "CPU high", "severity": "high", "source": ["prometheus", "grafana"],
            "labels": {"pod": "api-1", "n": 3, "s": "3"}, "count": 2, "dismissed": false,
            "lastReceived": "2026-01-10T08:00:00.000Z",
        }),
        json!({"name": "100% full", "severity": "LOW", "source": [], "labels": {}}),
    ];
    let database = database();
    fill(&database, &alerts);
    for (text, rows) in [
        ("severity >= 'HIGH'", vec![0]),
        ("severity in ['high', 'low']", vec![0, 1]),
        ("source == 'grafana'", vec![0]),
        ("'grafana' in source || name.contains('0%')", vec![0, 1]),
        ("name.startsWith('cpu')", vec![]),
        ("name.endsWith('high') && !dismissed", vec![0]),
        ("labels.s == 3", vec![0]),
        ("has(labels.pod) && labels['pod'] != 'x'", vec![0]),
        ("labels.pod == null", vec![1]),
        ("!(labels.pod in ['api-1', null])", vec![]),
        ("count in [1, 2]", vec![0]),
        ("'a' == 'a' && 1 + 1 == 2", vec![0, 1]),
    ] {
        let program = Program::parse(text).unwrap();
        assert_eq!(evaluated(&program, &alerts), rows, "{text}");
        assert_eq!(selected(&database, &program, &OnlyJson), Some(rows.clone()), "{text}");
        assert_eq!(selected(&database, &program, &WithColumns), Some(rows), "{text}");
    }
    let program = Program::parse("lastReceived > '2026-01-10T09:00:00+02:00'").unwrap();
    assert_eq!(selected(&database, &program, &OnlyJson), None);
    assert_eq!(selected(&database, &program, &WithColumns), Some(vec![0]));
}

#[test]
fn says_what_it_does_not_translate() {
    for (text, what) in [
        ("name == 'x' && size(name) > 3", "size(name) > 3"),
        ("labels.a == labels.b", "labels.a == labels.b"),
        ("name.matches('x')", "name.matches(\"x\")"),
        ("source.exists(s, s == 'x')", "source.exists(s, s == \"x\")"),
        ("flag ? true : false", "flag ? true : false"),
        ("labels['a\"b'] == 'x'", "labels[\"a\\\"b\"] == \"x\""),
    ] {
        let error = Program::parse(text).unwrap().to_sql(&OnlyJson).unwrap_err();
        assert_eq!(error.what, what, "{text}");
    }
}

#[test]
fn binds_what_was_written() {
    let program = Program::parse("labels.a == \"' OR 1 = 1 --\"").unwrap();
    let sql = program.to_sql(&OnlyJson).unwrap();
    assert!(!sql.text.contains("OR 1 = 1"), "{}", sql.text);
    assert!(sql.parameters.contains(&Parameter::Text("' OR 1 = 1 --".into())));
}
