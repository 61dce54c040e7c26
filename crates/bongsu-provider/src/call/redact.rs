//! Texts for people and logs, without secrets.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::form_urlencoded;

/// Shorter values would be found everywhere.
const SHORTEST: usize = 4;
/// Parts of long values (lines of a key, members of a JSON text) are secrets of their own from here.
const PART: usize = 16;
const MASK: &str = "***";

/// Replaces known secrets, in the forms they take on the way, by `***`.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that no part of one is left over.
    secrets: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({})", self.secrets.len())
    }
}

impl Redactor {
    /// Knows one more secret.
    pub fn add(&mut self, secret: &str) {
        if secret.chars().count() < SHORTEST {
            return;
        }
        let json = Value::from(secret).to_string();
        let forms = [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        ];
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= PART);
        let lines = lines.filter(|line| !line.starts_with("-----")).map(str::to_owned);
        for form in forms.into_iter().chain(lines) {
            if !self.secrets.contains(&form) {
                self.secrets.push(form);
            }
        }
        self.secrets.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Knows one more secret, which may be a whole structure.
    pub(super) fn add_value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => {
                self.add(text);
                if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                    self.add_parts(&inner);
                }
            }
            Value::Number(number) => self.add(&number.to_string()),
            other => {
                self.add(&other.to_string());
                self.add_parts(other);
            }
        }
    }

    fn add_parts(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.chars().count() >= PART => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_parts(item)),
            Value::Object(map) => map.values().for_each(|value| self.add_parts(value)),
            _ => {}
        }
    }

    /// The text with `***` in place of every secret.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }

    /// The same in every text of a value.
    pub fn redact_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.redact(text).into(),
            Value::Array(items) => items.iter().map(|item| self.redact_value(item)).collect(),
            Value::Object(map) => {
                let pairs = map.iter();
                pairs.map(|(key, value)| (self.redact(key), self.redact_value(value))).collect()
            }
            other => other.clone(),
        }
    }
}
