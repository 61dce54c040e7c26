//! Rules of a Pyrra object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;

use crate::rule::{Group, Rule};

use super::super::made;
use super::super::number::go_float;
use super::super::objective::{AlertText, EventCount, Period, Tracked};
use super::super::selector::{Matcher, Selector};
use super::{Indicator, Slo};

type Labels = BTreeMap<String, String>;

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A pair of windows.
struct Burn {
    hold: Duration,
    short: Duration,
    long: Duration,
    factor: u32,
}

/// The four pairs, as parts of 28 days of the window, to whole minutes.
fn burns(window: Duration) -> [Burn; 4] {
    let part = |parts: u32| {
        let minutes = (window.as_secs_f64() / f64::from(parts) / 60.0).round();
        Duration::from_secs((minutes * 60.0) as u64)
    };
    let hour = 28 * 24;
    let burn = |hold, short, long, factor| Burn {
        hold: part(hold),
        short: part(short),
        long: part(long),
        factor,
    };
    [
        burn(hour * 30, hour * 12, hour, 14),
        burn(hour * 4, hour * 2, hour / 6, 7),
        burn(hour, hour / 2, hour / 24, 2),
        burn(hour / 3, hour / 6, 7, 1),
    ]
}

/// The groups of an object.
pub(crate) fn groups(slo: &Slo, file: &str) -> Vec<Group> {
    let file: Arc<str> = file.into();
    let (short, long) = slo.increases();
    let slow = increase_interval(slo.window);
    let half_minute = Duration::from_secs(30);
    let parts = [
        ("-increase-short", half_minute, short),
        ("-increase", slow, long),
        ("", half_minute, slo.burnrates()),
        ("-generic", half_minute, slo.generic()),
    ];
    parts
        .into_iter()
        .filter(|(.., rules)| !rules.is_empty())
        .map(|(suffix, interval, rules)| {
            let name = format!("{}{suffix}", slo.name);
            made::group(name, &file, Some(interval), rules, slo.place.as_ref())
        })
        .collect()
}

/// The longer the window, the less often it is summed up.
fn increase_interval(window: Duration) -> Duration {
    let weeks = window.as_secs() / (7 * 86_400);
    Duration::from_secs(30 * (weeks + 1).min(8))
}

/// What reports ask; `file` and `groups` are those of its rules.
pub(crate) fn tracked(slo: &Slo, file: &str, groups: &[Group]) -> Tracked {
    let burns = burns(slo.window);
    let own = slo.own_matcher();
    let burnrate = |length: Duration| {
        Selector { name: slo.burnrate_name(length), matchers: vec![own.clone()] }.to_string()
    };
    let mut lengths: Vec<Duration> = burns.iter().flat_map(|b| [b.short, b.long]).collect();
    lengths.sort_unstable();
    lengths.dedup();
    Tracked {
        id: slo.identity(),
        service: slo.namespace.clone(),
        name: slo.name.clone(),
        description: slo.description.clone(),
        percent: slo.percent,
        period: Period::Rolling(slo.window),
        period_errors: format!("1 - ({})", slo.availability()),
        window_errors: lengths.iter().map(|length| (*length, burnrate(*length))).collect(),
        events: Some(EventCount::Total(slo.events())),
        policy: Vec::new(),
        groups: groups.iter().map(|group| group.name.clone()).collect(),
        file: file.into(),
        place: slo.place.clone(),
    }
}

/// `sum by (a, b) (inner)`
fn sum(grouping: &BTreeSet<String>, inner: &str) -> String {
    if grouping.is_empty() {
        return format!("sum({inner})");
    }
    let names: Vec<&str> = grouping.iter().map(String::as_str).collect();
    format!("sum by ({}) ({inner})", names.join(", "))
}

fn stripped(name: &str) -> &str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let name = name.strip_suffix("_count").unwrap_or(name);
    name.strip_suffix("_bucket").unwrap_or(name)
}

fn increase_name(name: &str, window: Duration) -> String {
    format!("{}:increase{}", stripped(name), duration::print(window))
}

impl Slo {
    fn burnrate_name(&self, window: Duration) -> String {
        let name = self.total().name.as_str();
        let name = name.strip_suffix("_total").unwrap_or(name);
        let name = name.strip_suffix("_count").unwrap_or(name);
        format!("{name}:burnrate{}", duration::print(window))
    }

