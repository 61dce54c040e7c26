//! What a condition asks, in the language of its data source, and how the answers become rows.
//!
//! In: a condition, an instant; later the answers. Out: [`Question`]s; [`Row`]s. A condition asks one
//! or two questions: for its value, and for what that is held against.

mod elasticsearch;
mod logql;
mod logsql;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{Number, Sample};
use jiff::SignedDuration;
use serde_json::Value;

use super::{Alarm, Condition, Events, Row, Statistic};

/// Pages of metrics one question is answered with.
const MOST_PAGES: usize = 20;

/// The language a data source of events is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Elasticsearch and OpenSearch.
    Elasticsearch,
    /// Loki.
    LogQl,
    /// VictoriaLogs.
    LogsQl,
    /// CloudWatch, which holds metrics for alarms.
    CloudWatch,
}

impl Dialect {
    /// Of a data source's language; `None` if conditions cannot be asked in it.
    pub fn of(language: &str) -> Option<Self> {
        Some(match language {
            "elasticsearch" => Self::Elasticsearch,
            "logql" => Self::LogQl,
            "logsql" => Self::LogsQl,
            "cloudwatch" => Self::CloudWatch,
            _ => return None,
        })
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A search: index pattern and body.
    Search {
        /// Index pattern; empty: all.
        index: String,
        /// The body.
        body: Value,
    },
    /// An expression that answers with a vector.
    Text {
        /// The expression.
        text: String,
        /// When it is evaluated.
        at: Timestamp,
    },
    /// `GetMetricData` of CloudWatch.
    Metrics {
        /// `MetricDataQueries`.
        queries: Value,
        /// `StartTime`, seconds since 1970.
        start: i64,
        /// `EndTime`, likewise; it is not in the range.
        end: i64,
        /// `NextToken`, of a page after the first.
        next: Option<String>,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A page of metrics: `{results, next}`.
    Metrics(Value),
    /// To a search: `{total, aggregations}`.
    Search(Value),
    /// To an expression.
    Vector(Vec<Sample>),
}

/// What a condition asks at `now`.
///
/// # Errors
/// A condition that asks no events, or that the language has no words for.
pub fn questions(
    condition: &Condition,
    dialect: Dialect,
    now: Timestamp,
) -> Result<Vec<Question>, String> {
    match (condition, dialect) {
        (Condition::Alarm(Alarm::Metric(alarm)), Dialect::CloudWatch) => {
            return Ok(vec![alarm.question(now)]);
        }
        (Condition::Alarm(_), _) => {
            return Err(
                "an alarm asks CloudWatch: name an instance of the provider cloudwatch as \
                        the data source of its group"
                    .to_owned(),
            );
        }
        (_, Dialect::CloudWatch) => {
            return Err("CloudWatch holds no events: it is asked by alarm".to_owned());
        }
        _ => {}
    }
    let events = condition.events().ok_or("the condition asks for no events")?;
    let end = before(now, events.delay);
    if dialect == Dialect::Elasticsearch {
        return elasticsearch::search(condition, events, end).map(|question| vec![question]);
    }
    let texts = match dialect {
        Dialect::LogQl => logql::texts(condition, events)?,
        _ => logsql::texts(condition, events)?,
    };
    Ok(texts.into_iter().map(|text| Question::Text { text, at: end }).collect())
}

/// The question for the next page, if the last of `pages`, which answered `asked` and those before
/// it, says that there is one.
///
/// # Errors
/// There are more pages than a rule may ask for.
pub fn following(asked: &Question, pages: &[Answer]) -> Result<Option<Question>, String> {
    match (asked, pages.last()) {
        (Question::Search { index, body }, Some(Answer::Search(page))) => {
            let body = elasticsearch::following(body, page, pages.len())?;
            Ok(body.map(|body| Question::Search { index: index.clone(), body }))
        }
        (Question::Metrics { .. }, Some(Answer::Metrics(page))) => match page["next"].as_str() {
            None | Some("") => Ok(None),
            Some(_) if pages.len() >= MOST_PAGES => {
                Err(format!("CloudWatch answered with more than {MOST_PAGES} pages"))
            }
            Some(token) => {
                let mut turned = asked.clone();
                if let Question::Metrics { next, .. } = &mut turned {
                    *next = Some(token.to_owned());
                }
                Ok(Some(turned))
            }
        },
        _ => Ok(None),
    }
}

/// The rows of the answers, which are in the order of the questions; of searches all pages.
///
/// # Errors
/// Answers that do not have the shape the questions ask for.
pub fn rows(condition: &Condition, answers: &[Answer]) -> Result<Vec<Row>, String> {
    match answers {
        [Answer::Search(_), ..] => {
            let mut rows = Vec::new();
            for answer in answers {
                let Answer::Search(page) = answer else {
                    return Err("the answers do not belong to the questions".to_owned());
                };
                rows.extend(elasticsearch::rows(condition, page)?);
            }
            Ok(rows)
        }
        [Answer::Vector(values)] => Ok(joined(condition, values, None)),
        [Answer::Vector(values), Answer::Vector(against)] => {
            Ok(joined(condition, values, Some(against)))
        }
        _ => Err("the answers do not belong to the questions".to_owned()),
    }
}

/// Rows of one or two vectors; what only one of them has is zero in the other.
fn joined(condition: &Condition, values: &[Sample], against: Option<&[Sample]>) -> Vec<Row> {
    let mut rows: BTreeMap<Labels, (f64, Option<f64>)> = BTreeMap::new();
    for sample in against.unwrap_or_default() {
        rows.insert(identity(sample), (0.0, Some(number(sample))));
    }
    let missing = against.map(|_| 0.0);
    for sample in values {
        let row = rows.entry(identity(sample)).or_insert((0.0, missing));
        row.0 = number(sample);
    }
    let grouped = condition.events().is_some_and(|events| !events.group_by.is_empty());
    if rows.is_empty()
        && !grouped
        && !matches!(condition, Condition::NewTerm { .. })
        && condition.counts()
    {
        // Sources leave out the sum of nothing; no events are a count of none.
        rows.insert(Labels::default(), (0.0, missing));
    }
    rows.into_iter().map(|(labels, (value, against))| Row { labels, value, against }).collect()
}

fn identity(sample: &Sample) -> Labels {
    let pairs = sample.labels.iter().filter(|(name, _)| *name != "__name__");
    Labels::from_pairs(pairs.map(|(name, value)| (label_of(name), value)))
}

fn number(sample: &Sample) -> f64 {
    match &sample.value {
        Number::Float(value) => *value,
        Number::Histogram(histogram) => histogram.count,
    }
}

fn before(now: Timestamp, length: Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.checked_sub(length).unwrap_or(Timestamp::MIN)
}

/// A field as the name of a label: `service.name` is `service_name`.
fn label_of(field: &str) -> String {
    let field = field.strip_suffix(".keyword").unwrap_or(field);
    let mut name: String =
        field.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// The length as languages write it.
fn length(length: Duration) -> String {
    format!("{}s", length.as_secs().max(1))
}

/// The fields a series is made of.
fn grouping<'c>(condition: &'c Condition, events: &'c Events) -> &'c [String] {
    match condition {
        Condition::NewTerm { fields, .. } => fields,
        _ => &events.group_by,
    }
}

impl Condition {
    /// The events it asks for, if it asks for events.
    pub fn events(&self) -> Option<&Events> {
        match self {
            Self::Frequency { events, .. }
            | Self::Spike { events, .. }
            | Self::Flatline { events, .. }
            | Self::NewTerm { events, .. }
            | Self::Cardinality { events, .. }
            | Self::Metric { events, .. }
            | Self::Percentage { events, .. } => Some(events),
            Self::Threshold { .. } | Self::Composite { .. } | Self::Alarm(_) => None,
        }
    }

    /// Whether nothing at all is the number zero.
    fn counts(&self) -> bool {
        match self {
            Self::Metric { statistic, .. } => {
                matches!(statistic, Statistic::Count | Statistic::Sum)
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, Direction};
    use super::*;

    fn events(group_by: &[&str]) -> Events {
        Events {
            index: "{app=\"shop\"}".to_owned(),
            query: "level:ERROR".to_owned(),
            window: Duration::from_secs(300),
            delay: Duration::from_secs(30),
            group_by: group_by.iter().map(|field| (*field).to_owned()).collect(),
        }
    }

    fn over(value: f64) -> Comparison {
        Comparison::parse(&format!("> {value}")).unwrap()
    }

    fn conditions(group_by: &[&str]) -> Vec<Condition> {
        let events = || events(group_by);
        let field = || "duration".to_owned();
        vec![
            Condition::Frequency { events: events(), threshold: over(50.0) },
            Condition::Spike {
                events: events(),
                reference: Duration::from_secs(600),
                factor: 3.0,
                direction: Direction::Up,
                min_reference: 0.0,
                min_current: 0.0,
            },
            Condition::Flatline { events: events(), below: 1.0, forget_after: None },
            Condition::NewTerm {
                events: Events { group_by: Vec::new(), ..events() },
                fields: vec!["user".to_owned(), "geo.country".to_owned()],
                history: Duration::from_secs(86_400),
            },
            Condition::Cardinality {
                events: events(),
                field: "user".to_owned(),
                threshold: over(5.0),
            },
            Condition::Metric {
                events: events(),
                field: field(),
                statistic: Statistic::Percentile(95.0),
                threshold: over(1.0),
                min_events: 10.0,
            },
            Condition::Metric {
                events: events(),
                field: field(),
                statistic: Statistic::Avg,
                threshold: over(1.0),
                min_events: 0.0,
            },
            Condition::Percentage {
                events: events(),
                matching: "status:500".to_owned(),
                threshold: over(5.0),
                min_events: 0.0,
            },
        ]
    }

    /// The languages' own forms of the query and of what is to match.
    fn in_logql(condition: &Condition) -> Condition {
        let mut condition = condition.clone();
        match &mut condition {
            Condition::Frequency { events, .. }
            | Condition::Spike { events, .. }
            | Condition::Flatline { events, .. }
            | Condition::NewTerm { events, .. }
            | Condition::Cardinality { events, .. }
            | Condition::Metric { events, .. } => {
                events.index.clear();
                events.query = r#"{app="shop"} |= "error" | json"#.to_owned();
            }
            Condition::Percentage { events, matching, .. } => {
                events.index.clear();
                events.query = r#"{app="shop"} | json"#.to_owned();
                *matching = "| status = 500".to_owned();
            }
            _ => {}
        }
        condition
    }

    #[test]
    fn questions_in_every_language() {
        let now = "2026-11-28T10:00:00Z".parse().unwrap();
        let mut out = String::new();
        for group_by in [&[][..], &["service.name", "namespace"]] {
            for condition in conditions(group_by) {
                let all = [
                    (Dialect::Elasticsearch, condition.clone()),
                    (Dialect::LogQl, in_logql(&condition)),
                    (Dialect::LogsQl, condition.clone()),
                ];
                for (dialect, condition) in all {
                    for question in questions(&condition, dialect, now).unwrap() {
                        match question {
                            Question::Search { index, body } => {
                                out.push_str(&format!("{index} {body}\n"));
                            }
                            Question::Text { text, at } => out.push_str(&format!("{at} {text}\n")),
                            other => panic!("{other:?}"),
                        }
                    }
                }
                out.push('\n');
            }
        }
        insta::assert_snapshot!(out);
    }

    fn sample(pairs: &[(&str, &str)], value: f64) -> Sample {
        let labels = Labels::from_pairs(pairs.iter().copied());
        Sample { labels, time: 0, value: Number::Float(value) }
    }

    #[test]
    fn vectors_become_rows() {
        let spike = &conditions(&["service"])[1];
        let now = vec![sample(&[("__name__", "value"), ("service", "a")], 9.0)];
        let then = vec![sample(&[("service", "a")], 3.0), sample(&[("service", "b")], 4.0)];
        let made = rows(spike, &[Answer::Vector(now), Answer::Vector(then)]).unwrap();
        let shown: Vec<(String, f64, Option<f64>)> = made
            .iter()
            .map(|row| (row.labels.value("service").to_owned(), row.value, row.against))
            .collect();
        assert_eq!(shown, [("a".to_owned(), 9.0, Some(3.0)), ("b".to_owned(), 0.0, Some(4.0))]);
        let none = rows(&conditions(&[])[0], &[Answer::Vector(Vec::new())]).unwrap();
        assert_eq!(none, [Row { labels: Labels::default(), value: 0.0, against: None }]);
        let average = &conditions(&[])[6];
        assert_eq!(rows(average, &[Answer::Vector(Vec::new())]).unwrap(), []);
        let grouped = &conditions(&["service"])[0];
        assert_eq!(rows(grouped, &[Answer::Vector(Vec::new())]).unwrap(), []);
        assert!(rows(spike, &[]).is_err());
    }
}
