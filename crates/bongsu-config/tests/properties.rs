//! What holds for every text.

use std::path::Path;

use bongsu_config::alertmanager::{effective_yaml, load};
use bongsu_lang::Mode;
use bongsu_model::Source;
use proptest::prelude::*;

fn source(text: &str) -> Source {
    Source { name: "am.yml".to_owned(), text: text.to_owned() }
}

/// Keys and values that occur in configurations, in places where they may or may not belong.
fn scraps() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "route",
        "receiver",
        "receivers",
        "name",
        "r",
        "match",
        "matchers",
        "group_by",
        "...",
        "webhook_configs",
        "email_configs",
        "slack_configs",
        "url",
        "http://a.b",
        "null",
        "[]",
        "{}",
        "'a=b'",
        "5m",
        "0",
        "true",
        "continue",
        "routes",
        "time_intervals",
        "times",
        "inhibit_rules",
        "equal",
        "global",
        "http_config",
        "tls_config",
        "<<",
        "&a x",
        "*a",
        "jira_configs",
        "labels",
        "details",
        "payload",
        "'{{ .X }}'",
    ]);
    let line = (0usize..5, any::<bool>(), word.clone(), prop::option::of(word)).prop_map(
        |(depth, dash, key, value)| {
            let value = value.map(|value| format!(" {value}")).unwrap_or_default();
            format!("{}{}{key}:{value}\n", "  ".repeat(depth), if dash { "- " } else { "" })
        },
    );
    prop::collection::vec(line, 0..14).prop_map(|lines| lines.concat())
}

/// A sound configuration with a bit of everything.
fn configurations() -> impl Strategy<Value = String> {
    let text = "[ -~\u{e0}-\u{ff}]{0,12}";
    let label = "[a-z]{1,4}";
    (
        text,
        prop::collection::vec((label, text), 0..3),
        prop::collection::btree_set(label, 0..3),
        prop::option::of(1u32..1000),
        any::<bool>(),
    )
        .prop_map(|(title, matchers, group_by, minutes, follow)| {
            let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
            let matchers: Vec<String> = matchers
                .iter()
                .map(|(name, value)| {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                    quote(&format!("{name}=\"{value}\""))
                })
                .collect();
            let group_by: Vec<String> = group_by.iter().map(|name| quote(name)).collect();
            let interval =
                minutes.map(|m| format!("\n  repeat_interval: {m}m")).unwrap_or_default();
            format!(
                "route:\n  receiver: r\n  group_by: [{}]{interval}\n  routes:\n  - matchers: [{}]\n    mute_time_intervals: [t]\nreceivers:\n- name: r\n  webhook_configs:\n  - url: http://a.b\n    payload: {{a: {}, b: [1, yes, null]}}\n    http_config: {{follow_redirects: {follow}}}\n  pagerduty_configs:\n  - routing_key: k\n    description: {}\n  email_configs:\n  - {{to: a@b.c, from: d@e.f, smarthost: 'h:25', headers: {{subject: {}}}}}\ntime_intervals:\n- name: t\n  time_intervals:\n  - weekdays: ['monday:friday']\n    times: [{{start_time: '09:00', end_time: '17:00'}}]\n    location: Asia/Seoul\n",
                group_by.join(", "),
                matchers.join(", "),
                quote(&title),
                // Printing leaves empty texts out, and reading then fills in the default.
                quote(&format!("d{title}")),
                quote(&title),
            )
        })
}

proptest! {
    #[test]
    fn any_text_loads_or_is_refused_with_places_inside_it(
        text in prop_oneof![any::<String>(), scraps()],
        base in any::<bool>(),
    ) {
        let base = base.then(|| Path::new("/etc/am"));
        let findings = match load(source(&text), base, Mode::Fallback) {
            Ok((config, warnings)) => {
                effective_yaml(&config);
                warnings
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                errors
            }
        };
        for finding in findings {
            finding.render();
            if let Some(place) = finding.place {
                let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
                prop_assert!(place.line <= lines + 1);
            }
        }
    }

    #[test]
    fn the_printed_configuration_loads_and_prints_the_same(text in configurations()) {
        let print = |text: &str| match load(source(text), None, Mode::Fallback) {
            Ok((config, _)) => Ok(effective_yaml(&config)),
            Err(errors) => Err(errors.into_iter().map(|e| e.message).collect::<Vec<_>>()),
        };
        let once = print(&text);
        let once = once.map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}")))?;
        prop_assert_eq!(print(&once), Ok(once));
    }
}
