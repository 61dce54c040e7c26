//! From what a target says to the samples that are kept.
//!
//! In: the samples of one answer. Out: series with the target's labels, the ends of those that are gone,
//! and the report about the scrape itself. Semantics: Prometheus 3.5 `scrape/scrape.go`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use bongsu_config::monitoring::ScrapeConfig;
use bongsu_config::relabel::relabel;
use bongsu_model::{Labels, LabelsBuilder};
use bongsu_promql::STALE_NAN;

/// A sample as a target says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exposed<'a> {
    /// Its labels, `__name__` among them.
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its value.
    pub(crate) value: f64,
    /// Its time in milliseconds, if the target says one.
    pub(crate) time: Option<i64>,
}

/// A sample as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) labels: Labels,
    pub(crate) time: i64,
    pub(crate) value: f64,
}

/// What is remembered of a target between scrapes.
#[derive(Default)]
pub(crate) struct Memory {
    /// Series of the last scrape that end when they are no longer told.
    series: HashSet<Labels, foldhash::fast::FixedState>,
    /// Whether the last scrape worked.
    pub(crate) up: Option<bool>,
}

/// What one scrape comes to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) samples: Vec<Kept>,
    /// Why it counts as failed, if it does; then there are no samples but ends and the report.
    pub(crate) problem: Option<String>,
}

/// The samples of a scrape at `now` that took `took`; `told` is the answer or why there is none.
pub(crate) fn batch(
    job: &ScrapeConfig,
    target: &Labels,
    memory: &mut Memory,
    now: i64,
    took: Duration,
    told: Result<Vec<Exposed<'_>>, String>,
) -> Batch {
    let mut batch = Batch::default();
    let scraped = told.as_ref().map_or(0, Vec::len);
    let mut added = 0;
    let mut fresh = HashSet::default();
    match told.and_then(|told| keep(job, target, now, told)) {
        Ok(kept) => {
            for (sample, ends) in kept {
                added += usize::from(!memory.series.contains(&sample.labels));
                if ends {
                    fresh.insert(sample.labels.clone());
                }
                batch.samples.push(sample);
            }
        }
        Err(problem) => batch.problem = Some(problem),
    }
    let kept = batch.samples.len();
    let gone = memory.series.drain().filter(|labels| !fresh.contains(labels));
    batch.samples.extend(gone.map(|labels| Kept { labels, time: now, value: STALE_NAN }));
    memory.series = fresh;
    let up = batch.problem.is_none();
    memory.up = Some(up);
    for (name, value) in [
        ("up", f64::from(u8::from(up))),
        ("scrape_duration_seconds", took.as_secs_f64()),
        ("scrape_samples_scraped", scraped as f64),
        ("scrape_samples_post_metric_relabeling", kept as f64),
        ("scrape_series_added", added as f64),
    ] {
        let labels = target.iter().chain([("__name__", name)]);
        batch.samples.push(Kept { labels: Labels::from_pairs(labels), time: now, value });
    }
    batch
}

/// The ends of everything a target that is gone has told.
pub(crate) fn farewell(target: &Labels, memory: &mut Memory, now: i64) -> Vec<Kept> {
    let mut ends: Vec<Kept> =
        memory.series.drain().map(|labels| Kept { labels, time: now, value: STALE_NAN }).collect();
    if memory.up.take().is_some() {
        let reports = [
            "up",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        ];
        ends.extend(reports.map(|name| {
            let labels = Labels::from_pairs(target.iter().chain([("__name__", name)]));
            Kept { labels, time: now, value: STALE_NAN }
        }));
    }
    ends
}

/// The samples with the target's labels, and whether each series ends when it is no longer told.
fn keep(
    job: &ScrapeConfig,
    target: &Labels,
    now: i64,
    told: Vec<Exposed<'_>>,
) -> Result<Vec<(Kept, bool)>, String> {
    let mut kept = Vec::with_capacity(told.len());
    for Exposed { labels, value, time } in told {
        check(job, &labels)?;
        let labels = joined(job, target, &labels);
        let Some(labels) = relabel(&labels, &job.metric_relabel_configs) else { continue };
        if labels.get("__name__").is_none() {
            return Err("a sample without a name after relabelling".to_owned());
        }
        let told_time = time.filter(|_| job.honor_timestamps);
        let ends = told_time.is_none() || job.track_timestamps_staleness;
        kept.push((Kept { labels, time: told_time.unwrap_or(now), value }, ends));
        if job.sample_limit > 0 && kept.len() as u64 > job.sample_limit {
            return Err("sample limit exceeded".to_owned());
        }
    }
    Ok(kept)
}

