//! `/api/v1/deliveries`.

use std::sync::Arc;

use bongsu_engine::api::DeliveryQuery;
use http::StatusCode;

use super::alerts::{limit, position};
use super::model::{DeliveryJson, Page};
use crate::answer::{self, Answered, Family};
use crate::service::{App, Call};

/// Finished deliveries, newest first; parameters `receiver`, `limit`, `cursor`.
pub(crate) async fn deliveries(app: Arc<App>, call: Call) -> Answered {
    let (limit, before) = match (limit(&call), position(&call)) {
        (Ok(limit), Ok(before)) => (limit, before),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let receiver = call.query.last("receiver").map(str::to_owned);
    let query = DeliveryQuery { receiver, before, limit: limit + 1 };
    match app.backend.deliveries(query).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().map(|d| d.id.to_string()).filter(|_| more);
            let items = found.iter().map(DeliveryJson::from).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}
