//! Installed providers: `providers.yaml`, Keep's variables, and the values of their secrets.
//!
//! In: the configuration directory, the catalogue. Out: instances with their settings and the keys of
//! senders, or every mistake. Secrets are read again and again: one that cannot be read keeps the value
//! it had; one that never had any makes its instance unusable until it can be read, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_config::providers::{self, AuthField, FieldKind, InstanceConfig, ProvidersFile};
use bongsu_config::secret::Reference;
use bongsu_engine::HttpHeader;
use bongsu_engine::api::{SecretHealth, SecretProblem};
use bongsu_engine::intake::{Instance, Intake, Variables};
use bongsu_model::{Diagnostic, Secret, Source, Timestamp};
use bongsu_provider::Connector;
use bongsu_provider::aws::Environment;
use bongsu_provider::http::Clients;
use bongsu_provider::kubernetes::{Cluster, ClusterPlace};
use bongsu_provider::manifest::{Catalogue, Input, InputKind, Manifest};
use bongsu_provider::secret::seal::Keyring;
use bongsu_provider::secret::{SecretError, SecretErrorKind, SecretResolver, SecretSources};
use parking_lot::Mutex;
use serde_json::{Map, Value};

/// Setting of every instance: what a sender of payloads has to show.
const INTAKE_TOKEN: &str = "intake_token";

/// Setting of every instance: whether it is asked for its alerts. Off unless said, because alerts
/// that reach this server by another way too would be told twice.
const PULLING: &str = "pulling_enabled";

/// Reads the file of a directory and what Keep's variables add to it.
pub(crate) fn file(
    folder: Option<&Path>,
) -> Result<(ProvidersFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let path = folder.map(|folder| folder.join("providers.yaml")).filter(|path| path.is_file());
    let named = providers::path_in_variables(|name| std::env::var(name).ok()).map(PathBuf::from);
    let (mut all, mut warnings) = (ProvidersFile::default(), Vec::new());
    for path in path.into_iter().chain(named) {
        let text = crate::configuration::read(&path).map_err(|found| vec![found])?;
        let (file, more) = providers::load(Source { name: path.display().to_string(), text })?;
        all = all.overlaid(file);
        warnings.extend(more);
    }
    let (file, more) = providers::from_variables(std::env::vars())?;
    warnings.extend(more);
    Ok((all.overlaid(file), warnings))
}

/// Values by the place of the configuration they are for, which is also what they are sealed for.
type Values = BTreeMap<String, Secret>;

/// Header fields of tables, by the rule's name.
pub(crate) type TableHeaders = Vec<(String, Vec<HttpHeader>)>;

/// Installed providers with what their secrets are read by, again and again.
pub(crate) struct Installation {
    file: ProvidersFile,
    manifests: Vec<(InstanceConfig, Arc<Manifest>)>,
    catalogue: Arc<Catalogue>,
    connector: Arc<Connector>,
    headers: TableHeaders,
    resolver: SecretResolver,
    /// As they were read last, with what could not be.
    last: Mutex<(Values, Vec<SecretProblem>)>,
    /// Of which reading of the configuration it is.
    reading: u64,
}

/// What reading secrets came to.
pub(crate) struct Reading {
    pub(crate) intake: Intake,
    /// Settings that have another value than before.
    pub(crate) changed: Vec<String>,
    /// What could be read before and cannot be now, or fails for another reason.
    pub(crate) news: Vec<SecretProblem>,
}

/// Checks what is to be installed. Nothing is read yet.
pub(crate) async fn install(
    file: ProvidersFile,
    base: &Path,
    catalogue: Catalogue,
    headers: TableHeaders,
    connector: Arc<Connector>,
    clients: &Arc<Clients>,
) -> Result<(Installation, Vec<Diagnostic>), Vec<Diagnostic>> {
    static READINGS: AtomicU64 = AtomicU64::new(1);
    let mut found = Vec::new();
    let mut manifests = Vec::new();
    for config in file.instances.iter().filter(|instance| !instance.disabled) {
        let slug = catalogue.slug_of(&config.kind);
        match slug.and_then(|slug| catalogue.get(slug)) {
            Some(Ok(manifest)) => {
                found.extend(providers::check_instance(config, &fields(&manifest)));
                manifests.push((config.clone(), manifest));
            }
            Some(Err(wrong)) => found.extend(wrong.iter().cloned()),
            None => {
                let message = format!("{}: no provider {:?} is known", config.name, config.kind);
                let help = "bongsu provider ls lists them";
                let place = config.place.clone();
                found.push(Diagnostic::error("BS1808", message).at(place).help(help));
            }
        }
    }
    for header in headers.iter().flat_map(|(_, headers)| headers) {
        if let Reference::Named(name) = &header.value
            && !file.secrets.contains_key(name)
        {
            let message = format!("no secret is called {name:?}");
            let help = "define it under secrets in providers.yaml";
            let place = header.place.clone();
            found.push(Diagnostic::error("BS1807", message).at(place).help(help));
        }
    }
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let sources = sources(&file, &headers, base, clients).await;
    let installation = Installation {
        resolver: SecretResolver::new(&file, sources, Arc::clone(clients)),
        file,
        manifests,
        catalogue: Arc::new(catalogue),
        connector,
        headers,
        last: Mutex::default(),
        reading: READINGS.fetch_add(1, Ordering::Relaxed),
    };
    Ok((installation, found))
}

