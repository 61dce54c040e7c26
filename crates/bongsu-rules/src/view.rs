//! Groups, rules and alerts as Prometheus' API shows them.
//!
//! In: an [`Engine`], the filters of a request. Out: the `data` of `/api/v1/rules` and of
//! `/api/v1/alerts`.

use std::time::Duration;

use bongsu_model::{LabelHash, Labels, Matchers, Timestamp};
use serde_json::{Map, Value, json};

use crate::engine::{AlertState, Engine, GroupRun, Health, Phase, RuleRun};
use crate::rule::{Rule, RuleKind};

/// What of the rules is asked for; empty lists let everything through.
#[derive(Clone, Debug, Default)]
pub struct RulesQuery {
    /// `type`: alerting rules (`true`) or recording rules only.
    pub alerting: Option<bool>,
    /// `rule_name[]`
    pub rule_names: Vec<String>,
    /// `rule_group[]`
    pub groups: Vec<String>,
    /// `file[]`
    pub files: Vec<String>,
    /// `match[]`: sets of which one must fit the rule's labels.
    pub matchers: Vec<Matchers>,
    /// `exclude_alerts`
    pub exclude_alerts: bool,
    /// `group_limit`
    pub group_limit: Option<usize>,
    /// `group_next_token`
    pub next_token: Option<String>,
}

/// The `data` of `/api/v1/rules`.
///
/// # Errors
/// Why the page asked for does not exist, in Prometheus' words.
pub fn rules(engine: &Engine, query: &RulesQuery) -> Result<Value, String> {
    let limit = query.group_limit.filter(|limit| *limit > 0);
    if limit.is_none() && query.next_token.is_some() {
        return Err("group_limit needs to be paired with group_next_token".to_owned());
    }
    let mut page = Vec::new();
    let mut following = None;
    let mut begun = query.next_token.is_none();
    for run in engine.groups() {
        begun = begun || query.next_token.as_ref() == Some(&token(run));
        if !begun || !query.wants_group(run) {
            continue;
        }
        let Some(group) = group(run, query) else { continue };
        if limit == Some(page.len()) {
            following = Some(token(run));
            break;
        }
        page.push(group);
    }
    if let (false, Some(token)) = (begun, &query.next_token) {
        return Err(format!("invalid group_next_token '{token}'. were rule groups changed?"));
    }
    let mut data = json!({ "groups": page });
    if let Some(token) = following {
        data["groupNextToken"] = token.into();
    }
    Ok(data)
}

/// The `data` of `/api/v1/alerts`.
pub fn alerts(engine: &Engine) -> Value {
    let rules = engine.groups().flat_map(GroupRun::rules);
    let alerts: Vec<Value> = rules.flat_map(|(_, run)| active(run)).collect();
    json!({ "alerts": alerts })
}

/// A float in Go's exponent form: `4.2e+01`.
pub fn exponent(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

impl RulesQuery {
    fn wants_group(&self, run: &GroupRun) -> bool {
        let id = run.id();
        let listed = |list: &[String], name: &str| {
            list.is_empty() || list.iter().any(|listed| listed == name)
        };
        listed(&self.groups, &id.name) && listed(&self.files, &id.file)
    }

    fn wants_rule(&self, rule: &Rule) -> bool {
        let named = self.rule_names.is_empty() || self.rule_names.contains(&rule.name);
        let of_type = self.alerting.is_none_or(|alerting| rule.kind.is_alerting() == alerting);
        named && of_type && self.matches(rule)
    }

    /// Labels that are expanded for each alert cannot be matched.
    fn matches(&self, rule: &Rule) -> bool {
        if self.matchers.is_empty() {
            return true;
        }
        let plain = rule.labels.iter().filter(|(_, value)| !value.contains("{{"));
        let labels = Labels::from_pairs(plain);
        self.matchers.iter().any(|matchers| matchers.matches(&labels))
    }
}

/// Names a group for the next page.
fn token(run: &GroupRun) -> String {
    let id = run.id();
    let LabelHash(hash) = LabelHash::of([(&*id.file, &*id.name)].into_iter());
    format!("{hash:016x}")
}

fn group(run: &GroupRun, query: &RulesQuery) -> Option<Value> {
    let wanted = run.rules().filter(|(rule, _)| query.wants_rule(rule));
    let rules: Vec<Value> =
        wanted.map(|(rule, state)| rule_value(rule, state, query.exclude_alerts)).collect();
    if rules.is_empty() {
        return None;
    }
    let id = run.id();
    Some(json!({
        "name": &*id.name,
        "file": &*id.file,
        "rules": rules,
        "interval": seconds(run.interval()),
        "limit": run.definition().limit,
        "evaluationTime": run.evaluation_time().as_secs_f64(),
        "lastEvaluation": instant(run.last_evaluation()),
    }))
}

fn rule_value(rule: &Rule, run: &RuleRun, exclude_alerts: bool) -> Value {
    let mut value = Map::new();
    let mut set = |key: &str, part: Value| value.insert(key.to_owned(), part);
    match &rule.kind {
        RuleKind::Alerting { hold, keep_firing, annotations } => {
            let phase = run.alerts().map(|alert| alert.phase).max().unwrap_or(Phase::Inactive);
            set("state", phase.as_str().into());
            set("name", rule.name.clone().into());
            set("query", run.shown().into());
            set("duration", seconds(*hold));
            set("keepFiringFor", seconds(*keep_firing));
            set("labels", json!(rule.labels));
            set("annotations", json!(annotations));
            let alerts: Vec<Value> =
                if exclude_alerts { Vec::new() } else { active(run).collect() };
            set("alerts", alerts.into());
        }
        RuleKind::Recording => {
            set("name", rule.name.clone().into());
            set("query", run.shown().into());
            if !rule.labels.is_empty() {
                set("labels", json!(rule.labels));
            }
        }
    }
    let (health, error) = match run.health() {
        Health::Unknown => ("unknown", None),
        Health::Ok => ("ok", None),
        Health::Failed(message) => ("err", Some(message)),
    };
    set("health", health.into());
    if let Some(message) = error {
        set("lastError", message.clone().into());
    }
    set("evaluationTime", run.evaluation_time().as_secs_f64().into());
    set("lastEvaluation", instant(run.last_evaluation()).into());
    set("type", if rule.kind.is_alerting() { "alerting" } else { "recording" }.into());
    Value::Object(value)
}

/// Pending and firing alerts of a rule, as the API shows them.
pub fn active(run: &RuleRun) -> impl Iterator<Item = Value> {
    run.alerts().filter(|alert| alert.phase != Phase::Inactive).map(alert_value)
}

fn alert_value(alert: &AlertState) -> Value {
    let mut value = json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.phase.as_str(),
        "activeAt": alert.active_at.to_string(),
    });
    if let Some(since) = alert.keep_firing_since {
        value["keepFiringSince"] = since.to_string().into();
    }
    value["value"] = exponent(alert.value).into();
    value
}

