//! The whole configuration and its printed form.

use bongsu_lang::yaml::{self, Value};

use super::global::GlobalConfig;
use super::inhibit::InhibitRule;
use super::intervals::NamedIntervals;
use super::observe::{EventRecorderConfig, TracingConfig};
use super::receivers::Receiver;
use super::route::Route;
use crate::settings::Setting;

/// A valid configuration: receivers are complete, every name a route uses exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Defaults of receivers.
    pub global: GlobalConfig,
    /// Root of the routing tree; has a receiver, no matchers and no `continue`.
    pub route: Route,
    /// In file order; names are unique.
    pub receivers: Vec<Receiver>,
    /// In file order; `None` is a null entry, which inhibits nothing.
    pub inhibit_rules: Vec<Option<InhibitRule>>,
    /// File patterns of templates, absolute if the configuration's directory is known.
    pub templates: Vec<String>,
    /// Old twin of `time_intervals`, sharing its names.
    pub mute_time_intervals: Vec<NamedIntervals>,
    /// Named intervals.
    pub time_intervals: Vec<NamedIntervals>,
    /// Tracing, if configured.
    pub tracing: Option<TracingConfig>,
    /// Event recorder outputs.
    pub event_recorder: EventRecorderConfig,
}

impl Config {
    /// The receiver with that name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Intervals of both lists; names are unique across them.
    pub fn named_intervals(&self) -> impl Iterator<Item = &NamedIntervals> {
        self.mute_time_intervals.iter().chain(&self.time_intervals)
    }
}

/// The configuration as `/api/v2/status` shows it: defaults and inherited values filled in,
/// secrets as `<secret>`. As with Alertmanager it loads again, except where Slack app tokens have
/// filled in a second way to authenticate or a receiver was a null entry.
pub fn effective_yaml(config: &Config) -> String {
    let mut pairs = vec![
        (Value::from("global"), config.global.write()),
        (Value::from("route"), config.route.write()),
    ];
    let mut add = |key: &str, list: Vec<Value>| {
        if !list.is_empty() {
            pairs.push((Value::from(key), Value::List(list)));
        }
    };
    // A null rule is printed as an empty one, which inhibits as little.
    let rule = |rule: &Option<InhibitRule>| {
        rule.as_ref().map_or_else(|| Value::Map(Vec::new()), Setting::write)
    };
    add("inhibit_rules", config.inhibit_rules.iter().map(rule).collect());
    add("receivers", config.receivers.iter().map(Receiver::write).collect());
    pairs.push((Value::from("templates"), config.templates.write()));
    let mut add = |key: &str, value: &dyn Fn() -> Value, present: bool| {
        if present {
            pairs.push((Value::from(key), value()));
        }
    };
    let (mute, intervals) = (&config.mute_time_intervals, &config.time_intervals);
    add("mute_time_intervals", &|| mute.write(), !mute.is_empty());
    add("time_intervals", &|| intervals.write(), !intervals.is_empty());
    add("tracing", &|| config.tracing.write(), config.tracing.is_some());
    let recorder = &config.event_recorder;
    add("event_recorder", &|| recorder.write(), !recorder.is_zero());
    yaml::emit(&Value::Map(pairs))
}