    fn grouping(&self) -> BTreeSet<String> {
        self.grouping.iter().cloned().collect()
    }

    /// The labels every rule has.
    fn common(&self) -> Labels {
        let mut labels = Labels::from([("slo".to_owned(), self.name.clone())]);
        labels.extend(self.labels.clone());
        labels
    }

    /// With those that the series asked for have anyway, unless they are grouped by.
    fn rule_labels(&self, grouping: &BTreeSet<String>) -> Labels {
        let mut labels = self.common();
        let equal = self.total().matchers.iter().filter(|m| m.op == "=");
        labels.extend(equal.map(|m| (m.name.clone(), m.value.clone())));
        labels.retain(|name, _| !grouping.contains(name));
        labels
    }

    fn record(&self, name: impl Into<String>, expr: String, labels: &Labels) -> Rule {
        made::recording(name, expr, labels.clone(), self.place.as_ref())
    }

    fn alert(&self, name: &str, expr: String, labels: Labels, hold: Duration) -> Rule {
        let mut annotations = self.annotations.clone();
        annotations.extend(self.alerting.annotations.clone());
        let mut labels = labels;
        labels.extend(self.alerting.labels.clone());
        let text = AlertText { name: name.to_owned(), labels, annotations };
        made::alerting(text, expr, hold, self.place.as_ref())
    }

    /// The ratio of errors over a range.
    fn burnrate(&self, window: Duration) -> String {
        let by = self.grouping();
        let range = duration::print(window);
        let rate = |selector: &Selector| sum(&by, &format!("rate({selector}[{range}])"));
        let over_time = |function: &str, selector: &Selector| {
            sum(&by, &format!("{function}_over_time({selector}[{range}])"))
        };
        match &self.indicator {
            Indicator::Ratio { errors, total } => format!("{} / {}", rate(errors), rate(total)),
            Indicator::Latency { success, total } => {
                let (success, total) = (rate(success), rate(total));
                format!("({total} - {success}) / {total}")
            }
            Indicator::LatencyNative { total, latency } => {
                format!("1 - histogram_fraction(0, {}, {})", go_float(*latency), rate(total))
            }
            Indicator::BoolGauge { metric } => {
                let (count, sum) = (over_time("count", metric), over_time("sum", metric));
                format!("({count} - {sum}) / {count}")
            }
        }
    }

    fn burnrates(&self) -> Vec<Rule> {
        let burns = burns(self.window);
        let grouping = self.grouping();
        let labels = self.rule_labels(&grouping);
        let lengths: BTreeSet<Duration> = burns.iter().flat_map(|b| [b.short, b.long]).collect();
        let mut rules: Vec<Rule> = lengths
            .into_iter()
            .map(|length| self.record(self.burnrate_name(length), self.burnrate(length), &labels))
            .collect();
        if !self.alerting.burnrates {
            return rules;
        }
        let matchers = self.alert_matchers(&grouping);
        for (burn, severity) in burns.iter().zip(&self.alerting.severities) {
            let over = |length: Duration| {
                let (name, factor) = (self.burnrate_name(length), burn.factor);
                format!("{name}{{{matchers}}} > ({factor} * (1-{}))", self.target)
            };
            let mut labels = self.rule_labels(&grouping);
            let exhaustion = self.window.as_secs() / u64::from(burn.factor);
            labels.extend([
                ("short".to_owned(), duration::print(burn.short)),
                ("long".to_owned(), duration::print(burn.long)),
                ("severity".to_owned(), severity.clone()),
                ("exhaustion".to_owned(), duration::print(Duration::from_secs(exhaustion))),
            ]);
            let expr = format!("{} and {}", over(burn.short), over(burn.long));
            rules.push(self.alert(&self.alerting.name, expr, labels, burn.hold));
        }
        rules
    }

    /// Matchers of the recorded burn rates: those of the metric, unless a pattern that left its
    /// label out of the result, and the object's own.
    fn alert_matchers(&self, grouping: &BTreeSet<String>) -> String {
        let kept =
            self.total().matchers.iter().filter(|m| grouping.contains(&m.name) || !m.is_regex());
        let mut matchers: Vec<String> = kept.map(Matcher::to_string).collect();
        matchers.push(self.own_matcher().to_string());
        matchers.sort();
        matchers.join(",")
    }

