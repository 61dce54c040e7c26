//! `api_http.json`

use bongsu_lang::Mode;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::Context;
use super::served::{Answered, Served};
use crate::report::Verdict;

pub(super) fn judge(context: &Context, case: &Value) -> Verdict {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    runtime.block_on(run(context, case)).into()
}

async fn run(context: &Context, case: &Value) -> Result<(), String> {
    let config = context.fields["config_yaml"].as_str().unwrap_or_default();
    let now = "2026-11-21T10:00:00Z".parse().map_err(|_| "no time")?;
    let served = Served::start(config, Mode::Fallback, now)?;
    let id = match case["given"].as_str() {
        Some(given) => prepare(&served, given).await?,
        None => String::new(),
    };
    let request = &case["request"];
    let path = request["path"].as_str().unwrap_or_default().replace("$id", &id);
    let mut wanted = Request::builder()
        .method(request["method"].as_str().unwrap_or_default())
        .uri(escaped(&path));
    if let Some(kind) = request["content_type"].as_str() {
        wanted = wanted.header("content-type", kind);
    }
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        wanted = wanted.header(name, value.as_str().unwrap_or_default());
    }
    let body = match (&request["raw_body"], &request["body"]) {
        (Value::String(raw), _) => raw.replace("$id", &id),
        (_, Value::Null) => String::new(),
        (_, body) => body.to_string().replace("$id", &id),
    };
    let wanted = wanted.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    compare(&served.send(wanted).await?, &case["expected"])
}

/// Characters people leave unescaped in addresses but that are not allowed there.
fn escaped(path: &str) -> String {
    path.replace(' ', "%20").replace('"', "%22").replace('{', "%7B").replace('}', "%7D")
}

/// Brings about what the case takes for granted; the id of the silence it made, if any.
async fn prepare(served: &Served, given: &str) -> Result<String, String> {
    if let Some((_, text)) = given.split_once("configuration file replaced by ") {
        *served.file.lock() = text.trim_matches('`').to_owned();
        return Ok(String::new());
    }
    if given.starts_with("alerts ") || given.starts_with("alert ") {
        let sets = given.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let alerts: Vec<Value> = sets
            .map(|(inside, _)| {
                let pairs = inside.split(',').filter_map(|pair| pair.split_once('='));
                let labels: serde_json::Map<String, Value> = pairs
                    .map(|(name, value)| (name.trim().to_owned(), json!(value.trim_matches('"'))))
                    .collect();
                json!({ "labels": labels })
            })
            .collect();
        let posted = served.post("/api/v2/alerts", &json!(alerts)).await?;
        return ok(&posted).map(|()| String::new());
    }
    if given.starts_with("silence $id") {
        return prepare_silence(served, given).await;
    }
    Err(format!("not understood: given {given}"))
}

async fn prepare_silence(served: &Served, given: &str) -> Result<String, String> {
    let starts_at =
        if given.contains("future") { "2034-01-01T00:00:00Z" } else { "2026-11-21T10:00:00Z" };
    let silence = json!({
        "matchers": [{"name": "a", "value": "b", "isRegex": false}],
        "startsAt": starts_at, "endsAt": "2094-01-02T00:00:00Z",
        "createdBy": "me", "comment": "c",
    });
    let made = served.post("/api/v2/silences", &silence).await?;
    ok(&made)?;
    let id = made.json().and_then(|json| json["silenceID"].as_str().map(str::to_owned));
    let id = id.ok_or("no silenceID")?;
    if given.contains("deleted") {
        let request = Request::delete(format!("/api/v2/silence/{id}")).body(Full::default());
        ok(&served.send(request.map_err(|error| error.to_string())?).await?)?;
    }
    Ok(id)
}

fn ok(answered: &Answered) -> Result<(), String> {
    match answered.status {
        200 => Ok(()),
        status => Err(format!("preparation answered {status}: {}", answered.text())),
    }
}

fn compare(got: &Answered, expected: &Value) -> Result<(), String> {
    let text = got.text();
    let check = |holds: bool, what: &str| {
        let status = got.status;
        if holds { Ok(()) } else { Err(format!("{what} differs: got {status} {text:?}")) }
    };
    let json = got.json();
    let json = json.as_ref();
    for (what, wanted) in expected.as_object().into_iter().flatten() {
        let holds = match what.as_str() {
            "status" => *wanted == got.status,
            "text" => wanted.as_str() == Some(text.as_str()),
            "json" => json == Some(wanted),
            "json_code" => json.is_some_and(|json| json["code"] == *wanted),
            "message_contains" => json.is_some_and(|json| {
                let message = json["message"].as_str().unwrap_or_default();
                wanted.as_str().is_some_and(|part| message.contains(part))
            }),
            "json_length" => json.and_then(Value::as_array).is_some_and(|l| *wanted == l.len()),
            "json_keys" => wanted.as_array().into_iter().flatten().all(|key| {
                let key = key.as_str().unwrap_or_default();
                json.is_some_and(|json| json.get(key).is_some())
            }),
            "json_subset" => json.is_some_and(|json| holds_subset(json, wanted)),
            "content_type" => header(got, "content-type") == wanted.as_str(),
            "headers" => wanted
                .as_object()
                .into_iter()
                .flatten()
                .all(|(name, value)| header(got, name) == value.as_str()),
            "note" => json.is_some_and(|json| holds_note(json, wanted)),
            other => return Err(format!("unknown expectation {other}")),
        };
        check(holds, what)?;
    }
    Ok(())
}

fn header<'a>(got: &'a Answered, name: &str) -> Option<&'a str> {
    got.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Remarks in words. The one that states a relation is checked, others explain.
fn holds_note(json: &Value, note: &Value) -> bool {
    let equal = note.as_str().is_some_and(|n| n.starts_with("startsAt = endsAt = updatedAt"));
    let same = |name: &str| json[name].is_string() && json[name] == json["startsAt"];
    !equal || same("endsAt") && same("updatedAt")
}

/// Whether every wanted field is there; lists are compared place by place.
fn holds_subset(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Object(got), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| got.get(name).is_some_and(|got| holds_subset(got, wanted))),
        (Value::Array(got), Value::Array(wanted)) => {
            got.len() == wanted.len() && got.iter().zip(wanted).all(|(g, w)| holds_subset(g, w))
        }
        _ => got == wanted,
    }
}
