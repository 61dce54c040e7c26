//! From YAML to a [`ProvidersFile`], noting every mistake.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bongsu_lang::yaml::{self, Entry, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

use super::shown::shown;
use super::{InstanceConfig, NamedReference, ProvidersFile, SettingContent, SettingValue, codes};
use crate::secret::Reference;
use bongsu_lang::suggest::nearest;

/// What a file may cost.
const LIMITS: Limits = Limits { bytes: 4 << 20, depth: 40, nodes: 200_000 };

/// Longest name of an instance, in characters.
const MAX_NAME: usize = 100;

const TOP: &[&str] = &["keys", "providers", "secrets", "vault"];
const INSTANCE: &[&str] = &["type", "config", "authentication", "description", "disabled"];
type Loaded = Result<(ProvidersFile, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Reads a whole file.
pub(super) fn file(source: &Source) -> Loaded {
    let Some((root, mut reader)) = parse(source)? else { return Ok(<_>::default()) };
    let mut file = ProvidersFile::default();
    let is_wrapped = TOP.iter().any(|key| root.get(key).is_some());
    let pairs = reader.pairs(&root, "the file");
    for (entry, name) in pairs {
        match name {
            "providers" => reader.instances(&entry.value, &mut file.instances),
            "secrets" => reader.secrets(&entry.value, &mut file.secrets),
            "keys" => reader.secrets(&entry.value, &mut file.keys),
            "vault" => file.vault = reader.vault(&entry.value),
            _ if is_wrapped => reader.unknown(&entry.key, name, "the file", TOP),
            _ => match nearest(name, TOP.iter().copied()) {
                Some(_) if !is_instance(&entry.value) => {
                    reader.unknown(&entry.key, name, "the file", TOP);
                }
                _ => file.instances.extend(reader.instance(&entry.key, name, &entry.value)),
            },
        }
    }
    reader.check_names(&file);
    reader.finish(file)
}

/// Reads the settings of one instance that stand alone.
pub(super) fn single(name: &str, source: &Source) -> Loaded {
    let Some((root, mut reader)) = parse(source)? else { return Ok(<_>::default()) };
    let instances = reader.instance(&root, name, &root).into_iter().collect();
    let file = ProvidersFile { instances, ..ProvidersFile::default() };
    reader.check_names(&file);
    reader.finish(file)
}

fn parse(source: &Source) -> Result<Option<(Arc<Node>, Reader)>, Vec<Diagnostic>> {
    match yaml::parse(&source.text, &LIMITS) {
        Ok(Some(root)) if !root.is_null() => {
            let reader =
                Reader { source: shown(source, &root), found: Vec::new(), warnings: Vec::new() };
            Ok(Some((root, reader)))
        }
        Ok(_) => Ok(None),
        Err(error) => {
            // Without a tree nobody knows where values stand, so no line is quoted.
            let source = Arc::new(Source { name: source.name.clone(), text: String::new() });
            let place = Place { source, line: error.line, column: error.column };
            Err(vec![Diagnostic::error(codes::SYNTAX, error.message).at(Some(place)).help(
                "indent with spaces; quote values that start with {{ or hold a colon and a space",
            )])
        }
    }
}

fn is_instance(node: &Node) -> bool {
    INSTANCE.iter().any(|key| node.get(key).is_some())
}

pub(super) struct Reader {
    source: Arc<Source>,
    pub(super) found: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Reader {
    pub(super) fn place(&self, node: &Node) -> Option<Place> {
        let (line, column) = (node.place.line, node.place.column);
        Some(Place { source: Arc::clone(&self.source), line, column })
    }

    pub(super) fn refuse(
        &mut self,
        code: &'static str,
        node: &Node,
        message: impl Into<String>,
        help: &str,
    ) {
        let diagnostic = Diagnostic::error(code, message).at(self.place(node));
        self.found.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    fn warn(&mut self, code: &'static str, node: &Node, message: impl Into<String>, help: &str) {
        self.warnings.push(Diagnostic::warning(code, message).at(self.place(node)).help(help));
    }

    fn mistyped(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} is a {}, not {wanted}", node.describe());
        self.refuse(codes::TYPE, node, message, "");
    }

    pub(super) fn unknown(&mut self, key: &Node, name: &str, block: &str, known: &[&str]) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.refuse(codes::KEY, key, format!("unknown key {name:?} in {block}"), &help);
    }

    fn finish(mut self, file: ProvidersFile) -> Loaded {
        let by_place = |d: &Diagnostic| d.place.as_ref().map_or((0, 0), |p| (p.line, p.column));
        self.found.sort_by_key(by_place);
        self.warnings.sort_by_key(by_place);
        if self.found.is_empty() { Ok((file, self.warnings)) } else { Err(self.found) }
    }

    /// The pairs of a mapping with text keys. Nothing at all is an empty mapping.
    pub(super) fn pairs<'n>(&mut self, node: &'n Node, block: &str) -> Vec<(&'n Entry, &'n str)> {
        let entries = match &node.kind {
            Kind::Mapping(entries) => entries,
            _ if node.is_null() => return Vec::new(),
            _ => {
                self.mistyped(node, block, "a mapping");
                return Vec::new();
            }
        };
        let mut seen = HashSet::with_capacity(entries.len());
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.key.text() {
                None => self.mistyped(&entry.key, "a key", "text"),
                Some(name) if seen.insert(name) => pairs.push((entry, name)),
                Some(_) if entry.merged => {}
                Some(name) => {
                    let message = format!("the key {name:?} stands twice in {block}");
                    self.refuse(codes::KEY, &entry.key, message, "remove one of the two");
                }
            }
        }
        pairs
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.text() {
            Some(text) if !node.is_null() && !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.refuse(codes::MISSING, node, format!("{what} is empty"), "");
                None
            }
            None => {
                self.mistyped(node, what, "text");
                None
            }
        }
    }

    fn flag(&mut self, node: &Node, what: &str) -> bool {
        match node.scalar() {
            Some(Scalar::Bool(value)) => value,
            _ => {
                self.mistyped(node, what, "true or false");
                false
            }
        }
    }

    pub(super) fn reference(&mut self, node: &Node, text: &str) -> Option<Reference> {
        match Reference::parse(text) {
            Ok(reference) => {
                if reference.is_literal() && Reference::embeds_reference(text) {
                    self.warn(
                        codes::EMBEDDED,
                        node,
                        "a reference inside a longer text stays as it is written",
                        "make the reference the whole value, with the rest in what it leads to",
                    );
                }
                Some(reference)
            }
            Err(malformed) => {
                self.refuse(codes::REFERENCE, node, malformed.message, malformed.help);
                None
            }
        }
    }

    fn instances(&mut self, node: &Node, instances: &mut Vec<InstanceConfig>) {
        for (entry, name) in self.pairs(node, "providers") {
            instances.extend(self.instance(&entry.key, name, &entry.value));
        }
    }

    fn instance(&mut self, key: &Node, name: &str, node: &Node) -> Option<InstanceConfig> {
        let printable = !name.trim().is_empty() && !name.contains(char::is_control);
        if !printable || name.chars().count() > MAX_NAME {
            let message = format!("a name has 1 to {MAX_NAME} printable characters");
            self.refuse(codes::REFUSED, key, message, "");
            return None;
        }
        let mut instance = InstanceConfig {
            name: name.to_owned(),
            kind: String::new(),
            settings: BTreeMap::new(),
            description: None,
            disabled: false,
            place: self.place(key),
        };
        let mut block: Option<&str> = None;
        let what = format!("the instance {name}");
        let pairs = self.pairs(node, &what);
        for (entry, word) in pairs {
            let value = &entry.value;
            match word {
                "type" => instance.kind = self.kind(value),
                "config" | "authentication" => {
                    if let Some(other) = block.replace(word) {
                        let message = format!("{what} has both {other} and {word}");
                        self.refuse(codes::KEY, &entry.key, message, "put all settings into one");
                    }
                    instance.settings.extend(self.settings(value, &format!("{word} of {name}")));
                }
                "description" if value.is_null() => {}
                "description" => instance.description = self.text(value, "description"),
                "disabled" => instance.disabled = self.flag(value, "disabled"),
                _ => self.unknown(&entry.key, word, &what, INSTANCE),
            }
        }
        if node.get("type").is_none() {
            instance.kind = self.guess(key, name)?;
        }
        Some(instance)
    }

    fn kind(&mut self, node: &Node) -> String {
        let Some(text) = self.text(node, "type") else { return String::new() };
        if !is_slug(&text) {
            let help = "lower case letters, digits and _; list them with `bongsu provider ls`";
            self.refuse(codes::REFUSED, node, format!("{text:?} is no type of provider"), help);
        }
        text
    }

    /// Keep takes the type from the workflow that uses the instance; here it has to be known.
    fn guess(&mut self, key: &Node, name: &str) -> Option<String> {
        let kind = name.split('-').next().unwrap_or_default();
        if !is_slug(kind) {
            let message = format!("type is missing in the instance {name}");
            self.refuse(codes::MISSING, key, message, "write type: and the slug of the provider");
            return None;
        }
        self.warn(
            codes::GUESSED_TYPE,
            key,
            format!("the instance {name} has no type; it is taken as {kind}"),
            &format!("write type: {kind}"),
        );
        Some(kind.to_owned())
    }

    fn settings(&mut self, node: &Node, block: &str) -> BTreeMap<String, SettingValue> {
        let mut settings = BTreeMap::new();
        for (entry, name) in self.pairs(node, block) {
            if let Some(content) = self.content(&entry.value) {
                let place = self.place(&entry.key);
                settings.insert(name.to_owned(), SettingValue { content, place });
            }
        }
        settings
    }

    fn content(&mut self, node: &Node) -> Option<SettingContent> {
        Some(match &node.kind {
            Kind::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let place = self.place(item);
                    list.push(SettingValue { content: self.content(item)?, place });
                }
                SettingContent::List(list)
            }
            Kind::Mapping(_) => SettingContent::Map(self.settings(node, "a setting")),
            Kind::Scalar { text, .. } => match node.to_value() {
                yaml::Value::Text(_) => SettingContent::Text(self.reference(node, text)?),
                other => SettingContent::Plain(other.to_json()),
            },
        })
    }

    fn secrets(&mut self, node: &Node, secrets: &mut BTreeMap<String, NamedReference>) {
        for (entry, name) in self.pairs(node, "secrets") {
            let Some(text) = self.text(&entry.value, &format!("the secret {name}")) else {
                continue;
            };
            match self.reference(&entry.value, &text) {
                Some(Reference::Named(_)) => {
                    let message = format!("the secret {name} leads to another name");
                    let help = "write where the value is kept: env:, file:, vault:, k8s:, sealed:";
                    self.refuse(codes::REFUSED, &entry.value, message, help);
                }
                Some(reference) => {
                    let place = self.place(&entry.key);
                    secrets.insert(name.to_owned(), NamedReference { reference, place });
                }
                None => {}
            }
        }
    }

    /// Names that nothing defines.
    fn check_names(&mut self, file: &ProvidersFile) {
        let known: Vec<&str> = file.secrets.keys().map(String::as_str).collect();
        let mut found = Vec::new();
        for setting in file.instances.iter().flat_map(|instance| instance.settings.values()) {
            setting.references(&mut |_, reference, place| {
                let Reference::Named(name) = reference else { return };
                if known.contains(&name.as_str()) {
                    return;
                }
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("define it: secrets: {{{name}: env:…}}"),
                };
                let message = format!("no secret is called {name:?}");
                found.push(
                    Diagnostic::error(codes::UNDEFINED_SECRET, message)
                        .at(place.cloned())
                        .help(help),
                );
            });
        }
        self.found.append(&mut found);
    }
}

fn is_slug(text: &str) -> bool {
    let may = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(may)
}