/// Whole seconds without a fraction, as Go prints them.
fn seconds(duration: Duration) -> Value {
    match duration.subsec_nanos() {
        0 => duration.as_secs().into(),
        _ => duration.as_secs_f64().into(),
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::{MatchOp, Matcher, Source};
    use bongsu_promql::{Number, Sample, Value as Answered};

    use super::*;
    use crate::engine::{Answer, Effect, Input, Options};
    use crate::file;

    const RULES: &str = "
groups:
- name: a
  interval: 30s
  eval_offset: 0s
  rules:
  - {alert: A, expr: 'm  >  1', for: 1m, labels: {severity: page, x: '{{ $value }}'}, annotations: {s: t}}
  - {record: r, expr: m, labels: {team: sre}}
- name: b
  eval_offset: 0s
  rules: [{record: q, expr: m}]
";

    fn engine() -> Engine {
        let source = Arc::new(Source { name: "r.yml".to_owned(), text: RULES.to_owned() });
        let groups = file::read(&source, &file::Options::default()).unwrap().groups;
        let mut engine = Engine::new(Options::default());
        let at = |second| Timestamp::from_second(second).unwrap();
        engine.step(at(0), Input::Reload(groups));
        let mut inputs = vec![Input::Tick];
        while let Some(input) = inputs.pop() {
            for effect in engine.step(at(30), input) {
                if let Effect::Ask(question) = effect {
                    let labels = Labels::from_pairs([("i", "1")]);
                    let sample = Sample { labels, time: 0, value: Number::Float(42.0) };
                    let answer = Answer::Value(Answered::Vector(vec![sample]));
                    inputs.push(Input::Answer(question.id, Ok(answer)));
                }
            }
        }
        engine
    }

    #[test]
    fn rules_and_alerts() {
        let engine = engine();
        let shown = rules(&engine, &RulesQuery::default()).unwrap();
        insta::assert_json_snapshot!(shown);
        insta::assert_json_snapshot!(alerts(&engine));
    }

    fn names(query: &RulesQuery) -> String {
        let shown = rules(&engine(), query).unwrap();
        let groups = shown["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| rule["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn filters() {
        let all = RulesQuery::default;
        let matcher = |name: &str, value: &str| {
            Matchers(vec![Matcher::new(name, MatchOp::Regex, value).unwrap()])
        };
        for (query, want) in [
            (all(), "A r q"),
            (RulesQuery { alerting: Some(true), ..all() }, "A"),
            (RulesQuery { alerting: Some(false), ..all() }, "r q"),
            (RulesQuery { rule_names: vec!["q".into(), "A".into()], ..all() }, "A q"),
            (RulesQuery { groups: vec!["b".into()], ..all() }, "q"),
            (RulesQuery { files: vec!["x".into()], ..all() }, ""),
            (
                RulesQuery {
                    matchers: vec![matcher("team", "s.*"), matcher("severity", "page")],
                    ..all()
                },
                "A r",
            ),
            (RulesQuery { matchers: vec![matcher("x", ".+")], ..all() }, ""),
        ] {
            assert_eq!(names(&query), want, "{query:?}");
        }
    }

    #[test]
    fn pages() {
        let engine = engine();
        let mut query = RulesQuery { group_limit: Some(1), ..RulesQuery::default() };
        let first = rules(&engine, &query).unwrap();
        assert_eq!(first["groups"][0]["name"], "a");
        query.next_token = first["groupNextToken"].as_str().map(str::to_owned);
        let second = rules(&engine, &query).unwrap();
        assert_eq!(
            (&second["groups"][0]["name"], second.get("groupNextToken")),
            (&"b".into(), None)
        );
        query.next_token = Some("x".to_owned());
        assert_eq!(
            rules(&engine, &query).unwrap_err(),
            "invalid group_next_token 'x'. were rule groups changed?"
        );
        query.group_limit = None;
        assert!(rules(&engine, &query).is_err());
    }

    #[test]
    fn exponents() {
        for (value, want) in [
            (42.0, "4.2e+01"),
            (1.0, "1e+00"),
            (-0.00012, "-1.2e-04"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(exponent(value), want);
        }
    }
}
