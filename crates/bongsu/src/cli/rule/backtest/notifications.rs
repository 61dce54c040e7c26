//! Who would have been told how often: what rules send goes the way of alerts in virtual time.
//!
//! In: an `alertmanager.yml`, alerts as rules send them, in the order of time. Out: notifications of each
//! receiver after grouping, inhibition and time intervals. The one place of the command line where
//! engines are put together; every message arrives at once, and nobody has silenced anything.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager::Config;
use bongsu_model::{GroupFlush, Time, Timestamp};
use bongsu_notify::{FlushHashes, LogEntry, NotificationKey, NotificationLog};
use bongsu_route::accept::{PostedAlert, accept};
use bongsu_route::{
    Effect, GroupId, Plan, RouteEngine, Settings, SilenceLimits, Silences, Suppression,
};
use bongsu_rules::engine::SentAlert;
use serde::Serialize;

/// How often alerts that are over and entries of the log that have expired are forgotten.
const FORGET: Duration = Duration::from_secs(30 * 60);
/// How long an entry of the log is kept at most.
const RETENTION: Duration = Duration::from_secs(120 * 3600);

/// What became of all alerts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Told {
    /// By receiver; all of the configuration.
    pub(super) receivers: BTreeMap<Arc<str>, Tally>,
    /// Alerts left out of a notification, by what kept them back.
    pub(super) left_out: BTreeMap<&'static str, u64>,
}

/// How often a receiver was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Tally {
    /// Times a group told it something.
    pub(super) notifications: u64,
    /// Messages of each of its integrations.
    pub(super) messages: BTreeMap<String, u64>,
    /// Notifications by why they were sent.
    pub(super) reasons: BTreeMap<&'static str, u64>,
}

/// One integration of a receiver.
struct Integration {
    kind: Arc<str>,
    index: usize,
    send_resolved: bool,
}

/// Routing and notification of one replay.
pub(super) struct Notifications {
    route: RouteEngine,
    log: NotificationLog,
    receivers: HashMap<Arc<str>, Vec<Integration>>,
    resolve_timeout: Duration,
    effects: Vec<Effect>,
    forget_at: Timestamp,
    told: Told,
}

impl Notifications {
    /// Nothing has been told before `from`.
    pub(super) fn new(config: &Config, from: Timestamp) -> Self {
        let settings = Settings {
            keep_muted_resolutions: true,
            keep_timers_on_reload: true,
            start_at: from,
            per_name_limit: 0,
            gc_interval: FORGET,
        };
        let limits = SilenceLimits { max_silences: 0, max_bytes: 0, retention: RETENTION };
        let (mut receivers, mut told) = (HashMap::new(), Told::default());
        for receiver in config.receivers.iter().filter(|receiver| !receiver.name.is_empty()) {
            let name: Arc<str> = receiver.name.as_str().into();
            let integrations = receiver.integrations.iter().map(|entry| Integration {
                kind: entry.integration.kind().into(),
                index: entry.index,
                send_resolved: entry.integration.send_resolved(),
            });
            told.receivers.insert(Arc::clone(&name), Tally::default());
            receivers.insert(name, integrations.collect());
        }
        Self {
            route: RouteEngine::new(from, Plan::from(config), Silences::new(limits), settings),
            log: NotificationLog::new(),
            receivers,
            resolve_timeout: config.global.resolve_timeout,
            effects: Vec::new(),
            forget_at: from,
            told,
        }
    }

    /// Takes what a rule sends at an instant.
    pub(super) fn send(&mut self, now: Timestamp, alerts: &[SentAlert]) {
        // What is due at the same instant comes after it.
        self.advance(now);
        for sent in alerts {
            let posted = PostedAlert {
                labels: sent.labels.clone(),
                annotations: sent.annotations.clone(),
                generator_url: sent.generator_url.as_str().into(),
                starts_at: Some(Time::utc(sent.starts_at)),
                ends_at: Some(Time::utc(sent.ends_at)),
            };
            match accept(posted, now, self.resolve_timeout, |name| !name.is_empty()) {
                Ok(alert) => drop(self.route.put(now, alert, &mut self.effects)),
                Err(_) => *self.told.left_out.entry("invalid").or_default() += 1,
            }
        }
        self.settle(now);
    }

