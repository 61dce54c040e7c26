//! Base and overlays as kustomize lays them out: `kustomization.yaml` names resources and patches.
//!
//! In: a folder, a function that reads files. Out: the groups of all resources with the patches of
//! every level applied. A patch is a part of a `PrometheusRule` (found by the names of group and
//! rule, not by position) or a `RuleOverlay`.

use std::sync::Arc;

use bongsu_lang::yaml::{self, Kind, Node};
use bongsu_model::{Diagnostic, Source};

use super::overlay::{Patch, apply, read_strategic};
use super::reader::Reader;
use super::{COST, Loaded, Options, items, read};
use crate::codes;

/// Folders inside folders.
const MOST_LEVELS: usize = 16;
/// Files read for one folder.
const MOST_FILES: usize = 2000;

/// Reads a file by its path.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Loads the folder `path`, or the file if it is one.
///
/// # Errors
/// Every mistake of the files that could be read.
pub fn load(path: &str, read_file: ReadFile<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let mut loading = Loading { read_file, files: 0, found: Vec::new() };
    let loaded = loading.resource(&normalized("", path), None, 0);
    if loading.found.iter().any(Diagnostic::is_error) { Err(loading.found) } else { Ok(loaded) }
}

struct Loading<'a> {
    read_file: ReadFile<'a>,
    files: usize,
    found: Vec<Diagnostic>,
}

impl Loading<'_> {
    /// `by` is the file that names the path and the node it does so at.
    fn source(&mut self, path: &str, by: Option<(&Reader, &Node)>) -> Option<Arc<Source>> {
        self.files += 1;
        let text = if self.files > MOST_FILES {
            Err(format!("more than {MOST_FILES} files"))
        } else {
            (self.read_file)(path)
        };
        match text {
            Ok(text) => Some(Arc::new(Source { name: path.to_owned(), text })),
            Err(message) => {
                let place = by.map(|(reader, node)| reader.place(node));
                let message = format!("{path}: {message}");
                self.found.push(Diagnostic::error(codes::DOCUMENT, message).at(place));
                None
            }
        }
    }

    fn resource(&mut self, path: &str, by: Option<(&Reader, &Node)>, level: usize) -> Loaded {
        if !path.ends_with(".yaml") && !path.ends_with(".yml") {
            return self.folder(path, by, level);
        }
        let Some(source) = self.source(path, by) else { return Loaded::default() };
        self.rules(&source)
    }

    fn rules(&mut self, source: &Arc<Source>) -> Loaded {
        match read(source, &Options::default()) {
            Ok(loaded) => loaded,
            Err(found) => {
                // Among resources there may be anything.
                let others = found.iter().all(|finding| finding.code == codes::DOCUMENT);
                if !others {
                    self.found.extend(found);
                }
                Loaded::default()
            }
        }
    }

    fn folder(&mut self, path: &str, by: Option<(&Reader, &Node)>, level: usize) -> Loaded {
        let mut loaded = Loaded::default();
        if level > MOST_LEVELS {
            let place = by.map(|(reader, node)| reader.place(node));
            let finding = Diagnostic::error(codes::DOCUMENT, "folders name each other");
            self.found.push(finding.at(place));
            return loaded;
        }
        let file = normalized(path, "kustomization.yaml");
        let Some(source) = self.source(&file, by) else { return loaded };
        let reader = Reader::new(Arc::clone(&source), true);
        let document = match yaml::parse(&source.text, &COST) {
            Ok(Some(document)) => document,
            Ok(None) => return loaded,
            Err(error) => {
                self.found.push(reader.syntax(&error));
                return loaded;
            }
        };
        let mut reader = reader;
        for key in ["bases", "resources"] {
            for item in list(&document, key, &mut reader) {
                let Some(name) = item.text() else { continue };
                let path = normalized(path, name);
                let part = self.resource(&path, Some((&reader, &item)), level + 1);
                loaded.groups.extend(part.groups);
                loaded.patches.extend(part.patches);
                loaded.warnings.extend(part.warnings);
            }
        }
        let mut patches = std::mem::take(&mut loaded.patches);
        for key in ["patchesStrategicMerge", "patches"] {
            for item in list(&document, key, &mut reader) {
                patches.extend(self.patches(path, &item, &reader));
            }
        }
        if let Some(node) = document.get("patchesJson6902") {
            self.by_position(&reader, node);
        }
        match apply(loaded.groups, &patches) {
            Ok(overlaid) => Loaded { groups: overlaid.groups, ..loaded },
            Err(found) => {
                self.found.extend(found);
                Loaded { groups: Vec::new(), ..loaded }
            }
        }
    }

    /// A path, a text, or a mapping with one of them.
    fn patches(&mut self, folder: &str, item: &Arc<Node>, reader: &Reader) -> Vec<Patch> {
        let part = |key: &str| item.get(key).and_then(|node| node.text());
        let (path, inline) = match (item.text(), part("path"), part("patch")) {
            (Some(text), ..) if text.contains('\n') => (None, Some(text)),
            (Some(text), ..) => (Some(text), None),
            (None, path, inline) => (path, inline),
        };
        let source = match (path, inline) {
            (Some(path), _) => self.source(&normalized(folder, path), Some((reader, item))),
            (None, Some(text)) => {
                let name = reader.file().to_owned();
                Some(Arc::new(Source { name, text: text.to_owned() }))
            }
            (None, None) => None,
        };
        let Some(source) = source else { return Vec::new() };
        let Ok(Some(document)) = yaml::parse(&source.text, &COST) else { return Vec::new() };
        if matches!(document.kind, Kind::Sequence(_)) {
            self.by_position(reader, item);
            return Vec::new();
        }
        let read = match document.get("kind").and_then(|kind| kind.text()) {
            Some("PrometheusRule") => read_strategic(&source),
            None | Some("RuleOverlay") => {
                super::read(&source, &Options::default()).map(|loaded| loaded.patches)
            }
            // A patch of something else.
            Some(_) => Ok(Vec::new()),
        };
        read.unwrap_or_else(|found| {
            self.found.extend(found);
            Vec::new()
        })
    }

    fn by_position(&mut self, reader: &Reader, node: &Node) {
        let finding = Diagnostic::error(
            codes::PATCH,
            "a JSON patch finds rules by position, which changes with the base",
        );
        let finding = finding.at(Some(reader.place(node)));
        self.found.push(finding.help("write a part of the PrometheusRule, or a RuleOverlay"));
    }
}

