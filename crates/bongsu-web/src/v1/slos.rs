//! Service level objectives: how they stand, and what is left of their error budgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_engine::api::{SloAlert, SloMissing, SloQuery, SloView, Standing};
use bongsu_lang::duration;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::limit;
use super::model::Page;
use crate::answer::{self, Answered, Family};
use crate::service::{App, Call};

/// An objective and its error budget.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slo)]
pub(crate) struct SloJson {
    /// Its identity.
    id: String,
    service: String,
    name: String,
    description: String,
    /// Where it is written.
    file: String,
    line: Option<usize>,
    /// Percent of events that must be good.
    objective: f64,
    /// What it is kept over: a length, or a unit of the calendar.
    window: String,
    /// When the window began.
    #[schema(format = DateTime)]
    window_start: String,
    /// When it ends; a rolling one ends now.
    #[schema(format = DateTime)]
    window_end: String,
    /// `met`, `at_risk` (less than a quarter of the budget is left), `missed` or `no_data`.
    standing: &'static str,
    /// Percent of events that were good in the window; null without data.
    sli: Option<f64>,
    error_budget: BudgetJson,
    /// How many times faster than evenly the budget was used lately, shortest window first.
    burn_rates: Vec<BurnRateJson>,
    /// The window whose rate counts as the present one; null without data.
    pace_window: Option<String>,
    /// When the budget ends at the present rate; null if it does not.
    #[schema(format = DateTime)]
    exhausted_at: Option<String>,
    /// How much of what has passed of the window was recorded here, from 0 to 1: what is older than
    /// the series kept here is not known.
    covered: Option<f64>,
    /// Events in the window, if they are counted.
    events: Option<f64>,
    /// What its policy says is due.
    actions: Vec<String>,
    /// Its alerts.
    alerts: Vec<SloAlertJson>,
    /// Values that are null, and why.
    missing: Vec<MissingJson>,
}

/// The share of events that may be bad.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorBudget)]
pub(crate) struct BudgetJson {
    /// Of all events, from 0 to 1.
    ratio: f64,
    /// The same as minutes of the whole window.
    minutes: f64,
    /// Share of it that is left; negative if more than all of it is used.
    remaining_ratio: Option<f64>,
    /// Minutes that are left; 0 if it is used up.
    remaining_minutes: Option<f64>,
    /// Bad events that are still allowed among those so far, if events are counted.
    remaining_events: Option<f64>,
}

/// How fast the budget was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BurnRate)]
pub(crate) struct BurnRateJson {
    /// In which time.
    window: String,
    /// 1 uses all of it in the objective's window; null without data.
    rate: Option<f64>,
}

/// An alerting rule of an objective.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SloAlert)]
pub(crate) struct SloAlertJson {
    name: String,
    group: String,
    /// As they are written.
    labels: BTreeMap<String, String>,
    /// `inactive`, `pending` or `firing`.
    state: &'static str,
    /// Since when it holds.
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// Why a value is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MissingValue)]
pub(crate) struct MissingJson {
    /// `sli` (and all that follows from it) or `events`.
    value: &'static str,
    /// `not_evaluated`, `no_events`, `failed` or `not_counted`.
    reason: &'static str,
    /// In words.
    message: String,
}

/// `GET /api/v1/slos`: by identity; `service`, `limit`, `cursor`.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let limit = match limit(&call) {
        Ok(limit) => limit,
        Err(refused) => return refused,
    };
    let text = |name: &str| call.query.last(name).map(str::to_owned);
    let query = SloQuery {
        service: text("service"),
        after: text("cursor"),
        // One more than shown tells whether there is a next page.
        limit: Some(limit + 1),
        ..SloQuery::default()
    };
    let mut views = app.backend.slos(query).await;
    let more = views.len() > limit;
    views.truncate(limit);
    let last = views.last().map(|view| view.objective.id.clone());
    let next_cursor = last.filter(|_| more);
    let items: Vec<SloJson> = views.iter().map(SloJson::from).collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor })
}

