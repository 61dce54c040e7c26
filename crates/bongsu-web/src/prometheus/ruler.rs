//! The API of rulers: groups of rules are read and written, as Grafana, mimirtool and their like do
//! with Mimir.
//!
//! In: `/prometheus/config/v1/rules…`, one group in YAML. Out: YAML, 202, or what is wrong in plain
//! text. `?owner=` says whose a group is.

use std::sync::Arc;

use bongsu_engine::api::{DefinedGroup, GroupOrigin, NewGroup, RulerError};
use bongsu_lang::yaml::{self, Value};
use bongsu_model::Diagnostic;
use http::StatusCode;
use serde_json::json;

use crate::answer::{self, Answered, Family};
use crate::service::{App, Call};

/// `GET config/v1/rules`: namespaces with what was written into them.
pub(crate) async fn all(app: Arc<App>, _call: Call) -> Answered {
    namespaces(&app, None)
}

/// `GET config/v1/rules/{namespace}`.
pub(crate) async fn of_namespace(app: Arc<App>, call: Call) -> Answered {
    namespaces(&app, Some(&call.parameter(0)))
}

/// `GET config/v1/rules/{namespace}/{group}`.
pub(crate) async fn one(app: Arc<App>, call: Call) -> Answered {
    let (namespace, name) = (call.parameter(0), call.parameter(1));
    let groups = written(&app);
    match groups.iter().find(|known| known.file == namespace && known.name == name) {
        Some(found) => document(&found.definition),
        None => refused(&RulerError::UnknownGroup),
    }
}

/// `POST config/v1/rules/{namespace}`: writes one group; 202 once it is durable and in force.
pub(crate) async fn write(app: Arc<App>, call: Call) -> Answered {
    let Ok(text) = std::str::from_utf8(&call.body) else {
        return plain(StatusCode::BAD_REQUEST, "the group is not UTF-8");
    };
    let owner = call.query.last("owner").filter(|owner| !owner.is_empty()).map(str::to_owned);
    let group =
        NewGroup { namespace: call.parameter(0), text: text.to_owned(), owner, by: call.user() };
    accepted(app.backend.write_group(group).await)
}

/// `DELETE config/v1/rules/{namespace}`.
pub(crate) async fn remove_namespace(app: Arc<App>, call: Call) -> Answered {
    accepted(app.backend.remove_groups(call.parameter(0), None, call.user()).await)
}

/// `DELETE config/v1/rules/{namespace}/{group}`.
pub(crate) async fn remove(app: Arc<App>, call: Call) -> Answered {
    let group = Some(call.parameter(1));
    accepted(app.backend.remove_groups(call.parameter(0), group, call.user()).await)
}

fn written(app: &App) -> Vec<DefinedGroup> {
    let mut groups = app.backend.defined_groups();
    groups.retain(|known| matches!(known.origin, GroupOrigin::Written { .. }));
    groups
}

/// Groups by namespace; none are an empty mapping.
fn namespaces(app: &App, of: Option<&str>) -> Answered {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for known in written(app) {
        let DefinedGroup { file, definition, .. } = known;
        if of.is_some_and(|of| of != file) {
            continue;
        }
        match pairs.last_mut() {
            Some((name, Value::List(groups))) if name.as_str() == Some(&file) => {
                groups.push(definition);
            }
            _ => pairs.push((Value::from(file), Value::List(vec![definition]))),
        }
    }
    document(&Value::Map(pairs))
}

fn document(value: &Value) -> Answered {
    answer::typed("application/yaml", yaml::emit(value))
}

fn plain(status: StatusCode, message: &str) -> Answered {
    answer::error(Family::Plain, status, "", message)
}

fn accepted(done: Result<(), RulerError>) -> Answered {
    match done {
        Ok(()) => {
            let nothing = json!({"status": "success", "data": null, "errorType": "", "error": ""});
            answer::json(StatusCode::ACCEPTED, &nothing)
        }
        Err(error) => refused(&error),
    }
}

/// What is wrong, a line each.
fn refused(error: &RulerError) -> Answered {
    let message = error.to_string();
    let status = match error {
        RulerError::Refused(found) => {
            let lines: Vec<String> = found.iter().map(Diagnostic::on_one_line).collect();
            return plain(StatusCode::BAD_REQUEST, &lines.join("\n"));
        }
        RulerError::TooMuch(_) => StatusCode::BAD_REQUEST,
        RulerError::Fixed(_) => StatusCode::CONFLICT,
        RulerError::UnknownGroup | RulerError::UnknownNamespace => StatusCode::NOT_FOUND,
        RulerError::Overloaded { retry_after } => {
            return answer::too_many(Family::Plain, &message, *retry_after);
        }
        RulerError::Store(problem) => return answer::store(Family::Plain, problem, &message),
    };
    plain(status, &message)
}