    /// What was told until the end.
    pub(super) fn finish(mut self, to: Timestamp) -> Told {
        self.advance(to.checked_add(Duration::from_nanos(1)).unwrap_or(to));
        self.told
    }

    /// Flushes all groups that are due before an instant, each at its own.
    fn advance(&mut self, before: Timestamp) {
        loop {
            let due = self.route.next_due();
            if due >= before {
                return;
            }
            self.route.tick(due, usize::MAX, &mut self.effects);
            self.settle(due);
            if self.forget_at <= due {
                self.log.gc(due);
                self.forget_at = due.checked_add(FORGET).unwrap_or(Timestamp::MAX);
            }
        }
    }

    fn settle(&mut self, now: Timestamp) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Flush { group, flush } => self.tell(now, group, &flush),
                    Effect::Suppressed { reason, alerts } => {
                        let count = self.told.left_out.entry(word(reason)).or_default();
                        *count += alerts as u64;
                    }
                    Effect::SaveGroup(_) | Effect::DropGroup { .. } | Effect::Forgotten(_) => {}
                }
            }
        }
    }

    fn tell(&mut self, now: Timestamp, group: GroupId, flush: &GroupFlush) {
        let mut why = None;
        for integration in self.receivers.get(&flush.receiver).into_iter().flatten() {
            let Integration { kind, index, send_resolved } = integration;
            let key = NotificationKey {
                group: flush.key.clone(),
                receiver: Arc::clone(&flush.receiver),
                integration: Arc::clone(kind),
                index: *index,
            };
            match bongsu_notify::plan(flush, self.log.get(&key), *send_resolved) {
                bongsu_notify::Plan::Nothing => {}
                bongsu_notify::Plan::Record(hashes) => {
                    self.log.put(key, entry(now, flush, hashes));
                }
                bongsu_notify::Plan::Send { reason, hashes, .. } => {
                    why.get_or_insert(reason);
                    let tally = self.told.receivers.entry(Arc::clone(&flush.receiver)).or_default();
                    *tally.messages.entry(format!("{kind}[{index}]")).or_default() += 1;
                    self.log.put(key, entry(now, flush, hashes));
                }
            }
        }
        if let Some(reason) = why {
            let tally = self.told.receivers.entry(Arc::clone(&flush.receiver)).or_default();
            tally.notifications += 1;
            *tally.reasons.entry(reason.as_str()).or_default() += 1;
        }
        self.route.flush_done(now, group, true, &mut self.effects);
    }
}

fn entry(now: Timestamp, flush: &GroupFlush, hashes: FlushHashes) -> LogEntry {
    LogEntry {
        firing: hashes.firing,
        resolved: hashes.resolved,
        at: now,
        expires_at: bongsu_notify::expires_at(now, flush.repeat_interval, RETENTION),
        data: BTreeMap::new(),
    }
}

fn word(reason: Suppression) -> &'static str {
    match reason {
        Suppression::Silence => "silence",
        Suppression::Inhibition => "inhibition",
        Suppression::MuteTimeInterval => "mute time interval",
        Suppression::ActiveTimeInterval => "active time interval",
        Suppression::Held => "state",
    }
}

#[cfg(test)]
mod tests {
    use bongsu_config::alertmanager;
    use bongsu_lang::Mode;
    use bongsu_model::{Labels, Source};

    use super::*;

