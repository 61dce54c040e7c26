//! Configurations that load but probably do not do what was meant.

mod old_keys;
mod texts;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::{Diagnostic, MatchOp, Matchers, Place, Source};

use super::config::Config;
use super::references::items;
use super::route::Route;
use super::{codes, quoted};

pub use texts::check_template_text;
pub(crate) use texts::looks_copied;

/// Adds warnings about a sound configuration; `root` is the document it was read from.
pub(super) fn check(
    config: &Config,
    root: &Arc<Node>,
    source: &Arc<Source>,
    warnings: &mut Vec<Diagnostic>,
) {
    let mut lints = Lints { source, warnings };
    old_keys::check(root, &mut lints);
    texts::check(root, &mut lints);
    inhibit_rules(config, root, &mut lints);
    unused(config, root, &mut lints);
    if let Some(node) = root.get("route") {
        let defaults =
            Timing { interval: Duration::from_secs(300), repeat: Duration::from_secs(14_400) };
        timing(&config.route, node, &defaults, &mut lints);
        siblings(&config.route, node, &mut lints);
    }
}

/// Where warnings go.
struct Lints<'a> {
    source: &'a Arc<Source>,
    warnings: &'a mut Vec<Diagnostic>,
}

impl Lints<'_> {
    fn warn(&mut self, code: &'static str, node: &Node, message: String, help: &str) {
        let (line, column) = (node.place.line, node.place.column);
        let place = Place { source: Arc::clone(self.source), line, column };
        self.warnings.push(Diagnostic::warning(code, message).at(Some(place)).help(help));
    }
}

fn inhibit_rules(config: &Config, root: &Arc<Node>, lints: &mut Lints<'_>) {
    for (rule, node) in config.inhibit_rules.iter().zip(items(root.get("inhibit_rules"))) {
        if rule.as_ref().is_some_and(|rule| rule.equal.is_empty()) {
            lints.warn(
                codes::INHIBITS_EVERYTHING,
                node,
                "this inhibit rule has no equal: any source alert mutes every target alert".into(),
                "list the labels both alerts must share, for example equal: [alertname, namespace]",
            );
        }
    }
}

fn unused(config: &Config, root: &Arc<Node>, lints: &mut Lints<'_>) {
    let mut receivers = BTreeSet::new();
    let mut intervals = BTreeSet::new();
    let mut open = vec![&config.route];
    while let Some(route) = open.pop() {
        receivers.insert(&*route.receiver);
        intervals.extend(route.mute_time_intervals.iter().map(String::as_str));
        intervals.extend(route.active_time_intervals.iter().map(String::as_str));
        open.extend(&route.routes);
    }
    for (receiver, node) in config.receivers.iter().zip(items(root.get("receivers"))) {
        if !receivers.contains(&*receiver.name) {
            let message = format!("no route uses the receiver {}", quoted(&receiver.name));
            let help = "name it in a route, or remove it";
            lints.warn(codes::UNUSED_RECEIVER, node, message, help);
        }
    }
    let lists = [
        (&config.mute_time_intervals, "mute_time_intervals"),
        (&config.time_intervals, "time_intervals"),
    ];
    for (list, key) in lists {
        for (named, node) in list.iter().zip(items(root.get(key))) {
            if !intervals.contains(&*named.name) {
                let message = format!("no route uses the time interval {}", quoted(&named.name));
                let help = "name it in mute_time_intervals or active_time_intervals of a route";
                lints.warn(codes::UNUSED_INTERVAL, node, message, help);
            }
        }
    }
}

/// What a route inherits of the two timers.
struct Timing {
    interval: Duration,
    repeat: Duration,
}

fn timing(route: &Route, node: &Arc<Node>, inherited: &Timing, lints: &mut Lints<'_>) {
    let own = Timing {
        interval: route.group_interval.unwrap_or(inherited.interval),
        repeat: route.repeat_interval.unwrap_or(inherited.repeat),
    };
    let sets_one = route.group_interval.is_some() || route.repeat_interval.is_some();
    if sets_one && own.interval > own.repeat {
        let print = bongsu_lang::duration::print;
        lints.warn(
            codes::REPEAT_TOO_SHORT,
            node,
            format!(
                "repeat_interval ({}) is shorter than group_interval ({}): groups are looked at only every group_interval",
                print(own.repeat),
                print(own.interval)
            ),
            "make repeat_interval a multiple of group_interval",
        );
    }
    for (child, node) in route.routes.iter().zip(items(node.get("routes"))) {
        timing(child, node, &own, lints);
    }
}

/// Siblings a route is compared with: generated trees have thousands.
const MAX_COMPARED: usize = 1000;

fn siblings(route: &Route, node: &Arc<Node>, lints: &mut Lints<'_>) {
    let conditions: Vec<BTreeSet<String>> =
        route.routes.iter().map(|child| conditions(&child.all_matchers())).collect();
    for (i, (child, node)) in route.routes.iter().zip(items(node.get("routes"))).enumerate() {
        let first = i.saturating_sub(MAX_COMPARED);
        let earlier = route.routes[first..i].iter().zip(&conditions[first..]);
        let blocker = earlier
            .clone()
            .position(|(sibling, before)| !sibling.r#continue && before.is_subset(&conditions[i]));
        let twin = earlier.clone().position(|(_, before)| *before == conditions[i]);
        if let Some(at) = blocker {
            lints.warn(
                codes::UNREACHABLE_ROUTE,
                node,
                format!(
                    "this route never matches: route {} beside it takes all its alerts",
                    first + at + 1
                ),
                "move this route up, or set continue: true on the earlier one",
            );
        } else if let Some(at) = twin {
            lints.warn(
                codes::SHARED_GROUP_KEY,
                node,
                format!("this route has the matchers of route {} beside it: both share what was already sent", first + at + 1),
                "put both receivers' integrations into one receiver, or tell the matchers apart",
            );
        }
        siblings(child, node, lints);
    }
}

/// A route's conditions as printed, without those every alert meets.
fn conditions(matchers: &Matchers) -> BTreeSet<String> {
    let always = |op: MatchOp, value: &str| {
        op == MatchOp::Regex && matches!(value, ".*" | "(.*)" | "^.*$" | "^(?:.*)$")
    };
    matchers
        .0
        .iter()
        .filter(|matcher| !always(matcher.op(), matcher.value()))
        .map(ToString::to_string)
        .collect()
}
