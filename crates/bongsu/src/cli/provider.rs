//! `bongsu provider`: which systems are known, what they send and can do, and trying it without a server.

mod call;
mod describe;
mod list;
mod new;
mod try_out;

use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::render_diagnostics;
use bongsu_provider::manifest::{Catalogue, Manifest};
use clap::{Args, Subcommand};

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output;

/// What to do with providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// List the systems whose alerts are understood.
    Ls(LsArguments),
    /// List those installed on the server, without their settings.
    Installed,
    /// Show one: what it is, how to set it up, what it can do, which payloads it knows.
    Show(OneProvider),
    /// Print sample payloads.
    Payloads(PayloadsArguments),
    /// Check manifests by their fixtures, or map a payload and print its alerts.
    #[command(before_help = "  bongsu provider test grafana\n  \
                             bongsu provider test grafana --payload body.json -o json\n  \
                             bongsu provider test --providers-dir mine/ door_sensor")]
    Test(TestArguments),
    /// Call an operation and print its result, or only the requests it would make.
    #[command(before_help = "  bongsu provider call slack send --auth-file slack.yml \\\n    \
                             --param channel='#ops' --param message='Disk full' --dry-run")]
    Call(call::CallArguments),
    /// Call the usual action: send a message, open a ticket.
    Send(call::SendArguments),
    /// Test the connection: one line for each permission that is needed.
    Check(call::CheckArguments),
    /// Write the folder of a new provider to start from.
    New(NewArguments),
    /// Print the JSON Schema of manifests, for editors.
    Schema,
}

/// Where providers of one's own are.
#[derive(Debug, Args)]
pub(super) struct Folders {
    /// Directory of further providers, one folder each; may be repeated.
    #[arg(long = "providers-dir", env = "BONGSU_PROVIDERS_DIR", value_name = "DIR")]
    folders: Vec<PathBuf>,
}

/// Which providers to list.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only those whose slug, name, summary or category holds this.
    word: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// One provider.
#[derive(Debug, Args)]
pub(crate) struct OneProvider {
    /// Its slug, as `ls` shows it.
    slug: String,
    #[command(flatten)]
    folders: Folders,
}

/// Sample payloads.
#[derive(Debug, Args)]
pub(crate) struct PayloadsArguments {
    /// Slug of the provider.
    slug: String,
    /// Only the payload of this name, alone, for a pipe into curl.
    name: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// What to try.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Slugs; without any, all providers.
    slugs: Vec<String>,
    /// File with a payload to map instead of the fixtures; - is standard input.
    #[arg(long, value_name = "FILE")]
    payload: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// A provider to begin.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// Its slug: lower case letters, digits and _.
    slug: String,
    /// Directory in which its folder is made.
    #[arg(long, value_name = "DIR", default_value = "providers")]
    dir: PathBuf,
}

impl Folders {
    pub(super) fn catalogue(&self) -> Result<Catalogue, Failure> {
        let mut catalogue = Catalogue::shipped();
        for folder in &self.folders {
            catalogue.add_folder(folder).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", folder.display()))
            })?;
        }
        Ok(catalogue)
    }
}

fn manifest(catalogue: &Catalogue, slug: &str) -> Result<Arc<Manifest>, Failure> {
    match catalogue.get(slug) {
        Some(Ok(manifest)) => Ok(manifest),
        Some(Err(found)) => Err(Failure::no(format!(
            "the manifest of {slug} is wrong\n{}",
            render_diagnostics(&found)
        ))),
        None => {
            Err(Failure::no(format!("no provider {slug}"))
                .hint("list them with: bongsu provider ls"))
        }
    }
}

impl ProviderCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Installed => list::installed(global),
            Self::Show(arguments) => arguments.run(global),
            Self::Payloads(arguments) => arguments.run(),
            Self::Test(arguments) => arguments.run(global),
            Self::Call(arguments) => arguments.run(global),
            Self::Send(arguments) => arguments.run(global),
            Self::Check(arguments) => arguments.run(global),
            Self::New(arguments) => arguments.run(global),
            Self::Schema => {
                let schema = bongsu_provider::manifest::schema();
                let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
                output::print(&format!("{text}\n"));
                Ok(Exit::Done)
            }
        }
    }
}
