//! Payloads of providers: taking them, looking at those that were kept, mapping them again.
//!
//! In: `POST /alerts/event[/{provider}]` as Keep's clients send, `POST
//! /api/v1/events/{provider}[/{instance}]`. Out: 202 once the payload is durable, with what became of
//! it; a payload that cannot be mapped is kept too, and says so.

use std::sync::Arc;

use base64::Engine as _;
use bongsu_engine::api::{
    Delivered, IntakeError, PayloadFilter, PayloadRow, ProviderCheck, Receipt, TestError,
};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::{limit, position};
use super::change::malformed;
use super::model::Page;
use crate::answer::{self, Answered, Family, Problem};
use crate::query::Query;
use crate::service::{App, Call};

/// Provider of payloads that name none: alerts in the wide form itself.
const GENERIC: &str = "keep";

/// `POST /alerts/event`.
pub(crate) async fn event(app: Arc<App>, call: Call) -> Answered {
    let instance = call.query.last("provider_id").map(str::to_owned);
    take(&app, call, GENERIC.to_owned(), instance).await
}

/// `POST /alerts/event/{provider}`.
pub(crate) async fn event_of(app: Arc<App>, call: Call) -> Answered {
    let provider = call.parameter(0);
    let instance = call.query.last("provider_id").map(str::to_owned);
    take(&app, call, provider, instance).await
}

/// `POST /api/v1/events/{provider}`.
pub(crate) async fn provider_event(app: Arc<App>, call: Call) -> Answered {
    let provider = call.parameter(0);
    take(&app, call, provider, None).await
}

/// `POST /api/v1/events/{provider}/{instance}`.
pub(crate) async fn instance_event(app: Arc<App>, call: Call) -> Answered {
    let (provider, instance) = (call.parameter(0), call.parameter(1));
    take(&app, call, provider, Some(instance)).await
}

async fn take(app: &Arc<App>, call: Call, provider: String, instance: Option<String>) -> Answered {
    let header = |name| {
        let value = call.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        value.map(std::borrow::Cow::into_owned).unwrap_or_default()
    };
    let encoding = header(CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let message = format!("content encoding {encoding} is not taken");
        return Problem::new("content_encoding", message, "send the body as it is")
            .answer(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let token = shown(&call.headers, &call.query);
    let delivered = Delivered {
        provider,
        instance,
        key: token.as_deref().and_then(|shown| app.backend.key_name(shown)).map(|n| n.to_string()),
        token,
        fingerprint: call.query.last("fingerprint").filter(|f| !f.is_empty()).map(str::to_owned),
        content_type: header(CONTENT_TYPE),
        headers: call
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        query: call.query.pairs().to_vec(),
        body: call.body.clone(),
    };
    match app.backend.receive(delivered).await {
        Ok(receipt) => answer::json(StatusCode::ACCEPTED, &ReceiptJson::from(&receipt)),
        Err(error) => refused(&error),
    }
}

/// What a sender shows to be let in: an API key, a bearer token, the password of basic
/// authentication, or a parameter for senders that can set no header.
pub(crate) fn shown(headers: &HeaderMap, query: &Query) -> Option<String> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    if let Some(key) = header("x-api-key").or_else(|| header("api_key")) {
        return Some(key);
    }
    let authorization = header(AUTHORIZATION.as_str()).unwrap_or_default();
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        return Some(token.trim().to_owned());
    }
    if let Some(pair) = authorization.strip_prefix("Basic ") {
        let pair = base64::engine::general_purpose::STANDARD.decode(pair.trim()).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        return pair.split_once(':').map(|(_, password)| password.to_owned());
    }
    ["token", "api_key"].iter().find_map(|name| query.last(name)).map(str::to_owned)
}

