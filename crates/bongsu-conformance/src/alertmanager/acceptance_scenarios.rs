//! `acceptance_scenarios.json`: the real binary, started as its peers start it, in real time.

mod expectation;
mod server;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::server::{Hook, Server};
use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    if case["cluster_size"].as_u64().unwrap_or(1) > 1 {
        return Verdict::NotRun("several members come with a later issue".to_owned());
    }
    let run = match case["kind"].as_str() {
        Some("timed") => timed,
        Some("api") => api,
        Some("cli") => cli,
        other => return Verdict::Failed(format!("unknown kind {other:?}")),
    };
    run(case).into()
}

/// The hooks a configuration names as `${name}`.
fn hooks(case: &Value) -> Result<Vec<Hook>, String> {
    let config = case["config_yaml"].as_str().unwrap_or_default();
    let mut hooks: Vec<Hook> = Vec::new();
    for part in config.split("${").skip(1) {
        let name = part.split('}').next().unwrap_or_default();
        if hooks.iter().all(|hook| hook.name != name) {
            hooks.push(Hook::start(name, &case["webhook_behaviour"][name])?);
        }
    }
    Ok(hooks)
}

fn start(case: &Value) -> Result<(Server, Vec<Hook>, Instant), String> {
    let hooks = hooks(case)?;
    let mut config = case["config_yaml"].as_str().unwrap_or_default().to_owned();
    for hook in &hooks {
        config = config.replace(&format!("${{{}}}", hook.name), &hook.address.to_string());
    }
    let words = |key: &str| -> Vec<String> {
        let list = case[key].as_array().into_iter().flatten();
        list.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let server = Server::start(&config, &words("flags"), &words("features"))?;
    let begun = Instant::now();
    for hook in &hooks {
        hook.begin(begun);
    }
    Ok((server, hooks, begun))
}

fn timed(case: &Value) -> Result<(), String> {
    let (mut server, hooks, begun) = start(case)?;
    let mut silences = std::collections::BTreeMap::new();
    let mut actions: Vec<&Value> = case["actions"].as_array().into_iter().flatten().collect();
    actions.sort_by(|a, b| {
        a["at"].as_f64().unwrap_or(0.0).total_cmp(&b["at"].as_f64().unwrap_or(0.0))
    });
    for action in actions {
        wait_until(begun, action["at"].as_f64().unwrap_or(0.0));
        if let Some(alerts) = action["push"].as_array() {
            let body: Vec<Value> =
                alerts.iter().map(|alert| server.with_times(alert, true)).collect();
            server.expect("POST", "/api/v2/alerts", Some(&json!(body)), 200)?;
        } else if action["silence"].is_object() {
            let mut silence = server.with_times(&action["silence"], false);
            let object = silence.as_object_mut().ok_or("a silence that is no object")?;
            let name = object.remove("save");
            object.entry("createdBy").or_insert_with(|| json!("test"));
            object.entry("comment").or_insert_with(|| json!("test"));
            let answer = server.expect("POST", "/api/v2/silences", Some(&silence), 200)?;
            if let Some(name) = name.as_ref().and_then(Value::as_str) {
                silences.insert(
                    name.to_owned(),
                    answer["silenceID"].as_str().unwrap_or_default().to_owned(),
                );
            }
        } else if let Some(name) = action["delete_silence"].as_str() {
            let id = silences.get(name).ok_or("an unknown silence")?;
            server.expect("DELETE", &format!("/api/v2/silence/{id}"), None, 200)?;
        } else if action["reload"] == true {
            server.reload()?;
        } else {
            return Err(format!("unknown action {action}"));
        }
    }
    wait_until(begun, case["run_until"].as_f64().unwrap_or(0.0));
    // A notification one instant after the end would still be an extra one.
    std::thread::sleep(Duration::from_millis(100));
    if case["actions"].as_array().is_none_or(Vec::is_empty) {
        let status = server.expect("GET", "/api/v2/status", None, 200)?;
        if status["cluster"]["peers"][0]["address"].as_str().is_none_or(str::is_empty) {
            return Err(format!("no peer address in {status}"));
        }
    }
    let tolerance = case["tolerance"].as_f64().unwrap_or(0.15);
    for hook in &hooks {
        let received = hook.received();
        expectation::notifications(&case["expect"][&hook.name], &received, server.epoch, tolerance)
            .and_then(|()| expectation::total(&case["total_alerts"][&hook.name], &received))
            .map_err(|why| format!("{}: {why}", hook.name))?;
    }
    server.still_running()
}

fn api(case: &Value) -> Result<(), String> {
    let (server, _hooks, _) = start(case)?;
    for step in case["steps"].as_array().into_iter().flatten() {
        let body = match &step["body"] {
            Value::Null => None,
            Value::Array(alerts) => Some(
                alerts
                    .iter()
                    .map(|alert| server.with_times(alert, true))
                    .collect::<Vec<_>>()
                    .into(),
            ),
            other => Some(server.with_times(other, false)),
        };
        let mut path = step["path"].as_str().unwrap_or_default().to_owned();
        let query: Vec<String> = step["query"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|pair| {
                let text = |at: usize| server::percent(pair[at].as_str().unwrap_or_default());
                format!("{}={}", text(0), text(1))
            })
            .collect();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let method = step["method"].as_str().unwrap_or("GET");
        let (status, text) = server.call(method, &path, body.as_ref())?;
        expectation::api(&step["expect"], status, &text)
            .map_err(|why| format!("{method} {path}: {why}"))?;
    }
    Ok(())
}

fn cli(case: &Value) -> Result<(), String> {
    let (server, hooks, begun) = start(case)?;
    for step in case["steps"].as_array().into_iter().flatten() {
        if let Some(at) = step["at"].as_f64() {
            wait_until(begun, at);
        }
        if let Some(name) = step["file"].as_str() {
            server.write_file(name, step["content"].as_str().unwrap_or_default())?;
            continue;
        }
        let words: Vec<String> = step["run"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(|word| server.fill_in(word)))
            .collect();
        let (exit, text) = server.amtool(&words)?;
        expectation::cli(&step["expect"], exit, &text)
            .map_err(|why| format!("amtool {}: {why}\n{text}", words.join(" ")))?;
    }
    let tolerance = case["tolerance"].as_f64().unwrap_or(0.15);
    for hook in &hooks {
        let expected = &case["expect"][&hook.name];
        let last = expected
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| e["between"][1].as_f64())
            .fold(0.0, f64::max);
        wait_until(begun, last);
        expectation::some_of(expected, &hook.received(), server.epoch, tolerance)?;
    }
    Ok(())
}

fn wait_until(begun: Instant, seconds: f64) {
    let due = begun + Duration::from_secs_f64(seconds.max(0.0));
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}
