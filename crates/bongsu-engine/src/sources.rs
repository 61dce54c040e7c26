//! Data sources of rules: instances of providers that can be asked in a query language.
//!
//! In: an expression and when. Out: the value in PromQL's shape, or why there is none. What a source
//! is and how it is asked stands in the provider's manifest (`datasource`).

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{FloatHistogram, Number, Sample, Series, Value};
use bongsu_provider::call::{CallError, Extra};
use bongsu_provider::furnished;
use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use crate::api::Window;
use crate::engine::Shared;
use crate::series::When;

/// The longest a question may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a source that is asked too often is left alone at first; each further time twice as
/// long, up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(4);
/// Series of one answer.
const MAX_SERIES: usize = 100_000;

/// A question to a data source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    /// In the language of the source.
    pub(crate) text: String,
    /// Whose data, where a source has several tenants.
    pub(crate) tenant: Option<String>,
    /// Whether an answer that lacks a part counts.
    pub(crate) partial: bool,
    /// What the group wants sent with it.
    pub(crate) extra: Extra,
}

/// What a data source says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The value.
    pub value: Value,
    /// What it says beside it.
    pub warnings: Vec<String>,
    /// A part is missing.
    pub partial: bool,
}

impl Shared {
    /// The language in which a source is asked.
    pub(crate) fn language_of(&self, source: &str) -> Result<&'static str, String> {
        let intake = self.core.lock().loaded.intake();
        let (manifest, _) = intake.source(source)?;
        manifest.datasource.ok_or_else(|| {
            format!("rules cannot ask {source}: the provider {} is no data source", manifest.slug)
        })
    }

    /// Asks a source at an instant or over a window.
    pub(crate) async fn ask_source(
        &self,
        source: &str,
        question: &Question,
        when: When,
    ) -> Result<Told, String> {
        let language = self.language_of(source)?;
        match language {
            "elasticsearch" => {
                return Err(format!(
                    "{source} holds logs: it is asked by conditions, not expressions"
                ));
            }
            "cloudwatch" => {
                return Err(format!("{source} is asked by alarms, not expressions"));
            }
            _ => {}
        }
        let mut params = Map::new();
        params.insert("query".to_owned(), question.text.as_str().into());
        let operation = match when {
            When::At(at) => {
                params.insert("time".to_owned(), seconds(at).into());
                "evaluate"
            }
            When::Range(Window { from, to }, step) => {
                params.insert("start".to_owned(), seconds(from).into());
                params.insert("end".to_owned(), seconds(to).into());
                params.insert("step".to_owned(), seconds(step).into());
                "evaluate_range"
            }
        };
        if let Some(tenant) = &question.tenant {
            params.insert("tenant".to_owned(), tenant.as_str().into());
        }
        if !question.partial {
            params.insert("partial_response".to_owned(), false.into());
        }
        let told = self.call_source(source, operation, params, &question.extra).await?;
        read(&told, question.partial)
    }

    /// Searches a source that holds logs: an index pattern and a body in its own language.
    pub(crate) async fn search_source(
        &self,
        source: &str,
        (index, body): (&str, Json),
        extra: &Extra,
    ) -> Result<Json, String> {
        let mut params = Map::new();
        params.insert("index".to_owned(), index.into());
        params.insert("query".to_owned(), body);
        params.insert("size".to_owned(), json!(0));
        self.call_source(source, "search", params, extra).await
    }

    /// Asks CloudWatch for a page of metrics: `MetricDataQueries`, from and until when in seconds,
    /// `NextToken` of a page after the first. The page is `{results, next}`.
    pub(crate) async fn metrics_of_source(
        &self,
        source: &str,
        queries: Json,
        (start, end): (i64, i64),
        next: Option<String>,
        extra: &Extra,
    ) -> Result<Json, String> {
        let mut params = Map::new();
        params.insert("queries".to_owned(), queries);
        params.insert("start".to_owned(), start.into());
        params.insert("end".to_owned(), end.into());
        if let Some(next) = next {
            params.insert("next".to_owned(), next.into());
        }
        self.call_source(source, "metric_data", params, extra).await
    }

    /// Calls an operation of a source; one that is asked too often is given time.
    async fn call_source(
        &self,
        source: &str,
        operation: &str,
        mut params: Map<String, Json>,
        extra: &Extra,
    ) -> Result<Json, String> {
        let intake = self.core.lock().loaded.intake();
        let (manifest, auth) = intake.source(source)?;
        let connector = intake.connector().ok_or("nothing is called by this server")?;
        let query = manifest.queries.iter().find(|query| query.name == operation);
        let query = query.ok_or_else(|| format!("{source} cannot be asked by {operation}"))?;
        params.retain(|name, _| query.params.iter().any(|param| param.name == *name));
        let deadline = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        loop {
            // Signatures are of the time they are sent at.
            let now = self.clock.now();
            let asked = async {
                let params = furnished(query, &params)?;
                let mut prepared = query.prepare(&auth, &params, now)?;
                prepared.add(extra.clone());
                let outcome = connector.run(&mut prepared, now, deadline).await?;
                Ok(auth.redactor().redact_value(&outcome.result))
            };
            let error: CallError = match asked.await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            let pause = error.retry_after.unwrap_or(wait);
            if !is_throttled(&error) || wait > LAST_WAIT || Instant::now() + pause >= deadline {
                return Err(error.message);
            }
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
    }
}

