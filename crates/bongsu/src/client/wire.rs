//! Answers of the API as far as commands look into them.

use std::collections::BTreeMap;

use bongsu_model::{MatchOp, Time};
use serde::Deserialize;

/// An alert as listed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    /// What identifies it.
    pub(crate) labels: BTreeMap<String, String>,
    /// What describes it.
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// When it began.
    pub(crate) starts_at: Time,
    /// When it ends.
    pub(crate) ends_at: Time,
    /// Link to the sender.
    #[serde(default, rename = "generatorURL")]
    pub(crate) generator_url: String,
    /// Identity.
    #[serde(default)]
    pub(crate) fingerprint: String,
    /// Where it stands.
    pub(crate) status: AlertStatus,
    /// Where it goes.
    #[serde(default)]
    pub(crate) receivers: Vec<Receiver>,
}

/// Whether and why an alert is held back.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertStatus {
    /// `active`, `suppressed`, `unprocessed`.
    pub(crate) state: String,
    /// Silences in force.
    #[serde(default)]
    pub(crate) silenced_by: Vec<String>,
    /// Alerts that inhibit it.
    #[serde(default)]
    pub(crate) inhibited_by: Vec<String>,
}

/// A receiver's name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Receiver {
    /// The name.
    pub(crate) name: String,
}

/// A silence as listed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Silence {
    /// UUID.
    pub(crate) id: String,
    /// Where it stands.
    pub(crate) status: SilenceStatus,
    /// Last change.
    pub(crate) updated_at: Time,
    /// First instant.
    pub(crate) starts_at: Time,
    /// Last instant.
    pub(crate) ends_at: Time,
    /// Who.
    pub(crate) created_by: String,
    /// Why.
    pub(crate) comment: String,
    /// Conditions.
    pub(crate) matchers: Vec<Matcher>,
}

/// State of a silence.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SilenceStatus {
    /// `pending`, `active`, `expired`.
    pub(crate) state: String,
}

/// One condition of a silence.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Matcher {
    /// Label.
    pub(crate) name: String,
    /// Text or pattern.
    pub(crate) value: String,
    /// `value` is a pattern.
    pub(crate) is_regex: bool,
    /// `=` rather than `!=`; older servers leave it out.
    #[serde(default = "yes")]
    pub(crate) is_equal: bool,
}

fn yes() -> bool {
    true
}

/// `name="value"`, as the server's own matchers print.
impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let op = MatchOp::from_flags(self.is_regex, self.is_equal);
        match bongsu_model::Matcher::new(self.name.as_str(), op, self.value.as_str()) {
            Ok(matcher) => matcher.fmt(f),
            // A pattern this build cannot compile is still worth showing.
            Err(_) => write!(f, "{}{}\"{}\"", self.name, op.as_str(), self.value),
        }
    }
}

/// The server about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Peers.
    pub(crate) cluster: Cluster,
    /// Build.
    #[serde(default)]
    pub(crate) version_info: VersionInfo,
    /// Configuration.
    pub(crate) config: ConfigText,
    /// Process start.
    #[serde(default)]
    pub(crate) uptime: String,
}

/// The cluster as one member sees it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Cluster {
    /// Name of the member asked.
    #[serde(default)]
    pub(crate) name: String,
    /// `ready`, `settling`, `disabled`.
    pub(crate) status: String,
    /// All members.
    #[serde(default)]
    pub(crate) peers: Vec<Peer>,
}

/// A member of the cluster.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Peer {
    /// Its name.
    pub(crate) name: String,
    /// `host:port`.
    pub(crate) address: String,
}

/// Build of the server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VersionInfo {
    /// Release.
    pub(crate) version: String,
    /// Commit.
    pub(crate) revision: String,
    /// Branch.
    pub(crate) branch: String,
    /// Builder.
    pub(crate) build_user: String,
    /// Date of the build.
    pub(crate) build_date: String,
    /// Compiler.
    pub(crate) go_version: String,
}

/// The configuration in force.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConfigText {
    /// YAML, secrets masked.
    pub(crate) original: String,
}
