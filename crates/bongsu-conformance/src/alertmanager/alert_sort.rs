//! `alert_sort.json`

use bongsu_route::order::notification_order;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let mut sets: Vec<_> = case["alerts"].as_array().into_iter().flatten().map(labels).collect();
    sets.sort_by(notification_order);
    equal(&case["expected"], &json!(sets))
}
