//! `bongsu secret`: whether references lead anywhere, and sealed values.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::providers::{self, ProvidersFile};
use bongsu_config::secret::Reference;
use bongsu_model::{Secret, Source, render_diagnostics};
use bongsu_provider::aws::Environment;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::Clients;
use bongsu_provider::kubernetes::{Cluster, ClusterPlace};
use bongsu_provider::secret::seal::{Keyring, MAX_VALUE, SealError, new_key};
use bongsu_provider::secret::{SecretErrorKind, SecretResolver, SecretSources};
use clap::{Args, Subcommand};
use ring::rand::SystemRandom;
use serde_json::json;

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};
use crate::version;

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Follow every reference of a providers.yaml and say which ones have a value.
    Check(CheckArguments),
    /// Print a new key for sealed values.
    Key,
    /// Read a value from standard input and print it sealed.
    #[command(before_help = "  bongsu secret key > secret.key\n  \
                             bongsu secret seal slack-ops.bot_token --key-file secret.key < token")]
    Seal(SealArguments),
}

/// The file to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A providers.yaml.
    file: PathBuf,
    #[command(flatten)]
    keys: Keys,
}

/// What to seal.
#[derive(Debug, Args)]
pub(crate) struct SealArguments {
    /// Where it will stand: INSTANCE.SETTING, secrets.NAME or vault.token. It opens only there.
    name: String,
    #[command(flatten)]
    keys: Keys,
}

/// The keys of sealed values.
#[derive(Debug, Args)]
struct Keys {
    /// File with keys for sealed values, one a line; the first one seals.
    #[arg(long, env = "BONGSU_SECRET_KEY_FILE", value_name = "FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
}

impl Keys {
    /// The keys of the file, or of `BONGSU_SECRET_KEY`.
    fn read(&self) -> Result<Option<Keyring>, Failure> {
        let text = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?,
            None => match std::env::var("BONGSU_SECRET_KEY") {
                Ok(text) => text,
                Err(_) => return Ok(None),
            },
        };
        Ok(Some(Keyring::parse(&Secret::new(text))?))
    }
}

impl SecretCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Check(arguments) => arguments.run(global),
            Self::Key => {
                let key = new_key(&SystemRandom::new())?;
                output::print(&format!("{}\n", key.expose()));
                Ok(Exit::Done)
            }
            Self::Seal(arguments) => arguments.run(),
        }
    }
}

impl SealArguments {
    fn run(&self) -> Outcome {
        let keys = self.keys.read()?.ok_or_else(|| {
            Failure::usage("there is no key to seal with")
                .hint("give --key-file or BONGSU_SECRET_KEY; make one with: bongsu secret key")
        })?;
        let mut value = String::new();
        std::io::stdin()
            .take(MAX_VALUE as u64 + 2)
            .read_to_string(&mut value)
            .map_err(|e| Failure::usage(format!("cannot read the value: {e}")))?;
        // The end of the last line belongs to echo, not to the value.
        let value = value.strip_suffix('\n').map_or(value.as_str(), |v| v.trim_end_matches('\r'));
        if value.is_empty() {
            return Err(Failure::usage("there is no value on standard input"));
        }
        let sealed = keys.seal(&self.name, &Secret::new(value), &SystemRandom::new())?;
        output::print(&format!("{sealed}\n"));
        Ok(Exit::Done)
    }
}

impl CheckArguments {
    fn run(&self, global: &Global) -> Outcome {
        let (file, warnings) = load(&self.file)?;
        if !warnings.is_empty() {
            global.say(&warnings);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::no(format!("cannot start: {e}")))?;
        let (rows, missing) = runtime.block_on(self.rows(&file))?;
        let count = rows.len();
        let listing = Listing { columns: &["PLACE", "REFERENCE", "RESULT"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        global.say(&format!("{} of {count} have a value", count - missing));
        Ok(if missing == 0 { Exit::Done } else { Exit::No })
    }

    async fn rows(&self, file: &ProvidersFile) -> Result<(Vec<Row>, usize), Failure> {
        let references = listed(file);
        let environment: Environment = Arc::new(|name| std::env::var(name).ok());
        let agent = format!("bongsu/{}", version::VERSION);
        let clients = Arc::new(Clients::new(agent, EgressPolicy::open()));
        let base = self.file.parent().unwrap_or(Path::new("")).to_owned();
        let mut sources = SecretSources::new(Arc::clone(&environment), base);
        sources.keys = self.keys.read()?.map(Arc::new);
        if references.iter().any(|(_, r)| matches!(r, Reference::Kubernetes { .. })) {
            let place = ClusterPlace::of_surroundings(&*environment);
            let connection = place.resolve(&*environment, Path::new("/")).await;
            let connection = connection.map_err(|found| Failure::no(render_diagnostics(&found)))?;
            let cluster = Cluster::connect(connection, &clients);
            sources.cluster = Some(Arc::new(cluster.map_err(|e| Failure::no(e.to_string()))?));
        }
        let resolver = SecretResolver::new(file, sources, clients);
        let (mut rows, mut missing) = (Vec::new(), 0);
        for (place, reference) in references {
            let (colour, word, why) = match resolver.resolve(&place, reference).await {
                Ok(_) => (Colour::Good, "ok", None),
                Err(error) => {
                    missing += 1;
                    let word = match error.kind {
                        SecretErrorKind::Missing => "missing",
                        SecretErrorKind::Denied => "denied",
                        SecretErrorKind::Unavailable => "unavailable",
                        SecretErrorKind::Malformed => "malformed",
                        SecretErrorKind::NotConfigured => "not configured",
                    };
                    (Colour::Bad, word, Some(error.message))
                }
            };
            let result = match &why {
                Some(why) => format!("{word}: {why}"),
                None => word.to_owned(),
            };
            let shown = reference.to_string();
            rows.push(Row {
                id: place.clone(),
                json: json!({"place": place, "reference": shown, "result": word, "why": why}),
                cells: vec![(Colour::Plain, place), (Colour::Dim, shown), (colour, result)],
            });
        }
        Ok((rows, missing))
    }
}

/// The file, and its warnings as text.
fn load(path: &Path) -> Result<(ProvidersFile, String), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    let source = Source { name: path.display().to_string(), text };
    let (file, warnings) = providers::load(source).map_err(|found| {
        let rendered = render_diagnostics(&found);
        Failure::no(format!("{} cannot be used\n{}", path.display(), rendered.trim_end()))
    })?;
    Ok((file, render_diagnostics(&warnings).trim_end().to_owned()))
}

/// Every reference and the record it stands at. Values that are written down need no look.
fn listed(file: &ProvidersFile) -> Vec<(String, &Reference)> {
    let mut all: Vec<(String, &Reference)> = Vec::new();
    for (name, named) in &file.secrets {
        all.push((format!("secrets.{name}"), &named.reference));
    }
    for instance in file.instances.iter().filter(|instance| !instance.disabled) {
        for (name, setting) in &instance.settings {
            setting.references(&mut |at, reference, _| {
                all.push((format!("{}.{name}{at}", instance.name), reference));
            });
        }
    }
    all.retain(|(_, reference)| !reference.is_literal());
    all
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        let exit = if matches!(error, SealError::Key(_)) { Exit::Usage } else { Exit::No };
        Self::new(exit, error.to_string())
    }
}
