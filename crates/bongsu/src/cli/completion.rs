//! `bongsu completion`.

use clap::Args;

use super::Outcome;
use crate::exit::Exit;
use crate::output;

/// For which shell.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu completion bash > /etc/bash_completion.d/bongsu")]
pub(crate) struct CompletionArguments {
    /// The shell.
    shell: clap_complete::Shell,
}

impl CompletionArguments {
    /// Prints the script.
    pub(super) fn run(&self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::definition(), "bongsu", &mut script);
        output::print(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}
