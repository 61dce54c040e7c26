//! Something was changed on purpose: a deployment, a flag, a configuration.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{Json, JsonMap, time_text};

/// How a change ended, or that it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeOutcome {
    /// It is under way.
    Started,
    /// It is there.
    Succeeded,
    /// It did not get there.
    Failed,
    /// The source does not say.
    #[default]
    Unknown,
}

impl ChangeOutcome {
    /// `started`, `succeeded`, `failed`, `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Started, Self::Succeeded, Self::Failed, Self::Unknown]
            .into_iter()
            .find(|outcome| outcome.as_str().eq_ignore_ascii_case(text))
    }
}

/// A change, as a source reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The source's id; else made of what the report holds, so that a repeated report has the same.
    pub id: String,
    /// One line: what was changed.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The service it was made to.
    pub service: Option<String>,
    /// Where, such as `production`.
    pub environment: Option<String>,
    /// What it is now.
    pub version: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// A page about it.
    pub url: Option<String>,
    /// How it ended.
    pub outcome: ChangeOutcome,
    /// Slug of the provider that reported it.
    pub source: String,
    /// Everything else.
    pub fields: JsonMap,
}

impl Change {
    /// From the fields a mapping gave, received at `now`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn from_fields(
        mut fields: JsonMap,
        source: &str,
        now: Timestamp,
        parse_time: impl Fn(&str) -> Option<Timestamp>,
    ) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        fields.retain(|_, value| !value.is_null());
        let mut whole = source.to_owned();
        fields.write(&mut whole);
        let mut text = |name: &str| match fields.remove(name) {
            None => None,
            Some(Json::Text(text)) => {
                Some(text.into()).filter(|text: &String| !text.trim().is_empty())
            }
            Some(value @ (Json::Number(_) | Json::Bool(_))) => Some(value.to_string()),
            Some(_) => {
                wrong.push(format!("{name}: text is wanted"));
                None
            }
        };
        let (id, name, at, outcome) = (text("id"), text("name"), text("at"), text("outcome"));
        let mut change = Self {
            id: id.unwrap_or_else(|| hex::encode(&Sha256::digest(&whole)[..16])),
            name: name.unwrap_or_default(),
            at: now,
            service: text("service"),
            environment: text("environment"),
            version: text("version"),
            author: text("author"),
            url: text("url"),
            outcome: ChangeOutcome::Unknown,
            source: source.to_owned(),
            fields: JsonMap::new(),
        };
        if change.name.is_empty() {
            wrong.push("name: is missing".to_owned());
        }
        if let Some(text) = at {
            match parse_time(&text) {
                Some(at) => change.at = at,
                None => wrong.push(format!("at: {text:?} is no instant")),
            }
        }
        if let Some(text) = outcome {
            match ChangeOutcome::parse(&text) {
                Some(outcome) => change.outcome = outcome,
                None => wrong.push(format!(
                    "outcome: {text:?} is none of started, succeeded, failed, unknown"
                )),
            }
        }
        change.fields = fields;
        if wrong.is_empty() { Ok(change) } else { Err(wrong) }
    }

    /// All fields under their names.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("id".to_owned(), self.id.as_str().into());
        all.insert("name".to_owned(), self.name.as_str().into());
        all.insert("at".to_owned(), time_text(self.at).into());
        let texts = [
            ("service", &self.service),
            ("environment", &self.environment),
            ("version", &self.version),
            ("author", &self.author),
            ("url", &self.url),
        ];
        for (name, value) in texts {
            all.insert(name.to_owned(), value.as_deref().into());
        }
        all.insert("outcome".to_owned(), self.outcome.as_str().into());
        all.insert("source".to_owned(), self.source.as_str().into());
        all.extend(Map::from(&self.fields));
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(fields: &str) -> Result<Change, Vec<String>> {
        let now = "2026-11-28T09:00:00Z".parse().unwrap();
        let time = |text: &str| text.parse().ok();
        Change::from_fields(serde_json::from_str(fields).unwrap(), "argocd", now, time)
    }

    #[test]
    fn what_is_missing_is_made_and_the_rest_is_kept() {
        let all = r#"{"name": "shop v2", "version": 2, "outcome": "Failed", "app": {"x": 1}}"#;
        let (made, again) = (change(all).unwrap(), change(all).unwrap());
        assert_eq!(made.id, again.id);
        assert_eq!(made.outcome, ChangeOutcome::Failed);
        assert_eq!(made.to_json()["version"], "2");
        assert_eq!(made.to_json()["at"], "2026-11-28T09:00:00.000Z");
        assert_eq!(made.to_json()["app"]["x"], 1);
    }

    #[test]
    fn every_mistake_at_once() {
        let wrong = change(r#"{"at": "soon", "outcome": "great", "service": []}"#).unwrap_err();
        assert_eq!(
            wrong,
            [
                "service: text is wanted",
                "name: is missing",
                "at: \"soon\" is no instant",
                "outcome: \"great\" is none of started, succeeded, failed, unknown",
            ]
        );
    }
}
