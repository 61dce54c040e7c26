//! `amtool config routes`.

use std::path::Path;
use std::process::ExitCode;

use bongsu_config::alertmanager::{self, Config};
use bongsu_lang::matcher::parse_one;
use bongsu_model::{Labels, MatchOp, Source};

use super::Call;
use crate::{output, routing};

/// `config routes show`.
pub(super) fn show(call: &Call) -> Result<(), String> {
    let config = config(call)?;
    output::print(&format!("Routing tree:\n{}\n", routing::draw(&routing::tree(&config))));
    Ok(())
}

/// `config routes test`.
pub(super) fn test(call: &Call) -> Result<ExitCode, String> {
    let tree = routing::tree(&config(call)?);
    let labels = labels(call)?;
    let mut out = String::new();
    if call.parsed.switch("tree") {
        out = format!("Matching routes:\n{}\n\n", routing::draw_taken(&tree, &labels));
    }
    let receivers = routing::receivers(&tree, &labels).join(",");
    out.push_str(&format!("{receivers}\n"));
    let expected = call.parsed.text("verify.receivers");
    let same = expected.is_empty() || expected == receivers;
    if !same {
        out.push_str("WARNING: Expected receivers did not match resolved receivers.\n");
    }
    output::print(&out);
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn labels(call: &Call) -> Result<Labels, String> {
    let mut pairs = Vec::new();
    for word in &call.parsed.arguments {
        let matcher =
            parse_one(word, call.mode).map_err(|e| format!("Failed to parse labels: {e}"))?;
        if matcher.op() != MatchOp::Equal {
            let why = "labels must be specified as key=value pairs";
            return Err(format!("Failed to parse labels: {why}"));
        }
        pairs.push((matcher.name().to_owned(), matcher.value().to_owned()));
    }
    Ok(Labels::from_pairs(pairs))
}

/// The configuration of the file named, else of the server.
fn config(call: &Call) -> Result<Config, String> {
    let file = call.parsed.text("config.file");
    let (source, base) = if file.is_empty() {
        let status = call.client()?.status().map_err(|e| e.to_string())?;
        let text = status.item.config.original;
        (Source { name: "configuration of the server".into(), text }, None)
    } else {
        if !call.parsed.text("alertmanager.url").is_empty() {
            eprintln!("Warning: --config.file flag overrides the --alertmanager.url.");
        }
        let text = std::fs::read_to_string(file).map_err(|e| format!("open {file}: {e}"))?;
        (Source { name: file.to_owned(), text }, Path::new(file).parent())
    };
    match alertmanager::load(source, base, call.mode) {
        Ok((config, _)) => Ok(config),
        Err(mistakes) => Err(mistakes.into_iter().next().map(|m| m.message).unwrap_or_default()),
    }
}
