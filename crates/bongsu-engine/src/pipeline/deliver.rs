//! Stage 6: one integration is told, with retries until the flush's deadline.
//!
//! In: an errand whose outbox row is durable. Out: requests; then the outcome in one transaction:
//! outbox row gone, notification log and delivery history written, the group's timer moved on.

use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager::Integration;
use bongsu_model::Timestamp;
use bongsu_notify::data::{Kv, NotificationInput};
use bongsu_notify::{
    AttemptIds, Attempts, Conversation, Ended, Next, NotifyError, NotifyInput, Outcome, Response,
    SecretFiles, Step,
};
use bongsu_store::Row;
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;
use tracing::field::display;

use crate::core::{Errand, Outgoing};
use crate::engine::Shared;
use crate::records;
use crate::trace::Span;

/// How a delivery ended.
struct Result {
    outcome: std::result::Result<Outcome, NotifyError>,
    attempts: u32,
    answer: String,
    /// A new configuration took over: nothing is recorded, the groups of the new one decide.
    superseded: bool,
}

impl Shared {
    /// Carries out an errand.
    pub(crate) async fn deliver(self: Arc<Self>, errand: Errand) {
        let span = errand.loaded.tracer().map(|tracer| {
            let group = &errand.flush.key.0;
            tracer.deliver(errand.trace.as_ref(), &errand.target.name, group, errand.alerts.len())
        });
        let mut span = span.unwrap_or_default();
        let result = self.attempt_until_deadline(&errand, &mut span).await;
        span.count("bongsu.attempts", result.attempts as usize);
        span.outcome(match &result.outcome {
            Ok(_) => "delivered",
            Err(_) if result.superseded => "superseded",
            Err(_) => "failed",
        });
        if let Err(error) = &result.outcome {
            span.fail(error);
        }
        // Ended before its flush, which may end with the record.
        drop(span);
        self.record(errand, result);
    }

    async fn attempt_until_deadline(&self, errand: &Errand, span: &mut Span) -> Result {
        let traceparent = self.traceparent(errand, span);
        let mut attempts = Attempts::default();
        let deadline = errand.flush.deadline;
        // From here on time is what has passed, so that setting the wall clock ends nothing early.
        let (begun, first) = (self.clock.now(), Instant::now());
        let due = first + remaining(deadline, begun);
        let now = || begun.checked_add(passed(first)).unwrap_or(begun);
        loop {
            let (started, start) = (Instant::now(), now());
            let attempt = self.attempt(errand, traceparent.as_deref(), start, due);
            let (verdict, ended) = tokio::select! {
                verdict = attempt => (Some(verdict), None),
                () = tokio::time::sleep_until(due) => (None, Some(Ended::DeadlineExceeded)),
                () = errand.generation.cancelled() => (None, Some(Ended::Canceled)),
            };
            self.metrics.attempted(
                &errand.target,
                started.elapsed(),
                verdict.as_ref().is_some_and(|v| v.0.is_ok()),
            );
            let error = match verdict {
                Some((Ok(outcome), answer)) => {
                    let attempts = attempts.failed + 1;
                    return Result { outcome: Ok(outcome), attempts, answer, superseded: false };
                }
                Some((Err(error), _)) => error,
                None => NotifyError::transient("the attempt did not end in time"),
            };
            tracing::debug!(target = %errand.target.name, %error, "attempt failed");
            span.attempt_failed(&error);
            let random = rand::random::<f64>();
            // The pause runs from the start of the attempt, as Alertmanager's ticker has it: after
            // a slow failure the next attempt is due at once.
            match attempts.failure(&errand.target.name, error, start, deadline, ended, random) {
                Next::GiveUp(error) => {
                    let superseded = errand.generation.is_cancelled();
                    let answer = error.message.clone();
                    return Result {
                        outcome: Err(error),
                        attempts: attempts.failed,
                        answer,
                        superseded,
                    };
                }
                Next::RetryAt(at) => {
                    tokio::select! {
                        () = tokio::time::sleep(remaining(at, now())) => {}
                        () = errand.generation.cancelled() => {}
                    }
                }
            }
        }
    }

    /// What a webhook is told about the trace it is part of. Other services have no use for it, and
    /// Alertmanager's requests do not carry it.
    fn traceparent(&self, errand: &Errand, span: &Span) -> Option<String> {
        let told = matches!(errand.target.integration, Integration::Webhook(_));
        let context = (told && !self.options.compatible).then(|| span.context())?;
        context.map(|context| context.to_string())
    }

    /// One attempt: render everything, then talk until the receiver is told or refuses. The text is
    /// what the receiver last answered.
    async fn attempt(
        &self,
        errand: &Errand,
        traceparent: Option<&str>,
        now: Timestamp,
        due: Instant,
    ) -> (std::result::Result<Outcome, NotifyError>, String) {
        // A receiver that does not answer holds up its own messages only, and few connections.
        let Ok(_permit) = errand.target.permits.acquire().await else {
            return (Err(NotifyError::transient("closing")), String::new());
        };
        let mut conversation = match self.open(errand, now, due).await {
            Ok(conversation) => conversation,
            Err(error) => return (Err(error), String::new()),
        };
        let mut answer = String::new();
        let mut step = conversation.start();
        let verdict = loop {
            step = match step {
                Step::Done(outcome) => break Ok(outcome),
                Step::Failed(error) => break Err(error),
                Step::Request(mut request) => {
                    if let Some(value) = traceparent {
                        request.headers.push(("traceparent", value.to_owned()));
                    }
                    let limit = request.timeout.clone();
                    let until = limit.as_ref().map_or(due, |l| due.min(Instant::now() + l.after));
                    match self.transport.request(*request, until).await {
                        Ok(response) => {
                            answer = shown(&response);
                            conversation.on_response(response)
                        }
                        Err(mut error) => {
                            if let Some(limit) =
                                limit.filter(|_| until < due && Instant::now() >= until)
                            {
                                error.message = format!("{}: {}", limit.message, error.message);
                            }
                            conversation.on_error(&error)
                        }
                    }
                }
                Step::Mail(mail) => match self.transport.mail(*mail, due).await {
                    Ok(()) => {
                        "accepted by the mail server".clone_into(&mut answer);
                        conversation.on_mail_accepted()
                    }
                    Err(error) => conversation.on_error(&error),
                },
            };
        };
        if let Some(session) = conversation.session() {
            self.core.lock().sessions.insert(Arc::clone(&errand.target.name), session);
        }
        (verdict, answer)
    }

