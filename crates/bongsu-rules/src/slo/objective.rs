//! What every format but Pyrra's is read into.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_model::Place;

/// One objective.
#[derive(Clone, Debug)]
pub(crate) struct Objective {
    /// Unique: service and name.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) description: String,
    /// Above 0, at most 100.
    pub(crate) percent: f64,
    /// Labels of recorded series.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) indicator: Indicator,
    pub(crate) period: Period,
    /// The alert somebody is woken for; `None`: not wanted.
    pub(crate) page: Option<AlertText>,
    /// The alert that can wait until the morning.
    pub(crate) ticket: Option<AlertText>,
    /// Alerts with one window each.
    pub(crate) conditions: Vec<BurnCondition>,
    /// Alerts of burn rates hold only over so many events in their long window.
    pub(crate) min_events: Option<f64>,
    pub(crate) policy: Vec<PolicyStep>,
    /// How often its groups are evaluated.
    pub(crate) intervals: Intervals,
    /// Whether windows without traffic are left out instead of being a division by zero.
    pub(crate) guarded: bool,
    /// Whether its queries are in the dialect of VictoriaMetrics.
    pub(crate) metricsql: bool,
    /// Data source its queries are for.
    pub(crate) datasource: Option<String>,
    /// What the info series says: the specification, and how Sloth was run for it.
    pub(crate) spec: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) place: Option<Place>,
}

/// Queries; `{{.window}}` stands for the window.
#[derive(Clone, Debug)]
pub(crate) enum Indicator {
    /// Bad events and all events.
    Events { error: String, total: String },
    /// The ratio of bad events.
    Raw { error_ratio: String },
}

/// What an alert says beside what is computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlertText {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An alert on the burn rate of one window.
#[derive(Clone, Debug)]
pub(crate) struct BurnCondition {
    pub(crate) text: AlertText,
    /// `>`, `>=`, `<`, `<=`.
    pub(crate) op: &'static str,
    /// Burn rate.
    pub(crate) threshold: f64,
    pub(crate) lookback: Duration,
    /// How long it must hold.
    pub(crate) hold: Duration,
    /// Also when there is no data.
    pub(crate) no_data: bool,
    /// Also while the burn rate breaches; false leaves only `no_data`.
    pub(crate) breaching: bool,
}

/// Evaluation intervals of the three groups; `None`: the default of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Intervals {
    pub(crate) indicator: Option<Duration>,
    pub(crate) metadata: Option<Duration>,
    pub(crate) alert: Option<Duration>,
}

/// What happens when less than a share of the error budget remains.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyStep {
    /// Share of the budget; 0 when it is used up.
    pub remaining_below: f64,
    /// Names of what to do: `page`, `freeze_deploys`, `workflow:NAME`.
    pub actions: Vec<String>,
}

/// The time over which an objective is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// The last so long.
    Rolling(Duration),
    /// From the beginning of a day, week, month, quarter or year.
    Calendar {
        /// Which.
        unit: CalendarUnit,
        /// IANA name; `None` is UTC.
        zone: Option<String>,
    },
}

/// Units of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// From the first of January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

impl CalendarUnit {
    /// `day`, `week`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The one with this name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year]
            .into_iter()
            .find(|unit| unit.name() == name)
    }

    /// Its length for burn rates; a month has 30 days.
    pub fn nominal(self) -> Duration {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 91,
            Self::Year => 365,
        };
        Duration::from_secs(days * 86_400)
    }

    /// The longest it can be.
    pub(crate) fn longest(self) -> Duration {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
            Self::Year => 366,
        };
        Duration::from_secs(days * 86_400)
    }

    /// PromQL of the seconds of the present one.
    pub(crate) fn length(self) -> &'static str {
        match self {
            Self::Day => "vector(86400)",
            Self::Week => "vector(604800)",
            Self::Month => "days_in_month() * 86400",
            Self::Quarter => concat!(
                "86400 * (90 + (month() >= bool 4) + (month() >= bool 7)",
                " + (month() < bool 4) * (year() % 4 == bool 0))",
            ),
            Self::Year => "86400 * (365 + (year() % 4 == bool 0))",
        }
    }

    /// PromQL of the instant the present one began at, in UTC. Weeks begin on Monday; the first of
    /// 1970 was the 5th. Leap years by fours are right from 1901 to 2099.
    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Day => "vector(time() - time() % 86400)",
            Self::Week => "vector(time() - (time() - 345600) % 604800)",
            Self::Month => "time() - time() % 86400 - (day_of_month() - 1) * 86400",
            Self::Quarter => concat!(
                "time() - time() % 86400 - (day_of_year() - 1) * 86400",
                " + 86400 * (90 * (month() >= bool 4) + 91 * (month() >= bool 7)",
                " + 92 * (month() >= bool 10) + (month() >= bool 4) * (year() % 4 == bool 0))",
            ),
            Self::Year => "time() - time() % 86400 - (day_of_year() - 1) * 86400",
        }
    }
}

impl Period {
    /// Its length for burn rates.
    pub fn nominal(&self) -> Duration {
        match self {
            Self::Rolling(length) => *length,
            Self::Calendar { unit, .. } => unit.nominal(),
        }
    }

    /// `30d`, or `month`.
    pub fn label(&self) -> String {
        match self {
            Self::Rolling(length) => duration::print(*length),
            Self::Calendar { unit, .. } => unit.name().to_owned(),
        }
    }
}

/// An objective as reports need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// Unique among what is loaded.
    pub id: String,
    /// Its service, or the namespace of the object.
    pub service: String,
    /// Its own name.
    pub name: String,
    /// What the file says of it.
    pub description: String,
    /// Above 0, at most 100.
    pub percent: f64,
    /// What it is kept over.
    pub period: Period,
    /// PromQL: the ratio of errors in the period.
    pub period_errors: String,
    /// PromQL: ratios of errors in shorter windows, shortest first.
    pub window_errors: Vec<(Duration, String)>,
    /// How its events are counted, if they are.
    pub events: Option<EventCount>,
    /// What happens as the budget shrinks.
    pub policy: Vec<PolicyStep>,
    /// Names of the groups made of it.
    pub groups: Vec<String>,
    /// The file it is in.
    pub file: Arc<str>,
    /// Where it is defined.
    pub place: Option<Place>,
}

/// PromQL that counts the events of a period; `{{.window}}` stands for what of it has passed.
#[derive(Clone, Debug, PartialEq)]
pub enum EventCount {
    /// All of them.
    Total(String),
    /// Those of a second, on average.
    PerSecond(String),
}
