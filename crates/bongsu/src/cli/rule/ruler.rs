//! Rulers that groups of rules are written to: Bongsu, Mimir, Loki.
//!
//! In: a group and its namespace. Out: the groups that are there, with whose they are where the ruler
//! knows that.

use std::sync::Arc;

use bongsu_lang::yaml::{self, Limits, Value};
use bongsu_rules::file;
use bongsu_rules::rule::{Group, Language};
use clap::ValueEnum;
use reqwest::Method;

use super::server;
use crate::cli::Failure;
use crate::client::{Client, ClientError};

/// What an answer with all groups may cost.
const COST: Limits = Limits { bytes: 256 << 20, depth: 40, nodes: 10_000_000 };

/// Whose API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Bongsu,
    Mimir,
    Loki,
}

impl Kind {
    fn root(self) -> &'static str {
        match self {
            Self::Bongsu | Self::Mimir => "/prometheus/config/v1/rules",
            Self::Loki => "/loki/api/v1/rules",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bongsu => "Bongsu",
            Self::Mimir => "Mimir",
            Self::Loki => "Loki",
        }
    }

    /// What expressions of groups are written in that name no `type`.
    pub(super) fn language(self) -> Language {
        match self {
            Self::Bongsu | Self::Mimir => Language::PromQl,
            Self::Loki => Language::LogQl,
        }
    }

    /// Whether a group has a note of whose it is.
    pub(super) fn knows_owners(self) -> bool {
        self == Self::Bongsu
    }

    /// What of a group the ruler would not understand.
    pub(super) fn lacks(self, group: &Group) -> Vec<String> {
        if self == Self::Bongsu {
            return Vec::new();
        }
        let mut lacks = file::beyond_family(group);
        if group.options.language != self.language() {
            lacks.push("type".to_owned());
        }
        lacks
    }
}

/// A group that is on a ruler.
#[derive(Clone, Debug)]
pub(super) struct There {
    /// Its file is the namespace.
    pub(super) group: Group,
    /// Whose it is.
    pub(super) owner: Option<String>,
    /// It is from a file of the server, and can only be changed there.
    pub(super) fixed: bool,
}

/// A ruler that is asked.
pub(super) struct Ruler {
    pub(super) kind: Kind,
    pub(super) client: Client,
}

impl Ruler {
    /// All groups.
    pub(super) fn groups(&self) -> Result<Vec<There>, Failure> {
        if self.kind == Kind::Bongsu {
            let defined = server::defined(&self.client)?.ok_or_else(|| {
                Failure::no("the server is no Bongsu that rules can be written to")
                    .hint("name another ruler with --ruler mimir or --ruler loki")
            })?;
            let there = defined.into_iter().map(|known| There {
                fixed: known.origin != "api",
                group: known.group,
                owner: known.owner,
            });
            return Ok(there.collect());
        }
        let text = match self.client.ruler(Method::GET, self.kind.root(), &[], &[], None) {
            Err(ClientError::Refused { status: 404, message, .. }) => {
                // Some say so that there are none.
                if message.contains("no rule groups found") {
                    return Ok(Vec::new());
                }
                let (name, root) = (self.kind.name(), self.kind.root());
                return Err(Failure::no(format!("the server is no {name}: it has no {root}"))
                    .hint("it is looked for below --server; rulers may have to be switched on"));
            }
            told => told?,
        };
        self.read(&text)
    }

    /// Groups by namespace.
    fn read(&self, text: &str) -> Result<Vec<There>, Failure> {
        let wrong = |why: String| {
            Failure::no(format!("the answer of {} cannot be read: {why}", self.kind.name()))
        };
        let told = yaml::parse_value(text, &COST).map_err(|error| wrong(error.to_string()))?;
        let namespaces = match told {
            Value::Null => Vec::new(),
            Value::Map(pairs) => pairs,
            _ => return Err(wrong("it is no mapping of namespaces".to_owned())),
        };
        let mut found = Vec::new();
        for (name, groups) in &namespaces {
            let namespace =
                name.as_str().map_or_else(|| yaml::emit(name).trim().to_owned(), str::to_owned);
            let Value::List(groups) = groups else { continue };
            for group in groups {
                let group = server::read_told(&namespace, yaml::emit(group), self.kind.language())?;
                found.push(There { group, owner: None, fixed: false });
            }
        }
        Ok(found)
    }

    /// Writes a group into the namespace that is its file.
    pub(super) fn write(&self, group: &Group, owner: Option<&str>) -> Result<(), Failure> {
        let mut group = group.clone();
        if self.kind != Kind::Bongsu {
            group.options.language = Language::default();
            // Older ones do not read labels of groups; those of its rules have them already.
            group.labels.clear();
        }
        let query: Vec<(&str, &str)> = match owner {
            Some(owner) if self.kind.knows_owners() => vec![("owner", owner)],
            _ => Vec::new(),
        };
        let body = Some(file::to_yaml(&group));
        self.client.ruler(Method::POST, self.kind.root(), &[&group.file], &query, body)?;
        Ok(())
    }

    /// Removes a group.
    pub(super) fn remove(&self, (namespace, name): &(Arc<str>, String)) -> Result<(), Failure> {
        self.client.ruler(Method::DELETE, self.kind.root(), &[namespace, name], &[], None)?;
        Ok(())
    }
}
