//! Structured values of the user's: webhook `payload`, PagerDuty `details`, Jira `fields`.
//!
//! Every text and text key is rendered; a rendered text that reads as something else in JSON or
//! YAML 1.1 becomes that. Source: Alertmanager `template/template.go`.

use bongsu_lang::yaml::{self, Limits, Value};
use serde_json::{Map, Value as Json};

use crate::render::Renderer;

/// The value to send, or the first template error.
pub(super) fn render(value: &Value, render_with: &mut Renderer<'_>) -> Result<Json, String> {
    match value {
        Value::Text(template) => Ok(retype(render_with.attempt_text(template)?)),
        Value::List(items) => items.iter().map(|item| render(item, render_with)).collect(),
        Value::Map(pairs) => {
            let mut object = Map::new();
            for (key, value) in pairs {
                // Keys that are not text cannot be JSON.
                let Some(key) = key.as_str() else { continue };
                object.insert(render_with.attempt(key)?, render(value, render_with)?);
            }
            object.sort_keys();
            Ok(Json::Object(object))
        }
        scalar => Ok(scalar.to_json()),
    }
}

/// What a rendered text stands for.
pub(super) fn retype(text: String) -> Json {
    if let Ok(json) = serde_json::from_str::<Json>(&text)
        && !json.is_string()
    {
        return json;
    }
    match yaml::parse_value(&text, &Limits::default()) {
        Ok(Value::Text(_)) | Err(_) => Json::String(text),
        Ok(typed) => typed.to_json(),
    }
}
