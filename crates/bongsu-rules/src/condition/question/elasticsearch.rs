//! Searches of Elasticsearch and OpenSearch: one with aggregations says all a condition needs.

use bongsu_model::{Labels, Timestamp};
use serde_json::{Map, Value, json};

use super::super::{Condition, Events, Row, Statistic};
use super::{Question, before, grouping, label_of};

/// When events happened.
const TIME: &str = "@timestamp";
/// Combinations of grouped fields in an answer.
const PAGE: usize = 1000;
/// Combinations of grouped fields of one question.
const MOST_GROUPS: usize = 10_000;

/// The search of a condition whose window ends at `end`.
pub(super) fn search(
    condition: &Condition,
    events: &Events,
    end: Timestamp,
) -> Result<Question, String> {
    let middle = before(end, events.window);
    let start = match condition {
        Condition::Spike { reference, .. } => before(middle, *reference),
        _ => middle,
    };
    let mut filter = vec![within(start, end)];
    if !events.query.is_empty() {
        filter.push(words(&events.query));
    }
    let mut inner = Map::new();
    if let Some(aggregation) = value_of(condition, middle, end) {
        inner.insert("value".to_owned(), aggregation);
    }
    let fields = grouping(condition, events);
    let mut body = json!({
        "size": 0,
        "track_total_hits": true,
        "query": {"bool": {"filter": filter}},
    });
    if fields.is_empty() {
        if !inner.is_empty() {
            body["aggs"] = inner.into();
        }
    } else {
        let sources: Vec<Value> = fields
            .iter()
            .map(|field| json!({label_of(field): {"terms": {"field": field, "missing_bucket": true}}}))
            .collect();
        let mut groups = json!({"composite": {"size": PAGE, "sources": sources}});
        if !inner.is_empty() {
            groups["aggs"] = inner.into();
        }
        body["aggs"] = json!({"groups": groups});
    }
    Ok(Question::Search { index: events.index.clone(), body })
}

fn within(start: Timestamp, end: Timestamp) -> Value {
    let (from, to) = (start.as_millisecond(), end.as_millisecond());
    json!({"range": {TIME: {"gte": from, "lt": to, "format": "epoch_millis"}}})
}

fn words(query: &str) -> Value {
    json!({"query_string": {"query": query, "analyze_wildcard": true}})
}

/// What is asked beside the number of events.
fn value_of(condition: &Condition, middle: Timestamp, end: Timestamp) -> Option<Value> {
    Some(match condition {
        Condition::Spike { .. } => json!({"filter": within(middle, end)}),
        Condition::Percentage { matching, .. } => json!({"filter": words(matching)}),
        Condition::Cardinality { field, .. } => json!({"cardinality": {"field": field}}),
        Condition::Metric { field, statistic, .. } => match statistic {
            Statistic::Avg => json!({"avg": {"field": field}}),
            Statistic::Sum => json!({"sum": {"field": field}}),
            Statistic::Min => json!({"min": {"field": field}}),
            Statistic::Max => json!({"max": {"field": field}}),
            Statistic::Count => json!({"value_count": {"field": field}}),
            Statistic::Percentile(percent) => {
                json!({"percentiles": {"field": field, "percents": [percent], "keyed": false}})
            }
        },
        _ => return None,
    })
}

/// The body for the groups after those of `page`, the last of `pages` answers to `body` and those
/// before it.
///
/// # Errors
/// There are more groups than a condition may have.
pub(super) fn following(body: &Value, page: &Value, pages: usize) -> Result<Option<Value>, String> {
    let groups = &page["aggregations"]["groups"];
    let count = groups["buckets"].as_array().map_or(0, Vec::len);
    if pages.saturating_sub(1) * PAGE + count > MOST_GROUPS {
        return Err(format!(
            "there are more than {MOST_GROUPS} groups: group by fewer fields, or narrow the query"
        ));
    }
    let after = &groups["after_key"];
    if count < PAGE || !after.is_object() {
        return Ok(None);
    }
    let mut next = body.clone();
    next["aggs"]["groups"]["composite"]["after"] = after.clone();
    Ok(Some(next))
}