    async fn open(
        &self,
        errand: &Errand,
        now: Timestamp,
        due: tokio::time::Instant,
    ) -> std::result::Result<Box<dyn Conversation + Send>, NotifyError> {
        let integration = &errand.target.integration;
        let mut secrets = SecretFiles::default();
        for path in bongsu_notify::secret_files(integration) {
            let content = self.transport.secret(path).await;
            secrets.insert(path, content);
        }
        let aws = match integration {
            Integration::Sns(sns) if sns.sigv4.access_key.is_empty() => {
                let found = self.transport.aws(&sns.sigv4.profile, due).await;
                Some(found.map_err(NotifyError::transient)?)
            }
            _ => None,
        };
        let session =
            self.core.lock().sessions.get(&errand.target.name).cloned().unwrap_or_default();
        let ids = AttemptIds {
            idempotency_key: errand.outbox_key.clone(),
            message_id: format!(
                "<{}.{:x}@{}>",
                errand.outbox_key,
                rand::random::<u32>(),
                self.options.node
            ),
            boundary: format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>()),
        };
        let loaded = &errand.loaded;
        // Rendered once: an alert's text inside them is data from here on.
        let flush = &errand.flush;
        let rendered = loaded.render_labels(
            &flush.route_labels,
            &flush.receiver,
            &flush.group_labels,
            &flush.alerts,
            now,
        );
        let route_labels = Kv::new(rendered);
        let data = NotificationInput {
            receiver: &errand.flush.receiver,
            group_labels: &errand.flush.group_labels,
            route_labels: &route_labels,
            reason: errand.reason.as_str(),
            external_url: &loaded.external_url,
            alerts: &errand.alerts,
        };
        let input = NotifyInput {
            group_key: &errand.flush.key,
            data,
            templates: &loaded.templates,
            now,
            ids: &ids,
            previous: &errand.previous,
            session: &session,
            secrets: &secrets,
            aws: aws.as_ref(),
            version: &self.options.version,
            compatible: self.options.compatible,
        };
        bongsu_notify::conversation(integration, &input)
    }

    /// Writes down how a delivery ended and lets its group go on.
    fn record(self: &Arc<Self>, errand: Errand, result: Result) {
        let mut core = self.core.lock();
        let now = self.now(&mut core);
        let mut out = Outgoing::default();
        out.rows.push(Row::DeleteOutbox { key: errand.outbox_key.clone() });
        if result.superseded {
            drop(self.conclude(&mut core, out));
            return;
        }
        let detail = json!({
            "reason": errand.reason.as_str(),
            "attempts": result.attempts,
            "delivered": result.outcome.is_ok(),
            "answer": result.answer,
            "problems": result.outcome.as_ref().map(|o| o.problems.clone()).unwrap_or_default(),
            "alerts": errand.alerts.iter().map(|a| a.alert.fingerprint.to_string()).collect::<Vec<_>>(),
        });
        out.rows.push(Row::AppendDelivery {
            at: now,
            group_key: errand.flush.key.0.to_string(),
            target: errand.target.name.to_string(),
            detail: detail.to_string(),
        });
        self.metrics.delivered(&errand.target, result.outcome.as_ref().err());
        let trace_id = errand.trace.as_ref().map(|trace| display(trace.trace_id()));
        let ok = match result.outcome {
            Ok(outcome) => {
                for problem in &outcome.problems {
                    tracing::warn!(target = %errand.target.name, problem, "sent with a fallback text");
                }
                tracing::info!(target = %errand.target.name, group = %errand.flush.key,
                    alerts = errand.alerts.len(), attempts = result.attempts, trace_id, "notified");
                let entry = core.log_entry(now, &errand.flush, errand.hashes, outcome.data);
                out.rows.push(records::put_notification(&errand.log_key, &entry));
                core.log.put(errand.log_key, entry);
                true
            }
            Err(error) => {
                tracing::error!(target = %errand.target.name, group = %errand.flush.key,
                    attempts = result.attempts, trace_id, %error, "not notified");
                false
            }
        };
        if let Some(group) = errand.group {
            core.land(now, group, ok, &mut out);
        }
        drop(self.conclude(&mut core, out));
    }
}

/// Status and the start of the body, for the delivery history.
fn shown(response: &Response) -> String {
    const KEPT: usize = 500;
    let text = response.text();
    let (start, _) = bongsu_notify::truncate_runes(text.trim(), KEPT);
    if start.is_empty() {
        response.status.to_string()
    } else {
        format!("{} {start}", response.status)
    }
}

fn passed(since: Instant) -> SignedDuration {
    SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX)
}

fn remaining(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}
