//! Keys with newer names.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};

use super::Lints;
use crate::alertmanager::codes;
use crate::alertmanager::references::items;

const ROUTE: [(&str, &str); 2] = [
    ("match", "use matchers: ['name=\"value\"']"),
    ("match_re", "use matchers: ['name=~\"regex\"']"),
];

const RULE: [(&str, &str); 4] = [
    ("source_match", "use source_matchers: ['name=\"value\"']"),
    ("source_match_re", "use source_matchers: ['name=~\"regex\"']"),
    ("target_match", "use target_matchers: ['name=\"value\"']"),
    ("target_match_re", "use target_matchers: ['name=~\"regex\"']"),
];

pub(super) fn check(root: &Node, lints: &mut Lints<'_>) {
    report(root, &[("mute_time_intervals", "rename it to time_intervals")], lints);
    let mut routes: Vec<&Arc<Node>> = root.get("route").into_iter().collect();
    while let Some(route) = routes.pop() {
        report(route, &ROUTE, lints);
        routes.extend(items(route.get("routes")));
    }
    for rule in items(root.get("inhibit_rules")) {
        report(rule, &RULE, lints);
    }
}

fn report(node: &Node, old: &[(&str, &str)], lints: &mut Lints<'_>) {
    let Kind::Mapping(entries) = &node.kind else { return };
    for entry in entries {
        let found = old.iter().find(|(key, _)| entry.key.text() == Some(key));
        if let Some((key, help)) = found {
            let message = format!("the key {key} is deprecated");
            lints.warn(codes::DEPRECATED_KEY, &entry.key, message, help);
        }
    }
}
