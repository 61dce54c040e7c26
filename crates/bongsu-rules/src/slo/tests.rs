//! Objectives as they are written, and the rules made of them.

use std::sync::Arc;

use bongsu_model::{Diagnostic, Source, Timestamp};
use bongsu_promql::{MemorySource, eval_instant, notation};

use super::{Like, Options, Slos, apart, load_all, whole};
use crate::engine::{self, Answer, Effect, Engine, Input, Phase};
use crate::rule::{Group, RuleKind};

/// The targets that ship.
const FOUNDING: &str = include_str!("../../../../content/slo/founding.yaml");

fn sources(texts: &[&str]) -> Vec<Arc<Source>> {
    let named = |(at, text): (usize, &&str)| {
        Arc::new(Source { name: format!("{at}.yml"), text: (*text).to_owned() })
    };
    texts.iter().enumerate().map(named).collect()
}

fn load_with(texts: &[&str], options: &Options) -> (Slos, Vec<Diagnostic>) {
    match load_all(sources(texts), options) {
        Ok(loaded) => loaded,
        Err(found) => panic!("{}", bongsu_model::render_diagnostics(&found)),
    }
}

fn refused(texts: &[&str]) -> String {
    let found = load_all(sources(texts), &Options::default()).unwrap_err();
    found.iter().map(|finding| finding.on_one_line() + "\n").collect()
}

/// Rules as text; every expression parses.
fn printed(slos: &Slos) -> String {
    let mut out = String::new();
    for group in &slos.groups {
        let interval = group.interval.map(bongsu_lang::duration::print);
        out += &format!("{} {}\n", group.name, interval.unwrap_or_default());
        for rule in &group.rules {
            if let Err(mistakes) = bongsu_promql::parse(&rule.expr) {
                panic!("{}: {}", rule.expr, mistakes[0].render(&rule.expr));
            }
            let expr = rule.expr.split_whitespace().collect::<Vec<_>>().join(" ");
            out += &format!("  {} {:?}\n    {expr}\n", rule.name, rule.labels);
            if let RuleKind::Alerting { hold, annotations, .. } = &rule.kind {
                out += &format!("    for {hold:?} {annotations:?}\n");
            }
        }
    }
    out
}

const SHOP: &str = "
apiVersion: bongsu.io/v1
kind: ServiceLevel
metadata: {name: shop}
spec:
  service: shop
  labels: {team: web}
  period: month
  time_zone: Asia/Seoul
  slos:
    - name: orders
      objective: 99.5
      description: Orders are taken.
      min_events: 100
      sli:
        events:
          error_query: sum by (zone) (rate(orders_total{result='bad'}[{{.window}}]))
          total_query: sum by (zone) (rate(orders_total[{{ .window }}]))
      alerting:
        name: OrdersFail
        labels: {severity: critical}
        ticket_alert: {disable: true}
      error_budget_policy:
        - {remaining_below: 0.25, actions: [{workflow: slow-down}]}
        - {remaining_below: 0, actions: [freeze_deploys, page]}
";

#[test]
fn own_form() {
    let (slos, warnings) = load_with(&[SHOP], &Options::default());
    insta::assert_snapshot!(printed(&slos));
    let warnings: Vec<String> = warnings.iter().map(Diagnostic::on_one_line).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"0.yml:8:11: the period series begins at midnight UTC; reports begin in the zone [BS2323]");
}

/// Where the indicator is asked elsewhere, what reads recorded series is not.
#[test]
fn taken_apart() {
    let pyrra = "
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: api}
spec:
  target: '99'
  window: 4w
  indicator: {ratio: {errors: {metric: 'e_total{code=~\"5..\"}'}, total: {metric: e_total}}}
