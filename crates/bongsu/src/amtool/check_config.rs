//! `amtool check-config`.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use bongsu_config::alertmanager;
use bongsu_model::Source;

use super::Call;
use crate::{configuration, output};

/// Checks each file and says what it holds; fails if any does.
pub(super) fn run(call: &Call) -> Result<ExitCode, String> {
    let mut files = call.parsed.arguments.clone();
    if files.is_empty() {
        if nobody_writes() {
            eprintln!("amtool: error: Failed to read from standard input");
            return Ok(ExitCode::FAILURE);
        }
        files.push("/dev/stdin".to_owned());
    }
    let mut failed = 0;
    for file in &files {
        let (text, ok) = check(call, file);
        output::print(&text);
        failed += usize::from(!ok);
    }
    match failed {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(format!("failed to validate {failed} file(s)")),
    }
}

fn check(call: &Call, file: &str) -> (String, bool) {
    let mut out = format!("Checking '{file}'");
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return (format!("{out}  FAILED: open {file}: {error}\n\n"), false),
    };
    let base = Path::new(file).parent();
    let source = Source { name: file.to_owned(), text };
    // Writing to a String does not fail.
    let config = match alertmanager::load(source, base, call.mode) {
        Ok((config, _)) => config,
        Err(mistakes) => {
            let first = mistakes.first().map(|m| m.message.as_str()).unwrap_or_default();
            let _ = writeln!(out, "  FAILED: {first}\n");
            return (out, false);
        }
    };
    let _ = writeln!(out, "  SUCCESS\nFound:");
    // Defaults are a global configuration too, so there always is one.
    let _ = writeln!(out, " - global config\n - route");
    let _ = writeln!(out, " - {} inhibit rules", config.inhibit_rules.len());
    let _ = writeln!(out, " - {} receivers", config.receivers.len());
    let _ = writeln!(out, " - {} templates", config.templates.len());
    let mut ok = true;
    if !config.templates.is_empty() {
        let mut faults = Vec::new();
        let files = configuration::expand(&config.templates, &mut faults);
        configuration::templates(&files, &mut faults);
        match faults.first() {
            None => out.push_str("  SUCCESS\n"),
            Some(fault) => {
                let _ = writeln!(out, "  FAILED: {}", fault.message);
                ok = false;
            }
        }
    }
    out.push('\n');
    (out, ok)
}

/// Whether standard input is a terminal or the null device rather than a pipe or file.
fn nobody_writes() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        std::fs::metadata("/dev/stdin").is_ok_and(|meta| meta.file_type().is_char_device())
    }
    #[cfg(not(unix))]
    {
        std::io::IsTerminal::is_terminal(&std::io::stdin())
    }
}
