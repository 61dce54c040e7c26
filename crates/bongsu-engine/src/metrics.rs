//! What the pipeline counts, in the Prometheus text format under Alertmanager's names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bongsu_notify::NotifyError;
use parking_lot::Mutex;

use crate::api::Receipt;
use crate::configuration::Target;
use crate::workflows::RunCounts;

const LATENCY_BUCKETS: [f64; 6] = [1.0, 5.0, 10.0, 15.0, 20.0, f64::INFINITY];

/// Counters of one integration type.
#[derive(Default)]
struct PerIntegration {
    notifications: u64,
    failed: BTreeMap<&'static str, u64>,
    requests: u64,
    requests_failed: u64,
    latency_buckets: [u64; 6],
    latency_sum: f64,
}

/// Counters of what one provider sent.
#[derive(Default)]
struct PerProvider {
    payloads: u64,
    problems: u64,
    alerts: u64,
    duplicates: u64,
    unmapped: u64,
}

/// How often something ran and how long in all.
#[derive(Default)]
pub(crate) struct Timing {
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Timing {
    pub(crate) fn add(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn write(&self, page: &mut Page<'_>, name: &str, help: &str) {
        page.family(name, "summary", help);
        page.sample(&format!("{name}_sum"), "", self.nanos.load(Ordering::Relaxed) as f64 / 1e9);
        page.sample(&format!("{name}_count"), "", self.count());
    }
}

/// Counters since the process started.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Removals of expired silences.
    pub(crate) silence_gc: Timing,
    /// Removals of expired notification log entries.
    pub(crate) log_gc: Timing,
    /// Checkpoints, the counterpart of Alertmanager's snapshots.
    pub(crate) checkpoints: Timing,
    pub(crate) failed_checkpoints: AtomicU64,
    /// Times that values of secrets had changed.
    pub(crate) secret_changes: AtomicU64,
    /// Lists of silences.
    pub(crate) silence_queries: Timing,
    /// Batches combined, routed and grouped.
    pub(crate) dispatch: Timing,
    /// Runs of workflows that ended.
    pub(crate) runs: Mutex<RunCounts>,
    received_firing: AtomicU64,
    received_resolved: AtomicU64,
    invalid: AtomicU64,
    integrations: Mutex<BTreeMap<String, PerIntegration>>,
    intake: Mutex<BTreeMap<Box<str>, PerProvider>>,
}

impl Metrics {
    pub(crate) fn received(&self, resolved: bool) {
        let counter = if resolved { &self.received_resolved } else { &self.received_firing };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received_payload(&self, provider: &str, receipt: &Receipt) {
        let mut intake = self.intake.lock();
        let counters = intake.entry(provider.into()).or_default();
        counters.payloads += 1;
        counters.problems += u64::from(receipt.problem.is_some());
        counters.alerts += receipt.alerts as u64;
        counters.duplicates += receipt.duplicates as u64;
        counters.unmapped += receipt.unmapped.len() as u64;
    }

    pub(crate) fn invalid(&self, alerts: usize) {
        if alerts > 0 {
            self.invalid.fetch_add(alerts as u64, Ordering::Relaxed);
        }
    }

    /// An integration type exists; its counters are shown from the start.
    pub(crate) fn announce(&self, kind: &str) {
        self.integrations.lock().entry(kind.to_owned()).or_default();
    }

    pub(crate) fn attempted(&self, target: &Target, took: Duration, ok: bool) {
        let mut integrations = self.integrations.lock();
        let counters = integrations.entry(target.integration.kind().to_owned()).or_default();
        counters.requests += 1;
        counters.requests_failed += u64::from(!ok);
        let seconds = took.as_secs_f64();
        counters.latency_sum += seconds;
        for (bucket, bound) in counters.latency_buckets.iter_mut().zip(LATENCY_BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    pub(crate) fn delivered(&self, target: &Target, error: Option<&NotifyError>) {
        let mut integrations = self.integrations.lock();
        let counters = integrations.entry(target.integration.kind().to_owned()).or_default();
        counters.notifications += 1;
        if let Some(error) = error {
            *counters.failed.entry(error.reason.as_str()).or_default() += 1;
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        let mut page = Page(out);
        page.family("alertmanager_alerts_received_total", "counter", "Alerts received.");
        for (status, counter) in
            [("firing", &self.received_firing), ("resolved", &self.received_resolved)]
        {
            let labels = format!("status=\"{status}\",version=\"v2\"");
            page.sample(
                "alertmanager_alerts_received_total",
                &labels,
                counter.load(Ordering::Relaxed),
            );
        }
        page.family("alertmanager_alerts_invalid_total", "counter", "Alerts refused as invalid.");
        page.sample(
            "alertmanager_alerts_invalid_total",
            "version=\"v2\"",
            self.invalid.load(Ordering::Relaxed),
        );
        self.write_intake(&mut page);
        self.write_upkeep(&mut page);
        self.runs.lock().write(&mut page);
        let integrations = self.integrations.lock();
        write_notifications(&mut page, &integrations);
    }
}

impl Metrics {
    fn write_intake(&self, page: &mut Page<'_>) {
        type Counter = (&'static str, &'static str, fn(&PerProvider) -> u64);
        const COUNTERS: [Counter; 5] = [
            ("payloads", "Payloads kept.", |c| c.payloads),
            ("problems", "Payloads that could not be mapped.", |c| c.problems),
            ("alerts", "Alerts in payloads.", |c| c.alerts),
            ("duplicates", "Alerts that said nothing new.", |c| c.duplicates),
            ("unmapped", "Values that name no severity or state.", |c| c.unmapped),
        ];
        let intake = self.intake.lock();
        for (what, help, count) in COUNTERS {
            let name = format!("bongsu_intake_{what}_total");
            page.family(&name, "counter", help);
            for (provider, counters) in &*intake {
                page.sample(&name, &format!("provider=\"{provider}\""), count(counters));
            }
        }
    }

    fn write_upkeep(&self, page: &mut Page<'_>) {
        let name = "alertmanager_dispatcher_alert_processing_duration_seconds";
        self.dispatch.write(page, name, "Batches combined, routed and grouped.");
        let name = "alertmanager_silences_gc_duration_seconds";
        self.silence_gc.write(page, name, "Removals of expired silences.");
        let name = "alertmanager_nflog_gc_duration_seconds";
        self.log_gc.write(page, name, "Removals of expired notification log entries.");
        let name = "alertmanager_silences_query_duration_seconds";
        self.silence_queries.write(page, name, "Lists of silences.");
        let name = "alertmanager_silences_queries_total";
        page.single(name, "counter", "Lists of silences.", self.silence_queries.count());
        // Counters of what cannot happen here: lists come from memory and cannot fail, nothing is
        // gossiped and groups have no limit.
        let name = "alertmanager_silences_query_errors_total";
        page.single(name, "counter", "Lists of silences that failed.", 0);
        let name = "alertmanager_dispatcher_aggregation_group_limit_reached_total";
        page.single(name, "counter", "Groups refused by a limit; there is none.", 0);
        let failed = self.failed_checkpoints.load(Ordering::Relaxed);
        for part in ["silences", "nflog"] {
            let name = format!("alertmanager_{part}_snapshot_duration_seconds");
            self.checkpoints.write(page, &name, "Checkpoints of the store, shared by all state.");
            let name = format!("alertmanager_{part}_maintenance_total");
            page.single(&name, "counter", "Checkpoints of the store.", self.checkpoints.count());
            let name = format!("alertmanager_{part}_maintenance_errors_total");
            page.single(&name, "counter", "Checkpoints of the store that failed.", failed);
            let name = format!("alertmanager_{part}_gossip_messages_propagated_total");
            page.single(&name, "counter", "Messages of peers passed on.", 0);
        }
    }
}

fn write_notifications(page: &mut Page<'_>, integrations: &BTreeMap<String, PerIntegration>) {
    let name = "alertmanager_notifications_total";
    page.family(name, "counter", "Notifications attempted.");
    for (kind, counters) in integrations {
        page.sample(name, &format!("integration=\"{kind}\""), counters.notifications);
    }
    let name = "alertmanager_notifications_failed_total";
    page.family(name, "counter", "Notifications given up, by reason.");
    const REASONS: [&str; 7] = [
        "authError",
        "clientError",
        "contextCanceled",
        "contextDeadlineExceeded",
        "other",
        "rateLimited",
        "serverError",
    ];
    for (kind, counters) in integrations {
        for reason in REASONS {
            let count = counters.failed.get(reason).copied().unwrap_or(0);
            page.sample(name, &format!("integration=\"{kind}\",reason=\"{reason}\""), count);
        }
    }
    let name = "alertmanager_notification_requests_total";
    page.family(name, "counter", "Attempts to notify.");
    for (kind, counters) in integrations {
        page.sample(name, &format!("integration=\"{kind}\""), counters.requests);
    }
    let name = "alertmanager_notification_requests_failed_total";
    page.family(name, "counter", "Attempts to notify that failed.");
    for (kind, counters) in integrations {
        page.sample(name, &format!("integration=\"{kind}\""), counters.requests_failed);
    }
    let name = "alertmanager_notification_latency_seconds";
    page.family(name, "histogram", "Duration of attempts to notify.");
    for (kind, counters) in integrations {
        for (bound, count) in LATENCY_BUCKETS.iter().zip(counters.latency_buckets) {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            page.sample(
                &format!("{name}_bucket"),
                &format!("integration=\"{kind}\",le=\"{bound}\""),
                count,
            );
        }
        page.sample(
            &format!("{name}_sum"),
            &format!("integration=\"{kind}\""),
            counters.latency_sum,
        );
        page.sample(
            &format!("{name}_count"),
            &format!("integration=\"{kind}\""),
            counters.requests,
        );
    }
}

/// A text as it stands between the quotes of a label's value.
pub(crate) fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A page of the text format under construction.
pub(crate) struct Page<'a>(pub(crate) &'a mut String);

impl Page<'_> {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample; `labels` is the text between the braces.
    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    /// A family with one sample.
    pub(crate) fn single(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        value: impl std::fmt::Display,
    ) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }
}
