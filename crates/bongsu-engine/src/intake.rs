//! Who may send payloads, and what they are mapped by.
//!
//! In: the catalogue of providers, configured instances. Out: the manifest and instance for a
//! payload, or why it is refused; what its body holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Secret, Timestamp, Unmapped};
use bongsu_provider::manifest::{Catalogue, Manifest};
use serde_json::Value;

use crate::api::{Delivered, IntakeError, UnmappedValue};

/// Provider, field, value.
type Place = (Arc<str>, String, String);

/// Different values noted at most; beyond that only those known are counted.
const UNMAPPED: usize = 1000;

/// An installed provider.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name; part of the address payloads are sent to.
    pub name: Arc<str>,
    /// Slug of the provider.
    pub provider: Arc<str>,
    /// Whoever sends to it has to show this.
    pub token: Option<Secret>,
}

/// Providers and instances of one configuration.
#[derive(Debug, Default)]
pub struct Intake {
    catalogue: Catalogue,
    instances: BTreeMap<Arc<str>, Instance>,
    /// Keys of senders by name.
    keys: BTreeMap<Arc<str>, Secret>,
}

/// What a payload is mapped by.
pub(crate) struct Sender {
    pub(crate) provider: Arc<str>,
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) manifest: Arc<Manifest>,
}

impl Intake {
    /// Providers, their installations, and keys of senders by name.
    pub fn new(
        catalogue: Catalogue,
        instances: impl IntoIterator<Item = Instance>,
        keys: BTreeMap<Arc<str>, Secret>,
    ) -> Self {
        let instances = instances.into_iter().map(|i| (Arc::clone(&i.name), i)).collect();
        Self { catalogue, instances, keys }
    }

    /// The name of a sender's key; `None` if nobody has it. Takes the same time for every key.
    pub fn key_name(&self, shown: &str) -> Option<Arc<str>> {
        let mut found = None;
        for (name, key) in &self.keys {
            if same(key.expose(), shown) {
                found = Some(Arc::clone(name));
            }
        }
        found
    }

    /// Whether anything is shown that lets a sender in without being a user of this server.
    pub fn admits(&self, instance: Option<&str>, shown: &str) -> bool {
        let token = instance.and_then(|name| self.instances.get(name)?.token.as_ref());
        token.is_some_and(|token| same(token.expose(), shown)) || self.key_name(shown).is_some()
    }

    /// What a kept payload is mapped by; an instance that is gone is no obstacle.
    pub(crate) fn resender(
        &self,
        slug: &str,
        instance: Option<&str>,
    ) -> Result<Sender, IntakeError> {
        let manifest = self.manifest(slug)?;
        Ok(Sender { provider: slug.into(), instance: instance.map(Into::into), manifest })
    }

    fn manifest(&self, slug: &str) -> Result<Arc<Manifest>, IntakeError> {
        match self.catalogue.get(slug) {
            None => Err(IntakeError::UnknownProvider(slug.to_owned())),
            Some(Ok(manifest)) => Ok(manifest),
            Some(Err(found)) => {
                let first = found.first().map(|d| d.message.clone()).unwrap_or_default();
                Err(IntakeError::BrokenManifest { slug: slug.to_owned(), first })
            }
        }
    }

    pub(crate) fn sender(&self, delivered: &Delivered) -> Result<Sender, IntakeError> {
        let slug = delivered.provider.as_str();
        let instance = match delivered.instance.as_deref() {
            None => None,
            Some(name) => {
                let found = self.instances.get(name).filter(|i| &*i.provider == slug);
                Some(found.ok_or_else(|| IntakeError::UnknownInstance(name.to_owned()))?)
            }
        };
        if let Some(token) = instance.and_then(|instance| instance.token.as_ref())
            && !delivered.token.as_deref().is_some_and(|shown| same(token.expose(), shown))
        {
            return Err(IntakeError::Refused("the token is not that of the instance".to_owned()));
        }
        let manifest = self.manifest(slug)?;
        Ok(Sender {
            provider: slug.into(),
            instance: instance.map(|instance| Arc::clone(&instance.name)),
            manifest,
        })
    }
}

/// Compares without telling by its duration where the difference is.
fn same(secret: &str, shown: &str) -> bool {
    let (secret, shown) = (secret.as_bytes(), shown.as_bytes());
    let differing = secret.iter().zip(shown).fold(0, |acc, (a, b)| acc | (a ^ b));
    secret.len() == shown.len() && differing == 0 && !secret.is_empty()
}

/// The document in a body: JSON; a form's field `payload`, or all its fields; else the text.
pub(crate) fn document(body: &[u8], content_type: &str) -> Result<Value, String> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let fields: Vec<(String, String)> = form(body);
        if let Some((_, payload)) = fields.iter().find(|(name, _)| name == "payload")
            && let Ok(value) = serde_json::from_str(payload)
        {
            return Ok(value);
        }
        // A client that says nothing about its JSON is taken for one that posts a form by some.
        if let Ok(value) = serde_json::from_slice(body) {
            return Ok(value);
        }
        return Ok(fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect());
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) if kind.ends_with("json") => Err(format!("the body is not JSON: {error}")),
        Err(_) => match std::str::from_utf8(body) {
            Ok(text) => Ok(Value::from(text)),
            Err(_) => Err("the body is neither JSON nor text".to_owned()),
        },
    }
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body)
        .take(1000)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Values no map of a provider knows, counted.
#[derive(Debug, Default)]
pub(crate) struct Unmappables {
    values: BTreeMap<Place, UnmappedValue>,
}

impl Unmappables {
    pub(crate) fn note(&mut self, now: Timestamp, provider: &Arc<str>, unmapped: &[Unmapped]) {
        let room = self.values.len() < UNMAPPED;
        for value in unmapped {
            let place = (Arc::clone(provider), value.field.clone(), value.value.clone());
            match self.values.get_mut(&place) {
                Some(known) => {
                    known.count += 1;
                    known.last_at = now;
                }
                None if room => {
                    tracing::warn!(
                        provider = &**provider,
                        field = value.field,
                        value = value.value,
                        became = value.became,
                        "a value is not mapped"
                    );
                    let noted = UnmappedValue {
                        provider: provider.to_string(),
                        unmapped: value.clone(),
                        count: 1,
                        last_at: now,
                    };
                    self.values.insert(place, noted);
                }
                None => {}
            }
        }
    }

    pub(crate) fn list(&self) -> Vec<UnmappedValue> {
        self.values.values().cloned().collect()
    }
}
