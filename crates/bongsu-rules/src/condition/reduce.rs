//! From the rows a data source answered to labelled values that breach.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Condition, Direction};

/// One row of an answer: one combination of the grouped fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Grouped fields and their values.
    pub labels: Labels,
    /// The count, the statistic or the number of different values in the window.
    pub value: f64,
    /// What it is held against: the count of the reference window of a spike, of all events of a
    /// percentage, of the events behind a statistic. `None` if the kind has none.
    pub against: Option<f64>,
}

/// What a condition has to remember between evaluations: combinations and when each was last seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether a first evaluation has filled it; before that nothing is new.
    pub primed: bool,
    /// Combinations seen, with seconds since 1970.
    #[serde(with = "pairs")]
    pub seen: BTreeMap<Labels, i64>,
    /// Combinations that were not kept because there were too many.
    pub dropped: u64,
}

/// A map whose keys are label sets, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use bongsu_model::Labels;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Labels, i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Labels, i64>, D::Error> {
        Ok(Vec::<(Labels, i64)>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Combinations one rule remembers.
const MOST_TERMS: usize = 100_000;

/// The outcome of one evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reduced {
    /// What breaches.
    pub breaching: Vec<(Labels, f64)>,
    /// Everything that has a value, breaching or not.
    pub all: Vec<(Labels, f64)>,
}

impl Terms {
    /// Takes in what was seen at `now` and says which combinations are new since `history`.
    fn take(&mut self, rows: &[Row], now: Timestamp, history: Duration) -> Vec<bool> {
        let now = now.as_second();
        let oldest = now.saturating_sub(i64::try_from(history.as_secs()).unwrap_or(i64::MAX));
        self.seen.retain(|_, last| *last >= oldest);
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            let known = self.seen.contains_key(&row.labels);
            fresh.push(self.primed && !known);
            if known || self.seen.len() < MOST_TERMS {
                self.seen.insert(row.labels.clone(), now);
            } else {
                self.dropped += 1;
            }
        }
        self.primed = true;
        fresh
    }
}

/// Judges the rows of one evaluation. `terms` is changed by kinds that remember (`new_term`,
/// `flatline`). Thresholds take the answer of their expression as rows; composites and alarms have
/// no rows.
pub fn reduce(condition: &Condition, rows: &[Row], terms: &mut Terms, now: Timestamp) -> Reduced {
    let judged = |judge: &dyn Fn(&Row) -> Option<(f64, bool)>| {
        let mut reduced = Reduced::default();
        for row in rows {
            let Some((value, breaches)) = judge(row) else { continue };
            if breaches {
                reduced.breaching.push((row.labels.clone(), value));
            }
            reduced.all.push((row.labels.clone(), value));
        }
        reduced
    };
    match condition {
        Condition::Frequency { threshold, .. }
        | Condition::Cardinality { threshold, .. }
        | Condition::Threshold { threshold, .. } => {
            judged(&|row| Some((row.value, threshold.holds(row.value))))
        }
        Condition::Metric { threshold, min_events, .. } => judged(&|row| {
            let enough = row.against.is_none_or(|events| events >= *min_events);
            Some((row.value, enough && threshold.holds(row.value)))
        }),
        Condition::Percentage { threshold, min_events, .. } => judged(&|row| {
            let all = row.against.unwrap_or(0.0);
            if all <= 0.0 || all < *min_events {
                return None;
            }
            let share = row.value / all * 100.0;
            Some((share, threshold.holds(share)))
        }),
        Condition::Spike { factor, direction, min_reference, min_current, .. } => judged(&|row| {
            let before = row.against.unwrap_or(0.0);
            let enough = before >= *min_reference && row.value >= *min_current;
            // A growth from nothing has no ratio; `min_reference` decides whether it counts.
            let up = row.value >= before * factor && row.value > before;
            let down = row.value * factor <= before && row.value < before;
            let breaches = match direction {
                Direction::Up => up,
                Direction::Down => down,
                Direction::Both => up || down,
            };
            Some((row.value, enough && breaches))
        }),
        Condition::Flatline { below, forget_after, .. } => {
            flatline(rows, *below, *forget_after, terms, now)
        }
        Condition::NewTerm { history, .. } => {
            let fresh = terms.take(rows, now, *history);
            let mut reduced = Reduced::default();
            for (row, fresh) in rows.iter().zip(fresh) {
                if fresh {
                    reduced.breaching.push((row.labels.clone(), row.value));
                }
                reduced.all.push((row.labels.clone(), row.value));
            }
            reduced
        }
        Condition::Composite { .. } | Condition::Alarm(_) => Reduced::default(),
    }
}

