//! The top of a manifest: what the provider is.

use std::sync::Arc;

use bongsu_lang::yaml::Node;

use super::Reader;
use super::names::{ASKING, Allowed};
use crate::manifest::{Manifest, Text, keys};

impl Reader {
    pub(super) fn manifest(&mut self, slug: &str, node: &Node) -> Manifest {
        let mut manifest = Manifest {
            slug: slug.to_owned(),
            name: Text::default(),
            summary: Text::default(),
            categories: Vec::new(),
            docs: None,
            setup: Text::default(),
            aliases: Vec::new(),
            auth: Vec::new(),
            actions: Vec::new(),
            queries: Vec::new(),
            pull: None,
            checks: Vec::new(),
            datasource: None,
            verify: Vec::new(),
            select: None,
            ingest: Vec::new(),
            departures: Vec::new(),
        };
        if !Manifest::is_slug(slug) {
            let message = format!("{slug:?} is no slug: lower case letters, digits and _ only");
            self.refuse("BS1406", node.place, message);
        }
        let pairs = self.pairs(node, keys::MANIFEST);
        let value =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        for (key, value) in &pairs {
            match *key {
                "name" => manifest.name = self.languages(value),
                "summary" => manifest.summary = self.languages(value),
                "categories" => manifest.categories = self.texts(value),
                "docs" => manifest.docs = Some(self.text(value)),
                "setup" => manifest.setup = self.languages(value),
                "departures" => manifest.departures = self.texts(value),
                "aliases" => manifest.aliases = self.aliases(value),
                "ingest" => {
                    manifest.ingest =
                        self.items(value).iter().map(|item| self.shape(item)).collect();
                }
                // The others use names that `auth` declares, wherever it stands.
                _ => {}
            }
        }
        if let Some(node) = value("auth") {
            manifest.auth = self.settings(node);
        }
        let settings = manifest.auth.iter().map(|input| input.name.clone()).collect();
        self.allowed = Some(Allowed { settings, roots: ASKING, ..Allowed::default() });
        if let Some(node) = value("select") {
            manifest.select = self.expression(node);
        }
        let connect = value("connect").map(|node| Arc::new(self.connect(node)));
        self.operations(&mut manifest, connect.as_ref(), &value);
        if let Some(node) = value("datasource") {
            self.datasource(&mut manifest, node);
        }
        if let Some(node) = value("verify") {
            manifest.verify = self.signatures(node);
        }
        self.allowed = None;
        manifest
    }

    /// A data source has the queries that rules make.
    fn datasource(&mut self, manifest: &mut Manifest, node: &Node) {
        manifest.datasource = self.one_of(node, keys::LANGUAGES);
        let wanted: &[&str] = match manifest.datasource {
            Some("elasticsearch") => &["search"],
            Some("cloudwatch") => &["metric_data"],
            Some(_) => &["evaluate", "evaluate_range"],
            None => &[],
        };
        for name in wanted {
            if !manifest.queries.iter().any(|query| query.name == *name) {
                self.refuse("BS1404", node.place, format!("the query {name} is missing"));
            }
        }
    }

    fn aliases(&mut self, node: &Node) -> Vec<String> {
        let aliases = self.texts(node);
        for alias in aliases.iter().filter(|alias| alias.trim().is_empty()) {
            self.refuse("BS1406", node.place, format!("{alias:?} is no name"));
        }
        aliases
    }
}
