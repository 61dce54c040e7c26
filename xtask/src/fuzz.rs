//! Short fuzz runs: coverage-guided, on the stable toolchain, without further tools.
//!
//! In: seconds per target. Out: failure with the input if a target crashes, hangs or grows.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

const TARGETS: &[&str] = &[
    "config",
    "matcher",
    "template",
    "api_alerts",
    "api_silence",
    "journal",
    "manifest",
    "cel",
    "enrich",
    "workflow",
    "promql",
    "rules",
    "remote_write",
    "exposition",
    "otlp",
];

/// Inputs to begin with, where arbitrary bytes would hardly become one.
fn seeds(target: &str) -> Option<&'static str> {
    match target {
        "workflow" => Some("content/workflows"),
        "rules" => Some("content/rules"),
        _ => None,
    }
}

/// What the compiler has to add so that libFuzzer sees coverage.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares";

/// `fuzz [--seconds N] [TARGET]…`
pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut seconds = "20".to_owned();
    let mut targets: Vec<&str> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => seconds = words.next().context("--seconds needs a number")?.clone(),
            name if TARGETS.contains(&name) => targets.push(name),
            name => bail!("unknown target {name}: known are {}", TARGETS.join(", ")),
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    let root = process::root();
    let built = root.join("target/fuzz");
    let triple = host()?;
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--manifest-path", "fuzz/Cargo.toml"])
        // With a target named, build scripts and macros are not instrumented.
        .args(["--target", &triple, "--target-dir"])
        .arg(&built)
        .env("RUSTFLAGS", FLAGS)
        .current_dir(&root)
        .status()?;
    if !status.success() {
        bail!("the fuzz targets do not build");
    }
    for target in targets {
        let corpus = root.join("target/fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        process::say(&format!("fuzzing {target} for {seconds} s"));
        let log = built.join(format!("{target}.log"));
        let status = Command::new(built.join(&triple).join("release").join(target))
            .arg(&corpus)
            .args(seeds(target).map(|folder| root.join(folder)))
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"])
            .current_dir(&built)
            .stderr(std::fs::File::create(&log)?)
            .status()?;
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        if !status.success() {
            let tail: Vec<&str> = text.lines().rev().take(30).collect();
            bail!("{target}: {}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        for line in text.lines().filter(|l| l.starts_with("stat::number_of_executed_units")) {
            process::say(&format!("  {line}"));
        }
    }
    Ok(())
}

fn host() -> Result<String> {
    let text = process::output("rustc", &["-vV"])?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not name its host")?.to_owned())
}
