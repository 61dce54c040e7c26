//! `api_filter_match.json`

use bongsu_model::Matchers;
use bongsu_route::filter;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels, matcher};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    match matcher(&case["matcher"]) {
        Ok(matcher) => {
            let holds = filter::holds(&Matchers(vec![matcher]), &labels(&case["labels"]));
            equal(&case["expected"], &json!(holds))
        }
        Err(message) => Verdict::Failed(message),
    }
}
