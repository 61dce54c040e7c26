//! Saved searches: listing, making, removing them.
//!
//! In: `/api/v1/presets`. Out: presets with how many alerts they find, if asked.

use std::sync::Arc;

use bongsu_engine::api::{Preset, PresetError, PresetOrigin, PresetView, StoreError, Total};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::malformed;
use super::model::Page;
use super::wide::{both, is_shown, preset, program, search_of};
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// Presets whose alerts are counted in one request; the others have no count.
pub(crate) const COUNTED: usize = 100;

/// A saved search.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preset)]
pub(crate) struct PresetJson {
    /// Its name; part of addresses.
    name: String,
    /// Condition in CEL.
    cel: Option<String>,
    /// Words that must all stand in the texts of an alert.
    text: Option<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// Dotted path of the field its alerts are shown by.
    group_by: Option<String>,
    /// Shown to nobody but who made it.
    is_private: bool,
    /// Whether alerts in it make a noise.
    is_noisy: bool,
    /// Whether only firing alerts are counted.
    counter_shows_firing_only: bool,
    /// Who made it.
    created_by: Option<String>,
    /// `built_in`, `file` or `api`; only the last can be changed here.
    origin: &'static str,
    /// Alerts it finds, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<u64>,
    /// Whether it makes a noise now, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    makes_noise: Option<bool>,
}

/// A saved search to write.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PutPreset {
    /// Condition in CEL.
    cel: Option<String>,
    /// Words that must all stand in the texts of an alert.
    text: Option<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// Dotted path of the field its alerts are shown by.
    group_by: Option<String>,
    /// Shown to nobody but who made it.
    is_private: bool,
    /// Whether alerts in it make a noise.
    is_noisy: bool,
    /// Whether only firing alerts are counted.
    counter_shows_firing_only: bool,
}

/// How many alerts a preset finds, and whether it makes a noise.
pub(crate) type Counted = (u64, bool);

impl PresetJson {
    fn of(view: PresetView, counted: Option<Counted>) -> Self {
        let preset = view.preset;
        Self {
            name: preset.name,
            cel: preset.cel,
            text: preset.text,
            tags: preset.tags,
            group_by: preset.group_by,
            is_private: preset.is_private,
            is_noisy: preset.is_noisy,
            counter_shows_firing_only: preset.counter_shows_firing_only,
            created_by: preset.created_by,
            origin: match view.origin {
                PresetOrigin::BuiltIn => "built_in",
                PresetOrigin::File => "file",
                PresetOrigin::Made => "api",
            },
            alerts: counted.map(|(alerts, _)| alerts),
            makes_noise: counted.map(|(_, noise)| noise),
        }
    }
}

/// Presets whoever calls may see.
pub(crate) async fn seen(app: &Arc<App>, call: &Call) -> Result<Vec<PresetView>, Answered> {
    let mut known = app.backend.presets().await.map_err(|e| unread(&e))?;
    known.retain(|view| is_shown(view, call));
    Ok(known)
}

/// Counts what a preset finds.
pub(crate) async fn counted(app: &Arc<App>, preset: &Preset) -> Result<Counted, Answered> {
    let of = |more: &str| -> Result<_, Answered> {
        let mut search = search_of(preset, 0)?;
        search.cel = program("cel", &both(preset.cel.as_deref().unwrap_or_default(), more))?;
        Ok(search)
    };
    let firing = "status == 'firing'";
    let only = if preset.counter_shows_firing_only { firing } else { "" };
    let alerts = app.backend.count(of(only)?).await.map_err(|e| unread(&e))?;
    let any = |total: Total| total.n > 0 || total.more;
    let noise = preset.is_noisy && any(alerts) && {
        let loud = of("status == 'firing' && !dismissed && !deleted")?;
        any(app.backend.count(loud).await.map_err(|e| unread(&e))?)
    };
    Ok((alerts.n, noise))
}

/// `GET /api/v1/presets`; with `counts` also how many alerts each finds.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let known = match seen(&app, &call).await {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let counts = call.query.flag("counts", false);
    let mut items = Vec::with_capacity(known.len());
    for (at, view) in known.into_iter().enumerate() {
        let counted = match counts && at < COUNTED {
            // One whose condition no longer parses has no count.
            true => counted(&app, &view.preset).await.ok(),
            false => None,
        };
        items.push(PresetJson::of(view, counted));
    }
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

/// `GET /api/v1/presets/{name}`.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    match preset(&app, &call, &call.parameter(0)).await {
        Ok(view) => {
            let counted = counted(&app, &view.preset).await.ok();
            answer::json(StatusCode::OK, &PresetJson::of(view, counted))
        }
        Err(refused) => refused,
    }
}

/// `PUT /api/v1/presets/{name}`: makes or replaces it.
pub(crate) async fn put(app: Arc<App>, call: Call) -> Answered {
    let asked: PutPreset = match serde_json::from_slice(&call.body) {
        Ok(asked) => asked,
        Err(error) => return malformed(&error.to_string()),
    };
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let preset = Preset {
        name: call.parameter(0),
        cel: filled(asked.cel),
        text: filled(asked.text),
        tags: asked.tags,
        group_by: filled(asked.group_by),
        is_private: asked.is_private,
        is_noisy: asked.is_noisy,
        counter_shows_firing_only: asked.counter_shows_firing_only,
        created_by: call.user(),
    };
    match write(&app, &call, preset.clone()).await {
        Ok(()) => {
            let view = PresetView { preset, origin: PresetOrigin::Made };
            answer::json(StatusCode::OK, &PresetJson::of(view, None))
        }
        Err(refused) => refused,
    }
}

/// Writes a preset; one that somebody keeps for himself is nobody else's to replace.
pub(crate) async fn write(app: &Arc<App>, call: &Call, preset: Preset) -> Result<(), Answered> {
    let known = app.backend.presets().await.map_err(|e| unread(&e))?;
    if known.iter().any(|view| view.preset.name == preset.name && !is_shown(view, call)) {
        return Err(refused(&PresetError::Fixed(preset.name)));
    }
    app.backend.put_preset(preset).await.map_err(|e| refused(&e))
}

/// `DELETE /api/v1/presets/{name}`.
pub(crate) async fn delete(app: Arc<App>, call: Call) -> Answered {
    let name = call.parameter(0);
    if let Err(refused) = preset(&app, &call, &name).await {
        return refused;
    }
    match app.backend.delete_preset(name).await {
        Ok(()) => answer::empty(StatusCode::NO_CONTENT),
        Err(error) => refused(&error),
    }
}

pub(crate) fn refused(error: &PresetError) -> Answered {
    let message = error.to_string();
    let (code, help, status) = match error {
        PresetError::Unknown(_) => ("preset_not_found", "list the presets", StatusCode::NOT_FOUND),
        PresetError::Fixed(_) => ("fixed_preset", "take another name", StatusCode::CONFLICT),
        PresetError::Invalid(_) => {
            ("invalid_preset", "correct what is named", StatusCode::UNPROCESSABLE_ENTITY)
        }
        PresetError::Store(problem) => return answer::store(Family::V1, problem, &message),
    };
    Problem::new(code, message, help).answer(status)
}

fn unread(problem: &StoreError) -> Answered {
    answer::store(Family::V1, problem, &problem.to_string())
}
