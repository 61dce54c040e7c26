//! `route`: the tree as written; what a child inherits is left open here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Node, Value};
use bongsu_lang::{label_name, matcher};
use bongsu_model::{Diagnostic, MatchOp, Matcher, Matchers, re2};

use super::codes;
use super::quoted;
use crate::settings::{Reader, Setting, forbid, settings};

settings! {
    /// A node of the routing tree. Unset options come from the parent.
    pub struct Route(
        "a route", check = check, no_null = "empty route in routes: it has neither matchers nor a receiver"
    ) {
        /// Receiver; empty inherits.
        receiver: String;
        /// Labels to group by, as written.
        group_by: GroupBy;
        /// Old equality matchers.
        r#match: BTreeMap<String, String>;
        /// Old regex matchers.
        match_re: MatchPatterns;
        /// Matchers, sorted by name, value, operator.
        matchers: Matchers;
        /// Names of intervals in which the route is silent.
        mute_time_intervals: Vec<String>;
        /// Names of intervals outside which the route is silent.
        active_time_intervals: Vec<String>;
        /// Whether siblings after this one are looked at too.
        r#continue: bool, always;
        /// Labels of the route; values are templates. A child overrides key by key.
        labels: BTreeMap<String, String>;
        /// Children.
        routes: Vec<Route>;
        /// Wait before a new group's first message.
        group_wait: Option<Duration>;
        /// Time between messages about one group's changes.
        group_interval: Option<Duration>;
        /// Time after which an unchanged group is sent again.
        repeat_interval: Option<Duration>;
    }
}

impl Route {
    /// All conditions of the three forms, sorted by name, value, operator: what an alert must
    /// meet, and what route ids and group keys print. `match_re` appears anchored there.
    pub fn all_matchers(&self) -> Matchers {
        let mut all = equalities(&self.r#match);
        all.extend(self.match_re.matchers());
        all.extend(self.matchers.0.iter().cloned());
        let mut all = Matchers(all);
        all.sort();
        all
    }
}

/// `name="value"` for every pair of an old `match` map.
pub(super) fn equalities(map: &BTreeMap<String, String>) -> Vec<Matcher> {
    map.iter()
        .filter_map(|(name, value)| Matcher::new(&**name, MatchOp::Equal, &**value).ok())
        .collect()
}

/// `group_by` as written: absent, or a list that may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupBy(pub Option<Vec<String>>);

impl GroupBy {
    /// Whether all labels are grouped by (`['...']`).
    pub fn is_all(&self) -> bool {
        self.0.as_ref().is_some_and(|names| names.iter().any(|name| name == "..."))
    }
}

impl Setting for GroupBy {
    fn zero() -> Self {
        Self(None)
    }
    fn is_zero(&self) -> bool {
        self.0.as_ref().is_none_or(Vec::is_empty)
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        Vec::read(node, reader).map(|names| Self(Some(names)))
    }
    fn write(&self) -> Value {
        self.0.write()
    }
}

/// An old `match_re` map: patterns as written, each valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchPatterns(pub BTreeMap<String, String>);

impl MatchPatterns {
    /// One matcher per pattern, its value anchored as Alertmanager prints it.
    pub fn matchers(&self) -> Vec<Matcher> {
        self.0
            .iter()
            .filter_map(|(name, pattern)| {
                Matcher::new(&**name, MatchOp::Regex, format!("^(?:{pattern})$")).ok()
            })
            .collect()
    }
}

impl Setting for MatchPatterns {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let before = reader.faults();
        let mut patterns = BTreeMap::new();
        let mut refused = Vec::new();
        let is_mapping = reader.keys(node, "the mapping", &[], |name, value, reader| {
            if value.is_null() {
                refused.push((
                    Arc::clone(value),
                    format!("invalid regexp value for {}", quoted(name)),
                ));
            } else if let Some(pattern) = String::read(value, reader) {
                if let Err(error) = re2::compile_anchored(&pattern) {
                    reader.refuse(value, error.to_string());
                } else {
                    patterns.insert(name.to_owned(), pattern);
                }
            }
            if !label_name::is_legacy(name) {
                refused.push((Arc::clone(value), format!("invalid label name {}", quoted(name))));
            }
            true
        });
        if reader.faults() == before {
            for (node, message) in refused {
                reader.refuse(&node, message);
            }
        }
        is_mapping.then_some(Self(patterns))
    }
    /// An empty pattern is printed as null.
    fn write(&self) -> Value {
        let printed = |pattern: &String| {
            if pattern.is_empty() { Value::Null } else { Value::from(pattern.as_str()) }
        };
        Value::Map(self.0.iter().map(|(n, p)| (Value::from(n.as_str()), printed(p))).collect())
    }
}

/// A list of texts, each holding any number of matchers.
impl Setting for Matchers {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let before = reader.faults();
        let lines = Vec::<String>::read(node, reader)?;
        if reader.faults() != before {
            return None;
        }
        let mut all = Self::default();
        for (line, place) in lines.iter().zip(items(node)) {
            match matcher::parse_list_noted(line, reader.mode) {
                Ok((found, note)) => {
                    all.0.extend(found.0);
                    note_matcher(line, note, place, reader);
                }
                Err(message) => reader.refuse(place, message),
            }
        }
        all.sort();
        Some(all)
    }
    fn write(&self) -> Value {
        Value::List(self.0.iter().map(|m| Value::from(m.to_string())).collect())
    }
}

fn items(node: &Arc<Node>) -> impl Iterator<Item = &Arc<Node>> {
    match &node.kind {
        bongsu_lang::yaml::Kind::Sequence(items) => items.iter(),
        _ => [].iter(),
    }
}

fn note_matcher(line: &str, note: matcher::Note, place: &Node, reader: &mut Reader) {
    let message = match note {
        matcher::Note::None => return,
        matcher::Note::ClassicOnly => format!(
            "the matcher {} is read by the old grammar only and will be refused in UTF-8 mode",
            quoted(line)
        ),
        matcher::Note::Disagreement => format!(
            "the matcher {} means different things in the old and the UTF-8 grammar; the old meaning is used",
            quoted(line)
        ),
    };
    let place = reader.place(place);
    reader.warn(
        Diagnostic::warning(codes::CLASSIC_MATCHER, message)
            .at(place)
            .help("put the value in double quotes and double its backslashes"),
    );
}

fn check(route: &mut Route, reader: &mut Reader) -> Result<(), String> {
    for name in route.r#match.keys() {
        if !label_name::is_legacy(name) {
            return Err(format!("invalid label name {}", quoted(name)));
        }
    }
    for name in route.labels.keys() {
        if !label_name::is_valid(name, reader.mode) {
            return Err(format!("invalid label name {} in route labels", quoted(name)));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut repeated = None;
    for name in route.group_by.0.iter().flatten().filter(|name| *name != "...") {
        if !label_name::is_valid(name, reader.mode) {
            return Err(format!("invalid label name {} in group_by list", quoted(name)));
        }
        if seen.contains(&&**name) {
            repeated = repeated.or(Some(name));
        }
        seen.push(name);
    }
    forbid(
        route.group_by.is_all() && !seen.is_empty(),
        "cannot have wildcard group_by (`...`) and other labels at the same time",
    )?;
    if let Some(name) = repeated {
        return Err(format!("duplicated label {} in group_by", quoted(name)));
    }
    forbid(route.group_interval == Some(Duration::ZERO), "group_interval cannot be zero")?;
    forbid(route.repeat_interval == Some(Duration::ZERO), "repeat_interval cannot be zero")
}
