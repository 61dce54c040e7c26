//! A loaded configuration in the shape the pipeline works with.
//!
//! In: a validated `alertmanager.yml`, its templates, the settings of the process. Out: the plan of
//! the routing engine and the targets of every receiver.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bongsu_alert::{DedupRule, Enricher};
use bongsu_config::alertmanager::{Config, Integration};
use bongsu_config::monitoring::Monitoring;
use bongsu_lang::gotmpl::{Context, TemplateSet};
use bongsu_model::{Alert, FlushedAlert, GroupKey, Labels};
use bongsu_notify::NotificationKey;
use bongsu_notify::data::{Kv, NotificationData, NotificationInput};
use bongsu_route::{Plan, Route};
use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::api::ReceiverView;
use crate::intake::Intake;
use crate::rules::RuleBook;
use crate::scripts::Scripts;
use crate::trace::Tracer;
use crate::workflows::Provisioned;

/// One integration of one receiver.
pub(crate) struct Target {
    /// `receiver/integration[index]`, for logs, metrics and errors.
    pub(crate) name: Arc<str>,
    pub(crate) receiver: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) index: usize,
    pub(crate) integration: Integration,
    /// Bounds the messages on their way at once.
    pub(crate) permits: Semaphore,
}

/// Messages on their way to one integration at once; the others wait their turn.
const CONCURRENT: usize = 64;

impl Target {
    /// Where the notification log remembers what it was told about a group.
    pub(crate) fn log_key(&self, group: &GroupKey) -> NotificationKey {
        NotificationKey {
            group: group.clone(),
            receiver: Arc::clone(&self.receiver),
            integration: Arc::clone(&self.kind),
            index: self.index,
        }
    }
}

/// Everything one configuration means.
pub struct Loaded {
    config: Config,
    pub(crate) templates: TemplateSet,
    receivers: HashMap<Arc<str>, Arc<[Arc<Target>]>>,
    views: Vec<ReceiverView>,
    /// The configuration as the status endpoint shows it.
    pub(crate) effective: Arc<str>,
    pub(crate) external_url: Arc<str>,
    pub(crate) resolve_timeout: Duration,
    pub(crate) retention: Duration,
    /// Alerts dropped by the limit per name.
    pub(crate) limited: AtomicU64,
    tracer: Option<Tracer>,
    /// Replaced when values of secrets change.
    intake: RwLock<Arc<Intake>>,
    dedup: Vec<DedupRule>,
    enricher: Arc<Enricher>,
    scripts: Arc<Scripts>,
    workflows: Provisioned,
    monitoring: Arc<Monitoring>,
    rules: RuleBook,
}

impl Loaded {
    /// Takes a validated configuration with its parsed templates.
    pub fn new(
        config: Config,
        templates: TemplateSet,
        external_url: &str,
        retention: Duration,
    ) -> Self {
        let mut receivers = HashMap::new();
        let mut views = Vec::new();
        for receiver in &config.receivers {
            let name: Arc<str> = receiver.name.as_str().into();
            let targets: Arc<[Arc<Target>]> = receiver
                .integrations
                .iter()
                .map(|entry| {
                    let kind = entry.integration.kind();
                    Arc::new(Target {
                        name: format!("{name}/{kind}[{}]", entry.index).into(),
                        receiver: Arc::clone(&name),
                        kind: kind.into(),
                        index: entry.index,
                        integration: entry.integration.clone(),
                        permits: Semaphore::new(CONCURRENT),
                    })
                })
                .collect();
            receivers.insert(Arc::clone(&name), targets);
            views.push(ReceiverView { name, labels: receiver.labels.clone() });
        }
        Self {
            effective: bongsu_config::alertmanager::effective_yaml(&config).into(),
            resolve_timeout: config.global.resolve_timeout,
            external_url: external_url.into(),
            config,
            templates,
            receivers,
            views,
            retention,
            limited: AtomicU64::new(0),
            tracer: None,
            intake: RwLock::default(),
            dedup: Vec::new(),
            enricher: Arc::default(),
            workflows: Provisioned::default(),
            scripts: Arc::default(),
            monitoring: Arc::default(),
            rules: RuleBook::default(),
        }
    }

    /// The same with rules.
    #[must_use]
    pub fn judging(mut self, rules: RuleBook) -> Self {
        self.rules = rules;
        self
    }

    pub(crate) fn rules(&self) -> &RuleBook {
        &self.rules
    }

    /// The same with what is measured.
    #[must_use]
    pub fn monitoring_by(mut self, monitoring: Monitoring) -> Self {
        self.monitoring = Arc::new(monitoring);
        self
    }

    pub(crate) fn monitoring(&self) -> Arc<Monitoring> {
        Arc::clone(&self.monitoring)
    }

