//! SLO files: Sloth's inputs against the rules Sloth made of them, text for text; Pyrra's and
//! OpenSLO's examples must be read, and what is made of them must parse.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bongsu_lang::yaml::{self, Limits, Node};
use bongsu_model::{Source, render_diagnostics};
use bongsu_rules::slo::{self, Like, Options, Slos};
use bongsu_rules::{Group, Rule, RuleKind};

use crate::report::Report;

/// Judges `input` with `expected`, and the folders of inputs alone.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let windows = catalogue(&folder.join("windows"), report)?;
    for path in files(&folder.join("input"))? {
        let case = name(&path);
        if report.wants("slo/input", &case) {
            let expected = folder.join("expected").join(&case);
            let verdict = pair(&path, &expected)?;
            report.add("slo/input", &case, verdict.into());
        }
    }
    for format in ["pyrra", "openslo"] {
        let suite = format!("slo/{format}");
        for path in files(&folder.join(format))? {
            let case = name(&path);
            if report.wants(&suite, &case) {
                let options = Options { windows: windows.clone(), ..Options::default() };
                let verdict = load(&path, &options).and_then(|slos| {
                    let rules = slos.groups.iter().flat_map(|group| &group.rules);
                    if slos.groups.is_empty() {
                        return Err("no groups".to_owned());
                    }
                    rules.into_iter().try_for_each(parses)
                });
                report.add(&suite, &case, verdict.into());
            }
        }
    }
    Ok(())
}

/// Every file of alert windows is a case too.
fn catalogue(folder: &Path, report: &mut Report) -> Result<Vec<slo::AlertWindows>> {
    let mut known: Vec<slo::AlertWindows> = Vec::new();
    for path in files(folder)? {
        let read = load(&path, &Options::default()).and_then(|slos| {
            let [windows] = slos.windows.as_slice() else {
                return Err(format!("{} catalogues", slos.windows.len()));
            };
            Ok(windows.clone())
        });
        let verdict = read.map(|windows| {
            if known.iter().all(|other| other.period != windows.period) {
                known.push(windows);
            }
        });
        let case = name(&path);
        if report.wants("slo/windows", &case) {
            report.add("slo/windows", &case, verdict.into());
        }
    }
    Ok(known)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn load(path: &Path, options: &Options) -> Result<Slos, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let source = Source { name: name(path), text };
    slo::load(source, options).map(|(slos, _)| slos).map_err(|found| render_diagnostics(&found))
}

fn parses(rule: &Rule) -> Result<(), String> {
    bongsu_promql::parse(&rule.expr).map(|_| ()).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(|m| m.render(&rule.expr)).collect();
        format!("{}: {}: {}", rule.name, rule.expr, mistakes.join("; "))
    })
}

/// The labels Sloth was told to add when the expected files were made, and its version.
fn options_of(expected: &[BTreeMap<String, String>]) -> Options {
    let mut options = Options { like: Like::Sloth, ..Options::default() };
    let info = expected.iter().find(|labels| labels.contains_key("sloth_version"));
    if let Some(info) = info {
        options.version.clone_from(&info["sloth_version"]);
        if let Some(cmd) = info.get("cmd") {
            options.labels.insert("cmd".to_owned(), cmd.clone());
        }
    }
    options
}

/// The rules of one input, in order, against the expected ones.
fn pair(input: &Path, expected: &Path) -> Result<Result<(), String>> {
    let text = std::fs::read_to_string(expected)
        .with_context(|| format!("read {}", expected.display()))?;
    let documents = yaml::parse_all(&text, &Limits::default())?;
    let mut wanted = Vec::new();
    for document in documents.iter().filter(|node| !node.is_null()) {
        let groups = document.get("groups").or_else(|| document.get("spec")?.get("groups"));
        let groups = groups.context("no groups in the expected file")?;
        wanted.extend(items(groups).iter().map(|group| Wanted::of(group)));
    }
    let labels: Vec<_> =
        wanted.iter().flat_map(|group| group.rules.iter().map(|rule| rule.2.clone())).collect();
    Ok(load(input, &options_of(&labels)).and_then(|slos| compare(&slos.groups, &wanted)))
}

/// A group as printed: rules are name, expression, labels, annotations.
struct Wanted {
    name: String,
    interval: Option<String>,
    rules: Vec<Printed>,
}

type Printed = (String, String, BTreeMap<String, String>, BTreeMap<String, String>);

impl Wanted {
    fn of(node: &Node) -> Self {
        let rules = node.get("rules").map(|rules| items(rules)).unwrap_or_default();
        Self {
            name: text(node, "name"),
            interval: node.get("interval").and_then(|node| node.text()).map(str::to_owned),
            rules: rules
                .iter()
                .map(|rule| {
                    let key = if rule.get("alert").is_some() { "alert" } else { "record" };
                    let name = format!("{key} {}", text(rule, key));
                    (name, text(rule, "expr"), pairs(rule, "labels"), pairs(rule, "annotations"))
                })
                .collect(),
        }
    }
}

fn items(node: &Node) -> &[std::sync::Arc<Node>] {
    match &node.kind {
        yaml::Kind::Sequence(items) => items,
        _ => &[],
    }
}

fn text(node: &Node, key: &str) -> String {
    node.get(key).and_then(|node| node.text()).unwrap_or_default().to_owned()
}

fn pairs(node: &Node, key: &str) -> BTreeMap<String, String> {
    match node.get(key).map(|node| &node.kind) {
        Some(yaml::Kind::Mapping(entries)) => entries
            .iter()
            .filter_map(|e| Some((e.key.text()?.to_owned(), e.value.text()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn printed(rule: &Rule) -> Printed {
    match &rule.kind {
        RuleKind::Recording => (
            format!("record {}", rule.name),
            rule.expr.clone(),
            rule.labels.clone(),
            BTreeMap::new(),
        ),
        RuleKind::Alerting { annotations, .. } => {
            let name = format!("alert {}", rule.name);
            (name, rule.expr.clone(), rule.labels.clone(), annotations.clone())
        }
    }
}

fn compare(made: &[Group], wanted: &[Wanted]) -> Result<(), String> {
    let names = |names: Vec<&str>| names.join(", ");
    let made_names = names(made.iter().map(|group| group.name.as_str()).collect());
    let wanted_names = names(wanted.iter().map(|group| group.name.as_str()).collect());
    if made_names != wanted_names {
        return Err(format!("groups are {made_names}\nwanted {wanted_names}"));
    }
    for (group, wanted) in made.iter().zip(wanted) {
        let interval = group.interval.map(bongsu_lang::duration::print);
        if interval != wanted.interval {
            return Err(format!(
                "{}: interval {interval:?}, wanted {:?}",
                group.name, wanted.interval
            ));
        }
        if group.rules.len() != wanted.rules.len() {
            let (made, wanted) = (group.rules.len(), wanted.rules.len());
            return Err(format!("{}: {made} rules, wanted {wanted}", group.name));
        }
        for (rule, wanted) in group.rules.iter().zip(&wanted.rules) {
            let made = printed(rule);
            if made != *wanted {
                return Err(format!("{}: made {made:#?}\nwanted {wanted:#?}", group.name));
            }
            parses(rule)?;
        }
    }
    Ok(())
}
