//! `alert_merge.json`

use bongsu_model::{Alert, Labels, Time, Timestamp};
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, seconds};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let (Some(now), Some(older), Some(newer)) =
        (seconds(&json!(0)), alert(&case["older"]), alert(&case["newer"]))
    else {
        return Verdict::Failed("unreadable times".to_owned());
    };
    if case["kind"] == "merge" {
        let forward = older.clone().merge(newer.clone(), now);
        let backward = newer.merge(older, now);
        if forward != backward {
            return Verdict::Failed("depends on the order of the arguments".to_owned());
        }
        return equal(&case["expected"], &object(&forward, now));
    }
    let merged = newer.clone().put_over(&older, now);
    // Plain replacement leaves the newer report untouched.
    if case["merged"] == false && merged != newer {
        return Verdict::Failed("was combined, not replaced".to_owned());
    }
    equal(&case["expected"], &object(&merged, now))
}

fn alert(value: &Value) -> Option<Alert> {
    Some(Alert {
        fingerprint: Labels::default().fingerprint(),
        labels: Labels::default(),
        annotations: Labels::default(),
        generator_url: "".into(),
        starts_at: Time::utc(seconds(&value["startsAt"])?),
        ends_at: Time::utc(seconds(&value["endsAt"])?),
        updated_at: seconds(&value["updatedAt"])?,
        timeout: value["timeout"].as_bool()?,
    })
}

fn object(alert: &Alert, now: Timestamp) -> Value {
    let relative = |at: Timestamp| at.as_second() - now.as_second();
    json!({
        "startsAt": relative(alert.starts_at.at),
        "endsAt": relative(alert.ends_at.at),
        "updatedAt": relative(alert.updated_at),
        "timeout": alert.timeout,
    })
}