fn check(job: &ScrapeConfig, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<(), String> {
    let over = |length: usize, limit: u64| limit > 0 && length as u64 > limit;
    if over(labels.len(), job.label_limit) {
        return Err(format!("label_limit exceeded: {} labels", labels.len()));
    }
    for (name, value) in labels {
        if over(name.len(), job.label_name_length_limit) {
            return Err(format!("label_name_length_limit exceeded by {name}"));
        }
        if over(value.len(), job.label_value_length_limit) {
            return Err(format!("label_value_length_limit exceeded by the value of {name}"));
        }
    }
    Ok(())
}

/// Labels of a sample and its target: who wins is the job's `honor_labels`; the other's is kept as
/// `exported_NAME` if the target wins.
fn joined(job: &ScrapeConfig, target: &Labels, own: &[(Cow<'_, str>, Cow<'_, str>)]) -> Labels {
    let clashes = |name: &str| target.get(name).is_some();
    if job.honor_labels {
        let told = |name: &str| own.iter().any(|(own, _)| own == name);
        let pairs = own.iter().filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| (name.as_ref(), value.as_ref()));
        return Labels::from_pairs(pairs.chain(target.iter().filter(|(name, _)| !told(name))));
    }
    if !own.iter().any(|(name, _)| clashes(name)) {
        // The usual case copies each text once.
        let mut builder = LabelsBuilder::default();
        for (name, value) in own.iter().filter(|(_, value)| !value.is_empty()) {
            builder.push(name, value);
        }
        for (name, value) in target.iter() {
            builder.push(name, value);
        }
        return builder.build();
    }
    let mut pairs: Vec<(String, String)> = Vec::with_capacity(own.len() + target.len());
    for (name, value) in own.iter().filter(|(_, value)| !value.is_empty()) {
        let mut name = name.clone().into_owned();
        while clashes(&name) {
            name.insert_str(0, "exported_");
        }
        pairs.push((name, value.clone().into_owned()));
    }
    let target = target.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Labels::from_pairs(pairs.into_iter().chain(target))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_config::monitoring;
    use bongsu_model::Source;
    use bongsu_promql::is_stale;

    use super::*;

    fn job(text: &str) -> ScrapeConfig {
        let text = format!("scrape_configs:\n- {text}");
        let source = Source { name: "x".to_owned(), text };
        monitoring::load(&Arc::new(source)).unwrap().0.scrape_configs.remove(0)
    }

    fn told<'a>(name: &'a str, pairs: &[(&'a str, &'a str)], value: f64) -> Exposed<'a> {
        let name = [("__name__", name)];
        let labels = name.iter().chain(pairs).map(|(n, v)| ((*n).into(), (*v).into()));
        Exposed { labels: labels.collect(), value, time: None }
    }

    fn shown(batch: &Batch) -> Vec<String> {
        let own = batch
            .samples
            .iter()
            .filter(|kept| !kept.labels.value("__name__").starts_with("scrape_"));
        own.map(|kept| {
            let labels: Vec<String> =
                kept.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let value =
                if is_stale(kept.value) { "stale".to_owned() } else { kept.value.to_string() };
            format!("{} {value} @{}", labels.join(","), kept.time)
        })
        .collect()
    }

    #[test]
    fn a_series_ends_when_it_is_no_longer_told() {
        let (job, target) =
            (job("{job_name: j}"), Labels::from_pairs([("instance", "i"), ("job", "j")]));
        let mut memory = Memory::default();
        let took = Duration::from_millis(5);
        let first =
            vec![told("a", &[("x", "1"), ("empty", "")], 1.0), told("b", &[("job", "own")], 2.0)];
        let made = batch(&job, &target, &mut memory, 1000, took, Ok(first));
        assert_eq!(
            shown(&made),
            [
                "__name__=a,instance=i,job=j,x=1 1 @1000",
                "__name__=b,exported_job=own,instance=i,job=j 2 @1000",
                "__name__=up,instance=i,job=j 1 @1000"
            ]
        );
        let made =
            batch(&job, &target, &mut memory, 2000, took, Ok(vec![told("a", &[("x", "1")], 3.0)]));
        assert_eq!(
            shown(&made),
            [
                "__name__=a,instance=i,job=j,x=1 3 @2000",
                "__name__=b,exported_job=own,instance=i,job=j stale @2000",
                "__name__=up,instance=i,job=j 1 @2000"
            ]
        );
        let made = batch(&job, &target, &mut memory, 3000, took, Err("refused".to_owned()));
        assert_eq!(
            shown(&made),
            ["__name__=a,instance=i,job=j,x=1 stale @3000", "__name__=up,instance=i,job=j 0 @3000"]
        );
        assert_eq!(made.problem.as_deref(), Some("refused"));
        assert_eq!(farewell(&target, &mut memory, 4000).len(), 5);
        assert!(farewell(&target, &mut memory, 4000).is_empty());
    }

    #[test]
    fn the_job_decides_about_labels_and_times() {
        let target = Labels::from_pairs([("instance", "i"), ("job", "j")]);
        let sample = || {
            let mut sample = told("a", &[("job", "own"), ("instance", "")], 1.0);
            sample.time = Some(77);
            vec![sample]
        };
        let run = |text: &str| {
            let mut memory = Memory::default();
            let made = batch(&job(text), &target, &mut memory, 1000, Duration::ZERO, Ok(sample()));
            (shown(&made).remove(0), made.problem)
        };
        assert_eq!(run("{job_name: j, honor_labels: true}").0, "__name__=a,job=own 1 @77");
        assert_eq!(
            run("{job_name: j, honor_timestamps: false}").0,
            "__name__=a,exported_job=own,instance=i,job=j 1 @1000"
        );
        assert_eq!(
            run("{job_name: j, metric_relabel_configs: [{source_labels: [__name__], regex: a, action: drop}]}").0,
            "__name__=up,instance=i,job=j 1 @1000"
        );
        for limit in ["label_limit: 1", "label_name_length_limit: 3", "label_value_length_limit: 2"]
        {
            let (first, problem) = run(&format!("{{job_name: j, {limit}}}"));
            assert_eq!(first, "__name__=up,instance=i,job=j 0 @1000", "{limit}");
            assert!(problem.unwrap().contains("limit"), "{limit}");
        }
    }

    #[test]
    fn too_many_samples_are_none() {
        let target = Labels::from_pairs([("instance", "i"), ("job", "j")]);
        let many = vec![told("a", &[], 1.0), told("b", &[], 1.0)];
        let mut memory = Memory::default();
        let job = job("{job_name: j, sample_limit: 1}");
        let made = batch(&job, &target, &mut memory, 1, Duration::ZERO, Ok(many));
        assert_eq!(shown(&made), ["__name__=up,instance=i,job=j 0 @1"]);
    }
}
