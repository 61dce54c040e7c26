//! Finding the Alertmanager configuration inside what wraps it.

use base64::Engine;
use bongsu_lang::yaml::{self, Kind, Limits, Value};

/// A configuration taken out of its wrapping.
#[derive(Debug, Default)]
pub(super) struct Unwrapped {
    /// Text of `alertmanager.yml`.
    pub(super) config: String,
    /// File names and texts of templates.
    pub(super) templates: Vec<(String, String)>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

const CONFIG_KEYS: [&str; 2] = ["alertmanager.yml", "alertmanager.yaml"];

/// Takes out the first configuration found in the YAML documents of `text`.
pub(super) fn unwrap(text: &str) -> Result<Unwrapped, String> {
    let documents = yaml::parse_all(text, &Limits::default()).map_err(|e| e.to_string())?;
    for document in documents {
        let value = document.to_value();
        if is_config(&value) {
            return Ok(Unwrapped { config: text.to_owned(), ..Unwrapped::default() });
        }
        if let Some(found) = wrapped(&value)? {
            return Ok(found);
        }
    }
    Err("no Alertmanager configuration found: expected one with a route, a Secret or ConfigMap \
         with alertmanager.yaml, or Helm values"
        .into())
}

/// Whether this is the configuration itself.
fn is_config(value: &Value) -> bool {
    value.get("kind").is_none() && value.get("route").is_some() && value.get("receivers").is_some()
}

fn wrapped(value: &Value) -> Result<Option<Unwrapped>, String> {
    match value.get("kind").and_then(Value::as_str) {
        Some("List") => {
            let Some(Value::List(items)) = value.get("items") else { return Ok(None) };
            for item in items {
                if let Some(found) = wrapped(item)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        Some("Secret") => secret(value),
        Some("ConfigMap") => Ok(value.get("data").and_then(|data| files(pairs(data)))),
        Some(_) => Ok(None),
        None => Ok(helm(value)),
    }
}

fn secret(value: &Value) -> Result<Option<Unwrapped>, String> {
    let mut all = Vec::new();
    for (name, encoded) in value.get("data").map(pairs).unwrap_or_default() {
        if name.ends_with(".gz") {
            return Err(format!("{name} is compressed: unpack it first (base64 -d | gunzip)"));
        }
        let packed: String = encoded.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(packed)
            .map_err(|e| format!("{name} is not base64: {e}"))?;
        all.push((name, String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?));
    }
    all.extend(value.get("stringData").map(pairs).unwrap_or_default());
    Ok(files(all))
}

/// The text entries of a map.
fn pairs(map: &Value) -> Vec<(String, String)> {
    let Value::Map(pairs) = map else { return Vec::new() };
    let text = |(n, v): &(Value, Value)| Some((n.as_str()?.to_owned(), v.as_str()?.to_owned()));
    pairs.iter().filter_map(text).collect()
}

/// The configuration among named files, the rest as templates.
fn files(all: Vec<(String, String)>) -> Option<Unwrapped> {
    let at = all.iter().position(|(name, _)| CONFIG_KEYS.contains(&name.as_str()))?;
    let mut found = Unwrapped::default();
    for (i, (name, text)) in all.into_iter().enumerate() {
        if i == at {
            found.config = text;
        } else if is_template(&name) {
            found.templates.push((name, text));
        } else {
            found.notes.push(format!("{name} was left out: it is no template"));
        }
    }
    Some(found)
}

/// A plain file name with the ending of templates; anything else could leave the directory.
fn is_template(name: &str) -> bool {
    (name.ends_with(".tmpl") || name.ends_with(".tpl"))
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Values of the charts kube-prometheus-stack, prometheus and alertmanager.
fn helm(value: &Value) -> Option<Unwrapped> {
    let nested = value.get("alertmanager");
    let files_map = value.get("alertmanagerFiles");
    let named = files_map.and_then(|f| CONFIG_KEYS.iter().find_map(|key| f.get(key)));
    let config = nested
        .and_then(|a| a.get("config").or_else(|| a.get("stringConfig")))
        .or(named)
        .or_else(|| value.get("config"))
        .filter(|config| is_config(config) || config.as_str().is_some())?;
    let mut found = Unwrapped {
        config: match config {
            Value::Text(text) => text.clone(),
            map => yaml::emit(map),
        },
        notes: vec![
            "taken from Helm values; templated values ({{ … }} of Helm) stay as they are"
                .to_owned(),
        ],
        ..Unwrapped::default()
    };
    let templates = nested
        .and_then(|a| a.get("templateFiles").or_else(|| a.get("templates")))
        .or_else(|| value.get("templates"))
        .or_else(|| value.get("templateFiles"));
    for (name, text) in templates.or(files_map).map(pairs).unwrap_or_default() {
        if is_template(&name) {
            found.templates.push((name, text));
        }
    }
    Some(found)
}

impl Unwrapped {
    /// Makes `templates` of the configuration name the unpacked files. Entries that stand on their
    /// own line are rewritten; others are left and noted.
    pub(super) fn point_at_templates(&mut self) {
        let Ok(Some(root)) = yaml::parse(&self.config, &Limits::default()) else { return };
        let entries = match root.get("templates").map(|node| &node.kind) {
            Some(Kind::Sequence(entries)) => entries.clone(),
            _ => {
                self.config.push_str("\ntemplates:\n- templates/*.tmpl\n");
                return;
            }
        };
        let mut lines: Vec<String> = self.config.lines().map(str::to_owned).collect();
        for (i, entry) in entries.iter().enumerate() {
            let Some(line) = lines.get_mut(entry.place.line.saturating_sub(1)) else { continue };
            let before: String = line.chars().take(entry.place.column.saturating_sub(1)).collect();
            if before.trim() == "-" && i == 0 {
                *line = format!("{before}templates/*.tmpl");
            } else if before.trim() != "-" {
                self.notes.push("set templates to templates/*.tmpl by hand".to_owned());
                return;
            }
        }
        self.config = lines.join("\n") + "\n";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "route:\n  receiver: a\nreceivers:\n- name: a\n";

    #[test]
    fn wrappings() {
        let packed = base64::engine::general_purpose::STANDARD.encode(PLAIN);
        let indented = PLAIN.replace('\n', "\n    ");
        for (what, text) in [
            ("plain", PLAIN.to_owned()),
            ("secret", format!("kind: Secret\ndata:\n  alertmanager.yaml: {packed}\n")),
            (
                "string data",
                format!("kind: Secret\nstringData:\n  alertmanager.yml: |\n    {indented}"),
            ),
            (
                "list",
                format!(
                    "kind: List\nitems:\n- kind: Pod\n- kind: ConfigMap\n  data:\n    alertmanager.yml: {:?}\n",
                    PLAIN
                ),
            ),
            (
                "second document",
                format!(
                    "kind: Service\n---\nkind: Secret\ndata: {{alertmanager.yaml: {packed}}}\n"
                ),
            ),
            ("helm", format!("alertmanager:\n  config:\n    {indented}")),
            ("helm files", format!("alertmanagerFiles:\n  alertmanager.yml:\n    {indented}")),
        ] {
            let found = unwrap(&text).unwrap();
            assert_eq!(found.config.trim(), PLAIN.trim(), "{what}");
        }
        assert!(unwrap("kind: Pod\n").is_err());
        assert!(unwrap("kind: Secret\ndata: {alertmanager.yaml.gz: eA==}\n").is_err());
    }

    #[test]
    fn templates_come_along() {
        let text = format!(
            "kind: ConfigMap\ndata:\n  a.tmpl: x\n  ../b.tmpl: z\n  alertmanager.yml: {:?}\n",
            format!("{PLAIN}templates:\n- /etc/am/*.tmpl\n- /other/*.tmpl\n")
        );
        let mut found = unwrap(&text).unwrap();
        found.point_at_templates();
        assert_eq!(found.templates, [("a.tmpl".to_owned(), "x".to_owned())]);
        assert!(found.config.contains("- templates/*.tmpl\n- /other/*.tmpl"), "{}", found.config);
        assert_eq!(found.notes, ["../b.tmpl was left out: it is no template"]);
    }
}
