//! House rules that a machine can check.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{generated, process};

/// Runs every check and reports all that fail.
pub(crate) fn run() -> Result<()> {
    let mut faults = Vec::new();
    floors(&mut faults)?;
    sources(&mut faults)?;
    generated::check(&mut faults)?;
    if faults.is_empty() {
        process::say("tidy: all good");
        return Ok(());
    }
    for fault in &faults {
        process::say(&format!("tidy: {fault}"));
    }
    bail!("{} faults", faults.len());
}

/// The floor of a crate; dev crates may use everything and are used by nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Floor {
    Number(u64),
    Dev,
}

/// A crate imports only from floors below its own; on floor 0 `config → lang → model`.
fn floors(faults: &mut Vec<String>) -> Result<()> {
    let text = process::output("cargo", &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("cargo metadata: no packages")?;
    let mut floor_of = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "xtask" {
            continue;
        }
        match &package["metadata"]["bongsu"]["floor"] {
            Value::Number(number) => {
                floor_of.insert(name, Floor::Number(number.as_u64().unwrap_or_default()));
            }
            Value::String(word) if word == "dev" => {
                floor_of.insert(name, Floor::Dev);
            }
            _ => faults.push(format!("{name}: no [package.metadata.bongsu] floor")),
        }
    }
    const GROUND: [&str; 4] = ["bongsu-model", "bongsu-lang", "bongsu-promql", "bongsu-config"];
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(Floor::Number(own)) = floor_of.get(name).copied() else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"] == "dev";
            let fault = match floor_of.get(other) {
                None => continue,
                Some(Floor::Dev) => !dev,
                Some(Floor::Number(0)) if own == 0 => {
                    let rank = |n: &str| GROUND.iter().position(|g| *g == n);
                    rank(other) >= rank(name)
                }
                Some(Floor::Number(floor)) => *floor >= own && !dev,
            };
            if fault {
                faults.push(format!("{name} (floor {own}) must not import {other}"));
            }
        }
    }
    Ok(())
}

/// Module headers, no absolute paths of somebody's machine, no forgotten marks.
fn sources(faults: &mut Vec<String>) -> Result<()> {
    let root = process::root();
    let mut files = Vec::new();
    walk(&root.join("crates"), &mut files)?;
    walk(&root.join("xtask"), &mut files)?;
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(path)?;
        let shown = path.strip_prefix(&root).unwrap_or(path).display();
        let is_source = path.components().any(|c| c.as_os_str() == "src");
        if is_source && !text.starts_with("//!") {
            faults.push(format!("{shown}: no `//!` header that says what comes in and out"));
        }
        for (at, line) in text.lines().enumerate() {
            let at = at + 1;
            let marks = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME"];
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                faults.push(format!("{shown}:{at}: an open mark"));
            }
            if line.contains(&("/wo".to_owned() + "rk/"))
                || line.contains(&("/ro".to_owned() + "ot/"))
            {
                faults.push(format!("{shown}:{at}: an absolute path of a machine"));
            }
        }
    }
    Ok(())
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "target") {
                continue;
            }
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