/// Whether the peer said no only because it is asked too often.
fn is_throttled(error: &CallError) -> bool {
    error.retry && matches!(error.status, Some(429 | 400))
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// Reads `{data: {resultType, result}, warnings, partial}`, an answer of Prometheus' API; `partial`
/// says whether one that lacks a part counts.
///
/// # Errors
/// What about it is no such answer.
pub fn read(told: &Json, partial: bool) -> Result<Told, String> {
    let texts = |name: &str| -> Vec<String> {
        let list = told[name].as_array().into_iter().flatten();
        list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let warnings = texts("warnings");
    let lacks = told["partial"] == true;
    if lacks && !partial {
        return Err("the answer lacks a part: a store did not respond".to_owned());
    }
    let result = &told["data"]["result"];
    let value = match told["data"]["resultType"].as_str() {
        Some("vector") => {
            Value::Vector(list(result)?.iter().map(sample).collect::<Result<_, _>>()?)
        }
        Some("matrix") => {
            Value::Matrix(list(result)?.iter().map(series).collect::<Result<_, _>>()?)
        }
        Some("scalar") => {
            let (time, value) = point(result)?;
            Value::Scalar(time, value)
        }
        Some("string") => {
            let text = result[1].as_str().unwrap_or_default().to_owned();
            Value::Text(time(&result[0])?, text)
        }
        // Loki: lines.
        Some(other) => return Err(format!("the answer is of the kind {other}, not numbers")),
        None => return Err("the answer has no resultType".to_owned()),
    };
    Ok(Told { value, warnings, partial: lacks })
}

fn list(result: &Json) -> Result<&[Json], String> {
    let list = result.as_array().ok_or("the result is no list")?;
    if list.len() > MAX_SERIES {
        return Err(format!("the answer has {} series, more than {MAX_SERIES}", list.len()));
    }
    Ok(list)
}

fn labels(item: &Json) -> Result<Labels, String> {
    let metric = item["metric"].as_object().ok_or("a series without labels")?;
    let pairs = metric.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    Ok(Labels::from_pairs(pairs.filter(|(_, value)| !value.is_empty())))
}

fn sample(item: &Json) -> Result<Sample, String> {
    let (time, value) = match item.get("histogram") {
        Some(item) => native(item)?,
        None => {
            let (time, value) = point(&item["value"])?;
            (time, Number::Float(value))
        }
    };
    Ok(Sample { labels: labels(item)?, time, value })
}

fn series(item: &Json) -> Result<Series, String> {
    let list = |name: &str| item[name].as_array().map(Vec::as_slice);
    let (floats, natives) = (list("values"), list("histograms"));
    if floats.or(natives).is_none() {
        return Err("a series without values".to_owned());
    }
    let floats = floats.unwrap_or_default().iter().map(|item| {
        let (time, value) = point(item)?;
        Ok((time, Number::Float(value)))
    });
    let natives = natives.unwrap_or_default().iter().map(native);
    let mut points = floats.chain(natives).collect::<Result<Vec<_>, String>>()?;
    points.sort_by_key(|(time, _)| *time);
    Ok(Series { labels: labels(item)?, points })
}

fn point(item: &Json) -> Result<(i64, f64), String> {
    Ok((time(&item[0])?, number(&item[1])?))
}

/// A native histogram at an instant: `[time, {count, sum, buckets: [[rule, lower, upper, count]]}]`.
fn native(item: &Json) -> Result<(i64, Number), String> {
    let (at, shown) = (time(&item[0])?, &item[1]);
    let buckets = shown["buckets"].as_array().map_or(&[][..], Vec::as_slice);
    let bucket = |bucket: &Json| {
        let rule = bucket[0].as_u64().and_then(|rule| u8::try_from(rule).ok());
        let rule = rule.ok_or("a bucket without a rule of its bounds")?;
        Ok((rule, number(&bucket[1])?, number(&bucket[2])?, number(&bucket[3])?))
    };
    let buckets = buckets.iter().map(bucket).collect::<Result<Vec<_>, String>>()?;
    let made = FloatHistogram::from_api(number(&shown["count"])?, number(&shown["sum"])?, &buckets);
    let made = made.map_err(|error| format!("a histogram that cannot be: {error}"))?;
    Ok((at, Number::Histogram(Arc::new(made))))
}

fn number(item: &Json) -> Result<f64, String> {
    match item.as_str().ok_or("a value that is no text")? {
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        other => other.parse().map_err(|_| format!("{other:?} is no number")),
    }
}

fn time(item: &Json) -> Result<i64, String> {
    let seconds = item.as_f64().or_else(|| item.as_str()?.parse().ok());
    let seconds = seconds.filter(|seconds| seconds.abs() < 9e15);
    Ok((seconds.ok_or("a value without a time")? * 1000.0).round() as i64)
}

/// The labels and numbers of a vector; a scalar is one without labels.
pub(crate) fn vector(value: Value) -> Result<Vec<Sample>, String> {
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(time, value) => {
            let labels = Labels::default();
            Ok(vec![Sample { labels, time, value: Number::Float(value) }])
        }
        Value::Text(..) | Value::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

/// The instant of a question in milliseconds.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &Json) -> Result<String, String> {
        read(json, false).map(|told| format!("{:?} {:?}", told.value, told.warnings))
    }

    #[test]
    fn answers() {
        let one = json!({"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "+Inf"]});
        let vector = json!({"data": {"resultType": "vector", "result": [one]}, "warnings": ["w"]});
        let read_back = read(&vector, false).unwrap();
        let Value::Vector(samples) = &read_back.value else { panic!("{read_back:?}") };
        assert_eq!(samples[0].labels, Labels::from_pairs([("__name__", "up"), ("job", "a")]));
        assert_eq!((samples[0].time, &samples[0].value), (1500, &Number::Float(f64::INFINITY)));
        assert_eq!(read_back.warnings, ["w"]);
        let matrix = json!({"data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[1, "1"], ["2", "NaN"]]}]}});
        assert!(
            matches!(read(&matrix, false).unwrap().value, Value::Matrix(all) if all[0].points.len() == 2)
        );
        let scalar = json!({"data": {"resultType": "scalar", "result": [3, "-1"]}});
        assert_eq!(read(&scalar, false).unwrap().value, Value::Scalar(3000, -1.0));
    }

    #[test]
    fn native_histograms() {
        let shown = json!({"count": "3", "sum": "4.5", "buckets": [[3, "-0.001", "0.001", "1"], [0, "1", "2", "2"]]});
        let vector = json!({"data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "histogram": [1.5, shown]}]}});
        let Value::Vector(samples) = read(&vector, false).unwrap().value else {
            panic!("a vector")
        };
        assert_eq!(samples[0].time, 1500);
        let Number::Histogram(histogram) = &samples[0].value else { panic!("a histogram") };
        assert_eq!(histogram.to_string(), "{count:3, sum:4.5, [-0.001,0.001]:1, (1,2]:2}");
        let empty = json!({"count": "0", "sum": "0"});
        let matrix = json!({"data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[2, "7"]], "histograms": [[1, shown], [3, empty]]}]}});
        let Value::Matrix(all) = read(&matrix, false).unwrap().value else { panic!("a matrix") };
        let times: Vec<i64> = all[0].points.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [1000, 2000, 3000]);
        assert_eq!(all[0].points[1].1, Number::Float(7.0));
    }

    #[test]
    fn what_is_no_answer() {
        for wrong in [
            json!({}),
            json!({"data": {"resultType": "streams", "result": []}}),
            json!({"data": {"resultType": "vector", "result": {}}}),
            json!({"data": {"resultType": "vector", "result": [{"metric": {}}]}}),
            json!({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}}),
            json!({"data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}}),
            json!({"data": {"resultType": "matrix", "result": [{"metric": {}}]}}),
            json!({"data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {"count": "1", "sum": "1",
                "buckets": [[0, "2", "1", "1"]]}]}]}}),
            json!({"data": {"resultType": "vector", "result": []}, "partial": true}),
        ] {
            assert!(told(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn partial_answers_count_where_they_may() {
        let partial = json!({"data": {"resultType": "vector", "result": []}, "partial": true});
        assert!(read(&partial, true).unwrap().partial);
    }
}
