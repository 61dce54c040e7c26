//! When a failed attempt is repeated, and what is said when it is not.
//!
//! In: HTTP statuses and the failures of attempts, with time and randomness as arguments. Out:
//! the next attempt's instant or the final error. Sources: Alertmanager `notify/util.go`,
//! `notify/retry_stage.go`.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Kind of failure, as the `reason` label of the failure counters names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureReason {
    /// HTTP 401 or 403.
    AuthError,
    /// HTTP 429.
    RateLimited,
    /// Another HTTP 4xx, or an answer that says the request was wrong.
    ClientError,
    /// HTTP 5xx.
    ServerError,
    /// The flush was called off while attempts were going on.
    ContextCanceled,
    /// The flush's time ran out before any attempt failed.
    ContextDeadlineExceeded,
    /// Anything else: transport, template, configuration.
    #[default]
    Other,
}

impl FailureReason {
    /// From an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::AuthError,
            429 => Self::RateLimited,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Other,
        }
    }

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthError => "authError",
            Self::RateLimited => "rateLimited",
            Self::ClientError => "clientError",
            Self::ServerError => "serverError",
            Self::ContextCanceled => "contextCanceled",
            Self::ContextDeadlineExceeded => "contextDeadlineExceeded",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attempt that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct NotifyError {
    /// Whether another attempt may help.
    pub retry: bool,
    /// Kind, for metrics.
    pub reason: FailureReason,
    /// What happened; contains no secret.
    pub message: String,
}

impl NotifyError {
    /// No attempt will help.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { retry: false, reason: FailureReason::Other, message: message.into() }
    }

    /// Another attempt may help.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { retry: true, ..Self::permanent(message) }
    }

    /// Sets the kind.
    pub fn because(self, reason: FailureReason) -> Self {
        Self { reason, ..self }
    }

    /// Puts `context: ` before the message.
    pub fn context(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }
}

/// Which HTTP statuses mean success, failure for good, or try again.
///
/// Always: 2xx is success, 5xx is tried again, the rest is permanent.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusPolicy {
    /// Statuses tried again besides 5xx.
    pub retry: &'static [u16],
}

impl StatusPolicy {
    /// Nothing besides 5xx is tried again.
    pub const STANDARD: Self = Self { retry: &[] };
    /// Rate limiting (429) passes.
    pub const RATE_LIMITED: Self = Self { retry: &[429] };

    /// Judges a status; `details` ends the message unless empty.
    ///
    /// # Errors
    /// `unexpected status code N: details` for everything but 2xx.
    pub fn check(self, status: u16, details: &str) -> Result<(), NotifyError> {
        if status / 100 == 2 {
            return Ok(());
        }
        let retry = status / 100 == 5 || self.retry.contains(&status);
        let colon = if details.is_empty() { "" } else { ": " };
        let message = format!("unexpected status code {status}{colon}{details}");
        Err(NotifyError { retry, reason: FailureReason::of_status(status), message })
    }
}

const FIRST_INTERVAL: Duration = Duration::from_millis(500);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// Pause after the `failed`-th failed attempt (from 1): 500 ms × 1.5ⁿ, at most 60 s, then
/// anything from half to one and a half of that. `random` lies in `[0, 1)`.
pub fn backoff(failed: u32, random: f64) -> Duration {
    let steps = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
    let interval = FIRST_INTERVAL.as_secs_f64() * 1.5f64.powi(steps);
    let interval = interval.min(LONGEST_INTERVAL.as_secs_f64());
    Duration::from_secs_f64(interval * (0.5 + random.clamp(0.0, 1.0)))
}

/// Why attempts end from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Called off: reload or shutdown.
    Canceled,
    /// The flush's time is over.
    DeadlineExceeded,
}

/// What to do after a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make another attempt at this instant.
    RetryAt(Timestamp),
    /// Stop; the error names receiver, integration and number of attempts.
    GiveUp(NotifyError),
}

