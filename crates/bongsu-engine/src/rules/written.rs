//! Groups of rules that were written through the API.
//!
//! In: documents of the store; texts with who wrote them. Out: groups that run beside those of files.
//! A namespace is to a written group what a file is to others, and one that is the name of a file is
//! the file's: what was written into it before the file came rests until the file goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_model::{Diagnostic, Source, Timestamp};
use bongsu_rules::file;
use bongsu_rules::rule::Group;
use bongsu_store::Row;
use serde::{Deserialize, Serialize};

use crate::api::{GroupOrigin, RulerError};
use crate::records::{Document, RULE_GROUP};

/// Groups that may be written.
const MOST_GROUPS: usize = 5000;
/// Rules in all of them.
const MOST_RULES: usize = 50_000;
/// Bytes of one group as it is kept.
const LARGEST_GROUP: usize = 1 << 20;
/// Bytes of all of them.
const LARGEST: usize = 64 << 20;
/// Bytes of the name of a namespace, a group or an owner.
const LONGEST_NAME: usize = 512;

/// Namespace and name.
pub(crate) type Key = (String, String);

/// A group as its document holds it.
#[derive(Serialize, Deserialize)]
struct Kept {
    namespace: String,
    owner: Option<String>,
    by: Option<String>,
    at: Timestamp,
    text: String,
}

/// A group that was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WrittenGroup {
    /// Its file is the namespace.
    pub(crate) group: Group,
    /// Whose it is, if the writer said so.
    pub(crate) owner: Option<String>,
    /// Who wrote it.
    pub(crate) by: Option<String>,
    pub(crate) at: Timestamp,
    /// As it is kept.
    text: String,
}

impl WrittenGroup {
    /// Reads a group as ruler APIs take it.
    ///
    /// # Errors
    /// Every mistake.
    pub(crate) fn read(
        namespace: &str,
        text: String,
        owner: Option<String>,
        by: Option<String>,
        at: Timestamp,
    ) -> Result<Self, Vec<Diagnostic>> {
        let source = Arc::new(Source { name: namespace.to_owned(), text });
        let group = file::read_group(&source, namespace, &file::Options::default())?;
        let options = &group.options;
        if !options.params.is_empty() || !options.headers.is_empty() {
            // What is written is shown to whoever may read rules.
            let message =
                "params and headers of a group may hold credentials and are not kept here";
            let help =
                "write them into the instance in providers.yaml, or the group into a rule file";
            return Err(vec![Diagnostic::error("BS2121", message).at(group.place).help(help)]);
        }
        let text = file::to_yaml(&group);
        Ok(Self { group, owner, by, at, text })
    }

    pub(crate) fn key(&self) -> Key {
        (self.group.file.to_string(), self.group.name.clone())
    }

    pub(crate) fn origin(&self) -> GroupOrigin {
        GroupOrigin::Written { owner: self.owner.clone(), by: self.by.clone(), at: self.at }
    }

    /// Whether writing the other one would change nothing.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.text == other.text && self.owner == other.owner
    }

    /// The row that keeps it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn row(&self) -> Result<Row, serde_json::Error> {
        let kept = Kept {
            namespace: self.group.file.to_string(),
            owner: self.owner.clone(),
            by: self.by.clone(),
            at: self.at,
            text: self.text.clone(),
        };
        let data = serde_json::to_vec(&kept)?;
        Ok(Row::PutDocument { kind: RULE_GROUP, key: document_key(&self.key()), data })
    }

    fn size(&self) -> usize {
        self.text.len()
    }
}

/// No two groups have the same, whatever is in their names.
fn document_key((namespace, group): &Key) -> String {
    format!("{}/{namespace}/{group}", namespace.len())
}

