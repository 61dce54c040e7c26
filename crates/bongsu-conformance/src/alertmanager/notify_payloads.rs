//! `notify_payloads.json`: drives the pure conversations with the scripted answers and compares
//! what they would have sent.

mod compare;
mod drive;
mod smtp;

use std::sync::{Arc, OnceLock};

use bongsu_config::alertmanager::{Config, load};
use bongsu_lang::Mode;
use bongsu_lang::gotmpl::TemplateSet;
use bongsu_model::{
    Alert, AlertStatus, FlushedAlert, GroupKey, Labels, Source, Time, Timestamp, render_diagnostics,
};
use bongsu_notify::data::{Kv, NotificationInput};
use bongsu_notify::templates::default_templates;
use bongsu_notify::{AttemptIds, NotifyInput, SecretFiles, Session};
use serde_json::Value;

use super::Context;
use crate::report::Verdict;

/// Puts the word of the recordings back.
fn recorded(text: &str) -> String {
    text.replace(SERVER, "SERVER")
}

pub(super) fn judge(context: &Context, case: &Value) -> Verdict {
    check(context, case).into()
}

fn check(context: &Context, case: &Value) -> Result<(), String> {
    let config = configuration(case)?;
    let receiver = config.receivers.first().ok_or("no receiver")?;
    let entry = receiver.integrations.first().ok_or("no integration")?;
    if case["integration"] != entry.integration.kind() {
        return Err(format!("integration is called {}", entry.integration.kind()));
    }
    let set = case["data_set"].as_str().and_then(|name| context.data_set(name));
    let set = set.ok_or("unknown data set")?;
    let alerts = alerts(set)?;
    let (group_labels, route_labels) = (labels(&set["group_labels"]), labels(&set["route_labels"]));
    let group_key = GroupKey(case["group_key"].as_str().ok_or("no group_key")?.into());
    let route_labels = Kv::new(route_labels);
    let input = NotifyInput {
        group_key: &group_key,
        data: NotificationInput {
            receiver: &receiver.name,
            group_labels: &group_labels,
            route_labels: &route_labels,
            // The recording gave every data set this reason.
            reason: "first notification",
            external_url: set["external_url"].as_str().unwrap_or(""),
            alerts: &alerts,
        },
        templates: templates()?,
        now: now()?,
        ids: &AttemptIds {
            idempotency_key: String::new(),
            message_id: smtp::MESSAGE_ID.to_owned(),
            boundary: smtp::BOUNDARY.to_owned(),
        },
        previous: &std::collections::BTreeMap::new(),
        session: &Session::new(),
        secrets: &SecretFiles::default(),
        aws: None,
        version: "0.34.0",
        compatible: true,
    };
    drive::attempts(&entry.integration, input, case)
}

/// Stands where the recording had the address of its server; as long, since errors in templated
/// URLs name a column.
const SERVER: &str = "127.0.0.1:12345";

fn configuration(case: &Value) -> Result<Config, String> {
    let text = case["config_yaml"].as_str().ok_or("no config_yaml")?;
    let text = text.replace("SMTPSERVER", SERVER).replace("SERVER", SERVER);
    let source = Source { name: "case.yml".to_owned(), text };
    load(source, None, Mode::Fallback)
        .map(|(config, _)| config)
        .map_err(|errors| render_diagnostics(&errors))
}

pub(super) fn templates() -> Result<&'static TemplateSet, String> {
    static SET: OnceLock<Result<TemplateSet, String>> = OnceLock::new();
    SET.get_or_init(|| default_templates().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(Clone::clone)
}

pub(super) fn now() -> Result<Timestamp, String> {
    "2026-01-01T00:00:00Z".parse().map_err(|_| "bad instant".to_owned())
}

pub(super) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap_or(""))))
}

pub(super) fn alerts(set: &Value) -> Result<Vec<FlushedAlert>, String> {
    let now = now()?;
    let time = |text: &Value| text.as_str().and_then(Time::parse_rfc3339).ok_or("bad time");
    let list = set["alerts"].as_array().ok_or("no alerts")?;
    let mut alerts = Vec::new();
    for alert in list {
        let labels = labels(&alert["labels"]);
        let alert = Alert {
            fingerprint: labels.fingerprint(),
            labels,
            annotations: self::labels(&alert["annotations"]),
            generator_url: alert["generatorURL"].as_str().unwrap_or("").into(),
            starts_at: time(&alert["startsAt"])?,
            ends_at: time(&alert["endsAt"])?,
            updated_at: now,
            timeout: false,
        };
        let resolved = alert.resolved_at(now);
        let status = if resolved { AlertStatus::Resolved } else { AlertStatus::Firing };
        alerts.push(FlushedAlert { alert: Arc::new(alert), status });
    }
    Ok(alerts)
}
