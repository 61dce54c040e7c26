//! Developer commands: `cargo xtask COMMAND`.
//!
//! Everything CI does is one of these, so that nobody needs CI to know what it will say.

mod bench;
mod fuzz;
mod generated;
mod peers;
mod process;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  up [ARGS…]              build and start the server on its embedded default
  test                    all tests of the workspace, then tidy
  conformance DIR [--suite NAME]… [--filter TEXT] [--json FILE]
                          every case of a fixtures folder against the product
  peers                   tests against Debian's prometheus, amtool, databases, sshd …
  bench NAME [--quick]    alertmanager, intake and rules beside their peers; workflow
  fuzz [--seconds N] [TARGET]…
                          fuzz every parser for a short while
  tidy                    floors, generated files, house rules
  codegen                 write the generated files (OpenAPI, CLI reference)
";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: Vec<String>) -> Result<()> {
    if words.is_empty() {
        process::say(HELP);
        return Ok(());
    }
    let command = words.remove(0);
    match command.as_str() {
        "up" => up(&words),
        "test" => test(),
        "conformance" => {
            // The end-to-end cases drive the real binary.
            process::build()?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            process::run(&process::built("bongsu-conformance")?, &words)
        }
        "peers" => peers::run(),
        "bench" => bench::run(&words),
        "fuzz" => fuzz::run(&words),
        "tidy" => tidy::run(),
        "codegen" => generated::write(),
        "help" | "--help" | "-h" => {
            process::say(HELP);
            Ok(())
        }
        other => bail!("unknown command {other}\n\n{HELP}"),
    }
}

fn up(words: &[String]) -> Result<()> {
    let mut arguments = vec!["run", "--quiet", "--release", "-p", "bongsu", "--", "serve"];
    arguments.extend(words.iter().map(String::as_str));
    process::say("building (a first build takes some minutes) …");
    process::cargo(&arguments)
}

fn test() -> Result<()> {
    process::cargo(&["test", "--workspace"])?;
    tidy::run()
}