    /// The same with scripts, if they are enabled.
    #[must_use]
    pub fn scripting(mut self, scripts: Scripts) -> Self {
        self.scripts = Arc::new(scripts);
        self
    }

    pub(crate) fn scripts(&self) -> &Arc<Scripts> {
        &self.scripts
    }

    /// The same with providers that may send.
    #[must_use]
    pub fn receiving(self, intake: Intake) -> Self {
        *self.intake.write() = Arc::new(intake);
        self
    }

    /// The same with rules of deduplication.
    #[must_use]
    pub fn deduplicating(mut self, rules: Vec<DedupRule>) -> Self {
        self.dedup = rules;
        self
    }

    /// The same with rules of enrichment, the topology and maintenance windows.
    #[must_use]
    pub fn enriching(mut self, enricher: Enricher) -> Self {
        self.enricher = Arc::new(enricher);
        self
    }

    /// The same with workflows of files.
    #[must_use]
    pub fn running(mut self, workflows: Provisioned) -> Self {
        self.workflows = workflows;
        self
    }

    pub(crate) fn workflows(&self) -> &Provisioned {
        &self.workflows
    }

    pub(crate) fn enricher(&self) -> &Arc<Enricher> {
        &self.enricher
    }

    pub(crate) fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake.read())
    }

    /// Takes the same providers with other values of their secrets; false if they are not the same.
    pub(crate) fn renew(&self, intake: Intake) -> bool {
        let mut current = self.intake.write();
        let same = current.yields_to(&intake);
        if same {
            *current = Arc::new(intake);
        }
        same
    }

    pub(crate) fn dedup(&self) -> &[DedupRule] {
        &self.dedup
    }

    /// The same with a tracer: what happens under this configuration is traced.
    #[must_use]
    pub fn traced(mut self, tracer: Option<Tracer>) -> Self {
        self.tracer = tracer;
        self
    }

    pub(crate) fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_ref()
    }

    /// A fresh routing plan.
    pub(crate) fn plan(&self) -> Plan {
        Plan::from(&self.config)
    }

    /// Integrations of a receiver, in the order they are told.
    pub(crate) fn targets(&self, receiver: &str) -> Arc<[Arc<Target>]> {
        self.receivers.get(receiver).map_or_else(|| Arc::from([]), Arc::clone)
    }

    /// Kinds of integrations in use.
    pub(crate) fn kinds(&self) -> BTreeSet<&'static str> {
        self.receivers.values().flat_map(|t| t.iter()).map(|t| t.integration.kind()).collect()
    }

    pub(crate) fn receiver_views(&self) -> Vec<ReceiverView> {
        self.views.clone()
    }

    pub(crate) fn receiver_labels(&self, name: &str) -> Option<&Labels> {
        self.views.iter().find(|view| &*view.name == name).map(|view| &view.labels)
    }

    pub(crate) fn inhibition_rules(&self) -> usize {
        self.config.inhibit_rules.len()
    }

    pub(crate) fn integration_count(&self) -> usize {
        self.receivers.values().map(|targets| targets.len()).sum()
    }

    /// Renders a route's labels against a group; a value that does not render is shown as written.
    pub(crate) fn render_route_labels(
        &self,
        route: &Route,
        group_labels: &Labels,
        alerts: &[&Arc<Alert>],
        now: Timestamp,
    ) -> Labels {
        if route.labels.is_empty() {
            return Labels::default();
        }
        let flushed: Vec<FlushedAlert> = alerts
            .iter()
            .map(|alert| FlushedAlert { alert: Arc::clone(alert), status: alert.status_at(now) })
            .collect();
        self.render_labels(&route.labels, &route.receiver, group_labels, &flushed, now)
    }

    /// The same for the alerts of a flush.
    pub(crate) fn render_labels(
        &self,
        labels: &Labels,
        receiver: &str,
        group_labels: &Labels,
        alerts: &[FlushedAlert],
        now: Timestamp,
    ) -> Labels {
        if labels.is_empty() {
            return Labels::default();
        }
        let data = Arc::new(NotificationData::new(NotificationInput {
            receiver,
            group_labels,
            // One label may refer to another.
            route_labels: &Kv::templates(labels.clone()),
            alerts,
            external_url: &self.external_url,
            reason: "",
        }));
        let value = data.to_value();
        let context = Context::at(now);
        let rendered: Vec<(&str, String)> = labels
            .iter()
            .map(|(name, text)| {
                let shown = self.templates.render_text(text, &value, &context);
                (name, shown.unwrap_or_else(|_| text.to_owned()))
            })
            .collect();
        Labels::from_pairs(rendered)
    }
}
