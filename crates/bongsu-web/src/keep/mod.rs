//! Keep's REST as its clients send it, over the calls our own API makes.
//!
//! In: `/alerts…`, `/preset…`, `/workflows…`, `/cel/validate`, `/healthcheck`, `/status`, `/whoami`. Out: alerts in
//! the wide form, in the envelopes those clients read; refusals as
//! [`Problem`](crate::answer::Problem).

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod facets;
pub(crate) mod presets;
pub(crate) mod server;
pub(crate) mod workflows;

use bongsu_engine::api::StoreError;
use serde::de::DeserializeOwned;

use crate::answer::{self, Answered, Family};
use crate::service::Call;
use crate::v1::change::malformed;

/// Fingerprints one request may name.
const NAMED: usize = 1000;

/// The body of a request.
fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Answered> {
    serde_json::from_slice(&call.body).map_err(|error| malformed(&error.to_string()))
}

fn unread(problem: &StoreError) -> Answered {
    answer::store(Family::V1, problem, &problem.to_string())
}

/// Fingerprints, as a list or under their name.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Named {
    List(Vec<String>),
    Field { fingerprints: Vec<String> },
}

/// The fingerprints in a body.
fn named(call: &Call) -> Result<Vec<String>, Answered> {
    let (Named::List(all) | Named::Field { fingerprints: all }) = body(call)?;
    match all.len() {
        0..=NAMED => Ok(all),
        many => Err(malformed(&format!("{many} fingerprints, more than {NAMED}"))),
    }
}
