//! Saved searches in Keep's shape. What is an id there is the name here.

use std::sync::Arc;

use bongsu_engine::api::{Preset, PresetOrigin, PresetView};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, unread};
use crate::answer::{self, Answered};
use crate::service::{App, Call};
use crate::v1::change::malformed;
use crate::v1::presets::{COUNTED, Counted, counted, refused, seen, write};
use crate::v1::wide::{complete, preset, search_of};

/// Alerts of a preset in one answer.
const ALERTS: usize = 1000;

/// `GET /preset`: with how many alerts each finds.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let known = match seen(&app, &call).await {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let mut all = Vec::with_capacity(known.len());
    for (at, view) in known.iter().enumerate() {
        // One whose condition no longer parses finds nothing.
        let counted = match at < COUNTED {
            true => counted(&app, &view.preset).await.unwrap_or_default(),
            false => Counted::default(),
        };
        all.push(shown(view, counted));
    }
    answer::json(StatusCode::OK, &all)
}

fn shown(view: &PresetView, (alerts, noise): Counted) -> Value {
    let preset = &view.preset;
    let cel = json!({"label": "CEL", "value": preset.cel.as_deref().unwrap_or_default()});
    json!({
        "id": preset.name,
        "name": preset.name,
        "options": [cel],
        "created_by": preset.created_by,
        "is_private": preset.is_private,
        "is_noisy": preset.is_noisy,
        "should_do_noise_now": noise,
        "alerts_count": alerts,
        "static": view.origin == PresetOrigin::BuiltIn,
        "tags": preset.tags.iter().map(|tag| json!({"id": tag, "name": tag})).collect::<Vec<_>>(),
        "group_column": preset.group_by,
        "counter_shows_firing_only": preset.counter_shows_firing_only,
        "text": preset.text,
    })
}

/// A preset to write.
#[derive(Debug, Deserialize)]
struct Written {
    name: Option<String>,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    is_private: bool,
    #[serde(default)]
    is_noisy: bool,
    #[serde(default)]
    tags: Vec<Tag>,
    group_column: Option<String>,
    #[serde(default)]
    counter_shows_firing_only: bool,
}

#[derive(Debug, Deserialize)]
struct Choice {
    label: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tag {
    Name(String),
    Object { name: String },
}

impl Written {
    fn preset(self, name: String, by: Option<String>) -> Preset {
        let cel = self.options.iter().find(|choice| choice.label.eq_ignore_ascii_case("cel"));
        let cel = cel.and_then(|choice| choice.value.as_str()).map(str::to_owned);
        let tags = self.tags.into_iter().map(|tag| match tag {
            Tag::Name(name) | Tag::Object { name } => name,
        });
        Preset {
            name,
            cel: cel.filter(|text| !text.trim().is_empty()),
            text: None,
            tags: tags.collect(),
            group_by: self.group_column.filter(|path| !path.is_empty()),
            is_private: self.is_private,
            is_noisy: self.is_noisy,
            counter_shows_firing_only: self.counter_shows_firing_only,
            created_by: by,
        }
    }
}

/// `POST /preset`.
pub(crate) async fn create(app: Arc<App>, call: Call) -> Answered {
    let asked: Written = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let Some(name) = asked.name.clone() else { return malformed("name is missing") };
    put(&app, &call, asked.preset(name, call.user())).await
}

/// `PUT /preset/{id}`: another name renames it.
pub(crate) async fn update(app: Arc<App>, call: Call) -> Answered {
    let asked: Written = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let before = match preset(&app, &call, &call.parameter(0)).await {
        Ok(view) => view,
        Err(refused) => return refused,
    };
    let old = before.preset.name.clone();
    let name = asked.name.clone().unwrap_or_else(|| old.clone());
    let renamed = name != old;
    let preset = asked.preset(name, before.preset.created_by);
    let answer = put(&app, &call, preset).await;
    // Only once the new one is there.
    if renamed
        && answer.status().is_success()
        && let Err(error) = app.backend.delete_preset(old).await
    {
        return refused(&error);
    }
    answer
}

async fn put(app: &Arc<App>, call: &Call, preset: Preset) -> Answered {
    if let Err(refused) = write(app, call, preset.clone()).await {
        return refused;
    }
    let counted = counted(app, &preset).await.unwrap_or_default();
    let view = PresetView { preset, origin: PresetOrigin::Made };
    answer::json(StatusCode::OK, &shown(&view, counted))
}

/// `GET /preset/{name}/alerts`: the last reported first.
pub(crate) async fn alerts(app: Arc<App>, call: Call) -> Answered {
    let found = match preset(&app, &call, &call.parameter(0)).await {
        Ok(view) => search_of(&view.preset, ALERTS),
        Err(refused) => return refused,
    };
    let search = match found {
        Ok(search) => search,
        Err(refused) => return refused,
    };
    match app.backend.search(search).await {
        Ok(found) => {
            let alerts: Vec<Value> = found.into_iter().map(complete).collect();
            answer::json(StatusCode::OK, &alerts)
        }
        Err(problem) => unread(&problem),
    }
}
