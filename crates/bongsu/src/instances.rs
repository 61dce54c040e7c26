//! Installed providers: `providers.yaml`, Keep's variables, and the values of their secrets.
//!
//! In: the configuration directory, the catalogue. Out: instances with their settings and the keys of
//! senders, or every mistake. A secret that cannot be read now makes its instance unusable until the
//! next reload, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::providers::{self, AuthField, FieldKind, InstanceConfig, ProvidersFile};
use bongsu_config::secret::Reference;
use bongsu_engine::intake::Instance;
use bongsu_model::{Diagnostic, Secret, Source};
use bongsu_provider::aws::Environment;
use bongsu_provider::http::Clients;
use bongsu_provider::kubernetes::{Cluster, ClusterPlace};
use bongsu_provider::manifest::{Catalogue, Input, InputKind, Manifest};
use bongsu_provider::secret::seal::Keyring;
use bongsu_provider::secret::{SecretErrorKind, SecretResolver, SecretSources};
use serde_json::{Map, Value};

/// Setting of every instance: what a sender of payloads has to show.
const INTAKE_TOKEN: &str = "intake_token";

/// Setting of every instance: whether it is asked for its alerts. Off unless said, because alerts
/// that reach this server by another way too would be told twice.
const PULLING: &str = "pulling_enabled";

/// What `providers.yaml` comes to.
#[derive(Default)]
pub(crate) struct Installed {
    pub(crate) instances: Vec<Instance>,
    pub(crate) keys: BTreeMap<Arc<str>, Secret>,
    pub(crate) warnings: Vec<Diagnostic>,
}

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

/// Resolves everything. Must run where a runtime may be waited for.
pub(crate) async fn install(
    file: &ProvidersFile,
    base: &Path,
    catalogue: &Catalogue,
    clients: Arc<Clients>,
) -> Result<Installed, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut manifests = Vec::new();
    for config in file.instances.iter().filter(|instance| !instance.disabled) {
        let slug = catalogue.slug_of(&config.kind);
        match slug.and_then(|slug| catalogue.get(slug)) {
            Some(Ok(manifest)) => {
                found.extend(providers::check_instance(config, &fields(&manifest)));
                manifests.push((config, manifest));
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
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let resolver = SecretResolver::new(file, sources(file, base, &clients).await, clients);
    let mut installed = Installed { warnings: found, ..Installed::default() };
    for (config, manifest) in manifests {
        installed.instances.push(instance(config, &manifest, &resolver).await);
    }
    for (name, named) in &file.keys {
        match resolver.resolve(&format!("keys.{name}"), &named.reference).await {
            Ok(key) => drop(installed.keys.insert(name.as_str().into(), key)),
            Err(error) => tracing::error!(key = name, %error, "a sender's key has no value"),
        }
    }
    Ok(installed)
}

async fn instance(
    config: &InstanceConfig,
    manifest: &Manifest,
    resolver: &SecretResolver,
) -> Instance {
    let mut resolved = resolver.resolve_settings(config).await;
    let token = resolved.values.remove(INTAKE_TOKEN);
    let pulled = resolved.values.remove(PULLING).is_some_and(|text| text.expose() == "true");
    let known = |name: &str| {
        let mut inputs = manifest.auth.iter();
        inputs.any(|input| input.name == name || input.aliases.iter().any(|alias| alias == name))
    };
    let values: Map<String, Value> = resolved
        .values
        .iter()
        .filter(|(name, _)| known(name))
        .map(|(name, value)| (name.clone(), Value::from(value.expose())))
        .collect();
    let needed = |name: &str| {
        let mut inputs = manifest.auth.iter().filter(|input| input.required);
        inputs.any(|input| input.name == name || input.aliases.iter().any(|alias| alias == name))
    };
    let (mut missing, mut without) = (Vec::new(), Vec::new());
    for (name, error) in &resolved.failures {
        let why = format!("{name}: {error}");
        match error.kind {
            // Files are often written for several ways of connecting; not all of them are there.
            SecretErrorKind::Missing if known(name) && !needed(name) => without.push(why),
            _ if known(name) || name == INTAKE_TOKEN => missing.push(why),
            _ => {}
        }
    }
    let auth = match missing.is_empty() {
        true => manifest.settings(&values).map_err(|error| error.to_string()),
        false => Err(missing.join("; ")),
    };
    let without = (!without.is_empty()).then(|| without.join("; "));
    match (&auth, &without) {
        (Err(why), _) => {
            tracing::error!(instance = config.name, why, "an instance cannot be used");
        }
        (Ok(_), Some(why)) => {
            tracing::warn!(instance = config.name, why, "an instance does without some settings");
        }
        (Ok(_), None) => {}
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
async fn sources(file: &ProvidersFile, base: &Path, clients: &Arc<Clients>) -> SecretSources {
    let environment: Environment = Arc::new(|name| std::env::var(name).ok());
    let mut sources = SecretSources::new(Arc::clone(&environment), base);
    sources.keys = keys().map(Arc::new);
    let mut in_cluster = file.secrets.values().any(|named| is_of_cluster(&named.reference));
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
