//! The `bongsu` program: one binary under several names.
//!
//! In: the name it was started with and its words. Out: the server, or one answer on stdout,
//! everything else on stderr, and a documented exit code.

mod alertmanager;
mod amtool;
mod cli;
mod client;
mod configuration;
mod exit;
mod instances;
mod kingpin;
mod logging;
mod output;
mod packs;
mod routing;
mod serve;
mod serve_options;
mod tabwriter;
mod version;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let started_as = if words.is_empty() { String::new() } else { words.remove(0) };
    let name = started_as.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name).to_owned();
    if name.ends_with("alertmanager") {
        return server(&name, &words);
    }
    if name == "amtool" {
        return amtool::run(&words);
    }
    match words.first().map(String::as_str) {
        Some("amtool") => amtool::run(&words[1..]),
        // What runs scripts of workflows: started by the server.
        Some("__script") => bongsu_runner::inside::main(&words[1..]),
        Some("alertmanager") => server("alertmanager", &words[1..]),
        _ => cli::run(&words),
    }
}

fn server(name: &str, words: &[String]) -> ExitCode {
    match alertmanager::options(name, words) {
        Ok(options) => serve::run(&options),
        Err(code) => code,
    }
}
