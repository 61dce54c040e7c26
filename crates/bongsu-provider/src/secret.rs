//! Values of secrets, from where references say they are kept.
//!
//! In: a [`Reference`] of a configuration. Out: its value as a [`Secret`], or a [`SecretError`] that
//! names the reference and never a value. Variables and files are read at every use; what Vault and
//! Kubernetes hold is kept for a minute, and for an hour while they cannot be asked.
//!
//! - [`seal`]: encryption at rest, for `sealed:` references and whoever stores small secrets.

mod file;
mod kept;
pub mod seal;
mod vault;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_config::providers::{InstanceConfig, ProvidersFile, SettingContent, SettingValue};
use bongsu_config::secret::Reference;
use bongsu_model::Secret;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::aws::Environment;
use crate::http::Clients;
use crate::kubernetes::{Cluster, ClusterErrorKind};
use kept::{Fields, Kept};
use seal::{Keyring, SealError};
use vault::Vault;

/// Longest time one value may take, logins included.
const LIMIT: Duration = Duration::from_secs(30);

/// Tells the time; tests move it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

type Problem = (SecretErrorKind, String);

/// What kept a secret from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretErrorKind {
    /// There is no such variable, file, path, field or name.
    Missing,
    /// The other side, or the system, does not allow it.
    Denied,
    /// The other side cannot be asked now: down, sealed, too slow.
    Unavailable,
    /// What is there cannot be used.
    Malformed,
    /// Nothing says how to reach the other side.
    NotConfigured,
}

/// A secret that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {message}")]
pub struct SecretError {
    /// The reference as a configuration writes it.
    pub reference: String,
    /// What it was.
    pub kind: SecretErrorKind,
    /// The same for a person.
    pub message: String,
}

/// Values of an instance's settings.
#[derive(Clone, Debug, Default)]
pub struct ResolvedSettings {
    /// Text of each setting that has a value; lists and maps are JSON.
    pub values: BTreeMap<String, Secret>,
    /// Settings whose value could not be read, with why. Whether that matters is known to whoever
    /// knows which settings are needed.
    pub failures: BTreeMap<String, SecretError>,
}

/// Finds values. Keep it: logins and what was read live as long as it does.
pub struct SecretResolver {
    sources: Arc<Sources>,
    vault: Option<Vault>,
    names: BTreeMap<String, Reference>,
    clusters: Kept,
}

/// The sources that need nothing else.
struct Sources {
    environment: Environment,
    base: PathBuf,
    cluster: Option<Arc<Cluster>>,
    keys: Option<Arc<Keyring>>,
}

/// What a resolver reads from.
pub struct SecretSources {
    /// Reads one environment variable.
    pub environment: Environment,
    /// Where relative paths of files begin: the directory of the configuration.
    pub base: PathBuf,
    /// For `k8s:` references.
    pub cluster: Option<Arc<Cluster>>,
    /// For `sealed:` references.
    pub keys: Option<Arc<Keyring>>,
    /// Tells the time.
    pub clock: Clock,
}

impl SecretSources {
    /// Variables and files only.
    pub fn new(environment: Environment, base: impl Into<PathBuf>) -> Self {
        let clock: Clock = Arc::new(Instant::now);
        Self { environment, base: base.into(), cluster: None, keys: None, clock }
    }
}

impl SecretResolver {
    /// A resolver for the names and the Vault of a file. `clients` carries the egress policy that
    /// Vault is reached under. Nothing is read or connected yet.
    pub fn new(file: &ProvidersFile, sources: SecretSources, clients: Arc<Clients>) -> Self {
        let SecretSources { environment, base, cluster, keys, clock } = sources;
        let sources = Arc::new(Sources { environment, base, cluster, keys });
        let vault = file
            .vault
            .clone()
            .map(|config| Vault::new(config, Arc::clone(&sources), clients, Arc::clone(&clock)));
        let names = file.secrets.iter().map(|(n, r)| (n.clone(), r.reference.clone())).collect();
        Self { sources, vault, names, clusters: Kept::new(clock) }
    }

