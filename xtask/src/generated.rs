//! Files derived from code, committed and checked for drift.

use anyhow::Result;

use crate::process;

/// Path, and what cargo runs to print it.
const FILES: &[(&str, &[&str])] = &[
    ("openapi/bongsu.json", &["run", "--quiet", "-p", "bongsu-web", "--example", "openapi"]),
    ("docs/cli.md", &["run", "--quiet", "-p", "bongsu", "--", "__docs"]),
    ("docs/provider.schema.json", &["run", "--quiet", "-p", "bongsu", "--", "provider", "schema"]),
];

fn render(arguments: &[&str]) -> Result<String> {
    process::output("cargo", arguments)
}

/// Writes all of them.
pub(crate) fn write() -> Result<()> {
    for (path, arguments) in FILES {
        let path = process::root().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, render(arguments)?)?;
    }
    Ok(())
}

/// Reports those that differ from what the code says now.
pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    for (path, arguments) in FILES {
        let committed = std::fs::read_to_string(process::root().join(path)).unwrap_or_default();
        if committed != render(arguments)? {
            faults.push(format!("{path} is stale: run cargo xtask codegen"));
        }
    }
    Ok(())
}
