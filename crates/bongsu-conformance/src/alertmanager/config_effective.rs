//! `config_effective.json`: the printed configuration, compared as parsed YAML.

use bongsu_config::alertmanager;
use bongsu_lang::Mode;
use bongsu_lang::yaml::{Limits, parse_value};
use bongsu_model::Source;
use serde_json::Value;

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let text = case["config_yaml"].as_str().unwrap_or_default();
    let wanted = case["expected"]["effective_yaml"].as_str().unwrap_or_default();
    compare(text, wanted).into()
}

fn compare(text: &str, wanted: &str) -> Result<(), String> {
    let printed = print(text)?;
    let (wanted, found) = (parse(wanted)?, parse(&printed)?);
    if let Some(difference) = difference(&wanted, &found, "") {
        return Err(difference);
    }
    Ok(())
}

fn print(text: &str) -> Result<String, String> {
    let source = Source { name: "alertmanager.yml".to_owned(), text: text.to_owned() };
    match alertmanager::load(source, None, Mode::Fallback) {
        Ok((config, _)) => Ok(alertmanager::effective_yaml(&config)),
        Err(errors) => {
            Err(errors.iter().map(|e| e.message.clone()).collect::<Vec<_>>().join(" + "))
        }
    }
}

fn parse(text: &str) -> Result<Value, String> {
    Ok(parse_value(text, &Limits::default()).map_err(|e| e.to_string())?.to_json())
}

/// The first path at which two documents differ.
fn difference(wanted: &Value, found: &Value, path: &str) -> Option<String> {
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let path = format!("{path}.{key}");
                match b.get(key) {
                    None => return Some(format!("{path}: missing, wanted {value}")),
                    Some(other) => {
                        if let Some(why) = difference(value, other, &path) {
                            return Some(why);
                        }
                    }
                }
            }
            b.keys()
                .find(|key| !a.contains_key(*key))
                .map(|key| format!("{path}.{key}: not wanted"))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (x, y))| difference(x, y, &format!("{path}[{i}]"))),
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path}: {b} instead of {a}")),
    }
}
