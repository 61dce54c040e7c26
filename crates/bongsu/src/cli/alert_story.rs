//! `bongsu alert get`, `show`, `history`, `explain`: everything about one alert.

use std::fmt::Write;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::alert::{find, state_cell};
use super::alert_change;
use super::{Failure, Global, Outcome};
use crate::client::{Alert, Client, ClientError, Raw};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, object, paint};

/// One alert.
#[derive(Debug, Args)]
pub(crate) struct OneAlert {
    /// The alert's fingerprint, 16 hex digits; `alert ls` shows it.
    #[arg(value_parser = fingerprint)]
    fingerprint: String,
}

/// Whose history, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// The alert's fingerprint, as `alert ls` or `alert search` shows it.
    fingerprint: String,
    /// Most entries shown.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

fn fingerprint(text: &str) -> Result<String, String> {
    let valid = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| text.to_ascii_lowercase()).ok_or_else(|| "not 16 hex digits".into())
}

impl OneAlert {
    pub(super) fn get(&self, global: &Global) -> Outcome {
        let Raw { json, item } = find(&global.client()?, &self.fingerprint)?;
        object(&json, global.output, &global.fields, &sheet(&item, global), &self.fingerprint);
        Ok(Exit::Done)
    }

    pub(super) fn explain(&self, global: &Global) -> Outcome {
        let path = format!("v1/alerts/{}/explain", self.fingerprint);
        let json = global.client()?.get(&path, &[]).map_err(|e| unknown(e, &self.fingerprint))?;
        let text = story(&json, global);
        object(&json, global.output, &global.fields, &text, &self.fingerprint);
        Ok(Exit::Done)
    }
}

fn unknown(error: crate::client::ClientError, fingerprint: &str) -> Failure {
    match error {
        crate::client::ClientError::Refused { status: 404, .. } => {
            Failure::no(format!("no alert {fingerprint} is known to a Bongsu server here"))
                .hint("list them with: bongsu alert ls")
        }
        other => other.into(),
    }
}

impl HistoryArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let wanted = &self.fingerprint;
        let limit = self.limit.to_string();
        let (entries, wide) = entries(&global.client()?, wanted, &[("limit", &limit)])?;
        let rows = entries.into_iter().map(|entry| Row {
            id: entry["id"].to_string(),
            cells: vec![
                (Colour::Plain, when(&entry["at"], global)),
                kind_cell(&entry),
                (
                    Colour::Plain,
                    flat(&if wide { short(&entry["detail"]) } else { entry["detail"].clone() }),
                ),
            ],
            json: entry,
        });
        let listing = Listing { columns: &["WHEN", "WHAT", "DETAIL"], rows: rows.collect() };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if listing.rows.is_empty() {
            global.say(&format!("nothing is recorded about {wanted}"));
        }
        Ok(Exit::Done)
    }
}

/// A routed alert's history; else, and then true, that of the alert with all its fields.
fn entries(
    client: &Client,
    of: &str,
    query: &[(&str, &str)],
) -> Result<(Vec<Value>, bool), Failure> {
    let items = |page: Value| page["items"].as_array().cloned().unwrap_or_default();
    if let Ok(routed) = fingerprint(of) {
        let path = format!("v1/alerts/{routed}/history");
        let found = items(client.get(&path, query).map_err(|e| unknown(e, of))?);
        if !found.is_empty() {
            return Ok((found, false));
        }
    }
    match client.wide_alert(of, "/history", query) {
        // An Alertmanager, or nothing is known.
        Err(ClientError::Refused { status: 404, .. }) => Ok((Vec::new(), true)),
        page => Ok((items(page?), true)),
    }
}

/// Of a report, the fields that tell it apart from others.
fn short(detail: &Value) -> Value {
    let told = ["status", "severity", "description", "by", "set", "removed"];
    let something = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    let fields = detail.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, value)| told.contains(&name.as_str()) && something(value));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// One alert with all its fields.
#[derive(Debug, Args)]
pub(crate) struct WideAlert {
    /// The alert's fingerprint, as `alert search` shows it.
    fingerprint: String,
}

impl WideAlert {
    pub(super) fn show(&self, global: &Global) -> Outcome {
        let alert = global.client()?.wide_alert(&self.fingerprint, "", &[]);
        let alert = alert.map_err(|e| alert_change::unknown(e, &self.fingerprint))?;
        object(&alert, global.output, &global.fields, &all(&alert, global), &self.fingerprint);
        Ok(Exit::Done)
    }
}

