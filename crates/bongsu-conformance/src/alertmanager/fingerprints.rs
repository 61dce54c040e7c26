//! `fingerprints.json`

use bongsu_model::GroupKey;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let got = match case["kind"].as_str() {
        Some("labels") => {
            let labels = labels(&case["labels"]);
            json!({
                "fingerprint": labels.fingerprint().to_string(),
                "string": labels.to_string(),
                "nflog_alert_hash": labels.hash64().0.to_string(),
            })
        }
        _ => {
            let key = GroupKey(case["group_key"].as_str().unwrap_or_default().into());
            json!({ "hash": key.hash() })
        }
    };
    equal(&case["expected"], &got)
}
