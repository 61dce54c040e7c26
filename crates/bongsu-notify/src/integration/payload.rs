//! Structured values of the user's: webhook `payload`, PagerDuty `details`, Jira `fields`.
//!
//! Every text and text key is rendered; a rendered text that reads as something else in JSON or
//! YAML 1.1 becomes that. Source: Alertmanager `template/template.go`.

use std::sync::Arc;

use bongsu_lang::gotmpl::TemplateSet;
use bongsu_lang::yaml::{self, Limits, Value};
use bongsu_model::Timestamp;
use serde_json::{Map, Value as Json};
use thiserror::Error;

use crate::data::NotificationData;
use crate::render::Renderer;

/// Why a structured value cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// A template in it failed.
    #[error("{0}")]
    Template(String),
    /// It rendered to a number that JSON does not have.
    #[error("json: unsupported value: {0}")]
    Number(&'static str),
}

/// What a structured value of the configuration becomes for a notification; for previews and
/// tests of payloads.
///
/// # Errors
/// The first template that fails, or a number that JSON cannot hold.
pub fn render_payload(
    value: &Value,
    templates: &TemplateSet,
    data: &Arc<NotificationData>,
    now: Timestamp,
) -> Result<Json, PayloadError> {
    render(value, &mut Renderer::with(templates, data, now))
}

/// The value to send.
pub(super) fn render(value: &Value, with: &mut Renderer<'_>) -> Result<Json, PayloadError> {
    match value {
        Value::Text(template) => {
            retype(with.attempt_text(template).map_err(PayloadError::Template)?)
        }
        Value::List(items) => items.iter().map(|item| render(item, with)).collect(),
        Value::Map(pairs) => {
            let mut object = Map::new();
            for (key, value) in pairs {
                // Keys that are not text cannot be JSON.
                let Some(key) = key.as_str() else { continue };
                let key = with.attempt(key).map_err(PayloadError::Template)?;
                object.insert(key, render(value, with)?);
            }
            object.sort_keys();
            Ok(Json::Object(object))
        }
        scalar => to_json(scalar),
    }
}

/// What a rendered text stands for.
fn retype(text: String) -> Result<Json, PayloadError> {
    if let Ok(json) = serde_json::from_str::<Json>(&text)
        && !json.is_string()
    {
        return Ok(json);
    }
    match yaml::parse_value(&text, &Limits::default()) {
        Ok(Value::Text(_)) | Err(_) => Ok(Json::String(text)),
        Ok(typed) => to_json(&typed),
    }
}

fn to_json(value: &Value) -> Result<Json, PayloadError> {
    match non_finite(value) {
        Some(number) => Err(PayloadError::Number(number)),
        None => Ok(value.to_json()),
    }
}

fn non_finite(value: &Value) -> Option<&'static str> {
    match value {
        Value::Float(number) if number.is_nan() => Some("NaN"),
        Value::Float(number) if number.is_infinite() => {
            Some(if *number > 0.0 { "+Inf" } else { "-Inf" })
        }
        Value::List(items) => items.iter().find_map(non_finite),
        Value::Map(pairs) => pairs.iter().find_map(|(_, value)| non_finite(value)),
        _ => None,
    }
}
