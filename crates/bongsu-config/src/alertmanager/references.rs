//! The root route, and names that must exist or be unique.

use std::collections::HashSet;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::Diagnostic;

use super::document::Document;
use super::intervals::NamedIntervals;
use super::receivers::Receiver;
use super::{codes, quoted};
use crate::settings::Reader;
use bongsu_lang::suggest::nearest;

/// Runs the checks in Alertmanager's order.
pub(super) fn check(
    document: &Document,
    receivers: &[Receiver],
    reader: &Reader,
    later: &mut Vec<Diagnostic>,
) {
    let mut names = Names {
        reader,
        receivers: receivers.iter().map(|receiver| &*receiver.name).collect(),
        intervals: HashSet::new(),
        later,
    };
    let Some(root) = document.route_node.as_ref().filter(|node| !node.is_null()) else {
        names.later.push(Diagnostic::error(codes::ROOT_ROUTE, "no routes provided"));
        return;
    };
    names.root(document, root);
    names.used_receivers(root);
    let lists = [
        (&document.mute_time_intervals, &document.mute_node, "mute time interval"),
        (&document.time_intervals, &document.time_node, "time interval"),
    ];
    for (list, node, what) in lists {
        names.defined_intervals(list, node.as_ref(), what);
    }
    names.used_intervals(root);
    if document.route.as_ref().is_some_and(|route| route.r#continue) {
        names.say(codes::ROOT_ROUTE, root, "cannot have continue in root route".to_owned(), None);
    }
}

struct Names<'a> {
    reader: &'a Reader,
    receivers: HashSet<&'a str>,
    intervals: HashSet<&'a str>,
    later: &'a mut Vec<Diagnostic>,
}

impl<'a> Names<'a> {
    fn say(&mut self, code: &'static str, node: &Node, message: String, near: Option<&str>) {
        let diagnostic = Diagnostic::error(code, message).at(self.reader.place(node));
        self.later.push(match near {
            Some(near) => diagnostic.help(format!("did you mean {}?", quoted(near))),
            None => diagnostic,
        });
    }

    fn root(&mut self, document: &Document, node: &Node) {
        // A root that could not be read has been reported already.
        let Some(root) = &document.route else { return };
        let wrong = [
            (root.receiver.is_empty(), "root route must specify a default receiver"),
            (
                !root.r#match.is_empty()
                    || !root.match_re.0.is_empty()
                    || !root.matchers.0.is_empty(),
                "root route must not have any matchers",
            ),
            (
                !root.mute_time_intervals.is_empty(),
                "root route must not have any mute time intervals",
            ),
            (
                !root.active_time_intervals.is_empty(),
                "root route must not have any active time intervals",
            ),
        ];
        for (_, message) in wrong.iter().filter(|(wrong, _)| *wrong) {
            self.say(codes::ROOT_ROUTE, node, (*message).to_owned(), None);
        }
    }

    /// Children before their parent.
    fn used_receivers(&mut self, route: &Node) {
        for child in items(route.get("routes")) {
            self.used_receivers(child);
        }
        let Some(node) = route.get("receiver").filter(|node| !node.is_null()) else { return };
        let Some(name) = node.text().filter(|name| !name.is_empty()) else { return };
        if !self.receivers.contains(name) {
            let near = near(name, &self.receivers);
            let message = format!("undefined receiver {} used in route", quoted(name));
            self.say(codes::UNDEFINED_RECEIVER, node, message, near);
        }
    }

    fn defined_intervals(
        &mut self,
        list: &'a [NamedIntervals],
        node: Option<&Arc<Node>>,
        what: &str,
    ) {
        for (i, named) in list.iter().enumerate() {
            if !self.intervals.insert(&named.name) {
                let place = items(node).nth(i).or(node);
                let message = format!("{what} {} is not unique", quoted(&named.name));
                if let Some(place) = place {
                    self.say(codes::INTERVAL_NAME, place, message, None);
                }
            }
        }
    }

    /// Children before their parent; in a route the active ones first.
    fn used_intervals(&mut self, route: &Node) {
        for child in items(route.get("routes")) {
            self.used_intervals(child);
        }
        for key in ["active_time_intervals", "mute_time_intervals"] {
            for node in items(route.get(key)) {
                let name = if node.is_null() { Some("") } else { node.text() };
                let Some(name) = name.filter(|name| !self.intervals.contains(*name)) else {
                    continue;
                };
                let near = near(name, &self.intervals);
                let message = format!("undefined time interval {} used in route", quoted(name));
                self.say(codes::UNDEFINED_INTERVAL, node, message, near);
            }
        }
    }
}

fn near<'a>(name: &str, known: &HashSet<&'a str>) -> Option<&'a str> {
    let mut known: Vec<&str> = known.iter().copied().collect();
    known.sort_unstable();
    nearest(name, known.iter().copied())
}

/// Items of a list; nothing for anything else.
pub(super) fn items(node: Option<&Arc<Node>>) -> impl Iterator<Item = &Arc<Node>> {
    match node.map(|node| &node.kind) {
        Some(Kind::Sequence(items)) => items.iter(),
        _ => [].iter(),
    }
}
