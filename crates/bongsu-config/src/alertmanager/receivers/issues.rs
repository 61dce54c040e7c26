//! `jira_configs`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node, Value};

use super::super::fields::HttpUrl;
use super::{HttpConfig, settings};
use crate::settings::{Reader, Setting, forbid};

settings! {
    /// Jira issues. Texts are templates.
    pub struct JiraConfig("jira_configs", check = check_jira) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Base of the API. After loading always there.
        api_url: Option<HttpUrl>;
        /// `auto`, `cloud` or `datacenter`.
        api_type: String = "auto";
        /// Project key.
        project: String;
        /// Summary.
        summary: JiraField = JiraField::of("{{ template \"jira.default.summary\" . }}");
        /// Description.
        description: JiraField = JiraField::of("{{ template \"jira.default.description\" . }}");
        /// Labels.
        labels: Vec<String>;
        /// Priority.
        priority: String = "{{ template \"jira.default.priority\" . }}";
        /// Issue type.
        issue_type: String;
        /// Transition that reopens.
        reopen_transition: String;
        /// Transition that resolves.
        resolve_transition: String;
        /// Resolution of issues that are left alone.
        wont_fix_resolution: String;
        /// How long after resolution an issue is reopened instead of a new one made.
        reopen_duration: Duration;
        /// Further fields; strings in them are templates.
        fields: BTreeMap<String, Value>;
    }
}

/// A text, and whether it is also written when an issue is updated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JiraField {
    /// Template.
    pub template: String,
    /// `None` means yes.
    pub enable_update: Option<bool>,
}

impl JiraField {
    fn of(template: &str) -> Self {
        Self { template: template.to_owned(), enable_update: None }
    }
}

settings! {
    /// The long form.
    pub struct JiraFieldObject("a jira field") {
        /// Template.
        template: String;
        /// Write it on updates.
        enable_update: Option<bool>;
    }
}

impl Setting for JiraField {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.template.is_empty() && self.enable_update.is_none()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Scalar { .. }) {
            return String::read(node, reader).map(|text| Self::of(&text));
        }
        let JiraFieldObject { template, enable_update } = JiraFieldObject::read(node, reader)?;
        Some(Self { template, enable_update })
    }
    /// The long form changes only what it names: `{enable_update: false}` keeps the default text.
    fn assign(&mut self, node: &Arc<Node>, reader: &mut Reader) {
        if node.is_null() {
            *self = Self::zero();
        } else if let Some(read) = Self::read(node, reader) {
            let keeps_text =
                matches!(node.kind, Kind::Mapping(_)) && node.get("template").is_none();
            let template =
                if keeps_text { std::mem::take(&mut self.template) } else { read.template };
            *self = Self { template, ..read };
        }
    }
    fn write(&self) -> Value {
        let Self { template, enable_update } = self.clone();
        JiraFieldObject { template, enable_update }.write()
    }
}

fn check_jira(config: &mut JiraConfig, _: &mut Reader) -> Result<(), String> {
    forbid(config.project.is_empty(), "missing project in jira_config")?;
    forbid(config.issue_type.is_empty(), "missing issue_type in jira_config")?;
    forbid(
        !matches!(&*config.api_type, "auto" | "cloud" | "datacenter"),
        "unknown api_type on jira_config, must be auto, cloud or datacenter",
    )
}
