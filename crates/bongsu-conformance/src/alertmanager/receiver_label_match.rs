//! `receiver_label_match.json`

use bongsu_lang::Mode;
use bongsu_lang::matcher::parse_one;
use bongsu_model::Matchers;
use bongsu_route::filter;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels, strings};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let parsed: Result<Vec<_>, _> = strings(&case["receiver_matchers"])
        .into_iter()
        .map(|text| parse_one(text, Mode::Fallback))
        .collect();
    let Ok(matchers) = parsed else { return Verdict::Failed("unreadable matcher".to_owned()) };
    let receivers: Vec<_> = strings(&case["alert_receivers"])
        .into_iter()
        .filter_map(|name| case["receiver_labels"].get(name))
        .map(labels)
        .collect();
    let holds = filter::any_receiver_holds(&Matchers(matchers), &receivers);
    equal(&case["expected"], &json!(holds))
}
