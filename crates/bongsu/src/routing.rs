//! The routing tree as commands show it.
//!
//! In: the tree and the labels of an alert. Out: the tree drawn, the part of it an alert takes, and
//! the reasons why.

use std::fmt::Write;
use std::path::Path;

use bongsu_config::alertmanager::Config;
use bongsu_lang::Mode;
use bongsu_model::{Labels, Matchers, render_diagnostics};
use bongsu_route::{Route, RouteSpec, RouteTree};

use crate::cli::Failure;
use crate::configuration;

/// The tree of a configuration.
pub(crate) fn tree(config: &Config) -> RouteTree {
    RouteTree::new(&RouteSpec::from(&config.route))
}

/// The configuration at a path.
pub(crate) fn config_of(path: &Path) -> Result<Config, Failure> {
    let files = configuration::load(Some(path), Mode::Fallback)
        .map_err(|found| Failure::no(render_diagnostics(&found)))?;
    Ok(files.config)
}

/// The tree of the configuration at a path.
pub(crate) fn tree_of(path: &Path) -> Result<RouteTree, Failure> {
    config_of(path).map(|config| tree(&config))
}

/// Receivers an alert goes to, in order.
pub(crate) fn receivers(tree: &RouteTree, labels: &Labels) -> Vec<String> {
    taken(tree, labels).into_iter().map(|at| tree.route(at).receiver.to_string()).collect()
}

/// Indexes of the routes an alert takes, in order.
pub(crate) fn taken(tree: &RouteTree, labels: &Labels) -> Vec<usize> {
    let mut found = Vec::new();
    tree.matches(labels, &mut found);
    found
}

/// The whole tree, drawn with lines.
pub(crate) fn draw(tree: &RouteTree) -> String {
    let all: Vec<(usize, String)> = tree
        .routes()
        .iter()
        .map(|route| {
            let proceed = if route.proceed { "  continue: true" } else { "" };
            (route.depth, format!("{}{proceed}  receiver: {}", conditions(route), route.receiver))
        })
        .collect();
    lines(&all)
}

/// The routes an alert passes through, drawn with lines; the ones it takes name their receiver.
pub(crate) fn draw_taken(tree: &RouteTree, labels: &Labels) -> String {
    let taken = taken(tree, labels);
    let shown: Vec<(usize, String)> = visited(tree, labels)
        .into_iter()
        .map(|at| {
            let route = tree.route(at);
            let receiver = match taken.contains(&at) {
                true => format!("  receiver: {}", route.receiver),
                false => String::new(),
            };
            (route.depth, format!("{}{receiver}", conditions(route)))
        })
        .collect();
    lines(&shown)
}

/// Indexes of the routes that match and are reached: the taken ones and those above them.
fn visited(tree: &RouteTree, labels: &Labels) -> Vec<usize> {
    verdicts(tree, labels)
        .into_iter()
        .enumerate()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Passed | Verdict::Taken))
        .map(|(at, _)| at)
        .collect()
}

/// What the tree does with an alert at one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It matches, and one of its children takes the alert.
    Passed,
    /// The alert is sent here.
    Taken,
    /// These of its matchers do not hold.
    Differs(Matchers),
    /// Not looked at: its parent does not match.
    Below,
    /// Not looked at: an earlier sibling took the alert and does not continue.
    Behind,
}

/// The verdict for every route, by index.
pub(crate) fn verdicts(tree: &RouteTree, labels: &Labels) -> Vec<Verdict> {
    let taken = taken(tree, labels);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(tree.routes().len());
    // For each depth: whether its routes are still reached, and if not, why.
    let mut reached: Vec<Option<Verdict>> = vec![None];
    for (at, route) in tree.routes().iter().enumerate() {
        reached.truncate(route.depth + 1);
        let verdict = match &reached[route.depth] {
            Some(why) => why.clone(),
            None => {
                let differing =
                    route.matchers.0.iter().filter(|m| !m.matches(labels)).cloned().collect();
                match Matchers(differing) {
                    differing if !differing.0.is_empty() => Verdict::Differs(differing),
                    _ if taken.contains(&at) => Verdict::Taken,
                    _ => Verdict::Passed,
                }
            }
        };
        let matched = matches!(verdict, Verdict::Taken | Verdict::Passed);
        if matched && !route.proceed {
            reached[route.depth] = Some(Verdict::Behind);
        }
        reached.push((!matched).then_some(Verdict::Below));
        verdicts.push(verdict);
    }
    verdicts
}

