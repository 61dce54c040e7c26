//! Facets: which there are, how often their values occur, which fields could be one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_engine::api::Search;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, unread};
use crate::answer::{self, Answered};
use crate::service::{App, Call};
use crate::v1::wide::{both, program};

/// Id, field, what it is called.
const FACETS: [(&str, &str, &str); 6] = [
    ("severity", "severity", "Severity"),
    ("status", "status", "Status"),
    ("source", "providerType", "Source"),
    ("service", "service", "Service"),
    ("incident", "incident", "Incident"),
    ("dismissed", "dismissed", "Dismissed"),
];
/// Values of a facet.
const VALUES: usize = 50;
/// The last reported alerts that are looked at for their fields, and fields named.
const SAMPLE: usize = 200;
const FIELDS: usize = 1000;

/// `GET /alerts/facets`.
pub(crate) async fn list(_app: Arc<App>, _call: Call) -> Answered {
    let one = |(id, _, name): (&str, &str, &str)| {
        json!({
            "id": id, "property_path": id, "name": name, "description": Value::Null,
            "is_static": true, "is_lazy": false, "type": "str",
        })
    };
    answer::json(StatusCode::OK, &FACETS.map(one))
}

/// A condition for all, and one for each facet that is to be counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    cel: Option<String>,
    facet_queries: Option<BTreeMap<String, Option<String>>>,
}

/// `POST /alerts/facets/options`.
pub(crate) async fn options(app: Arc<App>, call: Call) -> Answered {
    match counted(&app, &call).await {
        Ok(counted) => answer::json(StatusCode::OK, &counted),
        Err(refused) => refused,
    }
}

async fn counted(app: &Arc<App>, call: &Call) -> Result<BTreeMap<String, Value>, Answered> {
    let asked: Options = body(call)?;
    let cel = asked.cel.as_deref().unwrap_or_default();
    let queries = asked
        .facet_queries
        .unwrap_or_else(|| FACETS.iter().map(|(id, ..)| ((*id).to_owned(), None)).collect());
    let mut counted = BTreeMap::new();
    for (id, own) in queries {
        // What is no facet has no values.
        let Some((_, field, _)) = FACETS.iter().find(|(known, ..)| *known == id) else {
            counted.insert(id, json!([]));
            continue;
        };
        let cel = program("cel", &both(cel, own.as_deref().unwrap_or_default()))?;
        let search = Search { cel, limit: VALUES, ..Search::default() };
        let found = app.backend.facets(search, vec![(*field).to_owned()]).await;
        let values: Vec<Value> = found
            .map_err(|e| unread(&e))?
            .values
            .into_iter()
            .flatten()
            .map(|value| option(&id, value.value.as_deref(), value.count))
            .collect();
        counted.insert(id, values.into());
    }
    Ok(counted)
}

fn option(id: &str, value: Option<&str>, count: u64) -> Value {
    // Where a flag is missing it does not hold.
    let value = match (id, value) {
        ("dismissed", Some("1" | "true")) => json!(true),
        ("dismissed", _) => json!(false),
        (_, None) => Value::Null,
        (_, Some(text)) => text.into(),
    };
    let shown = match &value {
        Value::Null => "None".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    json!({"display_name": shown, "value": value, "matches_count": count})
}

/// `GET /alerts/facets/fields`: paths of fields among the alerts reported last.
pub(crate) async fn fields(app: Arc<App>, _call: Call) -> Answered {
    let found = match app.backend.search(Search { limit: SAMPLE, ..Search::default() }).await {
        Ok(found) => found,
        Err(problem) => return unread(&problem),
    };
    let mut names = BTreeSet::new();
    for (name, value) in found.iter().filter_map(|found| found.alert.as_object()).flatten() {
        if names.len() >= FIELDS {
            break;
        }
        match value {
            Value::Object(below) => {
                names.extend(below.keys().map(|key| format!("{name}.{key}")));
            }
            _ => drop(names.insert(name.clone())),
        }
    }
    answer::json(StatusCode::OK, &names)
}
