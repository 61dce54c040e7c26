//! `amtool silence`.

use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_model::Time;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, format, words};
use crate::client::{Raw, Silence};
use crate::output;

/// `silence add`.
pub(super) fn add(call: &Call) -> Result<(), String> {
    let parsed = &call.parsed;
    let matchers = words::matchers(&parsed.arguments, call.mode)?;
    if matchers.is_empty() {
        return Err("no matchers specified".into());
    }
    let starts_at = match parsed.text("start") {
        "" => Timestamp::now().into(),
        text => words::time(text)?,
    };
    let ends_at = end(call, starts_at)?.unwrap_or(starts_at);
    if starts_at > ends_at {
        return Err("silence cannot start after it ends".into());
    }
    let comment = parsed.text("comment");
    if parsed.switch("require-comment") && comment.is_empty() {
        return Err("comment required by config".into());
    }
    let author = parsed.some("author").unwrap_or_else(words::user);
    let annotations = words::pairs(parsed.texts("annotation"), "annotations", call.mode)?;
    let matchers: Vec<Value> = matchers.iter().map(posted_matcher).collect();
    let mut silence = json!({
        "comment": comment,
        "createdBy": author,
        "endsAt": words::api_time(ends_at),
        "matchers": matchers,
        "startsAt": words::api_time(starts_at),
    });
    if !annotations.is_empty() {
        silence["annotations"] = json!(annotations);
    }
    let id = call.client()?.post_silence(&silence).map_err(|e| e.to_string())?;
    output::print(&format!("{id}\n"));
    Ok(())
}

/// The API's form of a matcher.
pub(crate) fn posted_matcher(matcher: &bongsu_model::Matcher) -> Value {
    json!({
        "isEqual": matcher.op().is_equal(),
        "isRegex": matcher.op().is_regex(),
        "name": matcher.name(),
        "value": matcher.value(),
    })
}

/// The end that `--end` or `--duration` name, if they do.
fn end(call: &Call, starts_at: Time) -> Result<Option<Time>, String> {
    match (call.parsed.text("end"), call.parsed.text("duration")) {
        ("", "") => Ok(None),
        ("", length) => {
            let length = duration::parse(length)?;
            if length.is_zero() {
                return Err("silence duration must be greater than 0".into());
            }
            let at = starts_at.at.checked_add(length).map_err(|e| e.to_string())?;
            Ok(Some(at.into()))
        }
        (text, _) => Ok(Some(words::time(text)?)),
    }
}

/// `silence expire`.
pub(super) fn expire(call: &Call) -> Result<(), String> {
    let ids = &call.parsed.arguments;
    if ids.is_empty() {
        return Err("no silence IDs specified".into());
    }
    let client = call.client()?;
    ids.iter().try_for_each(|id| client.expire_silence(id).map_err(|e| e.to_string()))
}

/// `silence query`.
pub(super) fn query(call: &Call) -> Result<(), String> {
    let parsed = &call.parsed;
    let filters = words::with_alertname(&parsed.arguments, call.mode);
    let query: Vec<_> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
    let mut silences = call.client()?.silences(&query).map_err(|e| e.to_string())?;
    let now = Timestamp::now();
    let expired = parsed.switch("expired");
    let within = parsed.duration("within");
    let (author, id) = (parsed.text("created-by"), parsed.text("id"));
    silences.retain(|Raw { item: silence, .. }| {
        wanted(silence.ends_at.at, now, expired, within)
            && (author.is_empty() || author == silence.created_by)
            && (id.is_empty() || id == silence.id)
    });
    show(call, silences);
    Ok(())
}

/// Whether a silence with this end is listed: current or expired ones, and near ones only.
fn wanted(ends_at: Timestamp, now: Timestamp, expired: bool, within: Duration) -> bool {
    let near = |limit: Result<Timestamp, jiff::Error>, later: bool| match limit {
        _ if within.is_zero() => true,
        Ok(limit) if later => ends_at >= limit,
        Ok(limit) => ends_at <= limit,
        // A limit beyond all time excludes nothing.
        Err(_) => true,
    };
    if expired {
        ends_at <= now && near(now.checked_sub(within), true)
    } else {
        ends_at >= now && near(now.checked_add(within), false)
    }
}

