//! Recording and alert rules of an objective, in the words of Sloth.
//!
//! In: an [`Objective`] and its windows. Out: groups of indicator, metadata and alert rules, and of
//! the error budget's policy. Texts and labels are those dashboards for Sloth ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;

use crate::rule::{Group, Language, Rule};

use super::made;
use super::number::go_float;
use super::objective::{
    AlertText, BurnCondition, EventCount, Indicator, Objective, Period, Tracked,
};
use super::query::with_window;
use super::{AlertWindows, BurnWindow, Like, Options};

type Labels = BTreeMap<String, String>;

/// The groups of an objective; those without rules are left out.
pub(crate) fn groups(
    objective: &Objective,
    windows: &AlertWindows,
    options: &Options,
    file: &str,
) -> Vec<Group> {
    let maker = Maker::new(objective, windows, options);
    let intervals = objective.intervals;
    let parts = [
        ("sli-recordings", intervals.indicator, maker.indicator()),
        ("meta-recordings", intervals.metadata, maker.metadata()),
        ("alerts", intervals.alert, maker.alerts()),
        ("budget-policy", intervals.alert, maker.policy()),
    ];
    let file: Arc<str> = file.into();
    parts
        .into_iter()
        .filter(|(.., rules)| !rules.is_empty())
        .map(|(part, interval, rules)| {
            let name = format!("sloth-slo-{part}-{}", objective.id);
            let group = made::group(name, &file, interval, rules, objective.place.as_ref());
            let mut options = group.options.clone();
            if objective.metricsql {
                options.language = Language::MetricsQl;
            }
            Group { datasource: objective.datasource.clone(), options, ..group }
        })
        .collect()
}

/// What reports ask; `file` and `groups` are those of its rules.
pub(crate) fn tracked(
    objective: &Objective,
    windows: &AlertWindows,
    file: &str,
    groups: &[Group],
) -> Tracked {
    let filter = filter(objective);
    let errors = |label: &str| format!("slo:sli_error:ratio_rate{label}{filter}");
    Tracked {
        id: objective.id.clone(),
        service: objective.service.clone(),
        name: objective.name.clone(),
        description: objective.description.clone(),
        percent: objective.percent,
        period: objective.period.clone(),
        period_errors: errors(&period_suffix(&objective.period)),
        window_errors: windows
            .lengths()
            .into_iter()
            .map(|length| (length, errors(&duration::print(length))))
            .collect(),
        events: events(objective, windows),
        policy: objective.policy.clone(),
        groups: groups.iter().map(|group| group.name.clone()).collect(),
        file: file.into(),
        place: objective.place.clone(),
    }
}

/// Events are recorded where alerts depend on how many there are.
fn events(objective: &Objective, windows: &AlertWindows) -> Option<EventCount> {
    let counted = matches!(objective.indicator, Indicator::Events { .. });
    objective.min_events.filter(|_| counted)?;
    let pairs = windows.page.iter().chain(&windows.ticket);
    let shortest = pairs.map(|pair| pair.long).min()?;
    Some(EventCount::PerSecond(format!(
        "avg_over_time(slo:sli_total:events{}{}[{{{{.window}}}}]) / {}",
        duration::print(shortest),
        filter(objective),
        shortest.as_secs()
    )))
}

/// Labels that tell the series of an objective from others, as a selector.
fn filter(objective: &Objective) -> String {
    format!(
        "{{sloth_id={:?}, sloth_service={:?}, sloth_slo={:?}}}",
        objective.id, objective.service, objective.name
    )
}

/// `30d`, `_month`: what the name of the period's series ends in.
fn period_suffix(period: &Period) -> String {
    match period {
        Period::Rolling(_) => period.label(),
        Period::Calendar { .. } => format!("_{}", period.label()),
    }
}

struct Maker<'a> {
    objective: &'a Objective,
    windows: &'a AlertWindows,
    options: &'a Options,
    filter: String,
    /// Of every recorded series.
    labels: Labels,
    /// The shortest window of all, which the others are summed up from.
    shortest: String,
}

impl<'a> Maker<'a> {
    fn new(objective: &'a Objective, windows: &'a AlertWindows, options: &'a Options) -> Self {
        let identity = [
            ("sloth_id", &objective.id),
            ("sloth_service", &objective.service),
            ("sloth_slo", &objective.name),
        ];
        let mut labels: Labels =
            identity.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        labels.extend(options.labels.clone());
        labels.extend(objective.labels.clone());
        Self {
            objective,
            windows,
            options,
            filter: filter(objective),
            labels,
            shortest: duration::print(windows.page[0].short),
        }
    }

    fn record(&self, name: impl Into<String>, expr: String, extra: &[(&str, &str)]) -> Rule {
        let mut labels = self.labels.clone();
        labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        made::recording(name, expr, labels, self.objective.place.as_ref())
    }

    fn alert(&self, text: AlertText, expr: String, hold: Duration) -> Rule {
        made::alerting(text, expr, hold, self.objective.place.as_ref())
    }

