//! Reading alerts: searching, listing, one, its history, how complete they are.

use std::sync::Arc;

use bongsu_engine::api::{Search, SortKey, WideAlert};
use bongsu_model::Timestamp;
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{body, named, unread};
use crate::answer::{self, Answered, Problem};
use crate::service::{App, Call};
use crate::v1::change::malformed;
use crate::v1::wide::{complete, program, unknown};

/// Alerts in one answer unless asked otherwise, and at most.
const USUAL: usize = 1000;
const MOST: usize = 5000;
/// Alerts that may be left out from the first; beyond that a search is to be narrowed.
const MAX_OFFSET: usize = 1_000_000;
/// Fields one search may be ordered by.
const MAX_SORT: usize = 5;
/// Fields whose presence is counted at most.
const MAX_FIELDS: usize = 20;
/// Providers told apart in the counts.
const PROVIDERS: usize = 200;

/// What to find.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    cel: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
    sort_by: Option<String>,
    sort_dir: Option<String>,
    sort_options: Option<Vec<SortOption>>,
}

#[derive(Debug, Deserialize)]
struct SortOption {
    sort_by: String,
    sort_dir: Option<String>,
}

/// `POST /alerts/query`.
pub(crate) async fn query(app: Arc<App>, call: Call) -> Answered {
    match found(&app, &call).await {
        Ok(answer) => answer,
        Err(refused) => refused,
    }
}

async fn found(app: &Arc<App>, call: &Call) -> Result<Answered, Answered> {
    let asked: Query = body(call)?;
    let limit = asked.limit.unwrap_or(USUAL).min(MOST);
    let offset = asked.offset.unwrap_or_default();
    if offset > MAX_OFFSET {
        return Err(malformed(&format!("offset is above {MAX_OFFSET}: narrow the search")));
    }
    let single = asked.sort_by.map(|sort_by| SortOption { sort_by, sort_dir: asked.sort_dir });
    let sort = asked.sort_options.unwrap_or_default().into_iter().chain(single);
    let sort: Vec<SortKey> = sort.map(|option| sort_key(&option)).collect::<Result<_, _>>()?;
    if sort.len() > MAX_SORT {
        return Err(malformed(&format!("more than {MAX_SORT} fields to sort by")));
    }
    let cel = program("cel", asked.cel.as_deref().unwrap_or_default())?;
    let search = Search { cel, sort, offset, limit, ..Search::default() };
    let count = app.backend.count(search.clone()).await.map_err(|e| unread(&e))?.n;
    // Who only wants to know how many asks for none of them.
    let results = match limit {
        0 => Vec::new(),
        _ => app.backend.search(search).await.map_err(|e| unread(&e))?,
    };
    let results: Vec<Value> = results.into_iter().map(complete).collect();
    Ok(answer::json(
        StatusCode::OK,
        &json!({"limit": limit, "offset": offset, "count": count, "results": results}),
    ))
}

fn sort_key(option: &SortOption) -> Result<SortKey, Answered> {
    let descending = match option.sort_dir.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("desc") => true,
        None | Some("asc" | "") => false,
        Some(other) => return Err(malformed(&format!("sort_dir {other} is neither asc nor desc"))),
    };
    let field = option.sort_by.strip_prefix("alert.").unwrap_or(&option.sort_by);
    if field.is_empty() || field.len() > 256 {
        return Err(malformed("sort_by is no field"));
    }
    Ok(SortKey { field: field.to_owned(), descending })
}

/// `GET /alerts`: the last reported first; parameter `limit`.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let limit = match call.query.last("limit").map(str::parse::<usize>) {
        None => USUAL,
        Some(Ok(limit)) => limit.min(MOST),
        Some(Err(_)) => return Problem::parameter("limit", "not a number"),
    };
    all(app.backend.search(Search { limit, ..Search::default() }).await.map_err(|e| unread(&e)))
}

fn all(found: Result<Vec<WideAlert>, Answered>) -> Answered {
    match found {
        Ok(found) => {
            let alerts: Vec<Value> = found.into_iter().map(complete).collect();
            answer::json(StatusCode::OK, &alerts)
        }
        Err(refused) => refused,
    }
}

/// `GET /alerts/{fingerprint}/history`: every report that was kept, newest first.
pub(crate) async fn history(app: Arc<App>, call: Call) -> Answered {
    let fingerprint = call.parameter(0);
    match app.backend.reports(fingerprint.clone(), None, USUAL).await {
        Ok(reports) => {
            let alerts: Vec<Value> = reports
                .iter()
                .filter_map(|report| serde_json::from_str(&report.detail).ok())
                // What was changed by hand is in the audit.
                .filter(|alert: &Value| alert.get("lastReceived").is_some())
                .collect();
            if reports.is_empty() {
                unknown(&fingerprint)
            } else {
                answer::json(StatusCode::OK, &alerts)
            }
        }
        Err(problem) => unread(&problem),
    }
}

