//! Rules that read what the rules of their own objective record.
//!
//! What is recorded is kept by whoever evaluates, so such rules ask there, also where the indicator
//! itself is asked elsewhere.

use std::collections::BTreeSet;

use bongsu_promql::Expr;

use crate::rule::{Group, GroupOptions, Rule, RuleKind};

/// What the name of a group ends in that was taken apart.
const SUFFIX: &str = ":recorded";

/// Takes the groups of one objective apart: rules about recorded series only go into groups of their
/// own that ask `keeper`, the data source that keeps what is recorded. They come right after the
/// group they were in; groups without such rules stay as they are.
pub fn apart(groups: Vec<Group>, keeper: &str) -> Vec<Group> {
    let rules = groups.iter().flat_map(|group| &group.rules);
    let recording = rules.filter(|rule| matches!(rule.kind, RuleKind::Recording));
    let recorded: BTreeSet<String> = recording.map(|rule| rule.name.clone()).collect();
    let mut made = Vec::with_capacity(groups.len());
    for mut group in groups {
        let all = std::mem::take(&mut group.rules);
        let (own, asked): (Vec<Rule>, Vec<Rule>) =
            all.into_iter().partition(|rule| reads_only(rule, &recorded));
        let name = if asked.is_empty() { group.name.clone() } else { group.name.clone() + SUFFIX };
        if !asked.is_empty() {
            made.push(Group { rules: asked, ..group.clone() });
        }
        if !own.is_empty() {
            let (datasource, options) = (Some(keeper.to_owned()), GroupOptions::default());
            made.push(Group { name, datasource, options, rules: own, ..group });
        }
    }
    made
}

/// The name a group had before it was taken apart.
pub fn whole(name: &str) -> &str {
    name.strip_suffix(SUFFIX).unwrap_or(name)
}

/// Whether all series an expression selects are recorded ones; it may select none.
fn reads_only(rule: &Rule, recorded: &BTreeSet<String>) -> bool {
    let Ok(expr) = bongsu_promql::parse(&rule.expr) else { return false };
    let mut only = true;
    expr.walk(&mut |node: &Expr| {
        if let Some(selector) = node.selector() {
            only &= selector.metric().is_some_and(|name| recorded.contains(name));
        }
    });
    only
}