    /// The value behind a reference. `record` names the place it is written at
    /// (`slack-ops.bot_token`): a sealed value opens only at the place it was sealed for.
    ///
    /// # Errors
    /// See [`SecretErrorKind`]; also when it takes longer than half a minute.
    pub async fn resolve(
        &self,
        record: &str,
        reference: &Reference,
    ) -> Result<Secret, SecretError> {
        let (record, target) = match reference {
            Reference::Named(name) => match self.names.get(name) {
                Some(target) => (format!("secrets.{name}"), target),
                None => {
                    let problem = (SecretErrorKind::Missing, "no secret has this name".to_owned());
                    return Err(failed(reference, problem));
                }
            },
            other => (record.to_owned(), other),
        };
        let found = tokio::time::timeout(LIMIT, self.find(&record, target)).await;
        let found = found.unwrap_or_else(|_| {
            let message = format!("no answer within {} seconds", LIMIT.as_secs());
            Err((SecretErrorKind::Unavailable, message))
        });
        found.map_err(|problem| failed(target, problem))
    }

    /// The values of all settings of an instance.
    pub async fn resolve_settings(&self, instance: &InstanceConfig) -> ResolvedSettings {
        let mut resolved = ResolvedSettings::default();
        for (name, setting) in &instance.settings {
            let record = format!("{}.{name}", instance.name);
            match self.setting(&record, setting).await {
                Ok(None) => {}
                Ok(Some(value)) => {
                    resolved.values.insert(name.clone(), value);
                }
                Err(error) => {
                    resolved.failures.insert(name.clone(), error);
                }
            }
        }
        resolved
    }

    /// Renews the login at Vault if it is due and tells when to call again; `None` when there is
    /// nothing to keep. A login that is not tended is renewed when it is next used, or made anew.
    pub async fn tend(&self) -> Option<Instant> {
        match &self.vault {
            Some(vault) => vault.tend().await,
            None => None,
        }
    }

    async fn find(&self, record: &str, reference: &Reference) -> Result<Secret, Problem> {
        match reference {
            Reference::Vault { path, field } => match &self.vault {
                Some(vault) => vault.field(path, field).await,
                None => Err((
                    SecretErrorKind::NotConfigured,
                    "there is no block vault that says where Vault is".to_owned(),
                )),
            },
            Reference::Kubernetes { namespace, name, key } => {
                let at = format!("{namespace}/{name}");
                let fetch = self.sources.kubernetes(namespace, name);
                let fields = self.clusters.get(&at, fetch).await?;
                picked(&fields, key, "key")
            }
            other => self.sources.value(record, other).await,
        }
    }

    async fn setting(
        &self,
        record: &str,
        setting: &SettingValue,
    ) -> Result<Option<Secret>, SecretError> {
        match &setting.content {
            SettingContent::Text(reference) => self.resolve(record, reference).await.map(Some),
            SettingContent::Plain(Value::Null) => Ok(None),
            SettingContent::Plain(plain) => Ok(Some(Secret::new(plain.to_string()))),
            SettingContent::List(_) | SettingContent::Map(_) => {
                Ok(Some(Secret::new(self.json(record, setting).await?.to_string())))
            }
        }
    }

    async fn json(&self, record: &str, setting: &SettingValue) -> Result<Value, SecretError> {
        Ok(match &setting.content {
            SettingContent::Plain(plain) => plain.clone(),
            SettingContent::Text(reference) => {
                Value::String(self.resolve(record, reference).await?.expose().to_owned())
            }
            SettingContent::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    list.push(Box::pin(self.json(&format!("{record}.{at}"), item)).await?);
                }
                Value::Array(list)
            }
            SettingContent::Map(pairs) => {
                let mut map = Map::new();
                for (key, item) in pairs {
                    let value = Box::pin(self.json(&format!("{record}.{key}"), item)).await?;
                    map.insert(key.clone(), value);
                }
                Value::Object(map)
            }
        })
    }
}

