//! One target: its labels, its address, when it is due.
//!
//! Semantics: Prometheus 3.5 `scrape/target.go`.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_config::monitoring::ScrapeConfig;
use bongsu_config::relabel::relabel;
use bongsu_model::Labels;
use url::Url;

/// Something that is asked for its samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// What its samples get, `job` and `instance` among them.
    pub(crate) labels: Labels,
    /// Where it is asked.
    pub(crate) url: Url,
    /// How often.
    pub(crate) interval: Duration,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

impl Target {
    /// The target at `address` of a job; `found` are the labels of its discovery. `None` if it is
    /// dropped by relabelling.
    pub(crate) fn new(
        job: &ScrapeConfig,
        address: &str,
        found: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, String> {
        let labels = relabel(&discovered(job, address, found), &job.relabel_configs);
        let Some(labels) = labels else { return Ok(None) };
        let address = labels.value("__address__");
        if address.is_empty() {
            return Err("no address".to_owned());
        }
        let interval = length(&labels, "__scrape_interval__", job.scrape_interval)?;
        let timeout = length(&labels, "__scrape_timeout__", job.scrape_timeout)?;
        if timeout > interval {
            return Err("scrape timeout cannot be greater than scrape interval".to_owned());
        }
        let url = url(&labels, job)?;
        let instance = labels.get("instance").unwrap_or(address);
        let kept = labels.iter().filter(|(name, _)| !name.starts_with("__"));
        let labels = Labels::from_pairs(kept.chain([("instance", instance)]));
        Ok(Some(Self { labels, url, interval, timeout }))
    }

    /// When within its interval it is asked: by its identity, so that targets spread and keep their
    /// place over restarts. Milliseconds.
    pub(crate) fn phase(&self) -> i64 {
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let hash = self.labels.hash64().0 ^ xxh(self.url.as_str());
        i64::try_from(hash % interval.unsigned_abs()).unwrap_or_default()
    }

    /// The next instant it is due after `now`, both in milliseconds.
    pub(crate) fn next(&self, now: i64) -> i64 {
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let since = (now - self.phase()).rem_euclid(interval);
        now - since + interval
    }
}

fn xxh(text: &str) -> u64 {
    Labels::from_pairs([("url", text)]).hash64().0
}

fn discovered(job: &ScrapeConfig, address: &str, found: &BTreeMap<String, String>) -> Labels {
    let print = |length: Duration| bongsu_lang::duration::print(length);
    let mut labels: BTreeMap<String, String> = BTreeMap::from([
        ("job".to_owned(), job.job_name.clone()),
        ("__scheme__".to_owned(), job.scheme.clone()),
        ("__metrics_path__".to_owned(), job.metrics_path.clone()),
        ("__scrape_interval__".to_owned(), print(job.scrape_interval)),
        ("__scrape_timeout__".to_owned(), print(job.scrape_timeout)),
    ]);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            labels.insert(format!("__param_{name}"), first.clone());
        }
    }
    labels.extend(found.iter().map(|(name, value)| (name.clone(), value.clone())));
    labels.insert("__address__".to_owned(), address.to_owned());
    labels.retain(|_, value| !value.is_empty());
    Labels::from_pairs(labels)
}

fn length(labels: &Labels, name: &str, default: Duration) -> Result<Duration, String> {
    let Some(text) = labels.get(name) else { return Ok(default) };
    let parsed = bongsu_lang::duration::parse(text).map_err(|error| format!("{name}: {error}"))?;
    if parsed.is_zero() { Err(format!("{name} cannot be zero")) } else { Ok(parsed) }
}

fn url(labels: &Labels, job: &ScrapeConfig) -> Result<Url, String> {
    let (scheme, address) = (labels.value("__scheme__"), labels.value("__address__"));
    if !matches!(scheme, "http" | "https") {
        return Err(format!("unknown scheme {scheme:?}"));
    }
    if address.contains(['/', '?', '#', '@']) {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let path = labels.value("__metrics_path__");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let text = format!("{scheme}://{address}{slash}{path}");
    let mut url = Url::parse(&text).map_err(|error| format!("{text}: {error}"))?;
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, values) in &job.params {
        pairs.extend(values.iter().skip(1).map(|value| (name.as_str(), value.as_str())));
    }
    let own =
        labels.iter().filter_map(|(name, value)| Some((name.strip_prefix("__param_")?, value)));
    pairs.extend(own);
    if !pairs.is_empty() {
        pairs.sort_by_key(|(name, _)| *name);
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_config::monitoring;
    use bongsu_model::Source;

    use super::*;

    fn job(text: &str) -> ScrapeConfig {
        let text = format!("scrape_configs:\n- {text}");
        let source = Source { name: "x".to_owned(), text };
        monitoring::load(&Arc::new(source)).unwrap().0.scrape_configs.remove(0)
    }

    fn target(job: &ScrapeConfig, found: &[(&str, &str)]) -> String {
        let found = found.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        match Target::new(job, "host:9100", &found) {
            Ok(Some(target)) => {
                let labels: Vec<String> =
                    target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {} {:?}", labels.join(","), target.url, target.interval)
            }
            Ok(None) => "dropped".to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn labels_and_addresses() {
        let env = [("env", "prod"), ("__meta_pod", "p")];
        for (text, expected) in [
            (
                "{job_name: node}",
                "env=prod,instance=host:9100,job=node http://host:9100/metrics 60s",
            ),
            (
                "{job_name: a, scheme: https, metrics_path: /m, params: {module: [x, y], z: ['1']}, scrape_interval: 5s}",
                "env=prod,instance=host:9100,job=a https://host:9100/m?module=y&module=x&z=1 5s",
            ),
            (
                "{job_name: a, relabel_configs: [{source_labels: [__meta_pod], target_label: pod}, \
                 {target_label: __address__, replacement: 'other:1'}, {target_label: instance, replacement: i}, \
                 {target_label: __param_t, replacement: v}, {target_label: __scrape_interval__, replacement: 90s}]}",
                "env=prod,instance=i,job=a,pod=p http://other:1/metrics?t=v 90s",
            ),
            (
                "{job_name: a, relabel_configs: [{source_labels: [env], regex: dev, action: keep}]}",
                "dropped",
            ),
            (
                "{job_name: a, relabel_configs: [{target_label: __scrape_interval__, replacement: 1s}]}",
                "error: scrape timeout cannot be greater than scrape interval",
            ),
            (
                "{job_name: a, relabel_configs: [{target_label: __address__, replacement: 'h/x'}]}",
                "error: \"h/x\" is not a valid hostname",
            ),
        ] {
            assert_eq!(target(&job(text), &env), expected, "{text}");
        }
    }

    #[test]
    fn due_at_its_phase() {
        let target = Target::new(&job("{job_name: a}"), "b:1", &BTreeMap::new()).unwrap().unwrap();
        let first = target.next(1_750_000_000_123);
        assert!(first > 1_750_000_000_123 && first <= 1_750_000_060_123);
        assert_eq!(target.next(first), first + 60_000);
        assert_eq!(target.next(first - 1), first);
        assert_eq!(first.rem_euclid(60_000), target.phase());
    }
}