/// Known combinations without a row count zero; without groups there is always one combination.
fn flatline(
    rows: &[Row],
    below: f64,
    forget_after: Option<Duration>,
    terms: &mut Terms,
    now: Timestamp,
) -> Reduced {
    let active: Vec<Row> = rows.iter().filter(|row| row.value > 0.0).cloned().collect();
    terms.take(&active, now, forget_after.unwrap_or(Duration::MAX));
    let mut counts: BTreeMap<&Labels, f64> = terms.seen.keys().map(|known| (known, 0.0)).collect();
    for row in rows {
        counts.insert(&row.labels, row.value);
    }
    let nothing = Labels::default();
    if rows.iter().all(|row| row.labels.is_empty()) && counts.is_empty() {
        counts.insert(&nothing, 0.0);
    }
    let all: Vec<(Labels, f64)> =
        counts.into_iter().map(|(labels, count)| (labels.clone(), count)).collect();
    Reduced { breaching: all.iter().filter(|(_, count)| *count < below).cloned().collect(), all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Comparison, Events};

    fn row(name: &str, value: f64, against: Option<f64>) -> Row {
        Row { labels: Labels::from_pairs([("k", name)]), value, against }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn names(condition: &Condition, rows: &[Row], terms: &mut Terms, second: i64) -> String {
        let reduced = reduce(condition, rows, terms, at(second));
        let parts: Vec<String> =
            reduced.breaching.iter().map(|(l, v)| format!("{}={v}", l.value("k"))).collect();
        parts.join(" ")
    }

    fn more_than(value: f64) -> Comparison {
        Comparison::parse(&format!("> {value}")).unwrap()
    }

    #[test]
    fn each_row_against_its_number() {
        let events = Events::default();
        let rows = [row("a", 60.0, Some(100.0)), row("b", 5.0, Some(100.0)), row("c", 9.0, None)];
        let spike = |direction, min_reference| Condition::Spike {
            events: Events::default(),
            reference: Duration::from_secs(60),
            factor: 3.0,
            direction,
            min_reference,
            min_current: 0.0,
        };
        for (condition, want) in [
            (
                Condition::Frequency { events: events.clone(), threshold: more_than(8.0) },
                "a=60 c=9",
            ),
            (
                Condition::Percentage {
                    events,
                    matching: String::new(),
                    threshold: more_than(50.0),
                    min_events: 10.0,
                },
                "a=60",
            ),
            (spike(Direction::Down, 10.0), "b=5"),
            (spike(Direction::Up, 0.0), "c=9"),
            (spike(Direction::Both, 0.0), "b=5 c=9"),
        ] {
            assert_eq!(names(&condition, &rows, &mut Terms::default(), 0), want, "{condition:?}");
        }
    }

    #[test]
    fn silence_is_seen_until_it_is_forgotten() {
        let condition = Condition::Flatline {
            events: Events::default(),
            below: 1.0,
            forget_after: Some(Duration::from_secs(100)),
        };
        let mut terms = Terms::default();
        assert_eq!(names(&condition, &[row("a", 3.0, None)], &mut terms, 0), "");
        assert_eq!(names(&condition, &[row("b", 3.0, None)], &mut terms, 60), "a=0");
        assert_eq!(names(&condition, &[row("b", 3.0, None)], &mut terms, 101), "");
        let mut empty = Terms::default();
        assert_eq!(reduce(&condition, &[], &mut empty, at(0)).breaching.len(), 1);
    }

    #[test]
    fn new_terms_are_new_once() {
        let condition = Condition::NewTerm {
            events: Events::default(),
            fields: vec!["k".to_owned()],
            history: Duration::from_secs(100),
        };
        let mut terms = Terms::default();
        assert_eq!(names(&condition, &[row("a", 1.0, None)], &mut terms, 0), "");
        let both = [row("a", 1.0, None), row("b", 1.0, None)];
        assert_eq!(names(&condition, &both, &mut terms, 10), "b=1");
        assert_eq!(names(&condition, &both, &mut terms, 20), "");
        assert_eq!(names(&condition, &[row("a", 1.0, None)], &mut terms, 200), "a=1");
    }
}
