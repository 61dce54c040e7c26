//! Wide alerts: search with conditions and words, counts of values, one alert, its history.

use std::sync::Arc;

use bongsu_engine::api::{Preset, PresetView, Search, Total, WideAlert};
use bongsu_lang::cel::Program;
use bongsu_model::Timestamp;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::alerts::{limit, position};
use super::model::Page;
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// Facets shown unless others are asked for.
const FACETS: &str = "severity,status,providerType,service,environment";
/// Facets one request may ask for, and values of each.
const MAX_FACETS: usize = 20;
const FACET_VALUES: usize = 50;

/// `GET /api/v1/occurrences`: parameters `cel`, `q`, `preset`, `limit`, `cursor`.
pub(crate) async fn search(app: Arc<App>, call: Call) -> Answered {
    let (limit, mut search) = match (limit(&call), condition(&app, &call).await) {
        (Ok(limit), Ok(search)) => (limit, search),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    search.before = match call.query.last("cursor").map(cursor) {
        None => None,
        Some(Some(before)) => Some(before),
        Some(None) => return Problem::parameter("cursor", "not the next_cursor of a page"),
    };
    search.limit = limit + 1;
    let whole = Search { before: None, ..search.clone() };
    let mut found = match app.backend.search(search).await {
        Ok(found) => found,
        Err(problem) => return answer::store(Family::V1, &problem, &problem.to_string()),
    };
    let total = match app.backend.count(whole).await {
        Ok(total) => total,
        Err(problem) => return answer::store(Family::V1, &problem, &problem.to_string()),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().map(|last| page_cursor(last.at, last.id)).filter(|_| more);
    let items = found.into_iter().map(complete).collect();
    let Total { n: total, more: total_is_more } = total;
    answer::json(StatusCode::OK, &Found { items, total, total_is_more, next_cursor })
}

/// `GET /api/v1/occurrences/facets`: how often values occur; parameters `cel`, `q`,
/// `preset`, `fields`.
pub(crate) async fn facets(app: Arc<App>, call: Call) -> Answered {
    let mut search = match condition(&app, &call).await {
        Ok(search) => search,
        Err(refused) => return refused,
    };
    search.limit = FACET_VALUES;
    let fields: Vec<String> = call
        .query
        .last("fields")
        .unwrap_or(FACETS)
        .split(',')
        .map(|field| field.trim().to_owned())
        .filter(|field| !field.is_empty())
        .collect();
    if fields.len() > MAX_FACETS {
        return Problem::parameter("fields", format_args!("more than {MAX_FACETS} fields"));
    }
    match app.backend.facets(search, fields.clone()).await {
        Ok(found) => {
            let facets: Vec<FacetJson> = fields
                .into_iter()
                .zip(found.values)
                .map(|(field, values)| FacetJson {
                    field,
                    values: values
                        .into_iter()
                        .map(|v| FacetValueJson { value: v.value, count: v.count })
                        .collect(),
                })
                .collect();
            answer::json(StatusCode::OK, &Counted { items: facets, counts_are_more: found.more })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `GET /api/v1/occurrences/{fingerprint}`.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    let fingerprint = call.parameter(0);
    match app.backend.wide_alert(fingerprint.clone()).await {
        Ok(Some(alert)) => answer::json(StatusCode::OK, &complete(alert)),
        Ok(None) => unknown(&fingerprint),
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `GET /api/v1/occurrences/{fingerprint}/history`: reports and changes, newest first.
pub(crate) async fn history(app: Arc<App>, call: Call) -> Answered {
    let (limit, before) = match (limit(&call), position(&call)) {
        (Ok(limit), Ok(before)) => (limit, before),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    match app.backend.reports(call.parameter(0), before, limit + 1).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().map(|report| report.id.to_string()).filter(|_| more);
            let items: Vec<ReportJson> = found
                .into_iter()
                .map(|report| ReportJson {
                    id: report.id,
                    at: report.at.to_string(),
                    kind: report.kind,
                    detail: serde_json::from_str(&report.detail).unwrap_or_default(),
                })
                .collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `cel`, `q` and `preset`, all of which must hold; a wrong expression is answered with its place.
async fn condition(app: &Arc<App>, call: &Call) -> Result<Search, Answered> {
    let cel = call.query.last("cel").unwrap_or_default();
    program("cel", cel)?;
    let text = call.query.last("q").unwrap_or_default();
    let preset = match call.query.last("preset") {
        None => Preset::default(),
        Some(name) => preset(app, call, name).await?.preset,
    };
    let cel = both(preset.cel.as_deref().unwrap_or_default(), cel);
    let text = format!("{} {text}", preset.text.as_deref().unwrap_or_default());
    Ok(Search { cel: program("cel", &cel)?, text: words(&text), ..Search::default() })
}

/// A condition; none if nothing is written.
pub(crate) fn program(parameter: &str, text: &str) -> Result<Option<Arc<Program>>, Answered> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Program::parse(text) {
        Ok(program) => Ok(Some(Arc::new(program))),
        Err(error) => Err(Problem::parameter(parameter, error)),
    }
}

/// What holds where both conditions do; each may be empty.
pub(crate) fn both(a: &str, b: &str) -> String {
    match (a.trim(), b.trim()) {
        ("", other) | (other, "") => other.to_owned(),
        (a, b) => format!("({a}) && ({b})"),
    }
}

fn words(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A saved search that this user may see.
pub(crate) async fn preset(
    app: &Arc<App>,
    call: &Call,
    name: &str,
) -> Result<PresetView, Answered> {
    let known = app.backend.presets().await;
    let known = known.map_err(|e| answer::store(Family::V1, &e, &e.to_string()))?;
    let mut seen = known.into_iter().filter(|view| is_shown(view, call));
    seen.find(|view| view.preset.name == name).ok_or_else(|| {
        Problem::new("preset_not_found", format!("no preset {name} is known"), "list the presets")
            .answer(StatusCode::NOT_FOUND)
    })
}

/// Whether whoever calls may see a saved search.
pub(crate) fn is_shown(view: &PresetView, call: &Call) -> bool {
    !view.preset.is_private || view.preset.created_by == call.user()
}

/// What a saved search finds.
pub(crate) fn search_of(preset: &Preset, limit: usize) -> Result<Search, Answered> {
    let cel = program("cel", preset.cel.as_deref().unwrap_or_default())?;
    let text = words(preset.text.as_deref().unwrap_or_default());
    Ok(Search { cel, text, limit, ..Search::default() })
}

/// The cursor of a page that ends with this one.
pub(super) fn page_cursor(at: Timestamp, id: i64) -> String {
    format!("{}:{id}", at.as_nanosecond())
}

pub(super) fn cursor(text: &str) -> Option<(Timestamp, i64)> {
    let (at, id) = text.split_once(':')?;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, id.parse().ok()?))
}

/// The alert with what moved since it was stored.
pub(crate) fn complete(found: WideAlert) -> Value {
    let mut alert = found.alert;
    if let (Value::Object(fields), Some(known)) = (&mut alert, found.known) {
        fields.insert("duplicates".to_owned(), known.duplicates.into());
        let enrichments = serde_json::to_value(Vec::from_iter(known.enrichments.iter().map(|e| {
            serde_json::json!({
                "key": e.key, "value": e.value, "origin": e.origin.to_string(),
                "at": e.at, "expiresAt": e.expires_at, "disposable": e.disposable,
                "instead": known.shadow.get(&e.key),
            })
        })));
        fields.insert("enrichments".to_owned(), enrichments.unwrap_or_default());
        if let Some((window, until)) = known.window.as_deref() {
            let window = serde_json::json!({"id": window, "until": until});
            fields.insert("maintenance".to_owned(), window);
        }
        if let Some(routed) = known.routed {
            fields.insert("routedAs".to_owned(), routed.to_string().into());
        }
    }
    alert
}

pub(crate) fn unknown(fingerprint: &str) -> Answered {
    let message = format!("no alert {fingerprint} is known");
    Problem::new("alert_not_found", message, "search lists what is known")
        .answer(StatusCode::NOT_FOUND)
}

/// A page of alerts with all their fields.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundAlerts)]
pub(crate) struct Found {
    /// The alerts, the last reported first.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// How many there are on all pages.
    total: u64,
    /// There may be more than `total`: words that stand in very many alerts are counted in the newest
    /// ones only.
    total_is_more: bool,
    /// Send as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

/// How often the values of fields occur.
#[derive(Serialize, ToSchema)]
#[schema(as = Facets)]
pub(crate) struct Counted {
    /// The fields asked for.
    items: Vec<FacetJson>,
    /// There may be more than counted, as with the total of a search.
    counts_are_more: bool,
}

/// How often the values of a field occur.
#[derive(Serialize, ToSchema)]
#[schema(as = Facet)]
pub(crate) struct FacetJson {
    /// Dotted path of the field.
    field: String,
    /// The most frequent first.
    values: Vec<FacetValueJson>,
}

/// One value of a field.
#[derive(Serialize, ToSchema)]
#[schema(as = FacetValue)]
struct FacetValueJson {
    /// The value; null where the field is missing.
    value: Option<String>,
    /// Alerts that have it.
    count: u64,
}

/// One report or change of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportJson {
    /// Position, ascending.
    id: i64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `fired`, `changed`, `resolved`, `late` …
    kind: String,
    /// The alert as it was then.
    #[schema(value_type = Object)]
    detail: Value,
}
