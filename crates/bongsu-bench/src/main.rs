//! Measures the product and its peer in turn, under the same load, on the same machine.
//!
//! `bongsu-bench alertmanager|intake|rules|workflow [--quick] [--only TEXT]`. In: the release binary of
//! bongsu beside this one, Debian's `prometheus-alertmanager` and `prometheus` on the path. Out: a
//! table with ratios, on standard output and in `benches/results/NAME.{md,json}`. Workflows are
//! measured without a peer; with `--alone` the intake is, and nothing is written.

mod http;
mod intake;
mod load;
mod report;
mod rules;
mod scenario;
mod server;
mod stub;
mod workflow;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    let only = words.iter().position(|w| w == "--only").and_then(|at| words.get(at + 1)).cloned();
    match words.first().map(String::as_str) {
        Some("alertmanager") => scenario::run(quick, only.as_deref()),
        Some("intake") => {
            let alone = words.iter().any(|word| word == "--alone");
            let rows = intake::run(quick, only.as_deref(), alone)?;
            let peer = "alertmanager";
            if alone {
                report::print(peer, &rows);
                return Ok(());
            }
            report::publish("intake", peer, &rows, &scenario::machine(intake::ROUNDS))
        }
        Some("workflow") => {
            let rows = workflow::run(quick, only.as_deref())?;
            report::publish("workflow", "", &rows, &workflow::machine())
        }
        Some("rules") => {
            let rows = rules::run(quick, only.as_deref())?;
            report::publish("rules", "prometheus", &rows, &rules::machine())
        }
        other => {
            bail!("which benchmark? known: alertmanager, intake, rules, workflow (not {other:?})")
        }
    }
}