";
    for text in [SHOP, pyrra] {
        let (slos, _) = load_with(&[text], &Options::default());
        let rules = |groups: &[Group]| groups.iter().map(|group| group.rules.len()).sum::<usize>();
        let before = rules(&slos.groups);
        assert_eq!(slos.tracked[0].groups.len(), slos.groups.len());
        let apart = apart(slos.groups, "local");
        assert_eq!(rules(&apart), before);
        for group in &apart {
            let name = slos.tracked[0].groups.iter().find(|name| *name == whole(&group.name));
            assert!(name.is_some(), "{}", group.name);
        }
        let shown: Vec<String> = apart
            .iter()
            .map(|group| {
                let names: Vec<&str> = group.rules.iter().map(|rule| &*rule.name).collect();
                format!("{:?} {}: {}", group.datasource, group.name, names.join(" "))
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}

/// The other units of the calendar; the start of each is an expression.
#[test]
fn calendars() {
    for unit in ["day", "week", "quarter", "year"] {
        let text = SHOP.replace("period: month", &format!("period: {unit}"));
        let options = Options { like: Like::Bongsu, ..Options::default() };
        // A day is too short for the windows of a month.
        let loaded = load_all(sources(&[&text]), &options);
        assert_eq!(loaded.is_ok(), unit != "day", "{unit}");
        if let Ok((slos, _)) = loaded {
            assert!(printed(&slos).contains(&format!("slo:sli_error:ratio_rate_{unit}")));
        }
    }
}

const SLOTH: &str = "
version: prometheus/v1
service: wifi
slos:
  - name: satisfaction
    objective: 95
    sli: {raw: {error_ratio_query: 'avg_over_time(bad_ratio[{{.window}}])'}}
    alerting: {name: WifiBad, page_alert: {labels: {severity: home}}}
";

#[test]
fn windows_of_a_catalogue() {
    let week = "
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
";
    let options = Options {
        like: Like::Sloth,
        period: std::time::Duration::from_secs(7 * 86_400),
        version: "test".to_owned(),
        ..Options::default()
    };
    let (slos, _) = load_with(&[SLOTH, week], &options);
    insta::assert_snapshot!(printed(&slos));
    // Without it Sloth refuses; Bongsu keeps the rates of a month.
    assert!(load_all(sources(&[SLOTH]), &options).is_err());
    let ours = Options { like: Like::Bongsu, ..options };
    let (slos, _) = load_with(&[SLOTH], &ours);
    assert!(printed(&slos).contains("> (14.4 * 0.05)"));
}

const OPENSLO: &str = "
apiVersion: openslo/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: Prometheus, connectionDetails: {}}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: latency}
spec:
  thresholdMetric:
    metricSource: {metricSourceRef: metrics, spec: {query: 'histogram_quantile(0.9, sum by (le) (rate(lat_bucket[5m])))'}}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: FastBurn, displayName: Burns fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gt, threshold: 6, lookbackWindow: 6h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: search}
spec:
  service: shop
  indicatorRef: latency
  timeWindow: [{duration: 2w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 0.2, target: 0.95}]
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: on-call}
      spec:
        alertWhenNoData: true
        conditions: [{conditionRef: FastBurn}]
        notificationTargets: [{targetRef: pager}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: pages, labels: {team: web, tags: [a], x-y: z}}
spec:
  service: shop
  indicator:
    metadata: {name: pages}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: prometheus, spec: {query: 'hits_total{code=~\"5..\"}'}}}
        total: {metricSource: {type: prometheus, spec: {query: sum(hits_total)}}}
  timeWindow: [{duration: 1M, calendar: {startTime: '2026-01-01 00:00:00', timeZone: UTC}}]
  budgetingMethod: Timeslices
  objectives: [{targetPercent: 99, timeSliceTarget: 0.9, timeSliceWindow: 5}]
";

#[test]
fn openslo() {
    let (slos, warnings) = load_with(&[OPENSLO], &Options::default());
    insta::assert_snapshot!(printed(&slos));
    assert_eq!(warnings, []);
    let options = Options { like: Like::Sloth, ..Options::default() };
    let (slos, _) = load_with(&[OPENSLO], &options);
    let alerts = slos.groups.iter().flat_map(|group| &group.rules);
    assert_eq!(alerts.filter(|rule| rule.kind.is_alerting()).count(), 0);
}

