//! What a posted alert becomes: defaults, validation, identity.
//!
//! In: an alert as sent, the time of receipt, the resolve timeout. Out: the alert to store, or
//! Alertmanager's message. Source: `postAlertsHandler` of its API and `alert.Validate`.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Alert, Labels, Time, Timestamp, go_quote};

/// One alert as a client posted it. Labels with empty values are already dropped.
#[derive(Debug, Clone)]
pub struct PostedAlert {
    /// Identity.
    pub labels: Labels,
    /// Description.
    pub annotations: Labels,
    /// Link to the sender, or empty.
    pub generator_url: Arc<str>,
    /// `None`: not sent (missing, null, empty or the zero time).
    pub starts_at: Option<Time>,
    /// `None`: not sent.
    pub ends_at: Option<Time>,
}

/// Fills in missing times and checks the alert. `valid_name` is the rule for label names of the
/// parser mode in force.
///
/// A missing start is the end if one was sent, else `now`; a missing end is `now` plus
/// `resolve_timeout` and marked as a timeout. On refusal the message is Alertmanager's.
pub fn accept(
    posted: PostedAlert,
    now: Timestamp,
    resolve_timeout: Duration,
    valid_name: impl Fn(&str) -> bool,
) -> Result<Alert, String> {
    let starts_at = posted.starts_at.or(posted.ends_at).unwrap_or(Time::utc(now));
    let timeout = posted.ends_at.is_none();
    let ends_at = posted.ends_at.unwrap_or_else(|| {
        Time::utc(now.saturating_add(resolve_timeout).unwrap_or(Timestamp::MAX))
    });
    if starts_at > ends_at {
        return Err("start time must be before end time".to_owned());
    }
    if posted.labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    check_names(&posted.labels, &valid_name).map_err(|e| format!("invalid label set: {e}"))?;
    check_names(&posted.annotations, &valid_name)
        .map_err(|e| format!("invalid annotations: {e}"))?;
    Ok(Alert {
        fingerprint: posted.labels.fingerprint(),
        labels: posted.labels,
        annotations: posted.annotations,
        generator_url: posted.generator_url,
        starts_at,
        ends_at,
        updated_at: now,
        timeout,
    })
}

fn check_names(set: &Labels, valid_name: impl Fn(&str) -> bool) -> Result<(), String> {
    match set.iter().find(|(name, _)| !valid_name(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let mut message = "invalid name ".to_owned();
            let _ = go_quote(name, &mut message);
            Err(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::utc(Timestamp::from_second(seconds).unwrap())
    }

    fn posted(labels: &[(&str, &str)], start: Option<i64>, end: Option<i64>) -> PostedAlert {
        PostedAlert {
            labels: Labels::from_pairs(labels.iter().copied()),
            annotations: Labels::default(),
            generator_url: "".into(),
            starts_at: start.map(at),
            ends_at: end.map(at),
        }
    }

    fn run(posted: PostedAlert) -> Result<(i64, i64, bool), String> {
        let alert = accept(posted, at(1000).at, Duration::from_secs(300), |n| {
            n.is_ascii() && !n.is_empty()
        })?;
        assert_eq!(alert.updated_at, at(1000).at);
        assert_eq!(alert.fingerprint, alert.labels.fingerprint());
        Ok((alert.starts_at.at.as_second(), alert.ends_at.at.as_second(), alert.timeout))
    }

    #[test]
    fn times() {
        let l: &[(&str, &str)] = &[("a", "b")];
        assert_eq!(run(posted(l, None, None)), Ok((1000, 1300, true)));
        assert_eq!(run(posted(l, Some(900), None)), Ok((900, 1300, true)));
        assert_eq!(run(posted(l, None, Some(1600))), Ok((1600, 1600, false)));
        assert_eq!(run(posted(l, None, Some(400))), Ok((400, 400, false)));
        assert_eq!(run(posted(l, Some(5), Some(5))), Ok((5, 5, false)));
        for (start, end) in [(Some(2000), None), (Some(6), Some(5))] {
            let refused = run(posted(l, start, end));
            assert_eq!(refused, Err("start time must be before end time".to_owned()));
        }
    }

    #[test]
    fn messages() {
        let empty = run(posted(&[], None, None));
        assert_eq!(empty, Err("at least one label pair required".to_owned()));
        let name = run(posted(&[("a", "b"), ("é\"", "b")], None, None));
        assert_eq!(name, Err("invalid label set: invalid name \"é\\\"\"".to_owned()));
        let mut alert = posted(&[("a", "b")], None, None);
        alert.annotations = Labels::from_pairs([("", "x")]);
        assert_eq!(run(alert), Err("invalid annotations: invalid name \"\"".to_owned()));
    }
}
