//! Calling what a provider can do, from here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml;
use bongsu_model::Secret;
use bongsu_provider::call::{Auth, Call, CallError, CallErrorKind, Step, Token};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::manifest::{Catalogue, Manifest, Operation, OperationKind};
use bongsu_provider::process::ProcessSettings;
use bongsu_provider::{Connector, furnished};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Folders, manifest};
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

/// An instance of a provider, as the command line describes it.
#[derive(Debug, Args)]
struct Instance {
    /// Setting of the instance; may be repeated. Other users of this machine can see it: keep
    /// secrets in a file.
    #[arg(long, value_name = "NAME=VALUE")]
    auth: Vec<String>,
    /// File with settings, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// How long everything may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = input::length)]
    timeout: Duration,
    #[command(flatten)]
    folders: Folders,
}

/// Parameters of a call.
#[derive(Debug, Args)]
struct Parameters {
    /// Parameter of the call; may be repeated. Lists and maps are written as JSON.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// File with parameters, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    param_file: Option<PathBuf>,
    /// Print the requests and send nothing; secrets are shown as ***.
    #[arg(long)]
    dry_run: bool,
}

/// An operation to call.
#[derive(Debug, Args)]
pub(crate) struct CallArguments {
    /// Slug of the provider.
    slug: String,
    /// Name of the operation; without it the provider chooses by settings and parameters.
    operation: Option<String>,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    instance: Instance,
}

/// A call of the usual action.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// Slug of the provider.
    slug: String,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    instance: Instance,
}

/// An instance to test.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Slug of the provider.
    slug: String,
    #[command(flatten)]
    instance: Instance,
}

impl CallArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (manifest, auth) = self.instance.open(&self.slug)?;
        let params = self.parameters.all()?;
        let name = self.operation.as_deref().unwrap_or_default();
        let operation = manifest.operation(name, &auth, &params, jiff::Timestamp::now());
        let operation = operation.map_err(failed)?;
        self.parameters.run(operation, &auth, &params, self.instance.timeout, global)
    }
}

impl SendArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (manifest, auth) = self.instance.open(&self.slug)?;
        let params = self.parameters.all()?;
        let operation = manifest.default_action(&auth, &params, jiff::Timestamp::now());
        let operation = operation.map_err(failed)?;
        self.parameters.run(operation, &auth, &params, self.instance.timeout, global)
    }
}

impl CheckArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (manifest, auth) = self.instance.open(&self.slug)?;
        let now = jiff::Timestamp::now();
        let checks = manifest.checks_of(&auth, now).map_err(failed)?;
        if checks.is_empty() {
            return Err(Failure::no(format!("{} has nothing to check", self.slug)));
        }
        let connector = connector();
        let (mut rows, mut exit) = (Vec::new(), Exit::Done);
        let runtime = runtime()?;
        for check in checks {
            let deadline = self.instance.timeout;
            let answer = runtime.block_on(async {
                let deadline = Instant::now() + deadline;
                connector.call(check, &auth, &Map::new(), now, deadline).await
            });
            let (colour, word, note) = match &answer {
                Ok(_) => (Colour::Good, "ok", check.summary.en.clone()),
                Err(error) => (Colour::Bad, "no", error.to_string()),
            };
            if answer.is_err() {
                exit = Exit::No;
            }
            rows.push(Row {
                id: check.name.clone(),
                cells: vec![
                    (colour, word.to_owned()),
                    (Colour::Plain, check.name.clone()),
                    (Colour::Plain, note),
                ],
                json: json!({
                    "permission": check.name,
                    "ok": answer.is_ok(),
                    "error": answer.err().map(|error| error.to_string()),
                }),
            });
        }
        let listing = Listing { columns: &["OK", "PERMISSION", "NOTE"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(exit)
    }
}

impl Instance {
    fn open(&self, slug: &str) -> Result<(Arc<Manifest>, Auth), Failure> {
        let catalogue: Catalogue = self.folders.catalogue()?;
        let manifest = manifest(&catalogue, slug)?;
        let given = pairs("auth", &self.auth, self.auth_file.as_deref())?;
        let auth = manifest.settings(&given).map_err(failed)?;
        Ok((manifest, auth))
    }
}

impl Parameters {
    fn all(&self) -> Result<Map<String, Value>, Failure> {
        pairs("param", &self.params, self.param_file.as_deref())
    }

    fn run(
        &self,
        operation: &Operation,
        auth: &Auth,
        params: &Map<String, Value>,
        timeout: Duration,
        global: &Global,
    ) -> Outcome {
        let now = jiff::Timestamp::now();
        let params = furnished(operation, params).map_err(failed)?;
        let mut call = operation.prepare(auth, &params, now).map_err(failed)?;
        if self.dry_run {
            return show(&mut call);
        }
        let connector = connector();
        let outcome = runtime()?.block_on(async {
            let deadline = Instant::now() + timeout;
            connector.run(&mut call, now, deadline).await
        });
        let result = outcome.map_err(failed)?.result;
        if operation.kind == OperationKind::Action {
            global.say(&format!("{} is done", operation.name));
        }
        output::print(&format!("{}\n", serde_json::to_string_pretty(&result).unwrap_or_default()));
        Ok(Exit::Done)
    }
}

/// Prints what would be sent. Where a token would be fetched first, that request comes first.
fn show(call: &mut Call<'_>) -> Outcome {
    let wants_token = call.token_key().is_some();
    for at in 0..2 {
        let Step::Send(request) = call.step().map_err(failed)? else { break };
        let request = call.redactor().redact_value(&request.to_json());
        let text = serde_json::to_string_pretty(&request).unwrap_or_default();
        output::print(&format!("{text}\n"));
        if at > 0 || !wants_token {
            break;
        }
        let value = Secret::new("***");
        call.use_token(Token { scheme: "Bearer".to_owned(), value, until: None });
    }
    Ok(Exit::Done)
}

fn connector() -> Connector {
    // What is called here the operator named on the command line.
    let agent = concat!("bongsu/", env!("CARGO_PKG_VERSION"));
    Connector::new(agent, EgressPolicy::open())
        .with_programs(ProcessSettings { enabled: true, ..ProcessSettings::default() })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::no(format!("cannot start: {error}")))
}

/// `name=value` words over the pairs of a file.
fn pairs(flag: &str, words: &[String], file: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let mut all = match file {
        None => Map::new(),
        Some(path) => {
            let place = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {place}: {error}")))?;
            let value = yaml::parse_value(&text, &yaml::Limits::default())
                .map_err(|error| Failure::usage(format!("{place}: {error}")))?;
            match value.to_json() {
                Value::Object(map) => map,
                Value::Null => Map::new(),
                _ => return Err(Failure::usage(format!("{place}: a mapping is wanted"))),
            }
        }
    };
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Failure::usage(format!("--{flag} wants NAME=VALUE")));
        };
        all.insert(name.to_owned(), value.into());
    }
    Ok(all)
}

fn failed(error: CallError) -> Failure {
    let exit = match error.kind {
        CallErrorKind::Settings | CallErrorKind::Params | CallErrorKind::NoOperation => Exit::Usage,
        CallErrorKind::Transport(_) => Exit::Unreachable,
        _ => Exit::No,
    };
    Failure::new(exit, error.message)
}