fn show(call: &Call, silences: Vec<Raw<Silence>>) {
    if call.parsed.switch("quiet") {
        let ids: String = silences.iter().map(|s| format!("{}\n", s.item.id)).collect();
        output::print(&ids);
    } else {
        format::silences(call, silences);
    }
}

/// `silence update`.
pub(super) fn update(call: &Call) -> Result<(), String> {
    let parsed = &call.parsed;
    if parsed.arguments.is_empty() {
        return Err("no silence IDs specified".into());
    }
    let client = call.client()?;
    let mut updated = Vec::new();
    for id in &parsed.arguments {
        let Raw { mut json, item: mut silence } = client.silence(id).map_err(|e| e.to_string())?;
        if let Some(text) = parsed.some("start") {
            silence.starts_at = words::time(&text)?;
        }
        if let Some(ends_at) = end(call, silence.starts_at)? {
            silence.ends_at = ends_at;
        }
        if silence.starts_at > silence.ends_at {
            return Err("silence cannot start after it ends".into());
        }
        json["startsAt"] = words::api_time(silence.starts_at).into();
        json["endsAt"] = words::api_time(silence.ends_at).into();
        if let Some(comment) = parsed.some("comment") {
            json["comment"] = comment.as_str().into();
            silence.comment = comment;
        }
        silence.id = client.post_silence(&postable(&json)).map_err(|e| e.to_string())?;
        json["id"] = silence.id.as_str().into();
        updated.push(Raw { json, item: silence });
    }
    show(call, updated);
    Ok(())
}

/// The part of a listed silence that may be posted again.
pub(crate) fn postable(listed: &Value) -> Value {
    let mut posted = listed.clone();
    if let Some(fields) = posted.as_object_mut() {
        fields.shift_remove("status");
        fields.shift_remove("updatedAt");
    }
    posted
}

/// `silence import`.
pub(super) fn import(call: &Call) -> Result<(), String> {
    let silences = read_silences(call.parsed.arguments.first().map(String::as_str))?;
    let force = call.parsed.switch("force");
    let silences: Vec<Value> = silences
        .iter()
        .map(|listed| {
            let mut silence = postable(listed);
            if let Some(fields) = silence.as_object_mut().filter(|_| force) {
                fields.shift_remove("id");
            }
            silence
        })
        .collect();
    let workers = usize::try_from(call.parsed.integer("worker")).unwrap_or(1);
    let failed = Cell::new(0usize);
    call.client()?.post_silences(&silences, workers, |silence, answer| match answer {
        Ok(id) => output::print(&format!("{id}\n")),
        Err(error) => {
            failed.set(failed.get() + 1);
            let id = silence["id"].as_str().unwrap_or_default();
            eprintln!("Error adding silence id='{id}': {error}");
        }
    });
    match failed.get() {
        0 => Ok(()),
        failed => Err(format!("couldn't import {failed} out of {} silences", silences.len())),
    }
}

/// The list of silences in a file or, without one, on standard input.
pub(crate) fn read_silences(path: Option<&str>) -> Result<Vec<Value>, String> {
    let mut text = String::new();
    match path {
        Some(path) => {
            text = std::fs::read_to_string(path).map_err(|e| format!("open {path}: {e}"))?;
        }
        None => {
            std::io::stdin().read_to_string(&mut text).map_err(|e| e.to_string())?;
        }
    }
    let silences: Vec<Value> = serde_json::from_str(&text).map_err(|e| {
        let reason = match text.trim() {
            "" => "EOF".to_owned(),
            _ if e.is_eof() => "unexpected EOF".to_owned(),
            _ if e.is_data() => "expected a list of silences".to_owned(),
            _ => e.to_string(),
        };
        format!("couldn't unmarshal input data, is it JSON?: {reason}")
    })?;
    match silences.iter().find(|silence| !silence.is_object()) {
        None => Ok(silences),
        Some(other) => {
            Err(format!("couldn't unmarshal input data, is it JSON?: {other} is not a silence"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_ends_are_listed() {
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        for (end, expired, within, want) in [
            (10, false, 0, true),
            (-10, false, 0, false),
            (10, true, 0, false),
            (-10, true, 0, true),
            (10, false, 20, true),
            (30, false, 20, false),
            (-10, true, 20, true),
            (-30, true, 20, false),
        ] {
            let got = wanted(at(end), at(0), expired, Duration::from_secs(within));
            assert_eq!(got, want, "{end} {expired} {within}");
        }
    }
}
