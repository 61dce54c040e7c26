//! Process life of the server.

use std::process::ExitCode;

use crate::serve_options::ServeOptions;

/// Runs the server until it is told to stop.
pub(crate) fn run(options: &ServeOptions) -> ExitCode {
    eprintln!("bongsu: serve is not available in this build: {options:?}");
    ExitCode::FAILURE
}
