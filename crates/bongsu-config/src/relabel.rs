//! `relabel_configs`: rules that rewrite a set of labels, or drop what carries it.
//!
//! Semantics and messages: Prometheus 3.5 `model/relabel`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bongsu_lang::label_name;
use bongsu_lang::yaml::{Node, Value};
use bongsu_model::{Labels, re2};
use md5::Digest as _;
use regex::Regex;

use crate::settings::{Reader, Setting, settings};

settings! {
    /// One step.
    pub struct RelabelConfig("relabel_config", check = check) {
        /// Labels whose values are joined.
        source_labels: Vec<String>;
        /// What joins them.
        separator: String = ";", always;
        /// What the joined value must match as a whole.
        regex: Pattern = Pattern::any();
        /// Divisor of `hashmod`.
        modulus: u64;
        /// Label that is written; for `labelmap` the template is `replacement`.
        target_label: String;
        /// What is written, `$1` for groups.
        replacement: String = "$1", always;
        /// What is done.
        action: Action = Action::Replace, always;
    }
}

/// An anchored pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    compiled: Regex,
}

impl Pattern {
    fn any() -> Self {
        Self::compile("(.*)").unwrap_or_else(|_| unreachable!("the pattern is a constant"))
    }

    fn compile(text: &str) -> Result<Self, String> {
        // As Prometheus: a newline is a character like any other.
        let compiled =
            re2::compile(&format!("^(?s:{text})$")).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), compiled })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Setting for Pattern {
    fn zero() -> Self {
        Self::any()
    }
    fn is_zero(&self) -> bool {
        self.text == "(.*)"
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        Self::compile(&text).map_err(|message| reader.refuse(node, message)).ok()
    }
    fn write(&self) -> Value {
        Value::from(self.text.as_str())
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Writes the replacement if the pattern matches.
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what does not have the joined value in the target label.
    KeepEqual,
    /// Drops what has it.
    DropEqual,
    /// Writes a hash of the joined value modulo `modulus`.
    HashMod,
    /// Copies labels whose names match to names made of the replacement.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the joined value in small letters.
    Lowercase,
    /// Writes it in capitals.
    Uppercase,
}

const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ACTIONS.iter().find(|(_, action)| action == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl Setting for Action {
    fn zero() -> Self {
        Self::Replace
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        let known = ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
        if known.is_none() {
            reader.refuse(node, format!("unknown relabel action {text:?}"));
        }
        known.map(|(_, action)| *action)
    }
    fn write(&self) -> Value {
        Value::from(self.to_string().as_str())
    }
}

fn check(config: &mut RelabelConfig, _: &mut Reader) -> Result<(), String> {
    use Action::{
        DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace,
        Uppercase,
    };
    let action = config.action;
    let target = &config.target_label;
    if action == HashMod && config.modulus == 0 {
        return Err("relabel configuration for hashmod requires non-zero modulus".to_owned());
    }
    let writes =
        matches!(action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
    if writes && target.is_empty() {
        return Err(format!(
            "relabel configuration for {action} action requires 'target_label' value"
        ));
    }
    let is_template = target.contains('$');
    if writes && !(label_name::is_legacy(target) || action == Replace && is_template) {
        return Err(format!("{target:?} is invalid 'target_label' for {action} action"));
    }
    if matches!(action, Lowercase | Uppercase) && config.replacement != "$1" {
        return Err(format!("'replacement' can not be set for {action} action"));
    }
    if action == LabelMap && config.replacement.is_empty() {
        return Err("\"\" is invalid 'replacement' for labelmap action".to_owned());
    }
    let only = |wanted: &str, free: bool| match free {
        true => Ok(()),
        false => Err(format!("{action} action requires only {wanted}, and no other fields")),
    };
    let plain = config.separator == ";" && config.modulus == 0 && config.replacement == "$1";
    match action {
        LabelDrop | LabelKeep => {
            only("'regex'", plain && config.source_labels.is_empty() && target.is_empty())
        }
        KeepEqual | DropEqual => {
            only("'source_labels' and `target_label`", plain && config.regex.is_zero())
        }
        _ => Ok(()),
    }
}

/// Applies all steps in order; `None` if one drops what carries the labels.
pub fn relabel(labels: &Labels, steps: &[RelabelConfig]) -> Option<Labels> {
    if steps.is_empty() {
        return Some(labels.clone());
    }
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut pairs: BTreeMap<String, String> = pairs.collect();
    for step in steps {
        if !step.apply(&mut pairs) {
            return None;
        }
    }
    Some(Labels::from_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty())))
}

impl RelabelConfig {
    /// Whether what carries the labels stays.
    fn apply(&self, labels: &mut BTreeMap<String, String>) -> bool {
        let value = |name: &String| labels.get(name).map_or("", String::as_str);
        let joined: Vec<&str> = self.source_labels.iter().map(value).collect();
        let joined = joined.join(&self.separator);
        let pattern = &self.regex.compiled;
        match self.action {
            Action::Drop => return !pattern.is_match(&joined),
            Action::Keep => return pattern.is_match(&joined),
            Action::DropEqual => return value(&self.target_label) != joined,
            Action::KeepEqual => return value(&self.target_label) == joined,
            Action::Replace => self.replace(&joined, labels),
            Action::Lowercase => set(labels, &self.target_label, joined.to_lowercase()),
            Action::Uppercase => set(labels, &self.target_label, joined.to_uppercase()),
            Action::HashMod => {
                let digest = md5::Md5::digest(joined.as_bytes());
                // The last eight bytes, as Prometheus takes them.
                let hash = digest[8..].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte));
                set(labels, &self.target_label, (hash % self.modulus).to_string());
            }
            Action::LabelMap => {
                let map = |(name, value): (&String, &String)| {
                    let found = pattern.captures(name)?;
                    let mut new = String::new();
                    found.expand(&go_references(&self.replacement), &mut new);
                    Some((new, value.clone()))
                };
                let mapped: Vec<_> = labels.iter().filter_map(map).collect();
                labels.extend(mapped);
            }
            Action::LabelDrop => labels.retain(|name, _| !pattern.is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| pattern.is_match(name)),
        }
        true
    }

    fn replace(&self, joined: &str, labels: &mut BTreeMap<String, String>) {
        let Some(found) = self.regex.compiled.captures(joined) else { return };
        let (mut target, mut text) = (String::new(), String::new());
        found.expand(&go_references(&self.target_label), &mut target);
        if !label_name::is_legacy(&target) {
            return;
        }
        found.expand(&go_references(&self.replacement), &mut text);
        set(labels, &target, text);
    }
}