/// Every field that holds something, then what was added and by whom.
fn all(alert: &Value, global: &Global) -> String {
    let mut out = String::new();
    let fields = alert.as_object().into_iter().flatten();
    for (name, value) in fields.filter(|(name, _)| *name != "enrichments") {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Object(pairs) => {
                for (key, value) in pairs {
                    let _ = writeln!(out, "{name}.{key} = {}", flat(value));
                }
            }
            value => {
                let _ = writeln!(out, "{name} = {}", flat(value));
            }
        }
    }
    let added = alert["enrichments"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !added.is_empty() {
        out.push_str("added\n");
    }
    for entry in added {
        let until = match &entry["expiresAt"] {
            Value::Null if entry["disposable"] == true => ", until the next report".to_owned(),
            Value::Null => String::new(),
            at => format!(", until {}", when(at, global)),
        };
        let _ = writeln!(
            out,
            "  {} = {} by {} at {}{until}",
            flat(&entry["key"]),
            flat(&entry["value"]),
            flat(&entry["origin"]),
            when(&entry["at"], global)
        );
    }
    out
}

fn kind_cell(entry: &Value) -> (Colour, String) {
    let kind = entry["kind"].as_str().unwrap_or_default();
    let colour = match kind {
        "fired" | "failed" => Colour::Bad,
        "resolved" | "notified" => Colour::Good,
        _ => Colour::Plain,
    };
    (colour, kind.to_owned())
}

/// `name=value` of an object's scalars; anything else as JSON.
fn flat(detail: &Value) -> String {
    let show = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match detail {
        Value::Null => String::new(),
        Value::Object(fields) => {
            fields.iter().map(|(n, v)| format!("{n}={}", show(v))).collect::<Vec<_>>().join(" ")
        }
        other => show(other),
    }
}

fn when(value: &Value, global: &Global) -> String {
    let text = value.as_str().unwrap_or_default();
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| global.show_time(at))
}

fn sheet(alert: &Alert, global: &Global) -> String {
    let mut out = String::new();
    let (colour, state) = state_cell(alert);
    // Writing to a String does not fail.
    let _ = writeln!(out, "fingerprint  {}", alert.fingerprint);
    let _ = writeln!(out, "state        {}", paint(colour, &state));
    let _ = writeln!(out, "since        {}", global.show_time(alert.starts_at.at));
    let _ = writeln!(out, "until        {}", global.show_time(alert.ends_at.at));
    if !alert.generator_url.is_empty() {
        let _ = writeln!(out, "source       {}", alert.generator_url);
    }
    let receivers: Vec<&str> = alert.receivers.iter().map(|r| r.name.as_str()).collect();
    let _ = writeln!(out, "receivers    {}", receivers.join(", "));
    let held =
        [("silenced by", &alert.status.silenced_by), ("inhibited by", &alert.status.inhibited_by)];
    for (name, ids) in held {
        if !ids.is_empty() {
            let _ = writeln!(out, "{name:<12} {}", ids.join(", "));
        }
    }
    for (name, pairs) in [("labels", &alert.labels), ("annotations", &alert.annotations)] {
        if pairs.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{name}");
        for (name, value) in pairs {
            let _ = writeln!(out, "  {name} = {value}");
        }
    }
    out
}

/// The explanation as a short text: state, then each route with what holds it back.
fn story(json: &Value, global: &Global) -> String {
    let alert = &json["alert"];
    let name = alert["labels"]["alertname"].as_str().unwrap_or("(no alertname)");
    let id = alert["fingerprint"].as_str().unwrap_or_default();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} ({id}) is {} since {}",
        paint(Colour::Strong, name),
        alert["state"].as_str().unwrap_or("unknown"),
        when(&alert["starts_at"], global)
    );
    for (key, words) in [("silenced_by", "silenced by"), ("inhibited_by", "inhibited by")] {
        for id in alert[key].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  {} {}", paint(Colour::Warn, words), flat(id));
        }
    }
    let routes = json["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if routes.is_empty() {
        out.push_str("no route takes it\n");
    }
    for (at, route) in routes.iter().enumerate() {
        let _ = writeln!(
            out,
            "\n{}. to {} by route {}",
            at + 1,
            flat(&route["receiver"]),
            flat(&route["route_id"])
        );
        let _ = writeln!(out, "   group {}", flat(&route["group_key"]));
        for interval in route["muted_by"].as_array().into_iter().flatten() {
            let _ = writeln!(
                out,
                "   {} {}",
                paint(Colour::Warn, "muted by time interval"),
                flat(interval)
            );
        }
        if !route["next_flush"].is_null() {
            let _ = writeln!(out, "   next flush {}", when(&route["next_flush"], global));
        }
        for sent in route["deliveries"].as_array().into_iter().flatten() {
            let arrived = sent["delivered"].as_bool() == Some(true);
            let (colour, word) =
                if arrived { (Colour::Good, "sent") } else { (Colour::Bad, "failed") };
            let _ = writeln!(
                out,
                "   {} {} to {} ({}): {}",
                when(&sent["at"], global),
                paint(colour, word),
                flat(&sent["target"]),
                flat(&sent["reason"]),
                flat(&sent["answer"]),
            );
        }
    }
    out
}