/// The rows of an answer.
pub(super) fn rows(condition: &Condition, answer: &Value) -> Result<Vec<Row>, String> {
    let events = condition.events().ok_or("the condition asks for no events")?;
    if grouping(condition, events).is_empty() {
        let count = answer["total"].as_f64().ok_or("the answer has no total")?;
        return Ok(row(condition, Labels::default(), count, &answer["aggregations"])
            .into_iter()
            .collect());
    }
    let groups = &answer["aggregations"]["groups"];
    let buckets = groups["buckets"].as_array().ok_or("the answer has no groups")?;
    let mut rows = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        let key = bucket["key"].as_object().ok_or("a group without a key")?;
        let texts = key.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
        let count = bucket["doc_count"].as_f64().ok_or("a group without a count")?;
        rows.extend(row(condition, Labels::from_pairs(texts), count, bucket));
    }
    Ok(rows)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn row(condition: &Condition, labels: Labels, count: f64, beside: &Value) -> Option<Row> {
    let inner = &beside["value"];
    let (value, against) = match condition {
        Condition::Spike { .. } => {
            let now = inner["doc_count"].as_f64().unwrap_or(0.0);
            (now, Some(count - now))
        }
        Condition::Percentage { .. } => (inner["doc_count"].as_f64().unwrap_or(0.0), Some(count)),
        Condition::Cardinality { .. } => (inner["value"].as_f64().unwrap_or(0.0), None),
        Condition::Metric { statistic: Statistic::Percentile(_), .. } => {
            (inner["values"][0]["value"].as_f64()?, Some(count))
        }
        // No events have no average: null.
        Condition::Metric { .. } => (inner["value"].as_f64()?, Some(count)),
        _ => (count, None),
    };
    Some(Row { labels, value, against })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::{Comparison, Direction};
    use super::*;

    fn shown(condition: &Condition, answer: &Value) -> Vec<(String, f64, Option<f64>)> {
        let rows = rows(condition, answer).unwrap();
        rows.iter()
            .map(|row| {
                let labels: Vec<String> =
                    row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                (labels.join(","), row.value, row.against)
            })
            .collect()
    }

    #[test]
    fn groups_are_asked_page_by_page() {
        let page = |first: usize, count: usize| {
            let buckets: Vec<Value> = (first..first + count)
                .map(|n| json!({"key": {"user": format!("u{n}")}, "doc_count": 1}))
                .collect();
            let mut groups = json!({"buckets": buckets});
            if count > 0 {
                groups["after_key"] = json!({"user": format!("u{}", first + count - 1)});
            }
            json!({"total": 5, "aggregations": {"groups": groups}})
        };
        let events = Events { group_by: vec!["user".to_owned()], ..Events::default() };
        let threshold = Comparison::parse("> 5").unwrap();
        let condition = Condition::Frequency { events: events.clone(), threshold };
        let Ok(Question::Search { body, .. }) = search(&condition, &events, Timestamp::UNIX_EPOCH)
        else {
            panic!("a search")
        };
        let second = following(&body, &page(0, PAGE), 1).unwrap().unwrap();
        let composite = &second["aggs"]["groups"]["composite"];
        assert_eq!(composite["after"], json!({"user": "u999"}));
        assert_eq!(composite["size"], PAGE);
        assert_eq!(second["query"], body["query"]);
        assert_eq!(following(&second, &page(PAGE, 999), 2), Ok(None));
        assert_eq!(following(&second, &page(PAGE, 0), 2), Ok(None));
        // Ten full pages are all there may be; that nothing follows is on the eleventh.
        assert!(following(&second, &page(9000, PAGE), 10).unwrap().is_some());
        assert_eq!(following(&second, &page(10_000, 0), 11), Ok(None));
        let error = following(&second, &page(10_000, 1), 11).unwrap_err();
        assert!(error.contains("more than 10000 groups"), "{error}");
    }

    #[test]
    fn answers_become_rows() {
        let over = Comparison::parse("> 5").unwrap();
        let events = |group_by: &[&str]| Events {
            group_by: group_by.iter().map(|field| (*field).to_owned()).collect(),
            ..Events::default()
        };
        let grouped = json!({"total": 7, "aggregations": {"groups": {"buckets": [
            {"key": {"service_name": "a", "port": 80}, "doc_count": 4, "value": {"doc_count": 1, "value": 2.5}},
            {"key": {"service_name": null, "port": 81}, "doc_count": 3, "value": {"doc_count": 3, "value": null}},
        ]}}});
        let fields = &["service.name", "port"];
        let frequency = Condition::Frequency { events: events(fields), threshold: over };
        assert_eq!(
            shown(&frequency, &grouped),
            [("port=80,service_name=a".to_owned(), 4.0, None), ("port=81".to_owned(), 3.0, None)]
        );
        let spike = Condition::Spike {
            events: events(fields),
            reference: Duration::from_secs(60),
            factor: 2.0,
            direction: Direction::Up,
            min_reference: 0.0,
            min_current: 0.0,
        };
        assert_eq!(
            shown(&spike, &grouped)[0],
            ("port=80,service_name=a".to_owned(), 1.0, Some(3.0))
        );
        let average = Condition::Metric {
            events: events(fields),
            field: "x".to_owned(),
            statistic: Statistic::Avg,
            threshold: over,
            min_events: 0.0,
        };
        // The second group has no value.
        assert_eq!(
            shown(&average, &grouped),
            [("port=80,service_name=a".to_owned(), 2.5, Some(4.0))]
        );
        let one = Condition::Frequency { events: events(&[]), threshold: over };
        assert_eq!(shown(&one, &json!({"total": 7})), [(String::new(), 7.0, None)]);
        let percentile = Condition::Metric {
            events: events(&[]),
            field: "x".to_owned(),
            statistic: Statistic::Percentile(95.0),
            threshold: over,
            min_events: 0.0,
        };
        let answer = json!({"total": 2, "aggregations": {"value": {"values": [{"key": 95.0, "value": 8.5}]}}});
        assert_eq!(shown(&percentile, &answer), [(String::new(), 8.5, Some(2.0))]);
        assert!(rows(&one, &json!({})).is_err());
        assert!(rows(&frequency, &json!({"total": 1})).is_err());
    }
}