fn set(labels: &mut BTreeMap<String, String>, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

/// `$1x` names the group `1x` in Go as in Rust; only `$name` of letters beyond ASCII differs, which no
/// rule uses. A `$` before anything else stands for itself in Rust and vanishes in Go.
fn go_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let next = rest.chars().next();
        if next == Some('$') {
            out.push_str("$$");
            rest = &rest[1..];
        } else if next.is_some_and(|c| c == '{' || c == '_' || c.is_ascii_alphanumeric()) {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use bongsu_lang::Mode;
    use bongsu_lang::yaml::{self, Limits};
    use bongsu_model::Source;

    use super::*;

    fn steps(text: &str) -> Result<Vec<RelabelConfig>, String> {
        let root = yaml::parse(text, &Limits::default()).unwrap().unwrap();
        let source = Source { name: "x".to_owned(), text: text.to_owned() };
        let mut reader = Reader::new(Arc::new(source), Mode::Fallback);
        let steps = Vec::<RelabelConfig>::read(&root, &mut reader);
        let (errors, _) = reader.finish();
        match errors.first() {
            Some(error) => Err(error.message.clone()),
            None => Ok(steps.unwrap()),
        }
    }

    fn run(labels: &str, text: &str) -> String {
        let pairs = labels.split(',').map(|pair| pair.split_once('=').unwrap());
        match relabel(&Labels::from_pairs(pairs), &steps(text).unwrap()) {
            None => "dropped".to_owned(),
            Some(labels) => {
                let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
                pairs.join(",")
            }
        }
    }

    #[test]
    fn every_action() {
        let labels = "__address__=host:9100,a=foo,b=BAR,env_x=1";
        for (text, expected) in [
            (
                "[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-$1'}]",
                "__address__=host:9100,a=foo,b=BAR,d=choo-oo,env_x=1",
            ),
            (
                "[{source_labels: [a, b], target_label: d}]",
                "__address__=host:9100,a=foo,b=BAR,d=foo;BAR,env_x=1",
            ),
            ("[{source_labels: [a], regex: x, target_label: d}]", labels),
            ("[{source_labels: [none], target_label: a}]", "__address__=host:9100,b=BAR,env_x=1"),
            ("[{source_labels: [a], regex: fo, action: keep}]", "dropped"),
            ("[{source_labels: [a], regex: fo+, action: keep}]", labels),
            ("[{source_labels: [a], regex: fo+, action: drop}]", "dropped"),
            (
                "[{source_labels: [b], target_label: d, action: lowercase}]",
                "__address__=host:9100,a=foo,b=BAR,d=bar,env_x=1",
            ),
            (
                "[{source_labels: [a], target_label: a, action: uppercase}]",
                "__address__=host:9100,a=FOO,b=BAR,env_x=1",
            ),
            ("[{source_labels: [a], target_label: b, action: keepequal}]", "dropped"),
            ("[{source_labels: [a], target_label: a, action: dropequal}]", "dropped"),
            (
                "[{regex: 'env_(.+)', action: labelmap}]",
                "__address__=host:9100,a=foo,b=BAR,env_x=1,x=1",
            ),
            ("[{regex: 'env_.*|b', action: labeldrop}]", "__address__=host:9100,a=foo"),
            ("[{regex: '[ab]', action: labelkeep}]", "a=foo,b=BAR"),
            (
                "[{source_labels: [b], target_label: d, action: lowercase}, \
                 {source_labels: [d], target_label: m, modulus: 1000, action: hashmod}, \
                 {regex: m, action: labelkeep}]",
                "m=922",
            ),
        ] {
            assert_eq!(run(labels, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "[{action: fold}]",
            "[{action: hashmod, target_label: a}]",
            "[{action: replace}]",
            "[{action: lowercase, target_label: a, replacement: b}]",
            "[{action: labeldrop, regex: a, target_label: b}]",
            "[{action: keepequal, source_labels: [a], target_label: b, regex: c}]",
            "[{regex: '(', target_label: a}]",
            "[{target_label: 'a b'}]",
        ] {
            assert!(steps(text).is_err(), "{text}");
        }
    }
}
