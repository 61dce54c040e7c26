//! What Prometheus' API does not say of rules: how they are written and where they are from, their
//! last evaluations, and those that did not take place.

use std::sync::Arc;

use bongsu_engine::api::{DefinedGroup, EvaluationView, GroupOrigin};
use bongsu_lang::yaml;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::Page;
use crate::answer::{self, Answered, Family};
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