    const CONFIG: &str = "
route:
  receiver: team
  group_by: [service]
  group_wait: 1m
  group_interval: 5m
  repeat_interval: 1h
  routes:
  - {matchers: ['severity=page'], receiver: oncall, continue: true}
  - {matchers: ['team=night'], receiver: day, active_time_intervals: [day]}
receivers:
- {name: team, webhook_configs: [{url: 'http://x/a', send_resolved: true}]}
- {name: oncall, webhook_configs: [{url: 'http://x/a', send_resolved: false}, {url: 'http://x/b', send_resolved: true}]}
- {name: day, webhook_configs: [{url: 'http://x/a'}]}
- {name: nobody}
inhibit_rules:
- {source_matchers: ['severity=page'], target_matchers: ['severity=warn'], equal: [service]}
time_intervals:
- {name: day, time_intervals: [{times: [{start_time: '09:00', end_time: '18:00'}]}]}
";

    fn config() -> Config {
        let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
        alertmanager::load(source, None, Mode::Fallback).unwrap().0
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// Alerts that fire from a minute until another, sent every minute as rules do.
    fn told(alerts: &[(&str, i64, i64)], end: i64) -> Told {
        let mut notifications = Notifications::new(&config(), at(0));
        for minute in 0..end {
            for (labels, from, to) in alerts {
                if !(*from..=*to).contains(&minute) {
                    continue;
                }
                let pairs = labels.split(' ').filter_map(|pair| pair.split_once('='));
                let resolved = minute == *to;
                let sent = SentAlert {
                    labels: Labels::from_pairs(pairs),
                    annotations: Labels::default(),
                    starts_at: at(*from),
                    ends_at: at(if resolved { minute } else { minute + 4 }),
                    generator_url: String::new(),
                    resolved,
                };
                notifications.send(at(minute), &[sent]);
            }
        }
        notifications.finish(at(end))
    }

    fn counts(told: &Told) -> Vec<(&str, u64)> {
        told.receivers.iter().map(|(name, tally)| (&**name, tally.notifications)).collect()
    }

    #[test]
    fn alerts_of_a_group_are_one_notification() {
        let two = told(&[("service=a alertname=A", 0, 30), ("service=a alertname=B", 0, 30)], 60);
        // Both fire, both are over.
        assert_eq!(counts(&two), [("day", 0), ("nobody", 0), ("oncall", 0), ("team", 2)]);
        let apart = told(&[("service=a alertname=A", 0, 30), ("service=b alertname=A", 0, 30)], 60);
        assert_eq!(apart.receivers["team"].notifications, 4);
    }

    #[test]
    fn messages_of_each_integration_and_repetitions() {
        let page = told(&[("service=a severity=page", 0, 130)], 200);
        let oncall = &page.receivers["oncall"];
        // The beginning, once again after more than an hour, the end.
        let messages: Vec<_> = oncall.messages.iter().map(|(k, n)| (k.as_str(), *n)).collect();
        assert_eq!(messages, [("webhook[0]", 2), ("webhook[1]", 3)]);
        assert_eq!(oncall.notifications, 3);
        let reasons: Vec<_> = oncall.reasons.iter().map(|(why, n)| (*why, *n)).collect();
        assert_eq!(
            reasons,
            [("all alerts resolved", 1), ("first notification", 1), ("repeat interval elapsed", 1)]
        );
        assert_eq!(page.receivers["team"].notifications, 0, "continue leads to siblings only");
    }

    #[test]
    fn what_is_inhibited_or_outside_of_its_time_is_not_told() {
        let both = [("service=a severity=page", 0, 30), ("service=a severity=warn", 0, 30)];
        let inhibited = told(&both, 60);
        assert_eq!(inhibited.receivers["team"].notifications, 0);
        assert!(inhibited.left_out["inhibition"] > 0);
        assert_eq!(told(&both[1..], 60).receivers["team"].notifications, 2);
        // It fires from eight, the day begins at nine.
        let early = told(&[("service=a team=night", 8 * 60, 8 * 60 + 30)], 24 * 60);
        assert_eq!(early.receivers["day"].notifications, 0);
        let late = told(&[("service=a team=night", 8 * 60, 9 * 60 + 30)], 24 * 60);
        assert_eq!(late.receivers["day"].notifications, 2);
        assert!(late.left_out["active time interval"] > 0);
    }
}
