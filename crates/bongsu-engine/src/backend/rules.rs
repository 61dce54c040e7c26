//! The engine as callers see it: rules.

use bongsu_rules::view;
use serde_json::Value;

use crate::api::{EvaluationView, GapView, RuleBackend, RuleStory, RulesQuery};
use crate::engine::Engine;

impl RuleBackend for Engine {
    fn rules(&self, query: &RulesQuery) -> Result<Value, String> {
        view::rules(&self.0.rules.lock().engine, query)
    }

    fn rule_alerts(&self) -> Value {
        view::alerts(&self.0.rules.lock().engine)
    }

    fn rule_stories(&self, name: &str) -> Vec<RuleStory> {
        let rules = self.0.rules.lock();
        let mut stories = Vec::new();
        for group in rules.engine.groups() {
            for (rule, run) in group.rules().filter(|(rule, _)| rule.name == name) {
                let evaluations = rules.evaluations.get(run.id()).into_iter().flatten().rev();
                let evaluations = evaluations.map(|one| EvaluationView {
                    at: one.at,
                    took: one.took,
                    series: one.series,
                    error: one.error.clone(),
                });
                let expr = match run.shown() {
                    "" => rule.expr.clone(),
                    shown => shown.to_owned(),
                };
                stories.push(RuleStory {
                    group: (group.id().file.to_string(), group.id().name.to_string()),
                    name: rule.name.clone(),
                    expr,
                    datasource: self.0.source_of(group.definition()),
                    evaluations: evaluations.collect(),
                    alerts: view::active(run).collect(),
                });
            }
        }
        stories
    }

    fn gaps(&self) -> Vec<GapView> {
        let rules = self.0.rules.lock();
        let view = |gap: &crate::rules::Gap| GapView {
            group: (gap.group.file.to_string(), gap.group.name.to_string()),
            after: gap.after,
            until: gap.until,
            missed: gap.missed,
        };
        rules.gaps.iter().rev().map(view).collect()
    }
}
