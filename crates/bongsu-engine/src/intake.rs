//! Who may send payloads, and what they are mapped by.
//!
//! In: the catalogue of providers, configured instances. Out: the manifest and instance for a
//! payload, or why it is refused; what its body holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Json, JsonMap, Secret, Timestamp, Unmapped};
use bongsu_provider::Connector;
use bongsu_provider::call::Auth;
use bongsu_provider::manifest::{Catalogue, Incoming, Input, Manifest, Operation, Verdict};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::api::{
    Delivered, InstanceView, IntakeError, ProviderCheck, ProviderView, SecretHealth, SettingView,
    TestError, UnmappedValue,
};

/// Provider, field, value.
type Place = (Arc<str>, String, String);

/// Different values noted at most; beyond that only those known are counted.
const UNMAPPED: usize = 1000;

/// How long a check of a signature or a connection may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An installed provider.
#[derive(Clone)]
pub struct Instance {
    /// Its name; part of the address payloads are sent to.
    pub name: Arc<str>,
    /// Slug of the provider.
    pub provider: Arc<str>,
    /// Whoever sends to it has to show this.
    pub token: Option<Secret>,
    /// Whether it is asked for its alerts on the provider's schedule.
    pub pulled: bool,
    /// Why signatures of what is sent to it cannot be checked, if they should be.
    pub unverifiable: Option<String>,
    /// Its settings, or why it cannot be used.
    pub auth: Result<Auth, String>,
}

/// Providers and instances of one configuration.
#[derive(Default)]
pub struct Intake {
    catalogue: Arc<Catalogue>,
    instances: BTreeMap<Arc<str>, Instance>,
    /// Keys of senders by name.
    keys: BTreeMap<Arc<str>, Secret>,
    connector: Option<Arc<Connector>>,
    /// Header fields that tables are asked for with, by the rule's name.
    headers: BTreeMap<String, Headers>,
    /// Named secrets, for workflows.
    secrets: BTreeMap<Arc<str>, Result<Secret, String>>,
    /// Variables of the surroundings, for workflows of files.
    environment: Option<Arc<Variables>>,
    /// How reading their secrets went.
    health: SecretHealth,
    /// Of which reading of the configuration this is.
    reading: u64,
}

/// Looks up a variable.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What a call of a workflow is made with.
pub(crate) struct Callee {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) auth: Auth,
    /// The operation, if the workflow names it: `github.stars`.
    pub(crate) operation: Option<String>,
}

/// Header fields, or why one of them has no value.
pub type Headers = Result<Vec<(String, Secret)>, String>;

/// What a payload is mapped by.
pub(crate) struct Sender {
    pub(crate) provider: Arc<str>,
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) manifest: Arc<Manifest>,
    auth: Option<Auth>,
}

impl Intake {
    /// Providers, their installations, and keys of senders by name.
    pub fn new(
        catalogue: impl Into<Arc<Catalogue>>,
        instances: impl IntoIterator<Item = Instance>,
        keys: BTreeMap<Arc<str>, Secret>,
    ) -> Self {
        let instances = instances.into_iter().map(|i| (Arc::clone(&i.name), i)).collect();
        Self { catalogue: catalogue.into(), instances, keys, ..Self::default() }
    }

    /// The same, as secrets were read for a reading of the configuration: only what belongs to the
    /// same reading takes its place.
    #[must_use]
    pub fn read(mut self, reading: u64, health: SecretHealth) -> Self {
        (self.reading, self.health) = (reading, health);
        self
    }

    /// How reading secrets went.
    pub(crate) fn health(&self) -> &SecretHealth {
        &self.health
    }

    /// Whether another may take its place.
    pub(crate) fn yields_to(&self, other: &Self) -> bool {
        self.reading == other.reading
    }

    /// The same with header fields for the tables of mapping rules.
    #[must_use]
    pub fn with_headers(mut self, headers: BTreeMap<String, Headers>) -> Self {
        self.headers = headers;
        self
    }

