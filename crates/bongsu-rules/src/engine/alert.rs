//! The state machine of the alerts of one rule.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};

use super::record::{AlertState, Phase};
use super::schedule::{between, later};

/// How long a resolved alert is kept and sent again.
const RETENTION: Duration = Duration::from_secs(15 * 60);

/// A sample that is active, with its expanded texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
    pub(super) series: Option<Labels>,
    pub(super) value: f64,
}

/// What the machine is told of its rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) hold: Duration,
    pub(super) keep_firing: Duration,
    /// 0 for none.
    pub(super) limit: usize,
}

/// Takes one evaluation in. `None` in `candidates` keeps the alert of those labels as it is.
///
/// # Errors
/// The rule's limit was exceeded: all its alerts are gone.
pub(super) fn transition(
    alerts: &mut BTreeMap<Labels, AlertState>,
    candidates: &BTreeMap<Labels, Option<Candidate>>,
    terms: Terms,
    at: Timestamp,
) -> Result<(), String> {
    for (labels, candidate) in candidates {
        let Some(candidate) = candidate else { continue };
        match alerts.get_mut(labels) {
            Some(known) if known.phase != Phase::Inactive => {
                known.value = candidate.value;
                known.annotations = candidate.annotations.clone();
                known.series = candidate.series.clone();
            }
            _ => {
                alerts.insert(labels.clone(), begun(candidate, at));
            }
        }
    }
    let mut active = 0;
    alerts.retain(|labels, alert| {
        let held = if candidates.contains_key(labels) {
            alert.keep_firing_since = None;
            true
        } else {
            goes_on(alert, terms.keep_firing, at)
        };
        if held {
            active += 1;
            if alert.phase == Phase::Pending && between(alert.active_at, at) >= terms.hold {
                alert.phase = Phase::Firing;
                alert.fired_at = Some(at);
            }
            return true;
        }
        let forgotten = alert.resolved_at.is_some_and(|resolved| between(resolved, at) > RETENTION);
        if alert.phase == Phase::Pending || forgotten {
            return false;
        }
        if alert.phase != Phase::Inactive {
            alert.phase = Phase::Inactive;
            alert.resolved_at = Some(at);
        }
        true
    });
    if terms.limit > 0 && active > terms.limit {
        alerts.clear();
        return Err(format!("exceeded limit of {} with {active} alerts", terms.limit));
    }
    Ok(())
}

fn begun(candidate: &Candidate, at: Timestamp) -> AlertState {
    AlertState {
        labels: candidate.labels.clone(),
        annotations: candidate.annotations.clone(),
        series: candidate.series.clone(),
        value: candidate.value,
        phase: Phase::Pending,
        active_at: at,
        fired_at: None,
        resolved_at: None,
        keep_firing_since: None,
        last_sent_at: None,
    }
}

/// Whether an alert without a sample goes on because of `keep_firing_for`.
fn goes_on(alert: &mut AlertState, keep_firing: Duration, at: Timestamp) -> bool {
    if alert.phase != Phase::Firing || keep_firing.is_zero() {
        return false;
    }
    let since = *alert.keep_firing_since.get_or_insert(at);
    between(since, at) < keep_firing
}

/// Whether an alert is to be sent at `at`: a resend waits for strictly more than the delay.
pub(super) fn needs_sending(alert: &AlertState, at: Timestamp, delay: Duration) -> bool {
    if alert.phase == Phase::Pending {
        return false;
    }
    let Some(sent) = alert.last_sent_at else { return true };
    alert.resolved_at.is_some_and(|resolved| resolved > sent) || later(sent, delay) < at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives the machine with an evaluation each ten seconds; `#` is a sample, `.` none.
    fn run(samples: &str, terms: Terms) -> String {
        let mut alerts = BTreeMap::new();
        let labels = Labels::from_pairs([("alertname", "A")]);
        let mut out = String::new();
        for (turn, c) in samples.chars().enumerate() {
            let at = Timestamp::from_second(turn as i64 * 10).unwrap();
            let mut candidates = BTreeMap::new();
            if c == '#' {
                let candidate = Candidate {
                    labels: labels.clone(),
                    annotations: Labels::default(),
                    series: None,
                    value: 1.0,
                };
                candidates.insert(labels.clone(), Some(candidate));
            }
            transition(&mut alerts, &candidates, terms, at).unwrap();
            out.push(match alerts.get(&labels).map(|alert| alert.phase) {
                None => '.',
                Some(Phase::Pending) => 'p',
                Some(Phase::Firing) => 'F',
                Some(Phase::Inactive) => 'r',
            });
        }
        out
    }

    fn terms(hold: u64, keep: u64) -> Terms {
        Terms { hold: Duration::from_secs(hold), keep_firing: Duration::from_secs(keep), limit: 0 }
    }

    #[test]
    fn phases() {
        for (samples, hold, keep, want) in [
            ("##..#", 0, 0, "FFrrF"),
            ("###.#", 20, 0, "ppFrp"),
            ("##.##", 20, 0, "pp.pp"),
            ("###", 5, 0, "pFF"),
            ("#.....#", 0, 25, "FFFFrrF"),
            ("#..#...", 0, 25, "FFFFFFF"),
            ("#.#..", 10, 25, "p.p.."),
        ] {
            assert_eq!(run(samples, terms(hold, keep)), want, "{samples} {hold} {keep}");
        }
    }

    #[test]
    fn resolved_ones_are_kept_for_a_quarter_of_an_hour() {
        let samples = format!("#{}", ".".repeat(100));
        let phases = run(&samples, terms(0, 0));
        assert_eq!(phases.matches('r').count(), 91);
        assert!(phases.ends_with('.'));
    }

    #[test]
    fn resends_wait_for_more_than_the_delay() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut alert = begun(
            &Candidate {
                labels: Labels::default(),
                annotations: Labels::default(),
                series: None,
                value: 0.0,
            },
            at(0),
        );
        let delay = Duration::from_secs(20);
        assert!(!needs_sending(&alert, at(0), delay), "pending");
        alert.phase = Phase::Firing;
        assert!(needs_sending(&alert, at(0), delay));
        alert.last_sent_at = Some(at(0));
        assert!(!needs_sending(&alert, at(20), delay));
        assert!(needs_sending(&alert, at(30), delay));
        alert.resolved_at = Some(at(10));
        assert!(needs_sending(&alert, at(10), delay), "resolved since it was sent");
    }
}
