//! `bongsu import`: configurations as other tools pack them.

mod templates;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bongsu_config::alertmanager;
use bongsu_config::import::{Imported, import};
use bongsu_lang::Mode;
use bongsu_model::{Source, render_diagnostics};
use clap::{Args, Subcommand};

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output;
use templates::{is_template, point_at_templates};

/// What to import.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// An Alertmanager configuration: plain, in a Secret or ConfigMap, in Helm values, a fragment.
    Alertmanager(AlertmanagerArguments),
}

/// From where to where.
#[derive(Debug, Args)]
#[command(
    before_help = "  kubectl get secret alertmanager-main -o yaml | bongsu import alertmanager - --out config\n  \
                         bongsu import alertmanager values.yaml --out config"
)]
pub(crate) struct AlertmanagerArguments {
    /// File to read; - is standard input.
    file: String,
    /// Directory to write alertmanager.yml and templates to; without it the configuration is
    /// printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
    /// Say what would be written, write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl ImportCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Alertmanager(arguments) => arguments.run(global),
        }
    }
}

impl AlertmanagerArguments {
    fn run(&self, global: &Global) -> Outcome {
        let text = match self.file.as_str() {
            "-" => std::io::read_to_string(std::io::stdin()),
            path => fs::read_to_string(path),
        };
        let text = text.map_err(|e| Failure::usage(format!("cannot read {}: {e}", self.file)))?;
        let source = Source { name: self.file.clone(), text };
        let mut found = import(source).map_err(|mistakes| {
            eprint!("{}", render_diagnostics(&mistakes));
            Failure::no(format!("nothing was taken from {}", self.file))
        })?;
        global.say(&format!("found {}", found.origin));
        if !found.report.is_empty() && !global.quiet {
            eprint!("{}", render_diagnostics(&found.report));
        }
        found.templates.retain(|(name, _)| {
            let kept = is_template(name);
            if !kept {
                global.say(&format!("left out {name}: its name is not that of a template"));
            }
            kept
        });
        if !found.templates.is_empty() {
            let (config, done) = point_at_templates(&found.config);
            found.config = config;
            if !done {
                global.say("set templates to templates/*.tmpl by hand");
            }
        }
        match &self.out {
            None => output::print(&found.config),
            Some(directory) => self.write(directory, &found, global)?,
        }
        judge(&found, global)
    }

    fn write(&self, directory: &Path, found: &Imported, global: &Global) -> Result<(), Failure> {
        let mut files = vec![(directory.join("alertmanager.yml"), &found.config)];
        for (name, text) in &found.templates {
            files.push((directory.join("templates").join(name), text));
        }
        if !self.force
            && let Some((file, _)) = files.iter().find(|(file, _)| file.exists())
        {
            let what = format!("{} exists already", file.display());
            return Err(Failure::new(Exit::Conflict, what).hint("add --force to replace it"));
        }
        for (file, text) in files {
            if self.dry_run {
                global.say(&format!("would write {}", file.display()));
                continue;
            }
            write_private(&file, text)
                .map_err(|e| Failure::no(format!("cannot write {}: {e}", file.display())))?;
            global.say(&format!("wrote {}", file.display()));
        }
        Ok(())
    }
}

/// Writes a file that only its owner may read: configurations hold credentials.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(file)?.write_all(text.as_bytes())
}

/// Reports what is wrong with what was found.
fn judge(found: &Imported, global: &Global) -> Outcome {
    let source = Source { name: "alertmanager.yml".to_owned(), text: found.config.clone() };
    match alertmanager::load(source, None, Mode::Fallback) {
        Ok((config, warnings)) => {
            if !warnings.is_empty() && !global.quiet {
                eprintln!("\n{}", render_diagnostics(&warnings));
            }
            global.say(&format!(
                "{} receivers, {} inhibit rules, {} templates",
                config.receivers.len(),
                config.inhibit_rules.len(),
                found.templates.len()
            ));
            Ok(Exit::Done)
        }
        Err(mistakes) => {
            eprint!("{}", render_diagnostics(&mistakes));
            Err(Failure::no("the configuration does not load as it is"))
        }
    }
}
