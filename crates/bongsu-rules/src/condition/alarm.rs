//! Alarms of CloudWatch, evaluated as CloudWatch does.
//!
//! In: an alarm as it is written, an instant, what `GetMetricData` answered. Out: the question; the
//! datapoints of the evaluation range; a [`State`].

mod composite;
mod evaluate;

use bongsu_model::Timestamp;
use serde_json::{Value, json};

pub use composite::CompositeRule;
pub use evaluate::{Datapoint, State, TreatMissing, evaluate};

use super::Comparison;
use super::question::{Answer, Question};

/// Datapoints asked for beyond N, so that late ones are found.
const BEYOND: usize = 2;
/// Seconds after which alarms of long ranges are looked at again.
const HOUR: i64 = 3600;
/// Seconds in a day: a longer range moves on by the hour only.
const DAY: i64 = 86_400;

/// An alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Alarm {
    /// Over a metric, or an expression of several.
    Metric(Box<MetricAlarm>),
    /// Over the states of other alarms.
    Composite(CompositeRule),
}

/// An alarm over a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricAlarm {
    /// `MetricDataQueries` of `GetMetricData`; one of them returns data.
    pub queries: Value,
    /// The `Id` of that one.
    pub id: String,
    /// Seconds a datapoint covers, at least 10.
    pub period: i64,
    /// N, at least 1.
    pub periods: usize,
    /// M, 1 … N.
    pub to_alarm: usize,
    /// What breaches.
    pub threshold: Comparison,
    /// What a missing datapoint counts as.
    pub missing: TreatMissing,
}

impl MetricAlarm {
    /// Whether an alarm may look back so far.
    ///
    /// # Errors
    /// CloudWatch's rule, in one sentence.
    pub fn check_range(period: f64, periods: f64) -> Result<(), &'static str> {
        let known = [10.0, 20.0, 30.0].contains(&period) || period >= 60.0 && period % 60.0 == 0.0;
        if !known {
            return Err("a period is 10, 20 or 30 seconds, or a multiple of 60");
        }
        let most = if period >= HOUR as f64 { 7 * DAY } else { DAY };
        if !(1.0..=most as f64 / period).contains(&periods) {
            return Err("an alarm looks back at least one period and at most a day, or a week if \
                        its period is an hour or more");
        }
        Ok(())
    }

    /// The evaluation range at an instant, in seconds since 1970: the end is not in it. It moves on
    /// by the minute, of short periods by the period, of ranges longer than a day by the hour.
    fn range(&self, at: Timestamp) -> (i64, i64) {
        let step = match self.period.saturating_mul(self.periods as i64) {
            length if length > DAY => HOUR,
            _ => self.period.min(60),
        };
        let end = at.as_second().div_euclid(step) * step;
        (end - self.period.saturating_mul(self.length() as i64), end)
    }

    /// Datapoints of the evaluation range.
    fn length(&self) -> usize {
        self.periods + BEYOND
    }

    /// What is asked at an instant.
    pub(super) fn question(&self, at: Timestamp) -> Question {
        let (start, end) = self.range(at);
        Question::Metrics { queries: self.queries.clone(), start, end, next: None }
    }

    /// The values of the evaluation range, oldest first; `None` where there is none.
    ///
    /// # Errors
    /// Answers that lack a part, or are no answers of `GetMetricData`.
    pub fn values(&self, answers: &[Answer], at: Timestamp) -> Result<Vec<Option<f64>>, String> {
        let (start, _) = self.range(at);
        let mut values = vec![None; self.length()];
        let (mut label, mut whole) = (None, true);
        for answer in answers {
            let Answer::Metrics(page) = answer else {
                return Err("the answer is not that of GetMetricData".to_owned());
            };
            let results = page["results"].as_array().ok_or("the answer has no results")?;
            for result in results.iter().filter(|result| result["Id"] == *self.id) {
                whole = match result["StatusCode"].as_str() {
                    Some("Complete") => true,
                    // The rest is on the next page.
                    Some("PartialData") => false,
                    other => return Err(refused(result, other.unwrap_or("no status"))),
                };
                if *label.get_or_insert(&result["Label"]) != &result["Label"] {
                    return Err("the expression gives several series, an alarm has one".to_owned());
                }
                for (second, value) in points(result)? {
                    let slot = (second - start).div_euclid(self.period);
                    if let Some(known) =
                        usize::try_from(slot).ok().and_then(|at| values.get_mut(at))
                    {
                        *known = Some(value);
                    }
                }
            }
        }
        if whole { Ok(values) } else { Err("CloudWatch answered with a part only".to_owned()) }
    }

    /// The state after an evaluation that follows `before`.
    pub fn state(&self, values: &[Option<f64>], before: State) -> State {
        let judged = |value: &Option<f64>| match value {
            None => Datapoint::Missing,
            Some(value) if self.threshold.holds(*value) => Datapoint::Breaching,
            Some(_) => Datapoint::Good,
        };
        let points: Vec<Datapoint> = values.iter().map(judged).collect();
        evaluate(&points, self.to_alarm, self.periods, self.missing, before)
    }
}

