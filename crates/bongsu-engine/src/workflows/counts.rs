//! What is counted of runs.
//!
//! In: runs that end. Out: counters and durations in the Prometheus text format, under Keep's names and
//! ours.

use std::collections::BTreeMap;

use bongsu_workflow::Status;

use super::status_word;
use crate::metrics::{Page, label};

/// Counts of runs that ended, by workflow and how.
#[derive(Default)]
pub(crate) struct RunCounts(BTreeMap<(String, &'static str, String), Ended>);

#[derive(Default)]
struct Ended {
    count: u64,
    seconds: f64,
    buckets: [u64; BUCKETS.len()],
}

const BUCKETS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, f64::INFINITY];
/// Workflows counted by name.
const MAX_COUNTED: usize = 5_000;

impl RunCounts {
    pub(crate) fn ended(&mut self, workflow: &str, status: Status, cause: &str, seconds: f64) {
        let mut key = (workflow.to_owned(), status_word(status), cause.to_owned());
        if self.0.len() >= MAX_COUNTED && !self.0.contains_key(&key) {
            key.0 = "other".to_owned();
        }
        let ended = self.0.entry(key).or_default();
        ended.count += 1;
        ended.seconds += seconds;
        for (bucket, bound) in ended.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    pub(crate) fn write(&self, page: &mut Page<'_>) {
        let labels = |(workflow, status, cause): &(String, &str, String)| {
            let workflow = label(workflow);
            format!("workflow_id=\"{workflow}\",status=\"{status}\",trigger_type=\"{cause}\"")
        };
        for name in ["keep_workflow_execution_total", "bongsu_workflow_runs_total"] {
            page.family(name, "counter", "Runs of workflows that ended.");
            for (key, ended) in &self.0 {
                page.sample(name, &labels(key), ended.count);
            }
        }
        let names =
            ["keep_workflow_execution_duration_seconds", "bongsu_workflow_run_duration_seconds"];
        for name in names {
            page.family(name, "histogram", "How long runs of workflows took.");
            for (key, ended) in &self.0 {
                let labels = labels(key);
                for (bound, count) in BUCKETS.iter().zip(ended.buckets) {
                    let bound =
                        if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                    let labels = format!("{labels},le=\"{bound}\"");
                    page.sample(&format!("{name}_bucket"), &labels, count);
                }
                page.sample(&format!("{name}_sum"), &labels, ended.seconds);
                page.sample(&format!("{name}_count"), &labels, ended.count);
            }
        }
    }
}
