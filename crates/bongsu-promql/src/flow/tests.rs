//! What is known of results, by example.

use super::*;
use crate::parse;

fn of(text: &str, look: impl FnOnce(&Flow<'_>)) {
    let expr = parse(text).unwrap_or_else(|errors| panic!("{text}: {}", errors[0].render(text)));
    look(&flow(&expr));
}

/// `job=x instance? mode! le-`: fixed, maybe, always, never.
fn shown(flow: &Flow<'_>, labels: &str) -> String {
    let each = labels.split(' ').map(|label| match flow.labels.get(label) {
        Presence::Fixed(value) => format!("{label}={value}"),
        Presence::Always => format!("{label}!"),
        Presence::Maybe => format!("{label}?"),
        Presence::Never(_) => format!("{label}-"),
    });
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn labels_are_followed() {
    // Expression, and what is known of the labels named.
    let cases = [
        ("up{job='x',a!='',b=~'.*',c='',d!~'z'}", "__name__=up job=x a! b? c- d? e?"),
        ("sum(up{job='x'}) by (job, instance)", "__name__- job=x instance? mode-"),
        ("sum(up)", "__name__- job-"),
        ("sum without (job) (up{job='x'})", "__name__- job- instance?"),
        ("topk by (job) (1, up)", "__name__=up instance?"),
        ("count_values('version', b)", "version! a-"),
        ("count by (__name__) ({job='x'})", "__name__? job-"),
        ("rate(up{job='x'}[5m])", "__name__- job=x instance?"),
        ("last_over_time(up[5m])", "__name__=up"),
        ("-up", "__name__- job?"),
        ("histogram_quantile(0.9, sum by (le, job) (rate(a_bucket[5m])))", "le- job? instance-"),
        ("absent(up{job='x',a=~'b',c='d',c!='e'})", "__name__- job=x a- c- instance-"),
        ("absent(sum(up{job='x'}))", "job-"),
        ("vector(1)", "job-"),
        ("hour()", "job-"),
        ("hour(up)", "__name__- job?"),
        ("label_replace(sum(up), 'job', 'x', 'job', '.*')", "job=x instance-"),
        ("label_replace(sum(up), 'job', '$1', 'a', '(.*)')", "job? instance-"),
        ("label_replace(up{job='x'}, 'job', '', 'job', '.*')", "job-"),
        ("label_join(sum(up), 'job', ',', 'a')", "job? instance-"),
        ("up > 0", "__name__=up job?"),
        ("up > bool 0", "__name__- job?"),
        ("0 < up", "__name__=up job?"),
        ("1 - up", "__name__- job?"),
        ("a{x='1'} / b{y='2'}", "__name__- x=1 y=2 z?"),
        ("a{x='1'} / on (x, y) b{y='2'}", "x=1 y=2 z-"),
        ("a > on (x) b", "__name__- x? y-"),
        ("a > ignoring (x) b", "__name__=a x- y?"),
        ("a * on (x) group_left (v) b{v='3',w='4'}", "x? y? v=3 w?"),
        ("sum by (x) (a) * on (x) group_right (x2) b{y='1'}", "x? y=1 z? x2-"),
        ("a{x='1'} and on (y) b{x='2',y='3'}", "__name__=a x=1 y=3"),
        ("a{x='1'} unless b{y='2'}", "__name__=a x=1 y?"),
        ("a{x='1'} or b{x='1'}", "__name__! x=1 y?"),
        ("sum by (x) (a{x='1'}) or vector(0)", "x? y-"),
        ("a / sum by (x) (b)", "x? y?"),
        ("sum by (x) (a) / sum by (x, y) (b)", "x? y-"),
        ("max_over_time((sum by (x) (a))[1h:])", "x? y-"),
    ];
    for (text, want) in cases {
        let names: Vec<&str> =
            want.split(' ').map(|part| part.split(['=', '!', '?', '-']).next().unwrap()).collect();
        of(text, |flow| assert_eq!(shown(flow, &names.join(" ")), want, "{text}"));
    }
}

#[test]
fn conditions_are_followed() {
    // Expression, whether it is conditional, whether it is always empty.
    let cases = [
        ("up", false, false),
        ("up == 0", true, false),
        ("up == bool 0", false, false),
        ("sum(up == 0) * 2", true, false),
        ("absent(up)", true, false),
        ("up unless b", true, false),
        ("up and b", false, false),
        ("up and b > 1", true, false),
        ("up > 1 or b", false, false),
        ("up > 1 or b > 1", true, false),
        ("up > 1 or vector(0)", false, false),
        ("vector(scalar(up > 1))", false, false),
        ("rate(up[5m])", false, false),
        ("(up > 1) + b", true, false),
        ("up{a='1',a='2'}", false, true),
        ("up{a='1',a!~'1|2'}", false, true),
        ("up{a='',a=~'x.*'}", false, true),
        ("sum(up{a='1',a='2'}) or b", false, false),
        ("a{x='1'} * b{x='2'}", false, true),
        ("a{x='1'} unless b{x='2'}", true, false),
        ("absent(up{a='1',a='2'})", true, false),
    ];
    for (text, conditional, empty) in cases {
        of(text, |flow| {
            assert_eq!((flow.conditional, flow.empty), (conditional, empty), "{text}");
        });
    }
    of("1 - absent(up)", |flow| assert_eq!(flow.absent, Some(Span { start: 4, end: 14 })));
    of("vector(1) > 0", |flow| assert!(flow.constant));
    of("vector(1) > up", |flow| assert!(!flow.constant));
}

#[test]
fn impossible_matches_are_found() {
    // Expression, then label and whether it is certain for each.
    let cases: &[(&str, &[(&str, bool)])] = &[
        ("a / b", &[]),
        ("sum by (x) (a) / on (x) b", &[]),
        ("sum by (x) (a) / on (y) b", &[("y", false)]),
        ("a{x='1'} / b{x='2'}", &[("x", true)]),
        ("a{x='1'} / ignoring (x) b{x='2'}", &[]),
        ("a{x='1'} / on (y) b{x='2'}", &[]),
        ("sum by (x, y) (a) / sum by (x) (b)", &[("y", false)]),
        ("sum by (x) (a{x='1'}) / sum(b)", &[("x", true)]),
        ("a / sum(b)", &[]),
        ("a{x='1'} > vector(3)", &[("x", true)]),
        ("a or sum(b)", &[]),
        ("a unless on (y) sum by (x) (b)", &[("y", false)]),
        ("a * on (x) group_left (v) sum by (x) (b)", &[("v", false)]),
        ("(a{x='1'} / b{x='2'}) > 0", &[("x", true)]),
        ("sum(a{x='1'} / b{x='2'}) or absent(c * on (z) sum(d))", &[("x", true), ("z", false)]),
    ];
    for (text, want) in cases {
        of(text, |flow| {
            let found: Vec<(&str, bool)> =
                flow.impossible.iter().map(|i| (i.label.as_str(), i.certain)).collect();
            assert_eq!(found, *want, "{text}");
        });
    }
}

#[test]
fn counters_are_followed() {
    let cases: &[(&str, &[&str])] = &[
        ("a_total > 5", &["a_total"]),
        ("sum by (x) (a_total) / b", &["a_total"]),
        ("rate(a_total[5m]) / b_total", &["b_total"]),
        ("count(a_total) > 1", &[]),
        ("a and b_total > 1", &[]),
        ("max_over_time(a_total[5m])", &["a_total"]),
        ("a_count > 1", &[]),
        ("absent(a_total)", &[]),
        ("rate(b_total[5m]) or 0 * a_total", &[]),
        ("2 * a_total > 4", &["a_total"]),
    ];
    for (text, want) in cases {
        of(text, |flow| {
            let found: Vec<&str> = flow.counters.iter().map(|counter| counter.metric).collect();
            assert_eq!(found, *want, "{text}");
        });
    }
    assert!(is_counter_name("http_requests_total") && !is_counter_name("node_load1"));
}