/// `POST /alerts/batch`: those with the fingerprints named, in that order.
pub(crate) async fn batch(app: Arc<App>, call: Call) -> Answered {
    let fingerprints = match named(&call) {
        Ok(fingerprints) => fingerprints,
        Err(refused) => return refused,
    };
    let mut found = Vec::with_capacity(fingerprints.len());
    for fingerprint in fingerprints {
        match app.backend.wide_alert(fingerprint).await {
            Ok(alert) => found.extend(alert),
            Err(problem) => return unread(&problem),
        }
    }
    all(Ok(found))
}

/// A search within the last days.
#[derive(Debug, Deserialize)]
struct Recent {
    query: RecentQuery,
    #[serde(default)]
    timeframe: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RecentQuery {
    cel_query: Option<String>,
    limit: Option<usize>,
    timeframe: Option<f64>,
}

/// `POST /alerts/search`: alerts reported within `timeframe` days, 0 being all.
pub(crate) async fn recent(app: Arc<App>, call: Call) -> Answered {
    let (asked, cel) = match asked(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let days = asked.timeframe.or(asked.query.timeframe).unwrap_or_default();
    if !(0.0..=36_500.0).contains(&days) {
        return malformed("timeframe is a number of days");
    }
    let limit = asked.query.limit.unwrap_or(USUAL).min(MOST);
    let mut found = match app.backend.search(Search { cel, limit, ..Search::default() }).await {
        Ok(found) => found,
        Err(problem) => return unread(&problem),
    };
    if days > 0.0 {
        let age = SignedDuration::from_secs_f64(days * 86_400.0);
        let since = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
        found.retain(|alert| alert.at >= since);
    }
    all(Ok(found))
}

fn asked(call: &Call) -> Result<(Recent, Option<Arc<bongsu_lang::cel::Program>>), Answered> {
    let asked: Recent = body(call)?;
    let cel = program("cel_query", asked.query.cel_query.as_deref().unwrap_or_default())?;
    Ok((asked, cel))
}

/// `GET /alerts/quality/metrics`: of each provider how many alerts there are, and how many have the
/// `fields` asked for.
pub(crate) async fn quality(app: Arc<App>, call: Call) -> Answered {
    match counts(&app, &call).await {
        Ok(counts) => answer::json(StatusCode::OK, &counts),
        Err(refused) => refused,
    }
}

async fn counts(app: &Arc<App>, call: &Call) -> Result<Value, Answered> {
    let mut fields: Vec<&str> = call
        .query
        .all("fields")
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .collect();
    if fields.is_empty() {
        fields = vec!["severity", "service", "environment", "description", "url", "assignee"];
    }
    let path = |field: &&str| field.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    if !fields.iter().all(path) {
        return Err(Problem::parameter("fields", "not names of fields"));
    }
    if fields.len() > MAX_FIELDS {
        return Err(Problem::parameter("fields", format_args!("more than {MAX_FIELDS}")));
    }
    let mut providers: Map<String, Value> = Map::new();
    let one = |name: &str, cel: String| (name.to_owned(), cel);
    let columns = [
        one("total_alerts", String::new()),
        one("correlated_alerts", "incident != null".to_owned()),
    ];
    let asked =
        fields.iter().map(|field| one(&format!("{field}_count"), format!("{field} != null")));
    for (column, cel) in columns.into_iter().chain(asked) {
        let cel = program("fields", &cel)?;
        let search = Search { cel, limit: PROVIDERS, ..Search::default() };
        let found = app.backend.facets(search, vec!["providerType".to_owned()]).await;
        for value in found.map_err(|e| unread(&e))?.values.into_iter().flatten() {
            let provider = value.value.unwrap_or_else(|| "none".to_owned());
            let row = providers.entry(provider.clone()).or_insert_with(|| {
                let zero = fields.iter().map(|field| (format!("{field}_count"), json!(0)));
                let first = [("provider_type".to_owned(), Value::from(provider))];
                let counted = [
                    ("total_alerts".to_owned(), json!(0)),
                    ("correlated_alerts".to_owned(), json!(0)),
                ];
                Value::Object(first.into_iter().chain(counted).chain(zero).collect())
            });
            row[&column] = value.count.into();
        }
    }
    Ok(Value::Object(providers))
}