fn refused(error: &IntakeError) -> Answered {
    let message = error.to_string();
    let (code, help, status) = match error {
        IntakeError::UnknownProvider(_) => {
            ("provider_not_found", "bongsu provider ls lists what is known", StatusCode::NOT_FOUND)
        }
        IntakeError::UnknownInstance(_) => {
            ("instance_not_found", "see providers.yaml", StatusCode::NOT_FOUND)
        }
        IntakeError::BrokenManifest { .. } => (
            "broken_manifest",
            "bongsu provider show prints every mistake",
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        IntakeError::Refused(_) => {
            ("unauthorized", "send the token of the instance", StatusCode::UNAUTHORIZED)
        }
        IntakeError::Unusable(_) => {
            ("unusable_instance", "see the server's log", StatusCode::SERVICE_UNAVAILABLE)
        }
        IntakeError::Overloaded { retry_after } => {
            return answer::too_many(Family::V1, &message, *retry_after);
        }
        IntakeError::Store(problem) => return answer::store(Family::V1, problem, &message),
    };
    Problem::new(code, message, help).answer(status)
}

/// `GET /api/v1/payloads`: kept payloads, newest first; parameters `problems`, `provider`.
pub(crate) async fn payloads(app: Arc<App>, call: Call) -> Answered {
    let (limit, before) = match (limit(&call), position(&call)) {
        (Ok(limit), Ok(before)) => (limit, before),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let filter = PayloadFilter {
        problems: call.query.flag("problems", false),
        provider: call.query.last("provider").map(str::to_owned),
        before,
        limit: limit + 1,
    };
    match app.backend.payloads(filter).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().map(|row| row.id.to_string()).filter(|_| more);
            let items = found.iter().map(|row| PayloadJson::of(row, false)).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `GET /api/v1/payloads/{id}`: one with its body.
pub(crate) async fn payload(app: Arc<App>, call: Call) -> Answered {
    let id = match id(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.payload(id).await {
        Ok(Some(row)) => answer::json(StatusCode::OK, &PayloadJson::of(&row, true)),
        Ok(None) => unknown(id),
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `POST /api/v1/payloads/{id}/replay`: maps it again, as the manifest stands now.
pub(crate) async fn replay(app: Arc<App>, call: Call) -> Answered {
    let id = match id(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.replay(id).await {
        Ok(Some(receipt)) => answer::json(StatusCode::OK, &ReceiptJson::from(&receipt)),
        Ok(None) => unknown(id),
        Err(error) => refused(&error),
    }
}

/// Which problem to dismiss; none: all.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dismissal {
    /// The payload.
    id: Option<i64>,
}

/// `POST /api/v1/payloads/dismiss`: the payload stays, its problem is no longer listed.
pub(crate) async fn dismiss(app: Arc<App>, call: Call) -> Answered {
    let asked: Dismissal = match serde_json::from_slice(&call.body) {
        Ok(asked) => asked,
        Err(error) => return malformed(&error.to_string()),
    };
    match app.backend.dismiss_problems(asked.id).await {
        Ok(count) => answer::json(StatusCode::OK, &serde_json::json!({"dismissed": count})),
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// Settings to try.
#[derive(Default, serde::Deserialize)]
struct TestRequest {
    config: Option<serde_json::Map<String, serde_json::Value>>,
}

/// `POST /providers/{name}/test`, `POST /api/v1/providers/{name}/test`: tries what an instance, or a
/// provider with the settings in `config`, may do. 200 if all of it, else 424 with the same body.
pub(crate) async fn test(app: Arc<App>, call: Call) -> Answered {
    let asked = if call.body.is_empty() {
        TestRequest::default()
    } else {
        match serde_json::from_slice(&call.body) {
            Ok(asked) => asked,
            Err(error) => {
                let help = "send {\"config\": {…}}, or nothing for an instance";
                return Problem::new("invalid_body", error.to_string(), help)
                    .answer(StatusCode::BAD_REQUEST);
            }
        }
    };
    let name = call.parameter(0);
    match app.backend.test_provider(name.clone(), asked.config).await {
        Ok(checks) => {
            let ok = checks.iter().all(|check| check.problem.is_none());
            let status = if ok { StatusCode::OK } else { StatusCode::FAILED_DEPENDENCY };
            answer::json(status, &TestJson::of(&name, ok, &checks))
        }
        Err(error @ TestError::Unknown(_)) => {
            Problem::new("provider_not_found", error.to_string(), "see providers.yaml")
                .answer(StatusCode::NOT_FOUND)
        }
        Err(error @ TestError::Settings(_)) => {
            Problem::new("invalid_settings", error.to_string(), "bongsu provider show lists them")
                .answer(StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

/// What a provider lets us do.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderTest)]
pub(crate) struct TestJson<'a> {
    /// Instance or provider.
    provider: &'a str,
    /// Whether all of it works.
    ok: bool,
    /// One for each permission.
    checks: Vec<CheckJson<'a>>,
    /// What to know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// One permission that was tried.
#[derive(Serialize, ToSchema)]
struct CheckJson<'a> {
    /// What it is called over there.
    permission: &'a str,
    /// What it is needed for.
    summary: &'a str,
    /// Whether it is there.
    ok: bool,
    /// Why it is not.
    problem: Option<&'a str>,
}

impl<'a> TestJson<'a> {
    fn of(provider: &'a str, ok: bool, checks: &'a [ProviderCheck]) -> Self {
        let one = |check: &'a ProviderCheck| CheckJson {
            permission: &check.permission,
            summary: &check.summary,
            ok: check.problem.is_none(),
            problem: check.problem.as_deref(),
        };
        let note = "the settings fit; nothing can be tried without doing something over there";
        let note = checks.is_empty().then_some(note);
        Self { provider, ok, checks: checks.iter().map(one).collect(), note }
    }
}

/// `GET /api/v1/unmapped`: values no map of a provider knows.
pub(crate) async fn unmapped(app: Arc<App>, _call: Call) -> Answered {
    let values = app.backend.unmapped();
    let items: Vec<UnmappedJson> = values
        .iter()
        .map(|value| UnmappedJson {
            provider: &value.provider,
            field: &value.unmapped.field,
            value: &value.unmapped.value,
            became: &value.unmapped.became,
            count: value.count,
            last_at: value.last_at.to_string(),
        })
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// `GET /api/v1/deduplications`: rules with what they have seen.
pub(crate) async fn deduplications(app: Arc<App>, _call: Call) -> Answered {
    let rules = app.backend.dedup_rules();
    let items: Vec<DeduplicationJson> = rules
        .iter()
        .map(|(rule, ratio)| DeduplicationJson {
            name: &rule.name,
            provider: &rule.provider,
            instance: rule.instance.as_deref(),
            fingerprint_fields: &rule.fingerprint_fields,
            ignore_fields: &rule.ignore_fields,
            full_deduplication: rule.full_deduplication,
            reports: ratio.reports,
            full: ratio.full,
            partial: ratio.partial,
            ratio: ratio.share(),
        })
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

fn id(call: &Call) -> Result<i64, Answered> {
    call.parameter(0).parse().map_err(|_| Problem::parameter("id", "not a number"))
}

fn unknown(id: i64) -> Answered {
    let message = format!("no payload {id} is kept");
    Problem::new("payload_not_found", message, "payloads are kept for a few days")
        .answer(StatusCode::NOT_FOUND)
}

/// What became of a payload.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptJson<'a> {
    /// Its id; it is kept under this.
    id: i64,
    /// Shape of payload that fitted.
    shape: &'a str,
    /// Alerts in it, duplicates included.
    alerts: usize,
    /// Those that say nothing new.
    duplicates: usize,
    /// Changes in it: deployments and the like.
    changes: usize,
    /// Parts that are neither.
    skipped: usize,
    /// Values that name no severity or state.
    unmapped: Vec<Guess<'a>>,
    /// Why it could not be mapped; it is kept all the same.
    problem: Option<&'a str>,
}

/// A value that names no severity or state, and what it became.
#[derive(Serialize, ToSchema)]
struct Guess<'a> {
    /// The field.
    field: &'a str,
    /// What was sent.
    value: &'a str,
    /// What it became.
    became: &'a str,
}

impl<'a> From<&'a Receipt> for ReceiptJson<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        let guess = |g: &'a bongsu_model::Unmapped| Guess {
            field: &g.field,
            value: &g.value,
            became: &g.became,
        };
        Self {
            id: receipt.id,
            shape: &receipt.shape,
            alerts: receipt.alerts,
            duplicates: receipt.duplicates,
            changes: receipt.changes,
            skipped: receipt.skipped,
            unmapped: receipt.unmapped.iter().map(guess).collect(),
            problem: receipt.problem.as_deref(),
        }
    }
}

/// A kept payload.
#[derive(Serialize, ToSchema)]
#[schema(as = Payload)]
pub(crate) struct PayloadJson<'a> {
    /// Its id.
    id: i64,
    /// When it was received.
    #[schema(format = DateTime)]
    at: String,
    /// Slug of the provider.
    provider: &'a str,
    /// Instance it was sent to.
    instance: Option<&'a str>,
    /// Why it could not be mapped, if so.
    problem: Option<&'a str>,
    /// Bytes of the body.
    bytes: usize,
    /// The body as text; only of a single payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl<'a> PayloadJson<'a> {
    fn of(row: &'a PayloadRow, with_body: bool) -> Self {
        Self {
            id: row.id,
            at: row.at.to_string(),
            provider: &row.provider,
            instance: row.instance.as_deref(),
            problem: row.problem.as_deref(),
            bytes: row.body.len(),
            body: with_body.then(|| String::from_utf8_lossy(&row.body).into_owned()),
        }
    }
}

/// A value no map of a provider knows.
#[derive(Serialize, ToSchema)]
#[schema(as = UnmappedValue)]
pub(crate) struct UnmappedJson<'a> {
    /// Slug of the provider.
    provider: &'a str,
    /// The field.
    field: &'a str,
    /// What was sent.
    value: &'a str,
    /// What it became.
    became: &'a str,
    /// How often it came.
    count: u64,
    /// When it last came.
    #[schema(format = DateTime)]
    last_at: String,
}

/// A rule of deduplication with what it has seen.
#[derive(Serialize, ToSchema)]
#[schema(as = Deduplication)]
pub(crate) struct DeduplicationJson<'a> {
    /// Its name.
    name: &'a str,
    /// Slug of the provider it is for.
    provider: &'a str,
    /// Instance it is for.
    instance: Option<&'a str>,
    /// Fields that identify an alert; empty: the provider's own way.
    fingerprint_fields: &'a [String],
    /// Fields that do not make a report new.
    ignore_fields: &'a [String],
    /// Whether reports that say nothing new go no further.
    full_deduplication: bool,
    /// Reports.
    reports: u64,
    /// Those that said nothing new.
    full: u64,
    /// Those that said something new of a known alert.
    partial: u64,
    /// Share of duplicates of either kind, from 0 to 1.
    ratio: f64,
}
