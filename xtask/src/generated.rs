//! Files derived from code, committed and checked for drift.

use anyhow::Result;

use crate::process;

/// Path, and which program with which words prints it.
const FILES: &[(&str, &str, &[&str])] = &[
    ("openapi/bongsu.json", "examples/openapi", &[]),
    ("docs/cli.md", "bongsu", &["__docs"]),
    ("docs/provider.schema.json", "bongsu", &["provider", "schema"]),
];

fn render(program: &str, words: &[&str]) -> Result<String> {
    process::output(&process::built(program)?, words)
}

/// Writes all of them.
pub(crate) fn write() -> Result<()> {
    process::build()?;
    for (path, program, words) in FILES {
        let path = process::root().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, render(program, words)?)?;
    }
    Ok(())
}

/// Reports those that differ from what the code says now.
pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    process::build()?;
    for (path, program, words) in FILES {
        let committed = std::fs::read_to_string(process::root().join(path)).unwrap_or_default();
        if committed != render(program, words)? {
            faults.push(format!("{path} is stale: run cargo xtask codegen"));
        }
    }
    Ok(())
}