impl Sources {
    /// The value of a reference that leads neither to Vault nor to a name.
    async fn value(&self, record: &str, reference: &Reference) -> Result<Secret, Problem> {
        match reference {
            Reference::Literal(value) => Ok(value.clone()),
            Reference::Env(name) => match (self.environment)(name) {
                Some(value) if !value.is_empty() => Ok(Secret::new(value)),
                Some(_) => Err((SecretErrorKind::Missing, "the variable is empty".to_owned())),
                None => Err((SecretErrorKind::Missing, "the variable is not set".to_owned())),
            },
            Reference::File { path, key } => {
                file::value(&self.base.join(path), key.as_deref()).await
            }
            Reference::Kubernetes { namespace, name, key } => {
                picked(&self.kubernetes(namespace, name).await?, key, "key")
            }
            Reference::Sealed(text) => self.unseal(record, text).await,
            Reference::Vault { .. } | Reference::Named(_) => {
                Err((SecretErrorKind::NotConfigured, "not allowed here".to_owned()))
            }
        }
    }

    async fn unseal(&self, record: &str, text: &str) -> Result<Secret, Problem> {
        let Some(keys) = self.keys.clone() else {
            let message = "no key is given to open sealed values".to_owned();
            return Err((SecretErrorKind::NotConfigured, message));
        };
        let (record, text) = (record.to_owned(), text.to_owned());
        // A passphrase takes a while to become a key.
        let opened = tokio::task::spawn_blocking(move || keys.unseal(&record, &text)).await;
        match opened {
            Ok(opened) => opened.map_err(|error| {
                let kind = match error {
                    SealError::UnknownKey(_) | SealError::Key(_) => SecretErrorKind::NotConfigured,
                    _ => SecretErrorKind::Malformed,
                };
                (kind, error.to_string())
            }),
            Err(_) => Err((SecretErrorKind::Unavailable, "opening it was given up".to_owned())),
        }
    }

    async fn kubernetes(&self, namespace: &str, name: &str) -> Result<Fields, Problem> {
        let Some(cluster) = &self.cluster else {
            let message = "no Kubernetes cluster is configured".to_owned();
            return Err((SecretErrorKind::NotConfigured, message));
        };
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let answer = cluster.request(http::Method::GET, &path, &[], None).await;
        let object = answer.map_err(|error| {
            let kind = match error.kind {
                ClusterErrorKind::NotFound => SecretErrorKind::Missing,
                ClusterErrorKind::Unauthorized | ClusterErrorKind::Forbidden => {
                    SecretErrorKind::Denied
                }
                _ => SecretErrorKind::Unavailable,
            };
            (kind, error.message)
        })?;
        let mut fields = BTreeMap::new();
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            // Binary entries, such as key stores, are no settings.
            if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                fields.insert(key.clone(), Secret::new(text));
            }
        }
        Ok(Arc::new(fields))
    }
}

/// One field; the names of the others help to find a misspelt one.
fn picked(fields: &Fields, field: &str, word: &str) -> Result<Secret, Problem> {
    fields.get(field).cloned().ok_or_else(|| {
        let mut known: Vec<&str> = fields.keys().map(String::as_str).take(20).collect();
        if fields.len() > known.len() {
            known.push("…");
        }
        let has = match known.as_slice() {
            [] => "it is empty".to_owned(),
            known => format!("it has {}", known.join(", ")),
        };
        (SecretErrorKind::Missing, format!("there is no {word} {field:?}: {has}"))
    })
}

fn failed(reference: &Reference, (kind, message): Problem) -> SecretError {
    SecretError { reference: reference.to_string(), kind, message }
}
