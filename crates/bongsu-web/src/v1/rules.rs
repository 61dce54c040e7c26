//! What Prometheus' API does not say of rules: how they are written and where they are from, their
//! last evaluations, and those that did not take place; objects of a cluster they come from, and
//! whether such an object is sound.

use std::sync::Arc;

use bongsu_engine::api::{DefinedGroup, EvaluationView, GroupOrigin};
use bongsu_lang::yaml;
use bongsu_model::Diagnostic;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::Page;
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// The last evaluations of a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoryJson {
    file: String,
    group: String,
    name: String,
    expr: String,
    /// What the group asks: `local`, or an instance of `providers.yaml`.
    datasource: String,
    /// The last first.
    evaluations: Vec<EvaluationJson>,
    /// Pending and firing alerts, as Prometheus' API shows them.
    #[schema(value_type = Vec<Object>)]
    alerts: Vec<Value>,
}

/// One evaluation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvaluationJson {
    /// The instant it was about.
    at: String,
    /// How long the answer took.
    seconds: f64,
    /// Series in the answer.
    series: usize,
    /// Why it failed.
    error: Option<String>,
}

/// The last evaluation of a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastEvaluationJson {
    file: String,
    group: String,
    /// Its place in the group, from 0.
    place: usize,
    name: String,
    /// What the group asks.
    datasource: String,
    /// Evaluations of the group that did not take place since the server began.
    missed: u64,
    /// Null before the first.
    evaluation: Option<EvaluationJson>,
}

/// Evaluations of a group that did not take place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapJson {
    file: String,
    group: String,
    /// The last evaluation before.
    after: String,
    /// The first one after.
    until: String,
    /// How many.
    missed: u64,
}

/// A group as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RuleGroup)]
pub(crate) struct GroupJson {
    /// Its file, object, pack or namespace.
    file: String,
    group: String,
    /// `file`, `pack` or `api`.
    origin: &'static str,
    /// Whose it is, if whoever wrote it through the API said so.
    owner: Option<String>,
    /// Who wrote it through the API.
    by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// It rests: its namespace is now the name of a file.
    hidden: bool,
    /// The group with all its rules, in YAML.
    text: String,
}

impl From<DefinedGroup> for GroupJson {
    fn from(defined: DefinedGroup) -> Self {
        let DefinedGroup { file, name: group, definition, origin, hidden } = defined;
        let (mut owner, mut by, mut at) = (None, None, None);
        let origin = match origin {
            GroupOrigin::File => "file",
            GroupOrigin::Pack => "pack",
            GroupOrigin::Written { owner: whose, by: who, at: when } => {
                (owner, by, at) = (whose, who, Some(when.to_string()));
                "api"
            }
        };
        Self { file, group, origin, owner, by, at, hidden, text: yaml::emit(&definition) }
    }
}

/// `GET /api/v1/rules/groups`: those of files and packs, then those that were written.
pub(crate) async fn groups(app: Arc<App>, _call: Call) -> Answered {
    let items = app.backend.defined_groups().into_iter().map(GroupJson::from).collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// `GET /api/v1/rules/{name}/evaluations`: of every rule of the name.
pub(crate) async fn evaluations(app: Arc<App>, call: Call) -> Answered {
    let name = call.parameter(0);
    let stories = app.backend.rule_stories(&name);
    if stories.is_empty() {
        let message = format!("no rule is called {name}");
        return answer::error(Family::V1, StatusCode::NOT_FOUND, "rule_not_found", &message);
    }
    let items: Vec<StoryJson> = stories
        .into_iter()
        .map(|story| StoryJson {
            file: story.group.0,
            group: story.group.1,
            name: story.name,
            expr: story.expr,
            datasource: story.datasource,
            evaluations: story.evaluations.into_iter().map(EvaluationJson::from).collect(),
            alerts: story.alerts,
        })
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// `GET /api/v1/rules/evaluations`: the last one of every rule.
pub(crate) async fn last(app: Arc<App>, _call: Call) -> Answered {
    let items: Vec<LastEvaluationJson> = app
        .backend
        .last_evaluations()
        .into_iter()
        .map(|last| LastEvaluationJson {
            file: last.group.0,
            group: last.group.1,
            place: last.place,
            name: last.name,
            datasource: last.datasource,
            missed: last.missed,
            evaluation: last.evaluation.map(EvaluationJson::from),
        })
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

impl From<EvaluationView> for EvaluationJson {
    fn from(one: EvaluationView) -> Self {
        Self {
            at: one.at.to_string(),
            seconds: one.took.as_secs_f64(),
            series: one.series,
            error: one.error,
        }
    }
}

/// `GET /api/v1/rules/gaps`: the last first.
pub(crate) async fn gaps(app: Arc<App>, _call: Call) -> Answered {
    let gaps = app.backend.gaps().into_iter();
    let items: Vec<GapJson> = gaps
        .map(|gap| GapJson {
            file: gap.group.0,
            group: gap.group.1,
            after: gap.after.to_string(),
            until: gap.until.to_string(),
            missed: gap.missed,
        })
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// Objects of a cluster whose rules are evaluated here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleObjectsJson {
    /// Whether `kubernetes_rules` is set.
    configured: bool,
    /// Whether they are known as the cluster has them now.
    current: bool,
    /// Why they are not.
    problem: Option<String>,
    /// By namespace and name.
    items: Vec<RuleObjectJson>,
}

/// An object.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleObjectJson {
    namespace: String,
    name: String,
    /// `accepted`, or `refused`: of its last version.
    state: &'static str,
    /// The version seen last.
    version: String,
    /// The version whose rules are evaluated, if one was ever accepted.
    evaluated_version: Option<String>,
    /// Groups of that version.
    groups: Vec<String>,
    /// Rules of that version.
    rules: usize,
    /// Why the version seen last is refused.
    faults: Vec<FindingJson>,
    /// What is doubtful about it.
    warnings: Vec<FindingJson>,
}

/// A finding, with its place in the object as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingJson {
    code: &'static str,
    message: String,
    help: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

impl From<Diagnostic> for FindingJson {
    fn from(found: Diagnostic) -> Self {
        let (line, column) = found.place.map(|place| (place.line, place.column)).unzip();
        Self { code: found.code, message: found.message, help: found.help, line, column }
    }
}

/// `GET /api/v1/rules/objects`.
pub(crate) async fn objects(app: Arc<App>, _call: Call) -> Answered {
    let view = app.backend.rule_objects();
    let findings = |found: Vec<Diagnostic>| found.into_iter().map(FindingJson::from).collect();
    let items = view.objects.into_iter().map(|object| RuleObjectJson {
        namespace: object.namespace,
        name: object.name,
        state: if object.faults.is_empty() { "accepted" } else { "refused" },
        version: object.version,
        evaluated_version: object.valid,
        groups: object.groups,
        rules: object.rules,
        faults: findings(object.faults),
        warnings: findings(object.warnings),
    });
    let (configured, current, problem) = (view.configured, view.current, view.problem);
    let shown = RuleObjectsJson { configured, current, problem, items: items.collect() };
    answer::json(StatusCode::OK, &shown)
}

/// `POST /api/v1/admission/rules`: the validating webhook of a cluster.
pub(crate) async fn admission(app: Arc<App>, call: Call) -> Answered {
    match app.backend.review_rules(&call.body) {
        Ok(review) => answer::json(StatusCode::OK, &review),
        Err(message) => {
            let help = "send an AdmissionReview of admission.k8s.io/v1 with a request";
            Problem::new("review_malformed", message, help).answer(StatusCode::BAD_REQUEST)
        }
    }
}
