//! What all objects of a cluster have in common.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// An object as much of it as is kept.
pub trait Object: DeserializeOwned + Send + Sync + 'static {
    /// What it says about itself.
    fn metadata(&self) -> &Metadata;
}

/// What an object says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Unique in its namespace.
    pub name: String,
    /// Empty for objects of the whole cluster.
    pub namespace: String,
    /// Another one if an object of the same name is made anew.
    pub uid: String,
    /// Another one after every change.
    pub resource_version: String,
    /// Labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "or_default")]
    pub annotations: BTreeMap<String, String>,
    /// Whom it belongs to.
    #[serde(deserialize_with = "or_default")]
    pub owner_references: Vec<OwnerReference>,
}

impl Metadata {
    /// `NAMESPACE/NAME`, or the name alone.
    pub fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

/// `NAMESPACE/NAME`, or the name alone.
pub(super) fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// Whom an object belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OwnerReference {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it manages the object.
    pub controller: bool,
}

/// Reads null, which API servers write for empty lists, as the default.
///
/// # Errors
/// When it is neither null nor a `T`.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