/// The attempts to deliver one notification; kept with the outbox row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Attempts that failed.
    pub failed: u32,
    /// The last failure that was not the end itself.
    pub last: Option<NotifyError>,
}

impl Attempts {
    /// Takes note of a failure. The pause to the next attempt counts from `now`: the start of the
    /// attempt that failed, so that a slow failure costs no further waiting.
    ///
    /// `name` is `<receiver>/<integration>[<index>]`. `ended` is set if the end came while the
    /// attempt was under way: its error is then only a consequence and is not reported. Attempts
    /// that could start only at or after `deadline` are not made.
    pub fn failure(
        &mut self,
        name: &str,
        error: NotifyError,
        now: Timestamp,
        deadline: Timestamp,
        ended: Option<Ended>,
        random: f64,
    ) -> Next {
        self.failed = self.failed.saturating_add(1);
        if !error.retry {
            let words = "notify retry canceled due to unrecoverable error";
            return Next::GiveUp(self.describe(name, words, error));
        }
        if let Some(ended) = ended {
            return Next::GiveUp(self.end(name, ended));
        }
        self.last = Some(error);
        let pause = SignedDuration::try_from(backoff(self.failed, random));
        match now.checked_add(pause.unwrap_or(SignedDuration::MAX)) {
            Ok(at) if at < deadline => Next::RetryAt(at),
            _ => Next::GiveUp(self.end(name, Ended::DeadlineExceeded)),
        }
    }

    /// The error when attempts end between two of them, or before the first.
    pub fn end(&self, name: &str, ended: Ended) -> NotifyError {
        let error = self.last.clone().unwrap_or_else(|| {
            let (reason, message) = match ended {
                Ended::Canceled => (FailureReason::ContextCanceled, "context canceled"),
                Ended::DeadlineExceeded => {
                    (FailureReason::ContextDeadlineExceeded, "context deadline exceeded")
                }
            };
            NotifyError::permanent(message).because(reason)
        });
        self.describe(name, "notify retry canceled", error)
    }

    fn describe(&self, name: &str, words: &str, error: NotifyError) -> NotifyError {
        let error = error.context(format_args!("{name}: {words} after {} attempts", self.failed));
        NotifyError { retry: false, ..error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pauses_grow_and_stay_within_half_and_one_and_a_half() {
        let middle: Vec<u128> = (1..=4).map(|n| backoff(n, 0.5).as_millis()).collect();
        assert_eq!(middle, [500, 750, 1125, 1687]);
        assert_eq!(backoff(1, 0.0), Duration::from_millis(250));
        assert_eq!(backoff(u32::MAX, 0.5), LONGEST_INTERVAL);
        assert_eq!(backoff(100, 0.0), LONGEST_INTERVAL / 2);
    }

    #[test]
    fn gives_up_at_the_deadline_with_the_last_error() {
        let mut attempts = Attempts::default();
        let error = NotifyError::transient("connection refused");
        let next = attempts.failure("ops/slack[0]", error.clone(), at(0), at(10), None, 0.5);
        assert_eq!(next, Next::RetryAt(Timestamp::from_millisecond(500).unwrap()));
        let Next::GiveUp(end) = attempts.failure("ops/slack[0]", error, at(9), at(9), None, 0.5)
        else {
            panic!("went on")
        };
        assert_eq!(
            end.message,
            "ops/slack[0]: notify retry canceled after 2 attempts: connection refused"
        );
        assert_eq!(end.reason, FailureReason::Other);
    }

    #[test]
    fn permanent_errors_end_at_once() {
        let error = StatusPolicy::STANDARD.check(404, "no such hook").unwrap_err();
        let next = Attempts::default().failure("a/webhook[1]", error, at(0), at(10), None, 0.0);
        let Next::GiveUp(end) = next else { panic!("went on") };
        insta::assert_snapshot!(end.message, @"a/webhook[1]: notify retry canceled due to unrecoverable error after 1 attempts: unexpected status code 404: no such hook");
        assert_eq!(end.reason, FailureReason::ClientError);
    }
}
