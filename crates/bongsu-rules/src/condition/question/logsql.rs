//! Questions to VictoriaLogs.

use std::time::Duration;

use super::super::{Condition, Events, Statistic};
use super::{grouping, length};

/// The question for the value, then the one for what it is held against.
pub(super) fn texts(condition: &Condition, events: &Events) -> Result<Vec<String>, String> {
    let query = match events.query.trim() {
        "" => "*",
        query => query,
    };
    if query.contains('|') {
        return Err("the query is a filter: what follows | is added by the condition".to_owned());
    }
    let fields = grouping(condition, events);
    let ask = |filter: &str, window: Duration, offset: Option<Duration>, function: &str| {
        let offset = offset.map(|offset| format!(" offset {}", length(offset))).unwrap_or_default();
        let stream = match events.index.as_str() {
            "" => String::new(),
            index => format!("{index} "),
        };
        let window = length(window);
        format!("_time:{window}{offset} {stream}({filter}) | stats{} {function} value", by(fields))
    };
    let all = || ask(query, events.window, None, "count()");
    Ok(match condition {
        Condition::Spike { reference, .. } => {
            vec![all(), ask(query, *reference, Some(events.window), "count()")]
        }
        Condition::Percentage { matching, .. } => {
            vec![ask(&format!("({query}) ({matching})"), events.window, None, "count()"), all()]
        }
        Condition::Cardinality { field, .. } => {
            vec![ask(query, events.window, None, &format!("count_uniq({field})"))]
        }
        Condition::Metric { field, statistic, .. } => {
            let function = match statistic {
                Statistic::Avg => format!("avg({field})"),
                Statistic::Min => format!("min({field})"),
                Statistic::Max => format!("max({field})"),
                Statistic::Sum => format!("sum({field})"),
                Statistic::Count => format!("count({field})"),
                Statistic::Percentile(percent) => {
                    format!("quantile({}, {field})", percent / 100.0)
                }
            };
            vec![ask(query, events.window, None, &function), all()]
        }
        _ => vec![all()],
    })
}

fn by(fields: &[String]) -> String {
    if fields.is_empty() { String::new() } else { format!(" by ({})", fields.join(", ")) }
}
