//! What a project expects of its rules, and the file it writes that into.
//!
//! In: `lints.yaml`. Out: a [`Policy`], or every mistake with its place. `docs/lints.md` describes the
//! file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{self, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Source, re2};

use super::catalogue::{LINTS, by_name};
use crate::codes;
use crate::file::{Reader, items};

/// What a file may cost.
const COST: Limits = Limits { bytes: 1 << 20, depth: 20, nodes: 50_000 };
/// Entries of `paths`.
const MOST_PATHS: usize = 200;

/// What a project expects of its rules. The default expects little.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How much findings of a lint matter, by its name; those that are not there matter as usual.
    pub levels: BTreeMap<String, Level>,
    /// What annotations of alerts must be.
    pub annotations: BTreeMap<String, Expected>,
    /// What labels of alerts must be.
    pub labels: BTreeMap<String, Expected>,
    /// Interval of groups that name none.
    pub default_interval: Duration,
    /// How often targets are scraped, if it is the same for all.
    pub scrape_interval: Option<Duration>,
    /// What the default data source is.
    pub dialect: Dialect,
    /// What others are, by name.
    pub datasources: BTreeMap<String, Dialect>,
    /// Names of recording rules that are not in the directory.
    pub known_recordings: BTreeSet<String>,
    /// What is different for files of some paths; all that fit count, later ones win.
    pub paths: Vec<Scoped>,
}

impl Default for Policy {
    fn default() -> Self {
        let required = |name: &str| (name.to_owned(), Expected::required());
        let runbook = Expected { instead: vec!["runbook".to_owned()], ..Expected::required() };
        Self {
            levels: BTreeMap::new(),
            annotations: [required("summary"), ("runbook_url".to_owned(), runbook)].into(),
            labels: [required("severity")].into(),
            default_interval: Duration::from_secs(60),
            scrape_interval: None,
            dialect: Dialect::Prometheus,
            datasources: BTreeMap::new(),
            known_recordings: BTreeSet::new(),
            paths: Vec::new(),
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is not wanted.
    Off,
    /// A warning.
    Warning,
    /// A mistake.
    Error,
}

/// Whose PromQL a data source reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus', or that of one that uses its engine (Thanos, Mimir, Bongsu).
    #[default]
    Prometheus,
    /// VictoriaMetrics' MetricsQL.
    VictoriaMetrics,
}

/// What a label or annotation must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Every alert must have it, or one of [`Expected::instead`].
    pub required: bool,
    /// No alert may have it.
    pub denied: bool,
    /// Others that are as good.
    pub instead: Vec<String>,
    /// The values it may have; empty: any.
    pub values: Vec<String>,
    /// What its value must match.
    pub pattern: Option<Pattern>,
}

impl Expected {
    /// Required, with any value.
    pub fn required() -> Self {
        Self { required: true, ..Self::default() }
    }
}

