//! `/api/v2/silences` and `/api/v2/silence/{silenceID}`.

use std::sync::Arc;

use bongsu_engine::api::{SilenceError, SilenceQuery};
use bongsu_model::go_quote;
use http::StatusCode;

use super::model::{SilenceIdJson, SilenceJson};
use crate::answer::{self, Answered, Family};
use crate::decode::silence::decode;
use crate::service::{App, Call};

/// Lists silences: active by end, pending by start, expired by end descending.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let filter = match call.query.matchers("filter", app.options.mode) {
        Ok(filter) => filter,
        Err(message) => return answer::bare(StatusCode::BAD_REQUEST, message),
    };
    let query = SilenceQuery {
        filter,
        active: call.query.flag("active", true),
        pending: call.query.flag("pending", true),
        expired: call.query.flag("expired", true),
    };
    answer::json_list(app.backend.silences(query).await, |view, out| {
        answer::write_json(&SilenceJson::from(view), out);
    })
}

/// Creates or edits a silence.
pub(crate) async fn post(app: Arc<App>, call: Call) -> Answered {
    let draft = match decode(&call.body) {
        Ok(draft) => draft,
        Err(refusal) => return refusal.into(),
    };
    match app.backend.put_silence(draft).await {
        Ok(silence_id) => answer::json(StatusCode::OK, &SilenceIdJson { silence_id }),
        Err(error @ SilenceError::NotFound) => answer::bare(StatusCode::NOT_FOUND, error),
        Err(error) => failed(&error),
    }
}

/// One silence.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    let id = match silence_id(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.silence(id).await {
        Some(view) => answer::json(StatusCode::OK, &SilenceJson::from(&view)),
        None => answer::empty(StatusCode::NOT_FOUND),
    }
}

/// Ends a silence.
pub(crate) async fn delete(app: Arc<App>, call: Call) -> Answered {
    let id = match silence_id(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.expire_silence(id).await {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(SilenceError::NotFound) => answer::empty(StatusCode::NOT_FOUND),
        Err(error) => failed(&error),
    }
}

fn failed(error: &SilenceError) -> Answered {
    match error {
        SilenceError::Store(problem) => answer::store(Family::V2, problem, &error.to_string()),
        _ => answer::bare(StatusCode::BAD_REQUEST, error),
    }
}

fn silence_id(call: &Call) -> Result<String, Answered> {
    let id = call.parameter(0);
    if is_uuid(&id) {
        return Ok(id);
    }
    let mut message = "silenceID in path must be of type uuid: ".to_owned();
    let _ = go_quote(&id, &mut message);
    Err(answer::coded(601, &message))
}

/// Hex digits in groups of 8, 4, 4, 4, 12, or 32 without dashes.
fn is_uuid(text: &str) -> bool {
    let dashes = match text.len() {
        32 => [32; 4],
        36 => [8, 13, 18, 23],
        _ => return false,
    };
    text.bytes()
        .enumerate()
        .all(|(i, byte)| if dashes.contains(&i) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids() {
        for good in ["00000000-0000-0000-0000-00000000abCD", "0123456789abcdef0123456789ABCDEF"] {
            assert!(super::is_uuid(good), "{good}");
        }
        for bad in
            ["", "nope", "00000000-0000-0000-0000-00000000abCX", "0123456789abcdef0123456789abcdeé"]
        {
            assert!(!super::is_uuid(bad), "{bad}");
        }
    }
}
