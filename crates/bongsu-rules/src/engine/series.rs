//! The series that alerts leave: `ALERTS` and `ALERTS_FOR_STATE`.

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{Number, STALE_NAN, Sample};

use super::record::{AlertState, Phase};

/// A set with some labels set.
pub(super) fn with(labels: &Labels, set: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(labels.iter().chain(set.iter().copied()))
}

pub(super) fn sample(labels: Labels, at: Timestamp, value: f64) -> Sample {
    Sample { labels, time: at.as_millisecond(), value: Number::Float(value) }
}

/// The end of a series.
pub(super) fn stale(labels: Labels, at: Timestamp) -> Sample {
    sample(labels, at, STALE_NAN)
}

/// The two series of an active alert; none of an inactive one.
pub(super) fn of_alert(alert: &AlertState, at: Timestamp) -> Vec<Sample> {
    if alert.phase == Phase::Inactive {
        return Vec::new();
    }
    let state = alert.phase.as_str();
    let labels = with(&alert.labels, &[("__name__", "ALERTS"), ("alertstate", state)]);
    let since = with(&alert.labels, &[("__name__", "ALERTS_FOR_STATE")]);
    vec![sample(labels, at, 1.0), sample(since, at, alert.active_at.as_second() as f64)]
}