    /// Header fields for the table of a rule.
    pub(crate) fn headers(&self, rule: &str) -> Headers {
        self.headers.get(rule).cloned().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The same with what workflows may name: secrets, and variables of the surroundings.
    #[must_use]
    pub fn telling(
        mut self,
        secrets: BTreeMap<Arc<str>, Result<Secret, String>>,
        environment: Arc<Variables>,
    ) -> Self {
        (self.secrets, self.environment) = (secrets, Some(environment));
        self
    }

    /// A named secret, or why it has no value.
    pub(crate) fn secret(&self, name: &str) -> Result<Secret, String> {
        match self.secrets.get(name) {
            Some(known) => known.clone().map_err(|why| format!("secret {name}: {why}")),
            None => Err(format!("no secret is called {name}: define it in providers.yaml")),
        }
    }

    /// A variable of the surroundings. Those of this program may hold what opens everything.
    pub(crate) fn variable(&self, name: &str) -> Result<Secret, String> {
        let found = self.environment.as_ref().filter(|_| !name.starts_with("BONGSU_"));
        let found = found.and_then(|known| known(name));
        found.map(Secret::new).ok_or_else(|| format!("the variable {name} is not set"))
    }

    /// An instance that may be a data source, with its settings.
    pub fn source(&self, name: &str) -> Result<(Arc<Manifest>, Auth), String> {
        let known = self
            .instances
            .get(name)
            .ok_or_else(|| format!("no instance {name} is configured: add it to providers.yaml"))?;
        let manifest = self.manifest(&known.provider).map_err(|error| error.to_string())?;
        let auth = known.auth.clone().map_err(|why| format!("{name} cannot be used: {why}"))?;
        Ok((manifest, auth))
    }

    /// Who a call of a workflow goes to: an instance by name, the provider with `settings`, or else
    /// its only instance. A slug may have an operation behind a dot.
    pub(crate) fn callee(
        &self,
        kind: &str,
        instance: Option<&str>,
        settings: Option<&Map<String, Value>>,
    ) -> Result<Callee, String> {
        let (slug, operation) = match self.catalogue.slug_of(kind) {
            Some(slug) => (slug, None),
            None => {
                let parted = kind.split_once('.');
                let known =
                    parted.and_then(|(slug, name)| Some((self.catalogue.slug_of(slug)?, name)));
                let (slug, name) = known.ok_or_else(|| format!("no provider {kind} is known"))?;
                (slug, Some(name.to_owned()))
            }
        };
        let manifest = self.manifest(slug).map_err(|error| error.to_string())?;
        let of_kind = || self.instances.values().filter(|known| *known.provider == *manifest.slug);
        let auth = match (instance, settings) {
            (Some(name), _) => {
                let known = self.instances.get(name).ok_or_else(|| {
                    format!("no instance {name} is configured: add it to providers.yaml")
                })?;
                if *known.provider != *manifest.slug {
                    return Err(format!(
                        "{name} is an instance of {}, not of {slug}",
                        known.provider
                    ));
                }
                known.auth.clone().map_err(|why| format!("{name} cannot be used: {why}"))?
            }
            (None, Some(given)) => manifest.settings(given).map_err(|error| error.to_string())?,
            (None, None) => match of_kind().count() {
                1 => of_kind().next().map_or_else(|| Err(String::new()), |one| one.auth.clone())?,
                0 => manifest.settings(&Map::new()).map_err(|error| {
                    format!("no instance of {slug} is configured, and without one: {error}")
                })?,
                many => return Err(format!("there are {many} instances of {slug}: name one")),
            },
        };
        Ok(Callee { manifest, auth, operation })
    }

    /// An installed provider and its settings, or why it cannot be used.
    pub(crate) fn usable(&self, name: &str) -> Result<(Arc<Manifest>, Auth), String> {
        let unknown = || format!("no instance {name} is configured");
        let instance = self.instances.get(name).ok_or_else(unknown)?;
        let manifest = self.manifest(&instance.provider).map_err(|error| error.to_string())?;
        Ok((manifest, instance.auth.clone()?))
    }

    /// The same that reaches providers by this connector.
    #[must_use]
    pub fn reaching(mut self, connector: Arc<Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Installed providers whose alerts are fetched.
    pub(crate) fn pulling(&self) -> impl Iterator<Item = (&Instance, Arc<Manifest>, &Auth)> {
        self.instances.values().filter(|instance| instance.pulled).filter_map(|instance| {
            let Some(Ok(manifest)) = self.catalogue.get(&instance.provider) else { return None };
            let auth = instance.auth.as_ref().ok()?;
            manifest.pull.is_some().then_some((instance, manifest, auth))
        })
    }

    /// Every provider whose manifest can be read.
    pub(crate) fn providers(&self) -> Vec<ProviderView> {
        let known = self.catalogue.slugs().filter_map(|slug| self.catalogue.get(slug)?.ok());
        known.map(|manifest| view(&manifest)).collect()
    }

    /// Every installed provider.
    pub(crate) fn instances(&self) -> Vec<InstanceView> {
        let view = |instance: &Instance| InstanceView {
            name: instance.name.to_string(),
            provider: instance.provider.to_string(),
            guarded: instance.token.is_some(),
            pulled: instance.pulled,
            problem: instance.auth.as_ref().err().or(instance.unverifiable.as_ref()).cloned(),
        };
        self.instances.values().map(view).collect()
    }

    pub(crate) fn connector(&self) -> Option<&Arc<Connector>> {
        self.connector.as_ref()
    }

    /// Checks a payload's signature, where the provider signs and there is a secret to check by.
    /// A verified confirmation of an SNS subscription is confirmed.
    pub(crate) async fn verify(
        &self,
        sender: &Sender,
        delivered: &Delivered,
        now: Timestamp,
    ) -> Result<(), IntakeError> {
        let (Some(auth), Some(connector)) = (&sender.auth, &self.connector) else { return Ok(()) };
        if sender.manifest.verify.is_empty() {
            return Ok(());
        }
        let texts = |pairs: &[(String, String)]| -> Map<String, Value> {
            pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
        };
        let incoming = Incoming {
            headers: texts(&delivered.headers),
            query: texts(&delivered.query),
            body: &delivered.body,
            now,
        };
        let deadline = Instant::now() + PATIENCE;
        let confirmation = || -> Option<String> {
            let document: Value = serde_json::from_slice(&delivered.body).ok()?;
            let asked = document["Type"] == "SubscriptionConfirmation";
            document["SubscribeURL"].as_str().filter(|_| asked).map(str::to_owned)
        };
        match connector.verify(&sender.manifest, auth, &incoming, deadline).await {
            Verdict::Refused(why) => Err(IntakeError::Refused(why)),
            Verdict::Verified => {
                if let Some(url) = confirmation() {
                    let confirmed = connector.confirm_sns(&url, deadline).await;
                    confirmed.map_err(|error| IntakeError::Refused(error.to_string()))?;
                    tracing::info!(provider = &*sender.provider, "a subscription was confirmed");
                }
                Ok(())
            }
            Verdict::Unsigned | Verdict::Sns(_) => Ok(()),
        }
    }

    /// Tries what an instance, or a provider with these settings, may do.
    pub(crate) async fn test(
        &self,
        name: &str,
        given: Option<&Map<String, Value>>,
        now: Timestamp,
    ) -> Result<Vec<ProviderCheck>, TestError> {
        let instance = self.instances.get(name);
        let slug = match instance {
            Some(instance) => &*instance.provider,
            None => {
                self.catalogue.slug_of(name).ok_or_else(|| TestError::Unknown(name.to_owned()))?
            }
        };
        let Some(Ok(manifest)) = self.catalogue.get(slug) else {
            return Err(TestError::Unknown(name.to_owned()));
        };
        let auth = match (given, instance) {
            (Some(given), _) => {
                manifest.settings(given).map_err(|error| TestError::Settings(error.to_string()))?
            }
            (None, Some(instance)) => instance.auth.clone().map_err(TestError::Settings)?,
            (None, None) => {
                let what = format!("{slug} is not installed: send its settings as config");
                return Err(TestError::Settings(what));
            }
        };
        let Some(connector) = &self.connector else { return Ok(Vec::new()) };
        let checks = manifest
            .checks_of(&auth, now)
            .map_err(|error| TestError::Settings(error.to_string()))?;
        let mut done = Vec::new();
        for check in checks {
            let deadline = Instant::now() + PATIENCE;
            let answer = connector.call(check, &auth, &Map::new(), now, deadline).await;
            done.push(ProviderCheck {
                permission: check.name.clone(),
                summary: check.summary.en.clone(),
                problem: answer.err().map(|error| error.to_string()),
            });
        }
        Ok(done)
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
        Ok(Sender {
            provider: manifest.slug.as_str().into(),
            instance: instance.map(Into::into),
            manifest,
            auth: None,
        })
    }

    fn manifest(&self, slug: &str) -> Result<Arc<Manifest>, IntakeError> {
        match self.catalogue.get(self.catalogue.slug_of(slug).unwrap_or(slug)) {
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
                let slug = self.catalogue.slug_of(slug).unwrap_or(slug);
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
        if let Some(why) = instance.and_then(|instance| instance.unverifiable.as_ref()) {
            return Err(IntakeError::Unusable(why.clone()));
        }
        let auth = match instance.map(|instance| &instance.auth) {
            Some(Ok(auth)) => Some(auth.clone()),
            Some(Err(why)) => return Err(IntakeError::Unusable(why.clone())),
            None if manifest.verify.is_empty() => None,
            // Some signatures need no secret of one's own.
            None => manifest.settings(&Map::new()).ok(),
        };
        Ok(Sender {
            provider: manifest.slug.as_str().into(),
            instance: instance.map(|instance| Arc::clone(&instance.name)),
            manifest,
            auth,
        })
    }
}

fn view(manifest: &Manifest) -> ProviderView {
    let names = |operations: &[Operation]| operations.iter().map(|o| o.name.clone()).collect();
    let setting = |input: &Input| SettingView {
        name: input.name.clone(),
        required: input.required,
        secret: input.secret,
    };
    ProviderView {
        slug: manifest.slug.clone(),
        name: manifest.name.en.clone(),
        summary: manifest.summary.en.clone(),
        categories: manifest.categories.clone(),
        docs: manifest.docs.clone(),
        settings: manifest.auth.iter().map(setting).collect(),
        actions: names(&manifest.actions),
        queries: names(&manifest.queries),
        sends: !manifest.ingest.is_empty(),
        pulls: manifest.pull.is_some(),
    }
}

/// Compares without telling by its duration where the difference is.
pub(crate) fn same(secret: &str, shown: &str) -> bool {
    let (secret, shown) = (secret.as_bytes(), shown.as_bytes());
    let differing = secret.iter().zip(shown).fold(0, |acc, (a, b)| acc | (a ^ b));
    secret.len() == shown.len() && differing == 0 && !secret.is_empty()
}

/// The document in a body: JSON; a form's field `payload`, or all its fields; else the text.
pub fn document(body: &[u8], content_type: &str) -> Result<Json, String> {
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
        return Ok(fields.into_iter().collect::<JsonMap>().into());
    }
    // Told at once to be text, its parts need not be looked at one by one.
    let read = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    match read {
        Ok(value) => Ok(value),
        Err(error) if kind.ends_with("json") => Err(format!("the body is not JSON: {error}")),
        Err(_) => match std::str::from_utf8(body) {
            Ok(text) => Ok(text.into()),
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

    /// Puts back what was counted before the start.
    pub(crate) fn restore(&mut self, value: UnmappedValue) {
        let Unmapped { field, value: text, .. } = value.unmapped.clone();
        self.values.insert((value.provider.as_str().into(), field, text), value);
    }

    /// Forgets values that have not come since.
    pub(crate) fn forget(&mut self, since: Timestamp) {
        self.values.retain(|_, value| value.last_at >= since);
    }

    pub(crate) fn list(&self) -> Vec<UnmappedValue> {
        self.values.values().cloned().collect()
    }
}