#[test]
fn pyrra() {
    let slo = |name: &str, spec: &str| {
        format!(
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\n\
             metadata: {{name: {name}, namespace: n, labels: {{pyrra.dev/team: x, other: y}}}}\n\
             spec: {{target: '99', window: 4w, indicator: {spec}}}\n"
        )
    };
    let files = [
        slo(
            "ratio",
            r#"{ratio: {errors: {metric: 'r_total{a="b",code=~"5.."}'}, total: {metric: 'r_total{a="b"}'}, grouping: [zone]}}"#,
        ),
        slo(
            "latency",
            r#"{latency: {success: {metric: 'l_bucket{le="0.1"}'}, total: {metric: l_count}}}"#,
        ),
        slo("native", "{latencyNative: {latency: 200ms, total: {metric: 'n{j!=\"k\"}'}}}"),
        slo("gauge", "{bool_gauge: {metric: 'up{job=\"j\"}'}}"),
    ];
    let texts: Vec<&str> = files.iter().map(String::as_str).collect();
    let (slos, _) = load_with(&texts, &Options::default());
    insta::assert_snapshot!(printed(&slos));
    let asked: Vec<String> =
        slos.tracked.iter().map(|t| format!("{}: {}", t.id, t.period_errors)).collect();
    insta::assert_snapshot!(asked.join("\n"));
    let fast = texts[1].replace("window: 4w", "window: 4w, performanceOverAccuracy: true");
    let (slos, _) = load_with(&[&fast], &Options::default());
    insta::assert_snapshot!(printed(&slos).lines().take(12).collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_mistake_at_once() {
    let sloth = "
version: prometheus/v1
servce: a
slos:
  - name: -a
    objective: 101
    sli:
      plugin: {id: x}
    alerting: {labels: {a-b: c}}
  - name: b
    objective: 99
    sli: {events: {error_query: 'sum(', total_query: 'rate(x[{{.window}}]) + {{.other}}'}}
    alerting: {name: B}
";
    let openslo = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: s
  indicatorRef: nobody
  timeWindow: [{duration: 5x}]
  budgetingMethod: Sometimes
  objectives: [{target: 1.5}]
  alertPolicies: [nobody, {conditionRef: x}]
---
apiVersion: openslo/v1
kind: Thing
metadata: {name: a}
spec: {}
";
    let pyrra = "
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: p}
spec: {target: '0', window: 4x, indicator: {latency: {success: {metric: 'a{le=\"x\"}'}, total: {metric: 'rate(a[5m])'}}}}
---
kind: Other
---
a: [
";
    insta::assert_snapshot!([refused(&[sloth]), refused(&[openslo]), refused(&[pyrra])].concat());
    let pyrra = pyrra.replace("---\na: [\n", "");
    insta::assert_snapshot!(
        [refused(&[&pyrra]), refused(&[SLOTH, SLOTH]), refused(&[""])].concat()
    );
}

/// What ships is read without a word, and its rules without another.
#[test]
fn shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/slo");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (slos, warnings) = load_with(&[&text], &Options::default());
        assert_eq!(warnings, [], "{}", path.display());
        assert!(!printed(&slos).is_empty());
        let told = |groups: &[crate::Group]| {
            let rules = groups.iter().flat_map(|group| {
                let rules = group.rules.iter();
                rules.map(|r| {
                    (
                        group.name.clone(),
                        r.name.clone(),
                        r.expr.clone(),
                        r.labels.clone(),
                        r.kind.clone(),
                    )
                })
            });
            rules.collect::<Vec<_>>()
        };
        let printed = Arc::new(Source { name: "rules.yaml".to_owned(), text: slos.to_yaml() });
        let read = crate::file::read(&printed, &crate::file::Options::default()).unwrap();
        assert_eq!(told(&read.groups), told(&slos.groups));
    }
}

proptest::proptest! {
    /// Whatever is cut out of or put into a file, it is read or refused.
    #[test]
    fn never_panics(
        which in 0..3_usize,
        at in 0..4000_usize,
        cut in 0..40_usize,
        put in "[-a-z0-9:{}\\[\\]'\", .\n]{0,12}",
    ) {
        let text = [SHOP, SLOTH, OPENSLO][which];
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + cut).min(text.len()));
        let changed = format!("{}{put}{}", &text[..start], &text[end..]);
        if let Ok((slos, _)) = load_all(sources(&[&changed]), &Options::default()) {
            // What is made of it parses.
            printed(&slos);
        }
    }
}

/// Sloth's texts with their line breaks.
#[test]
fn texts_of_sloth() {
    let events = SLOTH.replace(
        "{raw: {error_ratio_query: 'avg_over_time(bad_ratio[{{.window}}])'}}",
        "{events: {error_query: 'sum(bad[{{.window}}:])', total_query: 'sum(all[{{ .window }}:])'}}",
    );
    let events = events.replace("sum(", "sum_over_time(");
    let openslo = "
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: a}
spec:
  service: s
  budgetingMethod: Occurrences
  timeWindows: [{count: 28, unit: Day}]
  objectives:
    - ratioMetrics:
        good: {source: prometheus, queryType: promql, query: 'rate(good[{{.window}}])'}
        total: {source: prometheus, queryType: promql, query: 'rate(all[{{.window}}])'}
      target: 0.999