/// A regular expression that matches whole texts.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: regex::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = re2::compile_anchored(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Of files: `**` is any folders, `*` and `?` stay within one; it may begin at any folder.
    fn of_path(glob: &str) -> Result<Self, String> {
        let mut regex = String::from(if glob.starts_with('/') { "" } else { "(.*/)?" });
        let mut rest = glob.trim_start_matches("./");
        while let Some(c) = rest.chars().next() {
            let (taken, made) = if rest.starts_with("**/") {
                (3, "(.*/)?".to_owned())
            } else if rest.starts_with("**") {
                (2, ".*".to_owned())
            } else {
                let made = match c {
                    '*' => "[^/]*".to_owned(),
                    '?' => "[^/]".to_owned(),
                    other => regex::escape(other.encode_utf8(&mut [0; 4])),
                };
                (c.len_utf8(), made)
            };
            regex.push_str(&made);
            rest = &rest[taken..];
        }
        Ok(Self { text: glob.to_owned(), ..Self::new(&regex)? })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What is different for some files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scoped {
    paths: Vec<Pattern>,
    levels: BTreeMap<String, Level>,
    annotations: BTreeMap<String, Expected>,
    labels: BTreeMap<String, Expected>,
}

impl Policy {
    /// What holds for rules of a file.
    pub(super) fn of_file(&self, file: &str) -> Cow<'_, Self> {
        let fits = |scoped: &&Scoped| scoped.paths.iter().any(|path| path.matches(file));
        let mut policy = Cow::Borrowed(self);
        for scoped in self.paths.iter().filter(fits) {
            let policy = policy.to_mut();
            policy.levels.extend(scoped.levels.clone());
            policy.annotations.extend(scoped.annotations.clone());
            policy.labels.extend(scoped.labels.clone());
        }
        policy
    }

    /// Reads the file. What it says of labels and annotations takes the place of the default.
    ///
    /// # Errors
    /// Every mistake.
    pub fn read(source: &Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        const KEYS: &[&str] = &[
            "lints",
            "annotations",
            "labels",
            "evaluation_interval",
            "scrape_interval",
            "dialect",
            "datasources",
            "known_recordings",
            "paths",
        ];
        let mut reader = Reader::new(Arc::clone(source), false);
        let mut policy = Self::default();
        let document = match yaml::parse(&source.text, &COST) {
            Ok(document) => document,
            Err(error) => return Err(vec![reader.syntax(&error)]),
        };
        if let Some(document) = document {
            reader.fields(&document, "policy", KEYS, |key, value, reader| match key {
                "lints" => policy.levels = levels(value, reader),
                "annotations" => policy.annotations = expected(value, reader),
                "labels" => policy.labels = expected(value, reader),
                "evaluation_interval" => {
                    let known = policy.default_interval;
                    policy.default_interval = reader.duration(value).unwrap_or(known);
                }
                "scrape_interval" => policy.scrape_interval = reader.duration(value),
                "dialect" => policy.dialect = dialect(value, reader),
                "datasources" => {
                    for entry in reader.entries(value) {
                        let name = entry.key.text().unwrap_or_default().to_owned();
                        policy.datasources.insert(name, dialect(&entry.value, reader));
                    }
                }
                "known_recordings" => {
                    policy.known_recordings = reader.texts(value).into_iter().collect();
                }
                _ => policy.paths = paths(value, reader),
            });
        }
        let (errors, _) = reader.finish();
        if errors.is_empty() { Ok(policy) } else { Err(errors) }
    }
}

fn dialect(node: &Node, reader: &mut Reader) -> Dialect {
    const WORDS: &[(&str, Dialect)] =
        &[("prometheus", Dialect::Prometheus), ("victoriametrics", Dialect::VictoriaMetrics)];
    reader.word(node, WORDS).unwrap_or_default()
}

/// `recording-name: off`
fn levels(node: &Node, reader: &mut Reader) -> BTreeMap<String, Level> {
    const WORDS: &[(&str, Level)] =
        &[("off", Level::Off), ("warning", Level::Warning), ("error", Level::Error)];
    let mut levels = BTreeMap::new();
    for entry in reader.entries(node) {
        let name = entry.key.text().unwrap_or_default();
        let Some(lint) = by_name(name) else {
            let message = format!("no lint is called {name}");
            let names = LINTS.iter().map(|lint| lint.name);
            let help = match bongsu_lang::suggest::nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => "docs/lints.md names them".to_owned(),
            };
            let place = reader.place(&entry.key);
            reader.push(Diagnostic::error(codes::POLICY, message).at(Some(place)).help(help));
            continue;
        };
        // `off` is a boolean to YAML 1.1, and to some people.
        let level = match entry.value.scalar() {
            Some(Scalar::Bool(false)) => Some(Level::Off),
            _ => reader.word(&entry.value, WORDS),
        };
        if let Some(level) = level {
            levels.insert(lint.name.to_owned(), level);
        }
    }
    levels
}

/// `team: {required: true, or: [owner], matches: '[a-z]+'}`
fn expected(node: &Node, reader: &mut Reader) -> BTreeMap<String, Expected> {
    const KEYS: &[&str] = &["required", "denied", "or", "values", "matches"];
    let mut all = BTreeMap::new();
    for entry in reader.entries(node) {
        let name = entry.key.text().unwrap_or_default().to_owned();
        let mut expected = Expected::default();
        reader.fields(&entry.value, &name, KEYS, |key, value, reader| match key {
            "required" => expected.required = reader.boolean(value).unwrap_or(false),
            "denied" => expected.denied = reader.boolean(value).unwrap_or(false),
            "or" => expected.instead = reader.texts(value),
            "values" => expected.values = reader.texts(value),
            _ => {
                let text = reader.text(value).unwrap_or_default();
                match Pattern::new(&text) {
                    Ok(pattern) => expected.pattern = Some(pattern),
                    Err(message) => reader.fault(codes::POLICY, value, message),
                }
            }
        });
        if expected.required && expected.denied {
            let message = format!("{name} cannot be required and denied");
            reader.fault(codes::POLICY, &entry.value, message);
        }
        all.insert(name, expected);
    }
    all
}

