//! Arbitrary text as each of the files of enrichment, as a table and as a recurrence: rules that run,
//! or reasons, never a panic.
#![no_main]

use std::sync::{Arc, LazyLock};

use bongsu_alert::{Enricher, Files, Recurrence, csv};
use bongsu_model::{JsonMap, Occurrence, Source, Timestamp};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

static FIELDS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let fields = json!({
        "name": "CPU high", "severity": "high", "source": ["prometheus"], "service": "api",
        "environment": "prod", "message": "pod web-1 is hot", "labels": {"team": "core"},
        "list": ["a", "b", 1],
    });
    fields.as_object().cloned().unwrap_or_default()
});

fuzz_target!(|text: &str| {
    let now = Timestamp::UNIX_EPOCH;
    let file = Some(Arc::new(Source { name: "fuzzed.yaml".to_owned(), text: text.to_owned() }));
    for files in [
        Files { enrichment: file.clone(), ..Files::default() },
        Files { topology: file.clone(), ..Files::default() },
        Files { maintenance: file.clone(), ..Files::default() },
    ] {
        let Ok((enricher, _)) = Enricher::read(&files) else { continue };
        let Ok((mut alert, _)) = Occurrence::from_fields(JsonMap::from(&*FIELDS), now, |_| None) else {
            continue;
        };
        enricher.pre(&mut alert.to_json().into());
        let steps = enricher.explain(&alert, now).len();
        assert!(enricher.post(&mut alert, now).is_empty() || steps > 0);
        let maintenance = enricher.maintenance();
        maintenance.verdict(now, &alert);
        assert!(maintenance.next_change(now).is_none_or(|next| next > now));
        enricher.topology().cycles();
    }
    if let Ok(table) = csv::parse(text) {
        assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
    }
    if let Ok(rule) = Recurrence::parse_lines(text) {
        let starts: Vec<Timestamp> = rule.starts_from(now).take(20).collect();
        assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
    }
});