    /// What the increases are grouped by: also every label that some selector leaves open.
    fn increase_grouping(&self) -> BTreeSet<String> {
        let mut grouping = self.grouping();
        let total = self.total();
        grouping.extend(total.matchers.iter().filter(|m| m.is_regex()).map(|m| m.name.clone()));
        match &self.indicator {
            Indicator::Ratio { errors: part, .. } | Indicator::Latency { success: part, .. } => {
                let known: BTreeSet<&str> =
                    total.matchers.iter().map(|m| m.name.as_str()).collect();
                let more = part.matchers.iter().map(|m| m.name.as_str());
                let more = more.filter(|name| !known.contains(name) && *name != "le");
                grouping.extend(more.map(str::to_owned));
            }
            Indicator::BoolGauge { metric } => {
                grouping.extend(metric.matchers.iter().map(|m| m.name.clone()));
            }
            Indicator::LatencyNative { .. } => {}
        }
        grouping
    }

    /// Rules over five minutes, and over the whole window.
    fn increases(&self) -> (Vec<Rule>, Vec<Rule>) {
        let grouping = self.increase_grouping();
        let labels = self.rule_labels(&grouping);
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let mut absent = Vec::new();
        for part in self.parts(&labels) {
            let expr = |range: Duration| {
                let inner =
                    format!("{}({}[{}])", part.function, part.metric, duration::print(range));
                match &part.around {
                    Some(around) => around.replace("$", &sum(&grouping, &inner)),
                    None => sum(&grouping, &inner),
                }
            };
            let name = |range: Duration| format!("{}{}", part.name, duration::print(range));
            if self.fast && part.around.is_none() {
                short.push(self.record(name(FIVE_MINUTES), expr(FIVE_MINUTES), &part.labels));
                // Totals and successes of a latency share a name; only successes have `le`.
                let empty = Matcher::equal("le", "");
                let more = if part.without_le { std::slice::from_ref(&empty) } else { &[] };
                let recorded = part.metric.renamed(&name(FIVE_MINUTES), more);
                let window = duration::print(self.window);
                let inner = format!("sum_over_time({recorded}[{window}:5m])");
                long.push(self.record(name(self.window), sum(&grouping, &inner), &part.labels));
            } else {
                long.push(self.record(name(self.window), expr(self.window), &part.labels));
            }
            if part.absent && self.alerting.absent {
                absent.push(self.absent(&part.metric, &part.labels));
            }
        }
        let place = if self.fast { &mut short } else { &mut long };
        place.extend(absent);
        (short, long)
    }

    fn absent(&self, metric: &Selector, labels: &Labels) -> Rule {
        let mut labels = labels.clone();
        labels.insert("severity".to_owned(), self.alerting.absent_severity.clone());
        let [first, ..] = burns(self.window);
        let expr = format!("absent({metric}) == 1");
        self.alert(&self.alerting.absent_name, expr, labels, first.hold)
    }

    /// What is counted over the window.
    fn parts(&self, labels: &Labels) -> Vec<Part> {
        let increase = |metric: &Selector| Part {
            name: format!("{}:increase", stripped(&metric.name)),
            function: "increase",
            metric: metric.clone(),
            labels: labels.clone(),
            around: None,
            absent: true,
            without_le: false,
        };
        let le = |bound: &str| {
            let mut labels = labels.clone();
            labels.insert("le".to_owned(), bound.to_owned());
            labels
        };
        match &self.indicator {
            Indicator::Ratio { errors, total } if errors.name == total.name => {
                vec![increase(total)]
            }
            Indicator::Ratio { errors, total } => vec![increase(total), increase(errors)],
            Indicator::Latency { success, total } => {
                let bound = success.matchers.iter().find(|m| m.name == "le");
                let bound = bound.map(|m| m.value.as_str()).unwrap_or_default();
                vec![
                    Part { without_le: true, ..increase(total) },
                    Part { labels: le(bound), ..increase(success) },
                ]
            }
            Indicator::LatencyNative { total, latency } => {
                let bound = go_float(*latency);
                let count = "histogram_count($)".to_owned();
                let fraction = format!("histogram_fraction(0, {bound}, $) * histogram_count($)");
                vec![
                    Part { around: Some(count), absent: false, ..increase(total) },
                    Part {
                        around: Some(fraction),
                        absent: false,
                        labels: le(&bound),
                        ..increase(total)
                    },
                ]
            }
            Indicator::BoolGauge { metric } => ["count", "sum"]
                .into_iter()
                .map(|what| Part {
                    name: format!("{}:{what}", metric.name),
                    function: if what == "sum" { "sum_over_time" } else { "count_over_time" },
                    absent: what == "count",
                    ..increase(metric)
                })
                .collect(),
        }
    }

