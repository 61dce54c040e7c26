//! A configuration's routing part as the structures the engine works on.
//!
//! In: a valid [`Config`]. Out: a [`Plan`] without alerts, sources or groups.

use bongsu_config::alertmanager::{self, Config};
use bongsu_model::Labels;

use crate::engine::Plan;
use crate::inhibit::{InhibitRule, Inhibitor};
use crate::mute::MuteTimes;
use crate::tree::{GroupBy, RouteSpec, RouteTree};

impl From<&Config> for Plan {
    fn from(config: &Config) -> Self {
        // A null rule inhibits nothing, a rule without matchers everything: the former are left out.
        let rules = config.inhibit_rules.iter().flatten().map(InhibitRule::from);
        let intervals = config
            .named_intervals()
            .map(|named| (named.name.as_str().into(), named.time_intervals.clone()));
        Self {
            tree: RouteTree::new(&RouteSpec::from(&config.route)),
            inhibitor: Inhibitor::new(rules),
            mutes: MuteTimes::new(intervals),
        }
    }
}

impl From<&alertmanager::InhibitRule> for InhibitRule {
    fn from(rule: &alertmanager::InhibitRule) -> Self {
        Self {
            source: rule.source(),
            target: rule.target(),
            equal: rule.equal.iter().map(|name| name.as_str().into()).collect(),
        }
    }
}

impl From<&alertmanager::Route> for RouteSpec {
    fn from(route: &alertmanager::Route) -> Self {
        let names = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let group_by = route.group_by.0.as_ref().map(|names| {
            if route.group_by.is_all() {
                GroupBy::All
            } else {
                GroupBy::Names(names.iter().map(|name| name.as_str().into()).collect())
            }
        });
        Self {
            receiver: Some(route.receiver.as_str()).filter(|name| !name.is_empty()).map(Into::into),
            group_by,
            group_wait: route.group_wait,
            group_interval: route.group_interval,
            repeat_interval: route.repeat_interval,
            matchers: route.all_matchers(),
            proceed: route.r#continue,
            mute_time_intervals: names(&route.mute_time_intervals),
            active_time_intervals: names(&route.active_time_intervals),
            labels: Labels::from_pairs(&route.labels),
            routes: route.routes.iter().map(Self::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_lang::Mode;
    use bongsu_model::Source;

    use super::*;

    #[test]
    fn a_file_becomes_a_plan() {
        let text = "\
route:
  receiver: a
  group_by: [x]
  routes:
  - match_re: {s: 'b|c'}
    matchers: ['q=1']
    group_by: ['...']
    continue: true
    mute_time_intervals: [night]
receivers: [{name: a}]
inhibit_rules:
-
- source_match: {s: b}
  target_matchers: ['s=c']
  equal: [x]
time_intervals:
- name: night
  time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]
";
        let source = Source { name: "am.yml".to_owned(), text: text.to_owned() };
        let (config, _) = alertmanager::load(Arc::new(source), None, Mode::Fallback).unwrap();
        let plan = Plan::from(&config);
        let [root, child] = plan.tree.routes() else { panic!("two routes") };
        assert_eq!(*root.group_by, ["x".into()]);
        assert_eq!(&*child.id, r#"{}/{q="1",s=~"^(?:b|c)$"}/0"#);
        assert_eq!((&*child.receiver, child.group_by_all, child.proceed), ("a", true, true));
        assert_eq!(plan.mutes.muted_by(child, bongsu_model::Timestamp::UNIX_EPOCH).len(), 1);
        assert!(plan.inhibitor.is_source(&Labels::from_pairs([("s", "b")])));
        assert!(!plan.inhibitor.is_source(&Labels::default()));
    }
}
