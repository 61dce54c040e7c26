//! `amtool alert`.

use serde_json::json;

use super::{Call, format, words};

const ZERO_TIME: &str = "0001-01-01T00:00:00.000Z";

/// `alert query`.
pub(super) fn query(call: &Call) -> Result<(), String> {
    let parsed = &call.parsed;
    let states = ["active", "inhibited", "silenced", "unprocessed"];
    let any = states.iter().any(|state| parsed.switch(state));
    let filters = words::with_alertname(&parsed.arguments, call.mode);
    let mut query = Vec::new();
    for state in states {
        let on = parsed.switch(state) || (!any && state == "active");
        query.push((state, if on { "true" } else { "false" }));
    }
    query.extend(filters.iter().map(|filter| ("filter", filter.as_str())));
    let receiver = parsed.text("receiver");
    if !receiver.is_empty() {
        query.push(("receiver", receiver));
    }
    query.sort_by_key(|(name, _)| *name);
    let alerts = call.client()?.alerts(&query).map_err(|e| e.to_string())?;
    format::alerts(call, alerts);
    Ok(())
}

/// `alert add`.
pub(super) fn add(call: &Call) -> Result<(), String> {
    let parsed = &call.parsed;
    let labels = words::with_alertname(&parsed.arguments, call.mode);
    let labels = words::pairs(labels.iter().map(String::as_str), "labels", call.mode)?;
    let annotations = words::pairs(parsed.texts("annotation"), "annotations", call.mode)?;
    let instant = |flag: &str| match parsed.text(flag) {
        "" => Ok(ZERO_TIME.to_owned()),
        text => words::time(text).map(words::api_time),
    };
    let mut alert = json!({
        "annotations": annotations,
        "endsAt": instant("end")?,
        "startsAt": instant("start")?,
        "labels": labels,
    });
    let generator = parsed.text("generator-url");
    if !generator.is_empty() {
        alert["generatorURL"] = generator.into();
    }
    call.client()?.post_alerts(&json!([alert])).map_err(|e| e.to_string())
}
