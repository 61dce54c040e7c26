//! From files to a loaded configuration: the one place that opens them.
//!
//! In: the path of an `alertmanager.yml`, or of a directory that holds one. Out: the configuration
//! with its templates, or every mistake at its place.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_config::alertmanager::{self, Config};
use bongsu_config::monitoring::{self, Monitoring};
use bongsu_config::scripts::ScriptSettings;
use bongsu_engine::{EnrichmentFiles, RuleFiles};
use bongsu_lang::Mode;
use bongsu_lang::gotmpl::TemplateSet;
use bongsu_model::{Diagnostic, Source};
use bongsu_workflow::rehearse::Cases;

use crate::packs;

/// What runs when nothing is configured: alerts are kept and shown, nobody is told.
const FIRST_RUN: &str =
    "route:\n  receiver: nobody\n  group_by: [alertname]\nreceivers:\n- name: nobody\n";

/// Largest configuration or template file, in bytes.
const LARGEST: u64 = 16 << 20;

/// A configuration, its templates, and how many template files there are.
pub(crate) struct Files {
    pub(crate) config: Config,
    /// Doubtful spots.
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) templates: TemplateSet,
    pub(crate) template_files: Vec<PathBuf>,
}

/// The file meant by a path: itself, or `alertmanager.yml` in the directory.
pub(crate) fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("alertmanager.yml") } else { path.to_owned() }
}

/// Loads a configuration; without a path the one for the first run.
pub(crate) fn load(path: Option<&Path>, mode: Mode) -> Result<Files, Vec<Diagnostic>> {
    let (source, base) = match path {
        None => (Source { name: "(built in)".to_owned(), text: FIRST_RUN.to_owned() }, None),
        Some(path) => {
            let file = file_of(path);
            let text = read(&file).map_err(|diagnostic| vec![diagnostic])?;
            let base = file.parent().map(Path::to_owned).unwrap_or_default();
            (Source { name: file.display().to_string(), text }, Some(base))
        }
    };
    let (config, warnings) = alertmanager::load(source, base.as_deref(), mode)?;
    let mut faults = Vec::new();
    let template_files = expand(&config.templates, &mut faults);
    let templates = templates(&template_files, &mut faults);
    match templates {
        Some(templates) if faults.is_empty() => {
            Ok(Files { config, warnings, templates, template_files })
        }
        _ => Err(faults),
    }
}