    /// Alert conditions that are made.
    fn conditions(&self) -> &'a [BurnCondition] {
        match self.options.like {
            Like::Bongsu => &self.objective.conditions,
            Like::Sloth => &[],
        }
    }

    fn indicator(&self) -> Vec<Rule> {
        let mut lengths = self.windows.lengths();
        lengths.extend(self.conditions().iter().map(|condition| condition.lookback));
        lengths.sort_unstable();
        lengths.dedup();
        let mut rules: Vec<Rule> =
            lengths.iter().map(|length| self.ratio(&duration::print(*length))).collect();
        match &self.objective.period {
            Period::Rolling(length) if lengths.contains(length) => {}
            _ => rules.extend(self.period()),
        }
        if self.objective.min_events.is_some() {
            let pairs = self.windows.page.iter().chain(&self.windows.ticket);
            let mut longs: Vec<Duration> = pairs.map(|pair| pair.long).collect();
            longs.sort_unstable();
            longs.dedup();
            rules.extend(longs.into_iter().filter_map(|long| self.events(long)));
        }
        rules
    }

    fn ratio(&self, window: &str) -> Rule {
        let expr = match &self.objective.indicator {
            Indicator::Raw { error_ratio } => format!("({})", with_window(error_ratio, window)),
            Indicator::Events { error, total } => {
                let (error, total) = (with_window(error, window), with_window(total, window));
                if self.objective.guarded {
                    // No error series: no errors. No events: no ratio, rather than 0/0.
                    format!("(({error}) or ({total}) * 0)\n/\n(({total}) > 0)\n")
                } else {
                    format!("({error})\n/\n({total})\n")
                }
            }
        };
        let name = format!("slo:sli_error:ratio_rate{window}");
        self.record(name, expr, &[("sloth_window", window)])
    }

    /// The ratio of the period, from recorded ones of shorter windows.
    fn period(&self) -> Vec<Rule> {
        let filter = &self.filter;
        let label = self.objective.period.label();
        let mut rules = Vec::new();
        let expr = match &self.objective.period {
            Period::Rolling(_) => {
                let range = format!("slo:sli_error:ratio_rate{}{filter}[{label}]", self.shortest);
                format!(
                    "sum_over_time({range})\n/ ignoring (sloth_window)\ncount_over_time({range})\n"
                )
            }
            Period::Calendar { unit, .. } => {
                let start = format!("slo:period_start:timestamp_seconds{filter}");
                rules.push(self.record(
                    "slo:period_start:timestamp_seconds",
                    unit.start().to_owned(),
                    &[],
                ));
                // Windows one after the other, as long as leaves some thousand of them.
                let lengths = self.windows.lengths();
                let fits = |length: &&Duration| **length * 1000 <= unit.longest();
                let step =
                    lengths.iter().rfind(fits).copied().unwrap_or(self.windows.page[0].short);
                let (step, longest) = (duration::print(step), duration::print(unit.longest()));
                format!(
                    "avg_over_time((\n  slo:sli_error:ratio_rate{step}{filter}\n  \
                     and on(sloth_id, sloth_slo, sloth_service)\n  \
                     ({start} == {start} @ end())\n)[{longest}:{step}])\n"
                )
            }
        };
        let name = format!("slo:sli_error:ratio_rate{}", period_suffix(&self.objective.period));
        rules.push(self.record(name, expr, &[("sloth_window", &label)]));
        rules
    }

    /// How many events a window had.
    fn events(&self, long: Duration) -> Option<Rule> {
        let Indicator::Events { total, .. } = &self.objective.indicator else { return None };
        let window = duration::print(long);
        let query = with_window(total, &window);
        let per_second = query.contains("rate(");
        let expr = match per_second {
            true => format!("({query}) * {}", long.as_secs()),
            false => query,
        };
        let name = format!("slo:sli_total:events{window}");
        Some(self.record(name, expr, &[("sloth_window", &window)]))
    }

    fn metadata(&self) -> Vec<Rule> {
        let (objective, filter) = (self.objective, &self.filter);
        let ratio = go_float(objective.percent / 100.0);
        let days = go_float(objective.period.nominal().as_secs_f64() / 3600.0 / 24.0);
        let burn = |window: &str| {
            format!(
                "slo:sli_error:ratio_rate{window}{filter}\n\
                 / on(sloth_id, sloth_slo, sloth_service) group_left\n\
                 slo:error_budget:ratio{filter}\n"
            )
        };
        let period = period_suffix(&objective.period);
        let percent = objective.percent.to_string();
        let info = [
            ("sloth_version", self.options.version.as_str()),
            ("sloth_mode", objective.mode),
            ("sloth_spec", objective.spec),
            ("sloth_objective", percent.as_str()),
        ];
        vec![
            self.record("slo:objective:ratio", format!("vector({ratio})"), &[]),
            self.record("slo:error_budget:ratio", format!("vector(1-{ratio})"), &[]),
            self.record("slo:time_period:days", format!("vector({days})"), &[]),
            self.record("slo:current_burn_rate:ratio", burn(&self.shortest), &[]),
            self.record("slo:period_burn_rate:ratio", burn(&period), &[]),
            self.record("slo:period_error_budget_remaining:ratio", self.remaining(), &[]),
            self.record("sloth_slo_info", "vector(1)".to_owned(), &info),
        ]
    }

    /// The share of the budget that is left. Of a calendar's period only the part that has passed
    /// can have used it.
    fn remaining(&self) -> String {
        let filter = &self.filter;
        let burn = format!("1 - slo:period_burn_rate:ratio{filter}");
        match &self.objective.period {
            Period::Rolling(_) => burn,
            Period::Calendar { unit, .. } => format!(
                "{burn}\n* on(sloth_id, sloth_slo, sloth_service) group_left()\n\
                 (time() - slo:period_start:timestamp_seconds{filter})\n/ scalar({})\n",
                unit.length()
            ),
        }
    }

    fn alerts(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        let severities = [
            ("page", &self.objective.page, &self.windows.page),
            ("ticket", &self.objective.ticket, &self.windows.ticket),
        ];
        for (severity, text, pairs) in severities {
            let Some(text) = text else { continue };
            let label = |name: &str| format!("{{{{$labels.sloth_{name}}}}}");
            let who = format!("{} {} SLO error budget", label("service"), label("slo"));
            let mut full = AlertText {
                name: text.name.clone(),
                labels: [("sloth_severity".to_owned(), severity.to_owned())].into(),
                annotations: [
                    ("title".to_owned(), format!("({severity}) {who} burn rate is too fast.")),
                    ("summary".to_owned(), format!("{who} burn rate is over expected.")),
                ]
                .into(),
            };
            full.labels.extend(text.labels.clone());
            full.annotations.extend(text.annotations.clone());
            rules.push(self.alert(full, self.burning(pairs), Duration::ZERO));
        }
        rules.extend(self.conditions().iter().flat_map(|condition| self.condition(condition)));
        rules
    }

    /// Both windows of either pair are over the rate of the pair.
    fn burning(&self, pairs: &[BurnWindow; 2]) -> String {
        let budget = go_float((100.0 - self.objective.percent) / 100.0);
        let mut alternatives = Vec::new();
        for pair in pairs {
            let factor = go_float(pair.factor(self.windows.period));
            let over = |length: Duration| {
                let (window, filter) = (duration::print(length), &self.filter);
                format!(
                    "    max(slo:sli_error:ratio_rate{window}{filter} > ({factor} * {budget})) \
                     without (sloth_window)\n"
                )
            };
            let mut all = format!("{}    and\n{}", over(pair.short), over(pair.long));
            if let Some(least) = self.objective.min_events {
                let (window, filter) = (duration::print(pair.long), &self.filter);
                all += &format!(
                    "    and\n    max(slo:sli_total:events{window}{filter} >= {}) \
                     without (sloth_window)\n",
                    go_float(least)
                );
            }
            alternatives.push(format!("(\n{all})\n"));
        }
        alternatives.join("or\n")
    }

    fn condition(&self, condition: &BurnCondition) -> Vec<Rule> {
        let (window, filter) = (duration::print(condition.lookback), &self.filter);
        let series = format!("slo:sli_error:ratio_rate{window}{filter}");
        let mut rules = Vec::new();
        if condition.breaching {
            let budget = go_float((100.0 - self.objective.percent) / 100.0);
            let (op, threshold) = (condition.op, go_float(condition.threshold));
            let expr =
                format!("max({series} {op} ({threshold} * {budget})) without (sloth_window)");
            rules.push(self.alert(condition.text.clone(), expr, condition.hold));
        }
        if condition.no_data {
            let mut text = condition.text.clone();
            text.name.push_str("NoData");
            rules.push(self.alert(text, format!("absent({series})"), condition.hold));
        }
        rules
    }

    /// An alert for each step of the policy, which workflows can be started by.
    fn policy(&self) -> Vec<Rule> {
        let step = |step: &super::PolicyStep| {
            let page = step.actions.iter().any(|action| action == "page");
            let below = go_float(step.remaining_below);
            let labels = [
                ("actions", step.actions.join(",")),
                ("remaining_below", below.clone()),
                ("severity", if page { "critical" } else { "warning" }.to_owned()),
            ];
            let text = AlertText {
                name: "ErrorBudgetPolicy".to_owned(),
                labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
                annotations: [(
                    "summary".to_owned(),
                    "{{ $labels.sloth_service }} {{ $labels.sloth_slo }}: \
                     {{ $value | humanizePercentage }} of the error budget remains."
                        .to_owned(),
                )]
                .into(),
            };
            let series = format!("slo:period_error_budget_remaining:ratio{}", self.filter);
            // Used up means nothing left, not less than nothing.
            let op = if step.remaining_below == 0.0 { "<=" } else { "<" };
            self.alert(text, format!("{series} {op} {below}"), Duration::ZERO)
        };
        match self.options.like {
            Like::Bongsu => self.objective.policy.iter().map(step).collect(),
            Like::Sloth => Vec::new(),
        }
    }
}