/// `GET /api/v1/slos/{id}`
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    let query = SloQuery { id: Some(id.clone()), ..SloQuery::default() };
    match app.backend.slos(query).await.first() {
        Some(view) => answer::json(StatusCode::OK, &SloJson::from(view)),
        None => {
            let message = format!("no objective is called {id}");
            answer::error(Family::V1, StatusCode::NOT_FOUND, "slo_not_found", &message)
        }
    }
}

impl From<&SloView> for SloJson {
    fn from(view: &SloView) -> Self {
        let (slo, report, span) = (&*view.objective, &view.report, &view.span);
        let minutes = |time: std::time::Duration| time.as_secs_f64() / 60.0;
        let known = report.achieved.is_some();
        let end = report.exhausted_in.and_then(|left| now_of(view).checked_add(left).ok());
        Self {
            id: slo.id.clone(),
            service: slo.service.clone(),
            name: slo.name.clone(),
            description: slo.description.clone(),
            file: slo.file.to_string(),
            line: slo.place.as_ref().map(|place| place.line),
            objective: report.objective,
            window: slo.period.label(),
            window_start: second(span.start),
            window_end: second(span.end),
            standing: match report.standing {
                Standing::Met => "met",
                Standing::AtRisk => "at_risk",
                Standing::Missed => "missed",
                Standing::NoTraffic => "no_data",
            },
            sli: report.achieved,
            error_budget: BudgetJson {
                ratio: report.budget,
                minutes: minutes(report.budget_time),
                remaining_ratio: known.then_some(report.remaining),
                remaining_minutes: known.then(|| minutes(report.remaining_time)),
                remaining_events: report.remaining_events.filter(|_| known),
            },
            burn_rates: report
                .burn_rates
                .iter()
                .map(|(window, rate)| BurnRateJson {
                    window: duration::print(*window),
                    rate: *rate,
                })
                .collect(),
            pace_window: report.pace.map(|(window, _)| duration::print(window)),
            exhausted_at: end.map(second),
            covered: view.covered,
            events: view.events,
            actions: report.actions.clone(),
            alerts: view.alerts.iter().map(SloAlertJson::from).collect(),
            missing: missing(view),
        }
    }
}

/// To the second: what is computed is not known better.
fn second(at: bongsu_model::Timestamp) -> String {
    at.round(jiff::Unit::Second).unwrap_or(at).to_string()
}

fn now_of(view: &SloView) -> bongsu_model::Timestamp {
    view.span.start.checked_add(view.span.elapsed).unwrap_or(view.span.end)
}

fn missing(view: &SloView) -> Vec<MissingJson> {
    let mut missing = Vec::new();
    if let Some(why) = &view.missing {
        let (reason, message) = match why {
            SloMissing::NotEvaluated => {
                ("not_evaluated", "its rules were not evaluated yet".to_owned())
            }
            SloMissing::NoEvents => {
                ("no_events", "its queries found no events in the window".to_owned())
            }
            SloMissing::Failed(error) => ("failed", error.clone()),
        };
        missing.push(MissingJson { value: "sli", reason, message });
    }
    if view.objective.events.is_none() {
        let message = "events are counted of objectives with min_events".to_owned();
        missing.push(MissingJson { value: "events", reason: "not_counted", message });
    } else if view.events.is_none() && view.missing.is_none() {
        let message = "none were counted yet".to_owned();
        missing.push(MissingJson { value: "events", reason: "no_events", message });
    }
    missing
}

impl From<&SloAlert> for SloAlertJson {
    fn from(alert: &SloAlert) -> Self {
        Self {
            name: alert.name.clone(),
            group: alert.group.clone(),
            labels: alert.labels.clone(),
            state: alert.state,
            since: alert.since.map(|at| at.to_string()),
        }
    }
}