    /// The ratio of good events in the window, of the recorded increases.
    fn availability(&self) -> String {
        let own = self.own_matcher();
        let recorded = |selector: &Selector, name: String, more: &[Matcher]| {
            let mut more = more.to_vec();
            more.push(own.clone());
            selector.renamed(&name, &more)
        };
        let no_le = Matcher::equal("le", "");
        match &self.indicator {
            Indicator::Ratio { errors, total } => {
                let errors = recorded(errors, increase_name(&errors.name, self.window), &[]);
                let total = recorded(total, increase_name(&total.name, self.window), &[]);
                format!("1 - sum({errors} or vector(0)) / sum({total})")
            }
            Indicator::Latency { success, total } => {
                let success = recorded(success, increase_name(&success.name, self.window), &[]);
                let total = recorded(total, increase_name(&total.name, self.window), &[no_le]);
                format!("sum({success} or vector(0)) / sum({total})")
            }
            Indicator::LatencyNative { total, latency } => {
                let le = Matcher::equal("le", &go_float(*latency));
                let name = increase_name(&total.name, self.window);
                let success = recorded(total, name.clone(), &[le]);
                let total = recorded(total, name, &[no_le]);
                format!("sum({success} or vector(0)) / sum({total})")
            }
            Indicator::BoolGauge { metric } => {
                let window = duration::print(self.window);
                let of =
                    |what: &str| recorded(metric, format!("{}:{what}{window}", metric.name), &[]);
                format!("sum({}) / sum({})", of("sum"), of("count"))
            }
        }
    }

    /// All events of the window, of the recorded increases.
    fn events(&self) -> String {
        let own = self.own_matcher();
        let (total, name, more) = match &self.indicator {
            Indicator::Ratio { total, .. } => {
                (total, increase_name(&total.name, self.window), vec![own])
            }
            Indicator::Latency { total, .. } | Indicator::LatencyNative { total, .. } => {
                let name = increase_name(&total.name, self.window);
                (total, name, vec![own, Matcher::equal("le", "")])
            }
            Indicator::BoolGauge { metric } => {
                let name = format!("{}:count{}", metric.name, duration::print(self.window));
                (metric, name, vec![own])
            }
        };
        format!("sum({})", total.renamed(&name, &more))
    }

    /// Series of the same names for all objects; none where one object stands for several
    /// objectives.
    fn generic(&self) -> Vec<Rule> {
        if !self.grouping.is_empty() {
            return Vec::new();
        }
        let mut labels = self.common();
        if self.description_label {
            labels.insert("description".to_owned(), self.description.clone());
        }
        let mut rules = vec![
            self.record("pyrra_objective", self.target.to_string(), &labels),
            self.record("pyrra_window", self.window.as_secs().to_string(), &labels),
            self.record("pyrra_availability", self.availability(), &labels),
        ];
        let rate = |selector: &Selector| format!("sum(rate({selector}[5m]))");
        let (requests, errors) = match &self.indicator {
            Indicator::Ratio { errors, total } => {
                (rate(total), format!("{} or vector(0)", rate(errors)))
            }
            Indicator::Latency { success, total } => {
                (rate(total), format!("{} - {}", rate(total), rate(success)))
            }
            // Rates of native histograms are no numbers.
            Indicator::LatencyNative { .. } => return rules,
            Indicator::BoolGauge { metric } => {
                let window = duration::print(self.window);
                let of = |what: &str| {
                    let name = format!("{}:{what}{window}", metric.name);
                    format!("sum({})", metric.renamed(&name, &[self.own_matcher()]))
                };
                (of("count"), format!("{} - {}", of("count"), of("sum")))
            }
        };
        rules.push(self.record("pyrra_requests:rate5m", requests, &labels));
        rules.push(self.record("pyrra_errors:rate5m", errors, &labels));
        rules
    }
}

/// One recorded count over the window.
struct Part {
    /// Without the window.
    name: String,
    function: &'static str,
    metric: Selector,
    labels: Labels,
    /// Put around the sum, which stands for `$`.
    around: Option<String>,
    /// Whether an alert says that it is gone.
    absent: bool,
    without_le: bool,
}
