//! The JSON Schema of manifests, from the tables their reader uses.

use serde_json::{Map, Value, json};

use super::keys::{self, Form, Key};

/// JSON Schema (2020-12) of `provider.yaml`, for editors.
pub fn schema() -> Value {
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bongsu provider",
    });
    if let (Value::Object(all), Value::Object(object)) = (&mut all, object(keys::MANIFEST)) {
        all.extend(object);
        // One object of each kind, for the places that share it.
        let shared = [("connect", keys::CONNECT), ("request", keys::REQUEST)];
        let shared = shared.map(|(name, keys)| (name.to_owned(), object_of(keys)));
        all.insert("$defs".to_owned(), Value::Object(shared.into_iter().collect()));
    }
    all
}

fn object(keys: &'static [Key]) -> Value {
    for (name, shared) in [("connect", keys::CONNECT), ("request", keys::REQUEST)] {
        if std::ptr::eq(keys, shared) {
            return json!({"$ref": format!("#/$defs/{name}")});
        }
    }
    object_of(keys)
}

fn object_of(keys: &'static [Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut schema = form(&key.form);
            schema["description"] = key.about.into();
            (key.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn form(form: &'static Form) -> Value {
    match form {
        Form::Text => json!({"type": "string"}),
        Form::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::Count => json!({"type": "integer", "minimum": 1}),
        Form::Languages => json!({
            "type": "object",
            "properties": {"en": {"type": "string"}, "ko": {"type": "string"}},
            "required": ["en", "ko"],
            "additionalProperties": false,
        }),
        // YAML reads `1` and `true` as what they are; as expressions they mean the same.
        Form::Expression => json!({"type": ["string", "number", "boolean", "null"]}),
        Form::Tree | Form::Value => json!({}),
        Form::Values => json!({"type": "array"}),
        Form::OneOf(words) => json!({"enum": words}),
        Form::Object(keys) => object(keys),
        Form::Named(inner) => {
            json!({"type": "object", "additionalProperties": self::form(inner)})
        }
        Form::List(inner) => json!({"type": "array", "items": self::form(inner)}),
        Form::Either(forms) => {
            json!({"anyOf": forms.iter().map(self::form).collect::<Vec<_>>()})
        }
    }
}
