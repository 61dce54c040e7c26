//! Providers that are known and those that are installed, without their settings.
//!
//! In: `GET /api/v1/providers`, and `GET /providers` as Keep's clients ask. Out: the catalogue with
//! the instances of each.

use std::sync::Arc;

use bongsu_engine::api::{InstanceView, ProviderView, Search};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::model::Page;
use super::wide::program;
use crate::answer::{self, Answered, Family};
use crate::service::{App, Call};

/// Providers without an instance that alerts came from, at most.
const LINKED: usize = 500;

/// A provider and its instances.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderJson {
    /// Its slug.
    slug: String,
    /// What people call it.
    name: String,
    /// One sentence.
    summary: String,
    /// Where it stands in the catalogue.
    categories: Vec<String>,
    /// The vendor's page about it.
    docs: Option<String>,
    /// What an instance is configured with.
    settings: Vec<SettingJson>,
    /// What it can be told to do.
    actions: Vec<String>,
    /// What it can be asked.
    queries: Vec<String>,
    /// Whether its payloads are understood.
    sends: bool,
    /// Whether it can be asked for its alerts.
    pulls: bool,
    /// Those installed.
    instances: Vec<InstanceJson>,
}

/// A setting; values are not shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderSetting)]
struct SettingJson {
    /// Its name.
    name: String,
    /// Whether it has to be there.
    required: bool,
    /// Whether nobody may see its value.
    secret: bool,
}

/// An installed provider.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ProviderInstance)]
struct InstanceJson {
    /// Its name.
    name: String,
    /// Whether whoever sends to it has to show a token.
    guarded: bool,
    /// Whether it is asked for its alerts.
    pulled: bool,
    /// Why it cannot be used, if so.
    problem: Option<String>,
}

/// `GET /api/v1/providers`; with `installed` only those that have instances.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let installed = call.query.flag("installed", false);
    let instances = app.backend.instances();
    let of = |provider: ProviderView| {
        let own = instances.iter().filter(|instance| instance.provider == provider.slug);
        let own = own.map(|instance| InstanceJson {
            name: instance.name.clone(),
            guarded: instance.guarded,
            pulled: instance.pulled,
            problem: instance.problem.clone(),
        });
        let settings = provider.settings.into_iter().map(|setting| SettingJson {
            name: setting.name,
            required: setting.required,
            secret: setting.secret,
        });
        ProviderJson {
            slug: provider.slug.clone(),
            settings: settings.collect(),
            instances: own.collect(),
            name: provider.name,
            summary: provider.summary,
            categories: provider.categories,
            docs: provider.docs,
            actions: provider.actions,
            queries: provider.queries,
            sends: provider.sends,
            pulls: provider.pulls,
        }
    };
    let items: Vec<ProviderJson> = app
        .backend
        .providers()
        .into_iter()
        .map(of)
        .filter(|provider| !installed || !provider.instances.is_empty())
        .collect();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// `GET /providers`.
pub(crate) async fn keep_list(app: Arc<App>, _call: Call) -> Answered {
    let search = match program("cel", "providerId == null") {
        Ok(cel) => Search { cel, limit: LINKED, ..Search::default() },
        Err(refused) => return refused,
    };
    let linked = match app.backend.facets(search, vec!["providerType".to_owned()]).await {
        Ok(found) => found,
        Err(problem) => return answer::store(Family::V1, &problem, &problem.to_string()),
    };
    let known = app.backend.providers();
    let named = |slug: &str| {
        let provider = known.iter().find(|provider| provider.slug == slug);
        provider.cloned().unwrap_or(ProviderView { slug: slug.to_owned(), ..Default::default() })
    };
    let installed: Vec<Value> =
        app.backend.instances().iter().map(|i| shown(&named(&i.provider), Some(i))).collect();
    let linked: Vec<Value> = linked
        .values
        .into_iter()
        .flatten()
        .filter_map(|value| value.value)
        .map(|slug| shown(&named(&slug), None))
        .collect();
    let all: Vec<Value> = known.iter().map(|provider| shown(provider, None)).collect();
    answer::json(
        StatusCode::OK,
        &json!({
            "providers": all,
            "installed_providers": installed,
            "linked_providers": linked,
            "is_localhost": false,
        }),
    )
}

/// A provider in Keep's shape. What it is configured with is named, never shown.
fn shown(provider: &ProviderView, instance: Option<&InstanceView>) -> Value {
    let config: serde_json::Map<String, Value> = provider
        .settings
        .iter()
        .map(|s| (s.name.clone(), json!({"required": s.required, "sensitive": s.secret})))
        .collect();
    json!({
        "id": instance.map_or(provider.slug.as_str(), |i| i.name.as_str()),
        "type": provider.slug,
        "display_name": provider.name,
        "config": config,
        "details": {"name": instance.map(|i| i.name.as_str()), "authentication": {}},
        "installed": instance.is_some(),
        "pulling_available": provider.pulls,
        "pulling_enabled": instance.is_some_and(|i| i.pulled),
        "can_setup_webhook": false,
        "supports_webhook": provider.sends,
        "can_notify": !provider.actions.is_empty(),
        "can_query": !provider.queries.is_empty(),
        "notify_params": Value::Null,
        "query_params": Value::Null,
        "provider_description": provider.summary,
        "docs": provider.docs,
        "categories": provider.categories,
        "tags": if provider.sends { vec!["alert"] } else { vec![] },
        "problem": instance.and_then(|i| i.problem.as_deref()),
    })
}