fn paths(node: &Node, reader: &mut Reader) -> Vec<Scoped> {
    let list = items(node, reader);
    if list.len() > MOST_PATHS {
        reader.fault(codes::POLICY, node, format!("at most {MOST_PATHS} entries of paths"));
        return Vec::new();
    }
    list.iter().map(|item| scoped(item, reader)).collect()
}

fn scoped(node: &Arc<Node>, reader: &mut Reader) -> Scoped {
    let mut scoped = Scoped::default();
    let keys = &["match", "lints", "annotations", "labels"];
    reader.fields(node, "paths", keys, |key, value, reader| match key {
        "match" => {
            let globs = match value.text() {
                Some(text) => vec![text.to_owned()],
                None => reader.texts(value),
            };
            for glob in globs {
                match Pattern::of_path(&glob) {
                    Ok(pattern) => scoped.paths.push(pattern),
                    Err(message) => reader.fault(codes::POLICY, value, message),
                }
            }
        }
        "lints" => scoped.levels = levels(value, reader),
        "annotations" => scoped.annotations = expected(value, reader),
        _ => scoped.labels = expected(value, reader),
    });
    if scoped.paths.is_empty() {
        reader.fault(codes::POLICY, node, "match must be set: which files this is about");
    }
    scoped
}

#[cfg(test)]
mod tests {
    use bongsu_model::render_diagnostics;

    use super::*;

    fn read(text: &str) -> Result<Policy, String> {
        let source = Source { name: "lints.yaml".to_owned(), text: text.to_owned() };
        Policy::read(&Arc::new(source)).map_err(|found| render_diagnostics(&found))
    }

    #[test]
    fn files() {
        let policy = read(
            "lints: {recording-name: off, BS2214: error}\n\
             labels: {team: {required: true, or: [owner], matches: '[a-z]+'}, severity: {values: [page]}}\n\
             scrape_interval: 15s\n\
             dialect: VictoriaMetrics\n\
             datasources: {long: prometheus}\n\
             known_recordings: ['a:b:c']\n\
             paths:\n\
             - {match: legacy/**, lints: {annotation: warning}, labels: {team: {}}}\n\
             - {match: ['*.tmp.yaml'], lints: {annotation: off}}\n",
        )
        .unwrap();
        assert_eq!(policy.levels["recording-name"], Level::Off);
        assert_eq!(policy.levels["annotation"], Level::Error);
        assert_eq!(policy.labels["team"].instead, ["owner"]);
        assert_eq!(policy.labels.len(), 2);
        assert!(policy.annotations["summary"].required, "the default stays");
        assert_eq!(policy.scrape_interval, Some(Duration::from_secs(15)));
        assert_eq!(policy.dialect, Dialect::VictoriaMetrics);
        for (file, level, required) in [
            ("rules/a.yaml", Level::Error, true),
            ("rules/legacy/x/a.yaml", Level::Warning, false),
            ("legacy/a.yaml", Level::Warning, false),
            ("notlegacy/a.yaml", Level::Error, true),
            ("legacy/a.tmp.yaml", Level::Off, false),
        ] {
            let of_file = policy.of_file(file);
            assert_eq!(of_file.levels["annotation"], level, "{file}");
            assert_eq!(of_file.labels["team"].required, required, "{file}");
        }
        assert_eq!(read("").unwrap(), Policy::default());
    }

    #[test]
    fn mistakes() {
        let found = read(
            "lint: {}\n\
             lints: {recording-nam: off, label: loud}\n\
             labels: {a: {matches: '('}, b: {required: true, denied: true}, c: yes}\n\
             paths: [{lints: {}}]\n\
             scrape_interval: soon\n",
        );
        insta::assert_snapshot!(found.unwrap_err());
    }

    #[test]
    fn paths() {
        for (glob, file, fits) in [
            ("*.yaml", "a/b.yaml", true),
            ("a/*.yaml", "a/b/c.yaml", false),
            ("a/**", "a/b/c.yaml", true),
            ("a/**/c.yaml", "x/a/c.yaml", true),
            ("/a/*", "x/a/c", false),
            ("a?.y+l", "ab.y+l", true),
            ("./a/b", "a/b", true),
        ] {
            assert_eq!(Pattern::of_path(glob).unwrap().matches(file), fits, "{glob} {file}");
        }
    }
}