impl Installation {
    /// Whether an instance says which services there are; `None` if there is no such instance.
    pub(crate) fn knows_services(&self, name: &str) -> Option<bool> {
        let known = self.manifests.iter().find(|(config, _)| config.name == name);
        known.map(|(_, manifest)| manifest.slug == "kubernetes")
    }

    /// Renews the login at Vault if that is due; when to come again.
    pub(crate) async fn tend(&self) -> Option<tokio::time::Instant> {
        self.resolver.tend().await
    }

    /// Reads all secrets. One that cannot be read keeps the value it had.
    pub(crate) async fn read(&self, now: Timestamp) -> Reading {
        let (before, failed_before) = self.last.lock().clone();
        let mut read = Read { first: before.is_empty(), before, ..Read::default() };
        let mut instances = Vec::new();
        for (config, manifest) in &self.manifests {
            instances.push(self.instance(config, manifest, &mut read).await);
        }
        let mut keys = BTreeMap::new();
        for (name, named) in &self.file.keys {
            let record = format!("keys.{name}");
            let value = self.resolver.resolve(&record, &named.reference).await;
            if let Ok(key) = read.take(record, value) {
                keys.insert(name.as_str().into(), key);
            }
        }
        let mut tables = BTreeMap::new();
        for (rule, headers) in &self.headers {
            let (mut pairs, mut failed) = (Vec::new(), None);
            for header in headers {
                let record = format!("tables.{rule}.{}", header.name);
                let value = self.resolver.resolve(&record, &header.value).await;
                match read.take(record, value) {
                    Ok(value) => {
                        let text = format!("{}{}", header.scheme, value.expose());
                        pairs.push((header.name.clone(), Secret::new(text)));
                    }
                    Err(why) => failed = Some(format!("header {}: {why}", header.name)),
                }
            }
            tables.insert(rule.clone(), failed.map_or(Ok(pairs), Err));
        }
        let mut named = BTreeMap::new();
        for (name, secret) in &self.file.secrets {
            let record = format!("secrets.{name}");
            let value = self.resolver.resolve(&record, &secret.reference).await;
            // Whoever names it hears of it; it is no setting that fails.
            let value = match (value, read.before.get(&record)) {
                (Ok(value), _) => Ok(value),
                (Err(_), Some(kept)) => Ok(kept.clone()),
                (Err(error), None) => Err(error.to_string()),
            };
            if let Ok(value) = &value {
                read.now.insert(record, value.clone());
            }
            named.insert(name.as_str().into(), value);
        }
        let Read { first, before, now: values, problems } = read;
        let differs = |record: &&String| !first && before.get(*record) != values.get(*record);
        let changed = values.keys().filter(differs).cloned().collect();
        let news = problems.iter().filter(|problem| !failed_before.contains(problem));
        let news = news.cloned().collect();
        *self.last.lock() = (values, problems.clone());
        let health = SecretHealth { read_at: Some(now), problems };
        let intake = Intake::new(Arc::clone(&self.catalogue), instances, keys);
        let intake = intake.reaching(Arc::clone(&self.connector)).with_headers(tables);
        let variables: Arc<Variables> = Arc::new(|name| std::env::var(name).ok());
        let intake = intake.telling(named, variables).read(self.reading, health);
        Reading { intake, changed, news }
    }

