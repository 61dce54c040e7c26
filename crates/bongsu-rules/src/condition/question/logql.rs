//! Questions to Loki. The query of the events is a selector with its pipeline.

use super::super::{Condition, Events, Statistic};
use super::{grouping, label_of, length};

/// The question for the value, then the one for what it is held against.
pub(super) fn texts(condition: &Condition, events: &Events) -> Result<Vec<String>, String> {
    let query = events.query.trim();
    if !query.starts_with('{') {
        return Err("a query of Loki begins with a selector: {app=\"shop\"}".to_owned());
    }
    if !events.index.is_empty() {
        return Err("Loki has no index: name the streams in the query".to_owned());
    }
    let fields: Vec<String> = grouping(condition, events).iter().map(|f| label_of(f)).collect();
    let fields = &fields[..];
    let window = length(events.window);
    let count = |query: &str, window: &str, offset: &str| {
        format!("sum{} (count_over_time({query} [{window}]{offset}))", by(fields))
    };
    let all = || count(query, &window, "");
    Ok(match condition {
        Condition::Spike { reference, .. } => {
            let offset = format!(" offset {window}");
            vec![all(), count(query, &length(*reference), &offset)]
        }
        Condition::Percentage { matching, .. } => {
            vec![count(&format!("{query} {}", matching.trim()), &window, ""), all()]
        }
        Condition::Cardinality { field, .. } => {
            let mut inner = fields.to_vec();
            inner.push(label_of(field));
            let each = format!("sum{} (count_over_time({query} [{window}]))", by(&inner));
            vec![format!("count{} ({each})", by(fields))]
        }
        Condition::Metric { field, statistic, .. } => {
            let values =
                format!("{query} | unwrap {} | __error__=\"\" [{window}]", label_of(field));
            // Without a grouping these answer for each stream.
            let of = |function: &str| format!("{function}({values}) by ({})", fields.join(", "));
            let value = match statistic {
                Statistic::Avg => of("avg_over_time"),
                Statistic::Min => of("min_over_time"),
                Statistic::Max => of("max_over_time"),
                Statistic::Sum => format!("sum{} (sum_over_time({values}))", by(fields)),
                Statistic::Count => format!("sum{} (count_over_time({values}))", by(fields)),
                Statistic::Percentile(percent) => {
                    let quantile = percent / 100.0;
                    format!("quantile_over_time({quantile}, {values}) by ({})", fields.join(", "))
                }
            };
            vec![value, all()]
        }
        _ => vec![all()],
    })
}

fn by(fields: &[String]) -> String {
    if fields.is_empty() { String::new() } else { format!(" by ({})", fields.join(", ")) }
}
