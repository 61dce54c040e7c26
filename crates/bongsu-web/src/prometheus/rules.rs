//! Rules and their alerts.

use std::sync::Arc;

use bongsu_engine::api::{RuleGlobals, RulesQuery};
use bongsu_lang::yaml::{self, Value};
use bongsu_model::Matchers;
use serde_json::json;

use super::{Refusal, finish, limit, parameters, success};
use crate::answer::Answered;
use crate::service::{App, Call};

/// `GET rules`: `type`, `rule_name[]`, `rule_group[]`, `file[]`, `match[]`, `exclude_alerts`,
/// `group_limit`, `group_next_token`.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let made = || {
        let query = parameters(&call);
        let all = |name: &str| query.all(name).map(str::to_owned).collect();
        let alerting = match query.last("type") {
            None => None,
            Some("alert") => Some(true),
            Some("record") => Some(false),
            Some(other) => {
                return Err(Refusal::parameter(
                    "type",
                    format_args!("not supported value {other:?}"),
                ));
            }
        };
        let exclude_alerts = match query.last("exclude_alerts") {
            None | Some("false" | "0" | "f" | "F") => false,
            Some("true" | "1" | "t" | "T") => true,
            Some(other) => {
                let message = format_args!("error converting exclude_alerts: {other:?}");
                return Err(Refusal::parameter("exclude_alerts", message));
            }
        };
        let matchers = query.all("match[]").map(|text| {
            bongsu_promql::parse_selector(text).map(Matchers).map_err(|errors| {
                let first = errors.first().map(|error| error.render(text));
                Refusal::parameter("match[]", first.unwrap_or_default())
            })
        });
        let asked = RulesQuery {
            alerting,
            rule_names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            matchers: matchers.collect::<Result<_, _>>()?,
            exclude_alerts,
            group_limit: Some(limit(&query, "group_limit")?).filter(|limit| *limit > 0),
            next_token: query.last("group_next_token").map(str::to_owned),
        };
        app.backend.rules(&asked).map(|data| success(&data)).map_err(Refusal::bad)
    };
    finish(made())
}

/// `GET status/config`: what rules have in common, as a part of the configuration in YAML.
pub(crate) async fn config(app: Arc<App>, _call: Call) -> Answered {
    let RuleGlobals { interval, query_offset, external_labels } = app.backend.rule_globals();
    let labels =
        external_labels.iter().map(|(k, v)| (Value::from(&**k), Value::from(&**v))).collect();
    let length = |length| Value::from(bongsu_lang::duration::print(length));
    let global = Value::Map(vec![
        (Value::from("evaluation_interval"), length(interval)),
        (Value::from("rule_query_offset"), length(query_offset)),
        (Value::from("external_labels"), Value::Map(labels)),
    ]);
    let text = yaml::emit(&Value::Map(vec![(Value::from("global"), global)]));
    success(&json!({ "yaml": text }))
}

/// `GET alerts`: pending and firing alerts of rules.
pub(crate) async fn alerts(app: Arc<App>, _call: Call) -> Answered {
    success(&app.backend.rule_alerts())
}
