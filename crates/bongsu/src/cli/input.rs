//! Input shared by several commands: matchers, times, confirmation.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use bongsu_lang::{Mode, duration};
use bongsu_model::{Matcher, Time};
use jiff::Timestamp;

use super::Failure;
use crate::amtool::words;

/// The text of a file; of standard input if it is `-`.
pub(super) fn file_or_stdin(path: &str) -> Result<String, Failure> {
    let read = match path {
        "-" => std::io::read_to_string(std::io::stdin()),
        path => std::fs::read_to_string(path),
    };
    read.map_err(|error| Failure::usage(format!("cannot read {path}: {error}")))
}

/// Parses matchers; a first word that is no matcher is the value of `alertname`.
pub(super) fn matchers(words: &[String]) -> Result<Vec<Matcher>, Failure> {
    words::matchers(words, Mode::Fallback).map_err(|message| {
        Failure::usage(message).hint("matchers are explained by: bongsu help matchers")
    })
}

/// The `filter` parameters of a list.
pub(super) fn filters(words: &[String]) -> Result<Vec<String>, Failure> {
    Ok(matchers(words)?.iter().map(ToString::to_string).collect())
}

/// A Prometheus duration (`2h30m`, `1d`).
pub(super) fn length(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        Duration::ZERO => Err("must be greater than 0".into()),
        length => Ok(length),
    }
}

/// RFC 3339, or a duration from now (`+2h`, `-10m`).
pub(super) fn instant(text: &str) -> Result<Time, String> {
    let now = Timestamp::now();
    let moved = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(ahead), _) => now.checked_add(duration::parse(ahead)?),
        (None, Some(ago)) => now.checked_sub(duration::parse(ago)?),
        (None, None) if text == "now" => Ok(now),
        (None, None) => {
            return Time::parse_rfc3339(text).ok_or_else(|| {
                "write RFC 3339 (2026-11-21T10:00:00Z) or a distance (+2h, -10m)".into()
            });
        }
    };
    moved.map(Time::from).map_err(|e| e.to_string())
}

/// An instant in the past: RFC 3339, or how long ago (`7d`, `-10m`).
pub(super) fn past(text: &str) -> Result<Time, String> {
    match duration::parse(text) {
        Ok(_) => instant(&format!("-{text}")),
        Err(_) => instant(text),
    }
}

/// This instant.
pub(super) fn now() -> Time {
    Timestamp::now().into()
}

/// Asks before something is done to several things. Elsewhere than on a terminal `yes` decides.
pub(super) fn confirm(question: &str, sample: &[String], yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question}: not asked, there is no terminal"))
            .hint("add --yes to go on, or --dry-run to look first"));
    }
    for line in sample.iter().take(5) {
        eprintln!("  {line}");
    }
    if sample.len() > 5 {
        eprintln!("  … and {} more", sample.len() - 5);
    }
    eprint!("{question}? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    // Without an answer nothing is done.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::no("nothing was changed")),
    }
}