    async fn instance(
        &self,
        config: &InstanceConfig,
        manifest: &Manifest,
        read: &mut Read,
    ) -> Instance {
        let mut resolved = self.resolver.resolve_settings(config).await;
        let input = |name: &str| {
            let is = |input: &&Input| {
                input.name == name || input.aliases.iter().any(|alias| alias == name)
            };
            manifest.auth.iter().find(is)
        };
        let record = |name: &str| format!("{}.{name}", config.name);
        for (name, value) in &resolved.values {
            read.now.insert(record(name), value.clone());
        }
        let (mut missing, mut without) = (Vec::new(), Vec::new());
        for (name, error) in std::mem::take(&mut resolved.failures) {
            let (setting, record) = (input(&name), record(&name));
            // Files are often written for several ways of connecting; not all of them are there.
            let optional = error.kind == SecretErrorKind::Missing
                && setting.is_some_and(|input| !input.required);
            if optional && !read.before.contains_key(&record) {
                without.push(format!("{name}: {error}"));
            } else if setting.is_some() || name == INTAKE_TOKEN {
                match read.take(record, Err(error)) {
                    Ok(value) => drop(resolved.values.insert(name, value)),
                    Err(why) => missing.push(format!("{name}: {why}")),
                }
            }
        }
        let token = resolved.values.remove(INTAKE_TOKEN);
        let pulled = resolved.values.remove(PULLING).is_some_and(|text| text.expose() == "true");
        let values: Map<String, Value> = resolved
            .values
            .iter()
            .filter(|(name, _)| input(name).is_some())
            .map(|(name, value)| (name.clone(), Value::from(value.expose())))
            .collect();
        let auth = match missing.is_empty() {
            true => manifest.settings(&values).map_err(|error| error.to_string()),
            false => Err(missing.join("; ")),
        };
        let without = (!without.is_empty()).then(|| without.join("; "));
        match (&auth, &without) {
            (Err(why), _) if read.first => {
                tracing::error!(instance = config.name, why, "an instance cannot be used");
            }
            (Ok(_), Some(why)) if read.first => {
                let instance = &config.name;
                tracing::warn!(instance, why, "an instance does without some settings");
            }
            _ => {}
        }
        Instance {
            name: config.name.as_str().into(),
            provider: manifest.slug.as_str().into(),
            token,
            pulled,
            // One of them may be what signatures are checked by.
            unverifiable: without.filter(|_| !manifest.verify.is_empty()),
            auth,
        }
    }
}

/// Secrets while they are read.
#[derive(Default)]
struct Read {
    /// Nothing was read before.
    first: bool,
    before: Values,
    now: Values,
    problems: Vec<SecretProblem>,
}

impl Read {
    /// Notes a value; instead of one that cannot be read, the one it had.
    fn take(
        &mut self,
        record: String,
        value: Result<Secret, SecretError>,
    ) -> Result<Secret, SecretError> {
        let value = value.or_else(|error| {
            let kept = self.before.get(&record).cloned();
            self.problems.push(SecretProblem {
                setting: record.clone(),
                reason: error.to_string(),
                kept: kept.is_some(),
            });
            kept.ok_or(error)
        })?;
        self.now.insert(record, value.clone());
        Ok(value)
    }
}

/// The settings of a provider as `providers.yaml` is checked against them.
fn fields(manifest: &Manifest) -> Vec<AuthField> {
    let field = |input: &Input| AuthField {
        name: input.name.clone(),
        aliases: input.aliases.clone(),
        required: input.required,
        secret: input.secret,
        kind: match input.kind {
            InputKind::Integer => FieldKind::Integer,
            InputKind::Boolean => FieldKind::Boolean,
            InputKind::Text => FieldKind::Text,
            _ => FieldKind::Json,
        },
    };
    let own = |name: &str, secret, kind| AuthField {
        name: name.to_owned(),
        aliases: Vec::new(),
        required: false,
        secret,
        kind,
    };
    let own = [own(INTAKE_TOKEN, true, FieldKind::Text), own(PULLING, false, FieldKind::Boolean)];
    manifest.auth.iter().map(field).chain(own).collect()
}

/// Variables, files, and what the references of the file need besides.
async fn sources(
    file: &ProvidersFile,
    headers: &TableHeaders,
    base: &Path,
    clients: &Arc<Clients>,
) -> SecretSources {
    let environment: Environment = Arc::new(|name| std::env::var(name).ok());
    let mut sources = SecretSources::new(Arc::clone(&environment), base);
    sources.keys = keys().map(Arc::new);
    let named = file.secrets.values().chain(file.keys.values()).map(|named| &named.reference);
    let headers = headers.iter().flat_map(|(_, headers)| headers).map(|header| &header.value);
    let mut in_cluster = named.chain(headers).any(is_of_cluster);
    for setting in file.instances.iter().flat_map(|instance| instance.settings.values()) {
        setting.references(&mut |_, reference, _| in_cluster |= is_of_cluster(reference));
    }
    if in_cluster {
        let place = ClusterPlace::of_surroundings(&*environment);
        match place.resolve(&*environment, Path::new("/")).await {
            Ok(connection) => {
                sources.cluster = Cluster::connect(connection, clients).ok().map(Arc::new);
            }
            Err(found) => {
                let found = bongsu_model::render_diagnostics(&found);
                tracing::error!(found, "secrets of Kubernetes cannot be read");
            }
        }
    }
    sources
}

fn is_of_cluster(reference: &Reference) -> bool {
    matches!(reference, Reference::Kubernetes { .. })
}

/// The keys of sealed values.
fn keys() -> Option<Keyring> {
    let text = match std::env::var("BONGSU_SECRET_KEY_FILE") {
        Ok(path) => std::fs::read_to_string(path).ok()?,
        Err(_) => std::env::var("BONGSU_SECRET_KEY").ok()?,
    };
    match Keyring::parse(&Secret::new(text)) {
        Ok(keys) => Some(keys),
        Err(error) => {
            tracing::error!(%error, "sealed values cannot be opened");
            None
        }
    }
}
