//! Stage 3, beside rules: says that the store of series is full.
//!
//! In: samples that were refused for want of room. Out: an alert, taken as a posted one, that goes on
//! as long as samples are refused. It is not left to a rule: a store that is full before it knows the
//! server's own series would have none of them to judge. Its labels are those of the rule that ships.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use bongsu_rules::engine::SentAlert;

use super::ingest::Incoming;
use super::rules::post;
use super::scrape::OWN_JOB;
use crate::engine::Shared;

/// How often it is said again while samples are refused.
const AGAIN: Duration = Duration::from_secs(60);
/// How long it goes on after the last time.
const LASTS: Duration = Duration::from_secs(300);

impl Shared {
    /// Tells of refusals until the engine closes.
    pub(crate) async fn tell_of_full_store_forever(self: Arc<Self>) {
        // Since when the store has been full, and until when that was said.
        let mut said: Option<(Timestamp, Timestamp)> = None;
        loop {
            tokio::select! {
                () = self.series.full.notified() => {}
                () = self.closing.cancelled() => return,
            }
            let now = self.clock.now();
            let since = said.filter(|(_, until)| now < *until).map_or(now, |(since, _)| since);
            let until = now.checked_add(LASTS).unwrap_or(Timestamp::MAX);
            said = Some((since, until));
            self.tell_of_full_store(since, until);
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    fn tell_of_full_store(self: &Arc<Self>, since: Timestamp, until: Timestamp) {
        let instance = self.own_instance();
        let mut core = self.core.lock();
        let monitoring = core.loaded.monitoring();
        let own = [
            ("alertname", "BongsuSeriesStoreFull"),
            ("severity", "critical"),
            ("job", OWN_JOB),
            ("instance", &instance),
        ];
        let external = monitoring.global.external_labels.iter();
        let external = external.map(|(name, value)| (name.as_str(), value.as_str()));
        let summary = format!("The series store of Bongsu {instance} is full");
        let description = "Samples of new series are refused (429): their number or memory has \
                           reached the limit of `series:` in bongsu.yaml. Rules do not see them.";
        let alert = SentAlert {
            labels: Labels::from_pairs(external.chain(own)),
            annotations: Labels::from_pairs([
                ("summary", summary.as_str()),
                ("description", description),
                ("runbook_url", "/runbooks/bongsu/BongsuSeriesStoreFull"),
            ]),
            starts_at: since,
            ends_at: until,
            generator_url: String::new(),
            resolved: false,
        };
        let posted = vec![post(alert, &core.loaded.external_url)];
        match self.take(&mut core, Incoming::Posted(posted, None), Vec::new()) {
            Ok((durable, _)) => self.watch(durable),
            // Samples go on being refused, and then it is said again.
            Err(error) => tracing::error!(%error, "nobody was told that the series are full"),
        }
    }
}
