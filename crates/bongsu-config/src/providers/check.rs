//! Whether the settings of an instance fit what its provider asks for.
//!
//! In: an instance, and the fields of the provider's manifest. Out: diagnostics. Values behind
//! references are not known here, so only what is written down is checked for its kind.

use bongsu_model::{Diagnostic, Place};

use super::{InstanceConfig, SettingContent, SettingValue, codes};
use crate::secret::Reference;
use bongsu_lang::suggest::nearest;

/// A setting a provider asks for: `auth` of its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthField {
    /// Its name.
    pub name: String,
    /// Further names it may be written under.
    pub aliases: Vec<String>,
    /// Whether an instance has to have it.
    pub required: bool,
    /// Whether its value is never shown.
    pub secret: bool,
    /// What its value is.
    pub kind: FieldKind,
}

/// What the value of a setting is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// A text; numbers and booleans are taken as they print.
    #[default]
    Text,
    /// An integer, or its text.
    Integer,
    /// `true` or `false`, or its text.
    Boolean,
    /// Anything, or its JSON text.
    Json,
}

/// What is wrong with the settings of an instance. A setting the provider does not have is a
/// warning: files are often written for several ways of connecting at once.
pub fn check_instance(instance: &InstanceConfig, fields: &[AuthField]) -> Vec<Diagnostic> {
    let names = |field: &AuthField| {
        std::iter::once(field.name.clone()).chain(field.aliases.clone()).collect::<Vec<_>>()
    };
    let all: Vec<String> = fields.iter().flat_map(names).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let name = &instance.name;
    let mut found = Vec::new();
    for field in fields {
        let given: Vec<(&String, &SettingValue)> = names(field)
            .iter()
            .filter_map(|name| instance.settings.get_key_value(name))
            .filter(|(_, value)| !is_nothing(value))
            .collect();
        match given.as_slice() {
            [] if field.required => found.push(
                Diagnostic::error(
                    codes::MISSING,
                    format!("{name} ({}) has no {}", instance.kind, field.name),
                )
                .at(instance.place.clone())
                .help(format!("add {} to its config", field.name)),
            ),
            [] => {}
            [(_, value), rest @ ..] => {
                found.extend(mistyped(value, field));
                for (other, second) in rest {
                    let message = format!("{other} of {name} is {} under another name", field.name);
                    found.push(
                        Diagnostic::error(codes::KEY, message)
                            .at(second.place.clone())
                            .help("keep one of the two"),
                    );
                }
            }
        }
    }
    for (setting, value) in &instance.settings {
        if all.contains(&setting.as_str()) {
            continue;
        }
        let help = match nearest(setting, all.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if all.is_empty() => "it has no settings".to_owned(),
            None => format!("known are {}", all.join(", ")),
        };
        let message = format!("{} has no setting {setting:?}; it is not used", instance.kind);
        found.push(
            Diagnostic::warning(codes::UNKNOWN_SETTING, message).at(value.place.clone()).help(help),
        );
    }
    found.sort_by_key(|d| d.place.as_ref().map_or((0, 0), |p: &Place| (p.line, p.column)));
    found
}

fn is_nothing(value: &SettingValue) -> bool {
    matches!(value.content, SettingContent::Plain(serde_json::Value::Null))
}

fn mistyped(value: &SettingValue, field: &AuthField) -> Option<Diagnostic> {
    let literal = match &value.content {
        SettingContent::Text(Reference::Literal(text)) => Some(text.expose().to_owned()),
        SettingContent::Text(_) => return None,
        SettingContent::Plain(plain) => Some(plain.to_string()),
        SettingContent::List(_) | SettingContent::Map(_) => None,
    };
    let (fits, wanted) = match (field.kind, &literal) {
        (FieldKind::Text, literal) => (literal.is_some(), "text"),
        (FieldKind::Integer, Some(text)) => (text.trim().parse::<i64>().is_ok(), "an integer"),
        (FieldKind::Integer, None) => (false, "an integer"),
        (FieldKind::Boolean, Some(text)) => {
            (matches!(text.trim(), "true" | "false"), "true or false")
        }
        (FieldKind::Boolean, None) => (false, "true or false"),
        (FieldKind::Json, Some(text)) => {
            (serde_json::from_str::<serde_json::Value>(text).is_ok(), "JSON")
        }
        (FieldKind::Json, None) => (true, "JSON"),
    };
    let message = format!("{} is wanted as {wanted}", field.name);
    (!fits).then(|| Diagnostic::error(codes::TYPE, message).at(value.place.clone()))
}
