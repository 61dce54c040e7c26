//! `providers.yaml`: the systems an installation talks to, each with its settings.
//!
//! In: the text of the file, or variables as Keep reads them. Out: a [`ProvidersFile`], or every
//! mistake with its place. Nothing is resolved here: values are [`Reference`]s.
//!
//! ```yaml
//! vault:                                   # only if something is kept there
//!   address: https://vault.example.com
//!   auth_method: kubernetes                # or token
//!   role: bongsu
//! secrets:                                 # names for references
//!   slack_webhook: vault:secret/bongsu/slack#webhook_url
//! keys:                                    # senders of payloads, by name
//!   ci: env:CI_KEY
//! providers:
//!   slack-ops:                             # the instance's name
//!     type: slack                          # slug of the provider
//!     config: {webhook_url: "{{ secrets.slack_webhook }}"}
//! ```
//!
//! Keep's form is read too: the map of instances without `providers:` around it, with
//! `authentication` for `config`.

mod check;
mod environment;
mod read;
mod shown;
mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Diagnostic, Place, Source};

pub use check::{AuthField, FieldKind, check_instance};
pub use environment::{from_variables, path_in_variables};

use crate::secret::Reference;

/// Codes of this module's diagnostics; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Not YAML, or too much of it.
    pub const SYNTAX: &str = "BS1801";
    /// A value of the wrong shape.
    pub const TYPE: &str = "BS1802";
    /// A key nobody knows, or one that stands twice.
    pub const KEY: &str = "BS1803";
    /// Something is missing.
    pub const MISSING: &str = "BS1804";
    /// A value its own rule does not accept.
    pub const REFUSED: &str = "BS1805";
    /// A malformed reference to a secret.
    pub const REFERENCE: &str = "BS1806";
    /// A name that `secrets` does not define.
    pub const UNDEFINED_SECRET: &str = "BS1807";
    /// A setting the provider does not have.
    pub const UNKNOWN_SETTING: &str = "BS1811";
    /// A reference inside a longer text, which counts as text.
    pub const EMBEDDED: &str = "BS1812";
    /// An instance without `type`.
    pub const GUESSED_TYPE: &str = "BS1813";
}

/// What a `providers.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProvidersFile {
    /// The instances, in file order; names are unique.
    pub instances: Vec<InstanceConfig>,
    /// Where `vault:` references lead.
    pub vault: Option<VaultConfig>,
    /// References with names, for `{{ secrets.NAME }}`.
    pub secrets: BTreeMap<String, NamedReference>,
    /// Keys by which senders of payloads are let in, by name.
    pub keys: BTreeMap<String, NamedReference>,
}

/// One system with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceConfig {
    /// Name by which workflows and people call it.
    pub name: String,
    /// Slug of the provider.
    pub kind: String,
    /// Settings by name, as written.
    pub settings: BTreeMap<String, SettingValue>,
    /// For people.
    pub description: Option<String>,
    /// Kept, but not used.
    pub disabled: bool,
    /// Where its name stands.
    pub place: Option<Place>,
}

/// A setting and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingValue {
    /// The value.
    pub content: SettingContent,
    /// Where its key stands; an item of a list, where it starts.
    pub place: Option<Place>,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingContent {
    /// A text: a reference or the value itself.
    Text(Reference),
    /// A number, a boolean or null.
    Plain(serde_json::Value),
    /// A list.
    List(Vec<SettingValue>),
    /// A map.
    Map(BTreeMap<String, SettingValue>),
}

impl SettingValue {
    /// Calls `visit` with every reference in it: where in this setting (empty, or `.key` and
    /// `.index` for parts of lists and maps), the reference, and its place in the file.
    pub fn references<'s>(&'s self, visit: &mut Visit<'_, 's>) {
        self.walk("", visit);
    }

    fn walk<'s>(&'s self, at: &str, visit: &mut Visit<'_, 's>) {
        match &self.content {
            SettingContent::Text(reference) => visit(at, reference, self.place.as_ref()),
            SettingContent::Plain(_) => {}
            SettingContent::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.walk(&format!("{at}.{index}"), visit);
                }
            }
            SettingContent::Map(pairs) => {
                for (key, item) in pairs {
                    item.walk(&format!("{at}.{key}"), visit);
                }
            }
        }
    }
}

/// What is called with every reference of a setting.
pub type Visit<'v, 's> = dyn FnMut(&str, &'s Reference, Option<&'s Place>) + 'v;

/// A reference and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedReference {
    /// Never [`Reference::Named`].
    pub reference: Reference,
    /// Where its name stands.
    pub place: Option<Place>,
}

/// How to reach Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    /// URL of the server; a reference or the text itself.
    pub address: Reference,
    /// How to log in.
    pub auth: VaultAuth,
    /// Where the mount ends in the paths of references, if it is not the first part and the
    /// server may not be asked.
    pub mount: Option<String>,
    /// Version of the key-value engine, 1 or 2; without it the server is asked.
    pub kv: Option<u8>,
    /// Namespace (Vault Enterprise).
    pub namespace: Option<String>,
    /// Certificates to trust: PEM text, or the path of a file.
    pub ca: Option<String>,
    /// Where the block stands.
    pub place: Option<Place>,
}

/// How to log in to Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultAuth {
    /// With a token.
    Token(Reference),
    /// With the token of a Kubernetes service account.
    Kubernetes {
        /// The role asked for.
        role: String,
        /// Path of the auth method, `kubernetes` if it was not moved.
        mount: String,
        /// The service account's token.
        token: Reference,
    },
}

/// Where a pod finds the token of its service account.
pub const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Reads a `providers.yaml`; with it come the findings that do not stop it.
///
/// # Errors
/// Every mistake. Excerpts show no literal values, because those may be secrets.
pub fn load(
    source: impl Into<Arc<Source>>,
) -> Result<(ProvidersFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    read::file(&source.into())
}

impl ProvidersFile {
    /// Puts what another file says on top: instances and secrets of the same name are replaced.
    #[must_use]
    pub fn overlaid(mut self, later: Self) -> Self {
        for instance in later.instances {
            match self.instances.iter_mut().find(|known| known.name == instance.name) {
                Some(known) => *known = instance,
                None => self.instances.push(instance),
            }
        }
        self.vault = later.vault.or(self.vault);
        self.secrets.extend(later.secrets);
        self.keys.extend(later.keys);
        self
    }
}
