//! `silence_filter.json`

use bongsu_lang::Mode;
use bongsu_model::{Matchers, Timestamp};
use bongsu_route::silence::{MatcherDraft, StateFilter};
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, matchers};
use super::silence::{draft, silences};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let own = matchers(&case["silence_matchers"]);
    let returned =
        own.and_then(|own| matchers(&case["filter"]).and_then(|filter| returned(&own, &filter)));
    match returned {
        Ok(returned) => equal(&case["expected"], &json!(returned)),
        Err(message) => Verdict::Failed(message),
    }
}

/// Whether a silence with these matchers is listed under the filter.
fn returned(own: &Matchers, filter: &Matchers) -> Result<bool, String> {
    let now = Timestamp::UNIX_EPOCH;
    let loose = |m: &bongsu_model::Matcher| MatcherDraft {
        name: m.name().to_owned(),
        op: m.op(),
        value: m.value().to_owned(),
    };
    let mut all = silences(0, 3600);
    let draft = draft(None, own.0.iter().map(loose).collect(), Some(now), Some(now));
    all.set(now, "id", &draft, Mode::Fallback).map_err(|e| e.to_string())?;
    Ok(!all.list(now, filter, StateFilter::default()).is_empty())
}