/// What CloudWatch says of a result it could not give.
fn refused(result: &Value, status: &str) -> String {
    match result["Messages"][0]["Value"].as_str() {
        Some(message) => format!("CloudWatch: {status}: {message}"),
        None => format!("CloudWatch: {status}"),
    }
}

/// Seconds since 1970 and values of a result.
fn points(result: &Value) -> Result<Vec<(i64, f64)>, String> {
    let list = |key: &str| result[key].as_array().map_or(&[][..], Vec::as_slice);
    let (times, values) = (list("Timestamps"), list("Values"));
    if times.len() != values.len() {
        return Err("the answer has not as many values as timestamps".to_owned());
    }
    let both = times.iter().zip(values);
    both.map(|(time, value)| match (time.as_f64(), value.as_f64()) {
        (Some(time), Some(value)) => Ok((time.floor() as i64, value)),
        _ => Err("a timestamp or value that is no number".to_owned()),
    })
    .collect()
}

/// `MetricDataQueries` of one metric.
pub(crate) fn single_query(
    metric: &Value,
    period: i64,
    statistic: &str,
    unit: Option<&str>,
) -> Value {
    let mut stat = json!({"Metric": metric, "Period": period, "Stat": statistic});
    if let Some(unit) = unit {
        stat["Unit"] = unit.into();
    }
    json!([{"Id": "m1", "MetricStat": stat, "ReturnData": true}])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(period: i64, periods: usize) -> MetricAlarm {
        MetricAlarm {
            queries: json!([]),
            id: "m1".to_owned(),
            period,
            periods,
            to_alarm: periods,
            threshold: Comparison::parse("> 5").unwrap(),
            missing: TreatMissing::default(),
        }
    }

    #[test]
    fn ranges_move_on_as_those_of_cloudwatch() {
        // 2027-01-15T08:00:00Z and a bit.
        for (period, periods, at, expected) in [
            (60, 3, 1_800_000_059, (1_799_999_700, 1_800_000_000)),
            (10, 3, 1_800_000_059, (1_800_000_000, 1_800_000_050)),
            // Five minutes slide by the minute.
            (300, 1, 1_800_000_119, (1_799_999_160, 1_800_000_060)),
            (86_400, 2, 1_800_003_599, (1_799_654_400, 1_800_000_000)),
        ] {
            let at = Timestamp::from_second(at).unwrap();
            assert_eq!(alarm(period, periods).range(at), expected, "{period} {periods}");
        }
    }

    #[test]
    fn answers_of_all_pages_become_values() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let first = 1_799_999_700;
        let page = |status: &str, times: &[i64]| {
            let values: Vec<f64> = times.iter().map(|time| (time - first) as f64 / 60.0).collect();
            let other =
                json!({"Id": "m2", "StatusCode": "Complete", "Timestamps": [first], "Values": [9]});
            let own = json!({"Id": "m1", "Label": "l", "StatusCode": status, "Timestamps": times, "Values": values});
            Answer::Metrics(json!({"results": [other, own]}))
        };
        let pages = [page("PartialData", &[first, first + 60]), page("Complete", &[first + 240])];
        let alarm = alarm(60, 3);
        let values = alarm.values(&pages, at).unwrap();
        assert_eq!(values, [Some(0.0), Some(1.0), None, None, Some(4.0)]);
        assert_eq!(alarm.values(&[], at).unwrap(), [None; 5]);
        // What is outside of the range is not looked at.
        let outside = alarm.values(&[page("Complete", &[first - 60, first + 300])], at);
        assert_eq!(outside.unwrap(), [None; 5]);
        let result = |result: Value| Answer::Metrics(json!({"results": [result]}));
        for (answers, message) in [
            (vec![page("PartialData", &[first])], "CloudWatch answered with a part only"),
            (vec![page("Forbidden", &[])], "CloudWatch: Forbidden"),
            (
                vec![result(
                    json!({"Id": "m1", "StatusCode": "InternalError", "Messages": [{"Code": "c", "Value": "later"}]}),
                )],
                "CloudWatch: InternalError: later",
            ),
            (
                vec![result(
                    json!({"Id": "m1", "StatusCode": "Complete", "Timestamps": [1], "Values": []}),
                )],
                "the answer has not as many values as timestamps",
            ),
            (
                vec![
                    result(json!({"Id": "m1", "Label": "a", "StatusCode": "Complete"})),
                    result(json!({"Id": "m1", "Label": "b", "StatusCode": "Complete"})),
                ],
                "the expression gives several series, an alarm has one",
            ),
            (vec![Answer::Metrics(json!({}))], "the answer has no results"),
        ] {
            assert_eq!(alarm.values(&answers, at), Err(message.to_owned()));
        }
    }

    #[test]
    fn periods_as_cloudwatch_takes_them() {
        for (period, periods, fits) in [
            (10.0, 1.0, true),
            (15.0, 1.0, false),
            (90.0, 1.0, false),
            (60.0, 1440.0, true),
            (60.0, 1441.0, false),
            (3600.0, 168.0, true),
            (86_400.0, 8.0, false),
            (60.0, 0.0, false),
        ] {
            assert_eq!(MetricAlarm::check_range(period, periods).is_ok(), fits, "{period}");
        }
    }
}
