//! Stage 3, before rules are evaluated: objects with rules come from a cluster.
//!
//! In: lists and watches of the API server. Out: other rules, as with a reload: what their labels stay
//! the same for keeps its state. As long as not all objects are known nothing is changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::monitoring::KubernetesRules;
use bongsu_provider::kubernetes::{Follower, Metadata, Object, Resource, Scope, Standing};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::engine::Shared;
use crate::rule_objects::PrometheusRule;
use crate::scrape::cluster::{connect, scopes};
use crate::transport::Transport;

/// Changes within this time are taken together.
const TOGETHER: Duration = Duration::from_millis(200);

/// A namespace; its labels are looked at by the API server.
#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

impl Object for Namespace {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// Objects that are followed.
struct RuleWatch {
    settings: KubernetesRules,
    rules: Vec<Follower<PrometheusRule>>,
    namespaces: Option<Follower<Namespace>>,
}

impl RuleWatch {
    fn start(
        settings: KubernetesRules,
        transport: &Arc<dyn Transport>,
        changed: &Arc<Notify>,
    ) -> Self {
        let connect = connect(settings.access(), Arc::clone(transport));
        let resource =
            |api, kind, scope, labels| Resource { api, kind, scope, labels, fields: String::new() };
        let rules = scopes(&settings.namespaces).into_iter().map(|scope| {
            let api = "/apis/monitoring.coreos.com/v1";
            let labels = settings.rule_selector.to_string();
            let rules = resource(api, "prometheusrules", scope, labels);
            Follower::start(rules, Arc::clone(&connect), Arc::clone(changed))
        });
        let rules = rules.collect();
        let labels = settings.rule_namespace_selector.to_string();
        let namespaces = (!labels.is_empty()).then(|| {
            let namespaces = resource("/api/v1", "namespaces", Scope::All, labels);
            Follower::start(namespaces, Arc::clone(&connect), Arc::clone(changed))
        });
        Self { settings, rules, namespaces }
    }

    fn standings(&self) -> Vec<Standing> {
        let rules = self.rules.iter().map(Follower::standing);
        rules.chain(self.namespaces.iter().map(Follower::standing)).collect()
    }

    /// The objects that are wanted.
    fn objects(&self) -> BTreeMap<String, Arc<PrometheusRule>> {
        let mut objects = BTreeMap::new();
        for rules in &self.rules {
            objects.append(&mut rules.objects());
        }
        if let Some(namespaces) = &self.namespaces {
            let namespaces = namespaces.objects();
            objects.retain(|_, object| namespaces.contains_key(&object.metadata().namespace));
        }
        objects
    }
}

impl Shared {
    /// Follows the objects the configuration wants until the engine closes.
    pub(crate) async fn follow_rule_objects(self: Arc<Self>) {
        let mut watch: Option<RuleWatch> = None;
        loop {
            let wanted = self.core.lock().loaded.monitoring().kubernetes_rules.clone();
            if watch.as_ref().map(|watch| &watch.settings) != wanted.as_ref() {
                watch = wanted.map(|settings| {
                    RuleWatch::start(settings, &self.transport, &self.rule_objects_changed)
                });
            }
            if let Some(watch) = &watch {
                self.look_at_rule_objects(watch).await;
            }
            tokio::select! {
                () = self.rule_objects_changed.notified() => {}
                () = self.closing.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(TOGETHER) => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    async fn look_at_rule_objects(self: &Arc<Self>, watch: &RuleWatch) {
        let standings = watch.standings();
        let whole = standings.iter().all(|standing| standing.synced);
        self.rule_objects.lock().stand(standings.into_iter().find_map(|standing| standing.problem));
        if !whole {
            return;
        }
        let objects = watch.objects();
        let shared = Arc::clone(self);
        // Reading many rules takes its time.
        let done = spawn_blocking(move || {
            let mut known = shared.rule_objects.lock();
            let taken = known.take(&objects);
            // Before the state of their rules.
            shared.keep_rule_objects(taken.rows);
            if taken.changed {
                shared.renew_rules(&known);
            }
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "rules of the cluster were not taken");
        }
    }
}
