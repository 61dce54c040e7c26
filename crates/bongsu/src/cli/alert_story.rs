//! `bongsu alert get`, `history`, `explain`: everything about one alert.

use std::fmt::Write;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::alert::{find, state_cell};
use super::{Failure, Global, Outcome};
use crate::client::{Alert, Raw};
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
    #[command(flatten)]
    alert: OneAlert,
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
        let fingerprint = &self.alert.fingerprint;
        let path = format!("v1/alerts/{fingerprint}/history");
        let limit = self.limit.to_string();
        let page = global
            .client()?
            .get(&path, &[("limit", &limit)])
            .map_err(|e| unknown(e, fingerprint))?;
        let entries = page["items"].as_array().cloned().unwrap_or_default();
        let rows = entries.into_iter().map(|entry| Row {
            id: entry["id"].to_string(),
            cells: vec![
                (Colour::Plain, when(&entry["at"], global)),
                kind_cell(&entry),
                (Colour::Plain, flat(&entry["detail"])),
            ],
            json: entry,
        });
        let listing = Listing { columns: &["WHEN", "WHAT", "DETAIL"], rows: rows.collect() };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if listing.rows.is_empty() {
            global.say(&format!("nothing is recorded about {fingerprint}"));
        }
        Ok(Exit::Done)
    }
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
