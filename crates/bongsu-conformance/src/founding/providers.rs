//! `founding-providers`: the instances and the Vault block of the founding documents.
//!
//! A file passes if it loads without a finding and every reference in its text is one in what was
//! loaded.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bongsu_config::providers::load;
use bongsu_config::secret::Reference;
use bongsu_model::{Source, render_diagnostics};

use crate::report::Report;

/// Runs `providers/*.yaml` and `config/vault.yaml` of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let listed = fs::read_dir(folder.join("providers"))?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = listed.iter().map(fs::DirEntry::path).collect();
    paths.push(folder.join("config/vault.yaml"));
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
        let shown = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        if report.wants(&shown, "loads") {
            report.add(&shown, "loads", judge(&shown, text).into());
        }
    }
    Ok(())
}

fn judge(name: &str, text: String) -> Result<(), String> {
    let live = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let written: usize =
        live.map(|line| line.matches("{{ env.").count() + line.matches("\"vault:").count()).sum();
    let source = Source { name: name.to_owned(), text };
    let (file, warnings) = load(source).map_err(|found| render_diagnostics(&found))?;
    if !warnings.is_empty() {
        return Err(render_diagnostics(&warnings));
    }
    let named = file.secrets.values().map(|named| &named.reference);
    let mut references: Vec<&Reference> = named.collect();
    for instance in &file.instances {
        for setting in instance.settings.values() {
            setting.references(&mut |_, reference, _| references.push(reference));
        }
    }
    references.retain(|reference| !reference.is_literal());
    match references.len() {
        0 => Err("no reference was found".to_owned()),
        found if found == written => Ok(()),
        found => Err(format!("{found} references, wanted {written}")),
    }
}
