//! Runs are looked at, stopped, answered; and why one started or not.
//!
//! In: ids of runs and alerts. Out: runs with what they wait for; decisions with their reasons.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::Timestamp;
use bongsu_store::{FlowRow, RunRecord};
use bongsu_workflow::{Before, Considered, Effect, Input, Reason};
use serde_json::{Value, json};

use super::ask::may;
use super::edit::broken;
use crate::api::{RunView, WorkflowError, WorkflowsExplained};
use crate::engine::Shared;
use crate::workflows::{Definition, Live, Record, flow_row};

/// Decisions shown of an alert.
const DECISIONS: usize = 100;

impl Shared {
    pub(crate) async fn run_record(
        self: &Arc<Self>,
        run: &str,
    ) -> Result<(RunRecord, Record), WorkflowError> {
        let key = run.to_owned();
        let found = self.reading(move |shared| shared.store.run(&key)).await?;
        let found = found.ok_or_else(|| WorkflowError::UnknownRun(run.to_owned()))?;
        let record = serde_json::from_slice(&found.row.state).map_err(broken)?;
        Ok((found, record))
    }

    pub(crate) async fn run_view(self: &Arc<Self>, run: &str) -> Result<RunView, WorkflowError> {
        let (found, record) = self.run_record(run).await?;
        let questions = record.run.open().into_iter().filter_map(|effect| match effect {
            Effect::Ask { key, step, message, by, until } => Some(
                json!({"key": key, "step": step, "message": message, "by": by, "until": until}),
            ),
            _ => None,
        });
        Ok(RunView {
            // Plain data.
            event: serde_json::to_value(record.run.event()).unwrap_or_default(),
            results: record.run.results().clone(),
            questions: if found.row.ended_at.is_none() { questions.collect() } else { Vec::new() },
            record: found,
        })
    }

    pub(crate) async fn await_run(
        self: &Arc<Self>,
        run: &str,
        patience: std::time::Duration,
    ) -> Result<RunView, WorkflowError> {
        let over = async {
            loop {
                let ended = self.run_over.notified();
                let mut ended = std::pin::pin!(ended);
                // From here on no end is missed.
                ended.as_mut().enable();
                if self.flow.lock().run(run).is_none() {
                    return;
                }
                ended.await;
            }
        };
        // What is not over by then is shown as it stands.
        let _ = tokio::time::timeout(patience, over).await;
        self.run_view(run).await
    }

    fn under_way(&self, run: &str) -> Option<Arc<Live>> {
        self.flow.lock().run(run)
    }

    pub(crate) async fn cancel(
        self: &Arc<Self>,
        run: &str,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let Some(live) = self.under_way(run) else {
            self.run_record(run).await?;
            return Err(WorkflowError::Conflict(format!("run {run} is over")));
        };
        let by = by.unwrap_or_else(|| "somebody".to_owned());
        // One that waits for its turn begins with its end.
        if live.begin() {
            let mut record = live.record.lock().await;
            let now = self.clock.now();
            record.started_at = Some(now);
            record.run.withdraw(&by);
            let ended = live.row(&record, Some(now));
            let event = FlowRow::AppendEvent {
                run: run.to_owned(),
                at: now,
                kind: "cancelled",
                step: None,
                detail: json!({"by": by}).to_string(),
            };
            self.commit_rows(vec![flow_row(FlowRow::PutRun(ended)), flow_row(event)]).await?;
            drop(record);
            self.discard(&[live]);
            self.run_over.notify_waiters();
            return Ok(());
        }
        let step = Arc::clone(self).advance(live, Input::Cancelled { by }, None);
        self.flowing.spawn(step).await.map_err(broken)
    }

    pub(crate) async fn answer(
        self: &Arc<Self>,
        run: &str,
        key: Option<String>,
        approved: bool,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let view = self.run_view(run).await?;
        let live = self.under_way(run);
        let asked = |question: &&Value| key.as_ref().is_none_or(|key| question["key"] == **key);
        let mut asked = view.questions.iter().filter(asked);
        let (Some(question), Some(live)) = (asked.next(), live) else {
            return Err(WorkflowError::Conflict(format!("run {run} does not ask that")));
        };
        if asked.next().is_some() {
            let message = "the run asks several things: name the key of the question";
            return Err(WorkflowError::Invalid(vec![message.to_owned()]));
        }
        let who: Vec<String> = serde_json::from_value(question["by"].clone()).unwrap_or_default();
        may(&who, by.as_deref(), "answer this")?;
        let key = question["key"].as_str().unwrap_or_default().to_owned();
        let by = by.unwrap_or_else(|| "somebody".to_owned());
        let input = Input::Answered { key, by, approved };
        let step = Arc::clone(self).advance(live, input, None);
        self.flowing.spawn(step).await.map_err(broken)
    }

    pub(crate) async fn explain_workflows(
        self: &Arc<Self>,
        fingerprint: &str,
    ) -> Result<WorkflowsExplained, WorkflowError> {
        let unknown = || WorkflowError::UnknownAlert(fingerprint.to_owned());
        let (text, _) = self.state_of(fingerprint).await.map_err(broken)?.ok_or_else(unknown)?;
        let alert: Value = serde_json::from_str(&text).map_err(broken)?;
        self.before_reading().await;
        let key = fingerprint.to_owned();
        let reports = self.reading(move |shared| shared.store.reports(&key, None, 2)).await?;
        // The last report is the alert as it is; the detail of a change is no alert.
        let is_alert = |kind: &str| !matches!(kind, "edited" | "lapsed");
        let before = reports.get(1).filter(|report| is_alert(&report.kind));
        let before: Option<Value> =
            before.and_then(|report| serde_json::from_str(&report.detail).ok());
        let now = self.clock.now();
        let (library, throttled, decided) = {
            let flow = self.flow.lock();
            let library = Arc::clone(&flow.library);
            let since = |known: &Arc<Definition>| {
                let since = flow.throttled_since(known, fingerprint, now)?;
                Some((known.workflow.id.clone(), since))
            };
            let throttled: BTreeMap<String, Timestamp> = library.all().filter_map(since).collect();
            (Arc::clone(&library), throttled, flow.decisions(fingerprint, DECISIONS))
        };
        let mut considered: Vec<Considered> = library.index.explain(&alert, |workflow| Before {
            occurrence: before.as_ref(),
            throttled_since: throttled.get(&workflow.id).copied(),
        });
        if alert["status"] == "maintenance" {
            for considered in considered.iter_mut().filter(|considered| considered.starts) {
                considered.starts = false;
                considered.reasons.push(Reason::Maintenance);
            }
        }
        let decided = decided.into_iter().map(|decision| {
            let outcome = decision.outcome.map_err(|reason| reason.to_string());
            (decision.at, decision.workflow, outcome)
        });
        Ok(WorkflowsExplained { now: considered, decided: decided.collect() })
    }
}
