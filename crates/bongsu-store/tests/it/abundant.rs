//! Words that stand in very many alerts: counted in the newest ones.

use std::fmt::Write;
use std::sync::Arc;

use bongsu_lang::cel::Program;
use bongsu_store::{OccurrenceFilter, Row, Total};

use crate::support::{Backend, Sqlite, behind, occurrence};

/// Alerts, of which every hundredth is of the service `db`; the oldest ten are rare.
const ALERTS: i64 = 10_500;

#[test]
fn words_that_stand_in_very_many_alerts_are_counted_in_the_newest() {
    let backend = Sqlite::start();
    let store = backend.store();
    let (mut rows, mut fingerprints) = (Vec::new(), Vec::new());
    for n in 0..ALERTS {
        let fingerprint = format!("f{n:05}");
        let mut alert = r#"{"name":"payments failing","status":"firing""#.to_owned();
        if n % 100 == 0 {
            alert.push_str(r#","service":"db""#);
        }
        if n < 10 {
            alert.push_str(r#","note":"seldom""#);
        }
        let _ = write!(alert, r#","fingerprint":"{fingerprint}"}}"#);
        rows.push(occurrence(&fingerprint, n, &alert));
        fingerprints.push(Arc::from(fingerprint));
    }
    rows.push(Row::IndexOccurrences { fingerprints });
    behind(store, rows);
    let db = Program::parse("service == 'db'").unwrap();
    let odd = Program::parse("[name].exists(n, n == 'payments failing')").unwrap();
    for (text, condition, n, more) in [
        ("payments", None, 10_000, true),
        ("FAILING payments", None, 10_000, true),
        // The condition leaves fewer: all of them are looked through.
        ("payments failing", Some(&db), 105, false),
        // What is rare is found wherever it stands.
        ("payments seldom", None, 10, false),
        ("seldom", None, 10, false),
        ("nothing payments", None, 0, false),
        // The index alone tells of beginnings, and of what a condition in SQL cannot say.
        ("paymen", None, 10_500, false),
        ("payments", Some(&odd), 10_500, false),
    ] {
        let text = Some(text);
        let filter = OccurrenceFilter { text, condition, limit: 5, ..Default::default() };
        let total = store.count_occurrences(&filter).unwrap();
        assert_eq!(total, Total { n, more }, "{text:?} {condition:?}");
        let fields = ["status".to_owned(), "service".to_owned()];
        let facets = store.facets(&fields, &filter).unwrap();
        let counts: Vec<u64> = facets
            .values
            .iter()
            .map(|values| values.iter().map(|value| value.count).sum())
            .collect();
        assert_eq!((counts, facets.more), (vec![n, n], more), "{text:?} {condition:?}");
        assert_eq!(store.occurrences(&filter).unwrap().len() as u64, n.min(5), "{text:?}");
    }
}
