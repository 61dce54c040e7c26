//! The command line of `bongsu`: noun, then verb.
//!
//! In: words and `BONGSU_*` variables. Out: one result on stdout, messages on stderr, a documented
//! exit code. One file per noun below.

mod alert;
mod alert_change;
mod alert_search;
mod alert_story;
mod alert_watch;
mod backup;
mod check;
mod completion;
mod docs;
mod event;
mod failure;
mod global;
mod help;
mod import;
mod input;
mod preset;
mod provider;
mod route;
mod rule;
mod secret;
mod serve;
mod silence;
mod silence_edit;
mod slo;
mod target;
mod topology;
mod workflow;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use failure::{Failure, Outcome};
pub(crate) use global::Global;

use crate::output;
use crate::version;

/// Durable alert routing: a drop-in for Alertmanager that keeps what it knows.
#[derive(Debug, Parser)]
#[command(
    name = "bongsu",
    version = version::VERSION,
    disable_help_subcommand = true,
    subcommand_required = true,
    max_term_width = 100,
    before_help = "  bongsu serve --config alertmanager.yml\n  \
                   bongsu alert ls severity=critical\n  \
                   bongsu silence add instance=db1 -d 2h -c 'disk swap'",
    after_help = "More: bongsu help environment | exit-codes | formatting | matchers"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::ServeArguments>),
    /// Find mistakes and doubtful spots in configuration files.
    Check(check::CheckArguments),
    /// Take over configurations of other tools.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// List, find, send, explain and change alerts.
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Send and look at payloads of providers, and map them again.
    #[command(subcommand)]
    Event(event::EventCommand),
    /// List, make and remove saved searches.
    #[command(subcommand)]
    Preset(preset::PresetCommand),
    /// List, make and end silences.
    #[command(subcommand)]
    Silence(silence::SilenceCommand),
    /// List, import and export services and what they need.
    #[command(subcommand)]
    Topology(topology::TopologyCommand),
    /// List, check, start and explain workflows and their runs.
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
    /// Check, test, compare and replay rules, and look at those of the server.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// List service level objectives, and show what is left of their error budgets.
    #[command(subcommand)]
    Slo(slo::SloCommand),
    /// List what is scraped.
    #[command(subcommand)]
    Target(target::TargetCommand),
    /// Run tests of what is configured.
    #[command(subcommand)]
    Test(TestCommand),
    /// Show, explain and test the routing tree.
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// List the systems whose alerts are understood, and try their mappings.
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    /// Check where secrets are kept, and seal values.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Make, verify and restore copies of the store.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Act as amtool, with its words and output.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Amtool(Words),
    /// Act as the alertmanager server, with its flags.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Alertmanager(Words),
    /// Print a completion script for a shell.
    Completion(completion::CompletionArguments),
    /// Explain a command or a topic.
    Help(help::HelpArguments),
    /// Print versions.
    Version,
    /// Print the reference of all commands as Markdown.
    #[command(name = "__docs", hide = true)]
    Docs,
}

/// What has tests.
#[derive(Debug, Subcommand)]
enum TestCommand {
    /// Unit tests of rules, in promtool's format; the same as `bongsu rule test`.
    Rules(rule::TestRules),
}

/// Words passed on untouched.
#[derive(Debug, clap::Args)]
struct Words {
    /// Passed on as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// The definition of the whole command line.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

/// Parses and runs.
pub(crate) fn run(words: &[String]) -> ExitCode {
    if words.is_empty() {
        output::print(&definition().render_help().to_string());
        return ExitCode::SUCCESS;
    }
    let matches = match definition()
        .try_get_matches_from(std::iter::once("bongsu").chain(words.iter().map(String::as_str)))
    {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to stdout, mistakes to stderr, with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    output::set_up_colour(cli.global.no_color);
    let outcome = match cli.command {
        Command::Serve(arguments) => return arguments.run(),
        Command::Amtool(words) => return crate::amtool::run(&words.words),
        Command::Alertmanager(words) => return crate::server("alertmanager", &words.words),
        Command::Alert(command) => command.run(&cli.global),
        Command::Event(command) => command.run(&cli.global),
        Command::Preset(command) => command.run(&cli.global),
        Command::Silence(command) => command.run(&cli.global),
        Command::Topology(command) => command.run(&cli.global),
        Command::Workflow(command) => command.run(&cli.global),
        Command::Rule(command) => command.run(&cli.global),
        Command::Slo(command) => command.run(&cli.global),
        Command::Target(command) => command.run(&cli.global),
        Command::Test(TestCommand::Rules(arguments)) => arguments.run(&cli.global),
        Command::Route(command) => command.run(&cli.global),
        Command::Check(arguments) => arguments.run(&cli.global),
        Command::Import(command) => command.run(&cli.global),
        Command::Provider(command) => command.run(&cli.global),
        Command::Secret(command) => command.run(&cli.global),
        Command::Backup(command) => command.run(&cli.global),
        Command::Completion(arguments) => arguments.run(),
        Command::Help(arguments) => arguments.run(),
        Command::Version => help::versions(&cli.global),
        Command::Docs => docs::run(),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report();
            failure.exit.into()
        }
    }
}
