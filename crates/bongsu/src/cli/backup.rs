//! `bongsu backup`: copies of the store of this machine.

use std::path::PathBuf;

use bongsu_store::StoreError;
use bongsu_store::backup::{self, Manifest};
use clap::Subcommand;
use serde_json::json;

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::object;

/// What to do with copies of the store.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy the store; a server may be running on it.
    Create {
        /// File to write.
        file: PathBuf,
        /// Directory of the store.
        #[arg(long, env = "BONGSU_DATA", value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Replace the file if it exists.
        #[arg(long)]
        force: bool,
    },
    /// Check that a copy is complete and readable by this program.
    Verify {
        /// The copy.
        file: PathBuf,
    },
    /// Put a copy in place as the store. No server may be running on it.
    Restore {
        /// The copy.
        file: PathBuf,
        /// Directory of the store.
        #[arg(long, env = "BONGSU_DATA", value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// Set aside a store that is there already.
        #[arg(long)]
        force: bool,
        /// Check the copy only.
        #[arg(long)]
        dry_run: bool,
    },
}

impl BackupCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (manifest, word) = match self {
            Self::Create { file, data, force } => {
                if file.exists() && !force {
                    return Err(Failure::new(
                        Exit::Conflict,
                        format!("{} exists already", file.display()),
                    )
                    .hint("add --force to replace it"));
                }
                (backup::create_from(data, file), "created")
            }
            Self::Verify { file } => (backup::verify(file), "intact"),
            Self::Restore { file, dry_run: true, .. } => {
                (backup::verify(file), "could be restored")
            }
            Self::Restore { file, data, force, .. } => {
                (backup::restore(file, data, *force), "restored")
            }
        };
        let file = match self {
            Self::Create { file, .. } | Self::Verify { file } | Self::Restore { file, .. } => file,
        };
        let manifest = manifest.map_err(failure)?;
        let text = format!("{}: {word}\n{}", file.display(), sheet(&manifest));
        let json = json!({
            "file": file,
            "schema_version": manifest.schema_version,
            "bytes": manifest.bytes,
            "sha256": manifest.sha256,
            "rows": manifest.rows,
        });
        object(&json, global.output, &global.fields, &text, &file.to_string_lossy());
        Ok(Exit::Done)
    }
}

fn sheet(manifest: &Manifest) -> String {
    let rows: Vec<String> =
        manifest.rows.iter().filter(|(_, n)| **n > 0).map(|(t, n)| format!("{t} {n}")).collect();
    let rows = if rows.is_empty() { "none".to_owned() } else { rows.join(", ") };
    format!("  {} bytes, sha256 {}\n  rows: {rows}\n", manifest.bytes, manifest.sha256)
}

fn failure(error: StoreError) -> Failure {
    let exit = match error {
        StoreError::Locked { .. } | StoreError::Busy(_) => Exit::Conflict,
        _ => Exit::No,
    };
    let failure = Failure::new(exit, error.to_string());
    match error {
        StoreError::Locked { .. } => failure.hint("stop the server first"),
        StoreError::Backup { reason, .. } if reason.contains("already holds a store") => {
            Failure { exit: Exit::Conflict, ..failure }
                .hint("add --force to set the present store aside")
        }
        _ => failure,
    }
}