";
    let (slos, _) = load_with(&[&events, openslo], &Options::default());
    let text = |group: usize, rule: usize| slos.groups[group].rules[rule].expr.as_str();
    assert_eq!(text(0, 0), "(sum_over_time(bad[5m:]))\n/\n(sum_over_time(all[5m:]))\n");
    assert_eq!(
        text(3, 0),
        "(\n  1 - (\n    (\n      rate(good[5m])\n    )\n    /\n    (\n      rate(all[5m])\n    )\n  )\n)"
    );
    assert_eq!(text(4, 0), "vector(0.9990000000000001)");
}

/// Names of the alerts of groups that fire, with their severity, after twenty minutes of these series.
fn firing(groups: Vec<Group>, series: &[(&str, &str)]) -> Vec<(String, String)> {
    const STEP: i64 = 60_000;
    let mut source = MemorySource::default();
    for (labels, values) in series {
        let line = notation::parse_series(&format!("{labels} {values}")).unwrap();
        for (time, value) in (0..).step_by(STEP as usize).zip(line.values) {
            source.append(&line.labels, time, value.unwrap()).unwrap();
        }
    }
    let mut engine = Engine::new(engine::Options::default());
    engine.step(Timestamp::UNIX_EPOCH, Input::Reload(groups));
    for minute in 1..=20 {
        let now = Timestamp::from_millisecond(minute * STEP).unwrap();
        let mut inputs = vec![Input::Tick];
        while let Some(input) = inputs.pop() {
            for effect in engine.step(now, input) {
                match effect {
                    Effect::Ask(question) => {
                        let engine::Subject::Expr(expr, _) = &question.subject else { panic!() };
                        let at = question.at.as_millisecond();
                        let answer = eval_instant(expr, &source, at, &Default::default());
                        let answer = answer.map(|evaluated| Answer::Value(evaluated.value));
                        let answer = answer.map_err(|error| error.to_string());
                        assert!(answer.is_ok(), "{answer:?}");
                        inputs.push(Input::Answer(question.id, answer));
                    }
                    Effect::Write { samples, .. } => {
                        for sample in samples {
                            source.append(&sample.labels, sample.time, sample.value).unwrap();
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    let rules = engine.groups().flat_map(|group| group.rules());
    let alerts = rules.flat_map(|(rule, run)| run.alerts().map(move |alert| (rule, alert)));
    let firing = alerts.filter(|(_, alert)| alert.phase == Phase::Firing);
    let named =
        firing.map(|(rule, alert)| (rule.name.clone(), alert.labels.value("severity").to_owned()));
    let mut named: Vec<_> = named.collect();
    named.sort();
    named.dedup();
    named
}

#[test]
fn the_founding_objectives_load_and_each_of_their_alerts_fires() {
    let (slos, warnings) = load_with(&[FOUNDING], &Options::default());
    assert_eq!(warnings, []);
    let alerting = slos.groups.iter().flat_map(|group| &group.rules);
    let alerting = alerting.filter(|rule| rule.kind.is_alerting());
    let mut all: Vec<_> =
        alerting.map(|rule| (rule.name.clone(), rule.labels["severity"].clone())).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 7, "{all:?}");
    // Every second request fails, most for lack of room, and as many are slow.
    let failing = [
        (r#"http_requests_total{code="200"}"#, "0+600x20"),
        (r#"http_requests_total{code="500"}"#, "0+60x20"),
        (r#"http_requests_total{code="503"}"#, "0+540x20"),
        (r#"http_request_duration_seconds_bucket{le="0.2"}"#, "0+600x20"),
        ("http_request_duration_seconds_count", "0+1200x20"),
    ];
    assert_eq!(firing(slos.groups.clone(), &failing), all);
    // One of ten thousand fails or is slow.
    let well = [
        (r#"http_requests_total{code="200"}"#, "0+9999x20"),
        (r#"http_requests_total{code="503"}"#, "0+1x20"),
        (r#"http_request_duration_seconds_bucket{le="0.2"}"#, "0+9999x20"),
        ("http_request_duration_seconds_count", "0+10000x20"),
    ];
    assert_eq!(firing(slos.groups, &well), []);
}
