//! Benchmarks against peers: same machine, same load, in turn.

use anyhow::{Result, bail};

use crate::{peers, process};

/// `bench alertmanager|intake|rules|workflow [--quick]`
pub(crate) fn run(words: &[String]) -> Result<()> {
    let Some((name, rest)) = words.split_first() else {
        bail!("which benchmark? known: alertmanager, intake, rules, workflow")
    };
    match name.as_str() {
        "alertmanager" | "intake" | "rules" => peers::install()?,
        // Without a peer.
        "workflow" => {}
        _ => bail!("unknown benchmark {name}: known are alertmanager, intake, rules, workflow"),
    }
    // What is measured is what is shipped.
    process::cargo(&["build", "--profile", "dist", "-p", "bongsu", "-p", "bongsu-bench"])?;
    let mut arguments =
        vec!["run", "--quiet", "--profile", "dist", "-p", "bongsu-bench", "--", name.as_str()];
    arguments.extend(rest.iter().map(String::as_str));
    process::cargo(&arguments)
}
