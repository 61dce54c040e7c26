//! The engine as callers see it: rules.

use bongsu_rules::lint::Policy;
use bongsu_rules::{admission, view};
use serde_json::Value;

use crate::api::{
    Answer, DefinedGroup, EvaluationView, GapView, LastEvaluation, NewGroup, RuleBackend,
    RuleGlobals, RuleObjectsView, RuleStory, RulerError, RulesQuery, SloQuery, SloView,
};
use crate::engine::Engine;
use crate::rules::Evaluation;

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
                let evaluations = evaluations.map(evaluation);
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

    fn last_evaluations(&self) -> Vec<LastEvaluation> {
        let rules = self.0.rules.lock();
        let mut last = Vec::new();
        for group in rules.engine.groups() {
            let datasource = self.0.source_of(group.definition());
            for (place, (rule, run)) in group.rules().enumerate() {
                let known = rules.evaluations.get(run.id()).and_then(|all| all.back());
                last.push(LastEvaluation {
                    group: (group.id().file.to_string(), group.id().name.to_string()),
                    place,
                    name: rule.name.clone(),
                    datasource: datasource.clone(),
                    evaluation: known.map(evaluation),
                    missed: group.missed(),
                });
            }
        }
        last
    }

    fn slos(&self, query: SloQuery) -> Answer<'_, Vec<SloView>> {
        Box::pin(self.0.report_objectives(query))
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

    fn rule_globals(&self) -> RuleGlobals {
        let monitoring = self.0.core.lock().loaded.monitoring();
        let global = &monitoring.global;
        RuleGlobals {
            interval: global.evaluation_interval,
            query_offset: global.rule_query_offset,
            external_labels: global.external_labels.clone(),
        }
    }

    fn defined_groups(&self) -> Vec<DefinedGroup> {
        self.0.defined_groups()
    }

    fn write_group(&self, group: NewGroup) -> Answer<'_, Result<(), RulerError>> {
        Box::pin(self.0.write_group(group))
    }

    fn remove_groups(
        &self,
        namespace: String,
        group: Option<String>,
        by: Option<String>,
    ) -> Answer<'_, Result<(), RulerError>> {
        Box::pin(self.0.remove_groups(namespace, group, by))
    }

    fn rule_objects(&self) -> RuleObjectsView {
        self.0.rule_objects.lock().view()
    }

    fn review_rules(&self, body: &[u8]) -> Result<Value, String> {
        let monitoring = self.0.core.lock().loaded.monitoring();
        // What one object records others ask for.
        let known_recordings = {
            let rules = self.0.rules.lock();
            let all = rules.engine.groups().flat_map(|group| group.rules());
            let recordings = all.filter(|(rule, _)| !rule.kind.is_alerting());
            recordings.map(|(rule, _)| rule.name.clone()).collect()
        };
        let policy = Policy {
            default_interval: monitoring.global.evaluation_interval,
            known_recordings,
            ..Policy::default()
        };
        admission::review(body, &policy)
    }
}

fn evaluation(one: &Evaluation) -> EvaluationView {
    EvaluationView { at: one.at, took: one.took, series: one.series, error: one.error.clone() }
}