/// A route's matchers, or what the root has instead.
pub(crate) fn conditions(route: &Route) -> String {
    match route.matchers.0.is_empty() {
        true => "default-route".to_owned(),
        false => route.matchers.to_string(),
    }
}

/// Draws nodes given with their depth, in depth-first order, below a dot. The blanks after a line
/// are no-break ones, as tree-drawing libraries write them.
fn lines(nodes: &[(usize, String)]) -> String {
    let mut out = String::from(".\n");
    for (at, (depth, text)) in nodes.iter().enumerate() {
        for level in 0..*depth {
            out.push_str(if has_next(nodes, at, level) { "│\u{a0}\u{a0} " } else { "    " });
        }
        let branch = if has_next(nodes, at, *depth) { "├── " } else { "└── " };
        // Writing to a String does not fail.
        let _ = writeln!(out, "{branch}{text}");
    }
    out
}

/// Whether the ancestor at `level` (or the node itself) has a later sibling.
fn has_next(nodes: &[(usize, String)], at: usize, level: usize) -> bool {
    nodes[at + 1..].iter().map(|(depth, _)| *depth).find(|d| *d <= level) == Some(level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_lang::Mode;
    use bongsu_lang::matcher::parse_list;

    fn route(matchers: &str, receiver: &str, proceed: bool, routes: Vec<RouteSpec>) -> RouteSpec {
        RouteSpec {
            receiver: (!receiver.is_empty()).then(|| receiver.into()),
            matchers: parse_list(matchers, Mode::Fallback).unwrap(),
            proceed,
            routes,
            ..RouteSpec::default()
        }
    }

    fn example() -> RouteTree {
        let inner = vec![
            route("severity=critical", "pager", true, vec![]),
            route("owner!=x", "Y", true, vec![]),
        ];
        let outer = vec![
            route("service=~\"a|b\"", "X", false, inner),
            route("service=c", "Y", false, vec![]),
        ];
        RouteTree::new(&route("{}", "default", false, outer))
    }

    #[test]
    fn drawings() {
        let tree = example();
        assert_eq!(
            draw(&tree).replace('\u{a0}', "_"),
            ".\n\
             └── default-route  receiver: default\n    \
             ├── {service=~\"a|b\"}  receiver: X\n    \
             │__ ├── {severity=\"critical\"}  continue: true  receiver: pager\n    \
             │__ └── {owner!=\"x\"}  continue: true  receiver: Y\n    \
             └── {service=\"c\"}  receiver: Y\n"
        );
        let labels = Labels::from_pairs([("service", "a"), ("severity", "critical")]);
        assert_eq!(
            draw_taken(&tree, &labels),
            ".\n\
             └── default-route\n    \
             └── {service=~\"a|b\"}\n        \
             ├── {severity=\"critical\"}  receiver: pager\n        \
             └── {owner!=\"x\"}  receiver: Y\n"
        );
        assert_eq!(receivers(&tree, &labels), ["pager", "Y"]);
    }

    #[test]
    fn reasons() {
        let tree = example();
        let labels = Labels::from_pairs([("service", "a"), ("owner", "x")]);
        let differs = |m: &str| Verdict::Differs(parse_list(m, Mode::Fallback).unwrap());
        assert_eq!(
            verdicts(&tree, &labels),
            [
                Verdict::Passed,
                Verdict::Taken,
                differs("severity=critical"),
                differs("owner!=x"),
                Verdict::Behind,
            ]
        );
        let labels = Labels::from_pairs([("service", "z")]);
        assert_eq!(
            verdicts(&tree, &labels),
            [
                Verdict::Taken,
                differs("service=~\"a|b\""),
                Verdict::Below,
                Verdict::Below,
                differs("service=c"),
            ]
        );
    }
}