/// What stands beside `alertmanager.yml` in a configuration directory about wide alerts: rules of
/// deduplication and enrichment, the topology, maintenance windows, saved searches, and tables
/// (`*.csv`, also in `tables/`) under the names rules use.
pub(crate) fn enrichment(path: Option<&Path>) -> Result<EnrichmentFiles, Vec<Diagnostic>> {
    let mut files = EnrichmentFiles::default();
    let Some(folder) = path.filter(|path| path.is_dir()) else { return Ok(files) };
    let mut faults = Vec::new();
    let mut source = |name: &str| {
        let path = folder.join(name);
        let text = path.is_file().then(|| read(&path))?;
        let text = text.map_err(|fault| faults.push(fault)).ok()?;
        Some(Arc::new(Source { name: path.display().to_string(), text }))
    };
    files.deduplication = source("deduplication.yaml");
    files.enrichment = source("enrichment.yaml");
    files.topology = source("topology.yaml");
    files.maintenance = source("maintenance.yaml");
    files.presets = source("presets.yaml");
    let tables =
        ["*.csv", "tables/*.csv"].map(|pattern| folder.join(pattern).display().to_string());
    for path in expand(&tables, &mut faults) {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        match read(&path) {
            Ok(text) => files.tables.push(Arc::new(Source { name, text })),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

/// What `scripts.yaml` of a configuration directory allows scripts; none runs without it.
pub(crate) fn scripts(
    path: Option<&Path>,
) -> Result<(ScriptSettings, Vec<Diagnostic>), Vec<Diagnostic>> {
    let file = path.map(|path| path.join("scripts.yaml")).filter(|path| path.is_file());
    let Some(file) = file else { return Ok(Default::default()) };
    let text = read(&file).map_err(|fault| vec![fault])?;
    bongsu_config::scripts::load(&Arc::new(Source { name: file.display().to_string(), text }))
}

/// What a configuration directory says is measured: `bongsu.yaml`, or else `prometheus.yml`.
pub(crate) fn monitoring(
    path: Option<&Path>,
) -> Result<(Monitoring, Vec<Diagnostic>), Vec<Diagnostic>> {
    let names = ["bongsu.yaml", "bongsu.yml", "prometheus.yml", "prometheus.yaml"];
    let files = path.into_iter().flat_map(|path| names.map(|name| path.join(name)));
    let Some(file) = files.into_iter().find(|file| file.is_file()) else {
        return Ok(Default::default());
    };
    let text = read(&file).map_err(|fault| vec![fault])?;
    let source = Arc::new(Source { name: file.display().to_string(), text });
    let (mut monitoring, warnings) = monitoring::load(&source)?;
    // Files are relative to the file that names them.
    let base = file.parent().unwrap_or(Path::new(""));
    let anchor = |pattern: &mut String| *pattern = base.join(&*pattern).display().to_string();
    monitoring.rule_files.iter_mut().for_each(anchor);
    let anchor_given = |path: &mut String| {
        if !path.is_empty() {
            anchor(path);
        }
    };
    for job in &mut monitoring.scrape_configs {
        job.file_sd_configs.iter_mut().flat_map(|list| &mut list.files).for_each(anchor);
        let clusters = job.kubernetes_sd_configs.iter_mut();
        clusters.for_each(|cluster| anchor_given(&mut cluster.kubeconfig_file));
    }
    if let Some(rules) = &mut monitoring.kubernetes_rules {
        anchor_given(&mut rules.kubeconfig_file);
    }
    Ok((monitoring, warnings))
}

/// What rules come from: every YAML file below `rules/` of a configuration directory but tests,
/// those that `rule_files` names, the packs that `rule_packs` names, objectives below `slo/`.
pub(crate) fn rules(
    path: Option<&Path>,
    monitoring: &Monitoring,
) -> Result<RuleFiles, Vec<Diagnostic>> {
    let folder = path.filter(|path| path.is_dir());
    let below = |patterns: &[&str]| -> Vec<String> {
        let joined = |pattern: &&str| folder.map(|f| f.join(pattern).display().to_string());
        patterns.iter().filter_map(joined).collect()
    };
    let mut patterns = below(&["rules/**/*.yaml", "rules/**/*.yml", "rules/**/*.rules"]);
    patterns.extend(monitoring.rule_files.iter().cloned());
    let mut faults = Vec::new();
    let mut rules = read_all(&patterns, &mut faults);
    rules.retain(|file| !bongsu_rules::unit_test::is_meant(&file.text));
    match monitoring.packs(packs::names()) {
        Ok(names) => rules.extend(names.into_iter().filter_map(packs::rules)),
        Err(unknown) => faults.extend(unknown),
    }
    let slos = read_all(&below(&["slo/**/*.yaml", "slo/**/*.yml"]), &mut faults);
    if faults.is_empty() {
        Ok(RuleFiles { rules, slos, ..RuleFiles::default() })
    } else {
        Err(faults)
    }
}

/// The files that patterns name, in order; one that two of them name is one file.
fn read_all(patterns: &[String], faults: &mut Vec<Diagnostic>) -> Vec<Source> {
    let mut paths = expand(patterns, faults);
    let mut seen = HashSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    let mut files = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(text) => files.push(Source { name: path.display().to_string(), text }),
            Err(fault) => faults.push(fault),
        }
    }
    files
}

/// Workflows of a configuration directory: every YAML file below `workflows/` but their tests.
pub(crate) fn workflows(path: Option<&Path>) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let Some(folder) = path.filter(|path| path.is_dir()) else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    let patterns = ["workflows/**/*.yaml", "workflows/**/*.yml"];
    let patterns = patterns.map(|pattern| folder.join(pattern).display().to_string());
    let mut files = Vec::new();
    for path in expand(&patterns, &mut faults) {
        match read(&path) {
            Ok(text) => {
                let name = path.display().to_string();
                if !Cases::is_meant(&name, &text) {
                    files.push(Source { name, text });
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

/// The files a list of patterns names, in order; a pattern that matches nothing is fine.
pub(crate) fn expand(patterns: &[String], faults: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for pattern in patterns {
        match glob::glob(pattern) {
            Ok(found) => files.extend(found.flatten()),
            Err(error) => faults.push(Diagnostic::error(
                "BS5002",
                format!("templates: {pattern:?} is no file pattern: {error}"),
            )),
        }
    }
    files
}

/// The built-in templates and the given files on top.
pub(crate) fn templates(files: &[PathBuf], faults: &mut Vec<Diagnostic>) -> Option<TemplateSet> {
    let mut set = match bongsu_notify::templates::default_templates() {
        Ok(set) => set,
        Err(error) => {
            faults.push(Diagnostic::error("BS5003", format!("built-in templates: {error}")));
            return None;
        }
    };
    for file in files {
        let text = match read(file) {
            Ok(text) => text,
            Err(diagnostic) => {
                faults.push(diagnostic);
                continue;
            }
        };
        if let Err(error) = set.add_file(&file.display().to_string(), &text) {
            faults.push(Diagnostic::error("BS5003", format!("failed to parse templates: {error}")));
        }
    }
    Some(set)
}

pub(crate) fn read(file: &Path) -> Result<String, Diagnostic> {
    let refuse =
        |why: String| Diagnostic::error("BS5001", format!("open {}: {why}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| refuse(plain(&error)))?.len();
    if size > LARGEST {
        return Err(refuse(format!("{size} bytes, more than the {LARGEST} allowed")));
    }
    std::fs::read_to_string(file).map_err(|error| refuse(plain(&error)))
}

/// The operating system's words without Rust's number behind them.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}