fn list(document: &Node, key: &str, reader: &mut Reader) -> Vec<Arc<Node>> {
    document.get(key).map(|node| items(node, reader).to_vec()).unwrap_or_default()
}

/// `name` seen from `folder`, without `.` and `..` where they can be resolved.
fn normalized(folder: &str, name: &str) -> String {
    let joined = if name.starts_with('/') || folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::rule::RuleKind;

    #[test]
    fn base_and_overlay() {
        let files = BTreeMap::from([
            ("base/kustomization.yaml", "resources: [rules.yaml, deployment.yaml]\n"),
            ("base/deployment.yaml", "kind: Deployment\nspec: {}\n"),
            (
                "base/rules.yaml",
                "kind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [\
                 {alert: A, expr: x > 5, for: 5m, labels: {severity: P2}}, {alert: B, expr: y}]}]}\n",
            ),
            (
                "overlays/prod/kustomization.yaml",
                "resources: [../../base]\nnamespace: prod\npatches:\n- path: stricter.yaml\n- patch: |-\n    patches: [{match: {alert: B}, set: {enabled: false}}]\n",
            ),
            (
                "overlays/prod/stricter.yaml",
                "kind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [\
                 {alert: A, for: 1m, threshold: 3, labels: {severity: P1}}]}]}\n",
            ),
            (
                "overlays/bad/kustomization.yaml",
                "resources: [../../base, nope.yaml]\npatches: [{patch: \"[{op: remove, path: /x}]\"}]\n",
            ),
            ("loop/kustomization.yaml", "resources: [../loop]\n"),
        ]);
        let read_file = |path: &str| {
            files.get(path).map(|text| (*text).to_owned()).ok_or("not there".to_owned())
        };
        let loaded = load("overlays/prod", &read_file).unwrap();
        let [a, b] = &*loaded.groups[0].rules else { panic!("two rules") };
        assert_eq!((&*a.expr, &*a.labels["severity"]), ("x > 3", "P1"));
        assert!(
            matches!(a.kind, RuleKind::Alerting { hold, .. } if hold == Duration::from_secs(60))
        );
        assert!(b.policy.disabled);
        let found = load("./overlays/bad/", &read_file).unwrap_err();
        let found: Vec<_> = found.iter().map(Diagnostic::on_one_line).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(load("loop", &read_file).is_err());
    }
}
