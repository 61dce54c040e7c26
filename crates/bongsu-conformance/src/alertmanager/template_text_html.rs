//! `template_text_html.json`, and the data sets other template files share.

use std::sync::Arc;

use bongsu_lang::gotmpl::{Context as RenderContext, GoTime, List, TemplateSet, Value as Template};
use bongsu_model::{Alert, AlertStatus, FlushedAlert, Labels, Time, Timestamp};
use bongsu_notify::data::{Kv, NotificationAlert, NotificationData, NotificationInput, zero_time};
use bongsu_notify::templates::default_templates;
use serde_json::Value;

use super::Context;
use crate::report::Verdict;

/// After every past and before every future time in the data sets.
pub(super) const NOW: i64 = 1_767_225_600;

pub(super) fn judge(context: &Context, case: &Value) -> Verdict {
    compare(context, case).into()
}

/// Renders `text` with the case's data and compares the output, or that there is none.
pub(super) fn compare(context: &Context, case: &Value) -> Result<(), String> {
    let data = data(context, case)?;
    let text = case["text"].as_str().ok_or("no text")?;
    let result = templates(&case["files"]).and_then(|set| {
        let at = RenderContext::at(now());
        let html = case["html"].as_bool().unwrap_or(false);
        let rendered = if html {
            set.render_html(text, &data, &at)
        } else {
            set.render_text(text, &data, &at)
        };
        rendered.map_err(|error| error.to_string())
    });
    let expected = &case["expected"];
    match (expected["ok"].as_bool(), result) {
        (Some(true), Ok(output)) if expected["output"] == output.as_str() => Ok(()),
        (Some(true), Ok(output)) => {
            Err(format!("want {}\n      got  {:?}", expected["output"], output))
        }
        (Some(true), Err(error)) => Err(error),
        (Some(false), Err(_)) => Ok(()),
        (Some(false), Ok(output)) => {
            Err(format!("accepted, gave {output:?}; want {}", expected["error"]))
        }
        (None, _) => Err("case without expected.ok".to_owned()),
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn templates(files: &Value) -> Result<TemplateSet, String> {
    let mut set = default_templates().map_err(|error| error.to_string())?;
    let mut names: Vec<&String> = files.as_object().into_iter().flat_map(|m| m.keys()).collect();
    names.sort();
    for name in names {
        let text = files[name].as_str().unwrap_or("");
        set.add_file(name, text).map_err(|error| error.to_string())?;
    }
    Ok(set)
}

fn data(context: &Context, case: &Value) -> Result<Template, String> {
    if let Some(name) = case["data_set"].as_str() {
        return Ok(data_set(context, name)?.to_value());
    }
    let raw = &case["data"];
    let items = |type_name, item: fn(&Value) -> Template| {
        let items = raw.as_array().into_iter().flatten().map(item).collect();
        Ok(Template::List(Arc::new(List::new(type_name, items))))
    };
    match case["data_kind"].as_str() {
        None => Ok(Template::Absent),
        Some("data") => Ok(Arc::new(raw_data(raw)).to_value()),
        Some("json") => Ok(Template::from_json(raw)),
        Some("strings") => items("[]string", |v| Template::from(v.as_str().unwrap_or(""))),
        Some("floats") => items("[]float64", |v| Template::Float(v.as_f64().unwrap_or(0.0))),
        Some("ints") => items("[]int", |v| Template::int(v.as_i64().unwrap_or(0))),
        Some("time") => Ok(Template::Time(GoTime::from(time(raw)))),
        Some(other) => Err(format!("unknown data kind {other}")),
    }
}

/// The notification data of a named data set.
pub(super) fn data_set(context: &Context, name: &str) -> Result<Arc<NotificationData>, String> {
    let set = context.data_set(name).ok_or_else(|| format!("no data set {name}"))?;
    let alerts: Vec<FlushedAlert> =
        set["alerts"].as_array().into_iter().flatten().map(flushed).collect();
    let route_labels = Kv::new(labels(&set["route_labels"]));
    Ok(Arc::new(NotificationData::new(NotificationInput {
        receiver: set["receiver"].as_str().unwrap_or(""),
        group_labels: &labels(&set["group_labels"]),
        route_labels: &route_labels,
        reason: set["reason"].as_str().unwrap_or(""),
        external_url: set["external_url"].as_str().unwrap_or(""),
        alerts: &alerts,
    })))
}

fn flushed(raw: &Value) -> FlushedAlert {
    let labels = labels(&raw["labels"]);
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: self::labels(&raw["annotations"]),
        generator_url: raw["generatorURL"].as_str().unwrap_or("").into(),
        starts_at: time(&raw["startsAt"]),
        ends_at: time(&raw["endsAt"]),
        updated_at: now(),
        timeout: false,
    };
    let status = alert.status_at(now());
    FlushedAlert { alert: Arc::new(alert), status }
}

/// The data struct read from its JSON form; absent maps are nil.
fn raw_data(raw: &Value) -> NotificationData {
    let text = |key: &str| raw[key].as_str().unwrap_or("").to_owned();
    let alerts = raw["alerts"].as_array().into_iter().flatten().map(|alert| {
        Arc::new(NotificationAlert {
            status: status(&alert["status"]),
            labels: kv(&alert["labels"]),
            annotations: kv(&alert["annotations"]),
            starts_at: time(&alert["startsAt"]),
            ends_at: time(&alert["endsAt"]),
            generator_url: alert["generatorURL"].as_str().unwrap_or("").to_owned(),
            fingerprint: alert["fingerprint"].as_str().unwrap_or("").to_owned(),
        })
    });
    NotificationData {
        receiver: text("receiver"),
        status: status(&raw["status"]),
        alerts: Arc::new(alerts.collect()),
        notification_reason: text("notification_reason"),
        group_labels: kv(&raw["groupLabels"]),
        common_labels: kv(&raw["commonLabels"]),
        common_annotations: kv(&raw["commonAnnotations"]),
        route_labels: match raw["routeLabels"].is_object() {
            true => Kv::templates(labels(&raw["routeLabels"])),
            false => Kv::default(),
        },
        external_url: text("externalURL"),
    }
}

fn status(raw: &Value) -> AlertStatus {
    if raw == "firing" { AlertStatus::Firing } else { AlertStatus::Resolved }
}

fn kv(raw: &Value) -> Kv {
    if raw.is_object() { Kv::new(labels(raw)) } else { Kv::default() }
}

fn labels(raw: &Value) -> Labels {
    let pairs = raw.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or(""))))
}

fn time(raw: &Value) -> Time {
    raw.as_str().and_then(Time::parse_rfc3339).unwrap_or_else(zero_time)
}