/// The row that forgets a group.
pub(crate) fn forget(key: &Key) -> Row {
    Row::DeleteDocument { kind: RULE_GROUP, key: document_key(key) }
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Written(BTreeMap<Key, WrittenGroup>);

impl Written {
    /// What the store holds; a group that cannot be read stays there.
    pub(crate) fn restore(documents: &[Document]) -> Self {
        let mut groups = BTreeMap::new();
        for document in documents.iter().filter(|document| document.kind == RULE_GROUP) {
            let read = serde_json::from_slice(&document.data).map_err(|error| error.to_string());
            let read = read.and_then(|kept: Kept| {
                let Kept { namespace, owner, by, at, text } = kept;
                WrittenGroup::read(&namespace, text, owner, by, at)
                    .map_err(|found| bongsu_model::render_diagnostics(&found))
            });
            match read {
                Ok(group) => drop(groups.insert(group.key(), group)),
                Err(error) => {
                    tracing::error!(error, key = document.key, "a written group cannot be read");
                }
            }
        }
        Self(groups)
    }

    /// Every one, by namespace and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &WrittenGroup> {
        self.0.values()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&WrittenGroup> {
        self.0.get(key)
    }

    /// The keys of a namespace.
    pub(crate) fn of_namespace(&self, namespace: &str) -> Vec<Key> {
        self.0.keys().filter(|(known, _)| known == namespace).cloned().collect()
    }

    pub(crate) fn insert(&mut self, group: WrittenGroup) {
        self.0.insert(group.key(), group);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Those whose namespace is no file's name.
    pub(crate) fn beside<'w>(
        &'w self,
        files: &'w BTreeSet<Arc<str>>,
    ) -> impl Iterator<Item = &'w WrittenGroup> {
        self.iter().filter(|written| !files.contains(&written.group.file))
    }

    /// Whether a group fits in with the others.
    ///
    /// # Errors
    /// All limits it goes beyond.
    pub(crate) fn check(&self, group: &WrittenGroup) -> Result<(), RulerError> {
        let others = || self.0.iter().filter(|(key, _)| **key != group.key()).map(|(_, g)| g);
        let rules: usize = others().map(|other| other.group.rules.len()).sum();
        let bytes: usize = others().map(WrittenGroup::size).sum();
        let (namespace, name) = group.key();
        let owner = group.owner.as_ref().map_or(0, String::len);
        let beyond = [
            (namespace.len().max(name.len()).max(owner), LONGEST_NAME, "bytes in a name"),
            (group.size(), LARGEST_GROUP, "bytes in one group"),
            (others().count() + 1, MOST_GROUPS, "written groups"),
            (rules + group.group.rules.len(), MOST_RULES, "rules in written groups"),
            (bytes + group.size(), LARGEST, "bytes in written groups"),
        ];
        let beyond = beyond.iter().filter(|(count, most, _)| count > most);
        let beyond: Vec<String> = beyond
            .map(|(count, most, what)| format!("{count} {what} are more than {most}"))
            .collect();
        if beyond.is_empty() { Ok(()) } else { Err(RulerError::TooMuch(beyond.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(namespace: &str, name: &str, rules: usize) -> WrittenGroup {
        let rules = "- {record: a, expr: b}\n".repeat(rules);
        let text = format!("name: {name:?}\nrules:\n{rules}");
        let owner = Some("o".to_owned());
        WrittenGroup::read(namespace, text, owner, None, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn documents(groups: &[WrittenGroup]) -> Vec<Document> {
        let document = |group: &WrittenGroup| match group.row().unwrap() {
            Row::PutDocument { kind, key, data } => Document { kind, key, data },
            other => panic!("{other:?}"),
        };
        groups.iter().map(document).collect()
    }

    #[test]
    fn what_is_kept_is_restored() {
        let groups = [group("a/b", "c", 2), group("a", "b/c", 1), group("a", "true", 1)];
        let mut documents = documents(&groups);
        let keys: BTreeSet<&str> = documents.iter().map(|one| &*one.key).collect();
        assert_eq!(keys.len(), 3);
        documents.push(Document { kind: RULE_GROUP, key: "x".to_owned(), data: b"{".to_vec() });
        let restored = Written::restore(&documents);
        assert_eq!(restored.iter().count(), 3);
        for group in &groups {
            assert!(restored.get(&group.key()).unwrap().is_as(group));
        }
        let files = BTreeSet::from([Arc::from("a")]);
        assert_eq!(restored.beside(&files).count(), 1);
    }

    #[test]
    fn bounds() {
        let mut written = Written::default();
        written.insert(group("a", "b", 20_000));
        written.insert(group("a", "c", 20_000));
        assert!(written.check(&group("a", "d", 10_000)).is_ok());
        // What it replaces does not count.
        assert!(written.check(&group("a", "c", 30_000)).is_ok());
        let refused = written.check(&group("a", &"n".repeat(513), 10_001)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "513 bytes in a name are more than 512; 50001 rules in written groups are more than 50000"
        );
    }
}
