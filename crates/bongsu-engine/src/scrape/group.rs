//! Groups of targets as discovery tells them: Prometheus' form, in files and over HTTP.

use std::collections::BTreeMap;

use bongsu_lang::yaml::{self, Limits};
use serde::Deserialize;

/// Addresses that share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetGroup {
    /// `host:port`.
    pub(crate) targets: Vec<String>,
    /// Labels of all of them.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

impl TargetGroup {
    /// Reads a list of groups from YAML or JSON, which is YAML.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let value = yaml::parse_value(text, &Limits::default()).map_err(|e| e.to_string())?;
        let json = value.to_json();
        if json.is_null() {
            return Ok(Vec::new());
        }
        serde_json::from_value(json).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::TargetGroup;

    #[test]
    fn forms() {
        let json = r#"[{"targets": ["a:1", "b:2"], "labels": {"env": "prod"}}, {"targets": []}]"#;
        let yaml = "- targets: [a:1, b:2]\n  labels: {env: prod}\n- targets: []\n";
        let read = TargetGroup::read(json).unwrap();
        assert_eq!(read, TargetGroup::read(yaml).unwrap());
        assert_eq!(read[0].targets, ["a:1", "b:2"]);
        assert_eq!(TargetGroup::read("").unwrap(), []);
        for wrong in ["{}", "- a", "- {targets: a:1}", "- {targets: [], label: {}}", "["] {
            assert!(TargetGroup::read(wrong).is_err(), "{wrong}");
        }
    }
}
